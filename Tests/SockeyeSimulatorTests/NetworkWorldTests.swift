// Shows worlds of any number of hosts: addresses and routes, routers with their errors, links that change, hosts that pause,
// crash and come back, clocks that go wrong, captures, and that runs repeat bit for bit.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeWire
import Testing

@testable import SockeyeSimulator

@Suite struct NetworkWorldTests {
  private let calm = LinkConfiguration(delay: .milliseconds(10))

  /// client - one - two - server, ten milliseconds each.
  private struct Line {
    let world: NetworkWorld
    let client: NetworkHost
    let server: NetworkHost
    let links: [NetworkLink]

    init(_ link: LinkConfiguration, middle: Int = 1500, seed: UInt64 = 1) {
      world = NetworkWorld(seed: seed)
      client = world.addHost("client")
      server = world.addHost("server")
      let one = world.addRouter("one")
      let two = world.addRouter("two")
      links = [
        world.link(client, one, link), world.link(one, two, link, maximumTransmissionUnit: middle),
        world.link(two, server, link),
      ]
    }

    /// What happened at the client so far.
    func events() -> [SocketEvent] {
      var events: [SocketEvent] = []
      while let event = client.stack.nextEvent() { events.append(event) }
      return events
    }

    func listen(port: UInt16 = 80) throws -> ListenerID {
      try server.stack.listen(on: ListenEndpoint(port: port))
    }

    func connect(_ version: IPVersion = .v4, port: UInt16 = 80) throws -> ConnectionID {
      try client.stack.connect(
        to: world.endpoint(server, port: port, version), at: world.time(at: client))
    }
  }

  private func write(_ count: Int, _ id: ConnectionID, on host: NetworkHost, in world: NetworkWorld) throws
    -> Int
  {
    let bytes = [UInt8](repeating: 7, count: count)
    return try host.stack.write(id, bytes.rawSpan, at: world.time(at: host))
  }

  // MARK: Routes

  @Test(arguments: [IPVersion.v4, .v6])
  func anEchoPassesTwoRoutersAndComesBack(version: IPVersion) throws {
    let line = Line(calm)
    let target = try #require(line.server.address(version))
    try line.client.stack.sendEcho(
      to: target, identifier: 1, sequence: 2, payload: [UInt8](repeating: 0, count: 100).rawSpan,
      at: line.world.time(at: line.client))
    line.world.run(for: .milliseconds(59))
    #expect(line.events().isEmpty, "three links there and three back")
    line.world.run(for: .milliseconds(1))
    guard case .echoReply(let reply) = line.events().first else {
      Issue.record("no reply")
      return
    }
    #expect(reply.source == target && reply.timeToLive == 62, "two hops fewer")
    #expect(line.world.routers.map(\.forwarded) == [2, 2])
  }

  @Test(arguments: [IPVersion.v4, .v6])
  func whoIsNowhereIsUnreachable(version: IPVersion) throws {
    let line = Line(calm)
    let nowhere = try #require(IPAddress(parsing: version == .v4 ? "10.9.9.9" : "fd00:0:0:99::1"))
    let everywhere = try #require(AddressPrefix(address: .unspecified(version), length: 0))
    try line.client.stack.addRoute(to: everywhere, on: LinkID(number: 1))
    try line.client.stack.sendEcho(
      to: nowhere, identifier: 1, sequence: 2, payload: [UInt8](repeating: 0, count: 10).rawSpan,
      at: line.world.time(at: line.client))
    line.world.run(for: .seconds(1))
    guard case .echoError(let failure) = line.events().first else {
      Issue.record("no error")
      return
    }
    #expect(failure.error == .networkUnreachable || failure.error == .unreachable)
    #expect(failure.reporter == line.world.routers[0].ports[0].address(version))
    #expect(line.world.routers[0].errors == 1)
  }

  @Test(arguments: [IPVersion.v4, .v6])
  func aPacketThatHasTravelledTooFarIsReported(version: IPVersion) throws {
    let line = Line(calm)
    _ = try line.listen()
    let id = try line.connect(version)
    try line.client.stack.setTimeToLive(1, of: id)
    line.world.run(for: .milliseconds(100))
    let error = try line.client.stack.softError(of: id)
    #expect(error == .hopLimitExceeded)
    #expect(line.world.routers[0].errors > 0 && line.world.routers[0].forwarded == 0)
  }

  @Test(arguments: [IPVersion.v4, .v6])
  func aRouterSaysWhatFitsTheNextLink(version: IPVersion) throws {
    let line = Line(calm, middle: 1300)
    let listener = try line.listen()
    let id = try line.connect(version)
    line.world.run(for: .seconds(1))
    _ = try write(20_000, id, on: line.client, in: line.world)
    line.world.run(for: .seconds(2))
    let accepted = try line.server.stack.accept(listener)
    let server = try #require(accepted)
    #expect(try line.server.stack.readableCount(server) == 20_000)
    #expect(try line.client.stack.status(of: id).pathMTU == 1300)
    // A route that gets narrower is told of, too.
    line.links[1].maximumTransmissionUnit = 1280
    _ = try write(20_000, id, on: line.client, in: line.world)
    line.world.run(for: .seconds(2))
    #expect(try line.server.stack.readableCount(server) == 40_000)
    #expect(try line.client.stack.status(of: id).pathMTU == 1280)
  }

  @Test func largeDatagramsThatMayBeCutAreCut() throws {
    let line = Line(calm, middle: 1300)
    let from = try line.client.stack.bind(ListenEndpoint(port: 5000))
    let to = try line.server.stack.bind(ListenEndpoint(port: 5000))
    let payload = (0..<3000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    try line.client.stack.send(
      payload.rawSpan, from: from, to: line.world.endpoint(line.server, port: 5000),
      at: line.world.time(at: line.client))
    line.world.run(for: .milliseconds(100))
    var buffer = FrameBuffer(capacity: 4000)
    _ = try buffer.fill { (output: inout OutputRawSpan) throws(SocketError) -> ReceivedDatagram? in
      try line.server.stack.receive(from: to, into: &output)
    }
    let received = [UInt8](buffer.bytes)
    #expect(received == payload)
    #expect(line.server.stack.statistics.ip.fragmentsReceived > 3, "some of the pieces were cut again")
  }

  @Test func hostsWithSeveralLinksDoNotForward() throws {
    let world = NetworkWorld(seed: 1)
    let (left, middle, right) = (world.addHost("left"), world.addHost("middle"), world.addHost("right"))
    world.link(left, middle, calm)
    world.link(middle, right, calm)
    #expect(middle.ports.count == 2)
    #expect(throws: SocketError.self) { () throws -> Void in
      _ = try left.stack.connect(to: world.endpoint(right, port: 80), at: world.time(at: left))
    }
  }

  // MARK: Changes

  @Test func aOneWayPartitionHoldsBackOneDirection() throws {
    let line = Line(calm)
    let listener = try line.listen()
    _ = try line.connect()
    line.world.setDown(true, line.links[1], .backward)
    line.world.run(for: .milliseconds(500))
    let none = try line.server.stack.accept(listener)
    #expect(none == nil)
    #expect(line.server.stack.occupancy.handshakes == 1, "the SYN has passed")
    line.world.setDown(false, line.links[1], .backward)
    line.world.run(for: .seconds(2))
    let accepted = try line.server.stack.accept(listener)
    #expect(accepted != nil)
  }

  @Test func aPausedHostGoesOnWithWhatHasArrived() throws {
    let line = Line(calm)
    let listener = try line.listen()
    _ = try line.connect()
    line.world.pause(line.server)
    line.world.run(for: .milliseconds(900))
    #expect(line.server.stack.occupancy.handshakes == 0)
    line.world.resume(line.server)
    line.world.run(for: .milliseconds(90))
    let accepted = try line.server.stack.accept(listener)
    #expect(accepted != nil, "before the SYN is sent again")
  }

  @Test func aHostComesBackWithoutMemory() throws {
    let line = Line(calm)
    _ = try line.listen()
    let id = try line.connect()
    line.world.run(for: .milliseconds(200))
    line.world.crash(line.server)
    _ = try write(100, id, on: line.client, in: line.world)
    line.world.run(for: .milliseconds(500))
    #expect(line.client.stack.state(of: id) == .established)
    line.world.restart(line.server)
    #expect(line.server.boots == 2 && line.server.stack.occupancy.connections == 0)
    line.world.run(for: .seconds(5))
    #expect(line.events().contains(.closed(id, .reset)))
    // It can be called again, by the same address.
    _ = try line.listen()
    let next = try line.connect()
    line.world.run(for: .seconds(1))
    #expect(line.client.stack.state(of: next) == .established)
  }

  @Test func aClockThatGoesSlowFiresLate() throws {
    let line = Line(calm)
    line.world.setClockRate(1, per: 2, of: line.client)
    line.world.setDown(true, line.links[0], .forward)
    _ = try line.connect()
    line.world.run(for: .seconds(7))
    // SYNs at 0, 1 and 3 s of a clock that has run for 3.5 s.
    #expect(line.links[0].statistics(.forward).offered == 3)
    #expect(line.world.time(at: line.client) == .zero + .milliseconds(3500))
  }

  @Test(arguments: [(1, 1), (999, 1000), (1001, 1000), (1, 3), (7, 2), (1 << 24, (1 << 24) - 1)])
  func aDeadlineIsMetAndNotBefore(numerator: UInt64, denominator: UInt64) {
    var clock = HostClock(showing: Instant(nanoseconds: 1_000), at: Instant(nanoseconds: 55))
    clock.setRate(numerator, per: denominator, at: Instant(nanoseconds: 60))
    for distance in [0, 1, 2, 3, 999, 1_000_000_007, 86_400_000_000_000] as [UInt64] {
      let local = Instant(nanoseconds: 1_005 + distance)
      let world = clock.worldTime(of: local)
      #expect(clock.time(at: world) >= local)
      if world > Instant(nanoseconds: 60) { #expect(clock.time(at: world - .nanoseconds(1)) < local) }
    }
  }

  // MARK: Running

  @Test func actionsAreTakenInOrder() {
    let world = NetworkWorld(seed: 1)
    let log = Log()
    world.schedule(at: .zero + .seconds(2)) { log.add("c", $0.now) }
    world.schedule(at: .zero + .seconds(1)) { world in
      log.add("a", world.now)
      world.schedule(at: world.now) { log.add("b", $0.now) }
    }
    #expect(world.nextDeadline == .zero + .seconds(1))
    world.run(until: .zero + .seconds(3))
    #expect(log.lines == ["a 1 s", "b 1 s", "c 2 s"])
    #expect(world.now == .zero + .seconds(3) && world.nextDeadline == nil)
  }

  private final class Log {
    var lines: [String] = []
    func add(_ name: String, _ at: Instant) { lines.append("\(name) \((at - .zero).description)") }
  }

  private func digest(seed: UInt64) throws -> UInt64 {
    var link = calm
    link.loss = .percent(5)
    link.discipline = .controlledDelay(ControlledDelay())
    link.bitsPerSecond = 2_000_000
    let line = Line(link, seed: seed)
    _ = try line.listen()
    let id = try line.connect(.v6)
    line.world.run(for: .seconds(1))
    _ = try write(100_000, id, on: line.client, in: line.world)
    line.world.run(for: .seconds(60))
    return line.world.digest.value
  }

  @Test func theSameSeedGivesTheSameRun() throws {
    let first = try digest(seed: 3)
    let second = try digest(seed: 3)
    let other = try digest(seed: 4)
    #expect(first == second && first != other)
  }

  /// The same in debug and release builds and on every machine. Echoes only, so that it depends on the simulator and not on what TCP
  /// does.
  @Test func aRunIsTheSameEverywhere() throws {
    var link = calm
    link.bitsPerSecond = 1_000_000
    link.jitter = .milliseconds(7)
    link.jitterDistribution = .pareto
    link.loss = .percent(3)
    link.burstLoss = BurstLoss(begins: .percent(2), ends: .percent(30))
    link.duplication = .percent(3)
    link.reordering = .percent(5)
    link.reorderingDelay = .milliseconds(9)
    link.corruption = .percent(2)
    link.truncation = .percent(2)
    link.discipline = .randomEarlyDetection(RandomEarlyDetection(for: .packets(30)))
    let line = Line(link, seed: 5)
    var back = link
    back.jitterDistribution = .normal
    back.discipline = .controlledDelay(ControlledDelay())
    line.world.configure(line.links[1], .backward, back)
    line.world.setClockRate(1001, per: 1000, of: line.server)
    let target = try #require(line.server.address(.v6))
    let payload = [UInt8](repeating: 9, count: 700)
    for number in 0..<400 as Range<UInt16> {
      try line.client.stack.sendEcho(
        to: target, identifier: 1, sequence: number, payload: payload.rawSpan,
        at: line.world.time(at: line.client))
      line.world.run(for: .milliseconds(6))
    }
    line.world.run(for: .seconds(5))
    #expect(line.world.packetsSent == 1936)
    #expect(line.world.digest.value == 7_531_467_047_317_388_726)
  }

  @Test func captureIsTakenAtOneEnd() throws {
    let line = Line(calm)
    let capture = NetworkCapture(of: line.links[0], at: .forward, name: "client")
    line.world.observe(capture.note)
    _ = try line.listen()
    _ = try line.connect()
    let header = capture.takeBytes().count
    #expect(header > 0)
    line.world.run(for: .milliseconds(100))
    // SYN, SYN,ACK and ACK, each an IPv4 packet of 40 to 60 octets in a block.
    #expect((3 * 72...3 * 200).contains(capture.takeBytes().count))
  }
}
