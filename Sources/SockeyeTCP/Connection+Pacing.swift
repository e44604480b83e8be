// Pacing: segments leave no faster than the rate that congestion control sets. When the next may leave is Pacer's.

import SockeyeBytes

extension Connection {
  /// Segments are spread over the round trip.
  @inline(__always)
  var isPaced: Bool { configuration.pacing || congestion.setsWindowInRecovery || marks.holdsText }

  /// Whether the pace lets text leave now.
  @inline(__always)
  borrowing func paceAllows(at now: Instant) -> Bool { !isPaced || pacer.mayLeave(at: now) }

  /// When the pace lets the next text leave, if nothing else holds it back. What the pace allows already and yet does not
  /// leave waits for something else: it must not be looked at as of then, when windows may have been wider.
  func paceDeadline(after now: Instant) -> Instant? {
    guard isPaced, pacer.next > now, opening == .synchronized, send.resendNext == nil || recovery.holdsCopies
    else {
      return nil
    }
    // Asked about that time, the windows and Nagle's rule answer for it.
    let due = pacer.next
    guard newLength(at: due) != nil || planRepair(at: due) != nil else { return nil }
    return due
  }

  /// Text has left, new or again.
  @inline(__always)
  mutating func paceAfter(_ octets: Int, at now: Instant) {
    guard isPaced, octets > 0 else { return }
    marks.holdsText = false
    guard let rate = congestion.pacingRate(smoothedRoundTrip: roundTrip.smoothed) else {
      return
    }
    pacer.sent(octets, rate: max(rate, leastPace), segment: payloadLimit, at: now)
  }

  /// A segment a round trip, what the smallest of windows lets pass: a rate that was measured while the peer was out of reach
  /// must not be kept for want of anything faster to measure. Where nothing was ever sent only once, no round trip is known.
  private var leastPace: Int {
    let roundTrip = roundTrip.smoothed ?? configuration.initialRetransmissionTimeout
    return Int(clamping: Int64(payloadLimit) * 1_000_000_000 / max(roundTrip.nanoseconds, 1))
  }
}
