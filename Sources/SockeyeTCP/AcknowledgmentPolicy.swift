// The duty to acknowledge: none, before a time, or now. Recorded when a segment arrives, done when the next
// segment leaves, so that ACKs merge and ride on data (RFC 9293 §3.10.7.4 MUST-58, MUST-59).

import SockeyeBytes
import SockeyeWire

struct AcknowledgmentPolicy: Sendable, Equatable {
  enum Duty: Sendable, Equatable {
    case none
    case delayed(until: Instant)
    case now(AcknowledgmentReason)
  }
  private(set) var duty: Duty = .none
  /// Last.ACK.sent (RFC 7323 §4.3).
  private(set) var lastSent: SequenceNumber

  /// Text has come in segments of its own.
  private(set) var hasSeenText = false
  /// How many more ACKs of data leave without delay.
  private(set) var quick: UInt8

  init(lastSent: SequenceNumber, quick: UInt8 = 0) {
    self.lastSent = lastSent
    self.quick = quick
  }

  /// The next ACKs of data, so many of them, are not to wait, and neither is one that waits already.
  mutating func beginQuick(_ count: UInt8) {
    quick = count
    if case .delayed = duty, count > 0 { duty = .now(.immediate) }
  }

  mutating func acknowledgeNow(_ reason: AcknowledgmentReason) {
    // The first reason is the one that stands: a challenge is not turned into a plain ACK.
    if case .now = duty { return }
    duty = .now(reason)
  }

  /// New data in order. At least every second full-sized segment is acknowledged at once (RFC 9293 §3.8.6.3
  /// SHLD-19), anything else within the delay (MUST-40).
  mutating func dataArrived(
    next: SequenceNumber, fullSegment: Int, delay: Interval, at now: Instant
  ) {
    hasSeenText = true
    switch duty {
    case .now: return
    case .none, .delayed:
      if next - lastSent >= 2 * fullSegment || delay == .zero || quick > 0 {
        duty = .now(.immediate)
        if quick > 0 { quick -= 1 }
      } else if duty == .none {
        duty = .delayed(until: now + delay)
      }
    }
  }

  /// A FIN whose ACK may wait, unless more than a full segment would wait with it.
  mutating func finishArrived(next: SequenceNumber, fullSegment: Int, delay: Interval, at now: Instant) {
    switch duty {
    case .now(.immediate), .none:
      duty =
        next - lastSent > fullSegment || delay == .zero ? .now(.finish) : .delayed(until: now + delay)
    case .now, .delayed: break
    }
  }

  /// A segment with this ACK number left.
  mutating func acknowledged(_ next: SequenceNumber) {
    lastSent = next
    duty = .none
  }
}
