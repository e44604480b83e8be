// Holds the counters of one connection. What they count is also told, one by one, by the events; these are sums. How the
// connection stands at a moment is in ConnectionStatus.swift.

import SockeyeBytes

/// What a connection has done so far.
public struct Statistics: Sendable, Equatable {
  /// Segments of all kinds, copies and those without text included.
  public internal(set) var segmentsSent: UInt64 = 0
  public internal(set) var segmentsReceived: UInt64 = 0
  /// Segments received and not used.
  public internal(set) var segmentsDropped: UInt64 = 0
  public internal(set) var segmentsRetransmitted: UInt64 = 0
  /// Of these, segments that the peer says it had already (RFC 2883), as far as it says so.
  public internal(set) var needlessRetransmissions: UInt64 = 0
  /// Segments received ahead of their turn.
  public internal(set) var segmentsOutOfOrder: UInt64 = 0
  /// Octets of new text sent, each once.
  public internal(set) var bytesSent: UInt64 = 0
  /// Octets of text sent again.
  public internal(set) var bytesRetransmitted: UInt64 = 0
  public internal(set) var bytesAcknowledged: UInt64 = 0
  /// Octets received in order.
  public internal(set) var bytesReceived: UInt64 = 0
  /// ACKs without text that acknowledge nothing new while something is outstanding, and change no window unless they
  /// tell of text held out of order (RFC 5681 §2).
  public internal(set) var duplicateAcknowledgments: UInt64 = 0
  /// Times the retransmission timer ran out (RFC 6298 §5.4).
  public internal(set) var retransmissionTimeouts: UInt32 = 0
  /// Times a loss was found by ACKs (RFC 5681 §3.2, RFC 8985).
  public internal(set) var fastRecoveries: UInt32 = 0
  /// Recoveries and timeouts that turned out to be needless and were undone.
  public internal(set) var spuriousRecoveries: UInt32 = 0
  /// Tail-loss probes (RFC 8985 §7).
  public internal(set) var tailLossProbes: UInt32 = 0
  /// Segments that the peer says have come twice (RFC 2883).
  public internal(set) var duplicatesReported: UInt64 = 0
  /// Probes of a closed window (RFC 9293 §3.8.6.1).
  public internal(set) var windowProbes: UInt32 = 0
  /// Probes of the path MTU that left, and those of them that got lost (RFC 4821).
  public internal(set) var pathProbes: UInt32 = 0
  public internal(set) var pathProbesLost: UInt32 = 0
  /// Times the segment size was lowered because nothing of it passed (RFC 4821 §7.7).
  public internal(set) var blackHolesFound: UInt32 = 0
  /// Segments with text that came with the mark of congestion (RFC 3168, CE).
  public internal(set) var marksReceived: UInt64 = 0
  /// Times the window shrank because the peer told of marks.
  public internal(set) var marksEchoed: UInt32 = 0

  public init() {}
}
