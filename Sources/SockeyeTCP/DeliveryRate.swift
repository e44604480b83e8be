// Holds how fast the network delivers: one sample an ACK, from what was delivered between the sending of a segment and
// its acknowledgment (draft-ietf-ccwg-bbr §4.1). It sets no rate; congestion control may.

import SockeyeBytes

/// How far delivery had come when a segment left. Times are microseconds and counts octets, both modulo 2³²: only
/// differences are taken, between a segment and its ACK.
struct DeliverySnapshot: BitwiseCopyable {
  var delivered: UInt32 = 0
  var deliveredAt: UInt32 = 0
  var firstSentAt: UInt32 = 0
  /// Octets taken for lost by then, and octets in the network once the segment had left.
  var lost: UInt32 = 0
  var flight: UInt32 = 0
}

struct DeliveryRate {
  /// Octets delivered and octets taken for lost so far.
  private(set) var delivered: UInt64 = 0
  private(set) var lost: UInt64 = 0
  private var deliveredAt: UInt32 = 0
  private var firstSentAt: UInt32 = 0
  /// Until this much is delivered, samples are the application's and not the path's; nil when it fills the window.
  private var applicationLimitedUntil: UInt64?
  /// The sample of the last ACK that gave one.
  private(set) var latest: DeliveryRateSample?

  // Of the ACK that is being processed: the latest sent of the segments that it delivers.
  private var newest: (snapshot: DeliverySnapshot, sentAt: Instant, isApplicationLimited: Bool)?

  private static func microseconds(_ instant: Instant) -> UInt32 {
    UInt32(truncatingIfNeeded: instant.nanoseconds / 1_000)
  }

  var isApplicationLimited: Bool { applicationLimitedUntil != nil }

  /// A segment leaves.
  /// - Parameters:
  ///   - flight: octets in the network then, its own included.
  ///   - isFirst: nothing else is outstanding.
  @inline(__always)
  mutating func snapshot(flight: Int, isFirst: Bool, at now: Instant) -> DeliverySnapshot {
    if isFirst {
      firstSentAt = Self.microseconds(now)
      deliveredAt = firstSentAt
    }
    return DeliverySnapshot(
      delivered: UInt32(truncatingIfNeeded: delivered), deliveredAt: deliveredAt, firstSentAt: firstSentAt,
      lost: UInt32(truncatingIfNeeded: lost), flight: UInt32(truncatingIfNeeded: flight))
  }

  mutating func segmentsLost(_ octets: Int) { lost += UInt64(octets) }

  /// One of the segments that were taken for lost, of which `lost` counts this one and those before it.
  mutating func segmentLost(_ record: TransmissionLog.Record, octets: Int) -> LostSegment {
    lost += UInt64(octets)
    return LostSegment(
      octets: octets, flightWhenSent: Int(clamping: record.delivery.flight),
      lostSinceSent: Int(clamping: UInt32(truncatingIfNeeded: lost) &- record.delivery.lost),
      isApplicationLimited: record.marks.contains(.applicationLimited))
  }

  /// Everything written has left, and the congestion window has room: what is delivered says nothing of the path.
  mutating func applicationIsLimiting(flight: Int) {
    applicationLimitedUntil = delivered + UInt64(max(flight, 1))
  }

  /// The ACK being processed delivers this segment.
  @inline(__always)
  mutating func segmentDelivered(_ record: TransmissionLog.Record) {
    if let newest, newest.sentAt > record.sentAt { return }
    newest = (record.delivery, record.sentAt, record.marks.contains(.applicationLimited))
  }

  /// The ACK being processed has delivered so many octets in all.
  /// - Returns: a sample, when it delivered anything that was logged.
  @inline(__always)
  mutating func finish(delivered octets: Int, minimumRoundTrip: Interval?, at now: Instant)
    -> DeliveryRateSample?
  {
    let here = Self.microseconds(now)
    delivered += UInt64(octets)
    deliveredAt = here
    if let limit = applicationLimitedUntil, delivered > limit { applicationLimitedUntil = nil }
    guard let newest else { return nil }
    self.newest = nil
    let sent = Self.microseconds(newest.sentAt)
    firstSentAt = sent
    let sendElapsed = sent &- newest.snapshot.firstSentAt
    let acknowledgeElapsed = here &- newest.snapshot.deliveredAt
    let elapsed = Int64(max(sendElapsed, acknowledgeElapsed))
    let since = UInt32(truncatingIfNeeded: delivered) &- newest.snapshot.delivered
    let sample = DeliveryRateSample(
      delivered: Int(clamping: since), interval: Interval(nanoseconds: elapsed * 1_000),
      isApplicationLimited: newest.isApplicationLimited, priorDelivered: delivered - UInt64(since),
      flightWhenSent: Int(clamping: newest.snapshot.flight),
      lost: Int(clamping: UInt32(truncatingIfNeeded: lost) &- newest.snapshot.lost))
    // Shorter than a round trip is no measure but the compression of ACKs.
    if sample.interval > .zero, sample.interval >= minimumRoundTrip ?? .zero { latest = sample }
    return sample
  }
}

extension DeliveryRateSample {
  /// Octets a second; zero without an interval.
  public var bytesPerSecond: Int {
    guard interval > .zero else { return 0 }
    return Int(clamping: Int64(delivered) * 1_000_000_000 / interval.nanoseconds)
  }
}
