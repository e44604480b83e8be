// Congestion avoidance as RFC 5681 §3.1 has it, and by how much a loss shrinks the window (RFC 6582). Slow start is
// CongestionWindow's, repairing losses LossRecovery's.

import SockeyeBytes

struct NewReno: CongestionControlling, Equatable {
  /// Octets acknowledged in congestion avoidance since the window last grew.
  private var acknowledgedInRound = 0

  mutating func acknowledged(
    _ sample: AcknowledgmentSample, _ window: inout CongestionWindow, at now: Instant
  ) {
    guard window.observe(sample, at: now) else { return }
    if window.isInSlowStart {
      window.growInSlowStart(by: sample.newlyAcknowledged)
    } else {
      // One SMSS for each window's worth of acknowledged octets (RFC 5681 §3.1, RFC 3465 §2.1).
      acknowledgedInRound += sample.newlyAcknowledged
      if acknowledgedInRound >= window.size {
        acknowledgedInRound -= window.size
        window.grow(to: window.size + window.segment)
      }
    }
  }

  mutating func lossDetected(flight: Int, _ window: inout CongestionWindow, at now: Instant) {
    // RFC 5681 §3.1 (4), with FlightSize and not cwnd.
    window.reduce(to: window.loadAtLoss(flight: flight) / 2)
    beginAnew()
  }

  mutating func congestionExperienced(flight: Int, _ window: inout CongestionWindow, at now: Instant) {
    // RFC 3168 §6.1.2: as a loss, but down to one segment.
    window.reduceForMark(to: window.loadAtLoss(flight: flight) / 2)
    beginAnew()
  }

  mutating func recoveryEnded(flight: Int, _ window: inout CongestionWindow, at now: Instant) {
    // RFC 6582 §3.2 (3): the first of the two choices, which cannot burst.
    window.recoveryEnded(bound: max(flight, window.segment) + window.segment)
  }

  mutating func timedOut(flight: Int, again: Bool, _ window: inout CongestionWindow, at now: Instant) {
    window.collapse(threshold: again ? nil : window.loadAtLoss(flight: flight) / 2)
    beginAnew()
  }

  mutating func spuriousLoss(_ window: inout CongestionWindow, at now: Instant) {
    _ = window.undo()
  }

  mutating func segmentSizeChanged(_ window: CongestionWindow) { beginAnew() }

  private mutating func beginAnew() { acknowledgedInRound = 0 }
}
