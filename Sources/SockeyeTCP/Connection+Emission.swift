// Carrying out a plan: the bytes of the segment, and what having sent it changes. The only writer of segments is
// SegmentPlan.write; RSTs, handshakes and TIME-WAIT use it too.

import SockeyeBytes
import SockeyeWire

/// What the host knows of a segment's packet and the connection does not.
public struct SegmentAddressing: Sendable {
  public var sourcePort: UInt16
  public var destinationPort: UInt16
  /// Partial sum of the addresses and the protocol number; the length is added here.
  public var pseudoHeaderSum: UInt32
  /// The link sums up the segment: the field gets the folded sum of the pseudo-header, as checksum offload wants it.
  public var checksumOffloaded: Bool

  public init(
    sourcePort: UInt16, destinationPort: UInt16, pseudoHeaderSum: UInt32, checksumOffloaded: Bool = false
  ) {
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.pseudoHeaderSum = pseudoHeaderSum
    self.checksumOffloaded = checksumOffloaded
  }
}

extension SegmentPlan {
  /// The header as it goes onto the wire, its checksum zero.
  @inline(__always)
  public func header(_ addressing: SegmentAddressing) -> TCPHeader {
    TCPHeader(
      sourcePort: addressing.sourcePort, destinationPort: addressing.destinationPort, sequence: sequence,
      acknowledgment: acknowledgment, flags: flags, window: window, urgentPointer: urgentPointer,
      options: options)
  }

  /// Appends a segment without payload.
  ///
  /// - Precondition: `payloadLength` is zero and the frame has room for `length` octets.
  public func write(_ addressing: SegmentAddressing, into frame: inout OutputRawSpan) {
    precondition(payloadLength == 0, "the payload is in a send buffer")
    let start = frame.byteCount
    let sum = header(addressing).write(into: &frame)
    seal(addressing, from: start, headerSum: sum, payloadSum: 0, in: &frame)
  }

  /// Puts the checksum where it belongs (RFC 9293 §3.1 MUST-2).
  @inline(__always)
  func seal(
    _ addressing: SegmentAddressing, from start: Int, headerSum: UInt32, payloadSum: UInt32,
    in frame: inout OutputRawSpan
  ) {
    addressing.seal(length: length, from: start, headerSum: headerSum, payloadSum: payloadSum, in: &frame)
  }
}

extension SegmentAddressing {
  @inline(__always)
  func seal(
    length: Int, from start: Int, headerSum: UInt32, payloadSum: UInt32, in frame: inout OutputRawSpan
  ) {
    let pseudo = UInt64(pseudoHeaderSum) + UInt64(length)
    let folded = UInt32(truncatingIfNeeded: (pseudo & 0xffff_ffff) + (pseudo >> 32))
    if checksumOffloaded {
      frame.overwriteUInt16(InternetChecksum.fold(folded), at: start + 16)
      return
    }
    let header = InternetChecksum.combine(folded, headerSum, bOffsetIsOdd: false)
    // A header is a multiple of four octets, so the payload starts at an even place.
    let total = InternetChecksum.combine(header, payloadSum, bOffsetIsOdd: false)
    frame.overwriteUInt16(InternetChecksum.finish(total), at: start + 16)
  }
}

extension Connection {
  /// Appends the segment that `plan(at:)` asked for, and notes that it left.
  ///
  /// - Precondition: `plan` is what `plan(at:)` answered, with nothing done in between.
  public mutating func emit(
    _ plan: SegmentPlan, addressing: SegmentAddressing, into frame: inout OutputRawSpan, at now: Instant
  ) {
    #if DEBUG
      assertCommonSegmentAgrees(with: plan, at: now)
    #endif
    let start = frame.byteCount
    let headerSum = plan.header(addressing).write(into: &frame)
    var sum: UInt32 = 0
    if plan.payloadLength > 0 {
      sum = send.buffer.copyAndSum(from: plan.payloadOffset, count: plan.payloadLength, into: &frame)
    }
    plan.seal(addressing, from: start, headerSum: headerSum, payloadSum: sum, in: &frame)
    commit(plan, at: now)
    checkInvariants()
  }

  @inline(__always)
  private mutating func commit(_ plan: SegmentPlan, at now: Instant) {
    statistics.segmentsSent += 1
    if plan.flags.contains(.cwr), plan.isMarkable { marks.reductionUntold = false }
    if plan.flags.contains(.ack) {
      acknowledgments.acknowledged(plan.acknowledgment)
      // RFC 7323 §2.2: the window of a SYN is not scaled, and no wider than what was announced first.
      if !plan.flags.contains(.syn) {
        receive.advertised(plan.window)
        receive.duplicateReported()
      }
    }
    switch plan.purpose {
    case .synchronize, .synchronizeAcknowledge: synchronizeLeft(plan, at: now)
    case .data, .finish:
      newLeft(from: plan.sequence, plan.payloadLength, finish: plan.flags.contains(.fin), at: now)
    case .pathProbe:
      newLeft(from: plan.sequence, plan.payloadLength, finish: false, at: now)
      pathProbeLeft(from: plan.sequence, plan.payloadLength)
    case .tailLossProbe:
      newLeft(from: plan.sequence, plan.payloadLength, finish: plan.flags.contains(.fin), at: now)
      lossProbeLeft(isCopy: false, at: now)
    case .retransmission(_, _, let cause): retransmissionLeft(plan, cause: cause, at: now)
    case .zeroWindowProbe: probeLeft(plan, at: now)
    case .keepAlive:
      timers.keepAliveProbes += 1
      timers.keepAliveSentAt = now
    case .reset: resetDue = nil
    case .acknowledgment, .windowUpdate:
      break
    }
  }

  private mutating func synchronizeLeft(_ plan: SegmentPlan, at now: Instant) {
    guard send.next == send.initial else { return }
    send.sent(upTo: send.initial + 1 + plan.payloadLength, finish: false)
    fastOpen?.sent = plan.payloadLength
    statistics.bytesSent += UInt64(plan.payloadLength)
    timers.progressAt = now
    timers.exclusive = .retransmission(now + roundTrip.timeout)
    timed = TimedSegment(end: send.initial + 1, sentAt: now)
  }

  @inline(__always)
  mutating func newLeft(from sequence: SequenceNumber, _ length: Int, finish: Bool, at now: Instant) {
    if isRestart(at: now) { congestion.restartedAfterIdle() }
    let isFirst = send.flight == 0
    if isFirst { timers.progressAt = now }
    let end = sequence + length + (finish ? 1 : 0)
    statistics.bytesSent += UInt64(length)
    if finish {
      transition { $0.send.sent(upTo: end, finish: true) }
    } else {
      send.sent(upTo: end, finish: false)
    }
    logSent(from: sequence, to: end, isFirst: isFirst, at: now)
    paceAfter(length, at: now)
    lastDataSentAt = now
    if configuration.nagleIgnoresFullSegments, length > 0, length < payloadLimit, !leftWithSynchronize(end) {
      smallEnd = end
    }
    if timed == nil { timed = TimedSegment(end: end, sentAt: now) }
    rearmAfterSending(at: now)
  }

  private mutating func retransmissionLeft(
    _ plan: SegmentPlan, cause: RetransmissionCause, at now: Instant
  ) {
    // What a copy takes along that was never sent is new.
    let new = max(0, min(plan.payloadLength, (plan.sequence + plan.payloadLength) - send.next))
    statistics.segmentsRetransmitted += 1
    statistics.bytesRetransmitted += UInt64(plan.payloadLength - new)
    statistics.bytesSent += UInt64(new)
    // Karn's rule: what is acknowledged now may be either copy (RFC 9293 §3.8.1 MUST-18).
    timed = nil
    ambiguous = true
    lastDataSentAt = now
    let end = plan.sequence + plan.payloadLength + (plan.flags.contains(.fin) ? 1 : 0)
    switch cause {
    case .timeout:
      timerRanOut(end: end, at: now)
    case .tailLossProbe:
      lossProbeLeft(isCopy: true, at: now)
    case .overdue:
      if plan.sequence == send.unacknowledged || timers.exclusive.retransmissionDeadline == nil {
        timers.exclusive = .retransmission(now + roundTrip.timeout)
      }
    case .afterTimeout where agreed.selectiveAcknowledgments:
      break
    case .fastRetransmit, .partialAcknowledgment:
      recovery.retransmitted()
      timers.exclusive = .retransmission(now + roundTrip.timeout)
    case .afterTimeout, .windowOpened, .pathMTU:
      send.resend(from: end, cause: cause)
    }
    if isSearchingPath { searchSentAgain(from: plan.sequence, to: end, at: now) }
    logSentAgain(plan, to: end, cause: cause, at: now)
    paceAfter(plan.payloadLength, at: now)
    // Text behind a probe, or a FIN that was queued when its place was reached again, leaves with the copy.
    let finish = plan.flags.contains(.fin)
    if finish || end > send.next { transition { $0.send.sent(upTo: end, finish: finish) } }
  }

  /// RFC 6298 §5.4 to §5.6 and RFC 5681 §3.1.
  private mutating func timerRanOut(end: SequenceNumber, at now: Instant) {
    let again = timers.retransmissions > 0
    statistics.retransmissionTimeouts += 1
    timers.retransmissions = min(timers.retransmissions + 1, UInt16.max - 1)
    roundTrip.backOff()
    timers.exclusive = .retransmission(now + roundTrip.timeout)
    if Int(timers.retransmissions) == configuration.reportedRetransmissions {
      // R1 (RFC 9293 §3.8.3 MUST-20, SHLD-9).
      notices.insert(.retransmissionTrouble)
    }
    guard opening == .synchronized, send.unacknowledged != send.initial else { return }
    if isSearchingPath { searchTimedOut(at: now) }
    congestion.timedOut(flight: send.flight, again: again, at: now)
    windowShrank()
    recovery.timedOut(next: send.next, detection: timeoutDetection(copyEnd: end, again: again))
    if agreed.selectiveAcknowledgments {
      // What was being sent again for another reason is among what is taken for lost.
      send.resend(from: nil, cause: .afterTimeout)
      markLostAfterTimeout(at: now)
    } else {
      send.resend(from: end, cause: .afterTimeout)
    }
  }

  /// RFC 8985 §7.3: after a probe, sent or not, the RTO runs and no other probe.
  private mutating func lossProbeLeft(isCopy: Bool, at now: Instant) {
    statistics.tailLossProbes += 1
    scoreboard.probe = TailLossProbe(end: send.next, isCopy: isCopy)
    scoreboard.sampledSinceProbe = false
    timers.exclusive = .retransmission(now + roundTrip.timeout)
  }

  private mutating func probeLeft(_ plan: SegmentPlan, at now: Instant) {
    statistics.windowProbes += 1
    recovery.stopLookingIntoTimeout()
    timers.windowProbes = min(timers.windowProbes + 1, UInt16.max - 1)
    // Whatever answers may answer an earlier copy.
    timed = nil
    let finish = plan.flags.contains(.fin)
    let end = plan.sequence + plan.payloadLength + (finish ? 1 : 0)
    if end > send.next {
      statistics.bytesSent += UInt64(plan.payloadLength)
      logSent(from: send.next, to: end, isFirst: send.flight == 0, at: now)
    }
    transition { $0.send.sent(upTo: end, finish: finish) }
    timers.exclusive = .zeroWindowProbe(now + windowProbeInterval)
  }

  /// Carries out `.abandon`: the connection is over and the peer is not told, since it does not listen; one that did not answer
  /// keep-alive only if the configuration says so.
  public mutating func abandon(_ reason: CloseReason) {
    if reason == .keepAliveTimedOut, configuration.resetsSilentPeers { resetDue = .aborted }
    close(reason)
  }
}
