// Holds a small deterministic random number generator. It is not for secrets that must withstand an
// observer of its output.

/// xoshiro256** (Blackman and Vigna), seeded through splitmix64: the same seed gives the same numbers,
/// always and everywhere.
@frozen
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  @usableFromInline var state: (UInt64, UInt64, UInt64, UInt64)

  /// A generator whose whole sequence is fixed by `seed`.
  public init(seed: UInt64) {
    var mixer = seed
    func next() -> UInt64 {
      mixer = mixer &+ 0x9e37_79b9_7f4a_7c15
      var word = mixer
      word = (word ^ (word &>> 30)) &* 0xbf58_476d_1ce4_e5b9
      word = (word ^ (word &>> 27)) &* 0x94d0_49bb_1331_11eb
      return word ^ (word &>> 31)
    }
    state = (next(), next(), next(), next())
  }

  @inlinable
  public mutating func next() -> UInt64 {
    let product = state.1 &* 5
    let result = (product &<< 7 | product &>> 57) &* 9
    let shifted = state.1 &<< 17
    state.2 ^= state.0
    state.3 ^= state.1
    state.1 ^= state.2
    state.0 ^= state.3
    state.2 ^= shifted
    state.3 = state.3 &<< 45 | state.3 &>> 19
    return result
  }
  /// A number from 0 up to, not with, `bound`, evenly spread.
  ///
  /// Unlike `Int.random(in:using:)`, which draws other numbers where `Int` has 32 bits, it gives the same ones
  /// on every machine.
  /// - Precondition: `bound` is not zero.
  @inlinable
  public mutating func next(below bound: UInt32) -> UInt32 {
    precondition(bound > 0, "there is no number below zero")
    // Lemire's multiplication, with the rejection that makes it even.
    var product = UInt64(UInt32(truncatingIfNeeded: next() &>> 32)) &* UInt64(bound)
    let threshold = (0 &- bound) % bound
    while UInt32(truncatingIfNeeded: product) < threshold {
      product = UInt64(UInt32(truncatingIfNeeded: next() &>> 32)) &* UInt64(bound)
    }
    return UInt32(truncatingIfNeeded: product &>> 32)
  }
}
