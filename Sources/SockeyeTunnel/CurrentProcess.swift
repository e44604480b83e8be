// Holds what a program that runs a tunnel needs of its own process: its end, SIGPIPE, and signals as events
// that a driver can wait for.

import SockeyeBytes
import SockeyeTunnelShims

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The running process.
package enum CurrentProcess {
  /// Makes a write to a closed pipe an error (EPIPE) instead of the end of the process.
  package static func ignoreBrokenPipes() {
    SystemCalls.ignoreBrokenPipes()
  }

  /// Has the calling thread woken when it is time, and not when the system finds it convenient, even if others are busy:
  /// without timer slack, and ahead of all ordinary threads where the process has the right to that.
  package static func wakeExactly() {
    sockeye_wake_exactly()
  }

  /// Ends the process.
  /// - Parameter status: what its parent learns; 0 is success.
  package static func exit(_ status: Int32) -> Never {
    SystemCalls.exit(status)
  }
}

/// A request from outside to end.
public enum EndRequest: Equatable, Sendable {
  /// SIGINT: Ctrl-C.
  case interrupt
  /// SIGTERM: `kill`, or the system shutting down.
  case terminate
  /// SIGHUP: the terminal went away.
  case hangUp

  init?(signal: UInt8) {
    switch Int32(signal) {
    case SIGINT: self = .interrupt
    case SIGTERM: self = .terminate
    case SIGHUP: self = .hangUp
    default: return nil
    }
  }

  static let signals = [SIGINT, SIGTERM, SIGHUP]
}

/// Signals as bytes in a pipe, so that the one place where the driver waits hears of them too.
struct SignalPipe: ~Copyable {
  private let reading: Int32
  private var buffer = FrameBuffer(capacity: 1)

  /// The descriptor that has something to read when a request came.
  var descriptor: Descriptor { Descriptor(reading) }

  /// Takes over SIGINT, SIGTERM and SIGHUP of the process. One at a time can have them: the last one made.
  init() throws(SystemError) {
    let ends = try SystemCalls.pipe()
    reading = ends.reading
    unsafe signalPipeEnd = ends.writing
    for number in EndRequest.signals {
      SystemCalls.handle(number) { number in
        // A handler may only make calls that are safe there (write is one), and must leave `errno` alone.
        let saved = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = unsafe write(signalPipeEnd, &byte, 1)
        errno = saved
      }
    }
  }

  deinit {
    for number in EndRequest.signals { SystemCalls.restoreDefault(number) }
    SystemCalls.close(unsafe signalPipeEnd)
    SystemCalls.close(reading)
  }

  /// The request that came first, or nil when none did.
  mutating func next() -> EndRequest? {
    let descriptor = descriptor
    _ = buffer.fill { output in try? descriptor.read(into: &output) }
    let bytes = buffer.bytes
    return bytes.byteCount == 0 ? nil : EndRequest(signal: bytes.byte(at: 0))
  }
}

/// Where the handler writes: a signal handler gets no argument of ours, so a global is the only way to tell it.
private nonisolated(unsafe) var signalPipeEnd: Int32 = -1
