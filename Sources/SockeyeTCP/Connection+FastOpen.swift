// Text on the SYN and before the end of the handshake (RFC 7413): the client's SYN and what its answer means, and the
// server's connection that begins with text. Cookies are in FastOpen.

import SockeyeBytes
import SockeyeWire

extension Connection {
  /// What came of Fast Open, once it is known; nil before, and afterwards.
  public mutating func takeFastOpenResult() -> FastOpenResult? {
    guard let fastOpen, let result = fastOpen.result else { return nil }
    fastOpen.result = nil
    if fastOpen.textEnd == nil { self.fastOpen = nil }
    return result
  }

  /// Puts cookie and text onto our first SYN (RFC 7413 §4.2.1), or a new cookie onto our first SYN,ACK. A copy has neither
  /// (7413-5), for what drops such a SYN drops the next one, too.
  borrowing func addFastOpen(to plan: inout SegmentPlan) {
    guard let fastOpen, send.next == send.initial, isPassive || opening == .synchronizeSent else { return }
    plan.options.fastOpen = fastOpen.cookie
    // A server has no room for text there.
    let passes = pathLimit - Constants.headerLength - Constants.optionSpace
    plan.payloadLength = max(0, min(fastOpen.room, passes, send.buffer.count))
  }

  /// The peer answers our SYN. What it doesn't acknowledge of the text counts as never sent, so that it leaves with the
  /// first ACK (7413-7).
  mutating func fastOpenAnswered(_ header: TCPHeader) {
    guard let fastOpen, fastOpen.isClient else { return }
    var result = FastOpenResult()
    result.sent = fastOpen.sent
    result.accepted = header.acknowledgment - (send.initial + 1)
    result.segmentSize = header.options.maximumSegmentSize.map { Int($0) }
    // What was not asked for is nobody's to remember.
    if fastOpen.cookie != nil, let cookie = header.options.fastOpen, !cookie.isRequest {
      result.cookie = cookie
    }
    let isIgnored = result.sent > 0 && result.accepted == 0 && result.cookie == nil
    result.isRefused = isIgnored || timers.retransmissions > 0
    if result.sent > 0 {
      fastOpenOutcome =
        result.accepted == result.sent ? .taken : timers.retransmissions > 0 ? .repeated : .notTaken
    }
    statistics.bytesSent -= UInt64(result.sent - result.accepted)
    if header.acknowledgment < send.next { fastOpen.textEnd = send.next }
    send.rollBack(to: header.acknowledgment)
    fastOpen.result = result
    notices.insert(.fastOpen)
  }

  /// An ACK lies above SND.NXT. A server may hold the text of a SYN back and acknowledge it once the handshake is over (RFC 9293
  /// §3.10.7.2), while what leaves again has not come as far, in smaller segments for example.
  ///
  /// - Returns: whether it acknowledges what left with our SYN; that counts as sent then.
  mutating func acknowledgesSynchronizeText(_ acknowledgment: SequenceNumber, at now: Instant) -> Bool {
    guard let end = fastOpen?.textEnd, acknowledgment > send.next, acknowledgment <= end else { return false }
    let from = send.next
    let isFirst = send.flight == 0
    statistics.bytesSent += UInt64(acknowledgment - from)
    send.sent(upTo: acknowledgment, finish: false)
    logSent(from: from, to: acknowledgment, isFirst: isFirst, at: now)
    // It answers our SYN and not what left since.
    timed = nil
    return true
  }

  /// Whether text has left with our SYN before, up to this number: it was cut to fit there, which says nothing of how the user
  /// writes.
  func leftWithSynchronize(_ end: SequenceNumber) -> Bool {
    guard let textEnd = fastOpen?.textEnd else { return false }
    return end <= textEnd
  }

  /// The handshake has failed: whatever has dropped our SYNs may have done so for what was on the first (7413-7).
  mutating func fastOpenFailed(_ reason: CloseReason) {
    guard let fastOpen, fastOpen.isClient, opening == .synchronizeSent else { return }
    switch reason {
    case .timedOut, .unreachable:
      fastOpen.result = FastOpenResult(isRefused: true, sent: fastOpen.sent)
      if fastOpen.sent > 0 { fastOpenOutcome = .repeated }
      notices.insert(.fastOpen)
    case .finished, .aborted, .reset, .refused, .keepAliveTimedOut, .orphaned, .noResources:
      break
    }
  }

  /// The server's side (RFC 7413 §4.2.2): the SYN came with a good cookie, so its text is delivered at once, and answered
  /// before the handshake is over if the user answers. The connection is in SYN-RECEIVED, and its SYN,ACK is still to
  /// leave.
  public init(fastOpening handshake: consuming PassiveHandshake, at now: Instant) {
    let takesMarks = handshake.agreed.congestionNotification
    self.init(
      handshake.parameters, opening: .synchronizeReceived, isPassive: true,
      peerSequence: handshake.peerSequence, at: now)
    transitions.append(from: .listen, to: .synReceived)
    send.setWindow(
      Int(handshake.peerWindow), sequence: handshake.peerSequence, acknowledgment: send.initial)
    adoptPeerOptions(handshake.peerOptions, at: now)
    agreed.congestionNotification = takesMarks
    if !agreed.windowScaling { receive.stopScaling() }
    fastOpen = FastOpenState(renewing: handshake.offeredCookie)
    // Stored once, it lies in one piece.
    handshake.held.withReadableBytes { text, _ in
      if text.byteCount > 0 { _ = receive.place(text, at: receive.next) }
    }
    if receive.buffer.count > 0 {
      notices.insert(.readable)
      fastOpenOutcome = .taken
    }
    statistics.bytesReceived += UInt64(receive.buffer.count)
    statistics.segmentsReceived += 1
  }

  /// Whether text may leave before our SYN is acknowledged.
  var answersEarly: Bool { isPassive && fastOpen != nil && opening == .synchronizeReceived }
}
