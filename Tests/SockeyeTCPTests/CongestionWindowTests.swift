// What NewReno and CUBIC have in common: initial window, slow start, timeouts, idleness, windows that are not used
// (RFC 5681, RFC 6928, RFC 7661), and how far a loss that was none is taken back (RFC 4015).

import SockeyeBytes
import SockeyeTestSupport
import Testing

@testable import SockeyeTCP

@Suite struct CongestionWindowTests {
  static let both: [CongestionControlAlgorithm] = [.newReno, .cubic]

  @Test(.requirement("6928-1"))
  func theInitialWindowIsTenSegmentsOr14600Octets() {
    func initial(_ segment: Int, lost: Bool = false) -> Int {
      CongestionControl(.newReno, segmentSize: segment, synchronizeLost: lost).congestionWindow
    }
    #expect(initial(536) == 5_360)
    #expect(initial(1_460) == 14_600)
    #expect(initial(2_000) == 14_600)
    #expect(initial(9_000) == 18_000)
    #expect(initial(1_460, lost: true) == 1_460)
  }

  @Test(.requirement("5681-3", "9438-9"), arguments: both)
  func slowStartDoublesWithoutABoundUntilCongestionIsMet(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    #expect(clock.threshold == 1 << 30)
    for expected in [20, 40, 80, 160, 320] {
      for _ in 0..<expected / 2 { clock.acknowledge() }
      #expect(clock.window == expected * 1_000)
    }
    clock.control.lossDetected(flight: 320_000, at: clock.now)
    #expect(clock.threshold < 320_000)
    #expect(clock.window == clock.threshold)
  }

  /// RFC 3465 §2.3 and RFC 5681 §3.1.
  @Test(.requirement("5681-4", "9406-2"), arguments: both)
  func oneAcknowledgmentCountsForTwoSegmentsAndAfterATimeoutForOne(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    clock.acknowledge(1_999)
    #expect(clock.window == 11_999)
    clock.acknowledge(9_000)
    #expect(clock.window == 13_999)
    clock.control.timedOut(flight: 14_000, again: false, at: clock.now)
    clock.acknowledge(5_000, flight: 5_000)
    #expect(clock.window == 2_000)
  }

  @Test(.requirement("5681-4"), arguments: both)
  func dividedAcknowledgmentsGainNothing(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    for _ in 0..<1_000 { clock.acknowledge(1) }
    #expect(clock.window == 11_000)
  }

  @Test(
    .requirement("5681-6", "9438-6"),
    arguments: [(.newReno, 50_000), (.cubic, 70_000)] as [(CongestionControlAlgorithm, Int)])
  func aTimeoutLeavesOneSegmentAndKeepsTheThresholdWhenItRepeats(
    _ algorithm: CongestionControlAlgorithm, threshold: Int
  ) {
    var clock = AckClock(algorithm)
    clock.control.timedOut(flight: 100_000, again: false, at: clock.now)
    #expect(clock.window == 1_000)
    #expect(clock.threshold == threshold)
    clock.control.timedOut(flight: 1_000, again: true, at: clock.now)
    #expect(clock.window == 1_000)
    #expect(clock.threshold == threshold)
    // Two segments are the least.
    clock.control.timedOut(flight: 1_000, again: false, at: clock.now)
    #expect(clock.threshold == 2_000)
  }

  @Test(.requirement("5681-10"), arguments: both)
  func idlenessBringsBackTheInitialWindow(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    for _ in 0..<90 { clock.acknowledge() }
    #expect(clock.window == 100_000)
    #expect(clock.control.restartWindow == 10_000)
    clock.control.restartedAfterIdle()
    #expect(clock.window == 10_000)
    // A smaller window stays as it is.
    clock.control.timedOut(flight: 10_000, again: false, at: clock.now)
    clock.control.restartedAfterIdle()
    #expect(clock.window == 1_000)
  }

  @Test(.requirement("6928-1"), arguments: both)
  func whatTheInitialWindowLostTheRestartWindowDoesNotRisk(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    clock.acknowledge()
    clock.control.lossDetected(flight: 11_000, at: clock.now)
    for _ in 0..<400 { clock.acknowledge() }
    #expect(clock.window > 10_000)
    clock.control.restartedAfterIdle()
    #expect(clock.window == 4_000)
  }

  @Test(.requirement("6928-1"), arguments: both, [true, false])
  func soAfterAMarkOrATimeoutOfTheInitialWindow(_ algorithm: CongestionControlAlgorithm, marked: Bool) {
    var clock = AckClock(algorithm)
    clock.acknowledge()
    if marked {
      clock.control.congestionExperienced(flight: 11_000, at: clock.now)
    } else {
      clock.control.timedOut(flight: 11_000, again: false, at: clock.now)
    }
    for _ in 0..<400 { clock.acknowledge() }
    #expect(clock.window > 10_000)
    #expect(clock.control.restartWindow == 4_000)
  }

  /// What is lost of the first window after a pause is as telling as at the beginning.
  @Test(.requirement("6928-1"), arguments: both)
  func theRestartWindowIsAnInitialWindowAnew(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    for _ in 0..<90 { clock.acknowledge() }
    clock.control.lossDetected(flight: 100_000, at: clock.now)
    #expect(clock.control.restartWindow == 10_000, "more than an initial window was delivered before")
    clock.control.restartedAfterIdle()
    clock.acknowledge()
    clock.control.lossDetected(flight: 10_000, at: clock.now)
    #expect(clock.control.restartWindow == 4_000)
    // A loss that was none says nothing of it.
    clock.control.spuriousLoss(at: clock.now)
    #expect(clock.control.restartWindow == 10_000)
  }

  /// RFC 7661 §4.2: what was measured before a pause is not, and one ACK is no round.
  @Test(.requirement("7661-2"))
  func afterAPauseNothingIsKnownOfWhatThePathCarries() {
    var clock = AckClock(.newReno)
    for _ in 0..<20 { clock.round(flight: 10_000) }
    clock.control.restartedAfterIdle()
    clock.acknowledge(4_999, flight: 10_000)
    clock.control.lossDetected(flight: 4_200, at: clock.now)
    #expect(clock.threshold == 2_100)
  }

  @Test(.requirement("5681-12"), arguments: both)
  func aSmallerSegmentKeepsTheNumberOfSegments(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    for _ in 0..<40 { clock.acknowledge() }
    clock.control.segmentSizeChanged(to: 500)
    #expect(clock.window == 25_000)
    #expect(clock.control.initialWindow == 5_000)
    #expect(clock.threshold == 1 << 30)
  }

  @Test(.requirement("5681-12"), arguments: both)
  func aSegmentSizeThatIsToldAgainChangesNothing(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    clock.acknowledge(1_999)
    clock.control.segmentSizeChanged(to: 1_000)
    #expect(clock.window == 11_999)
    clock.control.lossDetected(flight: 11_999, at: clock.now)
    clock.control.segmentSizeChanged(to: 1_000)
    clock.control.spuriousLoss(at: clock.now)
    #expect(clock.window == 11_999)
  }

  @Test(.requirement("8899-2", "4821-4"), arguments: both)
  func aLargerSegmentKeepsTheOctets(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    for _ in 0..<40 { clock.acknowledge() }
    let window = clock.window
    clock.control.segmentSizeChanged(to: 9_000)
    #expect(clock.window == window)
    clock.control.segmentSizeChanged(to: 2 * window)
    #expect(clock.window == 2 * window, "a window holds a segment")
  }

  // MARK: Windows that are not used

  @Test(.requirement("7661-1", "9438-10"), arguments: both)
  func aWindowThatIsNotUsedDoesNotGrow(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    for _ in 0..<20 { clock.round(flight: 3_000) }
    #expect(clock.window == 10_000)
    // In slow start it grows to twice what was used; in avoidance all but a segment has to be used.
    clock.round(flight: 5_000)
    #expect(clock.window == 10_000)
    clock.round(flight: 6_000)
    #expect(clock.window == 12_000)
    clock.lose(at: 100_000)
    let window = clock.window
    for _ in 0..<100 { clock.round(flight: window - 2_000) }
    #expect(clock.window == window)
    for _ in 0..<100 { clock.round() }
    #expect(clock.window > window + 10_000)
  }

  @Test(.requirement("7661-1"), arguments: both)
  func aWindowLongUnusedIsCutAfterFiveMinutes(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    clock.lose(at: 200_000)
    let window = clock.window
    let end = clock.now + .minutes(5)
    while clock.now < end { clock.round(flight: 10_000) }
    #expect(clock.window == window)
    for _ in 0..<20 { clock.round(flight: 10_000) }
    #expect(clock.window == window / 2)
    #expect(clock.threshold == max(window - window / 4, window))
    // Never below the initial window, however long it takes.
    for _ in 0..<30_000 { clock.round(flight: 2_000) }
    #expect(clock.window == 10_000)
  }

  /// RFC 7661 §4.4.3: what the window has been found to reach is where slow start goes back to.
  @Test(.requirement("7661-1"))
  func whatIsCutRaisesTheThreshold() {
    var clock = AckClock(.newReno)
    clock.lose(at: 20_000)
    while clock.window < 40_000 { clock.round() }
    let (window, threshold) = (clock.window, clock.threshold)
    #expect(threshold < 12_000)
    let end = clock.now + .minutes(6)
    while clock.now < end { clock.round(flight: 5_000) }
    #expect(clock.window == window / 2)
    #expect(clock.threshold == window - window / 4)
  }

  @Test(
    .requirement("7661-2"),
    arguments: [(.newReno, 10_000), (.cubic, 14_000)] as [(CongestionControlAlgorithm, Int)])
  func aLossOfAnUnusedWindowCountsWhatThePathCarried(
    _ algorithm: CongestionControlAlgorithm, threshold: Int
  ) {
    var clock = AckClock(algorithm)
    clock.lose(at: 200_000)
    for _ in 0..<20 { clock.round(flight: 20_000) }
    // The segment lost was one of few that moment, but the path carried 20 in a round a moment ago.
    clock.control.lossDetected(flight: 4_000, at: clock.now)
    // A round is told by what was outstanding when the ACK came that ended the one before: a segment less.
    #expect(clock.threshold <= threshold && clock.threshold >= threshold - 1_000)
  }

  // MARK: Marks, and losses that were none

  @Test(.requirement("9438-4", "9438-7"), arguments: both)
  func marksReduceTheWindowToOneSegmentAndTheThresholdToTwo(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    var windows: [Int] = []
    for _ in 0..<20 {
      clock.control.congestionExperienced(flight: clock.window, at: clock.now)
      windows.append(clock.window)
    }
    #expect(windows[0] == (algorithm == .cubic ? 7_000 : 5_000))
    #expect(zip(windows, windows.dropFirst()).allSatisfy { $0 >= $1 })
    #expect(windows.last == 1_000)
    #expect(clock.threshold == 2_000)
  }

  @Test(.requirement("9438-8"), arguments: both)
  func afterALossThatWasNoneTheWindowGoesOnAsIfNothingHadBeen(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    clock.lose(at: 200_000)
    for _ in 0..<30 { clock.round() }
    var calm = clock
    clock.control.lossDetected(flight: clock.window, at: clock.now)
    #expect(clock.window < calm.window)
    clock.control.spuriousLoss(at: clock.now)
    for _ in 0..<50 {
      #expect(clock.window == calm.window)
      #expect(clock.threshold == calm.threshold)
      clock.round()
      calm.round()
    }
  }

  @Test(.requirement("9438-8"), arguments: both)
  func aTimeoutThatWasNoneGivesTheWindowBack(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    for _ in 0..<90 { clock.acknowledge() }
    clock.control.timedOut(flight: 100_000, again: false, at: clock.now)
    clock.control.timedOut(flight: 100_000, again: true, at: clock.now)
    #expect(clock.window == 1_000)
    clock.control.spuriousLoss(at: clock.now)
    #expect(clock.window == 100_000)
    #expect(clock.threshold == 1 << 30)
    // Slow start goes on, two segments an ACK.
    clock.acknowledge(2_000)
    #expect(clock.window == 102_000)
    // There is nothing more to take back.
    clock.control.spuriousLoss(at: clock.now)
    #expect(clock.window == 102_000)
  }

  @Test(.requirement("9438-8"), arguments: both)
  func whatWasTakenBackOnceIsNotTakenBackAgain(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    for _ in 0..<90 { clock.acknowledge() }
    clock.control.lossDetected(flight: 100_000, at: clock.now)
    clock.control.spuriousLoss(at: clock.now)
    #expect(clock.window == 100_000)
    // A pause has made it narrower, and no loss.
    clock.control.restartedAfterIdle()
    clock.control.spuriousLoss(at: clock.now)
    #expect(clock.window == 10_000)
  }

  @Test(.requirement("9438-8"), arguments: both)
  func aWindowThatHasGrownBeyondIsNotTakenBack(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    clock.lose(at: 20_000)
    while clock.window < 25_000 { clock.round() }
    let (window, threshold) = (clock.window, clock.threshold)
    clock.control.spuriousLoss(at: clock.now)
    #expect(clock.window == window)
    #expect(clock.threshold == threshold)
  }

  /// The window that a loss has cut is told in segments of another size.
  @Test(.requirement("9438-8"), arguments: both)
  func aLossBeforeTheSegmentSizeChangedIsNotTakenBack(_ algorithm: CongestionControlAlgorithm) {
    for size in [500, 2_000] {
      var clock = AckClock(algorithm)
      clock.lose(at: 40_000)
      clock.control.lossDetected(flight: clock.window, at: clock.now)
      clock.control.segmentSizeChanged(to: size)
      let (window, threshold) = (clock.window, clock.threshold)
      clock.control.spuriousLoss(at: clock.now)
      #expect(clock.window == window && clock.threshold == threshold)
    }
  }

  @Test(arguments: both)
  func aMarkIsNeverTakenBack(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    clock.control.lossDetected(flight: 10_000, at: clock.now)
    clock.control.congestionExperienced(flight: clock.window, at: clock.now)
    let window = clock.window
    clock.control.spuriousLoss(at: clock.now)
    #expect(clock.window == window)
  }

  // MARK: Recovery and pacing

  @Test(arguments: both)
  func theWindowStandsStillInRecovery(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    for _ in 0..<40 { clock.acknowledge() }
    clock.control.lossDetected(flight: 50_000, at: clock.now)
    let window = clock.window
    for _ in 0..<100 { clock.acknowledge(recovering: true) }
    #expect(clock.window == window)
  }

  @Test(arguments: both)
  func theEndOfRecoveryMakesNoBurst(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    for _ in 0..<190 { clock.acknowledge() }
    clock.control.lossDetected(flight: 200_000, at: clock.now)
    clock.control.recoveryEnded(flight: 20_000, at: clock.now)
    #expect(clock.window == (algorithm == .cubic ? 30_000 : 21_000))
    // What is missing slow start brings.
    #expect(clock.threshold == (algorithm == .cubic ? 140_000 : 100_000))
    clock.control.recoveryEnded(flight: 150_000, at: clock.now)
    #expect(clock.window == clock.threshold)
  }

  @Test(arguments: both)
  func thePaceIsTwiceTheWindowInSlowStartAndAFifthMoreAfterIt(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    #expect(clock.control.pacingRate(smoothedRoundTrip: nil) == nil)
    #expect(clock.control.pacingRate(smoothedRoundTrip: .milliseconds(100)) == 200_000)
    clock.control.lossDetected(flight: 100_000, at: clock.now)
    #expect(
      clock.control.pacingRate(smoothedRoundTrip: .milliseconds(100)) == clock.window * 12)
    #expect(clock.control.pacingRate(smoothedRoundTrip: .zero) ?? 0 > 0)
  }

  /// RFC 7661 §4.1: pipeACK is the largest round of a sampling period, which lasts a second where round trips are short.
  @Test(.requirement("7661-2"))
  func whatThePathCarriedIsTheLargestRoundOfASecond() {
    var validation = CongestionWindowValidation()
    var now = Instant.zero + .seconds(100)
    func round(_ octets: Int) {
      now += .milliseconds(100)
      validation.observe(
        AcknowledgmentSample(
          newlyAcknowledged: octets, flightBefore: octets, flight: 0, roundTrip: .milliseconds(100),
          smoothedRoundTrip: .milliseconds(100), acknowledgment: .init(0), next: .init(0)),
        roundEnded: true, window: 100_000, at: now)
    }
    #expect(validation.pipe == nil)
    round(20_000)
    for _ in 0..<9 {
      round(5_000)
      #expect(validation.pipe == 20_000)
    }
    for _ in 0..<5 { round(5_000) }
    #expect(validation.pipe == 5_000)
    // A pause as long is no round.
    round(30_000)
    now += .seconds(2)
    round(4_000)
    #expect(validation.pipe == 4_000)
    round(3_000)
    #expect(validation.pipe == 4_000)
  }
}
