// Holds how a call fails: with an error number. It does not hold which failure has which number beyond the engine's
// own errors.

import Glibc
import SockeyeStack
import SockeyeTCP

/// A call that answers −1, and the number it leaves in `errno`.
struct SystemCallError: Error, Equatable {
  let number: Int32

  init(_ number: Int32) { self.number = number }

  /// The number that a POSIX system has for what the engine says.
  init(_ error: SocketError) {
    switch error {
    case .invalidRemoteAddress, .noRoute: self.init(ENETUNREACH)
    case .invalidRemotePort, .addressNotAvailable: self.init(EADDRNOTAVAIL)
    case .versionMismatch: self.init(EAFNOSUPPORT)
    case .addressInUse, .connectionExists: self.init(EADDRINUSE)
    case .noEphemeralPort: self.init(EADDRNOTAVAIL)
    case .tooMany: self.init(ENFILE)
    case .noMemory: self.init(ENOBUFS)
    case .noKeys: self.init(ENOKEY)
    case .noSuchConnection, .noSuchListener, .noSuchSocket: self.init(ENOTCONN)
    case .connection(.closed(let reason)): self.init(reason.errorNumber ?? EPIPE)
    case .connection(.closing), .connection(.readingClosed): self.init(EPIPE)
    case .configuration, .invalidBacklog, .invalidCodepoint, .invalidTimeToLive: self.init(EINVAL)
    case .datagramTooLong: self.init(EMSGSIZE)
    case .queueFull: self.init(ENOBUFS)
    }
  }
}

extension CloseReason {
  /// The error that a socket reports when its connection ended so; nil for an end in order.
  var errorNumber: Int32? {
    switch self {
    case .finished, .orphaned: nil
    case .aborted: ECONNABORTED
    case .reset: ECONNRESET
    case .refused: ECONNREFUSED
    case .timedOut, .keepAliveTimedOut: ETIMEDOUT
    case .unreachable: EHOSTUNREACH
    case .noResources: ENOMEM
    }
  }
}

extension PathError {
  /// The error that a socket reports for what ICMP told.
  var errorNumber: Int32 {
    switch self {
    case .networkUnreachable: ENETUNREACH
    case .hostUnreachable, .hopLimitExceeded, .reassemblyTimeExceeded, .unreachable: EHOSTUNREACH
    case .protocolUnreachable: ENOPROTOOPT
    case .portUnreachable: ECONNREFUSED
    case .sourceRouteFailed: EOPNOTSUPP
    case .prohibited: EHOSTUNREACH
    case .packetTooBig: EMSGSIZE
    case .parameterProblem: EPROTO
    }
  }
}
