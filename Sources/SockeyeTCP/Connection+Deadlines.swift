// When a connection wants to be asked again, and when it is to be given up. All of it is computed from the
// timers; nothing is kept twice.

import SockeyeBytes

extension Connection {
  /// R2, the user timeout (RFC 9293 §3.8.3 MUST-20, MUST-21). Runs only while the peer owes an answer.
  @inline(__always)
  var abandonDeadline: Instant? {
    switch opening {
    case .closed: return nil
    case .synchronizeSent, .synchronizeReceived:
      // Counted from the opening, three minutes or more (MUST-23).
      return configuration.connectTimeout.map { timers.openedAt + $0 }
    case .synchronized:
      guard owesAnswer else { return nil }
      return configuration.userTimeout.map { timers.progressAt + $0 }
    }
  }

  @inline(__always)
  private var owesAnswer: Bool {
    switch timers.exclusive {
    case .retransmission, .reordering, .tailLossProbe, .zeroWindowProbe: true
    case .none, .sillyWindowOverride: false
    }
  }

  /// RFC 9293 §3.8.4: only while nothing is outstanding or waiting, and the peer has not finished.
  @inline(__always)
  var keepAliveDeadline: Instant? {
    guard let keepAlive = configuration.keepAlive, opening == .synchronized, timers.exclusive == .none,
      state != .timeWait
    else { return nil }
    if timers.keepAliveProbes == 0 { return timers.heardAt + keepAlive.idle }
    return timers.keepAliveSentAt + keepAlive.interval
  }

  var orphanDeadline: Instant? {
    timers.orphanedAt.map { $0 + configuration.orphanTimeout }
  }

  /// Why the connection is to be given up now. The first part of `plan`.
  @inline(__always)
  package borrowing func abandonReason(at now: Instant) -> CloseReason? {
    if let deadline = abandonDeadline, deadline <= now { return .timedOut }
    if let deadline = orphanDeadline, deadline <= now { return .orphaned }
    if let keepAlive = configuration.keepAlive, Int(timers.keepAliveProbes) >= keepAlive.probes,
      let deadline = keepAliveDeadline, deadline <= now
    {
      return .keepAliveTimedOut
    }
    return nil
  }

  /// When the exclusive timer wants something done. What the silly-window rule has held back for long enough still waits for
  /// the pace.
  @inline(__always)
  private var exclusiveDeadline: Instant? {
    if case .sillyWindowOverride(let at) = timers.exclusive, isPaced { return max(at, pacer.next) }
    return timers.exclusive.deadline
  }

  /// The earliest of all deadlines, for a connection that has nothing to send at `now`. The last part of `plan`.
  package func nextDeadline(after now: Instant) -> Instant? {
    if opening == .closed { return nil }
    var earliest = Instant.distantFuture
    if let deadline = exclusiveDeadline { earliest = min(earliest, deadline) }
    if case .delayed(let until) = acknowledgments.duty { earliest = min(earliest, until) }
    if let deadline = abandonDeadline { earliest = min(earliest, deadline) }
    if let deadline = keepAliveDeadline { earliest = min(earliest, deadline) }
    if let deadline = orphanDeadline { earliest = min(earliest, deadline) }
    if let deadline = paceDeadline(after: now) { earliest = min(earliest, deadline) }
    return earliest == .distantFuture ? nil : earliest
  }

  /// Each running timer with its end, for whoever watches.
  public var armedTimers: ArmedTimers {
    var armed = ArmedTimers()
    switch timers.exclusive {
    case .none: break
    case .retransmission(let at): armed[.retransmission] = at
    case .reordering(let at, let retransmission):
      armed[.reordering] = at
      armed[.retransmission] = retransmission
    case .tailLossProbe(let at, let retransmission):
      armed[.tailLossProbe] = at
      armed[.retransmission] = retransmission
    case .zeroWindowProbe(let at): armed[.zeroWindowProbe] = at
    case .sillyWindowOverride(let at): armed[.sillyWindowOverride] = at
    }
    armed[.keepAlive] = keepAliveDeadline
    if case .delayed(let until) = acknowledgments.duty { armed[.delayedAcknowledgment] = until }
    armed[.userTimeout] = abandonDeadline
    armed[.orphan] = orphanDeadline
    return armed
  }
}
