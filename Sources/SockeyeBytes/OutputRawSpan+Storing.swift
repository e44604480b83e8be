// Holds big-endian stores into a lent, partly filled buffer.

extension OutputRawSpan {
  /// Appends a 16-bit number, big end first.
  /// - Precondition: two bytes are free.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func appendUInt16(_ value: UInt16) {
    precondition(freeCapacity >= 2, "no room for two bytes")
    unsafe withUnsafeMutableBytes { buffer, count in
      // The room was checked above; the store needs no alignment.
      unsafe buffer.storeBytes(of: value.bigEndian, toByteOffset: count, as: UInt16.self)
      count &+= 2
    }
  }

  /// Appends a 32-bit number, big end first.
  /// - Precondition: four bytes are free.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func appendUInt32(_ value: UInt32) {
    precondition(freeCapacity >= 4, "no room for four bytes")
    unsafe withUnsafeMutableBytes { buffer, count in
      unsafe buffer.storeBytes(of: value.bigEndian, toByteOffset: count, as: UInt32.self)
      count &+= 4
    }
  }

  /// Appends a 64-bit number, big end first.
  /// - Precondition: eight bytes are free.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func appendUInt64(_ value: UInt64) {
    precondition(freeCapacity >= 8, "no room for eight bytes")
    unsafe withUnsafeMutableBytes { buffer, count in
      unsafe buffer.storeBytes(of: value.bigEndian, toByteOffset: count, as: UInt64.self)
      count &+= 8
    }
  }

  /// Appends two 64-bit numbers and a 32-bit one, big end first: a header in one go.
  /// - Precondition: 20 bytes are free.
  @inlinable
  @inline(__always)
  @_lifetime(self: copy self)
  public mutating func appendWords(_ first: UInt64, _ second: UInt64, _ third: UInt32) {
    precondition(freeCapacity >= 20, "no room for twenty bytes")
    unsafe withUnsafeMutableBytes { buffer, count in
      // The room was checked above; the stores need no alignment.
      unsafe buffer.storeBytes(of: first.bigEndian, toByteOffset: count, as: UInt64.self)
      unsafe buffer.storeBytes(of: second.bigEndian, toByteOffset: count &+ 8, as: UInt64.self)
      unsafe buffer.storeBytes(of: third.bigEndian, toByteOffset: count &+ 16, as: UInt32.self)
      count &+= 20
    }
  }

  /// Appends four 64-bit numbers, big end first.
  /// - Precondition: 32 bytes are free.
  @inlinable
  @inline(__always)
  @_lifetime(self: copy self)
  public mutating func appendWords(_ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) {
    precondition(freeCapacity >= 32, "no room for 32 bytes")
    unsafe withUnsafeMutableBytes { buffer, count in
      // As above.
      unsafe buffer.storeBytes(of: first.bigEndian, toByteOffset: count, as: UInt64.self)
      unsafe buffer.storeBytes(of: second.bigEndian, toByteOffset: count &+ 8, as: UInt64.self)
      unsafe buffer.storeBytes(of: third.bigEndian, toByteOffset: count &+ 16, as: UInt64.self)
      unsafe buffer.storeBytes(of: fourth.bigEndian, toByteOffset: count &+ 24, as: UInt64.self)
      count &+= 32
    }
  }

  /// Appends a copy of `bytes`.
  /// - Precondition: there is room for all of them.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func append(bytes: RawSpan) {
    precondition(freeCapacity >= bytes.byteCount, "no room for the bytes")
    unsafe withUnsafeMutableBytes { buffer, count in
      unsafe bytes.withUnsafeBytes { source in
        // The room was checked above; an empty span may have no address.
        guard let from = source.baseAddress, let to = buffer.baseAddress else { return }
        unsafe (to + count).copyMemory(from: from, byteCount: source.count)
        count &+= source.count
      }
    }
  }

  /// Appends `count` zero bytes.
  /// - Precondition: there is room for all of them.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func appendZeros(_ count: Int) {
    precondition(count >= 0 && freeCapacity >= count, "no room for the zeros")
    for _ in 0..<count { append(0) }
  }

  /// Replaces two bytes already written by a 16-bit number, big end first.
  /// - Precondition: both bytes have been written before.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func overwriteUInt16(_ value: UInt16, at offset: Int) {
    precondition(offset >= 0 && offset <= byteCount &- 2, "not yet written")
    unsafe withUnsafeMutableBytes { buffer, _ in
      unsafe buffer.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
    }
  }

  /// Replaces four bytes already written by a 32-bit number, big end first.
  /// - Precondition: all four bytes have been written before.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func overwriteUInt32(_ value: UInt32, at offset: Int) {
    precondition(offset >= 0 && offset <= byteCount &- 4, "not yet written")
    unsafe withUnsafeMutableBytes { buffer, _ in
      unsafe buffer.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
    }
  }

  /// Replaces one byte already written.
  /// - Precondition: the byte has been written before.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func overwriteByte(_ value: UInt8, at offset: Int) {
    precondition(offset >= 0 && offset < byteCount, "not yet written")
    unsafe withUnsafeMutableBytes { buffer, _ in
      unsafe buffer.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
    }
  }
}
