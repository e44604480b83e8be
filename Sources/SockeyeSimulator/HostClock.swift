// Holds a host's clock as a function of the world's time: where it stands and how fast it goes. Nobody here reads a clock of
// the machine.

public import SockeyeBytes

/// A clock that need not go as fast as the world's: a crystal too warm, a virtual machine short of time.
///
/// Between two changes it is `base + floor((world - since) × numerator / denominator)`: whole numbers, the same everywhere.
public struct HostClock: Sendable, Equatable {
  private var since: Instant
  private var base: Instant
  /// How much the clock moves while the world's moves by `denominator`.
  public private(set) var numerator: UInt64
  public private(set) var denominator: UInt64
  /// The most that either may be.
  public static let limit: UInt64 = 1 << 24

  /// A clock that goes right.
  /// - Parameters:
  ///   - world: the world's time now.
  ///   - local: what the clock shows then.
  public init(showing local: Instant, at world: Instant) {
    since = world
    base = local
    numerator = 1
    denominator = 1
  }

  /// What the clock shows.
  /// - Parameter world: no earlier than the last change of its rate.
  public func time(at world: Instant) -> Instant {
    let passed = world.nanoseconds > since.nanoseconds ? world.nanoseconds - since.nanoseconds : 0
    return base + HostClock.interval(HostClock.scaled(passed, numerator, by: denominator, roundingUp: false))
  }

  /// The world's time when the clock first shows at least `local`.
  public func worldTime(of local: Instant) -> Instant {
    if local <= base { return since }
    let passed = HostClock.scaled(
      local.nanoseconds - base.nanoseconds, denominator, by: numerator, roundingUp: true)
    return since + HostClock.interval(passed)
  }

  /// Has the clock go on from where it stands at another rate.
  /// - Precondition: both are within 1...`limit`.
  public mutating func setRate(_ numerator: UInt64, per denominator: UInt64, at world: Instant) {
    precondition(
      (1...HostClock.limit).contains(numerator) && (1...HostClock.limit).contains(denominator),
      "a clock goes forward at a rate within its bounds")
    let shown = time(at: world)
    since = world
    base = shown
    self.numerator = numerator
    self.denominator = denominator
  }

  /// `value × factor / divisor`; times beyond 36 years count as that.
  private static func scaled(
    _ value: UInt64, _ factor: UInt64, by divisor: UInt64, roundingUp: Bool
  ) -> UInt64 {
    let value = min(value, 1 << 60)
    let rest = (value % divisor) * factor
    let whole = value / divisor
    // 2^60 / divisor × factor may not fit; nobody waits for as long.
    if factor > 1, whole > (1 << 62) / factor { return 1 << 62 }
    return whole * factor + (rest + (roundingUp ? divisor - 1 : 0)) / divisor
  }

  private static func interval(_ nanoseconds: UInt64) -> Interval {
    Interval(nanoseconds: Int64(clamping: nanoseconds))
  }
}
