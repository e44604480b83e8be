// What is to be sent, decided and complete, before a byte of it is written; and why it is sent.

import SockeyeBytes
import SockeyeWire

/// What made a segment leave again.
public enum RetransmissionCause: UInt8, Sendable {
  /// The retransmission timer ran out (RFC 6298 §5.4).
  case timeout
  /// Three duplicate ACKs (RFC 5681 §3.2).
  case fastRetransmit
  /// An ACK for part of what was outstanding during recovery (RFC 6582 §3.2).
  case partialAcknowledgment
  /// A segment that left later has arrived, and this one is overdue (RFC 8985 §6.2).
  case overdue
  /// The end of the flight is sent again to bring an ACK (RFC 8985 §7.3).
  case tailLossProbe
  /// Slow start after a timeout reaches this segment again (RFC 5681 §4.3).
  case afterTimeout
  /// The closed window opened, and what probed it was not taken.
  case windowOpened
  /// The path takes only smaller packets than this one was (RFC 1191 §6.4).
  case pathMTU
}

/// Why an ACK without data is sent.
public enum AcknowledgmentReason: UInt8, Sendable {
  /// Enough in-order data, or a rule that forbids delay.
  case immediate
  /// The delay ran out.
  case delayed
  /// A segment above a gap, or one that filled it (RFC 5681 §4.2).
  case outOfOrder
  /// The segment was not acceptable (RFC 9293 §3.10.7.4, first step).
  case unacceptable
  /// RFC 5961: the peer is asked to prove a RST, a SYN or an ACK number.
  case challenge
  /// The peer's FIN.
  case finish
  /// The handshake's third segment.
  case handshake
}

/// Why a RST is sent.
public enum ResetReason: UInt8, Sendable {
  /// No connection, no listener (RFC 9293 §3.10.7.1).
  case noConnection
  /// An ACK for something never sent (RFC 9293 §3.10.7.2 to .4).
  case unacceptableAcknowledgment
  /// The user called ABORT (RFC 9293 §3.10.5).
  case aborted
  /// Data was unread, or came after the user had stopped reading (RFC 9293 §3.6.1 SHLD-3).
  case unreadData
}

/// What a segment is for: the one source of every explanation of a packet.
public enum SegmentPurpose: Sendable, Equatable {
  case synchronize
  case synchronizeAcknowledge
  case data
  /// New data, sent beyond the congestion window to bring an ACK for the end of the flight (RFC 8985 §7.3).
  case tailLossProbe
  /// New data in a packet of so many octets, IP header included, to find out whether the path takes it (RFC 4821 §7).
  case pathProbe(packetLength: Int)
  case finish
  /// `count` is the number of times this segment had to be sent again; `timeout` is the RTO that led to it.
  case retransmission(count: Int, timeout: Interval, cause: RetransmissionCause)
  case acknowledgment(AcknowledgmentReason)
  case windowUpdate
  /// The `count`th probe of a closed window.
  case zeroWindowProbe(count: Int)
  /// The `count`th probe of a silent peer.
  case keepAlive(count: Int)
  case reset(ResetReason)
}

/// One segment to send: its header's fields as they go onto the wire, and which part of the send buffer
/// it carries.
@frozen
public struct SegmentPlan: Sendable, Equatable {
  public var sequence: SequenceNumber
  public var acknowledgment: SequenceNumber
  public var flags: TCPFlags
  /// The window field, scaled already.
  public var window: UInt16
  public var urgentPointer: UInt16
  public var options: TCPOptions
  /// Where the payload starts, counted from the oldest byte in the send buffer, octets.
  public var payloadOffset: Int
  public var payloadLength: Int
  public var purpose: SegmentPurpose
  /// The packet may be marked instead of dropped: ECT(0) in the IP header (RFC 3168 §5).
  public var isMarkable = false

  public init(
    sequence: SequenceNumber, acknowledgment: SequenceNumber = SequenceNumber(0), flags: TCPFlags,
    window: UInt16 = 0, urgentPointer: UInt16 = 0, options: TCPOptions = TCPOptions(),
    payloadOffset: Int = 0, payloadLength: Int = 0, purpose: SegmentPurpose
  ) {
    self.sequence = sequence
    self.acknowledgment = acknowledgment
    self.flags = flags
    self.window = window
    self.urgentPointer = urgentPointer
    self.options = options
    self.payloadOffset = payloadOffset
    self.payloadLength = payloadLength
    self.purpose = purpose
  }

  /// Octets of TCP header, options and padding included.
  @inlinable
  @inline(__always)
  public var headerLength: Int { TCPHeader.minimumLength + options.encodedLength }
  /// Octets of header and payload.
  @inlinable
  @inline(__always)
  public var length: Int { headerLength + payloadLength }

  /// The RST that answers a segment for which there is no connection, or which acknowledges what was never
  /// sent; nil for a RST, which is never answered with another.
  ///
  /// RFC 9293 §3.10.7.1: `<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>` for a segment without ACK, otherwise
  /// `<SEQ=SEG.ACK><CTL=RST>`.
  public static func reset(
    answering header: TCPHeader, payloadLength: Int, reason: ResetReason = .noConnection
  ) -> SegmentPlan? {
    // RFC 9293 §3.5.2: a RST is never answered with a RST.
    if header.flags.contains(.rst) { return nil }
    // RFC 7323 §5.2: the cause's timestamp is echoed; there is no clock of ours to tell.
    var options = TCPOptions()
    options.timestamps = header.options.timestamps.map { TimestampOption(value: 0, echo: $0.value) }
    if header.flags.contains(.ack) {
      return SegmentPlan(
        sequence: header.acknowledgment, flags: .rst, options: options, purpose: .reset(reason))
    }
    let length = payloadLength + (header.flags.contains(.syn) ? 1 : 0) + (header.flags.contains(.fin) ? 1 : 0)
    return SegmentPlan(
      sequence: SequenceNumber(0), acknowledgment: header.sequence + length, flags: [.rst, .ack],
      options: options, purpose: .reset(reason))
  }
}

/// What `plan(at:)` found.
public enum TransmissionPlan: Sendable, Equatable {
  /// This segment may leave now.
  case segment(SegmentPlan)
  /// The connection is to be given up now; `abandon` does it.
  case abandon(CloseReason)
  /// Nothing before this time, unless a segment or a call arrives.
  case wait(until: Instant)
  /// Nothing unless a segment or a call arrives.
  case idle
}
