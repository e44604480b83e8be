// Holds the clock that packetdrill is shown: one that stands still unless it is moved, or the system's. It does not hold
// what happens at a time.

import SockeyeBytes

/// The time of a session.
struct SessionClock {
  enum Kind: Sendable { case virtual, real }
  let kind: Kind
  /// The virtual time.
  private var moved: Instant
  /// What a real clock shows when the system's monotonic one shows nothing.
  private let base: UInt64

  /// Long enough after zero for whoever subtracts from it, microseconds that fit where packetdrill puts them.
  private static let start = Instant(nanoseconds: 1_700_000_000_000_000_000)

  init(_ kind: Kind) {
    self.kind = kind
    moved = Self.start
    base = Self.start.nanoseconds - Monitor.monotonic
  }

  var now: Instant {
    switch kind {
    case .virtual: moved
    case .real: Instant(nanoseconds: base + Monitor.monotonic)
    }
  }

  /// What the system's monotonic clock shows at an instant, nanoseconds.
  func monotonic(at instant: Instant) -> UInt64 { instant.nanoseconds - base }

  /// Moves virtual time on; real time moves by itself.
  mutating func move(to instant: Instant) {
    if instant > moved { moved = instant }
  }

  /// Somebody asks the time. A question takes a microsecond, or a program that waits in a loop for the time to come
  /// would wait for ever.
  mutating func ask() -> Instant {
    move(to: moved + .microseconds(1))
    return now
  }
}
