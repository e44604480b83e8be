// SEGMENT ARRIVES in SYN-SENT and later (RFC 9293 §3.10.7.3 and .4), one function a step, in the RFC's order.
// The fifth step, the ACK field, is in Connection+Acknowledgment. Nothing is sent from here: duties are recorded
// and `plan` finds them.

import SockeyeBytes
import SockeyeWire

/// What is left of an arriving segment while the steps trim it.
struct ArrivingSegment {
  var sequence: SequenceNumber
  /// Which part of the payload is still of interest.
  var text: Range<Int>
  var finish: Bool

  /// One past the last sequence number, FIN included.
  var end: SequenceNumber { sequence + (text.count + (finish ? 1 : 0)) }
}

extension Connection {
  /// Takes one segment that is for this connection, its checksum verified.
  ///
  /// - Parameters:
  ///   - header: The segment's header.
  ///   - payload: Its text; copied if it is wanted.
  ///   - isMarked: Its packet came with the mark of congestion (RFC 3168, CE).
  ///   - now: When it arrived.
  public mutating func segmentArrived(
    _ header: TCPHeader, payload: RawSpan, isMarked: Bool = false, at now: Instant
  ) -> ArrivalOutcome {
    statistics.segmentsReceived += 1
    if !isMarked, isExpectedText(header, payload) {
      expectedTextArrived(header, payload, at: now)
      checkInvariants()
      return .accepted
    }
    let outcome: ArrivalOutcome
    switch opening {
    case .closed:
      outcome = ArrivalOutcome(dropped: .noConnection, reset: .noConnection)
    case .synchronizeSent:
      outcome = arrivedInSynchronizeSent(header, payload: payload, at: now)
    case .synchronizeReceived, .synchronized:
      outcome = arrivedLater(header, payload: payload, isMarked: isMarked, at: now)
    }
    if outcome.dropped != nil { statistics.segmentsDropped += 1 }
    checkInvariants()
    return outcome
  }

  // MARK: SYN-SENT (RFC 9293 §3.10.7.3)

  private mutating func arrivedInSynchronizeSent(
    _ header: TCPHeader, payload: RawSpan, at now: Instant
  ) -> ArrivalOutcome {
    let flags = header.flags
    // First the ACK bit: anything but our SYN, and what went with it, was never sent.
    if flags.contains(.ack) {
      let acknowledgment = header.acknowledgment
      if acknowledgment <= send.initial || acknowledgment > send.next {
        return ArrivalOutcome(dropped: .unacceptableAcknowledgment, reset: .unacceptableAcknowledgment)
      }
    }
    // Second the RST bit: valid only with an ACK of our SYN (RFC 9293 §3.5.3).
    if flags.contains(.rst) {
      guard flags.contains(.ack) else { return ArrivalOutcome(dropped: .resetUnacceptable) }
      close(.refused)
      return .accepted
    }
    // Fourth the SYN bit; fifth, neither SYN nor RST.
    guard flags.contains(.syn) else { return ArrivalOutcome(dropped: .notForState) }
    receive = ReceiveHalf(
      initial: header.sequence, capacity: receive.capacity, maximum: receive.tuning.maximum,
      windowShift: receive.windowShift, advertised: receive.window, segmentSize: announcedSegmentSize)
    acknowledgments = AcknowledgmentPolicy(
      lastSent: receive.next, quick: UInt8(clamping: configuration.quickAcknowledgments))
    adoptPeerOptions(header.options, at: now)
    if flags.contains(.ack) { agreed.congestionNotification = agreesOnMarks(header) }
    if !agreed.windowScaling { receive.stopScaling() }
    timers.heardAt = now
    // RFC 7323 §2.2: the window of a SYN is not scaled.
    // A SYN alone acknowledges nothing, which is as far back as SND.WL2 can stand.
    let acknowledgment = flags.contains(.ack) ? header.acknowledgment : send.initial
    send.setWindow(Int(header.window), sequence: header.sequence, acknowledgment: acknowledgment)
    var segment = ArrivingSegment(
      sequence: header.sequence + 1, text: 0..<payload.byteCount, finish: flags.contains(.fin))
    trimToWindow(&segment)
    guard flags.contains(.ack) else {
      simultaneousOpen(segment, payload: payload, at: now)
      return .accepted
    }
    if fastOpen != nil { fastOpenAnswered(header) }
    acknowledgeNewData(header, at: now)
    becomeEstablished(at: now)
    acknowledgments.acknowledgeNow(.handshake)
    urgentArrived(header, at: segment.sequence)
    return textArrived(segment, payload: payload, at: now)
  }

  /// A SYN for our SYN (RFC 9293 §3.5 MUST-10): both SYNs stand, and so does whatever came with the peer's,
  /// to be processed in ESTABLISHED.
  private mutating func simultaneousOpen(_ segment: ArrivingSegment, payload: RawSpan, at now: Instant) {
    transition { $0.opening = .synchronizeReceived }
    acknowledgments.acknowledgeNow(.handshake)
    holdUntilEstablished(segment, payload: payload)
  }

  /// Keeps text and FIN that came before the handshake was complete, undelivered.
  mutating func holdUntilEstablished(_ segment: ArrivingSegment, payload: RawSpan) {
    if !segment.text.isEmpty { receive.hold(payload.extracting(segment.text), at: segment.sequence) }
    if segment.finish { receive.notePendingFinish(at: segment.sequence + segment.text.count) }
  }

  /// The handshake is complete.
  mutating func becomeEstablished(at now: Instant) {
    if send.phase == .finishAcknowledged {
      // Text and FIN have left before the end of the handshake (RFC 7413), and this one ACK is for all of it.
      transitions.append(from: state, to: .finWait1)
      opening = .synchronized
      transitions.append(from: .finWait1, to: state)
      if receive.readingClosed { timers.orphanedAt = now }
    } else {
      transition { $0.opening = .synchronized }
    }
    if timers.retransmissions > 0 {
      // RFC 6298 §5.7 and RFC 5681 §3.1: a lost SYN makes for a slow RTO and a first window of one segment.
      roundTrip.beginDataAfterLostSynchronize()
      congestion = CongestionControl(
        configuration.congestionControl, segmentSize: payloadLimit, synchronizeLost: true,
        growthLimit: configuration.slowStartLimit,
        reducesFromWindow: configuration.reducesFromWindow)
      timers.retransmissions = 0
    }
    // What was written before may have to wait for a closed window, or behind a cork.
    if send.flight == 0 { armIdleTimer(at: now) }
    notices.insert(.connected)
    if send.buffer.free > 0 { notices.insert(.writable) }
  }

  // MARK: All other states (RFC 9293 §3.10.7.4)

  @inline(__always)
  private mutating func arrivedLater(
    _ header: TCPHeader, payload: RawSpan, isMarked: Bool, at now: Instant
  ) -> ArrivalOutcome {
    var segment = ArrivingSegment(
      sequence: header.sequence, text: 0..<payload.byteCount, finish: header.flags.contains(.fin))
    if let reason = timestampsRefuse(header, length: payload.byteCount, at: now) {
      return ArrivalOutcome(dropped: reason)
    }
    let repeatedHandshake = trimRepeatedSynchronize(header, &segment)
    if !repeatedHandshake {
      if let outcome = sequenceRefuses(header, &segment, at: now) { return outcome }
      if header.flags.contains(.rst) { return resetArrived(header, at: now) }
      if header.flags.contains(.syn) { return synchronizeArrived(at: now) }
    }
    guard header.flags.contains(.ack) else { return ArrivalOutcome(dropped: .missingAcknowledgment) }
    heard(at: now)
    let expected = receive.next
    if let outcome = acknowledgmentArrived(header, segment, at: now) { return outcome }
    // The end of the handshake delivers what came with the SYN, which this segment may repeat.
    if receive.next != expected { trimToWindow(&segment) }
    if !segment.text.isEmpty { markedTextArrived(header, isMarked: isMarked) }
    urgentArrived(header, at: segment.sequence)
    return textArrived(segment, payload: payload, at: now)
  }

  /// Before the first step: PAWS (RFC 7323 §5.3), which a RST is not subject to.
  @inline(__always)
  private mutating func timestampsRefuse(
    _ header: TCPHeader, length: Int, at now: Instant
  ) -> DropReason? {
    guard agreed.timestamps, !header.flags.contains(.rst) else { return nil }
    guard let timestamps = header.options.timestamps else {
      // A SYN that repeats the handshake is answered by the checks that follow.
      return header.flags.contains(.syn) || !configuration.requiresTimestamps ? nil : .missingTimestamp
    }
    guard Int32(bitPattern: timestamps.value &- timestampRecent) < 0 else { return nil }
    // RFC 7323 §5.5: after so long TS.Recent proves nothing.
    if now - timestampRecentAt > Constants.timestampValidity { return nil }
    if fillsGapInTime(header, timestamps, length: length) { return nil }
    if challenges.allowChallenge(at: now) { acknowledgments.acknowledgeNow(.unacceptable) }
    return .oldTimestamp
  }

  /// Text below what is held out of order, which was overtaken on the way: what lies behind it has passed the test above,
  /// and a clock that is half a second older cannot be of another cycle. To drop it, as RFC 7323 §5.3 has it word for
  /// word, would have the peer send again all that was overtaken by a copy.
  private func fillsGapInTime(_ header: TCPHeader, _ timestamps: TimestampOption, length: Int) -> Bool {
    guard length > 0, let last = receive.reassembly.pieces.last, header.sequence + length <= last.start else {
      return false
    }
    return timestampRecent &- timestamps.value <= Constants.overtakenClock
  }

  /// In a simultaneous open the peer's SYN,ACK stands one below RCV.NXT. Its SYN has been taken already; its ACK
  /// is what completes the handshake (RFC 9293 §3.5, figure 8).
  @inline(__always)
  private mutating func trimRepeatedSynchronize(_ header: TCPHeader, _ segment: inout ArrivingSegment) -> Bool
  {
    guard opening == .synchronizeReceived, header.flags.contains([.syn, .ack]),
      !header.flags.contains(.rst), header.sequence == receive.initial
    else { return false }
    segment.sequence = segment.sequence + 1
    trimToWindow(&segment)
    acknowledgments.acknowledgeNow(.handshake)
    return true
  }

  /// First step: the sequence number (RFC 9293 §3.10.7.4, table 6).
  @inline(__always)
  private mutating func sequenceRefuses(
    _ header: TCPHeader, _ segment: inout ArrivingSegment, at now: Instant
  ) -> ArrivalOutcome? {
    let window = receive.window
    let synchronize = header.flags.contains(.syn)
    let length = segment.text.count + (segment.finish ? 1 : 0) + (synchronize ? 1 : 0)
    let offset = segment.sequence - receive.next
    let acceptable: Bool
    switch (length, window) {
    // One past RCV.NXT is where a peer's SND.NXT is when an octet of its own probes the closed window; its ACK and
    // its window are used, or both sides may wait for each other for ever (RFC 9293 §3.10.7.4, appendix A.2).
    case (0, 0): acceptable = offset == 0 || (offset == 1 && !header.flags.contains(.rst))
    case (0, _): acceptable = offset >= 0 && offset < window
    case (_, 0):
      // Its text cannot be taken, but a valid ACK, URG or RST is (RFC 9293 §3.10.7.4 and MUST-66).
      guard offset == 0, !synchronize || header.flags.contains(.rst) else {
        acceptable = false
        break
      }
      segment.text = segment.text.upperBound..<segment.text.upperBound
      segment.finish = false
      if !header.flags.contains(.rst) { acknowledgments.acknowledgeNow(.unacceptable) }
      return nil
    case (_, _):
      acceptable =
        (offset >= 0 && offset < window) || (offset + length - 1 >= 0 && offset + length - 1 < window)
        || (offset < 0 && offset + length > window)
    }
    guard acceptable else {
      if offset < 0 { noteDuplicate(segment) }
      return unacceptable(header, length: length, at: now)
    }
    // A SYN inside the window is challenged whole by the fourth step.
    if !synchronize { trimToWindow(&segment) }
    return nil
  }

  /// RFC 9293 §3.10.7.4: an unacceptable segment is answered with an ACK, never a RST, and an unacceptable RST
  /// with nothing.
  private mutating func unacceptable(_ header: TCPHeader, length: Int, at now: Instant) -> ArrivalOutcome {
    if header.flags.contains(.rst) { return ArrivalOutcome(dropped: .outsideWindow) }
    if header.flags.contains(.syn) && opening == .synchronized { return synchronizeArrived(at: now) }
    // Without data there is little that a peer in order would need to hear again, so the tighter bound holds.
    let allowed = length > 0 ? repeats.allowRepeat(at: now) : challenges.allowChallenge(at: now)
    if allowed { acknowledgments.acknowledgeNow(.unacceptable) }
    // The peer's own keep-alive, or its text again, is below the window, and a sign of life all the same
    // (RFC 9293 §3.8.4 MUST-26).
    if header.flags.contains(.ack), header.sequence < receive.next, isPlausible(header.acknowledgment) {
      heard(at: now)
    }
    return ArrivalOutcome(dropped: .outsideWindow)
  }

  /// The peer lives.
  mutating func heard(at now: Instant) {
    timers.heardAt = now
    timers.keepAliveProbes = 0
  }

  /// Cuts off what lies outside the window, on both sides.
  private mutating func trimToWindow(_ segment: inout ArrivingSegment) {
    let before = receive.next - segment.sequence
    if before > 0 {
      noteDuplicate(segment)
      let cut = min(before, segment.text.count)
      // All of it, and the FIN with it, was taken before.
      if before > segment.text.count { segment.finish = false }
      segment.text = (segment.text.lowerBound + cut)..<segment.text.upperBound
      segment.sequence = segment.sequence + cut
    }
    let over = segment.end - receive.advertisedEdge
    if over > 0 {
      let finish = segment.finish ? 1 : 0
      segment.finish = false
      let cut = min(max(0, over - finish), segment.text.count)
      segment.text = segment.text.lowerBound..<(segment.text.upperBound - cut)
    }
  }

  /// RFC 2883 §4.1: the part of a segment that lies below RCV.NXT has come before.
  private mutating func noteDuplicate(_ segment: ArrivingSegment) {
    let textEnd = segment.sequence + segment.text.count
    receive.noteDuplicate(from: segment.sequence, to: .earlier(textEnd, receive.next))
  }

  /// Second step: the RST bit, with the exactness of RFC 5961 §3.2.
  private mutating func resetArrived(_ header: TCPHeader, at now: Instant) -> ArrivalOutcome {
    guard header.sequence == receive.next else {
      if challenges.allowChallenge(at: now) { acknowledgments.acknowledgeNow(.challenge) }
      return ArrivalOutcome(dropped: .resetNotExact)
    }
    switch state {
    case .synReceived:
      // A passive handshake goes back to LISTEN and tells nobody; an active one was refused (MUST-11).
      var outcome = ArrivalOutcome.accepted
      outcome.returnedToListen = isPassive
      close(.refused)
      return outcome
    case .established, .finWait1, .finWait2, .closeWait:
      close(.reset)
    case .closing, .lastAck:
      // Both directions are finished; all that is lost is the ACK of our FIN.
      close(.reset)
    case .timeWait:
      // RFC 1337 §3, fix F1: a RST does not end TIME-WAIT.
      return ArrivalOutcome(dropped: .timeWait)
    case .closed, .listen, .synSent:
      assertionFailure("not a state of this step")
    }
    return .accepted
  }

  /// Fourth step: a SYN in a synchronized state is challenged, whatever its number (RFC 5961 §4.2).
  private mutating func synchronizeArrived(at now: Instant) -> ArrivalOutcome {
    if challenges.allowChallenge(at: now) { acknowledgments.acknowledgeNow(.challenge) }
    return ArrivalOutcome(dropped: .unexpectedSynchronize)
  }

  /// Sixth step: the URG bit.
  @inline(__always)
  private mutating func urgentArrived(_ header: TCPHeader, at sequence: SequenceNumber) {
    guard header.flags.contains(.urg), receive.phase == .open else { return }
    // RFC 9293 §3.8.5 MUST-62: the pointer names the octet after the urgent data.
    let synchronize = header.flags.contains(.syn) ? 1 : 0
    if receive.urgentArrived(end: header.sequence + (synchronize + Int(header.urgentPointer))) {
      notices.insert(.urgent)
    }
  }

  /// Seventh step, the segment's text, and eighth, the FIN bit.
  @inline(__always)
  private mutating func textArrived(
    _ segment: ArrivingSegment, payload: RawSpan, at now: Instant
  ) -> ArrivalOutcome {
    // LAST-ACK may have ended with the ACK of our FIN.
    guard opening == .synchronized else { return .accepted }
    // After the peer's FIN there is no text; a repeated FIN does not get here, it is below the window. The ACK again
    // tells a peer that sends on where its stream has ended.
    guard receive.phase == .open else {
      if segment.end > segment.sequence, repeats.allowRepeat(at: now) {
        acknowledgments.acknowledgeNow(.unacceptable)
      }
      return .accepted
    }
    var segment = segment
    let isNews = segment.end > segment.sequence
    if let finish = receive.pendingFinish, segment.end > finish {
      // Nothing follows a FIN, not even another: the first that was seen stands.
      let count = max(0, min(segment.text.count, finish - segment.sequence))
      segment.text = segment.text.lowerBound..<(segment.text.lowerBound + count)
    }
    var outcome = ArrivalOutcome.accepted
    if !segment.text.isEmpty {
      if receive.readingClosed {
        // RFC 9293 §3.6.1 SHLD-3: nobody will ever read this. The RST answers the segment, whose ACK number is what the
        // peer wants to hear next: SND.NXT may lie ahead of that, and RFC 5961 §3.2 has the peer ask again then.
        close(.aborted)
        return ArrivalOutcome(reset: .unreadData)
      }
      if let reason = placeText(segment, payload: payload, at: now) {
        outcome = ArrivalOutcome(dropped: reason)
      }
    }
    if segment.finish { receive.notePendingFinish(at: segment.sequence + segment.text.count) }
    // While a FIN waits for what comes before it, an empty ACK is still answered with nothing: two ends that wait so would
    // answer each other for ever.
    if receive.pendingFinish != nil, isNews || receive.pendingFinish == receive.next {
      finishArrived(at: now)
    }
    return outcome
  }

  @inline(__always)
  private mutating func placeText(
    _ segment: ArrivingSegment, payload: RawSpan, at now: Instant
  ) -> DropReason? {
    let before = receive.next
    let placement = receive.place(payload.extracting(segment.text), at: segment.sequence)
    statistics.bytesReceived += UInt64(receive.next - before)
    switch placement {
    case .inOrder:
      acknowledgments.dataArrived(
        next: receive.next, fullSegment: receive.largestPayload,
        delay: configuration.delayedAcknowledgment, at: now)
      notices.insert(.readable)
    case .filledGap:
      // RFC 5681 §4.2: the sender is in recovery and waits for this.
      acknowledgments.acknowledgeNow(.outOfOrder)
      notices.insert(.readable)
    case .outOfOrder:
      statistics.segmentsOutOfOrder += 1
      acknowledgments.acknowledgeNow(.outOfOrder)
    case .full:
      acknowledgments.acknowledgeNow(.outOfOrder)
      return .reassemblyFull
    }
    return nil
  }

  /// Eighth step: the FIN bit, once everything before it is here.
  private mutating func finishArrived(at now: Instant) {
    guard let finish = receive.pendingFinish, finish == receive.next else {
      acknowledgments.acknowledgeNow(.outOfOrder)
      return
    }
    let mayWait =
      configuration.delaysFinishAcknowledgment && send.phase == .open && acknowledgments.hasSeenText
    transition { $0.receive.finish(afterClose: $0.send.phase != .open) }
    if mayWait {
      acknowledgments.finishArrived(
        next: receive.next, fullSegment: receive.largestPayload, delay: configuration.delayedAcknowledgment,
        at: now)
    } else {
      acknowledgments.acknowledgeNow(.finish)
    }
    notices.insert([.peerFinished, .readable])
  }

  /// What was held during the handshake is text of ESTABLISHED now; a FIN behind it is the eighth step's.
  mutating func deliverHeld() {
    guard receive.joinContiguous() == .filledGap else { return }
    acknowledgments.acknowledgeNow(.immediate)
    notices.insert(.readable)
  }

  /// Whether text that ends here finds its place in storage that the receive buffer has already.
  package borrowing func hasStorage(forTextUpTo end: SequenceNumber) -> Bool {
    guard opening == .synchronized else { return false }
    return receive.buffer.count + max(0, end - receive.next) <= receive.buffer.allocatedBytes
  }
}
