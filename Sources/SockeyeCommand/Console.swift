// Holds the lines that a running command prints, in order and in few system calls; it does not hold what they
// say.

import SockeyeTunnel

/// Collects lines for a descriptor. A failure is kept until somebody asks: printing is never the main thing.
final class Console {
  let descriptor: Descriptor
  private(set) var failure: SystemError?
  private var bytes: [UInt8] = []
  private static let limit = 1 << 16

  init(_ descriptor: Descriptor) {
    self.descriptor = descriptor
  }

  /// Adds a line.
  func print(_ line: String) {
    append { bytes in
      bytes += line.utf8
      bytes.append(0x0A)
    }
  }

  /// Adds bytes that end with a line break.
  func append(_ body: (inout [UInt8]) -> Void) {
    body(&bytes)
    if bytes.count >= Self.limit { flush() }
  }

  /// Writes what has been collected.
  func flush() {
    if bytes.isEmpty { return }
    if failure == nil {
      do {
        try descriptor.writeAll(bytes)
      } catch {
        failure = error
      }
    }
    bytes.removeAll(keepingCapacity: true)
  }
}
