// Holds RACK (RFC 8985 §6): which outstanding segments are lost, told from the times at which they were sent. The
// segments themselves are in the TransmissionLog; what a loss leads to is decided in Connection+Recovery.

import SockeyeBytes
import SockeyeWire

struct RackDetector: Sendable, Equatable {
  /// The most recently sent of the segments that were delivered: its time and end, and whether it was a copy.
  private var latestSentAt = Instant.zero
  private var latestEnd = SequenceNumber(0)
  private(set) var latestIsCopy = false
  private var hasLatest = false
  /// RACK.rtt.
  private(set) var roundTrip = Interval.zero
  /// RACK.fack: the highest end that was delivered.
  private var highest = SequenceNumber(0)
  private(set) var reorderingSeen = false
  /// How far above its end something had been delivered when a segment that was sent once came, octets: the most so far.
  private(set) var reorderingExtent = 0
  /// RACK.reo_wnd_mult and RACK.reo_wnd_persist.
  private(set) var multiplier: UInt8 = 1
  private var persistence: UInt8 = 0
  /// D-SACKs before this is acknowledged belong to a round trip that was counted.
  private var roundEnd: SequenceNumber?

  /// Recoveries without a D-SACK after which the reordering window shrinks again (RFC 8985 §6.2 step 4).
  private static let memory: UInt8 = 16

  /// Step 2, and step 3: a segment was delivered that had not been known to be.
  ///
  /// - Parameter isAmbiguous: the segment was sent more than once and its ACK may be an earlier copy's.
  @inline(__always)
  mutating func delivered(_ record: TransmissionLog.Record, isAmbiguous: Bool, at now: Instant) {
    let end = record.end
    if !hasLatest || end > highest {
      highest = end
    } else if end < highest, !record.marks.contains(.retransmitted) {
      reorderingSeen = true
      reorderingExtent = max(reorderingExtent, highest - end)
    }
    if isAmbiguous { return }
    roundTrip = now - record.sentAt
    if !hasLatest || isAfter(record.sentAt, end, latestSentAt, latestEnd) {
      hasLatest = true
      latestSentAt = record.sentAt
      latestEnd = end
      latestIsCopy = record.marks.contains(.retransmitted)
    }
  }

  @inline(__always)
  private func isAfter(
    _ time: Instant, _ end: SequenceNumber, _ otherTime: Instant, _ otherEnd: SequenceNumber
  ) -> Bool {
    time > otherTime || (time == otherTime && end > otherEnd)
  }

  /// Step 4: RACK.reo_wnd, how much later than expected a segment may be.
  func reorderingWindow(
    minimum: Interval?, smoothed: Interval?, inRecovery: Bool, sackedSegments: Int
  ) -> Interval {
    if !reorderingSeen, inRecovery || sackedSegments >= Constants.duplicateThreshold { return .zero }
    let window = Interval(nanoseconds: (minimum ?? .zero).nanoseconds / 4 * Int64(multiplier))
    return min(window, smoothed ?? window)
  }

  /// Step 5: marks what is lost.
  /// - Returns: octets newly lost, and how long until the next segment would have to be taken for lost; nil when there
  ///   is none that may be.
  mutating func detect(
    in log: inout TransmissionLog, window: Interval, at now: Instant
  ) -> (lost: Int, wait: Interval?) {
    let before = log.lostOctets
    var wait: Interval?
    let patience = roundTrip + window
    for index in 0..<log.count {
      let record = log[index]
      guard isAfter(latestSentAt, latestEnd, record.sentAt, record.end) else {
        // What follows was sent later still, once or again.
        if record.marks.contains(.retransmitted) { continue }
        break
      }
      guard record.isInFlight else { continue }
      let remaining = (record.sentAt + patience) - now
      if remaining <= .zero {
        log.markLost(index)
      } else {
        wait = max(wait ?? remaining, remaining)
      }
    }
    return (log.lostOctets - before, wait)
  }

  /// RFC 8985 §6.3: the retransmission timer ran out. The first segment is lost, and with it all that have been away for
  /// too long.
  func timedOut(in log: inout TransmissionLog, window: Interval, at now: Instant) {
    for index in 0..<log.count {
      let record = log[index]
      if index == 0 || (record.sentAt + roundTrip + window) - now <= .zero { log.markLost(index) }
    }
  }

  // MARK: The reordering window

  /// A D-SACK came: something was sent again too early.
  mutating func duplicateReported(unacknowledged: SequenceNumber, next: SequenceNumber) {
    if let roundEnd, unacknowledged < roundEnd { return }
    roundEnd = next
    if multiplier < .max { multiplier += 1 }
    persistence = Self.memory
  }

  /// A copy turned out to be needless though no timer had run out: the original was only overtaken.
  mutating func overtakingShown() { reorderingSeen = true }

  /// SND.UNA has moved.
  @inline(__always)
  mutating func acknowledged(_ unacknowledged: SequenceNumber) {
    if let roundEnd, unacknowledged >= roundEnd { self.roundEnd = nil }
  }

  mutating func recoveryEnded() {
    if persistence > 0 { persistence -= 1 }
    if persistence == 0 { multiplier = 1 }
  }
}
