// Holds who may use TCP Fast Open (RFC 7413): which SYN of a client is taken with its text, how many such connections a
// listener has at a time, and what is remembered of servers. What goes onto a SYN is SockeyeTCP's affair.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

/// What a listener counts against its bound of connections that began with text (RFC 7413 §5.1).
struct FastOpenPending {
  /// The most there may be; zero: none.
  let limit: Int
  /// Connections whose handshake is not over.
  private(set) var count = 0
  /// Those of late that were reset, and until when they count (7413-8).
  private(set) var resets = 0
  private var resetsUntil = Instant.zero

  /// How long a reset one counts: somebody who opens connections with another's address and has them reset must not make
  /// room for more. The latest keeps the others.
  static var penalty: Interval { .minutes(1) }

  init(limit: Int) { self.limit = limit }

  /// Whether one more may begin.
  mutating func hasRoom(at now: Instant) -> Bool {
    if resetsUntil <= now { resets = 0 }
    return count + resets < limit
  }

  mutating func began() { count += 1 }

  /// The handshake of one is over.
  mutating func ended(byReset isReset: Bool, at now: Instant) {
    count -= 1
    guard isReset else { return }
    if resetsUntil <= now { resets = 0 }
    resets += 1
    resetsUntil = now + Self.penalty
  }
}

/// What becomes of a SYN's Fast Open option.
enum FastOpenAnswer {
  /// There is none, or it is not to be looked at.
  case none
  /// A plain handshake that hands out a cookie.
  case offer(FastOpenCookie)
  /// The text is taken at once.
  case accept
}

extension Stack {
  // MARK: Servers

  /// 7413-6: an invalid cookie, or more under way than the listener's bound, makes a plain handshake.
  mutating func fastOpenAnswer(
    at listener: ListenerKey, _ tuple: FourTuple, _ header: TCPHeader, payloadLength: Int
  ) -> FastOpenAnswer {
    guard let cookie = header.options.fastOpen, listeners[listener].fastOpen.limit > 0,
      listeners[listener].configuration.fastOpen
    else { return .none }
    guard fastOpenCookies.accepts(cookie, from: tuple.remote.address, at: now) else {
      if !cookie.isRequest { statistics.tcp.fastOpenCookiesRefused += 1 }
      return .offer(fastOpenCookies.cookie(for: tuple.remote.address, at: now))
    }
    guard payloadLength > 0, !header.flags.contains(.fin) else { return .none }
    guard listeners[listener].fastOpen.hasRoom(at: now), hasRoomForConnection(at: listener),
      budget.hasRoom(ConnectionRecord.footprint + 2 * payloadLength)
    else {
      statistics.tcp.fastOpenOverflows += 1
      return .none
    }
    return .accept
  }

  /// A connection that began with text has changed its state.
  mutating func fastOpenProgressed(_ key: ConnectionKey, at listener: ListenerKey) {
    let state = connections[key].connection.state
    if state == .synReceived { return }
    connections[key].fastOpenListener = nil
    guard listeners.contains(listener) else { return }
    let isReset = state == .closed && connections[key].connection.closeReason == .refused
    listeners[listener].fastOpen.ended(byReset: isReset, at: now)
  }

  // MARK: Clients

  /// What a connection's SYN is to carry. Beside an authentication option there is no room.
  mutating func prepareFastOpen(_ parameters: inout OpenParameters, _ tuple: FourTuple) {
    guard parameters.configuration.fastOpen, parameters.addedOptions == 0 else { return }
    let attempt = fastOpens.attempt(from: tuple.local.address, to: tuple.remote.address, at: now)
    parameters.fastOpenCookie = attempt?.cookie
    parameters.fastOpenSegmentSize = attempt?.segmentSize
  }

  /// Remembers what came of a connection's Fast Open (7413-7).
  mutating func fastOpenSettled(by key: ConnectionKey) {
    guard let result = connections[key].connection.takeFastOpenResult() else { return }
    let tuple = connections[key].envelope.tuple
    fastOpens.note(result, from: tuple.local.address, to: tuple.remote.address, at: now)
    if result.accepted > 0 { statistics.tcp.fastOpensActive += 1 }
  }
}
