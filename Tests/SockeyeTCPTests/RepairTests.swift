// What an ACK says of what was lost, what came twice and what was held leads to exactly what it should: the memory of RACK
// between recoveries, the end of tail-loss probes, the undoing of repairs, and what a timeout leaves behind (RFC 8985,
// RFC 2883, RFC 3522, RFC 2018 §8). How losses are found and repaired in general is RecoveryTests.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero) struct RepairTests {
  // MARK: What is measured

  @Test(.requirement("8985-2"))
  func whatThePeerHoldsMeasuresTheShortestRoundTrip() {
    let talk = Conversation.repairing(10_000)
    talk.takeSent()
    talk.advance(.milliseconds(60))
    talk.acknowledge(1, holding: 1001..<2001)
    #expect(talk.status?.minimumRoundTrip == .milliseconds(60))
    #expect(talk.status?.smoothedRoundTrip == .milliseconds(100), "it acknowledges nothing")
  }

  @Test func aDeliveryRateIsTheApplicationsWhileItHasNothingToSend() {
    let talk = Conversation.repairing(1000)
    for number in 1...2 {
      talk.takeSent()
      talk.advance(.milliseconds(100))
      talk.acknowledge(1 + number * 1000)
      talk.write(1000)
    }
    talk.takeSent()
    #expect(talk.status?.deliveryIsApplicationLimited == true)
    talk.write(60_000)
    for number in 4...30 {
      talk.advance(.milliseconds(10))
      talk.acknowledge(1 + number * 1000)
    }
    #expect(talk.status?.deliveryIsApplicationLimited == false)
  }

  @Test(.requirement("2018-4"))
  func blocksCountInWhateverOrderTheyCome() {
    for blocks in [[2001..<3001, 4001..<5001, 7001..<9001], [7001..<9001, 2001..<3001, 4001..<5001]] {
      let talk = Conversation.repairing(10_000)
      talk.takeSent()
      talk.advance(.milliseconds(100))
      talk.receive(".", seq: 1, ack: 1, options: talk.holding(blocks))
      #expect(talk.status?.selectivelyAcknowledged == 4000)
      #expect(talk.status?.reorderingSeen == false, "one ACK tells of no order")
    }
  }

  // MARK: The reordering window

  /// A report of a duplicate has made the reordering window twice a quarter of the round trip.
  private func patient() -> Conversation {
    let talk = Conversation.repairing(3000)
    talk.takeSent()
    talk.expectCopy(2001..<3001, .tailLossProbe, "P.", after: .milliseconds(200))
    talk.acknowledge(3001, holding: 2001..<3001)
    return talk
  }

  /// The first of two segments is lost, which shows after so long, and is repaired.
  private func loseOne(
    _ talk: Conversation, from start: Int, after wait: Interval,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    talk.write(2000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(start, holding: start + 1000..<start + 2000)
    talk.expectCopy(start..<start + 1000, .overdue, after: wait, sourceLocation: sourceLocation)
    talk.acknowledge(start + 2000)
    talk.expectNothing(sourceLocation: sourceLocation)
  }

  @Test(.requirement("8985-5"))
  func afterAReportOfADuplicateLossesAreWaitedForLonger() {
    loseOne(patient(), from: 3001, after: .milliseconds(50))
  }

  @Test(.requirement("8985-5"))
  func sixteenRecoveriesWithoutSuchAReportEndThePatience() {
    let talk = patient()
    for number in 0..<16 { loseOne(talk, from: 3001 + number * 2000, after: .milliseconds(50)) }
    loseOne(talk, from: 35_001, after: .milliseconds(25))
  }

  @Test(.requirement("8985-5"))
  func whatATimeoutRepairsIsARecoveryToo() {
    let talk = patient()
    var start = 3001
    for _ in 0..<15 {
      talk.write(2000)
      talk.advance(.milliseconds(2500))
      talk.acknowledge(start + 2000)
      // A round trip that is measured ends the back-off.
      talk.write(1000)
      talk.advance(.milliseconds(100))
      talk.acknowledge(start + 3000)
      start += 3000
    }
    #expect(talk.status?.statistics.retransmissionTimeouts == 15)
    talk.takeSent()
    loseOne(talk, from: start, after: .milliseconds(50))
    loseOne(talk, from: start + 2000, after: .milliseconds(25))
  }

  /// A segment that was found lost late was sent again after new text, which is lost as well. No block says so.
  @Test(.requirement("8985-2", "8985-6"))
  func aCopyThatArrivesShowsWhatLeftBeforeItToBeLost() {
    let talk = Conversation.repairing(2000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 1001..<2001)
    talk.acknowledge(2001)
    #expect(talk.status?.reorderingSeen == true)
    talk.write(5000)
    talk.advance(.milliseconds(50))
    talk.write(5000)
    talk.takeSent()
    talk.advance(.milliseconds(50))
    talk.acknowledge(2001, holding: 3001..<7001)
    talk.expectCopy(2001..<3001, .overdue, after: .milliseconds(25))
    talk.advance(.milliseconds(40))
    talk.write(20_000)
    talk.acknowledge(2001, holding: 3001..<7001, 8001..<12_001)
    #expect(talk.takeSent().map { talk.sequence(of: $0) } == [12_001, 13_001, 14_001])
    // Whether the sixth is late shows when it is time to take it for lost.
    talk.advance(.milliseconds(60))
    talk.acknowledge(7001)
    talk.expectCopy(7001..<8001, .overdue)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(12_001)
    talk.expectCopy(12_001..<13_001, .overdue)
  }

  // MARK: Undoing

  /// Two segments were sent again; of one of them both copies have come.
  @Test(.requirement("8985-3", "2883-3"))
  func oneNeedlessCopyOfSeveralShowsReorderingAndUndoesNothing() {
    let talk = Conversation.repairing(10_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    for end in [5001, 6001, 7001] { talk.acknowledge(1, holding: 2001..<end) }
    talk.expectCopy(1..<1001, .overdue)
    talk.expectCopy(1001..<2001, .overdue)
    #expect(talk.status?.reorderingSeen == false)
    talk.acknowledge(1001, holding: 1..<1001, 2001..<7001)
    #expect(talk.status?.reorderingSeen == true)
    #expect(talk.status?.statistics.spuriousRecoveries == 0)
    #expect(talk.status?.recoveryPhase == .recovery)
  }

  @Test(.requirement("5682-7", "8985-3"))
  func aRecoveryThatTheOriginalAnswersIsOverAtOnce() {
    let talk = Conversation.repairing(10_000, timestamps: true)
    let originals = talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 1001..<4001)
    talk.expectCopy(1..<1001, .overdue)
    #expect(talk.status?.recoveryPhase == .recovery)
    talk.advance(.milliseconds(20))
    talk.peerTimestamp = TimestampOption(
      value: 5220, echo: originals[0].header.options.timestamps?.value ?? 0)
    talk.acknowledge(4001)
    #expect(talk.status?.statistics.spuriousRecoveries == 1)
    #expect(talk.status?.recoveryPhase == .open)
    #expect(talk.status?.reorderingSeen == true)
    #expect((talk.status?.congestionWindow ?? 0) >= 10_000)
  }

  @Test(.requirement("2883-3"))
  func aRepairIsUndoneOnce() {
    let talk = Conversation.repairing(10_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 1001..<4001)
    talk.expectCopy(1..<1001, .overdue)
    talk.acknowledge(4001)
    talk.acknowledge(10_001, holding: 1..<1001)
    #expect(talk.status?.statistics.spuriousRecoveries == 1)
    for number in 11...13 {
      talk.write(1000)
      talk.advance(.milliseconds(100))
      talk.acknowledge(1 + number * 1000)
    }
    #expect(talk.status?.statistics.spuriousRecoveries == 1)
  }

  // MARK: Tail-loss probes

  @Test(.requirement("8985-10", "8985-12"))
  func untilAProbeIsAnsweredThereIsNoOther() {
    let talk = Conversation.repairing(3000)
    talk.takeSent()
    talk.expectCopy(2001..<3001, .tailLossProbe, "P.", after: .milliseconds(200))
    // What is acknowledged lies below what the probe asks about.
    talk.advance(.milliseconds(10))
    talk.acknowledge(1001)
    talk.expectCopy(1001..<2001, .timeout, after: .seconds(1))
  }

  @Test(.requirement("8985-10"))
  func withoutARoundTripSinceTheLastProbeThereIsNoOther() {
    let talk = Conversation.repairing(1000)
    talk.takeSent()
    talk.expectCopy(1..<1001, .tailLossProbe, "P.", after: .milliseconds(400))
    // Both have come, and nobody knows which of them is acknowledged.
    talk.acknowledge(1001, holding: 1..<1001)
    talk.write(1000)
    talk.takeSent()
    talk.expectCopy(1001..<2001, .timeout, "P.", after: .seconds(1))
  }

  /// A flight of ten, of which the last was probed.
  private func probed() -> Conversation {
    let talk = Conversation.repairing(10_000)
    talk.takeSent()
    talk.expectCopy(9001..<10_001, .tailLossProbe, "P.", after: .milliseconds(200))
    return talk
  }

  @Test(.requirement("8985-11"))
  func theLossThatAProbeRepairedCountsOnce() {
    let talk = probed()
    talk.write(40_000)
    talk.acknowledge(10_001)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(11_001)
    let threshold = talk.status?.slowStartThreshold ?? 0
    #expect((4000...7000).contains(threshold))
    for number in 12...20 { talk.acknowledge(1 + number * 1000) }
    #expect(talk.status?.slowStartThreshold == threshold)
  }

  /// RFC 8985 §7.4.2: from a peer that reports no duplicates, a second ACK shows that both copies came.
  @Test(.requirement("8985-11"))
  func aDuplicateAcknowledgmentOfAProbeShowsThatNothingWasLost() {
    let talk = probed()
    talk.acknowledge(10_001)
    talk.write(2000)
    talk.takeSent()
    talk.acknowledge(10_001)
    talk.acknowledge(12_001)
    #expect((talk.status?.congestionWindow ?? 0) >= 10_000)
    #expect((talk.status?.slowStartThreshold ?? 0) >= 1 << 20)
  }

  /// The same when nothing else is under way, as after every short answer; text of the peer's own is no such word.
  @Test(.requirement("8985-11"), arguments: [false, true])
  func theSecondAcknowledgmentMayComeWhenNothingIsOutstanding(withText: Bool) {
    let talk = probed()
    talk.acknowledge(10_001)
    talk.receive(".", seq: 1, ack: 10_001, length: withText ? 100 : 0)
    talk.write(2000)
    talk.takeSent()
    talk.receive(".", seq: withText ? 101 : 1, ack: 12_001)
    #expect(((talk.status?.congestionWindow ?? 0) >= 10_000) == !withText)
  }

  @Test(.requirement("8985-11"))
  func aProbeThatATimeoutFollowedTellsNothingMore() {
    let talk = probed()
    talk.expectCopy(1..<1001, .timeout, after: .seconds(1))
    #expect(talk.status?.slowStartThreshold == 5000)
    talk.acknowledge(10_001)
    talk.write(2000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(12_001)
    #expect(talk.status?.slowStartThreshold == 5000)
  }

  // MARK: Other timers

  @Test(.requirement("SHLD-30", "8985-12"))
  func answersToProbesOfAClosedWindowDoNotHastenTheNext() {
    let talk = Conversation.repairing(1000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.peerWindow = 0
    talk.acknowledge(1001)
    talk.write(5000)
    for wait in [1, 2, 4, 8] {
      talk.expect(".", seq: 1001, length: 1, after: .seconds(wait))
      talk.acknowledge(1001)
    }
  }

  @Test(.requirement("6675-9", "2018-5"))
  func afterATimeoutNothingThatWasHeldIsBelieved() {
    let talk = Conversation.repairing(10_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 2001..<3001)
    talk.expectCopy(1..<1001, .overdue, after: .milliseconds(25))
    talk.expectCopy(1..<1001, .timeout, after: .seconds(1))
    talk.advance(.milliseconds(100))
    talk.acknowledge(1001)
    talk.expectCopy(1001..<2001, .afterTimeout)
    talk.expectCopy(2001..<3001, .afterTimeout)
    talk.expectNothing()
  }
}
