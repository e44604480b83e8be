// Holds what the stack's reasons are called in NIO programs: the errors that channels on the system's sockets report.

import NIOCore
import SockeyeSockets
import SockeyeStack
import SockeyeTCP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension IOError {
  /// Why a connection is over.
  init(_ reason: CloseReason) {
    switch reason {
    case .reset: self.init(errnoCode: ECONNRESET, reason: "connection reset by the peer")
    case .refused: self.init(errnoCode: ECONNREFUSED, reason: "connection refused")
    case .timedOut: self.init(errnoCode: ETIMEDOUT, reason: "the peer does not acknowledge")
    case .keepAliveTimedOut:
      self.init(errnoCode: ETIMEDOUT, reason: "the peer does not answer keep-alive probes")
    case .unreachable: self.init(errnoCode: EHOSTUNREACH, reason: "the peer cannot be reached")
    case .noResources: self.init(errnoCode: ENOBUFS, reason: "the host is short of memory")
    case .finished, .aborted, .orphaned: self.init(errnoCode: EPIPE, reason: "the connection is closed")
    }
  }

  /// Why a call to the stack cannot be done.
  init(_ error: SocketError, _ call: String) {
    let number: CInt
    switch error {
    case .connection(.closed(let reason)):
      self.init(reason)
      return
    case .connection(.closing): number = EPIPE
    case .connection(.readingClosed): number = ENOTCONN
    case .invalidRemoteAddress, .noRoute: number = ENETUNREACH
    case .addressNotAvailable, .invalidRemotePort, .connectionExists, .noEphemeralPort: number = EADDRNOTAVAIL
    case .versionMismatch: number = EAFNOSUPPORT
    case .addressInUse: number = EADDRINUSE
    case .tooMany, .noMemory, .queueFull: number = ENOBUFS
    case .noSuchConnection, .noSuchListener, .noSuchSocket: number = EBADF
    case .configuration, .invalidBacklog, .invalidCodepoint, .invalidTimeToLive: number = EINVAL
    case .datagramTooLong: number = EMSGSIZE
    case .noKeys: number = EACCES
    }
    self.init(errnoCode: number, reason: "\(call): \(error)")
  }

  /// There is no connection.
  static func notConnected(_ call: String) -> IOError { IOError(errnoCode: ENOTCONN, reason: call) }

  /// There is a connection already.
  static func alreadyConnected(_ call: String) -> IOError { IOError(errnoCode: EISCONN, reason: call) }

  /// The channel has an address already, or the value makes no sense.
  static func invalidArgument(_ call: String) -> IOError { IOError(errnoCode: EINVAL, reason: call) }

  /// A file has ended before what was to be sent of it.
  static func fileEnded() -> IOError { IOError(errnoCode: EIO, reason: "the file ends before the region") }

  /// The address is of no version of IP.
  static func unsupportedAddress(_ call: String) -> IOError { IOError(errnoCode: EAFNOSUPPORT, reason: call) }

  /// What ICMP said about a datagram sent earlier.
  static func undelivered(_ error: PathError) -> IOError {
    IOError(errnoCode: error == .portUnreachable ? ECONNREFUSED : EHOSTUNREACH, reason: error.name)
  }
}
