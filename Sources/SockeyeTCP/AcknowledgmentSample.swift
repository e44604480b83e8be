// Holds what the engine tells a congestion-control algorithm: about an ACK, about the rate at which data was
// delivered, about a segment taken for lost. Does not hold what an algorithm makes of it.

import SockeyeBytes
import SockeyeWire

/// What an ACK that delivers data tells a congestion-control algorithm.
public struct AcknowledgmentSample: Sendable, Equatable {
  /// Octets newly delivered (DeliveredData of RFC 9937). Outside of recovery those that SND.UNA has passed: what the peer
  /// holds above a gap does not widen the window yet (RFC 5681 §3.1).
  public var newlyAcknowledged: Int
  /// Octets outstanding before this ACK.
  public var flightBefore: Int
  /// Octets in the network after it: sent, and neither acknowledged nor taken for lost.
  public var flight: Int
  /// The round-trip time measured by this ACK, when it gave a fit sample.
  public var roundTrip: Interval?
  /// SRTT with this sample in it; nil before the first.
  public var smoothedRoundTrip: Interval?
  /// SND.UNA after this ACK.
  public var acknowledgment: SequenceNumber
  /// SND.NXT.
  public var next: SequenceNumber
  /// Octets that this ACK made the sender take for lost.
  public var newlyLost = 0
  /// The ACK belongs to a fast recovery, in which the window does not grow.
  public var isRecovering = false
  /// There was nothing to send, while the window had room.
  public var isApplicationLimited = false
  /// The delivery rate, where the sender measures it.
  public var deliveryRate: DeliveryRateSample?
}

/// How fast data was delivered, from the sending of the newest segment that an ACK covers to that ACK
/// (draft-ietf-ccwg-bbr §4.1, RS).
public struct DeliveryRateSample: Sendable, Equatable {
  /// RS.delivered: octets delivered in `interval`.
  public var delivered: Int
  /// RS.interval: the longer of the time it took to send them and the time it took to acknowledge them. An interval
  /// shorter than the smallest round-trip time gives no rate.
  public var interval: Interval
  /// RS.is_app_limited: the sender had too little to send when the segment left.
  public var isApplicationLimited: Bool
  /// RS.prior_delivered: octets the connection had delivered when the segment left. With `delivered` it makes what it
  /// has delivered now.
  public var priorDelivered: UInt64
  /// RS.tx_in_flight: octets in the network when the segment had left, itself included.
  public var flightWhenSent: Int
  /// RS.lost: octets taken for lost since the segment left.
  public var lost: Int

  public init(
    delivered: Int, interval: Interval, isApplicationLimited: Bool, priorDelivered: UInt64,
    flightWhenSent: Int, lost: Int
  ) {
    self.delivered = delivered
    self.interval = interval
    self.isApplicationLimited = isApplicationLimited
    self.priorDelivered = priorDelivered
    self.flightWhenSent = flightWhenSent
    self.lost = lost
  }
}

/// A segment that the sender has just taken for lost.
public struct LostSegment: Sendable, Equatable {
  /// Its text, octets.
  public var octets: Int
  /// Octets in the network when it had left, itself included.
  public var flightWhenSent: Int
  /// Octets taken for lost since it left, itself included.
  public var lostSinceSent: Int
  /// The sender had too little to send when it left.
  public var isApplicationLimited: Bool

  public init(octets: Int, flightWhenSent: Int, lostSinceSent: Int, isApplicationLimited: Bool) {
    self.octets = octets
    self.flightWhenSent = flightWhenSent
    self.lostSinceSent = lostSinceSent
    self.isApplicationLimited = isApplicationLimited
  }
}
