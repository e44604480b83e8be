// Congestion avoidance of RFC 5681 §3.1 and what a loss leaves.

import SockeyeBytes
import SockeyeTestSupport
import Testing

@testable import SockeyeTCP

@Suite struct NewRenoTests {
  @Test(.requirement("5681-5"), arguments: [1_000, 2_000, 100, 7])
  func avoidanceAddsOneSegmentARoundTripHoweverMuchAnAcknowledgmentCovers(_ each: Int) {
    var clock = AckClock(.newReno)
    clock.lose(at: 40_000)
    #expect(clock.window == 20_000)
    clock.each = each
    for _ in 0..<10 {
      let before = clock.window
      for _ in 0..<(before + each - 1) / each { clock.acknowledge() }
      #expect(clock.window == before + 1_000)
    }
  }

  /// The least is two segments, and what counts is what was outstanding.
  @Test(.requirement("5681-9", "5681-6"))
  func aLossHalvesWhatWasOutstanding() {
    var clock = AckClock(.newReno)
    for _ in 0..<30 { clock.acknowledge() }
    clock.control.lossDetected(flight: 30_000, at: clock.now)
    #expect(clock.threshold == 15_000)
    #expect(clock.window == 15_000)
    clock.control.lossDetected(flight: 3_000, at: clock.now)
    #expect(clock.threshold == 2_000)
  }

  /// RFC 5681's own figure: a flow that fills a queue of one bandwidth-delay product never leaves the path idle.
  @Test func sawToothFillsAPath() {
    var path = PathModel(
      CongestionControl(.newReno, segmentSize: 1_000, synchronizeLost: false), rate: 1_250_000,
      propagation: .milliseconds(40), queue: 50_000)
    path.run(for: .seconds(10))
    let before = path.delivered
    let lost = path.lost
    path.run(for: .seconds(20))
    #expect(path.delivered - before > 25_000_000 / 100 * 98)
    #expect(path.lost - lost < 20_000)
  }

  /// What was counted towards the next segment was counted in another window.
  @Test(.requirement("5681-5"))
  func aReductionBeginsTheCountOfAcknowledgedOctetsAnew() {
    let reductions: [(inout AckClock) -> Void] = [
      { $0.control.lossDetected(flight: 20_000, at: $0.now) },
      { $0.control.congestionExperienced(flight: 20_000, at: $0.now) },
      { $0.control.segmentSizeChanged(to: 500) },
    ]
    for reduce in reductions {
      var clock = AckClock(.newReno)
      clock.lose(at: 40_000)
      for _ in 0..<19 { clock.acknowledge() }
      #expect(clock.window == 20_000)
      reduce(&clock)
      let window = clock.window
      #expect(window == 10_000)
      for _ in 0..<9 { clock.acknowledge() }
      #expect(clock.window == window)
      clock.acknowledge()
      #expect(clock.window > window)
    }
  }

  @Test(.requirement("5681-5", "5681-6"))
  func aTimeoutBeginsTheCountOfAcknowledgedOctetsAnew() {
    var clock = AckClock(.newReno)
    clock.lose(at: 40_000)
    for _ in 0..<19 { clock.acknowledge() }
    clock.control.timedOut(flight: 20_000, again: false, at: clock.now)
    while clock.window < 10_000 { clock.acknowledge(flight: 10_000) }
    for _ in 0..<9 { clock.acknowledge() }
    #expect(clock.window == 10_000)
    clock.acknowledge()
    #expect(clock.window == 11_000)
  }
}
