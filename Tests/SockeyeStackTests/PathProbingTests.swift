// Probing of the path MTU segment by segment: when a probe leaves, and what its fate does to the window (RFC 4821 §7,
// RFC 8899 §3).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct PathProbingTests {
  /// A connection over a path of 100 ms to a peer that takes 1460 octets a segment; it begins with packets of 1024.
  private func talk(
    window: UInt16 = 65_535, sack: Bool = true, _ change: (inout TCPConfiguration) -> Void = { _ in }
  ) -> Conversation {
    var tcp = TCPConfiguration()
    tcp.congestionControl = .newReno
    tcp.pathProbing = .always
    tcp.noDelay = true
    change(&tcp)
    let talk = Conversation(tcp: tcp)
    talk.peerWindow = window
    talk.listen()
    talk.receive("S", seq: 0, win: window, options: .synchronize(mss: 1460, sackPermitted: sack))
    talk.expect("S.", seq: 0, ack: 1)
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    talk.takeSent()
    return talk
  }

  private func isProbe(_ segment: SentSegment?, of length: Int) -> Bool {
    segment?.purpose == .pathProbe(packetLength: length)
  }

  @Test(.requirement("4821-2", "8899-3"))
  func aProbeIsTextInOneLargePacketThatMayNotBeCut() throws {
    let talk = talk()
    talk.write(20_000)
    let probe = try #require(talk.expect(".", seq: 1, length: 1460))
    #expect(isProbe(probe, of: 1500) && probe.packet.count == 1500)
    #expect(probe.packet[6] & 0x40 != 0, "DF")
    talk.expectText(1461..<9333, each: 984, pushed: false)
    talk.expectNothing()
  }

  @Test(.requirement("4821-2"))
  func noProbeLeavesWithoutTextBehindIt() {
    let talk = talk()
    // One octet less than the probe and three segments.
    talk.write(1460 + 3 * 984 - 1)
    talk.expectText(1..<4412, each: 984)
    talk.receive(".", seq: 1, ack: 4412)
    talk.write(1460 + 3 * 984)
    #expect(isProbe(talk.expect(".", seq: 4412, length: 1460), of: 1500))
  }

  @Test(.requirement("4821-2"))
  func noProbeLeavesThatTheWindowsHaveNoRoomFor() {
    let narrow = talk(window: 4000)
    narrow.write(20_000)
    for segment in narrow.takeSent() { #expect(segment.payload.count == 984) }
    // The window that is in use is held back until there is room for a large segment.
    let wide = talk(window: 5000)
    wide.write(4000)
    wide.expectText(1..<4001, each: 984)
    wide.write(20_000)
    wide.expectNothing()
    wide.receive(".", seq: 1, ack: 4001)
    #expect(isProbe(wide.expect(".", seq: 4001, length: 1460), of: 1500))
  }

  @Test(.requirement("4821-2"))
  func noProbeLeavesWhileAnotherIsUnderWayOrSomethingIsMissing() {
    let talk = talk()
    talk.write(60_000)
    #expect(isProbe(talk.takeSent().first, of: 1500))
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1, options: talk.holding([2445..<3429]))
    talk.receive(".", seq: 1, ack: 1, options: talk.holding([2445..<5397]))
    for segment in talk.takeSent() where talk.sequence(of: segment) > 1 {
      #expect(segment.payload.count <= 984)
    }
  }

  @Test(.requirement("4821-4", "8899-2"))
  func aProbeThatPassesMakesLargerSegmentsAndNoLargerWindow() throws {
    let talk = talk()
    talk.write(60_000)
    let before = try #require(talk.status)
    #expect(before.segmentSize == 984 && before.congestionWindow == 9840)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1461)
    let after = try #require(talk.status)
    #expect(after.segmentSize == 1460)
    #expect(after.congestionWindow == before.congestionWindow + 1460, "slow start, and nothing else")
    for segment in talk.takeSent() { #expect(segment.payload.count == 1460) }
    #expect(after.statistics.pathProbes == 1 && after.statistics.pathProbesLost == 0)
  }

  @Test(.requirement("4821-3", "8899-2"))
  func aProbeThatGetsLostCostsNothingOfTheWindow() throws {
    let talk = talk()
    talk.write(60_000)
    let before = try #require(talk.status)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1, options: talk.holding([1461..<2445]))
    talk.receive(".", seq: 1, ack: 1, options: talk.holding([1461..<3429]))
    talk.takeSent()
    talk.receive(".", seq: 1, ack: 1, options: talk.holding([1461..<4413]))
    let copies = talk.takeSent()
    #expect(copies.first.map(talk.sequence(of:)) == 1 && copies.first?.payload.count == 984)
    #expect(copies.dropFirst().first?.payload.count == 1460 - 984)
    let after = try #require(talk.status)
    #expect(after.congestionWindow >= before.congestionWindow)
    #expect(after.slowStartThreshold == before.slowStartThreshold)
    #expect(after.statistics.fastRecoveries == 0 && after.statistics.pathProbesLost == 1)
    #expect(after.segmentSize == 984)
    // No further probe for a window of round trips, however much is acknowledged.
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 20_000)
    for segment in talk.takeSent() { #expect(segment.payload.count <= 984) }
  }

  @Test(.requirement("4821-3"))
  func aProbeThatGetsLostWithOthersSaysNothingAndIsCongestion() throws {
    let talk = talk()
    talk.write(60_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    // The segment behind the probe is missing, too.
    for end in [3429, 4413, 5397, 6381] {
      talk.receive(".", seq: 1, ack: 1, options: talk.holding([2445..<end]))
    }
    let status = try #require(talk.status)
    #expect(status.statistics.fastRecoveries == 1 && status.statistics.pathProbesLost == 0)
    #expect(status.slowStartThreshold < 9840)
  }

  @Test(.requirement("4821-3"))
  func aLostProbeWhoseCopyIsLostIsCongestion() throws {
    let talk = talk()
    talk.write(60_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1, options: talk.holding([1461..<4413]))
    #expect(talk.takeSent().contains { talk.sequence(of: $0) == 1 })
    #expect(talk.status?.statistics.fastRecoveries == 0)
    // What left after the copies arrives, and they don't.
    let next = 9333
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1, options: talk.holding([1461..<next]))
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1, options: talk.holding([1461..<next + 2 * 984]))
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1, options: talk.holding([1461..<next + 4 * 984]))
    #expect(talk.status?.statistics.fastRecoveries == 1)
  }

  @Test(.requirement("8899-1", "1191-2"))
  func aMessageAboutAProbeBoundsTheSearchIfItCanBeTrue() throws {
    let talk = talk()
    talk.write(60_000)
    let probe = try #require(talk.takeSent().first)
    // More than what was too big.
    talk.receiveError(type: 3, code: 4, rest: 1600, about: probe)
    #expect(talk.stack.statistics.icmp.errorsIgnored == 1)
    talk.receiveError(type: 3, code: 4, rest: 1400, about: probe)
    #expect(talk.stack.statistics.icmp.errorsAccepted == 1)
    #expect(talk.status?.segmentSize == 984, "a message raises nothing")
    #expect(talk.stack.pathMTU(to: talk.peerAddress) == 1400)
    // The next probe is of what the message said.
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 9333)
    for _ in 0..<4 {
      talk.advance(.milliseconds(100))
      guard let last = talk.takeSent().last else { break }
      talk.receive(".", seq: 1, ack: talk.sequence(of: last) + last.payload.count)
      if talk.status?.segmentSize != 984 { break }
    }
    #expect(talk.status?.segmentSize == 1360)
  }

  @Test(.requirement("4821-2"))
  func noProbeIsLargerThanWhatThePeerTakes() {
    var tcp = TCPConfiguration()
    tcp.pathProbing = .always
    let talk = Conversation(tcp: tcp)
    talk.establish(options: .synchronize(mss: 1200, sackPermitted: true))
    talk.write(20_000)
    #expect(isProbe(talk.expect(".", seq: 1, length: 1200), of: 1240))
    // Where it takes no more than is sent already, there is nothing to look for.
    let small = Conversation(tcp: tcp)
    small.establish(options: .synchronize(mss: 900, sackPermitted: true))
    small.write(20_000)
    for segment in small.takeSent() { #expect(segment.purpose == .data) }
    #expect(small.status?.segmentSize == 900)
  }

  /// RFC 4821 §7.8: a timeout within a window after the size was raised takes the raise back.
  @Test(.requirement("4821-4"))
  func aTimeoutRightAfterALargerSizeWasTakenGivesItUp() throws {
    let talk = talk()
    talk.write(60_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1461)
    #expect(talk.status?.segmentSize == 1460)
    // Nothing more is heard.
    talk.takeSent()
    talk.advance(.seconds(2))
    #expect(talk.status?.statistics.retransmissionTimeouts == 1)
    #expect(talk.status?.segmentSize == 984)
    for segment in talk.takeSent() where talk.sequence(of: segment) == 1461 {
      #expect(segment.payload.count <= 1460)
    }
  }

  /// RFC 4821 §7.6.2: the probe was the first to be missing.
  @Test(.requirement("4821-3"))
  func aProbeThatTimesOutFirstIsLostAndTheNextWaits() throws {
    let talk = talk()
    talk.write(60_000)
    #expect(isProbe(talk.takeSent().first, of: 1500))
    talk.advance(.seconds(2))
    #expect(talk.status?.statistics.retransmissionTimeouts == 1)
    #expect(talk.status?.statistics.pathProbesLost == 1)
    #expect(talk.status?.segmentSize == 984)
    // All of it is repaired, and for five windows of round trips no other leaves.
    talk.takeSent()
    talk.receive(".", seq: 1, ack: 9333)
    for round in 0..<5 {
      talk.advance(.milliseconds(20))
      let sent = talk.takeSent()
      #expect(sent.allSatisfy { $0.payload.count <= 984 }, "\(round)")
      let next = sent.map { talk.sequence(of: $0) + $0.payload.count }.max() ?? 9333
      talk.receive(".", seq: 1, ack: next)
    }
  }

  @Test(.requirement("8899-1", "1191-2"))
  func aMessageAboutOrdinaryTextLowersWhatIsSentAtOnce() throws {
    let talk = talk()
    talk.write(60_000)
    let ordinary = try #require(talk.takeSent().last)
    talk.receiveError(type: 3, code: 4, rest: 900, about: ordinary)
    #expect(talk.status?.segmentSize == 860)
    #expect(talk.takeSent().allSatisfy { $0.payload.count <= 860 })
  }

  @Test(.requirement("4821-2"))
  func aPeerThatCannotTellWhatItHoldsIsNotProbed() throws {
    let talk = talk(sack: false)
    talk.write(20_000)
    let sent = talk.takeSent()
    for segment in sent { #expect(segment.payload.count == 1460 && segment.purpose == .data) }
    // What a router says is taken as it is.
    try talk.receiveError(type: 3, code: 4, rest: 1400, about: #require(sent.last))
    #expect(talk.status?.segmentSize == 1360)
  }

  @Test func aBaseThatNoConnectionCanWorkWithIsRefused() {
    var tcp = TCPConfiguration()
    tcp.pathProbingBase = 67
    #expect(throws: ConfigurationError.self) { try tcp.validate() }
    tcp.pathProbingBase = 68
    #expect(throws: Never.self) { try tcp.validate() }
  }

  /// After a silence the window is the restart window (RFC 5681 §4.1), and that has to have room for the probe and what
  /// belongs behind it.
  @Test(.requirement("4821-2", "5681-10"))
  func noProbeLeavesThatTheRestartWindowHasNoRoomFor() {
    let talk = Conversation(
      mtu: 9_000,
      tcp: {
        var tcp = TCPConfiguration()
        tcp.congestionControl = .newReno
        tcp.pathProbing = .always
        tcp.noDelay = true
        return tcp
      }())
    talk.establish(options: .synchronize(mss: 8_960, windowScale: 4, sackPermitted: true))
    // No probe leaves: with three segments behind it would be 11 912 octets.
    for end in [11_001, 22_001] {
      talk.write(11_000)
      talk.receive(".", seq: 1, ack: end - 1_160)
      talk.receive(".", seq: 1, ack: end)
    }
    #expect(talk.takeSent().allSatisfy { $0.payload.count <= 984 })
    #expect((talk.status?.congestionWindow ?? 0) >= 11_912)
    talk.advance(.seconds(10))
    talk.write(50_000)
    let sent = talk.takeSent()
    #expect(sent.allSatisfy { $0.payload.count == 984 })
    #expect(sent.count == 10)
    #expect(talk.status?.congestionWindow == 9_840)
  }

  /// A probe whose text leaves again in small segments proves nothing when it is acknowledged. Here the peer has closed its
  /// window, and opens it again.
  @Test(.requirement("4821-3"))
  func aProbeThatLeavesAgainInPartsIsInconclusive() throws {
    let talk = talk()
    talk.write(6_000)
    #expect(isProbe(talk.expect(".", seq: 1, length: 1460), of: 1500))
    talk.takeSent()
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.expect(".", seq: 1, length: 1, within: .seconds(5))
    talk.receive(".", seq: 1, ack: 1)
    let copies = talk.takeSent()
    #expect(copies.first.map { talk.sequence(of: $0) } == 1)
    #expect(copies.allSatisfy { $0.payload.count <= 984 })
    talk.receive(".", seq: 1, ack: 6_001)
    #expect(talk.status?.pathMTU == 1_024)
  }
}
