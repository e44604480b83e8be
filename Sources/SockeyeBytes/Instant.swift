// Holds the point in time the core is told about; it reads no clock.

/// A point in time: nanoseconds since an origin of the driver's choice, never negative.
///
/// Nobody in the core reads a clock: every call that needs the time is given one. Arithmetic saturates
/// at both ends, so that no deadline, however far, can overflow.
@frozen
public struct Instant: Comparable, Hashable, Sendable {
  /// Nanoseconds since the origin.
  public var nanoseconds: UInt64

  /// A point `nanoseconds` after the origin.
  @inlinable
  public init(nanoseconds: UInt64) {
    self.nanoseconds = nanoseconds
  }

  /// The origin.
  @inlinable
  public static var zero: Instant { Instant(nanoseconds: 0) }

  /// Later than anything that happens.
  @inlinable
  public static var distantFuture: Instant { Instant(nanoseconds: .max) }

  @inlinable
  public static func < (left: Instant, right: Instant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  /// The point `interval` later (earlier when it is negative), kept between zero and the distant future.
  @inlinable
  public static func + (instant: Instant, interval: Interval) -> Instant {
    let magnitude = interval.nanoseconds.magnitude
    if interval.nanoseconds >= 0 {
      let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(magnitude)
      return Instant(nanoseconds: overflow ? .max : sum)
    }
    return Instant(nanoseconds: instant.nanoseconds > magnitude ? instant.nanoseconds &- magnitude : 0)
  }

  /// The point `interval` earlier, kept between zero and the distant future.
  @inlinable
  public static func - (instant: Instant, interval: Interval) -> Instant {
    instant + -interval
  }

  @inlinable
  public static func += (instant: inout Instant, interval: Interval) {
    instant = instant + interval
  }

  /// How much later `later` is than `earlier`; negative when it is not later.
  @inlinable
  public static func - (later: Instant, earlier: Instant) -> Interval {
    if later.nanoseconds >= earlier.nanoseconds {
      return Interval(nanoseconds: Int64(clamping: later.nanoseconds &- earlier.nanoseconds))
    }
    return -Interval(nanoseconds: Int64(clamping: earlier.nanoseconds &- later.nanoseconds))
  }
}
