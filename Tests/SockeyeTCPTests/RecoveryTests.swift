// Loss recovery with SACK: RACK-TLP, proportional rate reduction, and what undoes them (RFC 8985, RFC 9937, RFC 2018,
// RFC 2883, RFC 3522). What follows from each in particular is RepairTests.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct RecoveryTests {
  // MARK: RACK

  @Test(.requirement("6675-3", "6675-5", "8985-4", "8985-6", "2018-6"))
  func threeSegmentsAboveAGapShowALossAtOnce() {
    let talk = Conversation.repairing(10_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 1001..<2001)
    talk.acknowledge(1, holding: 1001..<3001)
    talk.expectNothing()
    talk.acknowledge(1, holding: 1001..<4001)
    talk.expectCopy(1..<1001, .overdue)
    talk.expectNothing()
    #expect(talk.status?.statistics.fastRecoveries == 1)
    #expect(talk.status?.slowStartThreshold == 5000)
  }

  @Test(.requirement("8985-4", "8985-6", "8985-12"))
  func oneSegmentAboveAGapShowsALossWithinAQuarterOfTheRoundTrip() {
    let talk = Conversation.repairing(10_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 1001..<2001)
    talk.expectCopy(1..<1001, .overdue, after: .milliseconds(25))
    talk.expectNothing()
  }

  @Test(.requirement("8985-3", "8985-4"))
  func afterReorderingWasSeenThreeSegmentsShowNothing() {
    let talk = Conversation.repairing(20_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    // The first comes ten milliseconds late.
    talk.acknowledge(1, holding: 1001..<2001)
    talk.advance(.milliseconds(10))
    talk.acknowledge(4001)
    talk.takeSent()
    #expect(talk.status?.reorderingSeen == true)
    talk.acknowledge(4001, holding: 5001..<8001)
    #expect(talk.takeSent().allSatisfy { talk.sequence(of: $0) > 10_000 })
    talk.advance(.milliseconds(10))
    #expect(talk.takeSent().allSatisfy { talk.sequence(of: $0) > 10_000 })
    talk.acknowledge(8001)
    talk.advance(.milliseconds(50))
    #expect(talk.status?.statistics.segmentsRetransmitted == 0)
    #expect(talk.status?.statistics.fastRecoveries == 0)
  }

  @Test(.requirement("8985-1", "8985-6", "8985-8"))
  func aCopyThatIsLostIsSentAgainWithoutATimeout() {
    let talk = Conversation.repairing(30_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 1001..<4001)
    let sent = talk.takeSent()
    #expect(talk.sequence(of: sent[0]) == 1)
    // What leaves after the copy arrives, and the copy does not.
    talk.advance(.milliseconds(50))
    talk.acknowledge(1, holding: 1001..<10_001)
    let later = talk.takeSent()
    let last = later.last.map { talk.sequence(of: $0) + 1000 } ?? 0
    #expect(last > 11_001)
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 1001..<last)
    talk.expectCopy(1..<1001, .overdue)
    #expect(talk.status?.statistics.retransmissionTimeouts == 0)
  }

  @Test(.requirement("6675-1", "2018-4"))
  func whatThePeerThrowsAwayIsSentAgain() {
    let talk = Conversation.repairing(5000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 1001..<5001)
    talk.expectCopy(1..<1001, .overdue)
    talk.advance(.milliseconds(100))
    // It has lost what it said it held.
    talk.acknowledge(1001)
    talk.expectCopy(1001..<2001, .overdue)
    var next = 2001
    for _ in 0..<6 {
      talk.advance(.milliseconds(100))
      talk.acknowledge(next)
      for segment in talk.takeSent() { next = max(next, talk.sequence(of: segment) + segment.payload.count) }
    }
    talk.acknowledge(5001)
    #expect(talk.status?.outstanding == 0)
  }

  // MARK: Timeouts

  @Test(.requirement("6675-8", "6675-9", "8985-7", "2018-5"))
  func afterATimeoutTheLeftEdgeIsSentWhateverThePeerHolds() {
    let talk = Conversation.repairing(10_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 1001..<2001)
    talk.expectCopy(1..<1001, .overdue, after: .milliseconds(25))
    // Nothing more is heard: neither copy nor answer arrives.
    talk.expectCopy(1..<1001, .timeout, after: .seconds(1))
    #expect(talk.status?.congestionWindow == 1000)
    talk.advance(.milliseconds(100))
    talk.acknowledge(1001)
    // What was held is not believed any more.
    talk.expectCopy(1001..<2001, .afterTimeout)
    talk.expectCopy(2001..<3001, .afterTimeout)
    talk.expectNothing()
  }

  @Test(.requirement("5682-7"))
  func aTimeoutIsUndoneWhenTheOriginalAnswers() {
    let talk = Conversation.repairing(10_000, timestamps: true)
    let original = talk.takeSent()
    #expect(original.count == 10)
    let window = talk.status?.congestionWindow
    // The path holds everything up for two seconds.
    talk.advance(.milliseconds(1_500))
    #expect(talk.status?.statistics.retransmissionTimeouts == 1)
    talk.takeSent()
    talk.advance(.milliseconds(500))
    talk.peerTimestamp = TimestampOption(
      value: 7000, echo: original[0].header.options.timestamps?.value ?? 0)
    talk.acknowledge(2001)
    #expect(talk.status?.statistics.spuriousRecoveries == 1)
    #expect((talk.status?.congestionWindow ?? 0) >= (window ?? .max))
    talk.acknowledge(10_001)
    #expect(talk.status?.statistics.segmentsRetransmitted == 2)
  }

  /// RFC 9293 §3.8.6: the window has shrunk, and what is sent again keeps to it.
  @Test(.requirement("SHLD-16"))
  func copiesKeepToAWindowThatHasShrunk() {
    let talk = Conversation.repairing(10_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    // 23 units of 64 octets hold the first of the two that are lost.
    talk.peerWindow = 23
    talk.acknowledge(1, holding: 2001..<9001)
    talk.expectCopy(1..<1001, .overdue)
    talk.expectNothing()
    talk.peerWindow = 100
    talk.acknowledge(1, holding: 2001..<9001)
    talk.expectCopy(1001..<2001, .overdue)
  }

  // MARK: Tail-loss probes

  @Test(.requirement("8985-9", "8985-10"))
  func theEndOfAFlightIsProbedAfterTwoRoundTrips() {
    let talk = Conversation.repairing(3000)
    talk.takeSent()
    talk.expectCopy(2001..<3001, .tailLossProbe, "P.", after: .milliseconds(200))
    // One probe, and then the RTO.
    talk.expectNothing(for: .milliseconds(999))
    talk.expectCopy(1..<1001, .timeout, after: .milliseconds(1))
  }

  @Test(.requirement("8985-9"))
  func aSingleSegmentIsGivenTimeForADelayedAcknowledgment() {
    let talk = Conversation.repairing(1000)
    talk.takeSent()
    talk.expectCopy(1..<1001, .tailLossProbe, "P.", after: .milliseconds(400))
  }

  @Test(.requirement("8985-10"))
  func aProbeTakesNewDataBeyondTheCongestionWindow() {
    let talk = Conversation.repairing(20_000)
    #expect(talk.takeSent().count == 10)
    let probe = talk.expect(".", seq: 10_001, length: 1000, after: .milliseconds(200))
    #expect(probe?.purpose == .tailLossProbe)
    talk.expectNothing()
  }

  @Test(.requirement("8985-10"))
  func aProbeRespectsThePeersWindow() {
    let talk = Conversation.repairing(20_000, window: 157)
    // 157 units of 64 octets are ten segments and a little.
    talk.takeSent()
    talk.expectCopy(9001..<10_001, .tailLossProbe, after: .milliseconds(200))
  }

  @Test(.requirement("8985-11"))
  func aProbeThatRepairedALossHalvesTheWindow() {
    let talk = Conversation.repairing(3000)
    talk.takeSent()
    talk.expectCopy(2001..<3001, .tailLossProbe, "P.", after: .milliseconds(200))
    talk.write(1000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(4001)
    #expect((talk.status?.congestionWindow ?? .max) < 10_000)
  }

  @Test(.requirement("8985-11", "2883-3"))
  func aProbeThatCameTwiceChangesNothing() {
    let talk = Conversation.repairing(3000)
    talk.takeSent()
    talk.expectCopy(2001..<3001, .tailLossProbe, "P.", after: .milliseconds(200))
    talk.write(1000)
    talk.takeSent()
    talk.acknowledge(3001)
    talk.acknowledge(3001, holding: 2001..<3001)
    talk.acknowledge(4001)
    #expect((talk.status?.congestionWindow ?? 0) >= 10_000)
    #expect(talk.status?.statistics.duplicatesReported == 1)
  }

  /// The word of the duplicate comes when nothing is outstanding any more, as after every short answer.
  @Test(.requirement("8985-11", "2883-3"))
  func aProbeThatCameTwiceAtTheEndOfAllDataChangesNothing() {
    let talk = Conversation.repairing(3000)
    talk.takeSent()
    talk.expectCopy(2001..<3001, .tailLossProbe, "P.", after: .milliseconds(200))
    talk.acknowledge(3001)
    talk.acknowledge(3001, holding: 2001..<3001)
    talk.write(1000)
    talk.takeSent()
    talk.acknowledge(4001)
    #expect((talk.status?.congestionWindow ?? 0) >= 10_000)
    #expect(talk.status?.statistics.duplicatesReported == 1)
  }

  /// Once what a probe brought is acknowledged there may be another.
  @Test(.requirement("8985-9", "8985-10"))
  func theNextFlightHasAProbeOfItsOwn() {
    let talk = Conversation.repairing(11_000)
    talk.takeSent()
    let probe = talk.expect("P.", seq: 10_001, length: 1000, after: .milliseconds(200))
    #expect(probe?.purpose == .tailLossProbe)
    talk.advance(.milliseconds(50))
    talk.acknowledge(11_001)
    talk.write(2000)
    talk.takeSent()
    let smoothed = talk.status?.smoothedRoundTrip ?? .zero
    let second = talk.expect("P.", seq: 12_001, length: 1000, within: .seconds(3))
    #expect(second.map { talk.now - $0.at == .zero } == true && smoothed > .zero)
    if case .retransmission(_, _, .tailLossProbe) = second?.purpose { return }
    Issue.record("sent as \(String(describing: second?.purpose))")
  }

  // MARK: Rate reduction

  @Test(.requirement("9937-3", "9937-9", "6675-7", "9937-1", "9937-2", "9937-5", "9937-8"))
  func theWindowComesDownEvenly() {
    let talk = Conversation.repairing(100_000)
    talk.advance(.milliseconds(100))
    // Twenty segments on their way.
    for number in 1...10 { talk.acknowledge(number * 1000 + 1) }
    talk.takeSent()
    #expect(talk.status?.outstanding == 20_000)
    talk.advance(.milliseconds(100))
    // The first of them is lost; each of the others is told of by itself.
    var sent = 0
    for number in 1...19 {
      talk.acknowledge(10_001, holding: 11_001..<11_001 + number * 1000)
      sent += talk.takeSent().count
    }
    // Half as much leaves as arrives, the copy and what left before the loss was known among it.
    #expect((9...11).contains(sent))
    talk.acknowledge(30_001)
    #expect(talk.status?.congestionWindow == talk.status?.slowStartThreshold)
    #expect(talk.status?.statistics.segmentsRetransmitted == 1)
  }

  @Test(.requirement("9937-6", "9937-7"))
  func manyLossesAreRepairedNoFasterThanSlowStart() {
    let talk = Conversation.repairing(20_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    // Only the last three arrive.
    talk.acknowledge(1, holding: 7001..<8001)
    talk.acknowledge(1, holding: 7001..<9001)
    talk.takeSent()
    talk.acknowledge(1, holding: 7001..<10_001)
    let first = talk.takeSent()
    #expect(talk.sequence(of: first[0]) == 1)
    #expect(first.count <= 3)
    talk.advance(.milliseconds(100))
    talk.acknowledge(1001, holding: 7001..<10_001)
    #expect(talk.takeSent().count <= 2)
  }

  // MARK: Undoing

  @Test(.requirement("2883-3"))
  func aRecoveryIsUndoneWhenEveryCopyCameTwice() {
    let talk = Conversation.repairing(10_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 1001..<4001)
    talk.expectCopy(1..<1001, .overdue)
    #expect((talk.status?.slowStartThreshold ?? .max) == 5000)
    // It was only late.
    talk.acknowledge(4001)
    talk.acknowledge(10_001, holding: 1..<1001)
    #expect(talk.status?.statistics.spuriousRecoveries == 1)
    #expect((talk.status?.congestionWindow ?? 0) >= 10_000)
    #expect((talk.status?.slowStartThreshold ?? 0) > 5000)
  }

  /// RFC 3522 §3.2: only the first ACK that covers the first copy tells which of the two it answers.
  @Test(.requirement("2883-3"))
  func aLaterAcknowledgmentWithAnOldEchoUndoesNothing() {
    let talk = Conversation.repairing(10_000, timestamps: true)
    let original = talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 1001..<4001)
    let copy = talk.takeSent().first { talk.sequence(of: $0) == 1 }
    #expect(copy != nil)
    talk.advance(.milliseconds(100))
    talk.peerTimestamp = TimestampOption(value: 5300, echo: copy?.header.options.timestamps?.value ?? 0)
    talk.acknowledge(4001)
    #expect(talk.status?.statistics.spuriousRecoveries == 0)
    talk.peerTimestamp = TimestampOption(value: 5301, echo: original[5].header.options.timestamps?.value ?? 0)
    talk.acknowledge(7001)
    #expect(talk.status?.statistics.spuriousRecoveries == 0)
    #expect(talk.status?.recoveryPhase == .recovery)
  }

  /// Copies whose ACKs are lost answer nothing: their time is no round trip.
  @Test(.requirement("6298-5"))
  func anAcknowledgmentThatTellsOfDuplicatesIsNoMeasure() {
    let talk = Conversation.repairing(1000, timestamps: true)
    let first = talk.takeSent()[0]
    let before = talk.status?.smoothedRoundTrip
    talk.advance(.seconds(8))
    #expect(talk.takeSent().count >= 3)
    talk.peerTimestamp = TimestampOption(value: 14_000, echo: first.header.options.timestamps?.value ?? 0)
    talk.acknowledge(1001, holding: 1..<1001)
    #expect(talk.status?.outstanding == 0)
    #expect(talk.status?.smoothedRoundTrip == before)
  }

  // MARK: Forgeries

  @Test func blocksOfWhatWasNeverSentCountForNothing() {
    let talk = Conversation.repairing(10_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 11_001..<14_001, 20_001..<30_001)
    talk.acknowledge(1, holding: 1..<5001)
    talk.acknowledge(1, holding: -10_000 ..< -5000)
    talk.expectNothing(for: .milliseconds(50))
    #expect(talk.status?.statistics.fastRecoveries == 0)
    #expect(talk.status?.outstanding == 10_000)
  }
}
