// Slow start and congestion avoidance (RFC 5681 §3.1), and what a loss does to the window. The inflation of
// fast recovery is LossRecovery's.

import SockeyeBytes

struct NewReno: CongestionControlling, Equatable {
  private(set) var congestionWindow: Int
  private(set) var slowStartThreshold: Int
  private(set) var initialWindow: Int
  private var segmentSize: Int
  /// Octets acknowledged in congestion avoidance since the window last grew.
  private var acknowledgedInRound = 0

  /// - Parameters:
  ///   - segmentSize: SMSS, octets.
  ///   - synchronizeLost: The SYN or SYN,ACK had to be sent again; then the first window is one segment
  ///     (RFC 5681 §3.1).
  init(segmentSize: Int, synchronizeLost: Bool) {
    self.segmentSize = segmentSize
    initialWindow = Self.initialWindow(segmentSize: segmentSize)
    congestionWindow = synchronizeLost ? segmentSize : initialWindow
    // Arbitrarily high until congestion is met (RFC 5681 §3.1).
    slowStartThreshold = 1 << 30
  }

  /// IW = min(10 SMSS, max(2 SMSS, 14600)) (RFC 6928 §2).
  private static func initialWindow(segmentSize: Int) -> Int {
    min(10 * segmentSize, max(2 * segmentSize, 14_600))
  }

  mutating func acknowledged(_ sample: AcknowledgmentSample, at now: Instant) {
    // A window that was not used says nothing about the path (RFC 9293 §3.8.2 with RFC 7661 §4.3).
    let inSlowStart = congestionWindow < slowStartThreshold
    guard sample.flightBefore * (inSlowStart ? 2 : 1) + segmentSize > congestionWindow else { return }
    if inSlowStart {
      // RFC 5681 §3.1 (2): by octets acknowledged and no more than SMSS an ACK, so that dividing ACKs gains nothing.
      congestionWindow = min(congestionWindow + min(sample.newlyAcknowledged, segmentSize), 1 << 30)
    } else {
      // One SMSS for each window's worth of acknowledged octets (RFC 5681 §3.1, RFC 3465 §2.1).
      acknowledgedInRound += sample.newlyAcknowledged
      if acknowledgedInRound >= congestionWindow {
        acknowledgedInRound -= congestionWindow
        congestionWindow = min(congestionWindow + segmentSize, 1 << 30)
      }
    }
  }

  mutating func lossDetected(flight: Int, at now: Instant) {
    // RFC 5681 §3.1 (4), with FlightSize and not cwnd.
    slowStartThreshold = max(flight / 2, 2 * segmentSize)
    congestionWindow = slowStartThreshold
    acknowledgedInRound = 0
  }

  mutating func recoveryEnded(flight: Int, at now: Instant) {
    // RFC 6582 §3.2 (3): the first of the two choices, which cannot burst.
    congestionWindow = min(slowStartThreshold, max(flight, segmentSize) + segmentSize)
  }

  mutating func timedOut(flight: Int, again: Bool, at now: Instant) {
    // RFC 5681 §3.1: ssthresh only the first time for the same segment; the loss window is one segment.
    if !again { slowStartThreshold = max(flight / 2, 2 * segmentSize) }
    congestionWindow = segmentSize
    acknowledgedInRound = 0
  }

  mutating func restartedAfterIdle() {
    congestionWindow = min(initialWindow, congestionWindow)
  }

  mutating func segmentSizeChanged(to size: Int) {
    // RFC 5681 §4.1 end, RFC 8201 §5.4: keep the number of segments.
    congestionWindow = max(size, congestionWindow / segmentSize * size)
    segmentSize = size
    initialWindow = Self.initialWindow(segmentSize: size)
  }
}
