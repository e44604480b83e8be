// Holds how a connection stands at a moment, the answer to STATUS, in the manner of Linux's TCP_INFO. What it has done so
// far are the counters of Statistics.swift; how it is printed is SockeyeTrace's.

import SockeyeBytes
import SockeyeWire

/// STATUS (RFC 9293 §3.9.1.4): how a connection stands. Sizes are octets, rates octets a second.
public struct ConnectionStatus: Sendable, Equatable {
  public var state: TCPState

  // Time.
  /// SRTT and RTTVAR (RFC 6298 §2); nil before the first sample.
  public var smoothedRoundTrip: Interval?
  public var roundTripVariation: Interval?
  /// The shortest round trip seen.
  public var minimumRoundTrip: Interval?
  /// The RTO in force, back-off included.
  public var retransmissionTimeout: Interval
  /// How often the RTO was doubled since the last round trip that was measured (RFC 6298 §5.5).
  public var backOffs: Int

  // What may be sent.
  /// The algorithm that sets the congestion window.
  public var congestionControl: CongestionControlAlgorithm
  public var recoveryPhase: RecoveryPhase
  /// cwnd and ssthresh.
  public var congestionWindow: Int
  public var slowStartThreshold: Int
  /// SND.WND, what the peer offers beyond what it has acknowledged, and RCV.WND, what it is offered.
  public var sendWindow: Int
  public var receiveWindow: Int
  /// How fast segments leave; nil: as fast as the windows allow.
  public var pacingRate: Int?

  // What is on the way.
  /// Sent and not acknowledged, and written and not sent.
  public var outstanding: Int
  public var unsent: Int
  /// Of what is outstanding, what is believed to be in the network (RFC 9937 §6.1, pipe).
  public var inFlight: Int
  /// Of what is outstanding, what the peer holds out of order, and what is taken for lost and was not sent again.
  public var selectivelyAcknowledged: Int
  public var lost: Int
  /// What was taken for lost since the connection began. Known with SACK only.
  public var lostSoFar: UInt64
  /// Segments have overtaken one another on the way to the peer (RFC 8985 §6.2 step 3).
  public var reorderingSeen: Bool
  /// The furthest that a segment was overtaken, from its end to that of what had come before it, octets.
  public var reorderingExtent: Int
  /// How fast the path delivered last; nil before there is a measure.
  public var deliveryRate: Int?
  /// `deliveryRate` is what the application gave and not what the path can.
  public var deliveryIsApplicationLimited: Bool

  // The buffers.
  /// Received and not read.
  public var readable: Int
  /// Up to the urgent mark and not read.
  public var urgentAhead: Int
  /// What may be held written and not acknowledged, and received and not read.
  public var sendBuffer: Int
  public var receiveBuffer: Int

  // What both sides agreed on, and the path.
  /// SMSS: the most text that a segment carries.
  public var segmentSize: Int
  /// The most text that a segment of the peer carried; before there was one, what is assumed.
  public var receivedSegmentSize: Int
  /// The MSS that our SYN announced.
  public var announcedSegmentSize: Int
  /// The largest packet that the path is believed to take, IP header included.
  public var pathMTU: Int
  public var usesTimestamps: Bool
  public var usesSelectiveAcknowledgments: Bool
  public var usesWindowScaling: Bool
  /// Snd.Wind.Shift and Rcv.Wind.Shift (RFC 7323 §2.3).
  public var sendWindowShift: Int
  public var receiveWindowShift: Int
  /// Segments with new text may be marked on the way (RFC 3168).
  public var usesCongestionNotification: Bool
  /// What came of text on the SYN (RFC 7413).
  public var fastOpen: FastOpenOutcome

  // What keeps it from sending more.
  public var sendingLimit: SendingLimit
  /// For how long each limit held so far.
  public var sendingTimes: SendingTimes

  public var statistics: Statistics
}

/// Whether losses are being repaired.
public enum RecoveryPhase: UInt8, Sendable, CaseIterable {
  case open
  /// A loss was found by ACKs, and what was outstanding then is not all acknowledged (RFC 5681 §3.2, RFC 8985).
  case recovery
  /// The same after the retransmission timer ran out (RFC 5681 §3.1).
  case loss

  public var name: String {
    switch self {
    case .open: "open"
    case .recovery: "recovery"
    case .loss: "loss"
    }
  }
}

extension Connection {
  /// How the connection stands (RFC 9293 §3.9.1.4).
  ///
  /// - Parameter now: until when `ConnectionStatus.sendingTimes` counts.
  public func status(at now: Instant) -> ConnectionStatus {
    let selective = agreed.selectiveAcknowledgments
    // The end leaves SND.UNA and SND.NXT where they were, but what was written is dropped with it.
    let isOver = opening == .closed
    return ConnectionStatus(
      state: state, smoothedRoundTrip: roundTrip.smoothed, roundTripVariation: roundTrip.variation,
      minimumRoundTrip: roundTrip.minimum, retransmissionTimeout: roundTrip.timeout,
      backOffs: Int(roundTrip.backoffs), congestionControl: congestion.kind,
      recoveryPhase: recovery.publicPhase, congestionWindow: congestion.congestionWindow,
      slowStartThreshold: congestion.slowStartThreshold, sendWindow: send.window,
      receiveWindow: receive.window,
      pacingRate: isPaced ? congestion.pacingRate(smoothedRoundTrip: roundTrip.smoothed) : nil,
      outstanding: isOver ? 0 : send.flight, unsent: isOver ? 0 : send.unsent,
      inFlight: isOver ? 0 : inflight,
      selectivelyAcknowledged: selective ? scoreboard.log.sackedOctets : 0,
      lost: selective ? scoreboard.log.lostOctets : 0, lostSoFar: scoreboard.rate.lost,
      reorderingSeen: scoreboard.rack.reorderingSeen, reorderingExtent: scoreboard.rack.reorderingExtent,
      deliveryRate: scoreboard.rate.latest?.bytesPerSecond,
      deliveryIsApplicationLimited: scoreboard.rate.latest?.isApplicationLimited ?? false,
      readable: receive.buffer.count, urgentAhead: receive.urgentAhead, sendBuffer: send.buffer.capacity,
      receiveBuffer: receive.capacity, segmentSize: payloadLimit,
      receivedSegmentSize: receive.largestPayload, announcedSegmentSize: announcedSegmentSize,
      pathMTU: pathLimit + (version == .v4 ? 20 : 40), usesTimestamps: agreed.timestamps,
      usesSelectiveAcknowledgments: selective, usesWindowScaling: agreed.windowScaling,
      sendWindowShift: Int(send.windowShift), receiveWindowShift: Int(receive.windowShift),
      usesCongestionNotification: agreed.congestionNotification, fastOpen: fastOpenOutcome,
      sendingLimit: sendingClock.limit,
      sendingTimes: sendingClock.times(at: now), statistics: statistics)
  }
}

extension LossRecovery {
  fileprivate var publicPhase: RecoveryPhase {
    switch phase {
    case .open: .open
    case .fast: .recovery
    case .timeout: .loss
    }
  }
}
