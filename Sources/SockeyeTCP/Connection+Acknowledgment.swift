// SEGMENT ARRIVES, fifth step: the ACK field, the window, round-trip samples, and what they mean for loss
// recovery and congestion control (RFC 9293 §3.10.7.4, RFC 5681, RFC 6298, RFC 6582, RFC 7323).

import SockeyeBytes
import SockeyeWire

extension Connection {
  /// Answers nil when the segment goes on to the sixth step.
  mutating func acknowledgmentArrived(
    _ header: TCPHeader, _ segment: ArrivingSegment, at now: Instant
  ) -> ArrivalOutcome? {
    if opening == .synchronizeReceived {
      return handshakeAcknowledged(header, segment, at: now)
    }
    let acknowledgment = header.acknowledgment
    guard isPlausible(acknowledgment) || acknowledgesSynchronizeText(acknowledgment, at: now) else {
      if challenges.allowChallenge(at: now) { acknowledgments.acknowledgeNow(.challenge) }
      return ArrivalOutcome(dropped: .unacceptableAcknowledgment)
    }
    rememberTimestamp(header, at: now)
    let window = Int(header.window) << Int(send.windowShift)
    if acknowledgment > send.unacknowledged {
      // CLOSE in SYN-RECEIVED left our SYN outstanding in FIN-WAIT-1; what came with the peer's SYN waited for this.
      let wasOpening = send.unacknowledged == send.initial
      acknowledgeNewData(header, at: now)
      if wasOpening { deliverHeld() }
    } else if agreed.selectiveAcknowledgments {
      // The word of a duplicate may come when nothing is outstanding any more, with a block or, of a tail-loss probe, without
      // (RFC 8985 §7.4.2), and an ACK that was overtaken may know of text that the later one did not cover.
      let tellsOfProbe = scoreboard.probe != nil && segment.text.upperBound == 0 && !segment.finish
      if !header.options.sackBlocks.isEmpty
        || acknowledgment == send.unacknowledged && (send.flight > 0 || tellsOfProbe)
      {
        let held = scoreboard.log.sackedOctets
        repairAfter(header, advance: 0, flightBefore: send.flight, sample: nil, at: now)
        // RFC 5681 §2: new SACK information tells as much as an unchanged window.
        if isRepeated(header, segment), window == send.window || scoreboard.log.sackedOctets > held {
          statistics.duplicateAcknowledgments += 1
        }
      }
    } else if acknowledgment == send.unacknowledged, isRepeated(header, segment),
      window == send.window && window > 0
    {
      statistics.duplicateAcknowledgments += 1
      duplicateArrived(at: now)
    }
    if acknowledgment >= send.unacknowledged, opening == .synchronized {
      updateWindow(window, header, at: now)
    }
    if recovery.holdsCopies { sendNewAfterTimeout() }
    return nil
  }

  /// RFC 5961 §5.2: only what lies between an old window and SND.NXT can be from the peer.
  func isPlausible(_ acknowledgment: SequenceNumber) -> Bool {
    acknowledgment <= send.next && acknowledgment >= send.unacknowledged - send.maximumWindow
  }

  /// SYN-RECEIVED: the ACK of our SYN makes the connection (RFC 9293 §3.10.7.4, fifth step).
  private mutating func handshakeAcknowledged(
    _ header: TCPHeader, _ segment: ArrivingSegment, at now: Instant
  ) -> ArrivalOutcome? {
    let acknowledgment = header.acknowledgment
    guard acknowledgment > send.unacknowledged, acknowledgment <= send.next else {
      return ArrivalOutcome(dropped: .unacceptableAcknowledgment, reset: .unacceptableAcknowledgment)
    }
    rememberTimestamp(header, at: now)
    // The peer's second SYN carries a window that is not scaled (RFC 7323 §2.2).
    let shift = header.flags.contains(.syn) ? 0 : Int(send.windowShift)
    send.setWindow(Int(header.window) << shift, sequence: header.sequence, acknowledgment: acknowledgment)
    if fastOpen != nil, !isPassive { fastOpenAnswered(header) }
    acknowledgeNewData(header, at: now)
    becomeEstablished(at: now)
    if isPassive { fastOpen = nil }
    deliverHeld()
    return nil
  }

  /// RFC 7323 §4.3 (2): TS.Recent follows the segment that spans the last ACK sent, so that the peer measures
  /// the delay of our ACKs too.
  mutating func rememberTimestamp(_ header: TCPHeader, at now: Instant) {
    guard agreed.timestamps, let timestamps = header.options.timestamps else { return }
    timestampEchoed = timestamps.echo
    guard header.sequence <= acknowledgments.lastSent else { return }
    guard
      Int32(bitPattern: timestamps.value &- timestampRecent) >= 0
        || now - timestampRecentAt > Constants.timestampValidity
    else { return }
    timestampRecent = timestamps.value
    timestampRecentAt = now
  }

  /// SND.UNA advances.
  mutating func acknowledgeNewData(_ header: TCPHeader, at now: Instant) {
    let acknowledgment = header.acknowledgment
    let flightBefore = send.flight
    let octets = acknowledgment - send.unacknowledged
    let wasHandshake = opening != .synchronized
    let roundTripSample = takeSample(header, at: now)
    if let finish = send.finishSequence, acknowledgment > finish,
      receive.phase == .finished(afterClose: false)
    {
      // LAST-ACK: nothing is left to wait for.
      statistics.bytesAcknowledged += UInt64(send.buffer.count)
      return close(.finished)
    }
    var data = 0
    if send.finishSequence == nil {
      data = send.acknowledge(acknowledgment)
    } else {
      transition { data = $0.send.acknowledge(acknowledgment) }
      if state == .finWait2, receive.readingClosed { timers.orphanedAt = now }
    }
    statistics.bytesAcknowledged += UInt64(data)
    timers.progressAt = now
    if !wasHandshake {
      timers.retransmissions = 0
      if isSearchingPath { searchAcknowledged() }
    }
    // Of a Fast Open there may be text behind the SYN.
    if agreed.selectiveAcknowledgments && (!wasHandshake || !scoreboard.log.isEmpty) {
      repairAfter(header, advance: octets, flightBefore: flightBefore, sample: roundTripSample, at: now)
    } else if !wasHandshake {
      let isMarked = echoArrived(header, flight: flightBefore, at: now)
      reactToProgress(
        octets: octets, flightBefore: flightBefore, roundTrip: roundTripSample, isMarked: isMarked, at: now)
      restartRetransmission(at: now)
    } else {
      restartRetransmission(at: now)
    }
    if data > 0 {
      if writableWanted {
        adjustSendBuffer(for: .max)
        if send.buffer.free >= min(send.buffer.capacity / 4, 16_384) {
          writableWanted = false
          notices.insert(.writable)
        }
      }
      if send.buffer.count == 0 {
        notices.insert(.drained)
      }
    }
  }

  private mutating func restartRetransmission(at now: Instant) {
    // RFC 6298 §5.3: each ACK of new data gives the next segment a whole RTO. With nothing outstanding, what is waited for
    // depends on the window, which is looked at next.
    timers.exclusive = send.flight == 0 ? .none : .retransmission(now + roundTrip.timeout)
  }

  private mutating func reactToProgress(
    octets: Int, flightBefore: Int, roundTrip sample: Interval?, isMarked: Bool, at now: Instant
  ) {
    if recovery.holdsCopies {
      timeoutLookedInto(highest: send.unacknowledged, advance: octets, isNews: true, sample: nil, at: now)
    }
    // The same of duplicate ACKs.
    let told = configuration.slowStartLimit == nil ? min(recovery.duplicates * payloadLimit, octets) : 0
    switch recovery.advanced(to: send.unacknowledged, by: octets, segmentSize: payloadLimit) {
    case .ended:
      congestion.recoveryEnded(flight: send.flight, at: now)
    case .partial:
      // After a timeout the window grows as in slow start (RFC 5681 §4.3); in fast recovery it stands still.
      if case .timeout = recovery.phase { grow(octets, flightBefore, sample, at: now) }
    case .none where isMarked:
      break
    case .none:
      grow(octets - told, flightBefore, sample, at: now)
    }
  }

  mutating func grow(_ octets: Int, _ flightBefore: Int, _ sample: Interval?, at now: Instant) {
    congestion.acknowledged(
      AcknowledgmentSample(
        newlyAcknowledged: octets, flightBefore: flightBefore, flight: send.flight, roundTrip: sample,
        smoothedRoundTrip: roundTrip.smoothed, acknowledgment: send.unacknowledged, next: send.next),
      at: now)
  }

  /// A round-trip sample, if this ACK can give one. A segment that was sent once is timed by our own clock; after
  /// a retransmission only the echo of a timestamp tells which copy was acknowledged (RFC 6298 §3, Karn's rule).
  private mutating func takeSample(_ header: TCPHeader, at now: Instant) -> Interval? {
    if configuration.timesEveryAcknowledgment, header.acknowledgment > send.initial + 1,
      let sentAt = scoreboard.log.oldestTime(acknowledgedBy: header.acknowledgment)
    {
      timed = nil
      return addSample(now - sentAt, at: now)
    }
    if let segment = timed, header.acknowledgment >= segment.end {
      timed = nil
      return addSample(now - segment.sentAt, at: now)
    }
    // An ACK that tells of a duplicate follows others that were lost: its echo is as old as the first of them.
    guard ambiguous, agreed.timestamps,
      !Scoreboard.isDuplicate(header.options.sackBlocks, acknowledgment: header.acknowledgment),
      let timestamps = header.options.timestamps
    else { return nil }
    let elapsed = Int32(bitPattern: timestampClock(at: now) &- timestamps.echo)
    // An echo of what was never sent, from the future or from before the connection, is no measure.
    guard elapsed >= 0, Interval.milliseconds(Int(elapsed)) <= now - timers.openedAt + .milliseconds(1) else {
      return nil
    }
    return addSample(.milliseconds(Int(elapsed)), at: now)
  }

  private mutating func addSample(_ sample: Interval, at now: Instant) -> Interval {
    roundTrip.add(sample, at: now)
    ambiguous = false
    return sample
  }

  /// RFC 5681 §2 (a) to (d), of an ACK of SND.UNA: outstanding data, no text, no SYN or FIN.
  private func isRepeated(_ header: TCPHeader, _ segment: ArrivingSegment) -> Bool {
    // Text that was cut off, all of it, has left its place behind.
    send.flight > 0 && segment.text.upperBound == 0 && header.flags.isDisjoint(with: [.syn, .fin])
  }

  private mutating func duplicateArrived(at now: Instant) {
    if recovery.holdsCopies {
      timeoutLookedInto(highest: send.unacknowledged, advance: 0, isNews: false, sample: nil, at: now)
    }
    // FlightSize for ssthresh does not count what limited transmit sent (RFC 5681 §3.2).
    let flight = send.flight - recovery.allowance(segmentSize: payloadLimit)
    let begins = recovery.duplicate(
      unacknowledged: send.unacknowledged, next: send.next, segmentSize: payloadLimit)
    if begins {
      statistics.fastRecoveries += 1
      congestion.lossDetected(flight: max(flight, payloadLimit), at: now)
      windowShrank()
    }
  }

  /// SND.WND, and what follows when it closes or opens.
  private mutating func updateWindow(_ window: Int, _ header: TCPHeader, at now: Instant) {
    send.updateWindow(window, sequence: header.sequence, acknowledgment: header.acknowledgment)
    if send.window == 0 {
      // The peer answers: it is alive, and as long as it answers it is not given up
      // (RFC 9293 §3.8.6.1 MUST-37).
      timers.progressAt = now
      if send.flight == 0 { armIdleTimer(at: now) }
      return
    }
    timers.windowProbes = 0
    if send.flight == 0 {
      armIdleTimer(at: now)
    } else if case .zeroWindowProbe = timers.exclusive {
      // What probed the window was not taken; it leaves again now and not after an RTO.
      send.resend(from: send.unacknowledged, cause: .windowOpened)
      timers.exclusive = .retransmission(now + roundTrip.timeout)
    }
  }

  /// From now to the next probe of a closed window: an RTO, doubled for each probe since it closed
  /// (RFC 9293 §3.8.6.1 SHLD-29, SHLD-30).
  var windowProbeInterval: Interval {
    let doubled = roundTrip.timeout.nanoseconds << Int64(min(timers.windowProbes, 16))
    return min(Interval(nanoseconds: doubled), configuration.maximumRetransmissionTimeout)
  }

  /// With nothing outstanding: what to wait for when the peer says nothing.
  mutating func armIdleTimer(at now: Instant) {
    let waiting = send.unsent > 0 || send.phase == .finishQueued
    guard waiting, opening == .synchronized else { return }
    if send.window == 0 {
      if case .zeroWindowProbe = timers.exclusive { return }
      // RFC 9293 §3.8.6.1 SHLD-29: the first probe one RTO after the window closed. A peer that takes the octet of a
      // probe and keeps its window closed is not probed more often for it (SHLD-30).
      timers.progressAt = now
      timers.exclusive = .zeroWindowProbe(now + windowProbeInterval)
    } else {
      if case .sillyWindowOverride = timers.exclusive { return }
      let override = now + Constants.sillyWindowOverride
      timers.exclusive = .sillyWindowOverride(marks.holdsText ? max(override, pacer.next) : override)
    }
  }
}
