// Holds why a call on a network or a socket failed.

public import SockeyeStack
import SockeyeTCP
public import SockeyeTunnel
public import SockeyeWire

/// Why a call on a network or one of its sockets failed.
public enum NetworkError: Error, Sendable, Equatable {
  /// The peer answered the SYN with a reset: nobody listens there (RFC 9293 §3.10.7.3).
  case refused
  /// The peer reset the connection (RFC 9293 §3.5.2).
  case reset
  /// Nothing was acknowledged, or no keep-alive probe answered, for as long as the configuration allows.
  case timedOut
  /// There is no way to the peer: no route here, or a router or the peer's host said so.
  case unreachable(PathError?)
  /// This side has closed: the connection, the listener, the socket or the network.
  case closed
  /// The task was cancelled. The call was given up; the socket lives.
  /// - Parameter written: octets that a write had handed over before; they will be sent.
  case cancelled(written: Int = 0)
  /// The host's memory budget or one of its tables is used up. It may pass.
  case noBuffers
  /// Somebody else holds the address and port.
  case addressInUse(ListenEndpoint)
  /// The address is not one of this host's.
  case addressNotAvailable(IPAddress)
  /// The name stands for no address.
  case unknownHost(String)
  /// What was asked for makes no sense, and why.
  case invalid(SocketError)
  /// No host can have such an address or link, and why.
  case interface(StackError)
  /// The tunnel failed.
  case tunnel(TunnelError)
  /// The caller's own source or sink of packets failed, in its words.
  case packets(String)
}

extension NetworkError {
  /// Why a call to the stack could not be done.
  package init(_ error: SocketError) {
    switch error {
    case .noRoute: self = .unreachable(nil)
    case .addressInUse(let endpoint): self = .addressInUse(endpoint)
    case .addressNotAvailable(let address): self = .addressNotAvailable(address)
    case .tooMany, .noMemory, .noEphemeralPort, .queueFull: self = .noBuffers
    case .noSuchConnection, .noSuchListener, .noSuchSocket: self = .closed
    case .connection(.closed(let reason)): self = NetworkError(reason)
    case .connection(.closing), .connection(.readingClosed): self = .closed
    case .invalidRemoteAddress, .invalidRemotePort, .versionMismatch, .connectionExists, .configuration,
      .invalidBacklog, .datagramTooLong, .invalidCodepoint, .noKeys, .invalidTimeToLive:
      self = .invalid(error)
    }
  }

  /// Why a connection ended.
  package init(_ reason: CloseReason) {
    switch reason {
    case .finished, .aborted, .orphaned: self = .closed
    case .reset: self = .reset
    case .refused: self = .refused
    case .timedOut, .keepAliveTimedOut: self = .timedOut
    case .unreachable: self = .unreachable(nil)
    case .noResources: self = .noBuffers
    }
  }
}
