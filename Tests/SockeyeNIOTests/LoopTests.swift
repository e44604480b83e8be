// Holds what event loops of networks do beyond what NIO's own do: time that somebody else moves on, and their end.

import NIOCore
import SockeyeBytes
import SockeyeNIO
import SockeyeSockets
import SockeyeSocketsTestSupport
import SockeyeStack
import SockeyeTunnel
import SockeyeWire
import Testing

@Suite("Event loops of networks")
struct LoopTests {
  @Test("timers go by the network's time, however it goes")
  func virtualTime() throws {
    let world = try Standstill()
    defer { world.end() }
    let eventLoop = world.network.eventLoop
    let transcript = Transcript()
    eventLoop.scheduleTask(in: .hours(1)) { transcript.note("an hour") }
    eventLoop.scheduleTask(in: .minutes(1)) { transcript.note("a minute") }
    _ = eventLoop.scheduleCallback(in: .seconds(1), handler: Note(transcript))
    let start = eventLoop.now
    world.advance(by: .milliseconds(999))
    #expect(transcript.raw.isEmpty)
    world.advance(by: .milliseconds(1))
    #expect(transcript.raw == ["a callback"])
    world.advance(by: .minutes(59))
    #expect(transcript.raw == ["a callback", "a minute"])
    world.advance(by: .minutes(1))
    #expect(transcript.raw == ["a callback", "a minute", "an hour"])
    #expect(eventLoop.now - start == .seconds(3601))
  }

  @Test("a timer that another of the same moment cancels does not run")
  func cancelledAtTheSameMoment() throws {
    let world = try Standstill()
    defer { world.end() }
    let eventLoop = world.network.eventLoop
    let transcript = Transcript()
    let second = Guarded<Scheduled<Void>?>(nil)
    eventLoop.scheduleTask(in: .seconds(1)) {
      transcript.note("first")
      second.withLock { $0 }?.cancel()
    }
    let timer = eventLoop.scheduleTask(in: .seconds(1)) { transcript.note("second") }
    second.withLock { $0 = timer }
    timer.futureResult.whenFailure { transcript.note("\(type(of: $0))") }
    world.advance(by: .seconds(2))
    #expect(transcript.raw == ["first", "EventLoopError"])
  }

  @Test("a network has one event loop, and deadlines of NIO's clock mean the same moments there")
  func identity() async throws {
    let pair = try Neighbours()
    #expect(pair.client.eventLoop === pair.client.eventLoop)
    #expect(pair.client.eventLoop !== pair.server.eventLoop)
    let before = NIODeadline.now()
    let time = pair.client.eventLoop.now
    #expect(before <= time && time <= NIODeadline.now())
    #expect(NetworkClientBootstrap(validatingGroup: pair.client.eventLoop) != nil)
    #expect(NetworkServerBootstrap(validatingGroup: pair.client.eventLoop) != nil)
    #expect(NetworkDatagramBootstrap(validatingGroup: pair.client.eventLoop) != nil)
  }

  @Test("shutting the loop down closes its channels and fails its timers")
  func shutdown() async throws {
    let pair = try Neighbours()
    let eventLoop = pair.server.eventLoop
    let play = Play(NetworkStage(pair))
    let listening = try await play.listen(child: Part())
    let client = try await play.connect(Part(), to: listening.channel.localAddress).get()
    var children = listening.children.makeAsyncIterator()
    let child = try #require(await children.next())
    let datagrams = try await play.stage.datagrams(
      ofServer: true, connectedTo: nil, play.initializer("datagrams", Part())
    ).get()
    let timer = eventLoop.scheduleTask(in: .hours(1)) {}
    try await eventLoop.shutdownGracefully()
    await #expect(throws: EventLoopError.shutdown) { try await timer.futureResult.get() }
    try await listening.channel.closeFuture.get()
    try await child.closeFuture.get()
    try await datagrams.closeFuture.get()
    try await client.closeFuture.get()
    #expect(play.events["client"]?.contains { $0.hasPrefix("error errno") } == true)
    // Afterwards tasks still run, and nothing else works.
    #expect(try await eventLoop.submit { 1 }.get() == 1)
    await #expect(throws: EventLoopError.shutdown) {
      try await eventLoop.scheduleTask(in: .seconds(1)) {}.futureResult.get()
    }
    await #expect(throws: EventLoopError.shutdown) {
      _ = try await NetworkServerBootstrap(eventLoop: eventLoop).bind(host: "10.1.0.2", port: 0).get()
    }
  }

  @Test("a network that shuts down asks its connections to finish, and closes those that don't")
  func gracefulShutdown() async throws {
    let pair = try Neighbours()
    let play = Play(NetworkStage(pair))
    let child = Part([
      .event: { scene in
        scene.send("bye")
        scene.close()
      }
    ])
    let listening = try await play.listen(child: child)
    let client = try await play.connect(Part(), to: listening.channel.localAddress).get()
    try await play.wait(for: "added, inactive", of: "child")
    await pair.server.shutDown(grace: .seconds(30))
    try await client.closeFuture.get()
    #expect(play.events["client"]?.contains("read bye") == true)
    #expect(play.events["child"]?.contains { $0.hasPrefix("event ChannelShouldQuiesceEvent") } == true)
  }

  @Test("while a network shuts down, nothing new begins")
  func nothingBeginsDuringShutdown() async throws {
    let pair = try Neighbours()
    let play = Play(NetworkStage(pair))
    let listening = try await play.listen(child: Part())
    let address = try #require(listening.channel.localAddress)
    let client = try await play.connect(Part([.event: { $0.note("asked") }]), to: address).get()
    let shutdown = Task { await pair.client.shutDown(grace: .seconds(30)) }
    try await play.wait(for: "asked", of: "client")
    await #expect(throws: EventLoopError.shutdown) {
      _ = try await pair.patientClient.connect(to: address).get()
    }
    await #expect(throws: EventLoopError.shutdown) {
      _ = try await NetworkServerBootstrap(network: pair.client).bind(host: "10.1.0.1", port: 0).get()
    }
    await #expect(throws: EventLoopError.shutdown) {
      _ = try await NetworkDatagramBootstrap(network: pair.client).bind(host: "10.1.0.1", port: 0).get()
    }
    let peer = try #require(Endpoint(parsing: "10.1.0.2:7"))
    await #expect(throws: NetworkError.closed) { try await pair.client.connect(to: peer) }
    try await client.close()
    await shutdown.value
  }

  @Test("a network goes on as long as it has a channel")
  func life() async throws {
    var pair: Neighbours? = try Neighbours()
    let stage = NetworkStage(try #require(pair))
    let play = Play(stage)
    let listening = try await play.listen(child: Part([.received(5): { $0.close() }]))
    let client = try await play.connect(
      Part([.event: { $0.send("hello") }]), to: listening.channel.localAddress
    )
    .get()
    pair = nil
    stage.forget()
    client.pipeline.fireUserInboundEventTriggered("go")
    try await client.closeFuture.get()
    try await listening.channel.close()
  }
}

/// A network whose time stands still unless it is moved on, on a wire that leads nowhere.
private final class Standstill: LoopRunner, PacketDevice {
  private let time = Guarded(Instant.zero)
  private let built = Guarded<Network?>(nil)

  init() throws {
    let interface = InterfaceConfiguration(addresses: [AddressPrefix(parsing: "10.1.0.1/24")!])
    let loop = try NetworkLoop(configuration: .random(), interface: interface, device: self, runner: self)
    built.withLock { $0 = Network(loop, logger: nil) {} }
  }

  var network: Network { built.withLock { $0! } }
  var now: Instant { time.withLock { $0 } }
  var isRealTime: Bool { false }

  func wake(_ loop: NetworkLoop) {}
  func receive(into frame: inout OutputRawSpan) throws(NetworkError) -> Bool { false }
  func send(_ packet: RawSpan) throws(NetworkError) -> Bool { true }

  /// Lets go of the network, which refers to this, and whose thread this is.
  func end() {
    let loop = network.loop
    built.withLock { $0 = nil }
    _ = loop.turn()
  }

  func advance(by amount: TimeAmount) {
    let loop = network.loop
    // What was asked for before belongs to the time before.
    _ = loop.turn()
    let end = now + Interval(nanoseconds: amount.nanoseconds)
    while let next = loop.nextDeadline, next <= end {
      time.withLock { $0 = max($0, next) }
      _ = loop.turn()
    }
    time.withLock { $0 = end }
    _ = loop.turn()
  }
}

private final class Note: NIOScheduledCallbackHandler, Sendable {
  private let transcript: Transcript

  init(_ transcript: Transcript) { self.transcript = transcript }

  func handleScheduledCallback(eventLoop: some EventLoop) { transcript.note("a callback") }
}
