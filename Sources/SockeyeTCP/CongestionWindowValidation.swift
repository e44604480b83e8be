// Congestion window validation (RFC 7661): how much of the window is used, and how much the path is known to carry.
// Only measures; what follows for the window is CongestionWindow's.

import SockeyeBytes

struct CongestionWindowValidation: Sendable, Equatable {
  /// The Non-Validated Period (RFC 7661 §4.4.3).
  private static let period: Interval = .minutes(5)

  /// The most that was outstanding in this round and in the one before.
  private var peak = 0
  private var lastPeak = 0
  private var acknowledgedInRound = 0
  /// The largest rounds of the last three thirds of the pipeACK sampling period.
  private struct Thirds: Sendable, Equatable {
    var newest = 0
    var middle = 0
    var oldest = 0
  }
  private var thirds = Thirds()
  private var thirdBegan = Instant.zero
  /// pipeACK is undefined until a round was measured.
  private var isMeasured = false
  /// When pipeACK fell below half of the window.
  private var unvalidatedSince: Instant?

  /// pipeACK: the most octets a round delivered lately; nil while it is undefined (RFC 7661 §4.2).
  var pipe: Int? { isMeasured ? max(thirds.newest, max(thirds.middle, thirds.oldest)) : nil }

  mutating func observe(
    _ sample: AcknowledgmentSample, roundEnded: Bool, window: Int, at now: Instant
  ) {
    acknowledgedInRound = min(acknowledgedInRound, CongestionWindow.limit) + sample.newlyAcknowledged
    if roundEnded {
      lastPeak = peak
      peak = 0
      if !sample.isRecovering { addRound(sample.smoothedRoundTrip ?? .zero, at: now) }
      acknowledgedInRound = 0
      let isValidated = pipe.map { $0 >= window / 2 } ?? true
      unvalidatedSince = isValidated ? nil : unvalidatedSince ?? now
    }
    peak = max(peak, sample.flightBefore)
  }

  /// The sampling period is three round trips and at least a second (RFC 7661 §4.1).
  private mutating func addRound(_ roundTrip: Interval, at now: Instant) {
    let third = max(roundTrip, .milliseconds(334))
    if now - thirdBegan >= third * 3 {
      thirds = Thirds()
      thirdBegan = now
    } else if now - thirdBegan >= third {
      thirds = Thirds(middle: thirds.newest, oldest: thirds.middle)
      thirdBegan = now
    }
    thirds.newest = max(thirds.newest, acknowledgedInRound)
    isMeasured = true
  }

  /// Whether the window, and not the application or the peer, set how much was outstanding. In slow start, half of a
  /// window that doubles is as much as the last round could use.
  func isLimiting(window: Int, segment: Int, inSlowStart: Bool) -> Bool {
    let used = max(peak, lastPeak)
    return inSlowStart ? used * 2 > window : used > window - segment
  }

  func loadAtLoss(flight: Int) -> Int {
    guard unvalidatedSince != nil, let pipe else { return flight }
    return max(pipe, flight)
  }

  func isOverdue(at now: Instant) -> Bool {
    unvalidatedSince.map { now - $0 >= Self.period } ?? false
  }

  mutating func beganAnew(at now: Instant) { unvalidatedSince = now }

  /// What was used of the wider window says nothing of the narrower one, and pipeACK is undefined again
  /// (RFC 7661 §4.4.2).
  mutating func windowShrank() { self = CongestionWindowValidation() }

  mutating func restarted() { self = CongestionWindowValidation() }
}
