// What is always true of a connection: checked in debug builds after every call, and by simulations in every build. A failure
// here is a bug of the engine; no packet can cause it.

import SockeyeWire

extension Connection {
  @inline(__always)
  func checkInvariants() {
    #if DEBUG
      if let violation = violation() { assertionFailure(violation.description) }
    #endif
  }

  /// What should always hold and does not; nil if everything does.
  package borrowing func violation() -> StaticString? {
    guard opening != .closed else { return nil }
    if !(send.unacknowledged <= send.next) { return "SND.UNA is not past SND.NXT" }
    if send.unsent < 0 { return "what was sent was written" }
    if receive.window < 0 { return "RCV.NXT stays inside the advertised window" }
    if receive.buffer.count + receive.window > receive.buffer.capacity {
      return "the window promised has room"
    }
    if send.flight > 0 && opening == .synchronized && send.next != send.initial {
      switch timers.exclusive {
      case .retransmission, .reordering, .tailLossProbe, .zeroWindowProbe: break
      case .none, .sillyWindowOverride: return "outstanding data has a timer"
      }
    }
    let isWaiting = send.unsent > 0 || send.phase == .finishQueued
    if send.flight == 0 && !isWaiting && timers.exclusive != .none { return "a timer runs for something" }
    if case .finishSent(let at) = send.phase, at + 1 != send.next { return "nothing follows our FIN" }
    if let resend = send.resendNext, !(resend >= send.unacknowledged && resend < send.next) {
      return "what is sent again is outstanding"
    }
    if congestion.congestionWindow <= 0 { return "there is always room for a segment" }
    return violationOfReassembly() ?? violationOfLog()
  }

  private borrowing func violationOfReassembly() -> StaticString? {
    if receive.reassembly.pieces.count > Constants.reassemblyRanges {
      return "the number of pieces is bounded"
    }
    var edge = receive.next
    // Until our SYN is acknowledged, text that came with the peer's is held where it belongs.
    for piece in receive.reassembly.pieces where send.unacknowledged != send.initial {
      if !(edge < piece.start && piece.start < piece.end) {
        return "pieces are apart, in order and not empty"
      }
      edge = piece.end
    }
    return nil
  }

  private borrowing func violationOfLog() -> StaticString? {
    guard agreed.selectiveAcknowledgments && opening == .synchronized else { return nil }
    if let violation = scoreboard.log.violation() { return violation }
    if send.unacknowledged == send.initial { return nil }
    if scoreboard.log.isEmpty { return send.flight == 0 ? nil : "what is outstanding is in the log" }
    if scoreboard.log.start != send.unacknowledged { return "the log begins at SND.UNA" }
    if scoreboard.log[scoreboard.log.count - 1].end != send.next { return "the log ends at SND.NXT" }
    return nil
  }
}
