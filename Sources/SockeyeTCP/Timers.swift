// The deadlines of a connection. Those that exclude one another are one enum; nothing here reads a clock.

import SockeyeBytes

/// What waits for the peer: at most one of these runs at a time (RFC 8985 §8).
enum ExclusiveTimer: Sendable, Equatable {
  case none
  case retransmission(Instant)
  /// RACK's reordering timer (RFC 8985 §6.2 step 5), and the RTO behind it.
  case reordering(Instant, retransmission: Instant)
  /// PTO (RFC 8985 §7.2), and the RTO behind it.
  case tailLossProbe(Instant, retransmission: Instant)
  case zeroWindowProbe(Instant)
  case sillyWindowOverride(Instant)

  @inline(__always)
  var deadline: Instant? {
    switch self {
    case .none: nil
    case .retransmission(let at), .zeroWindowProbe(let at), .sillyWindowOverride(let at),
      .reordering(let at, _),
      .tailLossProbe(let at, _):
      at
    }
  }

  /// When the RTO is over, whatever comes before it.
  @inline(__always)
  var retransmissionDeadline: Instant? {
    switch self {
    case .retransmission(let at), .reordering(_, let at), .tailLossProbe(_, let at): at
    case .none, .zeroWindowProbe, .sillyWindowOverride: nil
    }
  }
}

struct Timers: Sendable, Equatable {
  let openedAt: Instant
  var exclusive: ExclusiveTimer = .none
  /// How often the oldest unacknowledged segment was sent again because the timer ran out.
  var retransmissions: UInt16 = 0
  /// Probes of a closed window since it closed.
  var windowProbes: UInt16 = 0
  /// Keep-alive probes since the peer was last heard.
  var keepAliveProbes: UInt16 = 0
  /// When the peer last acknowledged something new, answered a probe, or there began to be something to acknowledge.
  var progressAt: Instant
  /// When an acceptable segment last came (RFC 9293 §3.8.4 MUST-26).
  var heardAt: Instant
  var keepAliveSentAt = Instant.zero
  /// When the user gave up a connection that still waits for the peer's FIN.
  var orphanedAt: Instant?

  init(openedAt: Instant) {
    self.openedAt = openedAt
    progressAt = openedAt
    heardAt = openedAt
  }

  /// The sender's silly-window rule has held text back for long enough.
  func isOverridingSilliness(at now: Instant) -> Bool {
    if case .sillyWindowOverride(let deadline) = exclusive { return deadline <= now }
    return false
  }

  mutating func stopAll() {
    exclusive = .none
    orphanedAt = nil
  }
}

/// When each running timer ends; for whoever watches.
public struct ArmedTimers: Sendable, Equatable {
  /// Indexed by `TimerKind.rawValue`; nil where the timer does not run.
  private var deadlines: InlineArray<10, Instant> = .init(repeating: .distantFuture)

  public init() {}

  public subscript(kind: TimerKind) -> Instant? {
    get {
      let deadline = deadlines[Int(kind.rawValue)]
      return deadline == .distantFuture ? nil : deadline
    }
    set { deadlines[Int(kind.rawValue)] = newValue ?? .distantFuture }
  }

  public static func == (a: ArmedTimers, b: ArmedTimers) -> Bool {
    for kind in TimerKind.allCases where a[kind] != b[kind] { return false }
    return true
  }
}
