// Holds what a failed system call reports; it does not hold what the failure means to a tunnel
// (`TunnelError` does).

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A system call that failed: which one, and the number the system gave as its reason.
public struct SystemError: Error, Equatable, Sendable {
  /// The `errno` value.
  public let number: Int32
  /// The call that failed, such as "write".
  public let operation: String

  /// An error for a call that failed with a known number.
  /// - Parameters:
  ///   - number: the `errno` value.
  ///   - operation: the name of the call.
  public init(number: Int32, operation: String) {
    self.number = number
    self.operation = operation
  }

  /// An error for the call that failed last on this thread.
  /// - Parameter operation: the name of the call.
  static func last(_ operation: String) -> SystemError {
    SystemError(number: SystemCalls.lastErrorNumber, operation: operation)
  }

  /// The system's own words for the number, such as "Permission denied".
  public var reason: String { SystemCalls.reason(number) }

  /// The reader of a pipe or socket went away (EPIPE).
  public var isBrokenPipe: Bool { number == EPIPE }

  /// The right to do it is missing (EPERM, EACCES).
  public var isPermission: Bool { number == EPERM || number == EACCES }

  /// There is no such file (ENOENT).
  public var isMissing: Bool { number == ENOENT }

  /// The call would have to wait (EAGAIN).
  var wouldBlock: Bool { number == EAGAIN || number == EWOULDBLOCK }
}

extension SystemError: CustomStringConvertible {
  public var description: String { "\(operation): \(reason)" }
}
