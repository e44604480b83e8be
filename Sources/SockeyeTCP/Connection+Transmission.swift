// What to send and when to wake: `plan(at:)`, which changes nothing and is the only source of both.
// Carrying a plan out is Connection+Emission's.

import SockeyeBytes
import SockeyeWire

extension Connection {
  /// What this connection would do now. Pure: asking twice answers the same.
  public borrowing func plan(at now: Instant) -> TransmissionPlan {
    if let reason = abandonReason(at: now) { return .abandon(reason) }
    if let plan = nextSegment(at: now) { return .segment(plan) }
    if let deadline = nextDeadline(after: now) { return .wait(until: deadline) }
    return .idle
  }

  /// The middle part of `plan`, for a host that asks thousands of times a millisecond and takes the three parts one by
  /// one: to take a segment out of the enumeration is to copy it.
  package borrowing func nextSegment(at now: Instant) -> SegmentPlan? {
    switch opening {
    case .closed:
      guard let reason = resetDue else { return nil }
      return resetPlan(reason, at: now)
    case .synchronizeSent, .synchronizeReceived:
      return planOpening(at: now)
    case .synchronized:
      return planSynchronized(at: now)
    }
  }

  // MARK: SYN-SENT and SYN-RECEIVED

  private borrowing func planOpening(at now: Instant) -> SegmentPlan? {
    if send.next == send.initial { return synchronizePlan(purpose: synchronizePurpose, at: now) }
    if case .retransmission(let deadline) = timers.exclusive, deadline <= now {
      return synchronizePlan(purpose: timeoutPurpose, at: now)
    }
    if answersEarly, let length = earlyLength(at: now) {
      return dataPlan(from: send.next, length: length, purpose: .data, at: now)
    }
    if case .now(let reason) = acknowledgments.duty {
      // The ACK that a simultaneous open owes is a SYN,ACK (RFC 9293 §3.5, figure 8).
      if reason == .handshake { return synchronizePlan(purpose: .synchronizeAcknowledge, at: now) }
      return bareAcknowledgment(purpose: .acknowledgment(reason), at: now)
    }
    return nil
  }

  private var synchronizePurpose: SegmentPurpose {
    opening == .synchronizeSent ? .synchronize : .synchronizeAcknowledge
  }

  private var synchronizeFlags: TCPFlags {
    if opening == .synchronizeSent { return synchronizeAsksForMarks ? [.syn, .ece, .cwr] : .syn }
    // RFC 3168 §6.1.1: what the peer's SYN has asked for is agreed to. A SYN that crosses ours asks for nothing.
    return agreed.congestionNotification ? [.syn, .ack, .ece] : [.syn, .ack]
  }

  /// `<SEQ=ISS><CTL=SYN>`, or `<SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>` once the peer's SYN is here.
  private borrowing func synchronizePlan(purpose: SegmentPurpose, at now: Instant) -> SegmentPlan {
    let withAcknowledgment = opening != .synchronizeSent
    // RFC 7323 §2.2: the window of a SYN is not scaled.
    var plan = SegmentPlan(
      sequence: send.initial,
      acknowledgment: withAcknowledgment ? receive.next : SequenceNumber(0),
      flags: synchronizeFlags,
      // Text that came with the SYN and is acknowledged here has used some of what was offered first.
      window: UInt16(min(65_535, receive.window)),
      options: .synchronize(
        segmentSize: announcedSegmentSize, windowShift: agreed.windowScaling ? receive.windowShift : nil,
        agreed: agreed,
        timestamps: TimestampOption(
          value: timestampClock(at: now), echo: withAcknowledgment ? timestampRecent : 0)),
      purpose: purpose)
    if fastOpen != nil { addFastOpen(to: &plan) }
    return plan
  }

  // MARK: Synchronized states

  @inline(__always)
  private borrowing func planSynchronized(at now: Instant) -> SegmentPlan? {
    if hasRetransmission(at: now), let plan = planRetransmission(at: now) { return plan }
    if let length = newLength(at: now) {
      return dataPlan(from: send.next, length: length, purpose: newPurpose(length), at: now)
    }
    if let purpose = acknowledgmentPurpose(at: now) { return bareAcknowledgment(purpose: purpose, at: now) }
    return planKeepAlive(at: now)
  }

  /// Whether anything may have to leave a second time.
  @inline(__always)
  borrowing func hasRetransmission(at now: Instant) -> Bool {
    if let deadline = timers.exclusive.deadline, deadline <= now { return true }
    return send.resendNext != nil || recovery.retransmitNow != nil || scoreboard.log.lostOctets > 0
  }

  /// What is to leave a second time, or to probe a closed window.
  private borrowing func planRetransmission(at now: Instant) -> SegmentPlan? {
    switch timers.exclusive {
    case .retransmission(let deadline):
      if deadline <= now {
        // A window shrunk to nothing is probed like any other (RFC 9293 §3.8.6 MUST-35).
        return send.window == 0 && opening == .synchronized && send.unacknowledged != send.initial
          ? probePlan(at: now) : oldestPlan(purpose: timeoutPurpose, at: now)
      }
    case .zeroWindowProbe(let deadline):
      if deadline <= now { return probePlan(at: now) }
    case .tailLossProbe(let deadline, _):
      if deadline <= now && send.window > 0 { return tailLossProbePlan(at: now) }
    case .none, .sillyWindowOverride, .reordering:
      break
    }
    if recovery.holdsCopies { return nil }
    if let plan = planRepair(at: now) { return plan }
    if let cause = recovery.retransmitNow {
      return oldestPlan(
        purpose: .retransmission(count: 1, timeout: roundTrip.timeout, cause: cause), at: now)
    }
    guard let resend = send.resendNext else { return nil }
    let length = resendLength(from: resend, at: now)
    guard
      (resend - send.unacknowledged) + length <= congestionWindow(at: now) || resend == send.unacknowledged
    else { return nil }
    // RFC 9293 §3.8.6 SHLD-16: within the window, even where it has shrunk.
    guard (resend + length) - (send.unacknowledged + send.window) <= 0 else { return nil }
    return dataPlan(
      from: resend, length: length,
      purpose: .retransmission(count: 1, timeout: roundTrip.timeout, cause: send.resendCause), at: now)
  }

  /// The first segment that RACK found lost, as far as the windows allow.
  borrowing func planRepair(at now: Instant) -> SegmentPlan? {
    guard !recovery.holdsCopies, paceAllows(at: now),
      let lost = scoreboard.log.firstLost(limit: payloadRoom(at: now))
    else {
      return nil
    }
    let from = scoreboard.log.start + lost.lowerBound
    // What is being sent again in order leaves with that.
    if let resend = send.resendNext, from >= resend { return nil }
    let inflight = inflight
    guard inflight + lost.count <= sendingWindow(at: now) || inflight == 0 else { return nil }
    // RFC 9293 §3.8.6 SHLD-16: within the window, even where it has shrunk.
    guard (from + lost.count) - (send.unacknowledged + send.window) <= 0 else { return nil }
    let cause: RetransmissionCause
    if case .timeout = recovery.phase { cause = .afterTimeout } else { cause = .overdue }
    return dataPlan(
      from: from, length: send.withinRecord(min(lost.count, max(0, send.queuedEnd - from)), from: from),
      purpose: .retransmission(count: 1, timeout: roundTrip.timeout, cause: cause), at: now)
  }

  /// New data if there is any that the peer has room for, otherwise the end of what is outstanding (RFC 8985 §7.3).
  private borrowing func tailLossProbePlan(at now: Instant) -> SegmentPlan {
    let room = payloadRoom(at: now)
    let new = send.withinRecord(min(send.unsent, min(send.usableWindow, room)), from: send.next)
    if new > 0 && (new == room || new == send.unsent || send.isRecordEnd(send.next + new)) {
      return dataPlan(from: send.next, length: new, purpose: .tailLossProbe, at: now)
    }
    let text = SequenceNumber.earlier(send.next, send.queuedEnd)
    // The segment with the highest number, which may be a FIN alone.
    let last =
      scoreboard.log.isEmpty ? send.unacknowledged : scoreboard.log.start(of: scoreboard.log.count - 1)
    let length = max(0, min(room, text - last))
    return dataPlan(
      from: text - length, length: length,
      purpose: .retransmission(count: 1, timeout: roundTrip.timeout, cause: .tailLossProbe), at: now)
  }

  /// How much of the text from here on leaves in one copy.
  private borrowing func resendLength(from resend: SequenceNumber, at now: Instant) -> Int {
    let room = send.withinRecord(payloadRoom(at: now), from: resend)
    let sent = max(0, SequenceNumber.earlier(send.queuedEnd, send.next) - resend)
    guard send.resendCause == .windowOpened, sent < room else { return min(room, sent) }
    // The octet of a probe leaves with the text behind it and not alone: a crumb would keep Nagle's rule waiting
    // for its ACK (RFC 9293 §3.8.6.2.1).
    let unsent = send.queuedEnd - resend
    let length = min(room, min(unsent, send.window - (resend - send.unacknowledged)))
    let isWorthIt = length == room || length == unsent || length * 2 >= send.maximumWindow
    return isWorthIt ? max(length, sent) : sent
  }

  private var timeoutPurpose: SegmentPurpose {
    .retransmission(count: Int(timers.retransmissions) + 1, timeout: roundTrip.timeout, cause: .timeout)
  }

  /// The segment at SND.UNA again.
  private borrowing func oldestPlan(purpose: SegmentPurpose, at now: Instant) -> SegmentPlan {
    if send.unacknowledged == send.initial { return synchronizePlan(purpose: purpose, at: now) }
    var length = send.withinRecord(
      min(payloadRoom(at: now), min(send.buffer.count, send.next - send.unacknowledged)),
      from: send.unacknowledged)
    // RFC 7323 §2.4: the first copy may reach behind an edge that was drawn back, as long as there is a window at all;
    // the next ones may not.
    if timers.retransmissions > 0, send.window > 0 { length = min(length, send.window) }
    return dataPlan(from: send.unacknowledged, length: length, purpose: purpose, at: now)
  }

  /// One octet, new if there is one that was not sent, to learn whether a closed window has opened
  /// (RFC 9293 §3.8.6.1 MUST-36).
  private borrowing func probePlan(at now: Instant) -> SegmentPlan {
    if !configuration.windowProbesCarryText, send.flight == 0 {
      var plan = bareAcknowledgment(
        purpose: .zeroWindowProbe(count: Int(timers.windowProbes) + 1), at: now)
      plan.sequence = send.unacknowledged - 1
      return plan
    }
    let length = max(0, min(1, send.queuedEnd - send.unacknowledged))
    var plan = dataPlan(
      from: send.unacknowledged, length: length,
      purpose: .zeroWindowProbe(count: Int(timers.windowProbes) + 1), at: now)
    // One octet beyond the window: a FIN behind the text would be a second one.
    if length > 0 { plan.flags.remove(.fin) }
    return plan
  }

  private func newPurpose(_ length: Int) -> SegmentPurpose {
    if length == 0 { return .finish }
    // RFC 4821 §7: only a probe is larger than the path is known to take.
    if length > payloadLimit {
      return .pathProbe(packetLength: packetOverhead + length)
    }
    return .data
  }

  /// How much new data is to leave, octets; zero is the FIN alone.
  @inline(__always)
  borrowing func newLength(at now: Instant) -> Int? {
    let unsent = send.unsent
    let finishing = send.phase == .finishQueued
    guard unsent > 0 || finishing, send.resendNext == nil || recovery.holdsCopies, paceAllows(at: now) else {
      return nil
    }
    let usable = send.usableWindow
    let inflight = inflight
    let congestionRoom = sendingWindow(at: now) - inflight
    let room = payloadRoom(at: now)
    if unsent == 0 {
      // A FIN takes one place in the sequence space, and next to none in the network: the congestion window does not
      // hold the end of a stream back.
      return usable >= 1 ? 0 : nil
    }
    if isSearchingPath, send.recordEnds.isEmpty {
      switch probeDecision(room: congestionRoom + inflight, inflight: inflight, at: now) {
      case .no: break
      case .hold: return nil
      case .send(let length): return length
      }
    }
    let length = send.withinRecord(min(unsent, min(usable, room)), from: send.next)
    guard length > 0, length <= congestionRoom || inflight == 0 else { return nil }
    // A record that others stand behind gets no longer.
    if length < unsent, send.isRecordEnd(send.next + length) { return length }
    return mayLeave(length: length, unsent: unsent, room: room, finishing: finishing, at: now) ? length : nil
  }

  /// How much may leave before the handshake is over, if anything (7413-6). The SYN,ACK is outstanding: it takes a place in
  /// the sequence space, and none of the initial window or of the peer's, who offered his for what follows it.
  private borrowing func earlyLength(at now: Instant) -> Int? {
    let unsent = send.unsent
    let room = payloadRoom(at: now)
    let length = min(unsent, min(send.usableWindow + 1, room))
    guard length > 0, length < sendingWindow(at: now) - send.flight + 2, paceAllows(at: now) else {
      return nil
    }
    let finishing = send.phase == .finishQueued
    return mayLeave(length: length, unsent: unsent, room: room, finishing: finishing, at: now) ? length : nil
  }

  /// The sender's silly-window rule and Nagle's (RFC 9293 §3.8.6.2.1 MUST-38, §3.7.4 SHLD-7).
  @inline(__always)
  private borrowing func mayLeave(
    length: Int, unsent: Int, room: Int, finishing: Bool, at now: Instant
  ) -> Bool {
    if length >= room { return true }
    if isCorked && !finishing { return timers.isOverridingSilliness(at: now) }
    // What looks into a timeout may be small (RFC 5682 §2.1 (2b)).
    // A SYN that is outstanding is no text.
    let nagleAllows =
      configuration.noDelay || send.flight == 0 || recovery.holdsCopies
      || send.flight == 1 && send.unacknowledged == send.initial
      || configuration.nagleIgnoresFullSegments && smallEnd.map { $0 <= send.unacknowledged } ?? true
    // All of it fits. Everything written counts as pushed (MUST-60). Behind a FIN nothing more can come.
    if length == unsent && (nagleAllows || finishing) { return true }
    if nagleAllows && length * 2 >= send.maximumWindow { return true }
    return timers.isOverridingSilliness(at: now)
  }

  /// What an ACK that is to leave without data is for.
  @inline(__always)
  private borrowing func acknowledgmentPurpose(at now: Instant) -> SegmentPurpose? {
    switch acknowledgments.duty {
    case .now(let reason): return .acknowledgment(reason)
    case .delayed(let until) where until <= now: return .acknowledgment(.delayed)
    case .none, .delayed: return receive.windowUpdateDue ? .windowUpdate : nil
    }
  }

  @inline(__always)
  private borrowing func planKeepAlive(at now: Instant) -> SegmentPlan? {
    guard let deadline = keepAliveDeadline, deadline <= now else { return nil }
    // RFC 9293 §3.8.4 SHLD-12: one below SND.NXT, without data.
    var plan = bareAcknowledgment(purpose: .keepAlive(count: Int(timers.keepAliveProbes) + 1), at: now)
    plan.sequence = send.next - 1
    return plan
  }

  // MARK: Making segments

  /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`.
  private borrowing func bareAcknowledgment(purpose: SegmentPurpose, at now: Instant) -> SegmentPlan {
    var plan = SegmentPlan(
      sequence: acceptableSequence, acknowledgment: receive.next, flags: .ack, window: receive.wireWindow,
      options: options(at: now), purpose: purpose)
    markUrgent(&plan)
    if marks.echoing { plan.flags.insert(.ece) }
    return plan
  }

  private borrowing func dataPlan(
    from sequence: SequenceNumber, length: Int, purpose: SegmentPurpose, at now: Instant
  ) -> SegmentPlan {
    var plan = SegmentPlan(
      sequence: sequence, acknowledgment: receive.next, flags: .ack, window: receive.wireWindow,
      options: options(at: now), payloadOffset: sequence - send.bufferStart, payloadLength: length,
      purpose: purpose)
    let end = sequence + length
    if end == send.queuedEnd {
      // RFC 9293 §3.9.1.2 MUST-61: the segment that empties the queue is pushed.
      if length > 0 { plan.flags.insert(.psh) }
      switch send.phase {
      case .finishQueued, .finishSent: plan.flags.insert(.fin)
      case .open, .finishAcknowledged: break
      }
    } else if length > 0, send.isRecordEnd(end) {
      plan.flags.insert(.psh)
    }
    markUrgent(&plan)
    if marks.echoing { plan.flags.insert(.ece) }
    if agreed.congestionNotification, sequence == send.next, length > 0, !isZeroWindowProbe(purpose) {
      // RFC 3168 §6.1.5: new text only, neither copies nor probes.
      plan.isMarkable = true
      if marks.reductionUntold { plan.flags.insert(.cwr) }
    }
    return plan
  }

  private func isZeroWindowProbe(_ purpose: SegmentPurpose) -> Bool {
    if case .zeroWindowProbe = purpose { return true }
    return false
  }

  /// RFC 9293 §3.8.5 MUST-30, MUST-62: the pointer names the octet after the urgent data, and a pointer that is too
  /// far off for its field says as much as it can.
  @inline(__always)
  private borrowing func markUrgent(_ plan: inout SegmentPlan) {
    guard let end = send.urgentEnd, end > plan.sequence else { return }
    plan.flags.insert(.urg)
    plan.urgentPointer = UInt16(min(end - plan.sequence, 65_535))
  }

  private borrowing func resetPlan(_ reason: ResetReason, at now: Instant) -> SegmentPlan {
    // RFC 7323 §3.2: a RST has timestamps too. The end of the connection took away what there is to acknowledge.
    var options = TCPOptions()
    if agreed.timestamps {
      options.timestamps = TimestampOption(value: timestampClock(at: now), echo: timestampRecent)
    }
    return SegmentPlan(
      sequence: acceptableSequence, acknowledgment: receive.next, flags: [.rst, .ack], window: 0,
      options: options, purpose: .reset(reason))
  }

  /// The number of a segment without text: SND.NXT, but never behind the peer's window. A peer whose window is closed
  /// accepts only its RCV.NXT, which our probe has not moved; else two sides that probe each other would refuse each
  /// other's ACKs for ever (RFC 9293 §3.10.7.4, first step, and appendix A.2).
  var acceptableSequence: SequenceNumber {
    SequenceNumber.earlier(send.next, send.bufferStart + send.window)
  }

  /// Options of a segment without SYN.
  @inline(__always)
  private borrowing func options(at now: Instant) -> TCPOptions {
    var options = TCPOptions()
    if agreed.timestamps {
      options.timestamps = TimestampOption(value: timestampClock(at: now), echo: timestampRecent)
    }
    if agreed.selectiveAcknowledgments, receive.hasBlocks {
      options.sackBlocks = receive.blocks(limit: blockLimit)
    }
    return options
  }

  /// RFC 2018 §3: four blocks fit, three beside timestamps, fewer beside what the host adds.
  private var blockLimit: Int {
    (TCPOptions.maximumLength - 4 - addedOptions - (agreed.timestamps ? 12 : 0)) / 8
  }

  /// The largest payload of a segment that leaves now: what SACK blocks take is taken from it
  /// (RFC 9293 §3.7.1 MUST-16).
  @inline(__always)
  private borrowing func payloadRoom(at now: Instant) -> Int {
    guard agreed.selectiveAcknowledgments, receive.hasBlocks else { return payloadLimit }
    return max(1, segmentLimit - Constants.headerLength - options(at: now).encodedLength)
  }

  /// cwnd, or the restart window after a silence of more than an RTO (RFC 5681 §4.1).
  @inline(__always)
  borrowing func congestionWindow(at now: Instant) -> Int {
    if isRestart(at: now) { return congestion.restartWindow }
    return congestion.congestionWindow
  }

  @inline(__always)
  borrowing func isRestart(at now: Instant) -> Bool {
    send.flight == 0 && lastDataSentAt != .zero && now - lastDataSentAt > roundTrip.timeout
      && configuration.restartsAfterIdle
  }
}
