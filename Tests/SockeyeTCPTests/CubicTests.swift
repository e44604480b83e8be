// CUBIC (RFC 9438): the window over time after a loss, in each of its regions, and what congestion leaves of it.

import SockeyeBytes
import SockeyeTestSupport
import Testing

@testable import SockeyeTCP

@Suite struct CubicTests {
  /// A path so fast that no queue builds up, with one loss at a window of so many segments.
  private func afterLoss(at segments: Int, roundTrip: Interval) -> (path: PathModel, window: Int) {
    var path = PathModel(
      CongestionControl(.cubic, segmentSize: 1_000, synchronizeLost: false), rate: 1_250_000_000,
      propagation: roundTrip, queue: 1 << 30)
    path.run(for: .seconds(60)) { $0.control.congestionWindow >= segments * 1_000 }
    var before = 0
    path.segmentsToLose = 1
    path.run(for: .seconds(10)) {
      if !$0.isRecovering { before = $0.control.congestionWindow }
      return $0.isRecovering
    }
    path.run(for: .seconds(10)) { !$0.isRecovering }
    return (path, before)
  }

  @Test(.requirement("9438-4"))
  func aLossLeavesSevenTenthsOfWhatWasOutstanding() {
    var clock = AckClock(.cubic)
    for _ in 0..<90 { clock.acknowledge() }
    clock.control.lossDetected(flight: 100_000, at: clock.now)
    #expect(clock.window == 70_000)
    #expect(clock.threshold == 70_000)
    clock.control.lossDetected(flight: 50_000, at: clock.now)
    #expect(clock.window == 35_000)
    clock.control.lossDetected(flight: 1_000, at: clock.now)
    #expect(clock.window == 2_000)
    #expect(clock.threshold == 2_000)
  }

  /// Concave up to the old window, flat there, then convex: at each time between the curve and the curve a round trip
  /// later, which is where it heads for.
  @Test(.requirement("9438-1", "9438-2"), arguments: [Interval.milliseconds(50), .milliseconds(200)])
  func theWindowFollowsTheCurve(_ roundTrip: Interval) {
    var (path, before) = afterLoss(at: 200, roundTrip: roundTrip)
    let start = path.control.congestionWindow
    #expect(abs(start - before * 7 / 10) <= 5_000)
    let curve = CubicCurve(from: start, maximum: before, segment: 1_000)
    // The queue-less path loses one segment of a window that grew while the loss was on its way.
    let slack = 6_000
    for tenth in 1...100 {
      path.run(for: .milliseconds(100))
      let time = Interval.milliseconds(100 * tenth)
      let window = path.control.congestionWindow
      #expect(window >= curve.window(at: time - roundTrip * 2) - slack, "after \(time): \(window)")
      #expect(window <= curve.window(at: time + roundTrip) + slack, "after \(time): \(window)")
    }
    #expect(path.control.congestionWindow > before)
  }

  /// With a short round trip and a small window the curve is flatter than NewReno's line.
  @Test(.requirement("9438-3"))
  func aSmallWindowGrowsAsNewRenoWould() {
    var clock = AckClock(.cubic)
    clock.roundTrip = .milliseconds(10)
    clock.lose(at: 40_000)
    #expect(clock.window == 28_000)
    var estimate = 28_000.0
    for _ in 0..<60 {
      let count = clock.window / 1_000
      for _ in 0..<count {
        // 9/17 of a segment a round trip until the window is what it was, then a whole one.
        let alpha = estimate >= 40_000 ? 1.0 : 9.0 / 17.0
        estimate += alpha * 1_000 * 1_000 / Double(clock.window)
        clock.now += clock.roundTrip / count
        clock.acknowledge()
        #expect(abs(Double(clock.window) - estimate) <= 2)
      }
    }
    #expect(clock.window > 65_000)
  }

  /// As 9438-3, told from NewReno itself: half of the losses' depth, and so about the same mean window.
  @Test(.requirement("9438-3"))
  func onAShortPathCubicSendsWhatNewRenoSends() {
    func delivered(_ algorithm: CongestionControlAlgorithm) -> Int {
      var path = PathModel(
        CongestionControl(algorithm, segmentSize: 1_000, synchronizeLost: false), rate: 12_500_000,
        propagation: .milliseconds(10), queue: 1 << 30)
      path.randomLoss = 200
      path.run(for: .seconds(30))
      return path.delivered
    }
    let (cubic, newReno) = (delivered(.cubic), delivered(.newReno))
    #expect(cubic > newReno / 100 * 85 && cubic < newReno / 100 * 140, "\(cubic) to \(newReno)")
  }

  /// RFC 9438 §5.3: on a long path the response function is not bound to the round-trip time.
  @Test(.requirement("9438-2"))
  func onALongPathCubicSendsMoreThanNewReno() {
    func delivered(_ algorithm: CongestionControlAlgorithm) -> Int {
      var path = PathModel(
        CongestionControl(algorithm, segmentSize: 1_000, synchronizeLost: false), rate: 12_500_000,
        propagation: .milliseconds(200), queue: 1 << 30)
      path.randomLoss = 5_000
      path.run(for: .seconds(60))
      return path.delivered
    }
    let (cubic, newReno) = (delivered(.cubic), delivered(.newReno))
    #expect(cubic > newReno / 100 * 130, "\(cubic) to \(newReno)")
  }

  @Test(.requirement("9438-5"))
  func aWindowThatDidNotComeBackSettlesLower() {
    var clock = AckClock(.cubic)
    clock.roundTrip = .milliseconds(200)
    clock.lose(at: 1_000_000)
    while clock.window < 800_000 { clock.round() }
    let second = clock.window
    clock.lose()
    // The plateau is at (1 + 0.7) / 2 of the second window; K is ∛(0.15 · second / 0.4).
    let plateau = second / 20 * 17
    let curve = CubicCurve(from: clock.window, maximum: plateau, segment: 1_000)
    let end = clock.now + curve.timeToPlateau
    while clock.now < end { clock.round() }
    #expect(abs(clock.window - plateau) < plateau / 50, "\(clock.window) at \(plateau)")
    for _ in 0..<4 { clock.round() }
    #expect(abs(clock.window - plateau) < plateau / 50)
  }

  @Test(.requirement("9438-5"))
  func aWindowThatCameBackKeepsItsMark() {
    var clock = AckClock(.cubic)
    clock.roundTrip = .milliseconds(200)
    clock.lose(at: 500_000)
    while clock.window < 520_000 { clock.round() }
    let second = clock.window
    clock.lose()
    let end = clock.now + CubicCurve(from: clock.window, maximum: second, segment: 1_000).timeToPlateau
    while clock.now < end { clock.round() }
    #expect(abs(clock.window - second) < second / 50, "\(clock.window) at \(second)")
  }

  /// After a timeout, and after a first slow start that no loss ended: K is zero.
  @Test(.requirement("9438-6"), arguments: [false, true])
  func afterATimeoutTheStageBeginsOnItsPlateau(_ wasLossBefore: Bool) {
    var clock = AckClock(.cubic)
    clock.roundTrip = .milliseconds(200)
    if wasLossBefore { clock.lose(at: 1_000_000) }
    for _ in 0..<990 { clock.acknowledge() }
    clock.control.timedOut(flight: 1_000_000, again: false, at: clock.now)
    while clock.window < 700_000 { clock.round() }
    expectConvex(&clock)
  }

  @Test(.requirement("9438-9"))
  func afterAFirstSlowStartWithoutALossTheStageBeginsOnItsPlateau() {
    var clock = AckClock(.cubic)
    clock.roundTrip = .milliseconds(200)
    while clock.window < 500_000 { clock.acknowledge() }
    while clock.threshold == 1 << 30 { clock.round(roundTrip: .milliseconds(300)) }
    expectConvex(&clock)
  }

  private func expectConvex(_ clock: inout AckClock) {
    let start = clock.window
    let curve = CubicCurve(from: start, maximum: start, segment: 1_000)
    for round in 1...60 {
      clock.round()
      let time = clock.roundTrip * round
      // NewReno's line lies above the curve at first.
      let line = start + round * 1_000
      #expect(clock.window >= curve.window(at: time - clock.roundTrip * 2) - 2_000)
      #expect(clock.window <= max(curve.window(at: time + clock.roundTrip), line) + 4_000)
    }
    #expect(clock.window > start + 400_000)
  }

  /// RFC 9438 §4.2: never faster than half as much again in a round trip.
  @Test(.requirement("9438-2"))
  func theWindowNeverGrowsByMoreThanHalfInARoundTrip() {
    var clock = AckClock(.cubic)
    clock.roundTrip = .seconds(10)
    clock.lose(at: 20_000)
    for _ in 0..<30 {
      let before = clock.window
      clock.round()
      #expect(clock.window <= before + before / 2 + before / 5 + 1_000)
    }
    #expect(clock.window > 1_000_000)
  }

  /// What is a step of a window that has just been cut, and no leap back to where it was.
  private func expectSteps(
    _ clock: inout AckClock, from window: Int, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(clock.window == window, sourceLocation: sourceLocation)
    clock.acknowledge()
    #expect(clock.window >= window && clock.window <= window + 1_000, sourceLocation: sourceLocation)
  }

  /// A window well on its way back to 200 segments.
  private func midway() -> AckClock {
    var clock = AckClock(.cubic)
    clock.lose(at: 200_000)
    for _ in 0..<30 { clock.round() }
    #expect(clock.window > 160_000 && clock.window < 200_000)
    return clock
  }

  @Test(.requirement("9438-4", "9438-10"))
  func whateverCutsTheWindowBeginsANewStage() {
    var clock = midway()
    let window = clock.window
    clock.control.congestionExperienced(flight: window, at: clock.now)
    expectSteps(&clock, from: window * 7 / 10)

    clock = midway()
    clock.control.segmentSizeChanged(to: 500)
    expectSteps(&clock, from: window / 1_000 * 500)

    // After a pause slow start goes up to where it ended, and the curve begins there.
    clock = midway()
    clock.control.restartedAfterIdle()
    while clock.window < clock.threshold { clock.acknowledge() }
    expectSteps(&clock, from: clock.threshold)
  }

  /// RFC 9438 §4.9.2: in the curve's region and in that of NewReno's line, and also for what the next loss goes by.
  @Test(.requirement("9438-8"), arguments: [(100, 200_000), (10, 20_000)], [true, false])
  func aLossThatWasNoneLeavesNothing(_ path: (milliseconds: Int, window: Int), timeout: Bool) {
    var clock = AckClock(.cubic)
    clock.roundTrip = .milliseconds(path.milliseconds)
    clock.lose(at: path.window)
    for _ in 0..<4 { clock.round() }
    var calm = clock
    if timeout {
      clock.control.timedOut(flight: clock.window, again: false, at: clock.now)
    } else {
      clock.control.lossDetected(flight: clock.window, at: clock.now)
    }
    clock.control.spuriousLoss(at: clock.now)
    for round in 0..<80 {
      #expect(clock.window == calm.window)
      if round == 20 {
        clock.lose()
        calm.lose()
      }
      clock.round()
      calm.round()
    }
  }

  /// RFC 9438 §4.3: up to the window at which the timer ran out, 9/17 of a segment a round trip.
  @Test(.requirement("9438-3", "9438-6"))
  func afterATimeoutNewRenosLineIsTheGentleOneUpToTheOldWindow() {
    var clock = AckClock(.cubic)
    clock.roundTrip = .milliseconds(10)
    while clock.window < 20_000 { clock.acknowledge() }
    clock.control.timedOut(flight: clock.window, again: false, at: clock.now)
    while clock.window < clock.threshold { clock.acknowledge() }
    var rounds = 0
    while clock.window < 19_000, rounds < 100 {
      clock.round()
      rounds += 1
    }
    #expect((8...11).contains(rounds), "five segments in \(rounds) round trips")
  }

  @Test(.requirement("9438-1"))
  func aPauseWithNothingOutstandingIsARoundTripOfTheCurveAtMost() {
    var calm = midway()
    calm.acknowledge(calm.window, flight: calm.window)
    var paused = calm
    paused.now += .seconds(60)
    for _ in 0..<3 {
      paused.round()
      calm.round()
    }
    #expect(abs(paused.window - calm.window) < 4_000)
  }

  /// Time in which the window was not used is no time of the curve: after it, growth goes on where it stopped.
  @Test(.requirement("9438-1", "9438-10"))
  func timeWithoutUseDoesNotCount() {
    var clock = AckClock(.cubic)
    clock.lose(at: 500_000)
    for _ in 0..<20 { clock.round() }
    var pausing = clock
    // Twenty seconds at a trickle.
    for _ in 0..<200 { pausing.round(flight: 20_000) }
    #expect(pausing.window - clock.window < 2_000)
    var windows: [Int] = []
    for _ in 0..<106 {
      windows.append(clock.window)
      clock.round()
    }
    // To three round trips the same, where twenty seconds would double the window.
    for index in 3..<103 {
      pausing.round()
      #expect(pausing.window >= windows[index - 3] && pausing.window <= windows[index + 3])
    }
  }
}
