// Shows what a trace learns about a host, and that nothing is kept unless somebody observes.

import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct ObservationTests {
  private func observations(_ host: Host) -> [StackObservation.Kind] {
    var kinds: [StackObservation.Kind] = []
    while let observation = host.stack.nextObservation() { kinds.append(observation.kind) }
    return kinds
  }

  private func states(_ kinds: [StackObservation.Kind]) -> [TCPState] {
    kinds.compactMap { if case .stateChanged(_, _, let to) = $0 { to } else { nil } }
  }

  @Test func unobservedNothingIsKept() throws {
    let host = Host()
    _ = try host.connected()
    #expect(host.stack.nextObservation() == nil)
    host.stack.observing = true
    #expect(host.stack.nextObservation() == nil, "nor told later")
  }

  @Test func aHandshakeIsToldSegmentBySegment() throws {
    let host = Host()
    host.stack.observing = true
    let (id, _) = try host.connected(port: 5000)
    let tuple = try host.stack.endpoints(of: id)
    let kinds = observations(host)
    #expect(states(kinds) == [.synSent, .established])
    let flags = kinds.compactMap { kind -> TCPFlags? in
      switch kind {
      case .segmentSent(let record), .segmentReceived(let record):
        #expect(record.tuple == tuple)
        return record.header.flags
      default: return nil
      }
    }
    #expect(flags == [.syn, [.syn, .ack], .ack])
    let armed = kinds.contains {
      if case .timerArmed(tuple, .retransmission, _) = $0 { true } else { false }
    }
    let cancelled = kinds.contains { $0 == .timerCancelled(tuple, .retransmission) }
    #expect(armed && cancelled)
  }

  @Test func theStatesOfAListenersConnectionAreTold() throws {
    let host = Host()
    host.stack.observing = true
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    host.receive(peer.segment([.ack, .fin]))
    _ = host.sent()
    try host.stack.close(id, at: host.now)
    for packet in host.sent() { try peer.hear(packet) }
    host.receive(peer.segment(.ack))
    let kinds = observations(host)
    #expect(states(kinds) == [.listen, .synReceived, .established, .closeWait, .lastAck, .closed])
    #expect(kinds.contains { if case .connectionClosed(_, .finished) = $0 { true } else { false } })
  }

  @Test func timeWaitIsToldToItsEnd() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    host.stack.observing = true
    let tuple = try host.stack.endpoints(of: id)
    try host.stack.close(id, at: host.now)
    try peer.hear(host.segment())
    host.receive(peer.segment([.ack, .fin]))
    _ = host.sent()
    let before = observations(host)
    #expect(states(before) == [.finWait1, .finWait2, .timeWait])
    #expect(before.contains(.timerArmed(tuple, .timeWait, deadline: host.now + .seconds(60))))
    host.wait(.seconds(61))
    let after = observations(host)
    #expect(after.contains(.timerFired(tuple, .timeWait)))
    #expect(states(after) == [.closed])
    #expect(after.contains(.connectionClosed(tuple, .finished)))
  }

  @Test func timersThatFireAreTold() throws {
    let host = Host()
    host.stack.observing = true
    let id = try host.connect("10.0.0.2:80")
    let tuple = try host.stack.endpoints(of: id)
    host.wait(.seconds(4))
    let kinds = observations(host)
    #expect(kinds.filter { $0 == .timerFired(tuple, .retransmission) }.count == 2)
    let copies = kinds.filter {
      if case .segmentSent(let record) = $0, case .retransmission = record.purpose { true } else { false }
    }
    #expect(copies.count == 2)
  }

  @Test func whatIsDroppedIsToldWithTheReason() throws {
    let host = Host()
    host.stack.observing = true
    func reason() -> DropReason? {
      for kind in observations(host) {
        switch kind {
        case .segmentDropped(_, let reason), .datagramDropped(_, let reason),
          .packetDropped(_, length: _, let reason):
          return reason
        default: break
        }
      }
      return nil
    }
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1)
    host.receive(peer.stray(.syn, SequenceNumber(1)))
    #expect(reason() == .noConnection)
    host.receive(udpPacket([1], from: endpoint("10.0.0.2:1"), to: endpoint("10.0.0.1:2")))
    #expect(reason() == .noListener)
    host.receive([0x45, 0])
    #expect(reason() == .malformed)
    var damaged = peer.stray(.syn, SequenceNumber(1))
    damaged[30] ^= 1
    host.receive(damaged)
    #expect(reason() == .badChecksum)
    host.receive(Peer("10.0.0.2:5000", "10.0.0.9:80", sequence: 1).segment(.syn))
    #expect(reason() == .notForUs)
    host.receive(Peer("224.0.0.1:5000", "10.0.0.1:80", sequence: 1).segment(.syn))
    #expect(reason() == .invalidSource)
    host.receive(Peer("10.0.0.2:5000", "255.255.255.255:80", sequence: 1).segment(.syn))
    #expect(reason() == .invalidDestination)
  }

  @Test func theOldestGoFirst() throws {
    let host = Host { $0.observationLimit = 10 }
    host.stack.observing = true
    for number in UInt32(0)..<50 {
      host.receive(icmpPacket(type: 8, rest: number, [], from: ip("10.0.0.2"), to: ip("10.0.0.1")))
      _ = host.sent()
    }
    let kinds = observations(host)
    #expect(kinds.count == 10)
    #expect(host.stack.observationsLost == 90)
    guard case .datagramSent(let record) = try #require(kinds.last) else {
      Issue.record("the last thing was an answer")
      return
    }
    #expect(record.content == .icmp(type: 0, code: 0))
  }

  /// Whoever watches sees the states in order, though with Fast Open no record of a handshake comes first.
  @Test(.requirement("7413-2"))
  func aFastOpenGoesFromListenToSynReceived() throws {
    var tcp = TCPConfiguration()
    tcp.fastOpen = true
    let talk = Conversation(tcp: tcp)
    talk.listen(fastOpenLimit: 10)
    var options = TCPOptions.synchronize(mss: 1000)
    options.fastOpen = .request
    talk.receive("S", seq: 0, options: options)
    let cookie = try #require(talk.expect("S.", seq: 0, ack: 1)?.header.options.fastOpen)
    talk.use(
      nil, hostPort: talk.hostPort, peerPort: talk.peerPort + 1, hostStart: nil, peerStart: talk.peerStart)
    options.fastOpen = cookie
    talk.takeObservations()
    talk.receive("S", seq: 0, length: 100, options: options)
    talk.expect("S.", seq: 0, ack: 101)
    let changes = talk.takeObservations().compactMap { observation -> [TCPState]? in
      if case .stateChanged(_, let from, let to) = observation.kind { [from, to] } else { nil }
    }
    #expect(changes == [[.listen, .synReceived]])
  }
}
