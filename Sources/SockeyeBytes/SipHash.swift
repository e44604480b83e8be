// Holds SipHash-2-4 over 64-bit words and its key: the keyed hash behind tables that strangers can fill,
// and behind initial sequence numbers. Where keys come from is the driver's affair.

/// A 128-bit secret for `SipHash`, from the driver's source of randomness.
@frozen
public struct HashKey: Hashable, Sendable {
  public var word0: UInt64
  public var word1: UInt64

  @inlinable
  public init(_ word0: UInt64, _ word1: UInt64) {
    self.word0 = word0
    self.word1 = word1
  }
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012) over whole 64-bit words.
///
/// The result is that of the byte-wise definition over the words' little-endian bytes.
///
///     var hash = SipHash(key0: 1, key1: 2)
///     hash.absorb(3)
///     let value = hash.finish()
@frozen
public struct SipHash: Sendable {
  @usableFromInline var v0: UInt64
  @usableFromInline var v1: UInt64
  @usableFromInline var v2: UInt64
  @usableFromInline var v3: UInt64
  @usableFromInline var length: UInt64

  @inlinable
  public init(key0: UInt64, key1: UInt64) {
    v0 = key0 ^ 0x736f_6d65_7073_6575
    v1 = key1 ^ 0x646f_7261_6e64_6f6d
    v2 = key0 ^ 0x6c79_6765_6e65_7261
    v3 = key1 ^ 0x7465_6462_7974_6573
    length = 0
  }

  @inlinable
  public init(key: HashKey) {
    self.init(key0: key.word0, key1: key.word1)
  }

  // Inlined always: a call would keep the four words in memory, which measured three times slower.
  @inlinable
  @inline(__always)
  mutating func round() {
    v0 = v0 &+ v1
    v1 = (v1 &<< 13 | v1 &>> 51) ^ v0
    v0 = v0 &<< 32 | v0 &>> 32
    v2 = v2 &+ v3
    v3 = (v3 &<< 16 | v3 &>> 48) ^ v2
    v0 = v0 &+ v3
    v3 = (v3 &<< 21 | v3 &>> 43) ^ v0
    v2 = v2 &+ v1
    v1 = (v1 &<< 17 | v1 &>> 47) ^ v2
    v2 = v2 &<< 32 | v2 &>> 32
  }

  /// Takes in eight more bytes.
  @inlinable
  public mutating func absorb(_ word: UInt64) {
    v3 ^= word
    round()
    round()
    v0 ^= word
    length = length &+ 8
  }

  /// The hash of all that was taken in.
  @inlinable
  public func finish() -> UInt64 {
    finished(lastBlock: length &<< 56)
  }

  /// The hash of all that was taken in and four more bytes, which cost nothing: they fit beside the length.
  @inlinable
  public func finish(tail: UInt32) -> UInt64 {
    finished(lastBlock: (length &+ 4) &<< 56 | UInt64(tail))
  }

  @inlinable
  func finished(lastBlock: UInt64) -> UInt64 {
    var copy = self
    copy.absorb(lastBlock)
    copy.v2 ^= 0xff
    copy.round()
    copy.round()
    copy.round()
    copy.round()
    return copy.v0 ^ copy.v1 ^ copy.v2 ^ copy.v3
  }

  /// The hash of one word.
  @inlinable
  public static func hash(of a: UInt64, key: HashKey) -> UInt64 {
    var hash = SipHash(key: key)
    hash.absorb(a)
    return hash.finish()
  }

  /// The hash of two words.
  @inlinable
  public static func hash(of a: UInt64, _ b: UInt64, key: HashKey) -> UInt64 {
    var hash = SipHash(key: key)
    hash.absorb(a)
    hash.absorb(b)
    return hash.finish()
  }
}
