// Holds big-endian loads from lent bytes, and the ways from an array to lent bytes and back.
// What the bytes mean is SockeyeWire's affair.

extension RawSpan {
  /// The byte at `offset`.
  /// - Precondition: `offset` lies within the span.
  @inlinable
  public func byte(at offset: Int) -> UInt8 {
    // The load checks its bounds; any byte pattern is an integer.
    unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self)
  }

  /// The big-endian 16-bit number at `offset`.
  /// - Precondition: both bytes lie within the span.
  @inlinable
  public func uint16(at offset: Int) -> UInt16 {
    unsafe UInt16(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  /// The big-endian 32-bit number at `offset`.
  /// - Precondition: all four bytes lie within the span.
  @inlinable
  public func uint32(at offset: Int) -> UInt32 {
    unsafe UInt32(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// The big-endian 64-bit number at `offset`.
  /// - Precondition: all eight bytes lie within the span.
  @inlinable
  public func uint64(at offset: Int) -> UInt64 {
    unsafe UInt64(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Lends the bytes of an array for the length of a call.
  @inlinable
  public static func withRawSpan<R: ~Copyable, E: Error>(
    of bytes: [UInt8], _ body: (RawSpan) throws(E) -> R
  ) throws(E) -> R {
    try body(bytes.rawSpan)
  }

  /// Whether the other span holds the same bytes.
  @inlinable
  public func holdsSameBytes(as other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    var offset = 0
    while offset < byteCount {
      if byte(at: offset) != other.byte(at: offset) { return false }
      offset &+= 1
    }
    return true
  }
}

extension [UInt8] {
  /// A copy of lent bytes.
  @inlinable
  public init(_ span: RawSpan) {
    // Each byte the closure promises is written by the copy.
    unsafe self.init(unsafeUninitializedCapacity: span.byteCount) { buffer, count in
      unsafe span.withUnsafeBytes { source in
        unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: source)
      }
      count = span.byteCount
    }
  }

  /// The array's bytes, lent.
  @inlinable
  public var rawSpan: RawSpan {
    @_lifetime(borrow self)
    get {
      // Bytes have no padding, so each byte of the storage is initialized.
      let bytes = unsafe span.bytes
      return unsafe _overrideLifetime(bytes, borrowing: self)
    }
  }

  /// Lends the array's bytes for the length of a call.
  @inlinable
  public func withRawSpan<R: ~Copyable, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try body(rawSpan)
  }

  /// Makes an array of at most `capacity` bytes out of what `body` appends.
  @inlinable
  public init<E: Error>(
    capacity: Int, appending body: (inout OutputRawSpan) throws(E) -> Void
  ) throws(E) {
    var buffer = FrameBuffer(capacity: capacity)
    try buffer.fill(body)
    self.init(buffer.bytes)
  }
}
