// Holds a file for a test, of which nothing is left behind.

import NIOCore
import SockeyeTunnel

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file without a name.
final class TestFile: Sendable {
  private let handle: NIOFileHandle

  init(_ bytes: [UInt8]) throws {
    let path = "/tmp/sockeye-test-\(UInt64.random(in: 0 ... .max))"
    let file = try OutputFile(path: path)
    defer { unlink(path) }
    try file.descriptor.writeAll(bytes)
    handle = try NIOFileHandle(_deprecatedPath: path)
  }

  deinit {
    if handle.isOpen { try? handle.close() }
  }

  func region(_ range: Range<Int>) -> FileRegion {
    FileRegion(fileHandle: handle, readerIndex: range.lowerBound, endIndex: range.upperBound)
  }

  func close() throws { try handle.close() }
}
