// Shows that real clients are served while a listener is flooded, and that crowds are no floods (RFC 4987, A-30).

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct FloodTests {
  /// A hundred SYNs from random addresses a millisecond, and a client every ten, 5 ms away, that has to be answered:
  /// in a build without optimisation half a second of it, else ten seconds, a million SYNs.
  @Test(.requirement("A-30", "4987-1", "4987-5"))
  func everyRealClientIsServedInAFlood() throws {
    let budget = 4 << 20
    let host = Host { $0.memoryBudget = budget }
    let client = Host(["10.0.0.2/24"])
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    var flood = Flood(to: "10.0.0.1:80", flags: .syn)
    var village = Village(host: host, client: client, listener: listener)
    let milliseconds = Flood.isBrief ? 500 : 10_000
    for millisecond in 0..<milliseconds {
      for _ in 0..<100 {
        flood.send(to: host)
        village.carry()
      }
      if millisecond % 10 == 0 { try village.visit() }
      try village.pass(.milliseconds(1))
      #expect(host.stack.memoryUsed <= budget)
    }
    for _ in 0..<20 { try village.pass(.milliseconds(1)) }
    #expect(village.visits == milliseconds / 10)
    #expect(village.answered == village.visits, "every client has had its answer")
    #expect(village.slowest <= .milliseconds(25), "in two round trips, and without a second SYN")
    let counters = host.stack.statistics.tcp
    #expect(counters.cookiesSent > UInt64(milliseconds * 99))
    #expect(counters.cookiesAccepted >= UInt64(village.visits - 1))
    #expect(counters.passiveOpens == UInt64(village.visits))
  }

  @Test(.requirement("4987-5"), arguments: [SynCookieUse.automatic, .always])
  func aCrowdIsServedAtOnce(use: SynCookieUse) throws {
    let host = Host { $0.synCookies = use }
    let client = Host(["10.0.0.2/24"])
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    var village = Village(host: host, client: client, listener: listener)
    for _ in 0..<2000 { try village.visit() }
    for _ in 0..<30 { try village.pass(.milliseconds(1)) }
    #expect(village.answered == 2000)
    #expect(village.slowest <= .milliseconds(25))
  }

  @Test(.requirement("A-30"))
  func aSmallBudgetIsNotEatenByHandshakes() throws {
    let host = Host { $0.memoryBudget = 64 << 10 }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 100)
    var flood = Flood(to: "10.0.0.1:80", flags: .syn)
    for _ in 0..<5000 {
      flood.send(to: host)
      _ = host.sent()
    }
    #expect(host.stack.memoryUsed <= 16 << 10)
    let (id, peer) = try host.accepted(listener)
    host.receive(peer.segment([.ack, .psh], "hello"))
    #expect(try host.read(id) == "hello")
  }
}

/// A host and its clients, who are 5 ms away, all of them on another host. Each asks and is answered.
private struct Village {
  let host: Host
  let client: Host
  let listener: ListenerID
  private(set) var visits = 0
  private(set) var answered = 0
  /// The longest that a client has waited for its answer.
  private(set) var slowest = Interval.zero
  private var underWay: [(due: Instant, packet: [UInt8], toHost: Bool)] = []
  private var began: [ConnectionID: Instant] = [:]
  private var delay: Interval { .milliseconds(5) }

  init(host: Host, client: Host, listener: ListenerID) {
    self.host = host
    self.client = client
    self.listener = listener
  }

  /// One more client connects.
  mutating func visit() throws {
    visits += 1
    began[try client.connect("10.0.0.1:80")] = client.now
    carry()
  }

  /// Takes what both sides send; what goes to nobody is lost.
  mutating func carry() {
    for packet in host.sent() where packet.destination == ip("10.0.0.2") {
      underWay.append((host.now + delay, packet.bytes, false))
    }
    for packet in client.sent() { underWay.append((client.now + delay, packet.bytes, true)) }
  }

  mutating func pass(_ interval: Interval) throws {
    for packet in host.wait(interval) where packet.destination == ip("10.0.0.2") {
      underWay.append((host.now + delay, packet.bytes, false))
    }
    for packet in client.wait(interval) { underWay.append((client.now + delay, packet.bytes, true)) }
    let now = host.now
    let arrived = underWay.filter { $0.due <= now }
    underWay.removeAll { $0.due <= now }
    for flight in arrived {
      if flight.toHost { host.receive(flight.packet) } else { client.receive(flight.packet) }
      try serve()
      try ask()
      carry()
    }
  }

  private func serve() throws {
    while let id = try host.stack.accept(listener) { _ = id }
    for case .readable(let id) in host.events() {
      #expect(try host.read(id) == "hello?")
      #expect(try host.write(id, "hello!") == 6)
      try host.stack.close(id, at: host.now)
    }
  }

  private mutating func ask() throws {
    for event in client.events() {
      switch event {
      case .connected(let id): #expect(try client.write(id, "hello?") == 6)
      case .readable(let id):
        #expect(try client.read(id) == "hello!")
        answered += 1
        slowest = max(slowest, client.now - (began.removeValue(forKey: id) ?? .zero))
        try client.stack.abort(id, at: client.now)
      default: break
      }
    }
  }
}
