// Counters of one connection. What they count is also told, one by one, by the events; these are sums.

import SockeyeBytes

/// What a connection has done so far.
public struct Statistics: Sendable, Equatable {
  public internal(set) var segmentsSent: UInt64 = 0
  public internal(set) var segmentsReceived: UInt64 = 0
  public internal(set) var segmentsDropped: UInt64 = 0
  public internal(set) var segmentsRetransmitted: UInt64 = 0
  public internal(set) var segmentsOutOfOrder: UInt64 = 0
  /// Octets of new text sent, each once.
  public internal(set) var bytesSent: UInt64 = 0
  public internal(set) var bytesRetransmitted: UInt64 = 0
  public internal(set) var bytesAcknowledged: UInt64 = 0
  /// Octets received in order.
  public internal(set) var bytesReceived: UInt64 = 0
  public internal(set) var duplicateAcknowledgments: UInt64 = 0
  public internal(set) var retransmissionTimeouts: UInt32 = 0
  public internal(set) var fastRecoveries: UInt32 = 0
  /// Recoveries and timeouts that turned out to be needless and were undone.
  public internal(set) var spuriousRecoveries: UInt32 = 0
  public internal(set) var tailLossProbes: UInt32 = 0
  /// Segments that the peer says have come twice (RFC 2883).
  public internal(set) var duplicatesReported: UInt64 = 0
  public internal(set) var windowProbes: UInt32 = 0
  /// Segments with text that came with the mark of congestion (RFC 3168, CE).
  public internal(set) var marksReceived: UInt64 = 0
  /// Times the window shrank because the peer told of marks.
  public internal(set) var marksEchoed: UInt32 = 0

  public init() {}
}

/// STATUS (RFC 9293 §3.9.1.4): how a connection stands.
public struct ConnectionStatus: Sendable, Equatable {
  public var state: TCPState
  /// SRTT, RTTVAR and RTO.
  public var smoothedRoundTrip: Interval?
  public var roundTripVariation: Interval?
  public var minimumRoundTrip: Interval?
  public var retransmissionTimeout: Interval
  /// cwnd and ssthresh, octets.
  public var congestionWindow: Int
  public var slowStartThreshold: Int
  /// SND.WND and RCV.WND, octets.
  public var sendWindow: Int
  public var receiveWindow: Int
  /// Octets sent and not acknowledged, and written and not sent.
  public var outstanding: Int
  public var unsent: Int
  /// Octets received and not read.
  public var readable: Int
  /// Octets up to the urgent mark that are not read.
  public var urgentAhead: Int
  /// SMSS, octets.
  public var segmentSize: Int
  public var usesTimestamps: Bool
  public var usesSelectiveAcknowledgments: Bool
  public var usesWindowScaling: Bool
  /// Segments with new text may be marked on the way (RFC 3168).
  public var usesCongestionNotification: Bool
  /// Segments have overtaken one another on the way to the peer (RFC 8985 §6.2 step 3).
  public var reorderingSeen: Bool
  /// How fast the path delivered last, octets a second; nil before there is a measure.
  public var deliveryRate: Int?
  public var statistics: Statistics
}
