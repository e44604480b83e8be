// The eleven connection states as the user sees them, and the record of moves between them.
// How a connection stores its state is Phase.swift's business.

/// A state of the TCP connection state machine (RFC 9293 §3.3.2).
public enum TCPState: UInt8, Sendable, CaseIterable {
  case closed, listen, synSent, synReceived, established
  case finWait1, finWait2, closeWait, closing, lastAck, timeWait

  /// The state's name as the RFC writes it, such as "SYN-SENT".
  public var name: String {
    switch self {
    case .closed: "CLOSED"
    case .listen: "LISTEN"
    case .synSent: "SYN-SENT"
    case .synReceived: "SYN-RECEIVED"
    case .established: "ESTABLISHED"
    case .finWait1: "FIN-WAIT-1"
    case .finWait2: "FIN-WAIT-2"
    case .closeWait: "CLOSE-WAIT"
    case .closing: "CLOSING"
    case .lastAck: "LAST-ACK"
    case .timeWait: "TIME-WAIT"
    }
  }

  /// Whether both sides' sequence numbers are known (RFC 9293 §3.5.2, third group).
  public var isSynchronized: Bool {
    switch self {
    case .closed, .listen, .synSent, .synReceived: false
    case .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck, .timeWait: true
    }
  }
}

/// One move from a state to another.
public struct StateTransition: Sendable, Equatable {
  public let from: TCPState
  public let to: TCPState

  public init(from: TCPState, to: TCPState) {
    self.from = from
    self.to = to
  }
}

/// The moves since somebody last asked, oldest first. Eight bits a move, at most seven: no call makes more
/// than three, and whoever does not ask loses the oldest.
@frozen
public struct TransitionLog: Sendable, Equatable {
  @usableFromInline var bits: UInt64 = 0

  @inlinable
  public init() {}

  @inlinable
  public var isEmpty: Bool { bits == 0 }

  mutating func append(from: TCPState, to: TCPState) {
    let entry = UInt64(from.rawValue) << 4 | UInt64(to.rawValue)
    bits = (bits << 8) | entry
  }

  /// Takes out the oldest move that is still noted.
  public mutating func next() -> StateTransition? {
    guard bits != 0 else { return nil }
    let shift = UInt64((63 - bits.leadingZeroBitCount) & ~7)
    let entry = UInt8(truncatingIfNeeded: bits >> shift)
    bits &= (1 << shift) &- 1
    guard let from = TCPState(rawValue: entry >> 4), let to = TCPState(rawValue: entry & 15) else {
      return nil
    }
    return StateTransition(from: from, to: to)
  }
}
