// A shorter way for the two segments that nearly all are: new text, and an ACK without text, with no option but
// timestamps. It decides and writes what `plan(at:)` and `emit` would, without a SegmentPlan in between, which costs
// more to fill and copy than to act upon. Debug builds compare both ways for every segment.

import SockeyeBytes
import SockeyeWire

/// What leaves next, as far as it is one of the common kinds.
package enum CommonSegment: Equatable {
  /// So many octets of new text, neither urgent nor followed by a FIN.
  case text(Int)
  case acknowledgment(AcknowledgmentReason)
  /// Nothing leaves now.
  case nothing
  /// Something that only a plan can tell.
  case other
}

extension Connection {
  /// What `plan(at:)` answers, where a word is enough to tell it.
  package borrowing func commonSegment(at now: Instant) -> CommonSegment {
    guard opening == .synchronized, send.phase == .open, send.urgentEnd == nil, send.recordEnds.isEmpty,
      !receive.hasBlocks,
      addedOptions == 0, !marks.echoing, !marks.reductionUntold, !isSearchingPath,
      !hasRetransmission(at: now),
      abandonReason(at: now) == nil
    else { return .other }
    if let length = newLength(at: now) { return .text(length) }
    switch acknowledgments.duty {
    case .now(let reason): return reason == .challenge ? .other : .acknowledgment(reason)
    case .delayed(let until) where until <= now: return .acknowledgment(.delayed)
    case .none, .delayed:
      if receive.windowUpdateDue { return .other }
      if let deadline = keepAliveDeadline, deadline <= now { return .other }
      return .nothing
    }
  }

  /// Appends new text and notes that it left.
  ///
  /// - Precondition: `commonSegment(at:)` has answered `.text(length)`, with nothing done in between.
  package mutating func emitText(
    _ length: Int, addressing: SegmentAddressing, into frame: inout OutputRawSpan, at now: Instant
  ) {
    let sequence = send.next
    let start = frame.byteCount
    // RFC 9293 §3.9.1.2 MUST-61: the segment that empties the queue is pushed.
    let flags: TCPFlags = sequence + length == send.queuedEnd ? [.ack, .psh] : .ack
    let sum = writeCommonHeader(sequence, flags, addressing, into: &frame, at: now)
    let payloadSum = send.buffer.copyAndSum(from: sequence - send.bufferStart, count: length, into: &frame)
    addressing.seal(
      length: frame.byteCount - start, from: start, headerSum: sum, payloadSum: payloadSum, in: &frame)
    newLeft(from: sequence, length, finish: false, at: now)
    checkInvariants()
  }

  /// Appends an ACK without text and notes that it left.
  ///
  /// - Precondition: `commonSegment(at:)` has answered `.acknowledgment`, with nothing done in between.
  package mutating func emitAcknowledgment(
    addressing: SegmentAddressing, into frame: inout OutputRawSpan, at now: Instant
  ) {
    let start = frame.byteCount
    let sum = writeCommonHeader(acceptableSequence, .ack, addressing, into: &frame, at: now)
    addressing.seal(length: frame.byteCount - start, from: start, headerSum: sum, payloadSum: 0, in: &frame)
    checkInvariants()
  }

  /// The packet of new text may be marked (RFC 3168 §6.1.5).
  @inline(__always)
  package var textIsMarkable: Bool { agreed.congestionNotification }

  /// How long the header of a common segment is, octets.
  @inline(__always)
  package var commonHeaderLength: Int { Constants.headerLength + (agreed.timestamps ? 12 : 0) }

  /// - Returns: the sum of the header, its checksum being zero.
  @inline(__always)
  private mutating func writeCommonHeader(
    _ sequence: SequenceNumber, _ flags: TCPFlags, _ addressing: SegmentAddressing,
    into frame: inout OutputRawSpan, at now: Instant
  ) -> UInt32 {
    let window = receive.wireWindow
    var options = TCPOptions()
    if agreed.timestamps {
      options.timestamps = TimestampOption(value: timestampClock(at: now), echo: timestampRecent)
    }
    let header = TCPHeader(
      sourcePort: addressing.sourcePort, destinationPort: addressing.destinationPort, sequence: sequence,
      acknowledgment: receive.next, flags: flags, window: window, options: options)
    statistics.segmentsSent += 1
    acknowledgments.acknowledged(receive.next)
    receive.advertised(window)
    return header.write(into: &frame)
  }

  // MARK: What arrives

  /// Whether a segment is text that comes next, with nothing else new in it, to a connection that has nothing to send:
  /// the steps of RFC 9293 §3.10.7.4 would change no more than `expectedTextArrived` does. (Header prediction, as in
  /// RFC 7323 §4.3 and appendix.)
  @inline(__always)
  borrowing func isExpectedText(_ header: TCPHeader, _ payload: RawSpan) -> Bool {
    guard header.sequence == receive.next, header.acknowledgment == send.next, send.flight == 0,
      header.flags == .ack || header.flags == [.ack, .psh], opening == .synchronized, send.phase == .open,
      send.unsent == 0, receive.isPlain, payload.byteCount > 0, payload.byteCount <= receive.window,
      header.window > 0, timers.exclusive == .none
    else { return false }
    guard agreed.timestamps else { return header.options.isEmpty }
    guard header.options.isTimestampsAlone, let timestamps = header.options.timestamps else { return false }
    return Int32(bitPattern: timestamps.value &- timestampRecent) >= 0
  }

  /// - Precondition: `isExpectedText`.
  @inline(__always)
  mutating func expectedTextArrived(_ header: TCPHeader, _ payload: RawSpan, at now: Instant) {
    receive.appendExpected(payload)
    noteExpected(header, payload.byteCount, at: now)
  }

  /// Takes a segment whose checksum nobody has looked at yet, if it is text that comes next: the one pass that copies the
  /// text sums it up, too.
  ///
  /// - Parameter sum: of the pseudo-header and the segment's header.
  /// - Returns: whether it was taken; otherwise nothing has changed, and its checksum is still to be looked at.
  @inline(__always)
  package mutating func takeExpectedText(
    _ header: TCPHeader, _ payload: RawSpan, completing sum: UInt32, at now: Instant
  ) -> Bool {
    guard isExpectedText(header, payload), receive.buffer.extent == receive.buffer.count,
      receive.appendExpected(payload, completing: sum)
    else { return false }
    statistics.segmentsReceived += 1
    noteExpected(header, payload.byteCount, at: now)
    checkInvariants()
    return true
  }

  @inline(__always)
  private mutating func noteExpected(_ header: TCPHeader, _ octets: Int, at now: Instant) {
    heard(at: now)
    rememberTimestamp(header, at: now)
    send.updateWindow(
      Int(header.window) << Int(send.windowShift), sequence: header.sequence,
      acknowledgment: header.acknowledgment)
    timers.windowProbes = 0
    statistics.bytesReceived += UInt64(octets)
    acknowledgments.dataArrived(
      next: receive.next, fullSegment: receive.largestPayload, delay: configuration.delayedAcknowledgment,
      at: now)
    notices.insert(.readable)
  }

  /// Until when there is nothing to do but to hold an ACK back, if that is all there is: a host need not ask.
  @inline(__always)
  package borrowing func waitsToAcknowledge(at now: Instant) -> Instant? {
    guard case .delayed(let until) = acknowledgments.duty, until > now, timers.exclusive == .none,
      opening == .synchronized, send.phase == .open, receive.phase == .open, send.unsent == 0,
      configuration.keepAlive == nil, timers.orphanedAt == nil, resetDue == nil, send.resendNext == nil,
      !receive.windowUpdateDue
    else { return nil }
    return until
  }

  #if DEBUG
    /// The shorter way leads where the longer one does.
    package borrowing func assertCommonSegmentAgrees(with plan: SegmentPlan?, at now: Instant) {
      switch commonSegment(at: now) {
      case .other: break
      case .nothing: assert(plan == nil, "nothing leaves")
      case .text(let length):
        assert(plan?.purpose == .data && plan?.payloadLength == length && plan?.sequence == send.next)
        assert(plan?.headerLength == commonHeaderLength && plan?.urgentPointer == 0)
        assert(plan?.isMarkable == textIsMarkable)
        let pushes = send.next + length == send.queuedEnd
        assert(plan?.flags == (pushes ? [.ack, .psh] : .ack))
      case .acknowledgment(let reason):
        assert(plan?.purpose == .acknowledgment(reason) && plan?.payloadLength == 0 && plan?.flags == .ack)
        assert(plan?.headerLength == commonHeaderLength && plan?.sequence == acceptableSequence)
      }
    }
  #endif
}
