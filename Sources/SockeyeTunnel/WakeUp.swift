// Holds the way in which other threads interrupt one that waits in a `Poller`.

import SockeyeBytes

/// A pipe to oneself: a byte in it makes its descriptor readable.
package final class WakeUp: Sendable {
  private let reading: Int32
  private let writing: Int32

  /// - Throws: `SystemError` when the system has no pipe to spare.
  package init() throws(SystemError) {
    (reading, writing) = try SystemCalls.pipe()
  }

  deinit {
    SystemCalls.close(reading)
    SystemCalls.close(writing)
  }

  /// What becomes readable.
  package var descriptor: Descriptor { Descriptor(reading) }

  /// Interrupts the wait, or the next one. A pipe that is full does so already.
  package func signal() {
    let byte: [UInt8] = [1]
    _ = try? unsafe SystemCalls.write(writing, byte.span.bytes)
  }

  /// Takes all signals out.
  package func clear() {
    var buffer = FrameBuffer(capacity: 64)
    repeat {
      _ = buffer.fill { bytes in try? SystemCalls.read(reading, into: &bytes) }
    } while buffer.count == buffer.capacity
  }
}
