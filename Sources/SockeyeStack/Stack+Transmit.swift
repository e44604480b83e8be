// Holds the one way out: which frame leaves next, and its bytes. What a segment says is decided by its connection.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

/// A segment that belongs to no connection any more, or never did.
struct Reply {
  let plan: SegmentPlan
  let envelope: Envelope
  let authenticator: SegmentAuthenticator?
}

extension Stack {
  /// How many frames the host may send to itself before it gives the driver a chance.
  private static var loopbackBurst: Int { 16_384 }

  /// Writes the next frame that is to leave, if there is one.
  ///
  /// - Parameter frame: gets the frame appended; must have `largestFrame` octets free.
  /// - Returns: where the frame is to go and what it is; nil, and nothing is written, when nothing is to be sent.
  public mutating func nextFrame(into frame: inout OutputRawSpan) -> FrameMetadata? {
    precondition(frame.freeCapacity >= largestFrame, "a frame needs room for the largest MTU")
    let start = frame.byteCount
    loopbackPending = false
    for _ in 0..<Self.loopbackBurst {
      guard let sent = emitNext(into: &frame, from: start) else { return nil }
      guard sent.link == .loopback else {
        statistics.framesSent += 1
        return sent
      }
      // What the host sends to itself it receives at once.
      statistics.framesLooped += 1
      receivePacket(frame.bytes.extracting(start..<frame.byteCount), on: .loopback, checksum: .unverified)
      frame.removeLast(sent.length)
    }
    loopbackPending = true
    return nil
  }

  @inline(__always)
  private mutating func emitNext(into frame: inout OutputRawSpan, from start: Int) -> FrameMetadata? {
    while true {
      // Most often only connections have something to say.
      let isQuiet = replies.isEmpty && readyHandshakes.isEmpty && datagrams.isEmpty
      if !isQuiet, let metadata = emitOther(into: &frame, from: start) { return metadata }
      if let metadata = emitConnection(into: &frame, from: start) { return metadata }
      if isQuiet { return nil }
    }
  }

  /// Asks each source of frames in turn, so that none can keep the others waiting.
  /// - Returns: nil when it is the connections' turn, or when nothing waits.
  private mutating func emitOther(into frame: inout OutputRawSpan, from start: Int) -> FrameMetadata? {
    for _ in 0..<4 {
      let source = turn
      turn = (turn + 1) & 3
      let metadata: FrameMetadata?
      switch source {
      case 0: metadata = emitReply(into: &frame, from: start)
      case 1: metadata = emitHandshake(into: &frame, from: start)
      case 2: metadata = emitDatagram(into: &frame, from: start)
      default:
        if !readyConnections.isEmpty { return nil }
        metadata = nil
      }
      if let metadata { return metadata }
    }
    return nil
  }

  // MARK: Connections

  @inline(__always)
  private mutating func emitConnection(into frame: inout OutputRawSpan, from start: Int) -> FrameMetadata? {
    while let index = readyConnections.first {
      guard let key = connections.key(at: index) else {
        readyConnections.remove(index)
        continue
      }
      // Whoever watches wants to know more than the shorter way tells.
      let outcome = observing ? .other : connections[key].sendCommon(into: &frame, at: now)
      switch outcome {
      case .sent(let purpose): return left(purpose, of: key, length: frame.byteCount - start)
      case .nothing: rest(key)
      case .other: if let metadata = emitPlanned(key, into: &frame, from: start) { return metadata }
      }
    }
    return nil
  }

  /// What time has done to the connection, and the three parts of its plan, one at a time.
  private mutating func emitPlanned(
    _ key: ConnectionKey, into frame: inout OutputRawSpan, from start: Int
  ) -> FrameMetadata? {
    if let reason = connections[key].connection.abandonReason(at: now) {
      prepare(key)
      connections[key].connection.abandon(reason)
      settle(key)
    } else if connections[key].connection.advance(to: now) {
      note(key)
    } else if let plan = connections[key].connection.nextSegment(at: now) {
      return emit(plan, of: key, into: &frame, from: start)
    } else {
      rest(key)
    }
    return nil
  }

  @inline(__always)
  private mutating func emit(
    _ plan: SegmentPlan, of key: ConnectionKey, into frame: inout OutputRawSpan, from start: Int
  ) -> FrameMetadata {
    prepare(key)
    // One segment a turn: the next connection comes first next time.
    readyConnections.rotate()
    if let authenticator = connections[key].authenticator {
      let signed = connections[key].emitSigned(plan, by: authenticator, into: &frame, at: now)
      if observing { observeSent(signed, connections[key].envelope) }
    } else {
      connections[key].emit(plan, into: &frame, at: now)
      if observing { observeSent(plan, connections[key].envelope) }
    }
    let metadata = FrameMetadata(
      link: connections[key].envelope.link, length: frame.byteCount - start,
      connection: connections[key].ownership.isKnown ? ConnectionID(key) : nil, purpose: plan.purpose)
    count(plan)
    note(key)
    return metadata
  }

  /// A common segment has left.
  @inline(__always)
  private mutating func left(_ purpose: SegmentPurpose, of key: ConnectionKey, length: Int) -> FrameMetadata {
    // One segment a turn: the next connection comes first next time.
    readyConnections.rotate()
    statistics.tcp.segmentsSent += 1
    if connections[key].hasNews || budget.isTight { note(key) }
    return FrameMetadata(
      link: connections[key].envelope.link, length: length,
      connection: connections[key].ownership.isKnown ? ConnectionID(key) : nil, purpose: purpose)
  }

  /// Nothing is to be sent: the connection waits for a time, a segment or a call.
  @inline(__always)
  private mutating func rest(_ key: ConnectionKey) {
    readyConnections.remove(key.index)
    connections[key].connection.rest(at: now)
    if let deadline = connections[key].connection.nextDeadline(after: now) {
      schedule(key, at: deadline)
    } else {
      connections[key].deadline = .distantFuture
      if !connections[key].isIndexed { releaseIfDone(key) }
    }
  }

  /// Remembers when a connection wants to be asked again. The heap hears of it only if that is earlier than what
  /// it knows: most deadlines move away with each segment, and moving them in the heap would cost each time.
  mutating func schedule(_ key: ConnectionKey, at deadline: Instant) {
    connections[key].deadline = deadline
    if let known = connectionDeadlines.deadline(of: key.index), known <= deadline { return }
    connectionDeadlines.set(key.index, deadline)
  }

  // MARK: Handshakes

  private mutating func emitHandshake(into frame: inout OutputRawSpan, from start: Int) -> FrameMetadata? {
    while let index = readyHandshakes.first {
      guard let key = handshakes.key(at: index) else {
        readyHandshakes.remove(index)
        continue
      }
      switch handshakes[key].handshake.plan(at: now) {
      case .segment(let plan):
        readyHandshakes.rotate()
        let envelope = handshakes[key].envelope
        let sent = envelope.write(plan, signedBy: handshakes[key].authenticator, into: &frame)
        handshakes[key].handshake.sent(plan, at: now)
        count(plan)
        if observing { observeSent(sent, envelope) }
        return FrameMetadata(
          link: envelope.link, length: frame.byteCount - start, connection: nil, purpose: plan.purpose)
      case .wait(let deadline):
        readyHandshakes.remove(index)
        if observing, handshakeDeadlines.deadline(of: index) != deadline {
          observe(.timerArmed(handshakes[key].envelope.tuple, .retransmission, deadline: deadline))
        }
        handshakeDeadlines.set(index, deadline)
      case .idle:
        readyHandshakes.remove(index)
        handshakeDeadlines.remove(index)
      case .abandon:
        statistics.tcp.handshakesAbandoned += 1
        // The client never answered. RFC 9293 §3.10.8: the user of a passive open isn't told.
        endHandshake(key, as: .listen)
      }
    }
    return nil
  }

  // MARK: What belongs to no connection

  /// Keeps a segment until the driver has room for it; resets only as many as the host's limit allows.
  /// - Returns: whether it will be sent.
  @discardableResult
  mutating func reply(
    _ plan: SegmentPlan, _ envelope: Envelope, signedBy authenticator: SegmentAuthenticator? = nil
  ) -> Bool {
    if case .reset = plan.purpose, !resetLimit.take(at: now) {
      statistics.tcp.resetsSuppressed += 1
      return false
    }
    return replies.append(Reply(plan: plan, envelope: envelope, authenticator: authenticator))
  }

  private mutating func emitReply(into frame: inout OutputRawSpan, from start: Int) -> FrameMetadata? {
    guard let reply = replies.popFirst() else { return nil }
    let sent = reply.envelope.write(reply.plan, signedBy: reply.authenticator, into: &frame)
    count(sent)
    if observing { observeSent(sent, reply.envelope) }
    return FrameMetadata(
      link: reply.envelope.link, length: frame.byteCount - start, connection: nil, purpose: reply.plan.purpose
    )
  }

  /// Counts a segment that was written.
  private mutating func count(_ plan: SegmentPlan) {
    statistics.tcp.segmentsSent += 1
    switch plan.purpose {
    case .retransmission(_, _, let cause):
      statistics.tcp.segmentsRetransmitted += 1
      if cause == .timeout { statistics.tcp.retransmissionTimeouts += 1 }
    case .reset: statistics.tcp.resetsSent += 1
    case .tailLossProbe: statistics.tcp.tailLossProbesSent += 1
    case .pathProbe: statistics.tcp.pathProbesSent += 1
    case .zeroWindowProbe: statistics.tcp.windowProbesSent += 1
    case .keepAlive: statistics.tcp.keepAlivesSent += 1
    case .acknowledgment(let reason): if reason == .challenge { statistics.tcp.challengesSent += 1 }
    case .synchronize, .synchronizeAcknowledge, .data, .finish, .windowUpdate: break
    }
  }

  private mutating func observeSent(_ plan: SegmentPlan, _ envelope: Envelope) {
    observe(
      .segmentSent(
        SegmentRecord(
          tuple: envelope.tuple, header: plan.header(envelope.addressing), payloadLength: plan.payloadLength,
          purpose: plan.purpose)))
  }

  private mutating func emitDatagram(into frame: inout OutputRawSpan, from start: Int) -> FrameMetadata? {
    guard let (datagram, isFragment) = datagrams.emit(into: &frame) else {
      return nil
    }
    if isFragment { statistics.ip.fragmentsSent += 1 }
    if observing { observeSent(datagram, isFragment: isFragment) }
    return FrameMetadata(
      link: datagram.link, length: frame.byteCount - start, connection: nil, purpose: nil)
  }
}

extension ConnectionRecord {
  /// Appends the packet of a planned segment.
  mutating func emit(_ plan: SegmentPlan, into frame: inout OutputRawSpan, at now: Instant) {
    envelope.writeHeader(length: plan.length, isMarkable: plan.isMarkable, into: &frame)
    connection.emit(plan, addressing: envelope.addressing, into: &frame, at: now)
  }

  /// Sends what nearly always is to be sent, the shorter way.
  @inline(__always)
  mutating func sendCommon(into frame: inout OutputRawSpan, at now: Instant) -> CommonOutcome {
    let header = connection.commonHeaderLength
    switch connection.commonSegment(at: now) {
    case .text(let length):
      envelope.writeHeader(
        length: header + length, isMarkable: connection.textIsMarkable, into: &frame)
      connection.emitText(length, addressing: envelope.addressing, into: &frame, at: now)
      isBusy = true
      return .sent(.data)
    case .acknowledgment(let reason):
      envelope.writeHeader(length: header, into: &frame)
      connection.emitAcknowledgment(addressing: envelope.addressing, into: &frame, at: now)
      isBusy = true
      return .sent(.acknowledgment(reason))
    case .nothing: return .nothing
    case .other: return .other
    }
  }
}

/// What became of the attempt to send the shorter way.
enum CommonOutcome {
  case sent(SegmentPurpose)
  case nothing
  case other
}

extension Ownership {
  /// Whether the user has the connection's identifier.
  var isKnown: Bool {
    switch self {
    case .user, .leaving: true
    case .listener, .nobody: false
    }
  }
}
