// Holds what keeps a connection from sending more, and for how long it has done so. It decides nothing: the limits
// themselves are Connection+Transmission's, and the clock is switched only where sending comes to rest.

import SockeyeBytes

/// What a connection with something under way waits for before it sends more.
public enum SendingLimit: UInt8, Sendable, CaseIterable {
  /// Nothing is under way: all that was written has been acknowledged.
  case idle
  /// The application: all it has written has left, or waits for more to make a full segment (Nagle's rule).
  case application
  /// The send buffer: all of it has left, and the application was told that there is no room for more.
  case sendBuffer
  /// The peer's window.
  case peerWindow
  /// The congestion window, or what loss recovery makes of it.
  case congestionWindow
  /// The pace.
  case pacing

  public var name: String {
    switch self {
    case .idle: "idle"
    case .application: "application"
    case .sendBuffer: "send buffer"
    case .peerWindow: "peer's window"
    case .congestionWindow: "congestion window"
    case .pacing: "pacing"
    }
  }
}

/// For how long a connection has had something under way, and what kept it from sending more meanwhile.
///
/// The parts make up `busy`: sending itself takes no time by the stack's clock.
public struct SendingTimes: Sendable, Equatable {
  /// While the application had nothing more to send.
  public var application = Interval.zero
  /// While the application had to wait for room in the send buffer, all of which had left.
  public var sendBuffer = Interval.zero
  /// While the peer's window was used up.
  public var peerWindow = Interval.zero
  /// While the congestion window was.
  public var congestionWindow = Interval.zero
  /// While the windows had room, and the pace let nothing leave yet.
  public var pacing = Interval.zero

  public init() {}

  /// While something written, or the FIN, was not acknowledged.
  public var busy: Interval { application + sendBuffer + peerWindow + congestionWindow + pacing }

  mutating func add(_ time: Interval, of limit: SendingLimit) {
    switch limit {
    case .idle: break
    case .application: application += time
    case .sendBuffer: sendBuffer += time
    case .peerWindow: peerWindow += time
    case .congestionWindow: congestionWindow += time
    case .pacing: pacing += time
    }
  }
}

/// Adds up how long each limit held. While nothing but the application ever held the connection back, as with short
/// exchanges, there is one sum and no memory of its own.
struct SendingClock {
  /// It belongs to one connection, which is used by one thread at a time.
  private final class Ledger: @unchecked Sendable {
    var times = SendingTimes()
  }

  private(set) var limit = SendingLimit.idle
  private var since = Instant.zero
  private var application = Interval.zero
  private var ledger: Ledger?

  /// From now on this holds.
  @inline(__always)
  mutating func note(_ limit: SendingLimit, at now: Instant) {
    if limit != self.limit { change(to: limit, at: now) }
  }

  @inline(never)
  private mutating func change(to limit: SendingLimit, at now: Instant) {
    let time = now - since
    switch self.limit {
    case .idle: break
    case .application: application += time
    case .sendBuffer, .peerWindow, .congestionWindow, .pacing:
      let ledger = ledger ?? Ledger()
      ledger.times.add(time, of: self.limit)
      self.ledger = ledger
    }
    self.limit = limit
    since = now
  }

  /// What has added up, that which holds now included.
  func times(at now: Instant) -> SendingTimes {
    var times = ledger?.times ?? SendingTimes()
    times.application += application
    times.add(max(now - since, .zero), of: limit)
    return times
  }
}

extension Connection {
  /// Takes note of what keeps the connection from sending, for `ConnectionStatus.sendingTimes`. To be called when
  /// `plan(at:)` has answered `.wait` or `.idle`; nothing but these times depends on it.
  @inline(__always)
  public mutating func rest(at now: Instant) { sendingClock.note(sendingLimit(at: now), at: now) }

  /// The same where it is known that there is nothing to send and nothing outstanding.
  @inline(__always)
  package mutating func restIdle(at now: Instant) { sendingClock.note(.idle, at: now) }

  /// Why nothing more leaves, where nothing does.
  @inline(__always)
  private borrowing func sendingLimit(at now: Instant) -> SendingLimit {
    guard opening == .synchronized else { return .idle }
    let unsent = send.unsent
    guard unsent > 0 || send.phase == .finishQueued else {
      if send.flight == 0 { return .idle }
      // What is to be repaired and may not leave yet.
      if send.resendNext != nil || scoreboard.log.lostOctets > 0 { return .congestionWindow }
      return writableWanted ? .sendBuffer : .application
    }
    let wanted = max(1, min(unsent, payloadLimit))
    let usable = send.usableWindow
    let congestionRoom = sendingWindow(at: now) - inflight
    if min(usable, congestionRoom) < wanted {
      return usable < congestionRoom ? .peerWindow : .congestionWindow
    }
    return paceAllows(at: now) ? .application : .pacing
  }
}
