// Holds what the engine needs for TCP Fast Open (RFC 7413): the cookies of a server, and what a connection remembers of its
// own Fast Open. When text goes onto a SYN is decided in Connection+FastOpen; who may use it, and what was learnt of
// servers, is the host's affair.

import SockeyeBytes
import SockeyeWire

/// What a server hands out so that its clients prove their addresses (RFC 7413 §4.1.2). Nothing is kept for a cookie.
public struct FastOpenCookies: Sendable {
  /// A cookie is good in the period in which it was made and in the next: for one to two hours.
  public static var period: Interval { .hours(1) }

  private let root: HashKey

  /// - Parameter key: a secret from a strong source; the keys of all times are derived from it.
  public init(key: HashKey) { root = key }

  /// The cookie of a client's address now.
  public func cookie(for client: IPAddress, at now: Instant) -> FastOpenCookie {
    FastOpenCookie(proof(client, period: Self.number(at: now)))
  }

  /// Whether a cookie is that of a client's address, made not too long ago. It takes as long for a wrong one as for a right
  /// one (7413-3).
  public func accepts(_ cookie: FastOpenCookie, from client: IPAddress, at now: Instant) -> Bool {
    let number = Self.number(at: now)
    let current = cookie.high ^ proof(client, period: number)
    let previous = cookie.high ^ proof(client, period: number &- 1)
    let isOurs = (current == 0) != (previous == 0)
    return isOurs && cookie.length == 8
  }

  private static func number(at now: Instant) -> UInt64 { now.nanoseconds / UInt64(period.nanoseconds) &+ 1 }

  private func proof(_ client: IPAddress, period: UInt64) -> UInt64 {
    let key = HashKey(SipHash.hash(of: period, 0, key: root), SipHash.hash(of: period, 1, key: root))
    var hash = SipHash(key: key)
    switch client {
    case .v4(let address): hash.absorb(UInt64(address.rawValue))
    case .v6(let address):
      hash.absorb(address.high)
      hash.absorb(address.low)
    }
    return hash.finish()
  }
}

/// What came of a client's Fast Open, for whoever remembers it.
public struct FastOpenResult: Sendable, Equatable {
  /// The server's new cookie.
  public var cookie: FastOpenCookie?
  /// The MSS that the server has announced, octets.
  public var segmentSize: Int?
  /// The text was not taken, or the SYN with it was not answered: not to be tried for a while (RFC 7413 §4.1.3.1).
  public var isRefused = false
  /// Octets of text that left with the SYN, and those of them that the server took.
  public var sent = 0
  public var accepted = 0
}

/// What a connection remembers of its Fast Open until the handshake is over. It belongs to one connection, which is used
/// by one thread at a time, as all of a connection is.
final class FastOpenState: @unchecked Sendable {
  /// What our SYN carries: a cookie or a request; nil on the server's side.
  let cookie: FastOpenCookie?
  /// The server's MSS as far as it is known, octets.
  let segmentSize: Int
  /// Octets of text that left with our SYN.
  var sent = 0
  var result: FastOpenResult?
  /// One past the text of our SYN, when some of it counts as never sent: the peer may have it all the same.
  var textEnd: SequenceNumber?

  init(cookie: FastOpenCookie?, segmentSize: Int) {
    self.cookie = cookie
    self.segmentSize = segmentSize
  }
}
