// Holds the arithmetic of results in whole numbers, so that they are the same, and printed the same, on every machine.

public import SockeyeBytes

/// Quotients in millionths.
public enum Ratio {
  /// `part / whole` in millionths, rounded down; zero when there is no whole.
  /// - Precondition: `whole` is below 2^60, and the quotient below 10^12.
  public static func millionths(_ part: UInt64, of whole: UInt64) -> UInt64 {
    if whole == 0 { return 0 }
    // Digit by digit: the product with a million would not always fit.
    var quotient = part / whole
    var rest = part % whole
    for _ in 0..<6 {
      rest *= 10
      quotient = quotient * 10 + rest / whole
      rest %= whole
    }
    return quotient
  }

  /// Bits a second, rounded down; zero when no time has passed.
  /// - Parameter bytes: less than 2^40.
  public static func bitsPerSecond(_ bytes: UInt64, in time: Interval) -> UInt64 {
    let nanoseconds = UInt64(max(0, time.nanoseconds))
    if nanoseconds == 0 { return 0 }
    // The products fit 64 bits.
    if bytes < 1 << 30 { return bytes * 8_000_000_000 / nanoseconds }
    return bytes * 8_000_000 / max(1, nanoseconds / 1000)
  }

  /// Jain's index of fairness, (Σx)² / (n Σx²), in millionths: a million when all are equal, a million / n when one has
  /// everything, and a million when there is nothing to share.
  /// - Parameter shares: at most 256 of them.
  public static func fairness(_ shares: [UInt64]) -> UInt64 {
    guard let largest = shares.max(), largest > 0 else { return 1_000_000 }
    var sum: UInt64 = 0
    var squares: UInt64 = 0
    for share in shares {
      // Sixteen bits, so that the squares of 256 sums fit.
      let scaled = millionths(share, of: largest) * 65_536 / 1_000_000
      sum += scaled
      squares += scaled * scaled
    }
    return millionths(sum * sum, of: UInt64(shares.count) * squares)
  }
}
