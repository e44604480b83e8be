// SEGMENT ARRIVES in the model (RFC 9293 §3.10.7, with RFC 5961's exactness and RFC 1337's first fix), in the order of the
// text. Where the RFC leaves a freedom, or the engine takes one, it says so here.

import SockeyeTCP
import SockeyeWire

/// A segment of the peer's.
struct ModelSegment {
  var flags: TCPFlags
  var sequence: Int
  var acknowledgment: Int
  var text: [UInt8]
  var window: Int

  /// SEG.LEN.
  var length: Int { text.count + (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0) }
}

extension ModelTCP {
  mutating func arrives(_ segment: ModelSegment) -> Answer {
    switch state {
    case .closed: segment.flags.contains(.rst) ? .nothing : Self.reset(answering: segment)
    case .listen: arrivesInListen(segment)
    case .synSent: arrivesInSynSent(segment)
    case .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck, .timeWait:
      arrivesLater(segment)
    }
  }

  /// §3.10.7.1: the RST that makes its receiver believe it.
  private static func reset(answering segment: ModelSegment) -> Answer {
    segment.flags.contains(.ack)
      ? .reset(sequence: segment.acknowledgment, acknowledgment: nil)
      : .reset(sequence: 0, acknowledgment: segment.sequence + segment.length)
  }

  // MARK: LISTEN (§3.10.7.2)

  private mutating func arrivesInListen(_ segment: ModelSegment) -> Answer {
    if segment.flags.contains(.rst) { return .nothing }
    if segment.flags.contains(.ack) { return Self.reset(answering: segment) }
    guard segment.flags.contains(.syn) else { return .nothing }
    expected = segment.sequence + 1
    edge = expected + capacity
    (unacknowledged, next) = (0, 1)
    state = .synReceived
    return .synchronize
  }

  // MARK: SYN-SENT (§3.10.7.3)

  private mutating func arrivesInSynSent(_ segment: ModelSegment) -> Answer {
    let acknowledges = segment.flags.contains(.ack)
    if acknowledges, segment.acknowledgment <= 0 || segment.acknowledgment > next {
      return segment.flags.contains(.rst) ? .nothing : Self.reset(answering: segment)
    }
    if segment.flags.contains(.rst) {
      if acknowledges { state = .closed }
      return .nothing
    }
    guard segment.flags.contains(.syn) else { return .nothing }
    expected = segment.sequence + 1
    edge = expected + capacity
    setWindow(segment)
    guard acknowledges else {
      state = .synReceived
      return .synchronize
    }
    unacknowledged = segment.acknowledgment
    state = .established
    return .acknowledgment
  }

  // MARK: All other states (§3.10.7.4)

  private mutating func arrivesLater(_ segment: ModelSegment) -> Answer {
    var segment = segment
    var answer = Answer.nothing
    if repeatsSynchronize(segment) {
      // §3.5, figure 8: the SYN,ACK of a simultaneous open acknowledges our SYN; its own SYN has been taken.
      segment.flags.remove(.syn)
      segment.sequence += 1
      answer = .acknowledgment
    } else if let refused = checkSequence(&segment, &answer) {
      return refused
    }
    if segment.flags.contains(.rst) { return resetArrives(segment) }
    if segment.flags.contains(.syn) { return synchronizeArrives() }
    guard segment.flags.contains(.ack) else { return answer }
    if let refused = acknowledgmentArrives(segment) { return refused }
    if state == .closed { return .nothing }
    return textArrives(segment, answer)
  }

  private func repeatsSynchronize(_ segment: ModelSegment) -> Bool {
    state == .synReceived && !isPassive && segment.flags.contains([.syn, .ack])
      && !segment.flags.contains(.rst) && segment.sequence == expected - 1
  }

  /// First, the sequence number (table 6).
  private func checkSequence(_ segment: inout ModelSegment, _ answer: inout Answer) -> Answer? {
    let last = segment.sequence + segment.length - 1
    let isInWindow = { (number: Int) in number >= self.expected && number < self.edge }
    let isAcceptable: Bool
    switch (segment.length > 0, edge > expected) {
    case (false, false):
      // A peer whose octet probed our closed window stands one further; its ACK counts (freedom of appendix A.2).
      isAcceptable =
        segment.sequence == expected || segment.sequence == expected + 1 && !segment.flags.contains(.rst)
    case (false, true): isAcceptable = isInWindow(segment.sequence)
    case (true, false):
      // "Special allowance should be made to accept valid ACKs, URGs, and RSTs": its text is not taken.
      guard segment.sequence == expected, !segment.flags.contains(.syn) || segment.flags.contains(.rst) else {
        isAcceptable = false
        break
      }
      segment.text = []
      segment.flags.remove(.fin)
      if !segment.flags.contains(.rst) { answer = .acknowledgment }
      return nil
    case (true, true):
      isAcceptable =
        isInWindow(segment.sequence) || isInWindow(last)
        || segment.sequence < expected && last >= edge
    }
    if isAcceptable { return nil }
    if segment.flags.contains(.rst) { return .nothing }
    if state == .synReceived, segment.flags.contains(.syn) { return .synchronizeOrAcknowledgment }
    return .acknowledgment
  }

  /// Second, the RST bit (RFC 5961 §3.2).
  private mutating func resetArrives(_ segment: ModelSegment) -> Answer {
    // RFC 1337 §3 (F1): TIME-WAIT is not cut short by a RST, which RFC 9293 would have done, and need not answer it.
    if state == .timeWait { return .mayAcknowledge }
    guard segment.sequence == expected || deviation == .resetAnywhereInWindow else { return .acknowledgment }
    switch state {
    case .synReceived: state = isPassive ? .listen : .closed
    case .closed, .listen, .synSent, .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck,
      .timeWait:
      state = .closed
    }
    return .nothing
  }

  /// Fourth, the SYN bit (RFC 5961 §4.2).
  private mutating func synchronizeArrives() -> Answer {
    if state == .synReceived, isPassive {
      state = .listen
      return .nothing
    }
    if deviation == .synchronizeResets { state = .closed }
    return .acknowledgment
  }

  /// Fifth, the ACK field.
  private mutating func acknowledgmentArrives(_ segment: ModelSegment) -> Answer? {
    let number = segment.acknowledgment
    if state == .synReceived {
      guard number > unacknowledged, number <= next else { return Self.reset(answering: segment) }
      unacknowledged = number
      setWindow(segment)
      state = closeCalled ? .finWait1 : .established
      return nil
    }
    // RFC 5961 §5.2.
    if number > next, deviation != .acknowledgmentOfFutureCounts { return .acknowledgment }
    if number < unacknowledged - maximumWindow { return .acknowledgment }
    if number > unacknowledged { unacknowledged = number }
    if number == unacknowledged { updateWindow(segment) }
    guard finishIsAcknowledged else { return nil }
    switch state {
    case .finWait1: state = .finWait2
    case .closing: state = deviation == .timeWaitIsSkipped ? .closed : .timeWait
    case .lastAck: state = .closed
    case .closed, .listen, .synSent, .synReceived, .established, .finWait2, .closeWait, .timeWait: break
    }
    return nil
  }

  private mutating func setWindow(_ segment: ModelSegment) {
    window = segment.window
    maximumWindow = max(maximumWindow, window)
    windowSequence = segment.sequence
    windowAcknowledgment = segment.flags.contains(.ack) ? segment.acknowledgment : 0
  }

  /// "If SND.WL1 < SEG.SEQ or (SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK)".
  ///
  /// A freedom taken: one that acknowledges more than all before is new, too, though it repeat text. To the letter, SND.UNA
  /// would move and SND.WND stay, and the window's right edge pass what the peer has ever offered (§3.8.6 SHLD-14).
  private mutating func updateWindow(_ segment: ModelSegment) {
    let isNew =
      windowSequence < segment.sequence || windowAcknowledgment < segment.acknowledgment
      || windowSequence == segment.sequence && windowAcknowledgment <= segment.acknowledgment
    if isNew || deviation == .oldWindowCounts { setWindow(segment) }
  }

  /// Seventh, the text, and eighth, the FIN.
  private mutating func textArrives(_ segment: ModelSegment, _ answer: Answer) -> Answer {
    let carries = !segment.text.isEmpty || segment.flags.contains(.fin)
    switch state {
    case .closed, .listen, .synSent, .synReceived: return answer
    case .timeWait:
      // Only the ACK that a peer in order would send last is not to be answered, or the two would never end.
      let isInOrder = segment.sequence == expected && segment.acknowledgment == next
      return carries || !isInOrder ? .mayAcknowledge : answer
    case .closeWait, .closing, .lastAck:
      // "This should not occur": ignored; to say again where the stream ended is a freedom.
      return carries ? .mayAcknowledge : answer
    case .established, .finWait1, .finWait2: break
    }
    guard carries else { return answer }
    for (offset, octet) in segment.text.enumerated() {
      let number = segment.sequence + offset
      if number >= expected, number < edge { held[number] = octet }
    }
    let finish = segment.sequence + segment.text.count
    // The FIN takes a number too, which must lie in the window.
    if segment.flags.contains(.fin), finish >= expected, finish < edge { heldFinish = finish }
    let before = expected
    while let octet = held.removeValue(forKey: expected) {
      readable.append(octet)
      expected += 1
    }
    if heldFinish == expected { finishArrives() }
    return deviation == .outOfOrderIsSilent && expected == before ? .nothing : .acknowledgment
  }

  private mutating func finishArrives() {
    expected += 1
    edge = max(edge, expected)
    switch state {
    case .established: state = .closeWait
    // Our FIN is not acknowledged, or this would be FIN-WAIT-2.
    case .finWait1: state = .closing
    case .finWait2: state = .timeWait
    case .closed, .listen, .synSent, .synReceived, .closeWait, .closing, .lastAck, .timeWait: break
    }
  }
}
