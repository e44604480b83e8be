// Holds the Internet checksum of RFC 1071 over lent bytes. What is summed, and the pseudo-header, are
// SockeyeWire's affair.

/// The Internet checksum (RFC 1071): the ones' complement of the ones'-complement sum of 16-bit words.
///
/// A partial sum is a `UInt32` that stands for its value modulo 0xFFFF; partial sums of adjacent pieces
/// of even length may be chained through `initial`.
public enum InternetChecksum {
  /// The partial sum of big-endian 16-bit words; an odd last byte counts as if a zero followed.
  /// - Parameter initial: a partial sum to go on from.
  /// - Returns: a partial sum below 0x20000.
  @inlinable
  public static func sum(_ bytes: RawSpan, initial: UInt32 = 0) -> UInt32 {
    unsafe bytes.withUnsafeBytes { buffer in
      guard let start = buffer.baseAddress else { return UInt32(fold(initial)) }
      // The buffer is valid for its count for the length of this closure.
      return unsafe joining(initial, native: SummingLoops.sum(start, count: buffer.count))
    }
  }

  /// The sum as 16 bits, not inverted.
  @inlinable
  public static func fold(_ sum: UInt32) -> UInt16 {
    var sum = (sum & 0xffff) &+ (sum &>> 16)
    sum = (sum & 0xffff) &+ (sum &>> 16)
    return UInt16(truncatingIfNeeded: sum)
  }

  /// The checksum: the sum as 16 bits, inverted. Over data that includes a right checksum it is 0.
  @inlinable
  public static func finish(_ sum: UInt32) -> UInt16 {
    ~fold(sum)
  }

  /// The partial sum of two pieces that follow each other.
  /// - Parameters:
  ///   - a: the sum of the first piece.
  ///   - b: the sum of the second piece, taken as if it began at an even offset.
  ///   - bOffsetIsOdd: whether it begins at an odd one, so that its bytes change places (RFC 1071 §2 B).
  @inlinable
  public static func combine(_ a: UInt32, _ b: UInt32, bOffsetIsOdd: Bool) -> UInt32 {
    let second = fold(b)
    return UInt32(fold(a)) &+ UInt32(bOffsetIsOdd ? second.byteSwapped : second)
  }

  /// Adds a sum in the machine's byte order to a partial sum. RFC 1071 §2 B: the sum of byte-swapped words
  /// is the byte-swapped sum.
  @inlinable
  static func joining(_ initial: UInt32, native: UInt16) -> UInt32 {
    UInt32(fold(initial)) &+ UInt32(UInt16(bigEndian: native))
  }
}
