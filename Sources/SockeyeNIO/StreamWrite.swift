// Holds one write of a TCP connection's channel: bytes, or a part of a file, which is read as there is room. It does not send.

import NIOCore
import SockeyeBytes
import SockeyeTunnel

/// Something to be sent.
struct StreamWrite {
  /// The bytes at hand.
  var bytes: ByteBuffer
  /// What follows them.
  private var file: FileRegion?

  /// Octets of a file that are read at a time.
  private static let pieceSize = 64 << 10

  init(_ bytes: ByteBuffer) {
    self.bytes = bytes
  }

  init(_ file: FileRegion) {
    bytes = ByteBuffer()
    self.file = file
  }

  /// Whether nothing follows the bytes at hand.
  var isAtItsEnd: Bool { file == nil }

  /// Reads the next piece once the bytes at hand are sent. Waits for the disk, as NIO's own channels do.
  mutating func readOn() throws {
    guard var rest = file, bytes.readableBytes == 0 else { return }
    if rest.readableBytes > 0 {
      bytes.clear()
      try Self.read(rest, into: &bytes)
      if bytes.readableBytes == 0 { throw IOError.fileEnded() }
      rest.moveReaderIndex(forwardBy: bytes.readableBytes)
    }
    file = rest.readableBytes > 0 ? rest : nil
  }

  private static func read(_ region: FileRegion, into buffer: inout ByteBuffer) throws {
    let (place, limit) = (region.readerIndex, min(region.readableBytes, pieceSize))
    try region.fileHandle.withUnsafeFileDescriptor { descriptor in
      do throws(SystemError) {
        try buffer.writeWithOutputRawSpan(minimumWritableBytes: limit) { output throws(SystemError) in
          _ = try Descriptor(descriptor).read(at: place, upTo: limit, into: &output)
        }
      } catch {
        throw IOError(errnoCode: error.number, reason: error.operation)
      }
    }
  }
}
