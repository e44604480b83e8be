// Holds NIO software that knows nothing of networks of its own, on channels of such networks: NIO's HTTP/1, its async
// channels, its universal bootstrap, and a listener that winds down.

import NIOCore
import NIOHTTP1
import SockeyeNIO
import SockeyeSockets
import SockeyeSocketsTestSupport
import SockeyeWire
import Synchronization
import Testing

@Suite("Unmodified NIO software")
struct SoftwareTests {
  @Test("NIO's HTTP/1 server answers NIO's HTTP/1 client, several requests on one connection")
  func http() async throws {
    let pair = try Neighbours()
    let server = try await NetworkServerBootstrap(network: pair.server).childChannelInitializer { channel in
      channel.pipeline.configureHTTPServerPipeline(withErrorHandling: true).flatMapThrowing {
        try channel.pipeline.syncOperations.addHandler(Site())
      }
    }.bind(host: "10.1.0.2", port: 80).get()
    let answers = AsyncStream<String>.makeStream()
    let client = try await pair.patientClient.channelInitializer { channel in
      channel.pipeline.addHTTPClientHandlers().flatMapThrowing {
        try channel.pipeline.syncOperations.addHandler(Browser(answers.continuation))
      }
    }.connect(host: "10.1.0.2", port: 80).get()
    var answer = answers.stream.makeAsyncIterator()
    let body = String(repeating: "body ", count: 100_000)
    for text in ["first", body, "last"] {
      var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/echo")
      head.headers.add(name: "host", value: "10.1.0.2")
      head.headers.add(name: "transfer-encoding", value: "chunked")
      if text == "last" { head.headers.add(name: "connection", value: "close") }
      client.write(HTTPClientRequestPart.head(head), promise: nil)
      client.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: text))), promise: nil)
      try await client.writeAndFlush(HTTPClientRequestPart.end(nil))
      #expect(await answer.next() == "200 OK: \(text)")
    }
    try await client.closeFuture.get()
    try await server.close()
  }

  @Test("async channels: a server of many connections, each a sequence")
  func asyncChannels() async throws {
    let pair = try Neighbours()
    let server = try await NetworkServerBootstrap(network: pair.server).bind(host: "10.1.0.2", port: 0) {
      channel in
      channel.eventLoop.makeCompletedFuture {
        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
          wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
      }
    }
    let address = try #require(server.channel.localAddress)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await server.executeThenClose { connections in
          try await withThrowingDiscardingTaskGroup { group in
            for try await connection in connections {
              group.addTask {
                try await connection.executeThenClose { inbound, outbound in
                  for try await chunk in inbound { try await outbound.write(chunk) }
                }
              }
            }
          }
        }
      }
      for number in 0..<20 {
        group.addTask {
          let text = String(repeating: "\(number) ", count: 20_000)
          let answer = try await Self.echo(text, of: address, pair.client)
          #expect(answer == text)
        }
      }
      for _ in 0..<20 { _ = try await group.next() }
      server.channel.close(promise: nil)
      try await group.waitForAll()
    }
  }

  /// What a server answers.
  private static func echo(_ text: String, of address: SocketAddress, _ network: Network) async throws
    -> String
  {
    let client = try await NetworkClientBootstrap(network: network).connectTimeout(.minutes(10))
      .channelOption(.allowRemoteHalfClosure, value: true).connect(to: address) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
      }
    return try await client.executeThenClose { inbound, outbound in
      try await outbound.write(ByteBuffer(string: text))
      var answer = ByteBuffer()
      for try await var chunk in inbound {
        answer.writeBuffer(&chunk)
        if answer.readableBytes == text.utf8.count { break }
      }
      return String(buffer: answer)
    }
  }

  @Test("datagrams of an async channel")
  func asyncDatagrams() async throws {
    let pair = try Neighbours()
    typealias Socket = NIOAsyncChannel<AddressedEnvelope<ByteBuffer>, AddressedEnvelope<ByteBuffer>>
    let wrap: @Sendable (any Channel) -> EventLoopFuture<Socket> = { channel in
      channel.eventLoop.makeCompletedFuture { try Socket(wrappingChannelSynchronously: channel) }
    }
    let server = try await NetworkDatagramBootstrap(network: pair.server)
      .bind(to: SocketAddress(ipAddress: "fd00::2", port: 0), channelInitializer: wrap)
    let address = try #require(server.channel.localAddress)
    let client = try await NetworkDatagramBootstrap(network: pair.client)
      .connect(to: address, channelInitializer: wrap)
    async let served: Void = server.executeThenClose { inbound, outbound in
      for try await datagram in inbound {
        try await outbound.write(datagram)
        return
      }
    }
    try await client.executeThenClose { inbound, outbound in
      try await outbound.write(AddressedEnvelope(remoteAddress: address, data: ByteBuffer(string: "hello")))
      for try await datagram in inbound {
        #expect(String(buffer: datagram.data) == "hello")
        #expect(datagram.remoteAddress == address)
        return
      }
    }
    try await served
  }

  @Test("NIO's universal bootstrap takes ours")
  func universal() async throws {
    let pair = try Neighbours()
    let play = Play(NetworkStage(pair))
    let listening = try await play.listen(child: Part())
    let bootstrap = NIOClientTCPBootstrap(
      NetworkClientBootstrap(network: pair.client), tls: NIOInsecureNoTLS())
    let client = try await bootstrap.connectTimeout(.minutes(10)).connect(
      to: try #require(listening.channel.localAddress)
    ).get()
    #expect(client.isActive)
    try await client.close()
    await #expect(throws: ChannelError.operationUnsupported) {
      _ = try await bootstrap.connect(unixDomainSocketPath: "/nowhere").get()
    }
    try await listening.channel.close()
  }

  @Test("a listener that winds down closes when its connections have, each told to finish")
  func quiescing() async throws {
    let pair = try Neighbours()
    let play = Play(NetworkStage(pair))
    let collector = Collector(pair.server.eventLoop)
    // A connection finishes when it is told to, after its answer.
    let child = Part([
      .event: { scene in
        scene.send("bye")
        scene.close()
      }
    ])
    let listening = try await play.listen(
      child: child,
      server: Part().preparing { try $0.pipeline.syncOperations.addHandler(collector.handler()) })
    let clients = try await [
      play.connect(Part(), to: listening.channel.localAddress, name: "one").get(),
      play.connect(Part(), to: listening.channel.localAddress, name: "two").get(),
    ]
    try await play.wait(for: "active", of: "child", times: 2)
    try await collector.windDown(listening.channel).get()
    for client in clients { try await client.closeFuture.get() }
    #expect(play.events["one"]?.contains("read bye") == true)
    #expect(play.events["two"]?.contains("read bye") == true)
    #expect(!listening.channel.isActive)
  }
}

/// Sends the body of each request back.
private final class Site: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart
  private var head: HTTPRequestHead?

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      let answer = HTTPResponseHead(
        version: head.version, status: .ok, headers: ["transfer-encoding": "chunked"])
      context.write(wrapOutboundOut(.head(answer)), promise: nil)
    case .body(let part): context.write(wrapOutboundOut(.body(.byteBuffer(part))), promise: nil)
    case .end:
      let isLast = head?.isKeepAlive == false
      let written = context.eventLoop.makePromise(of: Void.self)
      let context = context.loopBound
      written.futureResult.whenSuccess { if isLast { context.value.close(promise: nil) } }
      context.value.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }
  }
}

/// Hands out each answer with its body.
private final class Browser: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  private let answers: AsyncStream<String>.Continuation
  private var answer = ""

  init(_ answers: AsyncStream<String>.Continuation) { self.answers = answers }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): answer = "\(head.status): "
    case .body(let part): answer += String(buffer: part)
    case .end: answers.yield(answer)
    }
  }
}

/// Keeps a listener's connections, as helpers do that let servers wind down.
private final class Collector: @unchecked Sendable {
  // In the event loop alone.
  private var channels: [ObjectIdentifier: any Channel] = [:]
  private let eventLoop: any EventLoop

  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func handler() -> Handler { Handler(self) }

  final class Handler: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    private let collector: Collector

    init(_ collector: Collector) { self.collector = collector }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let channel = unwrapInboundIn(data)
      let collector = collector
      collector.channels[ObjectIdentifier(channel)] = channel
      channel.closeFuture.hop(to: context.eventLoop).whenComplete { _ in
        collector.channels[ObjectIdentifier(channel)] = nil
      }
      context.fireChannelRead(wrapInboundOut(channel))
    }
  }

  /// - Returns: what comes true when the listener and its connections have closed.
  func windDown(_ listener: any Channel) -> EventLoopFuture<Void> {
    eventLoop.flatSubmit {
      let closing = self.channels.values.map(\.closeFuture)
      listener.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
      for channel in self.channels.values {
        channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
      }
      return EventLoopFuture.andAllSucceed(closing + [listener.closeFuture], on: self.eventLoop)
    }
  }
}
