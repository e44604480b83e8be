// Explicit congestion notification (RFC 3168 §6.1): what a connection remembers of marks, in both directions. How far
// the window shrinks is the congestion control's affair.

import SockeyeBytes
import SockeyeWire

struct CongestionMarks: Sendable, Equatable {
  /// A marked segment came, and the peer has not said yet that it sends less: every ACK has ECE (§6.1.3).
  var echoing = false
  /// The window shrank: the next segment with new text says so with CWR (§6.1.2).
  var reductionUntold = false
  /// SND.NXT when the window shrank last; ECE below it tells nothing new, for it is about the same window.
  var reducedBefore: SequenceNumber?
  /// A mark came when the window could not shrink any more: text waits for an RTO (§6.1.2).
  var holdsText = false
}

extension Connection {
  /// Both SYNs agree (RFC 3168 §6.1.1): ours asked, and the answer has ECE without CWR.
  func agreesOnMarks(_ header: TCPHeader) -> Bool {
    configuration.explicitCongestionNotification == .requested && timers.retransmissions == 0
      && header.flags.intersection([.ece, .cwr]) == .ece
  }

  /// Whether our SYN asks for marks: the first does, for the second may be sent because something on the way drops what
  /// it does not know (RFC 3168 §6.1.1.1).
  var synchronizeAsksForMarks: Bool {
    configuration.explicitCongestionNotification == .requested && send.next == send.initial
  }

  /// Text that is taken came in a packet with these marks (RFC 3168 §6.1.3). CWR ends what was before it, CE begins
  /// anew.
  @inline(__always)
  mutating func markedTextArrived(_ header: TCPHeader, isMarked: Bool) {
    guard agreed.congestionNotification else { return }
    if header.flags.contains(.cwr) { marks.echoing = false }
    if isMarked {
      marks.echoing = true
      statistics.marksReceived += 1
    }
  }

  /// An ACK with ECE (RFC 3168 §6.1.2): as one lost segment, and no more than once for what was outstanding then.
  /// - Returns: whether the ACK keeps the window from growing.
  mutating func echoArrived(_ header: TCPHeader, flight: Int, at now: Instant) -> Bool {
    guard agreed.congestionNotification, header.flags.contains(.ece) else { return false }
    if let before = marks.reducedBefore, header.acknowledgment <= before { return true }
    if congestion.congestionWindow <= payloadLimit { holdText(at: now) }
    // At the end of a recovery much of what was outstanding had arrived long before.
    congestion.congestionExperienced(flight: min(flight, congestion.congestionWindow), at: now)
    statistics.marksEchoed += 1
    windowShrank()
    return true
  }

  /// RFC 3168 §6.1.2: a window of one segment can't shrink; what leaves next waits as long as the retransmission timer,
  /// which the ACK starts over.
  private mutating func holdText(at now: Instant) {
    marks.holdsText = true
    pacer.hold(until: now + roundTrip.timeout)
  }

  /// The peer is to know that we send less.
  mutating func windowShrank() {
    guard agreed.congestionNotification else { return }
    marks.reductionUntold = true
    marks.reducedBefore = send.next
  }
}
