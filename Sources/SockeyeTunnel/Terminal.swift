// Holds what a program must know of the terminal it draws on, and how it waits between two pictures for the
// wish to end. It does not hold anything that is drawn.

package import SockeyeBytes

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A descriptor with a person behind it.
package struct Terminal: Sendable {
  /// A window's size in character cells.
  package struct Size: Equatable, Sendable {
    package let columns: Int
    package let rows: Int

    package init(columns: Int, rows: Int) {
      self.columns = columns
      self.rows = rows
    }
  }

  package let descriptor: Descriptor
  /// Whether to use colours: not if NO_COLOR is set to anything (no-color.org), nor where the cursor can't
  /// be moved.
  package let showsColours: Bool
  /// Whether the terminal can do more than print line after line.
  package let canMoveCursor: Bool

  /// - Returns: nil when the descriptor is not a terminal.
  package init?(_ descriptor: Descriptor) {
    guard descriptor.isTerminal else { return nil }
    self.descriptor = descriptor
    let kind = SystemCalls.environment("TERM") ?? ""
    canMoveCursor = kind != "" && kind != "dumb"
    showsColours = canMoveCursor && (SystemCalls.environment("NO_COLOR") ?? "").isEmpty
  }

  /// The window's size now; nil when the terminal doesn't say.
  package var size: Size? {
    guard let (columns, rows) = SystemCalls.windowSize(descriptor.rawValue), columns > 0, rows > 0 else {
      return nil
    }
    return Size(columns: columns, rows: rows)
  }
}

/// Requests to end (SIGINT, SIGTERM, SIGHUP) for a program that waits for nothing else. One at a time may
/// live.
package struct EndRequests: ~Copyable {
  private var signals: SignalPipe

  /// Takes the signals over.
  /// - Throws: `SystemError` when the system has no pipe to spare.
  package init() throws(SystemError) {
    signals = try SignalPipe()
  }

  /// Waits.
  /// - Parameter interval: how long, unless a request comes.
  /// - Returns: the request, if one came.
  package mutating func wait(for interval: Interval) throws(SystemError) -> EndRequest? {
    var entries = [pollfd(fd: signals.descriptor.rawValue, events: Int16(POLLIN), revents: 0)]
    let milliseconds = Int32(clamping: interval.nanoseconds / 1_000_000)
    return try SystemCalls.poll(&entries, milliseconds: milliseconds) > 0 ? signals.next() : nil
  }
}
