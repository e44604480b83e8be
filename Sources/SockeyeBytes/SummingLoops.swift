// Holds the two hot loops over memory: sum, and copy with sum. Kept apart from the checksum's meaning so that
// the unsafe pointers stay in one small file.

/// Ones'-complement sums of native-order 16-bit words.
///
/// 32-bit lanes are added whole, wrapping around, and their upper halves once more in lanes of their own,
/// from which the sum of the lower halves follows at the end: three plain vector operations a load, on
/// every machine.
@usableFromInline
enum SummingLoops {
  /// The lanes of one step: 64 bytes.
  @usableFromInline typealias Lanes = SIMD16<UInt32>

  /// How many bytes are added before the lanes are emptied: 2¹⁶ words, whose sum is below 2³², so that
  /// neither a lane nor the sum of all lanes overflows.
  @inlinable
  static var blockBytes: Int { 1 << 17 }

  /// Folds a sum below 2⁴⁸ to 16 bits.
  @inlinable
  static func fold(_ wide: UInt64) -> UInt16 {
    var sum = (wide & 0xffff_ffff) &+ (wide &>> 32)
    sum = (sum & 0xffff) &+ (sum &>> 16)
    sum = (sum & 0xffff) &+ (sum &>> 16)
    sum = (sum & 0xffff) &+ (sum &>> 16)
    return UInt16(truncatingIfNeeded: sum)
  }

  /// The sum of all halves: the lower halves' sum is what is left of the whole one, modulo 2³², when that
  /// of the upper halves is taken away.
  @inlinable
  static func emptied(_ whole: Lanes, _ high: Lanes) -> UInt64 {
    let low = whole &- (high &<< 16)
    return UInt64((low &+ high).wrappedSum())
  }

  /// The folded sum of `count` bytes.
  @inlinable
  static func sum(_ source: UnsafeRawPointer, count: Int) -> UInt16 {
    var total: UInt64 = 0
    var offset = 0
    while count &- offset >= 64 {
      let end = offset &+ min((count &- offset) & ~63, blockBytes)
      var whole = Lanes()
      var high = Lanes()
      while offset < end {
        let lanes = unsafe source.loadUnaligned(fromByteOffset: offset, as: Lanes.self)
        whole = whole &+ lanes
        high = high &+ (lanes &>> 16)
        offset &+= 64
      }
      total = total &+ emptied(whole, high)
    }
    return fold(unsafe total &+ tailSum(source, from: offset, to: count))
  }

  /// Copies `count` bytes and returns their folded sum. The regions do not overlap.
  @inlinable
  static func copyAndSum(
    _ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, count: Int
  ) -> UInt16 {
    var total: UInt64 = 0
    var offset = 0
    while count &- offset >= 64 {
      let end = offset &+ min((count &- offset) & ~63, blockBytes)
      var whole = Lanes()
      var high = Lanes()
      while offset < end {
        let lanes = unsafe source.loadUnaligned(fromByteOffset: offset, as: Lanes.self)
        unsafe target.storeBytes(of: lanes, toByteOffset: offset, as: Lanes.self)
        whole = whole &+ lanes
        high = high &+ (lanes &>> 16)
        offset &+= 64
      }
      total = total &+ emptied(whole, high)
    }
    unsafe (target + offset).copyMemory(from: source + offset, byteCount: count &- offset)
    return fold(unsafe total &+ tailSum(source, from: offset, to: count))
  }

  /// The sum of fewer than 64 bytes, not folded. A byte without a partner counts as if a zero followed.
  @inlinable
  static func tailSum(_ source: UnsafeRawPointer, from start: Int, to end: Int) -> UInt64 {
    var total: UInt64 = 0
    var offset = start
    while end &- offset >= 8 {
      let word = unsafe source.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      total = total &+ (word & 0xffff_ffff) &+ (word &>> 32)
      offset &+= 8
    }
    if end &- offset >= 4 {
      total = unsafe total &+ UInt64(source.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      offset &+= 4
    }
    if end &- offset >= 2 {
      total = unsafe total &+ UInt64(source.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
      offset &+= 2
    }
    if offset < end {
      let last = unsafe source.load(fromByteOffset: offset, as: UInt8.self)
      total = total &+ UInt64(UInt16(last).littleEndian)
    }
    return total
  }
}
