// How often a connection answers what might be forged. One a connection and never one a host: a limit that
// connections share tells an attacker on one of them about the others (CVE-2016-5696).

import SockeyeBytes

/// A bucket of answers that fills again with time (RFC 5961 §7).
struct ChallengeLimiter: Sendable, Equatable {
  private var spent: UInt16 = 0
  private var since = Instant.zero

  /// Takes an answer out of the bucket if there is one.
  mutating func allow(at now: Instant, capacity: UInt16, refill: Interval) -> Bool {
    if spent > 0 {
      let refilled = (now - since).nanoseconds / refill.nanoseconds
      if refilled > 0 {
        spent = refilled >= Int64(spent) ? 0 : spent - UInt16(refilled)
        since = since + Interval(nanoseconds: refilled * refill.nanoseconds)
      }
    }
    if spent == 0 { since = now }
    guard spent < capacity else { return false }
    spent += 1
    return true
  }
}

extension ChallengeLimiter {
  /// Challenges and answers to segments without data: ten, then one every half second (RFC 5961 §7 gives ten
  /// in five seconds as its example).
  mutating func allowChallenge(at now: Instant) -> Bool {
    allow(at: now, capacity: 10, refill: .milliseconds(500))
  }

  /// Answers to data that is not acceptable, such as retransmissions whose ACK was lost: the peer needs them,
  /// so there are more.
  mutating func allowRepeat(at now: Instant) -> Bool {
    allow(at: now, capacity: 64, refill: .milliseconds(10))
  }
}
