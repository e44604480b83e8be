// When the next segment may leave, so that a window spreads over a round trip and does not leave in one burst
// (draft-ietf-ccwg-bbr §5.6.2). Knows neither the rate, which congestion control sets, nor the window.

import SockeyeBytes

/// Spaces segments by a rate. What could not leave in time, because nobody asked or nothing was there to send, is made
/// up for by a short burst and no more.
struct Pacer: Sendable, Equatable {
  /// The time that a driver with a coarse timer may be late and still keep the rate.
  private static let lateness: Interval = .milliseconds(2)

  /// When the next segment may leave; in the past: at once.
  private(set) var next = Instant.zero

  func mayLeave(at now: Instant) -> Bool { next <= now }

  /// A segment of so many octets leaves.
  ///
  /// - Parameters:
  ///   - rate: Octets a second.
  ///   - segment: SMSS, octets: two of them may always leave together, for the sake of receivers that acknowledge every
  ///     second one.
  mutating func sent(_ octets: Int, rate: Int, segment: Int, at now: Instant) {
    let burst = max(Self.duration(2 * segment, rate), Self.lateness)
    // A burst is the segment that leaves now and what the credit holds beside it.
    let credit = max(burst - Self.duration(segment, rate), .zero)
    next = max(next, now - credit) + Self.duration(octets, rate)
  }

  /// Nothing leaves earlier.
  mutating func hold(until instant: Instant) { next = max(next, instant) }

  /// The rate has changed, or the connection was idle: what leaves next need not wait for what left before.
  mutating func reset() { next = .zero }

  private static func duration(_ octets: Int, _ rate: Int) -> Interval {
    Interval(nanoseconds: Int64(octets) * 1_000_000_000 / Int64(max(rate, 1)))
  }
}
