// The window as a function of time, W_cubic(t) = C (t - K)³ + W_max (RFC 9438 §4.2), in whole numbers. Knows nothing of
// ACKs and losses.

import SockeyeBytes

/// One cubic curve. Windows are octets; times are counted in parts of 2⁻¹⁵ s (31 µs), which keeps all products
/// within 64 bits for every window that TCP can have.
struct CubicCurve: Sendable, Equatable {
  /// C is 0.4 segments a cubic second (RFC 9438 §5.1).
  private static let c = (numerator: UInt64(2), denominator: UInt64(5))
  private static let fraction: UInt64 = 15

  /// W_max of this curve: the height of its plateau.
  let plateau: Int
  /// K: from the beginning to the plateau.
  private let rise: UInt64
  /// How far from the plateau the curve has gone as far as a window can.
  private let reach: UInt64
  private let segment: Int

  /// - Parameters:
  ///   - start: cwnd_epoch, the window at t = 0, octets.
  ///   - maximum: W_max, octets. Where it is no more than `start` the curve begins on its plateau.
  ///   - segment: SMSS, octets.
  init(from start: Int, maximum: Int, segment: Int) {
    self.segment = segment
    plateau = max(start, maximum)
    rise = Self.rise(over: plateau - start, segment: segment)
    reach = Self.rise(over: CongestionWindow.limit, segment: segment)
  }

  /// K.
  var timeToPlateau: Interval {
    Interval(nanoseconds: Int64((rise * 1_000_000_000) >> Self.fraction))
  }

  /// W_cubic(t), octets: not negative, and no more than a window can be.
  func window(at time: Interval) -> Int {
    let elapsed = Self.parts(time)
    let isRising = elapsed < rise
    let distance = isRising ? rise - elapsed : elapsed - rise
    let height = height(distance)
    return isRising ? max(0, plateau - height) : min(plateau + height, CongestionWindow.limit)
  }

  /// C d³ in octets, at most the widest window.
  private func height(_ distance: UInt64) -> Int {
    if distance >= reach { return CongestionWindow.limit }
    let square = (distance * distance) >> Self.fraction
    // Of the three factors of 2¹⁵ one is gone; the product stays below 2³² · 2³⁰.
    let product = square * UInt64(segment) * distance
    return Int((product * Self.c.numerator / Self.c.denominator) >> (2 * Self.fraction))
  }

  /// K = ∛((W_max - cwnd_epoch) / C).
  private static func rise(over octets: Int, segment: Int) -> UInt64 {
    let divided = (UInt64(octets) * c.denominator).quotientAndRemainder(
      dividingBy: UInt64(segment) * c.numerator)
    // As many places behind the point as fit: for less than 2¹⁸ s³ all 15, so 45 before the root is taken.
    let places: UInt64 = divided.quotient < 1 << 18 ? fraction : 10
    let divisor = UInt64(segment) * c.numerator
    let cube = (divided.quotient << (3 * places)) + (divided.remainder << (3 * places)) / divisor
    return cubeRoot(cube) << (fraction - places)
  }

  private static func parts(_ time: Interval) -> UInt64 {
    // 24 hours are beyond every curve.
    let nanoseconds = UInt64(min(max(time.nanoseconds, 0), 86_400_000_000_000))
    return (nanoseconds << fraction) / 1_000_000_000
  }

  /// The largest number whose cube is no more than `value`.
  static func cubeRoot(_ value: UInt64) -> UInt64 {
    var root: UInt64 = 0
    var bit: UInt64 = 1 << 21
    while bit > 0 {
      let candidate = root | bit
      // Divided and not multiplied: the cube of 2²² has no room.
      if candidate <= value / candidate / candidate { root = candidate }
      bit >>= 1
    }
    return root
  }
}
