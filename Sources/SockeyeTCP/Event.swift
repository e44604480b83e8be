// What a connection tells: notices for its user, verdicts on segments, timers. Plain values, no strings.

import SockeyeBytes
import SockeyeWire

/// Why a connection ended.
public enum CloseReason: UInt8, Sendable, CaseIterable {
  /// Both directions were closed in order, or the user closed before anything was opened.
  case finished
  /// The user aborted it, or left data unread when closing.
  case aborted
  /// The peer sent RST on an established connection.
  case reset
  /// The peer answered the SYN with RST.
  case refused
  /// Data stayed unacknowledged for the user timeout (R2).
  case timedOut
  /// No keep-alive probe was answered.
  case keepAliveTimedOut
  /// An ICMP error ended the attempt to connect.
  case unreachable
  /// The peer's FIN never came after the user was gone.
  case orphaned
  /// The host is short of memory or of table entries.
  case noResources
}

/// Why a segment, or the packet around it, was not used.
public enum DropReason: UInt8, Sendable, CaseIterable {
  // The packet.
  case malformed, badChecksum, notForUs, invalidSource, invalidDestination, unknownProtocol, noMemory
  // The host.
  case noConnection, noListener, backlogFull, acceptQueueFull, duplicateHandshake, rateLimited
  // The segment (RFC 9293 §3.10.7).
  /// Not in the window (first check).
  case outsideWindow
  /// PAWS: an old timestamp (RFC 7323 §5.3).
  case oldTimestamp
  /// Timestamps were negotiated and this segment has none (RFC 7323 §3.2).
  case missingTimestamp
  /// RST that is not exactly at RCV.NXT (RFC 5961 §3.2).
  case resetNotExact
  /// RST without the right to reset in this state.
  case resetUnacceptable
  /// SYN in a synchronized state (RFC 5961 §4.2).
  case unexpectedSynchronize
  case missingAcknowledgment
  /// ACK below what is plausible or above SND.NXT (RFC 5961 §5.2).
  case unacceptableAcknowledgment
  /// Nothing in it that this state uses.
  case notForState
  /// Data that the reassembly bound has no room for.
  case reassemblyFull
  /// TIME-WAIT keeps the port (RFC 1337, RFC 6191).
  case timeWait
  // Authentication (RFC 5925 §7.3).
  /// An authentication option that cannot be valid: its length, a second one, or an MD5 signature beside it.
  case malformedAuthentication
  /// No authentication option, where every segment must have one.
  case missingAuthentication
  /// A key or a code that is not the peer's.
  case unauthentic
}

/// What became of an arriving segment.
@frozen
public struct ArrivalOutcome: Sendable {
  /// Nil when the segment was used, whole or in part.
  public var dropped: DropReason?
  /// The segment is to be answered with a RST, for this reason (RFC 9293 §3.10.7.3 and .4, §3.6.1 SHLD-3):
  /// `SegmentPlan.reset(answering:)` makes it of the segment's header.
  public var reset: ResetReason?
  /// A passive handshake ended without a connection: its listener simply goes on.
  public var returnedToListen = false

  init(dropped: DropReason? = nil, reset: ResetReason? = nil) {
    self.dropped = dropped
    self.reset = reset
  }

  static var accepted: ArrivalOutcome { ArrivalOutcome() }
}

/// News for the connection's user, gathered until asked for.
@frozen
public struct Notices: OptionSet, Sendable {
  public let rawValue: UInt16
  @inlinable
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The handshake is complete.
  @inlinable public static var connected: Notices { Notices(rawValue: 1 << 0) }
  /// There is more to read.
  @inlinable public static var readable: Notices { Notices(rawValue: 1 << 1) }
  /// There is room again after a write that was taken only in part; or the handshake is complete, and there is room.
  @inlinable public static var writable: Notices { Notices(rawValue: 1 << 2) }
  /// The peer's FIN: no byte follows those already received.
  @inlinable public static var peerFinished: Notices { Notices(rawValue: 1 << 3) }
  /// An urgent pointer came or moved forward (RFC 9293 §3.8.5 MUST-32).
  @inlinable public static var urgent: Notices { Notices(rawValue: 1 << 4) }
  /// R1 was reached: the peer has not acknowledged several copies (RFC 9293 §3.8.3 SHLD-9).
  @inlinable public static var retransmissionTrouble: Notices { Notices(rawValue: 1 << 5) }
  /// The connection is over; `closeReason` says why.
  @inlinable public static var closed: Notices { Notices(rawValue: 1 << 6) }
  /// ICMP reported trouble on the way; the connection goes on (RFC 9293 §3.9.2.2).
  @inlinable public static var softError: Notices { Notices(rawValue: 1 << 7) }
  /// Everything written so far, and the FIN if there is one, has been acknowledged.
  @inlinable public static var drained: Notices { Notices(rawValue: 1 << 8) }
  /// `Connection.pathMTU` has changed by probing, or the search has come to its end.
  @inlinable public static var pathMTU: Notices { Notices(rawValue: 1 << 9) }
  /// `Connection.takeFastOpenResult` has something to tell.
  @inlinable public static var fastOpen: Notices { Notices(rawValue: 1 << 10) }
}

/// The timers of a connection.
public enum TimerKind: UInt8, Sendable, CaseIterable {
  case retransmission, zeroWindowProbe, keepAlive, sillyWindowOverride
  case delayedAcknowledgment, userTimeout, timeWait, orphan
  case tailLossProbe, reordering

  public var name: String {
    switch self {
    case .retransmission: "retransmission"
    case .zeroWindowProbe: "zero-window probe"
    case .keepAlive: "keep-alive"
    case .sillyWindowOverride: "silly-window override"
    case .delayedAcknowledgment: "delayed ACK"
    case .userTimeout: "user timeout"
    case .timeWait: "TIME-WAIT"
    case .orphan: "orphan"
    case .tailLossProbe: "tail-loss probe"
    case .reordering: "reordering"
    }
  }
}

/// A call that cannot be done, and why.
public enum ConnectionError: Error, Sendable, Equatable {
  /// The connection is over, for this reason (RFC 9293 §3.10: "connection does not exist", "reset", …).
  case closed(CloseReason)
  /// CLOSE was called before (RFC 9293 §3.10.2: "connection closing").
  case closing
  /// CLOSE was called with reading given up, so there is nothing to read from.
  case readingClosed
}
