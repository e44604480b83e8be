// F-RTO (RFC 5682): a timeout that was for nothing is noticed without timestamps, and one that was not is repaired.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct SpuriousTimeoutTests {
  /// A connection over a path of 100 ms on which ten segments of 1000 octets have left, and the timer has run out.
  private func timedOut(sack: Bool, written: Int = 30_000, isPaced: Bool = false) -> Conversation {
    var tcp = TCPConfiguration()
    tcp.congestionControl = .newReno
    tcp.pacing = isPaced
    let talk = Conversation(tcp: tcp)
    talk.listen()
    talk.receive("S", seq: 0, options: .synchronize(mss: 1000, windowScale: 6, sackPermitted: sack))
    talk.expect("S.", seq: 0, ack: 1)
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    talk.write(written)
    if isPaced { talk.advance(.milliseconds(100)) }
    #expect(talk.takeSent().count == 10)
    // A tail-loss probe beyond the window belongs to SACK.
    if sack {
      talk.advance(.milliseconds(200))
      #expect(talk.takeSent().count == 1)
    }
    talk.expect(".", seq: 1, length: 1000, within: .seconds(2))
    #expect(talk.status?.statistics.retransmissionTimeouts == 1)
    #expect(talk.status?.congestionWindow == 1000)
    return talk
  }

  private func expectUndone(_ talk: Conversation, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(talk.status?.statistics.spuriousRecoveries == 1, sourceLocation: sourceLocation)
    #expect(talk.status?.statistics.segmentsRetransmitted == 1, sourceLocation: sourceLocation)
    #expect(talk.status?.recoveryPhase == .open, sourceLocation: sourceLocation)
    #expect((talk.status?.congestionWindow ?? 0) >= 10_000, sourceLocation: sourceLocation)
  }

  private func expectNotUndone(_ talk: Conversation, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(talk.status?.statistics.spuriousRecoveries == 0, sourceLocation: sourceLocation)
    #expect((talk.status?.congestionWindow ?? .max) <= 3000, sourceLocation: sourceLocation)
  }

  // MARK: Without SACK

  @Test(.requirement("5682-1", "5682-3", "5682-4"))
  func twoAcknowledgmentsThatAdvanceShowThatTheOriginalsAreArriving() {
    let talk = timedOut(sack: false)
    talk.acknowledge(1001)
    talk.expect(".", seq: 10_001, length: 1000)
    talk.expect(".", seq: 11_001, length: 1000)
    talk.expectNothing()
    talk.acknowledge(2001)
    expectUndone(talk)
    talk.acknowledge(12_001)
    #expect(talk.takeSent().allSatisfy { talk.sequence(of: $0) >= 12_001 })
  }

  /// RFC 4015 §3.2: the window is what is outstanding and what this ACK has told of, which is what it was before and what
  /// slow start adds.
  @Test(.requirement("5682-4", "5682-7"))
  func theWindowIsWhatItWasBeforeAndGrowsOn() {
    let talk = timedOut(sack: false)
    #expect(talk.status?.congestionWindow == 1000)
    talk.acknowledge(1001)
    talk.acknowledge(2001)
    expectUndone(talk)
    #expect(talk.status?.congestionWindow == 11_000)
    talk.acknowledge(3001)
    #expect(talk.status?.congestionWindow == 12_000)
  }

  /// Probes of a closed window are no answer to look at: when it opens again the copies go on.
  @Test(.requirement("5682-2", "MUST-35"))
  func aWindowThatClosesMeanwhileEndsTheLook() {
    let talk = timedOut(sack: false)
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.expectNothing()
    let probe = talk.expect(".", seq: 1, length: 1, within: .seconds(3))
    #expect(probe?.purpose == .zeroWindowProbe(count: 1))
    talk.acknowledge(1)
    talk.expect(".", seq: 1, length: 1000)
    talk.expectNothing()
  }

  /// Once all that was outstanding has been acknowledged, the timeout is history, and duplicates tell of a loss again.
  @Test func duplicatesCountAgainAfterwards() {
    let talk = timedOut(sack: false)
    talk.acknowledge(10_001)
    talk.takeSent()
    talk.acknowledge(11_001)
    talk.acknowledge(12_001)
    talk.takeSent()
    for _ in 0..<3 { talk.acknowledge(12_001) }
    #expect(talk.takeSent().contains { talk.sequence(of: $0) == 12_001 })
    #expect(talk.status?.statistics.retransmissionTimeouts == 1)
  }

  @Test(.requirement("5682-2"))
  func aDuplicateFirstIsNoAnswer() {
    let talk = timedOut(sack: false)
    talk.acknowledge(1)
    talk.expectNothing()
    talk.acknowledge(1001)
    talk.expect(".", seq: 1001, length: 1000)
    talk.expect(".", seq: 2001, length: 1000)
    talk.expectNothing()
    expectNotUndone(talk)
  }

  @Test(.requirement("5682-2"), arguments: [false, true])
  func anAcknowledgmentOfEverythingIsNoAnswer(_ sack: Bool) {
    let talk = timedOut(sack: sack)
    talk.acknowledge(sack ? 11_001 : 10_001)
    expectNotUndone(talk)
    #expect(talk.takeSent().count == 2)
    #expect(talk.status?.statistics.segmentsRetransmitted == 1)
  }

  @Test(.requirement("5682-2"), arguments: [false, true])
  func anAcknowledgmentOfAPartOfTheCopyIsNoAnswer(_ sack: Bool) {
    let talk = timedOut(sack: sack)
    talk.acknowledge(501)
    let copies = talk.takeSent()
    #expect(copies.first.map { talk.sequence(of: $0) } == 1001)
    expectNotUndone(talk)
  }

  @Test(.requirement("5682-4"))
  func aDuplicateSecondMeansThatTheRestIsLost() {
    let talk = timedOut(sack: false)
    talk.acknowledge(2001)
    #expect(talk.takeSent().count == 2)
    talk.acknowledge(2001)
    expectNotUndone(talk)
    #expect(talk.takeSent().first.map { talk.sequence(of: $0) } == 2001)
  }

  @Test(.requirement("5682-3"), arguments: [false, true])
  func withNothingNewToSendTheCopiesGoOn(_ sack: Bool) {
    let talk = timedOut(sack: sack, written: sack ? 11_000 : 10_000)
    talk.acknowledge(1001)
    #expect(talk.takeSent().first.map { talk.sequence(of: $0) } == 1001)
    expectNotUndone(talk)
  }

  @Test(.requirement("5682-3"))
  func aWindowWithoutRoomLetsTheCopiesGoOn() {
    let talk = timedOut(sack: false)
    // 141 units of 64 octets end with what is outstanding.
    talk.peerWindow = 141
    talk.acknowledge(1001)
    #expect(talk.takeSent().first.map { talk.sequence(of: $0) } == 1001)
  }

  @Test(.requirement("5682-3"))
  func whatIsNewMayBeSmall() {
    let talk = timedOut(sack: false, written: 10_010)
    talk.acknowledge(1001)
    talk.expect("P.", seq: 10_001, length: 10)
    talk.acknowledge(2001)
    expectUndone(talk)
  }

  @Test(.requirement("5682-1", "5682-6"), arguments: [false, true])
  func aSecondTimeoutInTheSameRepairIsNotLookedInto(_ sack: Bool) {
    let talk = timedOut(sack: sack)
    talk.acknowledge(1001)
    #expect(talk.takeSent().count == 2)
    talk.expect(".", seq: 1001, length: 1000, within: .seconds(4))
    talk.acknowledge(2001)
    #expect(talk.takeSent().first.map { talk.sequence(of: $0) } == 2001)
    talk.acknowledge(4001)
    expectNotUndone(talk)
  }

  // MARK: With SACK

  @Test(.requirement("5682-5", "5682-7"))
  func withSackTheOriginalsShowByTheirBlocks() {
    let talk = timedOut(sack: true)
    let before = talk.status?.smoothedRoundTrip
    // Overtaken by the second, the first is still on its way.
    talk.acknowledge(1, holding: 1001..<2001)
    talk.expectNothing()
    talk.acknowledge(2001)
    talk.expect(".", seq: 11_001, length: 1000)
    talk.expect(".", seq: 12_001, length: 1000)
    talk.expectNothing()
    talk.acknowledge(2001, holding: 3001..<4001)
    expectUndone(talk)
    // The path is slower than was thought.
    #expect((talk.status?.smoothedRoundTrip ?? .zero) > (before ?? .zero))
    // The copy arrives as well, which shows the same once more and changes nothing.
    let window = talk.status?.congestionWindow
    talk.acknowledge(2001, holding: 1..<1001, 3001..<4001)
    #expect(talk.status?.statistics.spuriousRecoveries == 1 && talk.status?.congestionWindow == window)
  }

  /// With a pace, too, two new segments leave and no copy.
  @Test(.requirement("5682-5"))
  func theNewSegmentsKeepThePace() {
    let talk = timedOut(sack: true, isPaced: true)
    talk.acknowledge(1, holding: 1001..<2001)
    talk.expectNothing(for: .milliseconds(10))
    talk.acknowledge(2001)
    talk.expect(".", seq: 11_001, length: 1000, within: .seconds(1))
    talk.expect(".", seq: 12_001, length: 1000, within: .seconds(1))
    talk.acknowledge(2001, holding: 3001..<4001)
    expectUndone(talk)
  }

  @Test(.requirement("5682-5"))
  func withSackNewsOfTheNewSegmentsMeansThatTheRestIsLost() {
    let talk = timedOut(sack: true)
    talk.acknowledge(1001)
    #expect(talk.takeSent().count == 2)
    talk.acknowledge(1001, holding: 11_001..<12_001)
    expectNotUndone(talk)
    #expect(talk.takeSent().first.map { talk.sequence(of: $0) } == 1001)
  }

  @Test(.requirement("5682-6"))
  func aTimeoutInARepairIsNotLookedInto() {
    let talk = timedOut(sack: true)
    // The first timeout's repair is over, and a second begins with a loss.
    talk.acknowledge(11_001)
    let sent = talk.takeSent().count
    #expect(sent == 2)
    talk.advance(.milliseconds(100))
    talk.acknowledge(13_001)
    #expect(talk.takeSent().count == 3)
    talk.advance(.milliseconds(100))
    talk.acknowledge(16_001)
    #expect(talk.takeSent().count == 4)
    talk.acknowledge(16_001, holding: 17_001..<20_001)
    #expect(talk.takeSent().contains { talk.sequence(of: $0) == 16_001 })
    talk.expect(".", seq: 16_001, length: 1000, within: .seconds(4))
    talk.acknowledge(17_001)
    let copies = talk.takeSent()
    #expect(!copies.isEmpty && copies.allSatisfy { talk.sequence(of: $0) < 20_001 })
    talk.acknowledge(19_001)
    #expect(talk.status?.statistics.spuriousRecoveries == 0)
  }
}
