// Holds reading and writing of plain descriptors (standard input and output) for programs that run a tunnel;
// it does not hold the tunnel's own descriptor, which is `Tunnel`'s alone.

import SockeyeBytes

/// A descriptor that somebody else opened and will close.
public struct Descriptor: Hashable, Sendable {
  /// The number the system knows it by.
  public let rawValue: Int32

  /// - Parameter rawValue: the number the system knows it by.
  public init(_ rawValue: Int32) {
    self.rawValue = rawValue
  }

  /// Where a program gets its input from, unless told otherwise.
  public static var standardInput: Descriptor { Descriptor(0) }
  /// Where a program's results go.
  public static var standardOutput: Descriptor { Descriptor(1) }
  /// Where a program says what went wrong.
  public static var standardError: Descriptor { Descriptor(2) }

  /// What `read(into:)` found.
  public enum ReadResult: Equatable, Sendable {
    case bytes(Int)
    /// Nothing yet, on a non-blocking descriptor.
    case wouldBlock
    case endOfFile
  }

  /// Reads once, up to the free capacity of the destination.
  /// - Parameter destination: where the bytes go.
  /// - Throws: `SystemError` when the system can't read.
  public func read(into destination: inout OutputRawSpan) throws(SystemError) -> ReadResult {
    do {
      let count = try SystemCalls.read(rawValue, into: &destination)
      return count == 0 ? .endOfFile : .bytes(count)
    } catch {
      if error.wouldBlock { return .wouldBlock }
      throw error
    }
  }

  /// Reads once from a place in a file, which does not change where other reads go on.
  /// - Parameters:
  ///   - place: how many bytes of the file are before it.
  ///   - limit: how many bytes to read at most.
  ///   - destination: where the bytes go.
  /// - Returns: how many bytes; 0 at the end of the file.
  /// - Throws: `SystemError` when the system can't read.
  package func read(
    at place: Int, upTo limit: Int, into destination: inout OutputRawSpan
  ) throws(SystemError) -> Int {
    try SystemCalls.read(rawValue, at: place, upTo: limit, into: &destination)
  }

  /// Writes once.
  /// - Parameter bytes: what to write.
  /// - Returns: how many bytes were taken; 0 when a non-blocking descriptor takes none now.
  /// - Throws: `SystemError` when the system can't write.
  public func write(_ bytes: RawSpan) throws(SystemError) -> Int {
    do {
      return try SystemCalls.write(rawValue, bytes)
    } catch {
      if error.wouldBlock { return 0 }
      throw error
    }
  }

  /// Writes everything, waiting as long as it takes.
  /// - Parameter bytes: what to write.
  /// - Throws: `SystemError`; part of the bytes may have been written.
  public func writeAll(_ bytes: RawSpan) throws(SystemError) {
    var written = 0
    while written < bytes.byteCount {
      let count = try write(bytes.extracting(droppingFirst: written))
      if count == 0 { try SystemCalls.waitUntilWritable(rawValue) }
      written += count
    }
  }

  /// Writes everything, waiting as long as it takes.
  /// - Parameter bytes: what to write.
  /// - Throws: `SystemError`; part of the bytes may have been written.
  public func writeAll(_ bytes: [UInt8]) throws(SystemError) {
    try bytes.withRawSpan { bytes throws(SystemError) in try writeAll(bytes) }
  }

  /// Writes everything, waiting as long as it takes.
  /// - Parameter text: what to write, as UTF-8.
  /// - Throws: `SystemError`; part of the text may have been written.
  public func writeAll(_ text: String) throws(SystemError) {
    try writeAll(Array(text.utf8))
  }

  /// Whether a person may be at the other end.
  public var isTerminal: Bool { SystemCalls.isTerminal(rawValue) }
}

/// A file being written, closed at the end of its life.
public struct OutputFile: ~Copyable {
  /// What it is called.
  public let path: String
  /// The file, open for as long as this value lives.
  public let descriptor: Descriptor

  /// Makes the file, or empties the one that is there.
  /// - Parameter path: what it is called.
  /// - Throws: `SystemError` when the system won't have it.
  public init(path: String) throws(SystemError) {
    self.path = path
    descriptor = Descriptor(try SystemCalls.create(path))
  }

  deinit {
    SystemCalls.close(descriptor.rawValue)
  }
}
