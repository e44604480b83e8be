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
    verdict(on: cookie, from: client, at: now) != .wrong
  }

  /// The same, and whether the cookie should be replaced.
  public func verdict(
    on cookie: FastOpenCookie, from client: IPAddress, at now: Instant
  ) -> FastOpenVerdict {
    let number = Self.number(at: now)
    return FastOpenVerdict(
      cookie, current: proof(client, period: number), previous: proof(client, period: number &- 1))
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

/// What a server finds a cookie to be.
public enum FastOpenVerdict: Sendable, Equatable {
  case current
  /// Good for now; the client should be given a new one.
  case previous
  case wrong

  /// Compares both ways whatever the first says, so that it takes the same time.
  init(_ cookie: FastOpenCookie, current: UInt64, previous: UInt64) {
    let (isCurrent, isPrevious) = (cookie.high ^ current == 0, cookie.high ^ previous == 0)
    guard cookie.length == 8, isCurrent || isPrevious else {
      self = .wrong
      return
    }
    self = isCurrent ? .current : .previous
  }
}

/// The cookies of servers that share a key, as those behind one address must (RFC 7413 §6.3.4): for as long as a server has
/// the key, and bound to its address as well as the client's. Linux makes the same cookies of the same key.
public struct SharedFastOpenCookies: Sendable, Equatable {
  private let key: HashKey
  private let previous: HashKey

  /// - Parameters:
  ///   - key: a secret of all the servers.
  ///   - previous: the key before, whose cookies are still taken and replaced.
  public init(key: HashKey, previous: HashKey? = nil) {
    self.key = key
    self.previous = previous ?? key
  }

  /// The cookie that a client gets from a server.
  public func cookie(for client: IPAddress, of server: IPAddress) -> FastOpenCookie {
    FastOpenCookie(Self.proof(client, server, key))
  }

  /// Whether a cookie is that of the two addresses.
  public func verdict(
    on cookie: FastOpenCookie, from client: IPAddress, of server: IPAddress
  ) -> FastOpenVerdict {
    FastOpenVerdict(
      cookie, current: Self.proof(client, server, key), previous: Self.proof(client, server, previous))
  }

  /// SipHash of both addresses as they lie in the IP header, its octets lowest first.
  private static func proof(_ client: IPAddress, _ server: IPAddress, _ key: HashKey) -> UInt64 {
    var hash = SipHash(key: key)
    switch (client, server) {
    case (.v4(let client), .v4(let server)):
      hash.absorb((UInt64(client.rawValue) << 32 | UInt64(server.rawValue)).byteSwapped)
    case (.v6(let client), .v6(let server)):
      for word in [client.high, client.low, server.high, server.low] { hash.absorb(word.byteSwapped) }
    case (.v4, .v6), (.v6, .v4):
      // No packet has both.
      break
    }
    return hash.finish().byteSwapped
  }
}

/// What a client's first SYN carries.
public struct FastOpenAttempt: Sendable, Equatable {
  /// A cookie, or the request of one; nil: none is needed (`TCPConfiguration.fastOpenWithoutCookie`).
  public var cookie: FastOpenCookie?
  /// The server's MSS if it is known from before, octets (RFC 7413 §4.1.3).
  public var segmentSize: Int?

  public init(cookie: FastOpenCookie?, segmentSize: Int? = nil) {
    self.cookie = cookie
    self.segmentSize = segmentSize
  }
}

extension OpenParameters {
  /// How much text the SYN may carry, octets; nil: it carries none, for there is no cookie.
  ///
  /// 7413-4: no more than the server takes. Room is left for all the options that a header can have: what adds options of its
  /// own on the way would drop a larger one.
  public var fastOpenRoom: Int? {
    guard configuration.fastOpen, let fastOpen, fastOpen.cookie?.isRequest != true else { return nil }
    // Where no cookie is needed the server is one's own, and its MSS is taken to be like ours.
    let usual = fastOpen.cookie == nil ? announcedSegmentSize : defaultSegmentSize
    let size = min(
      fastOpen.segmentSize ?? usual, configuration.maximumSegmentSize ?? .max,
      min(pathMTU, provenPathMTU ?? pathMTU) - ipHeaderLength - Constants.headerLength)
    return max(0, size - Constants.optionSpace)
  }
}

/// What came of text on a SYN.
public enum FastOpenOutcome: UInt8, Sendable, CaseIterable {
  case notTried
  /// It was taken: the peer's by us, or all of ours by the peer.
  case taken
  /// We had no cookie.
  case noCookie
  /// The peer has acknowledged less than our SYN carried.
  case notTaken
  /// The SYN that carried it wasn't answered, and a copy without text was sent.
  case repeated
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
  /// Whether it is our SYN, and not the peer's.
  let isClient: Bool
  /// What our SYN carries, a cookie or a request; or our SYN,ACK, a new cookie.
  let cookie: FastOpenCookie?
  /// How much text may leave with our SYN, octets.
  let room: Int
  /// Octets of text that left with our SYN.
  var sent = 0
  var result: FastOpenResult?
  /// One past the text of our SYN, when some of it counts as never sent: the peer may have it all the same.
  var textEnd: SequenceNumber?

  /// The client's side.
  init(cookie: FastOpenCookie?, room: Int) {
    isClient = true
    self.cookie = cookie
    self.room = room
  }

  /// The server's side.
  init(renewing cookie: FastOpenCookie?) {
    isClient = false
    self.cookie = cookie
    room = 0
  }
}
