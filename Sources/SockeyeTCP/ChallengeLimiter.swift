// How often a connection answers what might be forged. One a connection and never one a host: a limit that
// connections share tells an attacker on one of them about the others (CVE-2016-5696).

import SockeyeBytes

/// A bucket of answers that fills again with time (RFC 5961 §7).
struct ChallengeLimiter: Sendable, Equatable {
  private var spent: UInt16 = 0
  /// Milliseconds by which challenges come back later than they might.
  private let jitter: UInt8
  private var since = Instant.zero

  /// - Parameter secret: what nobody outside knows of this connection. From it comes how fast challenges come back, so that
  ///   their number in a time tells nothing about another connection.
  init(secret: UInt32 = 0) {
    jitter = UInt8(truncatingIfNeeded: secret >> 24)
  }

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
  /// Challenges and answers to segments without data: ten, then one every half to three quarters of a second (RFC 5961
  /// §7 gives ten in five seconds as its example).
  mutating func allowChallenge(at now: Instant) -> Bool {
    allow(at: now, capacity: 10, refill: .milliseconds(500 + Int(jitter)))
  }

  /// Answers to data that is not acceptable, such as retransmissions whose ACK was lost: the peer needs them,
  /// so there are more.
  mutating func allowRepeat(at now: Instant) -> Bool {
    allow(at: now, capacity: 64, refill: .milliseconds(10))
  }
}
