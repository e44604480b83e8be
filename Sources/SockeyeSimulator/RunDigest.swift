// Holds a number that two runs share if they sent the same packets at the same times, and hardly otherwise. It is no
// cryptographic hash.

import SockeyeBytes

/// The digest of a run, FNV-1a over words of 64 bits with a final mixing.
public struct RunDigest: Sendable, Equatable {
  private var state: UInt64 = 0xcbf2_9ce4_8422_2325

  public init() {}

  /// The digest of what was added so far.
  public var value: UInt64 {
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }

  public mutating func add(_ word: UInt64) {
    state = (state ^ word) &* 0x0000_0100_0000_01b3
    state ^= state >> 29
  }

  public mutating func add(_ bytes: RawSpan) {
    var offset = 0
    while offset + 8 <= bytes.byteCount {
      add(bytes.uint64(at: offset))
      offset += 8
    }
    var rest = UInt64(bytes.byteCount)
    while offset < bytes.byteCount {
      rest = rest << 8 | UInt64(bytes.byte(at: offset))
      offset += 1
    }
    add(rest)
  }
}
