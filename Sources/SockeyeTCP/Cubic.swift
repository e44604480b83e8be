// CUBIC (RFC 9438): how the window grows with time and not with the number of ACKs, and by how much congestion shrinks
// it. The curve is CubicCurve's, slow start CongestionWindow's with HyStart++.

import SockeyeBytes

struct Cubic: CongestionControlling, Equatable {
  /// beta_cubic (RFC 9438 §4.6), for marks as for losses.
  private static func decreased(_ octets: Int) -> Int { Int(Int64(octets) * 7 / 10) }

  /// W_max: where the window stood when the path was congested last, octets; zero while it is undefined.
  private var maximum = 0
  /// cwnd_prior, octets; zero before the first decrease, when there is nothing to come back to.
  private var prior = 0
  private var stage: Stage?
  private var saved: Saved?

  /// What a loss changes (RFC 9438 §4.9.2); of use as long as the window itself can be taken back.
  private struct Saved: Sendable, Equatable {
    var maximum: Int
    var prior: Int
    var stage: Stage?
  }

  mutating func acknowledged(
    _ sample: AcknowledgmentSample, _ window: inout CongestionWindow, at now: Instant
  ) {
    guard window.observe(sample, at: now) else {
      stage?.pause(at: now)
      return
    }
    if window.isInSlowStart {
      stage = nil
      window.growInSlowStart(by: sample.newlyAcknowledged)
      return
    }
    var stage = stage ?? Stage(window: window, maximum: maximum, at: now)
    let octets = stage.grow(sample, window: window.size, segment: window.segment, prior: prior, at: now)
    window.grow(to: octets)
    self.stage = stage
  }

  mutating func lossDetected(flight: Int, _ window: inout CongestionWindow, at now: Instant) {
    let load = window.loadAtLoss(flight: flight)
    beginDecrease(window)
    window.reduce(to: Self.decreased(load))
  }

  mutating func congestionExperienced(flight: Int, _ window: inout CongestionWindow, at now: Instant) {
    let load = window.loadAtLoss(flight: flight)
    beginDecrease(window)
    window.reduceForMark(to: Self.decreased(load))
  }

  private mutating func beginDecrease(_ window: CongestionWindow) {
    saved = Saved(maximum: maximum, prior: prior, stage: stage)
    // Fast convergence (RFC 9438 §4.7): a window that did not come back to where it was has to share with someone new.
    maximum = window.size < maximum ? Int(Int64(window.size) * 17 / 20) : window.size
    prior = window.size
    stage = nil
  }

  mutating func recoveryEnded(flight: Int, _ window: inout CongestionWindow, at now: Instant) {
    // RFC 9937 §6.3, but no longer a burst than a new connection may send.
    window.recoveryEnded(bound: flight + window.initial)
  }

  mutating func timedOut(flight: Int, again: Bool, _ window: inout CongestionWindow, at now: Instant) {
    if !again {
      saved = Saved(maximum: maximum, prior: prior, stage: stage)
      prior = window.size
    }
    // RFC 9438 §4.8: the stage that follows slow start begins on its plateau.
    maximum = 0
    window.collapse(threshold: again ? nil : Self.decreased(window.loadAtLoss(flight: flight)))
  }

  mutating func spuriousLoss(_ window: inout CongestionWindow, at now: Instant) {
    guard window.undo(), let saved else { return }
    maximum = saved.maximum
    prior = saved.prior
    stage = saved.stage
  }

  mutating func segmentSizeChanged(_ window: CongestionWindow) {
    // The curve is one of segments: a new one from here.
    stage = nil
  }
}

extension Cubic {
  /// One stage of congestion avoidance: from the end of slow start or recovery to the next congestion.
  struct Stage: Sendable, Equatable {
    private let curve: CubicCurve
    /// t: how long the window was in use since the stage began.
    private var elapsed = Interval.zero
    private var countedUntil: Instant
    /// The last ACK left nothing outstanding, so that what follows is idleness first.
    private var wasIdle = false
    /// W_est, the window NewReno would have, in parts of 2⁻¹² octets.
    private var estimate: Int64
    /// What was left of an octet, in parts of the window.
    private var remainder: Int64 = 0

    init(window: CongestionWindow, maximum: Int, at now: Instant) {
      curve = CubicCurve(from: window.size, maximum: maximum, segment: window.segment)
      estimate = Int64(window.size) << 12
      countedUntil = now
    }

    /// The window was not used: t stands still (RFC 9438 §4.2, §5.8).
    mutating func pause(at now: Instant) { countedUntil = now }

    /// An ACK of new data. Answers the window that follows, octets.
    mutating func grow(
      _ sample: AcknowledgmentSample, window: Int, segment: Int, prior: Int, at now: Instant
    ) -> Int {
      let roundTrip = sample.smoothedRoundTrip ?? .zero
      let passed = now - countedUntil
      elapsed += wasIdle ? min(passed, roundTrip) : passed
      countedUntil = now
      wasIdle = sample.flight == 0
      growEstimate(sample.newlyAcknowledged, window: window, segment: segment, prior: prior)
      let friendly = Int(clamping: estimate >> 12)
      if curve.window(at: elapsed) < friendly { return friendly }
      // RFC 9438 §4.2: towards where the curve is a round trip from now, never more than half as much again.
      let target = min(max(curve.window(at: elapsed + roundTrip), window), window + window / 2)
      remainder += Int64(target - window) * Int64(min(sample.newlyAcknowledged, window))
      let octets = remainder / Int64(window)
      remainder -= octets * Int64(window)
      return window + Int(octets)
    }

    /// RFC 9438 §4.3: alpha_cubic is 3 (1 - 0.7) / (1 + 0.7) = 9/17 segments a round trip, and one once the window is
    /// what it was before the decrease.
    private mutating func growEstimate(_ octets: Int, window: Int, segment: Int, prior: Int) {
      let isBack = estimate >> 12 >= Int64(prior)
      let growth = (Int64(segment) * Int64(octets)) << 12
      estimate += isBack ? growth / Int64(window) : growth / Int64(window) * 9 / 17
    }
  }
}
