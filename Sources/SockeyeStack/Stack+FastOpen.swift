// Holds who may use TCP Fast Open (RFC 7413): which SYN of a client is taken with its text, how many such connections a
// listener has at a time, and what is remembered of servers. What goes onto a SYN is SockeyeTCP's affair.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

/// What a listener counts against its bound of connections that began with text (RFC 7413 §5.1).
struct FastOpenPending {
  /// The most there may be; zero: none.
  var limit: Int
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
  /// The connection begins at once, with what text there is; its answer brings a new cookie, if there is one.
  case accept(FastOpenCookie?)
}

extension Stack {
  // MARK: Servers

  /// Changes how many connections of a listener may begin with the text of their SYN; see `listen`. Those under way stay.
  /// - Throws: `noSuchListener`, `invalidBacklog`; then nothing has changed.
  public mutating func setFastOpenLimit(_ limit: Int, of listener: ListenerID) throws(SocketError) {
    guard listeners.contains(listener.key) else { throw .noSuchListener }
    guard limit >= 0, limit <= 1 << 16 else { throw .invalidBacklog(limit) }
    listeners[listener.key].fastOpen.limit = limit
  }

  /// Has a listener hand out and take cookies that other servers take, too; nil: the host's own, whose keys change by
  /// themselves and which nobody else knows.
  /// - Throws: `noSuchListener`.
  public mutating func setSharedFastOpenCookies(
    _ cookies: SharedFastOpenCookies?, of listener: ListenerID
  ) throws(SocketError) {
    guard listeners.contains(listener.key) else { throw .noSuchListener }
    listeners[listener.key].sharedCookies = cookies
  }

  /// 7413-6: an invalid cookie, or more under way than the listener's bound, makes a plain handshake.
  mutating func fastOpenAnswer(
    at listener: ListenerKey, _ tuple: FourTuple, _ header: TCPHeader, payloadLength: Int
  ) -> FastOpenAnswer {
    guard listeners[listener].fastOpen.limit > 0, listeners[listener].configuration.fastOpen else {
      return .none
    }
    var renewed: FastOpenCookie?
    if listeners[listener].configuration.fastOpenWithoutCookie, payloadLength > 0 {
      // RFC 7413 §7.3: whatever the option says.
    } else if let cookie = header.options.fastOpen {
      let (verdict, good) = verdict(on: cookie, at: listener, tuple)
      if verdict == .wrong {
        if !cookie.isRequest { statistics.tcp.fastOpenCookiesRefused += 1 }
        return .offer(good)
      }
      if verdict == .previous { renewed = good }
    } else {
      return .none
    }
    let waitsForText = payloadLength == 0 && listeners[listener].configuration.acceptDeferral != nil
    guard !header.flags.contains(.fin), !waitsForText else { return .none }
    guard listeners[listener].fastOpen.hasRoom(at: now), hasRoomForConnection(at: listener),
      budget.hasRoom(ConnectionRecord.footprint + 2 * payloadLength)
    else {
      statistics.tcp.fastOpenOverflows += 1
      return .none
    }
    return .accept(renewed)
  }

  /// What a client's cookie is, and the one that it should have.
  private func verdict(
    on cookie: FastOpenCookie, at listener: ListenerKey, _ tuple: FourTuple
  ) -> (FastOpenVerdict, FastOpenCookie) {
    let (client, server) = (tuple.remote.address, tuple.local.address)
    if let shared = listeners[listener].sharedCookies {
      return (shared.verdict(on: cookie, from: client, of: server), shared.cookie(for: client, of: server))
    }
    return (
      fastOpenCookies.verdict(on: cookie, from: client, at: now), fastOpenCookies.cookie(for: client, at: now)
    )
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

  /// How much text would leave with the SYN of a connection that is opened now (RFC 7413 §4.2.1), octets.
  ///
  /// - Parameters: as those of `connect`.
  /// - Returns: nil when none would: Fast Open is off or rests, or no cookie of the peer is known.
  /// - Throws: why no connection can be begun, as far as that is plain from the addresses.
  public mutating func fastOpenRoom(
    to remote: IPAddress, from address: IPAddress? = nil, configuration: TCPConfiguration? = nil,
    at instant: Instant
  ) throws(SocketError) -> Int? {
    advance(to: instant)
    let settings = try validated(configuration)
    let (link, source) = try path(to: remote, from: address)
    let path = pathForConnection(towards: remote, over: link)
    // Neither number matters here.
    var parameters = OpenParameters(
      configuration: settings, version: remote.version, initialSequence: SequenceNumber(0),
      timestampOffset: 0,
      pathMTU: path.limit, receiveMTU: interfaces.maximumTransmissionUnit(of: link))
    parameters.provenPathMTU = path.proven
    prepareFastOpen(&parameters, from: source, to: remote)
    return parameters.fastOpenRoom
  }

  /// What a connection's SYN is to carry. Beside an authentication option there is no room.
  mutating func prepareFastOpen(
    _ parameters: inout OpenParameters, from local: IPAddress, to remote: IPAddress
  ) {
    guard parameters.configuration.fastOpen, parameters.addedOptions == 0 else { return }
    let needsCookie = !parameters.configuration.fastOpenWithoutCookie
    parameters.fastOpen = fastOpens.attempt(from: local, to: remote, needsCookie: needsCookie, at: now)
  }

  /// Remembers what came of a connection's Fast Open (7413-7).
  mutating func fastOpenSettled(by key: ConnectionKey) {
    guard let result = connections[key].connection.takeFastOpenResult() else { return }
    let tuple = connections[key].envelope.tuple
    fastOpens.note(result, from: tuple.local.address, to: tuple.remote.address, at: now)
    if result.accepted > 0 { statistics.tcp.fastOpensActive += 1 }
  }
}
