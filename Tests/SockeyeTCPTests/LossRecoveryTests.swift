// The phases of loss recovery by themselves: what duplicate ACKs, ACKs of new data and a timeout do to them, and how much
// may leave beyond the congestion window (RFC 3042, RFC 5681 §3.2, RFC 6582 §3.2). On the wire it is NewRenoRecoveryTests.

import SockeyeBytes
import SockeyeTestSupport
import SockeyeWire
import Testing

@testable import SockeyeTCP

@Suite struct LossRecoveryTests {
  private func at(_ number: Int) -> SequenceNumber { SequenceNumber(UInt32.max - 4_000) + number }

  private func duplicates(_ recovery: inout LossRecovery, _ count: Int, of ack: Int = 0, next: Int = 10_000)
    -> [Bool]
  {
    (0..<count).map { _ in recovery.duplicate(unacknowledged: at(ack), next: at(next), segmentSize: 1_000) }
  }

  /// Ten segments are outstanding, and the first is being repaired.
  private func fast() -> LossRecovery {
    var recovery = LossRecovery()
    #expect(duplicates(&recovery, 3) == [false, false, true])
    return recovery
  }

  @Test(.requirement("3042-1", "5681-8"))
  func twoDuplicatesAllowASegmentEachAndTheThirdBeginsRecovery() {
    var recovery = LossRecovery()
    #expect(recovery.isOpen && recovery.allowance(segmentSize: 1_000) == 0)
    for expected in [1_000, 2_000] {
      #expect(duplicates(&recovery, 1) == [false])
      #expect(recovery.isOpen && recovery.allowance(segmentSize: 1_000) == expected)
      #expect(recovery.retransmitNow == nil)
    }
    #expect(duplicates(&recovery, 1) == [true])
    #expect(recovery.isFast && recovery.allowance(segmentSize: 1_000) == 3_000)
    #expect(recovery.retransmitNow == .fastRetransmit)
    recovery.retransmitted()
    #expect(recovery.retransmitNow == nil)
    #expect(recovery.isBeforeRecoveryPoint(at(9_999)) && !recovery.isBeforeRecoveryPoint(at(10_000)))
  }

  @Test(.requirement("5681-8", "A-51"))
  func furtherDuplicatesAllowNoMoreThanWasOutstanding() {
    var recovery = fast()
    #expect(duplicates(&recovery, 2) == [false, false])
    #expect(recovery.allowance(segmentSize: 1_000) == 5_000)
    _ = duplicates(&recovery, 50)
    #expect(recovery.allowance(segmentSize: 1_000) == 10_000)
  }

  @Test(.requirement("6582-1"))
  func aPartialAcknowledgmentDeflatesAndRepairsTheNextHole() {
    var recovery = fast()
    recovery.retransmitted()
    _ = duplicates(&recovery, 5)
    #expect(recovery.advanced(to: at(3_000), by: 3_000, segmentSize: 1_000) == .partial)
    #expect(recovery.allowance(segmentSize: 1_000) == 6_000)
    #expect(recovery.retransmitNow == .partialAcknowledgment && recovery.duplicates == 0)
    // Less than a segment gives none back.
    #expect(recovery.advanced(to: at(3_500), by: 500, segmentSize: 1_000) == .partial)
    #expect(recovery.allowance(segmentSize: 1_000) == 5_500)
    #expect(recovery.advanced(to: at(10_000), by: 6_500, segmentSize: 1_000) == .ended)
    #expect(recovery.isOpen && recovery.retransmitNow == nil)
    #expect(recovery.allowance(segmentSize: 1_000) == 0)
  }

  @Test(.requirement("6582-1"))
  func duplicatesOfWhatWasRepairedBeginNothingUntilMoreIsAcknowledged() {
    var recovery = fast()
    #expect(recovery.advanced(to: at(10_000), by: 10_000, segmentSize: 1_000) == .ended)
    #expect(duplicates(&recovery, 3, of: 10_000, next: 20_000) == [false, false, false])
    #expect(recovery.isOpen)
    #expect(recovery.advanced(to: at(10_001), by: 1, segmentSize: 1_000) == .none)
    #expect(duplicates(&recovery, 3, of: 10_001, next: 20_000) == [false, false, true])
  }

  /// The mark does not stay for ever: half the sequence space later it would seem to lie ahead.
  @Test(.requirement("6582-1"))
  func theMarkOfARepairIsForgottenOnceItIsPassed() {
    var recovery = fast()
    _ = recovery.advanced(to: at(10_000), by: 10_000, segmentSize: 1_000)
    _ = recovery.advanced(to: at(11_000), by: 1_000, segmentSize: 1_000)
    let far = 11_000 + (1 << 31)
    #expect(duplicates(&recovery, 3, of: far, next: far + 10_000) == [false, false, true])
  }

  @Test(.requirement("6582-2", "5681-8"))
  func aTimeoutForgetsWhatDuplicatesToldAndHearsNone() {
    for begun in [2, 3] {
      var recovery = LossRecovery()
      _ = duplicates(&recovery, begun)
      recovery.timedOut(next: at(12_000), detection: .copySent(end: at(1_000)))
      #expect(recovery.duplicates == 0 && recovery.retransmitNow == nil && recovery.holdsCopies)
      #expect(recovery.allowance(segmentSize: 1_000) == 0)
      #expect(duplicates(&recovery, 5) == [false, false, false, false, false])
      #expect(recovery.isBeforeRecoveryPoint(at(11_999)) && !recovery.isBeforeRecoveryPoint(at(12_000)))
      #expect(recovery.advanced(to: at(2_000), by: 2_000, segmentSize: 1_000) == .partial)
      #expect(recovery.advanced(to: at(12_000), by: 10_000, segmentSize: 1_000) == .none)
      #expect(recovery.isOpen && !recovery.holdsCopies)
      // What was outstanding then shows no new loss.
      #expect(duplicates(&recovery, 3, of: 12_000, next: 20_000) == [false, false, false])
    }
  }

  /// RFC 5682 §2.1 (2b): so much beyond the window, until it is known what the timeout was.
  @Test(.requirement("5682-3"))
  func whatMayLeaveToLookIntoATimeoutEndsWithTheLook() {
    var recovery = LossRecovery()
    recovery.timedOut(next: at(10_000), detection: .copySent(end: at(1_000)))
    recovery.allowNewAfterTimeout(from: at(10_000), octets: 2_000)
    #expect(recovery.holdsCopies && recovery.allowance(segmentSize: 1_000) == 2_000)
    #expect(recovery.detection == .newSent(from: at(10_000)))
    recovery.stopLookingIntoTimeout()
    #expect(!recovery.holdsCopies && recovery.allowance(segmentSize: 1_000) == 0)
    // Where nothing is looked into there is nothing to stop.
    var other = fast()
    other.stopLookingIntoTimeout()
    #expect(other.isFast && other.allowance(segmentSize: 1_000) == 3_000)
  }

  @Test func theEndOfARepairLeavesNothingOfIt() {
    var recovery = LossRecovery()
    _ = duplicates(&recovery, 2)
    recovery.begin(recover: at(10_000))
    #expect(recovery.isFast && recovery.isBeforeRecoveryPoint(at(9_999)))
    recovery.end()
    #expect(recovery.isOpen && recovery.duplicates == 0 && recovery.allowance(segmentSize: 1_000) == 0)
    #expect(duplicates(&recovery, 3, of: 10_000, next: 20_000) == [false, false, false])
    recovery.timedOut(next: at(20_000), detection: .copySent(end: at(11_000)))
    recovery.allowNewAfterTimeout(from: at(20_000), octets: 2_000)
    recovery.end()
    #expect(!recovery.holdsCopies && recovery.inflation == 0)
  }
}
