// Holds a length of time and its printing; it has no calendar and reads no clock.

/// A length of time in nanoseconds, possibly negative. Arithmetic saturates at about 292 years.
@frozen
public struct Interval: Comparable, Hashable, Sendable {
  /// The length in nanoseconds.
  public var nanoseconds: Int64

  /// A length of `nanoseconds`.
  @inlinable
  public init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  @inlinable
  init(_ count: Int, unit: Int64) {
    let product = Interval.saturatingProduct(UInt64(count.magnitude), unit.magnitude)
    nanoseconds = count < 0 ? 0 &- product : product
  }

  /// No time at all.
  @inlinable
  public static var zero: Interval { Interval(nanoseconds: 0) }

  @inlinable
  public static func nanoseconds(_ count: Int) -> Interval { Interval(count, unit: 1) }

  @inlinable
  public static func microseconds(_ count: Int) -> Interval { Interval(count, unit: 1_000) }

  @inlinable
  public static func milliseconds(_ count: Int) -> Interval { Interval(count, unit: 1_000_000) }

  @inlinable
  public static func seconds(_ count: Int) -> Interval { Interval(count, unit: 1_000_000_000) }

  @inlinable
  public static func minutes(_ count: Int) -> Interval { Interval(count, unit: 60_000_000_000) }

  @inlinable
  public static func hours(_ count: Int) -> Interval { Interval(count, unit: 3_600_000_000_000) }

  @inlinable
  public static func < (left: Interval, right: Interval) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  @inlinable
  public static func + (left: Interval, right: Interval) -> Interval {
    let (sum, overflow) = left.nanoseconds.addingReportingOverflow(right.nanoseconds)
    return Interval(nanoseconds: overflow ? (left.nanoseconds < 0 ? .min : .max) : sum)
  }

  @inlinable
  public static func - (left: Interval, right: Interval) -> Interval {
    let (difference, overflow) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
    return Interval(nanoseconds: overflow ? (left.nanoseconds < 0 ? .min : .max) : difference)
  }

  @inlinable
  public static prefix func - (interval: Interval) -> Interval {
    Interval(nanoseconds: interval.nanoseconds == .min ? .max : 0 &- interval.nanoseconds)
  }

  @inlinable
  public static func += (left: inout Interval, right: Interval) { left = left + right }

  @inlinable
  public static func -= (left: inout Interval, right: Interval) { left = left - right }

  @inlinable
  public static func * (interval: Interval, factor: Int) -> Interval {
    let product = saturatingProduct(interval.nanoseconds.magnitude, UInt64(factor.magnitude))
    return Interval(nanoseconds: (interval.nanoseconds < 0) == (factor < 0) ? product : 0 &- product)
  }

  /// The product, at most the largest interval.
  ///
  /// Not `multipliedReportingOverflow`, which on 32-bit machines calls a 128-bit multiplication that a bare
  /// WebAssembly module doesn't have.
  @inlinable
  static func saturatingProduct(_ left: UInt64, _ right: UInt64) -> Int64 {
    let isSmall = left.leadingZeroBitCount &+ right.leadingZeroBitCount > 64
    if isSmall || right == 0 || left <= UInt64(Int64.max) / right {
      return Int64(bitPattern: left &* right)
    }
    return .max
  }

  /// The interval cut into `divisor` parts, rounded towards zero.
  /// - Precondition: `divisor` is not zero.
  @inlinable
  public static func / (interval: Interval, divisor: Int) -> Interval {
    let (quotient, overflow) = interval.nanoseconds.dividedReportingOverflow(by: Int64(divisor))
    precondition(divisor != 0, "an interval cannot be divided by zero")
    return Interval(nanoseconds: overflow ? .max : quotient)
  }
}

extension Interval: CustomStringConvertible {
  /// The length in its largest fitting unit, such as "1.5 s", "40 ms" or "250 µs".
  ///
  /// At most three digits follow the point; what lies behind them is cut off.
  public var description: String {
    let magnitude = nanoseconds.magnitude
    let sign = nanoseconds < 0 ? "-" : ""
    if magnitude >= 1_000_000_000 {
      return sign + Interval.decimal(magnitude / 1_000_000, thousandths: true) + " s"
    }
    if magnitude >= 1_000_000 {
      return sign + Interval.decimal(magnitude / 1_000, thousandths: true) + " ms"
    }
    if magnitude >= 1_000 { return sign + Interval.decimal(magnitude, thousandths: true) + " µs" }
    return magnitude == 0 ? "0 s" : sign + Interval.decimal(magnitude, thousandths: false) + " ns"
  }

  /// Prints a count of thousandths as a decimal number without trailing zeros.
  private static func decimal(_ value: UInt64, thousandths: Bool) -> String {
    guard thousandths else { return "\(value)" }
    var text = "\(value / 1000)"
    var rest = value % 1000
    if rest == 0 { return text }
    text += "."
    var unit: UInt64 = 100
    while rest > 0 {
      text += "\(rest / unit)"
      rest %= unit
      unit /= 10
    }
    return text
  }
}
