// Holds what the stack tells its user without being asked. What is told to a trace stands in Observation.swift.

import SockeyeTCP
import SockeyeWire

/// News for the host's user. Events say that something has changed, never what it holds: ask the socket.
///
/// News of the same kind about the same socket that nobody has taken yet is told once.
public enum SocketEvent: Sendable, Equatable {
  /// The handshake that `connect` began is complete.
  case connected(ConnectionID)
  /// `accept` has a connection to give.
  case acceptable(ListenerID)
  /// There is more to read.
  case readable(ConnectionID)
  /// An urgent pointer came or moved forward (RFC 9293 §3.8.5 MUST-32).
  case urgent(ConnectionID)
  /// There is room again after a write that was taken only in part; or the handshake that `connect` began is complete, and
  /// there is room.
  case writable(ConnectionID)
  /// Everything written so far has been acknowledged.
  case drained(ConnectionID)
  /// The peer's FIN: no byte follows those already received (RFC 9293 §3.6 MUST-12).
  case peerFinished(ConnectionID)
  /// Several copies of a segment are unacknowledged (RFC 9293 §3.8.3 SHLD-9).
  case retransmissionTrouble(ConnectionID)
  /// A router or the peer's host reported trouble; the connection goes on (RFC 9293 §3.9.1.8 MUST-47).
  case softError(ConnectionID, PathError)
  /// Both directions are over, and why. What was received before can still be read unless it was a reset.
  case closed(ConnectionID, CloseReason)
  /// A datagram waits to be received.
  case datagram(UDPSocketID)
  /// A datagram sent earlier could not be delivered to this endpoint.
  case datagramError(UDPSocketID, PathError, destination: Endpoint)
  /// The answer to `sendEcho`.
  case echoReply(EchoReply)
  /// An echo request could not be delivered.
  case echoError(EchoFailure)
}

/// Trouble on the way to a destination, as ICMP tells it.
public enum PathError: UInt8, Error, Sendable, CaseIterable {
  case networkUnreachable
  case hostUnreachable
  case protocolUnreachable
  case portUnreachable
  case sourceRouteFailed
  case prohibited
  case packetTooBig
  case hopLimitExceeded
  case reassemblyTimeExceeded
  case parameterProblem
  /// A code that says no more than "unreachable" to us.
  case unreachable

  /// What went wrong, in a few words.
  public var name: String {
    switch self {
    case .networkUnreachable: "network unreachable"
    case .hostUnreachable: "host unreachable"
    case .protocolUnreachable: "protocol unreachable"
    case .portUnreachable: "port unreachable"
    case .sourceRouteFailed: "source route failed"
    case .prohibited: "administratively prohibited"
    case .packetTooBig: "packet too big"
    case .hopLimitExceeded: "hop limit exceeded"
    case .reassemblyTimeExceeded: "fragment reassembly time exceeded"
    case .parameterProblem: "parameter problem"
    case .unreachable: "unreachable"
    }
  }
}

/// An answered echo request.
public struct EchoReply: Sendable, Equatable {
  /// Who answered.
  public let source: IPAddress
  public let identifier: UInt16
  public let sequence: UInt16
  /// Octets of payload that came back.
  public let payloadLength: Int
  /// What was left of the reply's time to live (hop limit) when it came.
  public let timeToLive: UInt8

  package init(
    source: IPAddress, identifier: UInt16, sequence: UInt16, payloadLength: Int, timeToLive: UInt8
  ) {
    self.source = source
    self.identifier = identifier
    self.sequence = sequence
    self.payloadLength = payloadLength
    self.timeToLive = timeToLive
  }
}

/// An echo request that came to nothing.
public struct EchoFailure: Sendable, Equatable {
  /// Whom the request was for.
  public let destination: IPAddress
  public let identifier: UInt16
  public let sequence: UInt16
  public let error: PathError
  /// Who reported it.
  public let reporter: IPAddress

  package init(
    destination: IPAddress, identifier: UInt16, sequence: UInt16, error: PathError, reporter: IPAddress
  ) {
    self.destination = destination
    self.identifier = identifier
    self.sequence = sequence
    self.error = error
    self.reporter = reporter
  }
}
