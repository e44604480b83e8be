// Holds how delays are drawn from a distribution, in whole numbers only: the mathematical library of one machine rounds
// otherwise than that of the next, and a run would not be the same run.

import SockeyeBytes

/// Random delays of one link.
struct DelayDraw: Sendable {
  private var generator: SeededGenerator

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  /// - Parameter most: the scale of the distribution; nothing is drawn when it is zero.
  mutating func draw(_ distribution: DelayDistribution, scale most: Interval) -> Interval {
    let most = min(UInt64(max(0, most.nanoseconds)), 1 << 40)
    if most == 0 { return .zero }
    let nanoseconds: UInt64 =
      switch distribution {
      // In steps of a 2^24th: the product has room for a jitter of 18 minutes.
      case .uniform: (most * UInt64(generator.next(below: 1 << 24))) >> 24
      case .normal: normal(most)
      case .pareto: pareto(most)
      }
    return Interval(nanoseconds: Int64(nanoseconds))
  }

  /// The sum of twelve even draws has a variance of twelve twelfths, and is as good as normal.
  private mutating func normal(_ most: UInt64) -> UInt64 {
    var sum: Int64 = 0
    for _ in 0..<12 { sum += Int64(generator.next(below: 1 << 16)) }
    // In standard deviations, from -6 to 6, times 2^16; a sixth of the jitter each.
    let deviation = sum - 6 << 16
    let steps = min(max(3 << 16 + deviation, 0), 6 << 16)
    return most * UInt64(steps) / (6 << 16)
  }

  /// With u even in (0, 1]: u^(-1/3) - 1, at most 64.
  private mutating func pareto(_ most: UInt64) -> UInt64 {
    let draw = UInt64(generator.next(below: 1 << 24)) + 1
    // draw = u 2^24, so its cube root is that of u times 2^8; 2^12 more for precision.
    let root = DelayDraw.cubeRoot(draw << 36)
    let steps = min((1 << 32) / root - (1 << 12), 64 << 12)
    return (most * steps) >> 12
  }

  /// The largest number whose cube does not exceed `value`, which is below 2^63.
  static func cubeRoot(_ value: UInt64) -> UInt64 {
    var root: UInt64 = 0
    var bit: UInt64 = 1 << 20
    while bit > 0 {
      let candidate = root | bit
      if candidate * candidate * candidate <= value { root = candidate }
      bit >>= 1
    }
    return root
  }

  /// The largest number whose square does not exceed `value`.
  static func squareRoot(_ value: UInt64) -> UInt64 {
    var root: UInt64 = 0
    var bit: UInt64 = 1 << 31
    while bit > 0 {
      let candidate = root | bit
      if candidate * candidate <= value { root = candidate }
      bit >>= 1
    }
    return root
  }
}
