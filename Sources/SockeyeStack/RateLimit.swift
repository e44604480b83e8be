// Holds the bound on how often the host volunteers something (resets, ICMP). Limits of single connections are
// the connection's own business.

import SockeyeBytes

/// A bucket of permissions that refills at a steady rate.
struct RateLimit {
  /// How many permissions a full bucket holds.
  private let capacity: Int
  /// The time one permission takes to come back.
  private let refill: Interval
  private var spent = 0
  private var since = Instant.zero

  /// - Parameter perSecond: permissions a second, and how many may be used at once; zero refuses all.
  init(perSecond: Int) {
    capacity = max(0, perSecond)
    refill = .nanoseconds(max(1, 1_000_000_000 / max(1, perSecond)))
  }

  /// Uses up a permission if there is one.
  mutating func take(at now: Instant) -> Bool {
    if spent == 0 {
      since = now
    } else {
      let returned = (now - since).nanoseconds / refill.nanoseconds
      if returned >= Int64(spent) {
        spent = 0
        since = now
      } else {
        spent -= Int(returned)
        since = since + Interval(nanoseconds: returned * refill.nanoseconds)
      }
    }
    guard spent < capacity else { return false }
    spent += 1
    return true
  }
}
