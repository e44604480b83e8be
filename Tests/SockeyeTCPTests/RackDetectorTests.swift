// RACK by itself (RFC 8985 §6): which delivered segment counts as the latest, and how the reordering window adapts; and
// the arithmetic of proportional rate reduction (RFC 9937 §6).

import SockeyeBytes
import SockeyeTestSupport
import SockeyeWire
import Testing

@testable import SockeyeTCP

@Suite struct RackDetectorTests {
  private static let start = SequenceNumber(1)

  private func at(_ milliseconds: Int) -> Instant { .zero + .milliseconds(milliseconds) }

  /// So many segments of 1000 octets have left at once.
  private func logged(_ count: Int) -> TransmissionLog {
    var log = TransmissionLog()
    for number in 0..<count {
      log.append(
        from: Self.start + number * 1000, to: Self.start + (number + 1) * 1000, at: at(0),
        DeliverySnapshot(), isApplicationLimited: false)
    }
    return log
  }

  @Test func lostSegmentsInARowLeaveTogetherAsFarAsTheyFit() {
    var log = logged(5)
    for index in [1, 2, 3] { log.markLost(index) }
    #expect(log.firstLost(limit: 5000) == 1000..<4000)
    #expect(log.firstLost(limit: 2500) == 1000..<3000)
    #expect(log.firstLost(limit: 500) == 1000..<1500)
    #expect(logged(5).firstLost(limit: 5000) == nil)
  }

  /// RFC 2883 §4, and what no receiver sends.
  @Test func aBlockTellsOfADuplicateOnlyIfItHasOctets() {
    func blocks(_ pairs: (Int, Int)...) -> SACKBlocks {
      var blocks = SACKBlocks()
      for (left, right) in pairs {
        blocks.append(SACKBlock(left: Self.start + left, right: Self.start + right))
      }
      return blocks
    }
    let acknowledged = Self.start + 5000
    #expect(!Scoreboard.isDuplicate(blocks(), acknowledgment: acknowledged))
    #expect(Scoreboard.isDuplicate(blocks((1000, 2000)), acknowledgment: acknowledged))
    #expect(!Scoreboard.isDuplicate(blocks((2000, 2000)), acknowledgment: acknowledged))
    #expect(!Scoreboard.isDuplicate(blocks((3000, 2000)), acknowledgment: acknowledged))
    #expect(!Scoreboard.isDuplicate(blocks((6000, 7000)), acknowledgment: acknowledged))
    #expect(Scoreboard.isDuplicate(blocks((6000, 7000), (6000, 8000)), acknowledgment: acknowledged))
    #expect(!Scoreboard.isDuplicate(blocks((6000, 7000), (8000, 9000)), acknowledgment: acknowledged))
  }

  @Test(.requirement("8985-2", "8985-6"))
  func amongSegmentsOfOneTimeTheHighestIsTheLatest() {
    var log = logged(4)
    var rack = RackDetector()
    rack.delivered(log[2], isAmbiguous: false, at: at(100))
    log.markSacked(2)
    let found = rack.detect(in: &log, window: .zero, at: at(100))
    // The two below it left no later and have no more time; the one above it did not leave before it.
    #expect(found.lost == 2000)
    #expect(found.wait == nil)
    #expect(log[3].isInFlight)
  }

  @Test(.requirement("8985-2"))
  func whatMayBeAnEarlierCopysAnswerTellsNothing() {
    var log = logged(3)
    var rack = RackDetector()
    log.markLost(0)
    log.retransmitted(from: Self.start, to: Self.start + 1000, at: at(150), DeliverySnapshot())
    rack.delivered(log[0], isAmbiguous: true, at: at(160))
    #expect(rack.detect(in: &log, window: .zero, at: at(160)).lost == 0)
    rack.delivered(log[0], isAmbiguous: false, at: at(250))
    #expect(rack.roundTrip == .milliseconds(100))
    #expect(rack.detect(in: &log, window: .zero, at: at(250)).lost == 2000)
  }

  @Test(.requirement("8985-4", "8985-5"))
  func theReorderingWindowGrowsByReportsOfDuplicatesAndIsBounded() {
    var rack = RackDetector()
    rack.overtakingShown()
    func window(_ rack: RackDetector) -> Interval {
      rack.reorderingWindow(
        minimum: .milliseconds(40), smoothed: .milliseconds(100), inRecovery: false, sackedSegments: 0)
    }
    #expect(window(rack) == .milliseconds(10))
    rack.duplicateReported(unacknowledged: Self.start, next: Self.start + 5000)
    #expect(window(rack) == .milliseconds(20))
    // Once a round trip, however many come.
    rack.duplicateReported(unacknowledged: Self.start + 4000, next: Self.start + 9000)
    #expect(window(rack) == .milliseconds(20))
    rack.acknowledged(Self.start + 5000)
    rack.duplicateReported(unacknowledged: Self.start + 5000, next: Self.start + 9000)
    #expect(window(rack) == .milliseconds(30))
    for round in 1...40 {
      let una = Self.start + 5000 + round * 10_000
      rack.acknowledged(una)
      rack.duplicateReported(unacknowledged: una, next: una + 5000)
    }
    // SRTT bounds it.
    #expect(window(rack) == .milliseconds(100))
    for _ in 1...15 { rack.recoveryEnded() }
    #expect(window(rack) == .milliseconds(100))
    rack.recoveryEnded()
    #expect(window(rack) == .milliseconds(10))
  }

  /// SND.UNA comes around: what was a round trip ago is not ahead again.
  @Test(.requirement("8985-5"))
  func aReportAfterTwoGigabytesCountsToo() {
    var rack = RackDetector()
    rack.duplicateReported(unacknowledged: Self.start, next: Self.start + 5000)
    #expect(rack.multiplier == 2)
    rack.acknowledged(Self.start + 5000)
    let later = Self.start + 5000 + 0x4000_0000 + 0x4000_0000
    rack.acknowledged(later)
    rack.duplicateReported(unacknowledged: later, next: later + 5000)
    #expect(rack.multiplier == 3)
  }

  @Test(.requirement("8985-6"))
  func whatThePeerHoldsIsNotWaitedFor() {
    var log = logged(3)
    var rack = RackDetector()
    for index in [1, 2] {
      rack.delivered(log[index], isAmbiguous: false, at: at(100))
      log.markSacked(index)
    }
    log.markSacked(0)
    let found = rack.detect(in: &log, window: .milliseconds(25), at: at(100))
    #expect(found.lost == 0 && found.wait == nil)
  }

  @Test(.requirement("8985-2"))
  func theLatestMayBeACopy() {
    var log = logged(3)
    var rack = RackDetector()
    log.markLost(0)
    log.retransmitted(from: Self.start, to: Self.start + 1000, at: at(150), DeliverySnapshot())
    rack.delivered(log[1], isAmbiguous: false, at: at(100))
    #expect(!rack.latestIsCopy)
    rack.delivered(log[0], isAmbiguous: false, at: at(250))
    #expect(rack.latestIsCopy)
    rack.delivered(log[2], isAmbiguous: false, at: at(260))
    #expect(rack.latestIsCopy, "it left before the copy")
  }

  // MARK: Rate reduction

  @Test(.requirement("9937-1", "9937-7"))
  func nothingOfOneRecoveryIsLeftInTheNext() {
    var reduction = RateReduction()
    reduction.begin(flight: 100_000)
    reduction.acknowledged(10_000, inflight: 80_000, threshold: 50_000, isSafe: true, segmentSize: 1000)
    reduction.sent(5000)
    reduction.begin(flight: 6000)
    // Its losses are found by the timer: no ACK has allowed anything yet, and the first copy leaves all the same.
    reduction.lost(1000, segmentSize: 1000, inflight: 5000)
    #expect(reduction.window == 6000)
  }

  @Test(.requirement("9937-3"))
  func whatIsFoundLostBetweenAcknowledgmentsMakesNoRoom() {
    var reduction = RateReduction()
    reduction.begin(flight: 20_000)
    reduction.acknowledged(4000, inflight: 15_000, threshold: 10_000, isSafe: true, segmentSize: 1000)
    #expect(reduction.window == 17_000)
    reduction.sent(1000)
    reduction.lost(3000, segmentSize: 1000, inflight: 13_000)
    #expect(reduction.window == 14_000)
  }

  @Test(.requirement("9937-3", "9937-5"))
  func aboveTheThresholdWhatLeavesIsInProportionToWhatArrives() {
    var reduction = RateReduction()
    reduction.begin(flight: 20_000)
    var inflight = 19_000
    var out = 0
    for _ in 0..<10 {
      inflight -= 1000
      reduction.acknowledged(
        1000, inflight: inflight, threshold: 10_000, isSafe: true, segmentSize: 1000)
      while inflight + 1000 <= reduction.window {
        reduction.sent(1000)
        inflight += 1000
        out += 1000
      }
    }
    #expect(out == 5000)
  }

  @Test(.requirement("9937-4", "9937-6"))
  func belowTheThresholdOnlyASafeAcknowledgmentLetsMoreLeaveThanArrived() {
    for (isSafe, count) in [(false, 1000), (true, 2000)] {
      var reduction = RateReduction()
      reduction.begin(flight: 20_000)
      reduction.sent(1000)
      reduction.acknowledged(
        1000, inflight: 4000, threshold: 10_000, isSafe: isSafe, segmentSize: 1000)
      #expect(reduction.window == 4000 + count)
      // Never beyond the threshold.
      reduction.acknowledged(
        8000, inflight: 9_500, threshold: 10_000, isSafe: isSafe, segmentSize: 1000)
      #expect(reduction.window == 10_000)
    }
  }
}
