// HyStart++ (RFC 9406): its phases by hand, and the end of slow start on a path with a queue.

import SockeyeBytes
import SockeyeTestSupport
import Testing

@testable import SockeyeTCP

@Suite struct HyStartTests {
  /// One round of ACKs that all measured the same.
  private func round(_ start: inout HyStart, _ milliseconds: Int, samples: Int = 8) {
    for index in 0..<samples { start.observe(.milliseconds(milliseconds), roundEnded: index == 0) }
  }

  @Test(
    .requirement("9406-1", "9406-3"),
    arguments: [
      // A rise below the threshold, and one that meets it: an eighth, at least 4 ms and at most 16 ms.
      (64, 71, false), (64, 72, true), (10, 13, false), (10, 14, true), (400, 415, false), (400, 416, true),
    ])
  func aRiseOfTheSmallestRoundTripEndsDoubling(_ last: Int, _ next: Int, _ isConservative: Bool) {
    var start = HyStart()
    round(&start, last)
    round(&start, next)
    #expect(start.growthDivisor == (isConservative ? 4 : 1))
    #expect(!start.isFinished)
  }

  @Test(.requirement("9406-3"))
  func fewerThanEightSamplesSayNothing() {
    var start = HyStart()
    round(&start, 50)
    round(&start, 100, samples: 7)
    #expect(start.growthDivisor == 1)
    start.observe(.milliseconds(100), roundEnded: false)
    #expect(start.growthDivisor == 4)
  }

  @Test(.requirement("9406-3"))
  func oneFastSampleInARoundIsEnoughToGoOn() {
    var start = HyStart()
    round(&start, 50)
    round(&start, 100, samples: 7)
    start.observe(.milliseconds(51), roundEnded: false)
    #expect(start.growthDivisor == 1)
  }

  @Test(.requirement("9406-4", "9406-6"))
  func conservativeSlowStartLastsFiveRoundsTheFirstPartCounted() {
    var start = HyStart()
    round(&start, 50)
    round(&start, 100)
    for _ in 0..<4 {
      round(&start, 100)
      #expect(start.growthDivisor == 4)
      #expect(!start.isFinished)
    }
    start.observe(.milliseconds(100), roundEnded: true)
    #expect(start.isFinished)
  }

  @Test(.requirement("9406-5"))
  func aRiseThatGoesAwayWasNoQueue() {
    var start = HyStart()
    round(&start, 50)
    round(&start, 100)
    round(&start, 99, samples: 7)
    #expect(start.growthDivisor == 4)
    start.observe(.milliseconds(99), roundEnded: false)
    #expect(start.growthDivisor == 1)
    #expect(!start.isFinished)
  }

  @Test(.requirement("9406-4", "9406-6", "9438-9"), arguments: CongestionWindowTests.both)
  func growthSlowsDownAndEndsInAvoidance(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    for _ in 0..<3 { clock.round() }
    for _ in 0..<2 { clock.round(roundTrip: .milliseconds(150)) }
    let window = clock.window
    for _ in 0..<8 { clock.acknowledge(roundTrip: .milliseconds(150)) }
    #expect(clock.window == window + 2_000)
    #expect(clock.threshold == 1 << 30)
    var rounds = 1
    while clock.threshold == 1 << 30, rounds < 10 {
      clock.round(roundTrip: .milliseconds(150))
      rounds += 1
    }
    #expect(rounds < 8)
    let end = clock.window
    for _ in 0..<3 { clock.round(roundTrip: .milliseconds(150)) }
    #expect(clock.window - end < 4_000)
  }

  /// Only the first slow start: later ones know where to stop.
  @Test(.requirement("9406-7"), arguments: CongestionWindowTests.both)
  func afterATimeoutNothingSlowsSlowStart(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    clock.control.timedOut(flight: 1_000_000, again: false, at: clock.now)
    clock.round(flight: 10_000)
    for index in 1...8 {
      let before = clock.window
      clock.round(roundTrip: .milliseconds(100 + 50 * index))
      #expect(clock.window == min(2 * before, clock.threshold) || clock.window > clock.threshold)
    }
  }

  /// A loss ends it while it is being slow, and the slow start after a timeout is as quick as any.
  @Test(.requirement("9406-6", "9406-7"), arguments: CongestionWindowTests.both)
  func aLossEndsTheCautionToo(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    for _ in 0..<3 { clock.round() }
    for _ in 0..<2 { clock.round(roundTrip: .milliseconds(150)) }
    let window = clock.window
    clock.acknowledge(roundTrip: .milliseconds(150))
    #expect(clock.window == window + 250)
    clock.control.timedOut(flight: window, again: false, at: clock.now)
    clock.acknowledge(flight: 1_000, roundTrip: .milliseconds(150))
    #expect(clock.window == 2_000)
  }

  @Test(.requirement("9406-6"), arguments: CongestionWindowTests.both)
  func aLossEndsTheFirstSlowStart(_ algorithm: CongestionControlAlgorithm) {
    var clock = AckClock(algorithm)
    clock.control.lossDetected(flight: 10_000, at: clock.now)
    #expect(clock.window == clock.threshold)
    clock.round()
    #expect(clock.window <= clock.threshold + 1_000)
  }

  static let rates = [300_000, 400_000, 500_000, 600_000, 700_000, 1_250_000, 12_500_000]

  /// What the end of slow start loses in a queue of two bandwidth-delay products, and the widest window.
  private func overshoot(_ algorithm: CongestionControlAlgorithm, rate: Int, measured: Bool) -> (Int, Int) {
    var path = PathModel(
      CongestionControl(algorithm, segmentSize: 1_000, synchronizeLost: false), rate: rate,
      propagation: .milliseconds(100), queue: rate / 5)
    path.measuresRoundTrips = measured
    var window = 0
    path.run(for: .seconds(20)) {
      window = max(window, $0.control.congestionWindow)
      return $0.lost > 0
    }
    path.run(for: .seconds(5)) { !$0.isRecovering }
    return (path.lost, window)
  }

  /// Wherever the doubling happens to stand when the path is full.
  @Test(.requirement("9406-3", "9406-4"), arguments: CongestionWindowTests.both, rates)
  func overshootLosesNoBurst(_ algorithm: CongestionControlAlgorithm, rate: Int) {
    let (lost, window) = overshoot(algorithm, rate: rate, measured: true)
    #expect(window > rate / 10 * 2)
    #expect(lost < window / 3, "\(lost) octets lost of \(window)")
    // Doubling to the end loses half of the window.
    let (plain, _) = overshoot(algorithm, rate: rate, measured: false)
    #expect(lost < plain / 2, "\(lost) octets lost, and \(plain) without it")
  }

  /// With room enough for the rounds that it takes to be sure, nothing is lost at all.
  @Test(.requirement("9406-6"), arguments: CongestionWindowTests.both, rates)
  func leavesSlowStartWithoutALoss(_ algorithm: CongestionControlAlgorithm, rate: Int) {
    var path = PathModel(
      CongestionControl(algorithm, segmentSize: 1_000, synchronizeLost: false), rate: rate,
      propagation: .milliseconds(100), queue: rate)
    let isFull = path.run(for: .seconds(20)) { $0.control.slowStartThreshold < 1 << 30 }
    let (lost, window) = (path.lost, path.control.congestionWindow)
    let product = path.bandwidthDelayProduct
    #expect(isFull)
    #expect(lost == 0)
    #expect(window >= product)
  }
}
