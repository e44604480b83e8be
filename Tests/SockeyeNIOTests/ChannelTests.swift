// Holds what channels of networks do where NIO's own are no measure: what the stack has not got, pressure on the peer, and
// hosts with several addresses.

import NIOCore
import SockeyeNIO
import SockeyeSockets
import SockeyeSocketsTestSupport
import SockeyeStack
import SockeyeWire
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite("Channels of networks")
struct ChannelTests {
  @Test("options that the stack has not got are errors, and no traps")
  func unsupportedOptions() async throws {
    let pair = try Neighbours()
    let play = Play(NetworkStage(pair))
    let listening = try await play.listen(child: Part())
    let client = try await play.connect(Part(), to: listening.channel.localAddress).get()
    let datagrams = try await play.stage.datagrams(
      ofServer: true, connectedTo: nil, play.initializer("datagrams", Part())
    ).get()
    await unsupported(client, .backlog, 1)
    await unsupported(client, .socketOption(.so_timestamp), 1)
    await unsupported(client, .explicitCongestionNotification, true)
    await unsupported(client, .datagramVectorReadMessageCount, 2)
    await unsupported(listening.channel, .allowRemoteHalfClosure, true)
    await unsupported(listening.channel, .socketOption(.so_broadcast), 1)
    await unsupported(datagrams, .connectTimeout, .seconds(1))
    await unsupported(datagrams, .socketOption(.so_keepalive), 1)
    await #expect(throws: ChannelError.operationUnsupported) {
      _ = try await pair.patientClient.channelOption(.backlog, value: 1)
        .connect(to: try #require(listening.channel.localAddress)).get()
    }
    try await play.stage.end()
  }

  private func unsupported<Option: ChannelOption>(
    _ channel: any Channel, _ option: Option, _ value: Option.Value
  ) async {
    await #expect(throws: ChannelError.operationUnsupported) {
      try await channel.setOption(option, value: value).get()
    }
    await #expect(throws: ChannelError.operationUnsupported) { _ = try await channel.getOption(option).get() }
  }

  @Test("values that make no sense are errors")
  func senselessValues() async throws {
    let pair = try Neighbours()
    let play = Play(NetworkStage(pair))
    let listening = try await play.listen(child: Part())
    let client = try await play.connect(Part(), to: listening.channel.localAddress).get()
    await #expect(throws: IOError.self) {
      try await client.setOption(.tcpOption(.init(rawValue: TestOptions.keepAliveCount)), value: 0).get()
    }
    await #expect(throws: IOError.self) { try await client.setOption(.maxMessagesPerRead, value: 0).get() }
    try await play.stage.end()
  }

  @Test("what nobody reads stays in the stack, and the peer has to wait")
  func backPressure() async throws {
    let pair = try Neighbours()
    let play = Play(NetworkStage(pair))
    let total = 1 << 20
    let listening = try await play.listen(
      child: Part([.received(total): { $0.close() }]).withoutAutoRead().withoutReads(),
      server: .with(.socketOption(.so_rcvbuf), 64 << 10))
    let client = try await play.connect(
      .with(.socketOption(.so_sndbuf), 64 << 10).ignoringWritability(), to: listening.channel.localAddress
    ).get()
    var children = listening.children.makeAsyncIterator()
    let child = try #require(await children.next())
    let written = client.eventLoop.makePromise(of: Void.self)
    client.writeAndFlush(ByteBuffer(repeating: 1, count: total), promise: written)
    for _ in 0..<50 { try await play.settle() }
    // The stacks take what their buffers hold, and no more.
    let waiting = try await client.getOption(.bufferedWritableBytes).get()
    #expect(waiting >= total - (128 << 10) && waiting < total)
    #expect(!client.isWritable)
    try await child.setOption(.autoRead, value: true).get()
    try await written.futureResult.get()
    try await child.closeFuture.get()
    try await client.closeFuture.get()
    try await play.stage.end()
  }

  @Test("parts of a file arrive as they are, in their order among other writes")
  func fileRegions() async throws {
    let pair = try Neighbours()
    let text = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let file = try TestFile(text)
    let listener = try await pair.server.listen(port: 7)
    let received = Task { () -> [UInt8] in
      let connection = try #require(try await listener.accept())
      var all: [UInt8] = []
      while try await connection.read(into: &all) > 0 {}
      return all
    }
    let client = try await pair.patientClient.connect(host: "10.1.0.2", port: 7)
      .get()
    client.write(ByteBuffer(string: "begin"), promise: nil)
    client.write(IOData.fileRegion(file.region(1000..<900_000)), promise: nil)
    client.write(IOData.fileRegion(file.region(5..<5)), promise: nil)
    client.write(IOData.fileRegion(file.region(0..<3)), promise: nil)
    // The file is used no more when the last write is done.
    try await client.writeAndFlush(ByteBuffer(string: "end"))
    try file.close()
    try await client.close()
    let expected = Array("begin".utf8) + text[1000..<900_000] + text[0..<3] + Array("end".utf8)
    #expect(try await received.value == expected)
  }

  @Test("a file that ends too early, or cannot be read, ends the connection")
  func brokenFiles() async throws {
    let pair = try Neighbours()
    let play = Play(NetworkStage(pair))
    let listening = try await play.listen(child: Part())
    let file = try TestFile([1, 2, 3])
    for (region, number) in [(file.region(0..<4), EIO), (file.region(0..<1), EBADF)] {
      let client = try await play.connect(Part(), to: listening.channel.localAddress).get()
      let error = await #expect(throws: IOError.self) {
        try await client.writeAndFlush(IOData.fileRegion(region))
      }
      #expect(error?.errnoCode == number)
      try await client.closeFuture.get()
      if number == EIO { try file.close() }
    }
    try await play.stage.end()
  }

  @Test("the first address of a host that answers is taken, whether others refuse or are silent")
  func names() async throws {
    let pair = try Neighbours()
    let play = Play(NetworkStage(pair))
    let listening = try await play.listen(child: Part(), port: 7)
    let table = HostTable([
      "server": [address("fd00::2"), address("10.1.0.2")],
      "silent": [address("10.1.0.99"), address("10.1.0.2")],
      "wrong": [address("fd00::2")],
    ])
    for name in ["server", "silent"] {
      let client = try await pair.patientClient.resolver(table)
        .connect(host: name, port: 7).get()
      #expect(client.remoteAddress == listening.channel.localAddress)
      try await client.close()
    }
    await #expect(throws: IOError.self) {
      _ = try await pair.patientClient.resolver(table).connect(
        host: "wrong", port: 7
      )
      .get()
    }
    await #expect(throws: NetworkError.unknownHost("nobody")) {
      _ = try await pair.patientClient.resolver(table).connect(
        host: "nobody", port: 7
      )
      .get()
    }
    try await play.stage.end()
  }

  private func address(_ text: String) -> SockeyeWire.IPAddress { SockeyeWire.IPAddress(parsing: text)! }

  @Test("a client may choose where it connects from")
  func localAddress() async throws {
    let pair = try Neighbours()
    let play = Play(NetworkStage(pair))
    let listening = try await play.listen(child: Part())
    let local = try SocketAddress(ipAddress: "10.1.0.1", port: 5555)
    let client = try await pair.patientClient.bind(to: local)
      .connect(to: try #require(listening.channel.localAddress)).get()
    var children = listening.children.makeAsyncIterator()
    #expect(client.localAddress == local)
    let child = await children.next()
    #expect(child?.remoteAddress == local)
    try await play.stage.end()
  }

  @Test("what a connection's handlers hear when the channel closes before they hear that it is active")
  func closedByWhoWaits() async throws {
    let pair = try Neighbours()
    let play = Play(NetworkStage(pair))
    let listening = try await play.listen(child: Part())
    let address = try #require(listening.channel.localAddress)
    let transcript = play.transcript("client")
    let channel = try await pair.client.eventLoop.flatSubmit {
      play.connect(Part(), to: address).map { channel in
        channel.close(promise: nil)
        return channel
      }
    }.get()
    try await channel.closeFuture.get()
    try await play.settle()
    #expect(
      transcript.events == [
        "added, inactive", "registered, inactive", "unregistered, inactive", "removed, inactive",
        "closeFuture: done",
      ])
    try await play.stage.end()
  }
}
