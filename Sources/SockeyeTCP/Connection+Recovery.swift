// Loss recovery for peers with SACK: what an ACK means for the segments outstanding, when recovery begins and ends, the
// timers of RACK-TLP, and the undoing of what was needless (RFC 8985, RFC 9937, RFC 2883, RFC 3522, RFC 4015). Peers
// without SACK are LossRecovery's.

import SockeyeBytes
import SockeyeWire

extension Connection {
  /// Octets believed to be in the network (RFC 9937 §6.1 with RFC 8985).
  @inline(__always)
  var inflight: Int {
    agreed.selectiveAcknowledgments
      ? send.flight - scoreboard.log.sackedOctets - scoreboard.log.lostOctets : send.flight
  }

  /// Octets that may be in the network now.
  @inline(__always)
  borrowing func sendingWindow(at now: Instant) -> Int {
    if agreed.selectiveAcknowledgments, case .fast = recovery.phase, !congestion.setsWindowInRecovery {
      return scoreboard.reduction.window
    }
    return congestionWindow(at: now) + recovery.allowance(segmentSize: payloadLimit)
  }

  // MARK: What arrives

  /// An ACK that does not lie below SND.UNA, from a peer that sends SACK. SND.UNA has moved already.
  ///
  /// - Parameters:
  ///   - advance: octets by which SND.UNA has moved.
  ///   - flightBefore: SND.NXT - SND.UNA before that.
  ///   - sample: the round-trip time that was measured for the RTO, if any.
  mutating func repairAfter(
    _ header: TCPHeader, advance: Int, flightBefore: Int, sample: Interval?, at now: Instant
  ) {
    let inflightBefore = flightBefore - scoreboard.log.sackedOctets - scoreboard.log.lostOctets
    let echo = agreed.timestamps ? header.options.timestamps?.echo : nil
    let offset = timestampOffset
    let delivery = scoreboard.take(
      send.unacknowledged, advance: advance, header.options.sackBlocks,
      saidWith: header.acknowledgment, next: send.next,
      minimum: roundTrip.minimum, at: now
    ) { sentAt in
      guard let echo else { return false }
      return Int32(bitPattern: echo &- timestamp(at: sentAt, offset: offset)) < 0
    }
    if let measured = delivery.roundTrip { roundTrip.noteMinimum(measured, at: now) }
    if sample != nil || delivery.roundTrip != nil { scoreboard.sampledSinceProbe = true }
    if let duplicate = delivery.duplicate { duplicateReported(duplicate) }
    if recovery.holdsCopies {
      let blocks = header.options.sackBlocks
      timeoutLookedInto(
        highest: highestTold(blocks), advance: advance, isNews: delivery.octets > 0,
        sample: delivery.roundTrip, at: now)
    }
    if scoreboard.repair != nil { undoIfNeedless(echo: echo, advance: advance, at: now) }
    if scoreboard.probe != nil { settleProbe(header, delivery, advance: advance, at: now) }
    let wasOpen = recovery.isOpen
    if !wasOpen { leaveIfRepaired(at: now) }

    var wait: Interval?
    var lost = 0
    let mayBeLate =
      scoreboard.log.sackedSegments > 0 || !recovery.isOpen || scoreboard.rack.latestIsCopy
    if mayBeLate, delivery.octets > 0 || scoreboard.log.lostOctets > 0 {
      (lost, wait) = detectLosses(at: now)
    }
    let isMarked = echoArrived(header, flight: flightBefore, at: now)
    if recovery.isOpen, scoreboard.log.lostOctets > excusedLoss {
      beginRecovery(flight: flightBefore, inflight: inflightBefore, at: now)
    }
    switch recovery.phase {
    case .fast:
      if delivery.octets > 0 {
        scoreboard.reduction.acknowledged(
          delivery.octets, inflight: inflight, threshold: congestion.slowStartThreshold,
          isSafe: advance > 0 && lost == 0, segmentSize: payloadLimit)
      }
    case .open, .timeout:
      break
    }
    if delivery.octets > 0 {
      let sample = acknowledgmentSample(
        delivery, advance: advance, flightBefore: inflightBefore, lost: lost,
        isRecovering: isMarked || recovery.isFast,
        roundTrip: delivery.roundTrip ?? sample, at: now)
      congestion.acknowledged(sample, at: now)
      if congestion.isLimitingItself { scoreboard.rate.applicationIsLimiting(flight: inflight) }
    }
    rearmRetransmission(at: now, restart: advance > 0, wait: wait)
  }

  /// One past the last octet that an ACK says to have arrived.
  private func highestTold(_ blocks: SACKBlocks) -> SequenceNumber {
    var highest = send.unacknowledged
    for index in 0..<blocks.count where blocks[index].right <= send.next {
      highest = SequenceNumber.later(highest, blocks[index].right)
    }
    return highest
  }

  private mutating func acknowledgmentSample(
    _ delivery: AcknowledgedDelivery, advance: Int, flightBefore: Int, lost: Int, isRecovering: Bool,
    roundTrip sample: Interval?, at now: Instant
  ) -> AcknowledgmentSample {
    let rate = scoreboard.rate.finish(
      delivered: delivery.octets, minimumRoundTrip: roundTrip.minimum, at: now)
    // What SACK blocks have told of before counts again with RFC 5681 §3.1, but not for a sender without the limit L.
    let counted = configuration.slowStartLimit == nil ? min(advance, delivery.octets) : advance
    return AcknowledgmentSample(
      newlyAcknowledged: isRecovering || congestion.setsWindowInRecovery ? delivery.octets : counted,
      flightBefore: flightBefore,
      flight: inflight, roundTrip: sample,
      smoothedRoundTrip: roundTrip.smoothed, acknowledgment: send.unacknowledged, next: send.next,
      newlyLost: lost, isRecovering: isRecovering, isApplicationLimited: scoreboard.rate.isApplicationLimited,
      deliveryRate: rate)
  }

  /// RFC 2883: something was sent again that was not lost.
  private mutating func duplicateReported(_ block: SACKBlock) {
    guard block.right <= send.next, send.unacknowledged - block.left <= send.maximumWindow else { return }
    statistics.duplicatesReported += 1
    if statistics.needlessRetransmissions < statistics.segmentsRetransmitted {
      statistics.needlessRetransmissions += 1
    }
    scoreboard.rack.duplicateReported(unacknowledged: send.unacknowledged, next: send.next)
    guard var repair = scoreboard.repair, block.left >= repair.begin, block.right <= repair.recover else {
      return
    }
    repair.copies -= 1
    if !repair.afterTimeout { scoreboard.rack.overtakingShown() }
    scoreboard.repair = repair
  }

  // MARK: The beginning and the end of recovery

  /// - Parameters:
  ///   - flight: FlightSize, octets; what limited transmit sent does not count (RFC 5681 §3.2).
  ///   - inflight: of these, what the peer did not hold before the ACK that showed the loss.
  private mutating func beginRecovery(flight: Int, inflight: Int, at now: Instant) {
    statistics.fastRecoveries += 1
    scoreboard.repair = Repair(begin: send.unacknowledged, recover: send.next, afterTimeout: false)
    congestion.lossDetected(flight: max(min(flight, congestion.congestionWindow), payloadLimit), at: now)
    scoreboard.reduction.begin(flight: inflight)
    windowShrank()
    recovery.begin(recover: send.next)
  }

  private mutating func leaveIfRepaired(at now: Instant) {
    switch recovery.phase {
    case .fast(let recover) where send.unacknowledged >= recover:
      // RFC 9937 §6.2: the window is ssthresh in the end.
      congestion.recoveryEnded(flight: congestion.slowStartThreshold, at: now)
      scoreboard.rack.recoveryEnded()
      recovery.end()
    case .timeout(let recover) where send.unacknowledged >= recover:
      scoreboard.rack.recoveryEnded()
      recovery.end()
    case .open, .fast, .timeout:
      break
    }
  }

  // MARK: Undoing

  /// Whether the latest repair was needless: the ACK for what was sent again answers the original (RFC 3522 §3.2), or
  /// every copy came twice (RFC 2883, RFC 3708).
  private mutating func undoIfNeedless(echo: UInt32?, advance: Int, at now: Instant) {
    guard let repair = scoreboard.repair, let firstEnd = repair.firstEnd else { return }
    var isNeedless = repair.copies == 0
    if advance > 0, send.unacknowledged >= firstEnd {
      if let echo, let stamp = repair.firstStamp {
        isNeedless = isNeedless || Int32(bitPattern: echo &- stamp) < 0
      }
      // Only the first ACK that covers the first copy can tell by its echo.
      scoreboard.repair?.firstStamp = nil
    }
    guard isNeedless else { return }
    if !repair.afterTimeout { scoreboard.rack.overtakingShown() }
    scoreboard.repair = nil
    statistics.spuriousRecoveries += 1
    scoreboard.log.forgetLosses()
    recovery.end()
    congestion.spuriousLoss(at: now)
  }

  // MARK: Finding losses

  private mutating func detectLosses(at now: Instant) -> (lost: Int, wait: Interval?) {
    let window = reorderingWindow
    var found = scoreboard.rack.detect(in: &scoreboard.log, window: window, at: now)
    if found.lost > 0, isSearchingPath, searchTakesLoss(found.lost, at: now) { found.lost = 0 }
    if found.lost > 0 { tellLosses(found.lost, at: now) }
    return found
  }

  /// To an algorithm with a model of the path each loss tells of the flight in which it happened.
  private mutating func tellLosses(_ octets: Int, at now: Instant) {
    guard congestion.setsWindowInRecovery else { return scoreboard.rate.segmentsLost(octets) }
    var index = 0
    while let loss = scoreboard.log.takeUntoldLoss(from: &index) {
      congestion.segmentLost(scoreboard.rate.segmentLost(loss.record, octets: loss.octets), at: now)
    }
  }

  private var reorderingWindow: Interval {
    scoreboard.rack.reorderingWindow(
      minimum: roundTrip.minimum, smoothed: roundTrip.smoothed, inRecovery: !recovery.isOpen,
      sackedSegments: scoreboard.log.sackedSegments)
  }

  /// Carries out what time alone does to a connection: losses that the reordering timer shows, a tail-loss probe that
  /// can't be sent, and smaller segments where larger ones time out over and over. `plan(at:)`, which changes nothing, leaves this to be done first.
  ///
  /// - Parameter now: no earlier than at the call before.
  /// - Returns: whether anything changed, so that `plan(at:)` may answer otherwise now.
  @discardableResult
  public mutating func advance(to now: Instant) -> Bool {
    switch timers.exclusive {
    case .reordering(let deadline, _) where deadline <= now:
      reorderingTimerRanOut(at: now)
    case .tailLossProbe(let deadline, let retransmission) where deadline <= now && send.window == 0:
      timers.exclusive = .retransmission(retransmission)
    case .retransmission(let deadline) where deadline <= now && suspectsBlackHole():
      lowerForBlackHole(at: now)
    case .none, .retransmission, .reordering, .tailLossProbe, .zeroWindowProbe, .sillyWindowOverride:
      return false
    }
    checkInvariants()
    return true
  }

  private mutating func reorderingTimerRanOut(at now: Instant) {
    let before = inflight
    let (lost, wait) = detectLosses(at: now)
    if recovery.isOpen, scoreboard.log.lostOctets > excusedLoss {
      beginRecovery(flight: send.flight, inflight: before, at: now)
    }
    if case .fast = recovery.phase {
      scoreboard.reduction.lost(lost, segmentSize: payloadLimit, inflight: inflight)
    }
    rearmRetransmission(at: now, restart: false, wait: wait)
  }

  // MARK: Timers

  /// Sets the one timer that runs while something is outstanding (RFC 8985 §8).
  ///
  /// - Parameters:
  ///   - restart: SND.UNA has moved, so that the RTO starts over (RFC 6298 §5.3).
  ///   - wait: until something would have to be taken for lost.
  mutating func rearmRetransmission(at now: Instant, restart: Bool, wait: Interval?) {
    guard send.flight > 0 else {
      // What is waited for then depends on the window, which is looked at next.
      if restart { timers.exclusive = .none }
      return
    }
    if case .zeroWindowProbe = timers.exclusive, !restart { return }
    let known = restart ? nil : timers.exclusive.retransmissionDeadline
    let retransmission = known ?? now + roundTrip.timeout
    if let wait, now + wait < retransmission {
      timers.exclusive = .reordering(now + wait, retransmission: retransmission)
    } else if mayProbe, restart {
      armProbe(at: now, before: retransmission)
    } else if !(mayProbe && timers.isProbing) {
      // RFC 8985 §7.2: what acknowledges nothing new does not put a probe off.
      timers.exclusive = .retransmission(retransmission)
    }
  }

  /// New data has left.
  @inline(__always)
  mutating func rearmAfterSending(at now: Instant) {
    switch timers.exclusive {
    case .reordering: break
    case .retransmission(let deadline), .tailLossProbe(_, let deadline):
      if agreed.selectiveAcknowledgments && mayProbe { armProbe(at: now, before: deadline) }
    case .none, .zeroWindowProbe, .sillyWindowOverride:
      // RFC 6298 §5.1.
      let deadline = now + roundTrip.timeout
      timers.exclusive = .retransmission(deadline)
      if agreed.selectiveAcknowledgments && mayProbe { armProbe(at: now, before: deadline) }
    }
  }

  /// RFC 8985 §7.2 and §7.3: when a tail-loss probe is of use.
  private var mayProbe: Bool {
    configuration.tailLossProbes && recovery.isOpen && scoreboard.log.sackedSegments == 0
      && scoreboard.probe == nil
      && scoreboard.sampledSinceProbe
      && opening == .synchronized && send.window > 0 && send.unacknowledged != send.initial
  }

  /// PTO (RFC 8985 §7.2), never after the RTO.
  private mutating func armProbe(at now: Instant, before retransmission: Instant) {
    var timeout = Constants.probeTimeoutWithoutSample
    if let smoothed = roundTrip.smoothed {
      timeout = smoothed * 2
      // The ACK of a single segment may be delayed.
      if send.flight <= payloadLimit { timeout = timeout + Constants.probeAcknowledgmentDelay }
    }
    timers.exclusive = .tailLossProbe(min(now + timeout, retransmission), retransmission: retransmission)
  }

  /// What became of the probe (RFC 8985 §7.4.2).
  private mutating func settleProbe(
    _ header: TCPHeader, _ delivery: AcknowledgedDelivery, advance: Int, at now: Instant
  ) {
    guard let probe = scoreboard.probe, send.unacknowledged >= probe.end else { return }
    if !probe.isCopy {
      scoreboard.probe = nil
    } else if let duplicate = delivery.duplicate, duplicate.right == probe.end {
      // Both arrived.
      scoreboard.probe = nil
    } else if send.unacknowledged > probe.end {
      // The peer has gone on without a word of a duplicate, so the probe has repaired a loss.
      scoreboard.probe = nil
      if recovery.isOpen {
        congestion.lossDetected(flight: max(send.flight, payloadLimit), at: now)
        congestion.recoveryEnded(flight: congestion.slowStartThreshold, at: now)
      }
    } else if advance == 0, header.options.sackBlocks.isEmpty, send.flight == 0 || delivery.octets == 0 {
      scoreboard.probe = nil
    }
  }

  // MARK: What leaves

  /// New octets have left, a FIN counted as one.
  @inline(__always)
  mutating func logSent(from sequence: SequenceNumber, to end: SequenceNumber, isFirst: Bool, at now: Instant)
  {
    guard agreed.selectiveAcknowledgments else { return }
    if isFirst, scoreboard.rate.isApplicationLimited { congestion.resumed(at: now) }
    let snapshot = scoreboard.rate.snapshot(
      flight: inflight + (end - sequence), isFirst: isFirst, at: now)
    scoreboard.log.append(
      from: sequence, to: end, at: now, snapshot, isApplicationLimited: scoreboard.rate.isApplicationLimited)
    if send.unsent == 0, end - send.unacknowledged < congestion.congestionWindow {
      scoreboard.rate.applicationIsLimiting(flight: end - send.unacknowledged)
    }
    if case .fast = recovery.phase { scoreboard.reduction.sent(end - sequence) }
  }

  /// Octets have left again.
  mutating func logSentAgain(
    _ plan: SegmentPlan, to end: SequenceNumber, cause: RetransmissionCause, at now: Instant
  ) {
    if case .fast = recovery.phase { scoreboard.reduction.sent(plan.payloadLength) }
    let known = SequenceNumber.earlier(end, send.next)
    scoreboard.log.retransmitted(
      from: plan.sequence, to: known, at: now,
      scoreboard.rate.snapshot(flight: inflight + plan.payloadLength, isFirst: false, at: now))
    scoreboard.log.advanceLostHint()
    // A copy may take new octets along.
    if end > known { logSent(from: known, to: end, isFirst: false, at: now) }
    guard var repair = scoreboard.repair, cause != .tailLossProbe else { return }
    repair.copies += 1
    if repair.firstEnd == nil {
      repair.firstEnd = end
      repair.firstStamp = plan.options.timestamps?.value
    }
    scoreboard.repair = repair
  }

  /// The retransmission timer ran out: RFC 8985 §6.3 says what is lost, and what the peer has said to hold is not
  /// believed any more (RFC 2018 §8).
  mutating func markLostAfterTimeout(at now: Instant) {
    scoreboard.log.forgetSacks()
    let before = scoreboard.log.lostOctets
    scoreboard.rack.timedOut(in: &scoreboard.log, window: reorderingWindow, at: now)
    tellLosses(scoreboard.log.lostOctets - before, at: now)
    scoreboard.probe = nil
    scoreboard.repair = Repair(begin: send.unacknowledged, recover: send.next, afterTimeout: true)
  }
}

/// The timestamp clock: milliseconds plus the connection's offset (RFC 7323 §5.4).
@inline(__always)
func timestamp(at instant: Instant, offset: UInt32) -> UInt32 {
  UInt32(truncatingIfNeeded: instant.nanoseconds / 1_000_000) &+ offset
}

extension Timers {
  /// A tail-loss probe is due some time.
  var isProbing: Bool {
    if case .tailLossProbe = exclusive { return true }
    return false
  }
}
