// Shows that the host's counters count what they say, and what the host tells of itself at a moment.

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct StatisticsTests {
  private func sum(_ drops: DropCounters) -> UInt64 {
    DropReason.allCases.reduce(0) { $0 + drops[$1] }
  }

  /// A connection of a listener while others still have something to send.
  private func accepted(_ host: Host, _ listener: ListenerID, from client: String) throws -> (
    ConnectionID, Peer
  ) {
    _ = host.sent()
    return try host.accepted(listener, from: client)
  }

  @Test func dropsAreCountedByReason() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (_, peer) = try host.accepted(listener)
    host.receive(peer.stray(.rst, peer.sequence + 5))
    _ = try host.segment()
    host.receive(peer.stray(.syn, peer.sequence))
    host.receive(peer.stray(.ack, peer.sequence - 100_000, peer.acknowledgment))
    host.receive(peer.stray(.ack, peer.sequence + 100_000, peer.acknowledgment))
    var damaged = peer.stray([.ack, .psh], peer.sequence, peer.acknowledgment, [1, 2, 3])
    damaged[damaged.count - 1] ^= 1
    host.receive(damaged)
    host.receive(Peer("10.0.0.2:5000", "10.0.0.1:81", sequence: 1).segment(.syn))
    let counters = host.stack.statistics.tcp
    #expect(counters.drops[.resetNotExact] == 1)
    #expect(counters.drops[.unexpectedSynchronize] == 1)
    #expect(counters.drops[.outsideWindow] == 2)
    #expect(counters.drops[.badChecksum] == 1)
    #expect(counters.drops[.noConnection] == 1)
    #expect(counters.badChecksums == 1 && counters.malformed == 1)
    #expect(counters.segmentsDropped == 6)
    #expect(sum(counters.drops) == counters.segmentsDropped)
    _ = host.sent()
    #expect(host.stack.statistics.tcp.challengesSent == 2)
    #expect(host.stack.statistics.tcp.resetsSent == 1)
  }

  @Test func probesAndTimeoutsAreCounted() throws {
    let host = Host { $0.tcp.keepAlive = KeepAlive(idle: .minutes(10), interval: .seconds(10), probes: 3) }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    // One whose peer closes its window.
    let (blocked, peer) = try host.accepted(listener, from: "10.0.0.2:1")
    host.receive(peer.segment(.ack, window: 0))
    _ = try host.write(blocked, "data")
    host.wait(.seconds(10))
    #expect(host.stack.statistics.tcp.windowProbesSent >= 2)
    try host.stack.abort(blocked, at: host.now)
    #expect(host.stack.statistics.tcp.resets == 1)
    // One whose peer falls silent, and one that is never answered.
    let (quiet, _) = try accepted(host, listener, from: "10.0.0.2:2")
    let (writer, _) = try accepted(host, listener, from: "10.0.0.2:3")
    _ = try host.write(writer, "data")
    host.receive(Peer("10.0.0.2:4", "10.0.0.1:80", sequence: 1).segment(.syn))
    let before = host.stack.statistics.tcp
    host.wait(.minutes(15))
    let after = host.stack.statistics.tcp
    #expect(after.keepAlivesSent == 3)
    #expect(after.timedOut == 2)
    #expect(after.handshakesAbandoned == 1)
    #expect(after.retransmissionTimeouts > before.retransmissionTimeouts)
    #expect(after.retransmissionTimeouts <= after.segmentsRetransmitted)
    _ = quiet
  }

  @Test func whoseUserIsGoneIsCountedWhenItEnds() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    try host.stack.close(id, at: host.now)
    try peer.hear(host.segment())
    host.receive(peer.segment(.ack))
    host.wait(.minutes(2))
    #expect(host.stack.statistics.tcp.orphansEnded == 1)
  }

  @Test func whereThereIsNoRouteIsCounted() throws {
    let host = Host()
    #expect(throws: SocketError.noRoute(to: ip("192.0.2.1"))) { try host.connect("192.0.2.1:80") }
    // An echo request from afar that cannot be answered.
    host.receive(icmpPacket(type: 8, [1], from: ip("192.0.2.1"), to: ip("10.0.0.1")))
    host.expectSilence()
    #expect(host.stack.statistics.ip.noRoute == 2)
  }

  @Test func whatAHostHoldsIsTold() throws {
    let host = Host()
    let empty = host.stack.occupancy
    #expect(empty.connections == 0 && empty.memoryUsed == 0 && empty.memoryBudget == 256 << 20)
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    _ = try host.accepted(listener)
    host.receive(Peer("10.0.0.2:2", "10.0.0.1:80", sequence: 1).segment(.syn))
    let (closing, peer) = try accepted(host, listener, from: "10.0.0.2:3")
    try host.stack.close(closing, at: host.now)
    for packet in host.sent() where packet.tcp?.destinationPort == 3 { try peer.hear(packet) }
    host.receive(peer.segment([.ack, .fin]))
    _ = host.sent()
    _ = host.events()
    _ = try host.stack.bind(ListenEndpoint(port: 53))
    let held = host.stack.occupancy
    #expect(held.connections == 1 && held.handshakes == 1 && held.timeWaits == 1)
    #expect(held.listeners == 1 && held.datagramSockets == 1)
    #expect(held.memoryUsed == host.stack.memoryUsed && held.memoryUsed > 0)
  }
}
