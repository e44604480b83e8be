// Holds the computer's clocks in the core's units; the core itself reads none.

public import SockeyeBytes

/// A clock that never jumps, and starts at zero when it is made.
public struct SystemClock: Sendable {
  /// Nanoseconds from the start of 1970 (UTC) to `Instant.zero`, as the computer's clock stood when this one was
  /// made: times told with it stay in order when somebody sets the computer's clock.
  public let epochNanoseconds: UInt64
  private let origin: UInt64

  /// A clock that starts now.
  public init() {
    origin = SystemCalls.monotonicNanoseconds()
    epochNanoseconds = SystemCalls.wallClockNanoseconds()
  }

  /// The time since the clock was made.
  public func now() -> Instant {
    Instant(nanoseconds: SystemCalls.monotonicNanoseconds() &- origin)
  }

  /// The time of day where the computer is, such as "09:41:00.123".
  /// - Parameter instant: a time of this clock.
  public func timeOfDay(_ instant: Instant) -> String {
    let time = epochNanoseconds &+ instant.nanoseconds
    let parts = SystemCalls.localTimeOfDay(time / 1_000_000_000)
    let clock = [parts.hour, parts.minute, parts.second].map { Self.padded($0, 2) }
    return clock.joined(separator: ":") + "." + Self.padded(Int(time / 1_000_000 % 1000), 3)
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = "\(number)"
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
