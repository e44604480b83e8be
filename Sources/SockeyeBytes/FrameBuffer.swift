// Holds an owned byte buffer for drivers, which lend it to the core to be filled and read.

/// A buffer of a fixed capacity that a driver owns, fills and reads. Allocated once.
@safe
public struct FrameBuffer: ~Copyable, @unchecked Sendable {
  @usableFromInline
  let storage: UnsafeMutableRawBufferPointer

  /// How many bytes the last `fill` left in the buffer.
  @inlinable
  public var count: Int { filled }

  @usableFromInline var filled: Int

  /// How many bytes fit.
  @inlinable
  public var capacity: Int { unsafe storage.count }

  /// An empty buffer.
  /// - Parameter capacity: in bytes.
  public init(capacity: Int) {
    precondition(capacity >= 0, "a capacity is never negative")
    // Freed in deinit; the buffer is the only owner.
    unsafe storage = .allocate(byteCount: capacity, alignment: 16)
    filled = 0
  }

  deinit {
    unsafe storage.deallocate()
  }

  /// The bytes of the last `fill`.
  @inlinable
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    borrowing get {
      let initialized = unsafe UnsafeRawBufferPointer(start: storage.baseAddress, count: filled)
      // The storage lives as long as self, and its first `count` bytes have been written.
      return unsafe _overrideLifetime(RawSpan(_unsafeBytes: initialized), borrowing: self)
    }
  }

  /// Empties the buffer, then lends it to `body` to be filled.
  /// - Returns: what `body` returned.
  @inlinable
  public mutating func fill<R: ~Copyable, E: Error>(
    _ body: (inout OutputRawSpan) throws(E) -> R
  ) throws(E) -> R {
    filled = 0
    var output = unsafe OutputRawSpan(buffer: storage, initializedCount: 0)
    let result = try body(&output)
    filled = unsafe output.finalize(for: storage)
    return result
  }
}
