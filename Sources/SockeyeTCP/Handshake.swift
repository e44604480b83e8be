// The passive side of the three-way handshake: SYN-RECEIVED without a connection, so that a SYN costs little.
// A listener never turns into a connection; a completed handshake becomes one.

import SockeyeBytes
import SockeyeWire

/// What a listener does with a segment (RFC 9293 §3.10.7.2).
public enum ListenDecision: Sendable, Equatable {
  case drop(DropReason)
  case reset(SegmentPlan)
  /// Make a `PassiveHandshake` of it.
  case open

  /// Decides by the RFC's order: RST, ACK, SYN, anything else.
  public static func decide(_ header: TCPHeader, payloadLength: Int) -> ListenDecision {
    if header.flags.contains(.rst) { return .drop(.notForState) }
    if header.flags.contains(.ack) {
      guard
        let plan = SegmentPlan.reset(
          answering: header, payloadLength: payloadLength, reason: .unacceptableAcknowledgment)
      else { return .drop(.notForState) }
      return .reset(plan)
    }
    return header.flags.contains(.syn) ? .open : .drop(.notForState)
  }
}

/// What became of a segment that came for a handshake.
public enum HandshakeOutcome: Sendable, Equatable {
  case accepted
  case dropped(DropReason)
  /// Send this; the handshake goes on (RFC 9293 §3.10.7.4, fifth step).
  case reset(SegmentPlan)
  /// Make a `Connection(completing:)` and give it this same segment.
  case completed
  /// The peer refused; the listener goes on and nobody is told (MUST-11).
  case returnToListen
}

/// One connection request that a listener has answered or is about to answer.
public struct PassiveHandshake: ~Copyable {
  let parameters: OpenParameters
  /// IRS.
  let peerSequence: SequenceNumber
  let peerOptions: TCPOptions
  let peerWindow: UInt16
  /// The SYN asked for explicit congestion notification (RFC 3168 §6.1.1).
  let asksForMarks: Bool
  /// Text that came with the SYN, kept until the handshake is complete (RFC 9293 §3.10.7.2, third step).
  var held: ByteRing
  let heldFinish: Bool
  let openedAt: Instant
  /// Whether `openedAt` tells when the SYN,ACK left.
  private let isTimed: Bool
  /// When the SYN,ACK is to leave, first or again.
  private var deadline: Instant
  private var copies: UInt8 = 0
  private var answerRepeat = false
  private var timeout: Interval
  private var challenges: ChallengeLimiter
  private var acknowledgeUnacceptable = false
  /// The octets of `offeredCookie`; zero: none.
  private var offeredOctets: UInt64 = 0
  /// What the first SYN,ACK hands out to a client that asked (RFC 7413 §4.1.2), eight octets; a copy of it does not
  /// (7413-5).
  public var offeredCookie: FastOpenCookie? {
    get { offeredOctets == 0 ? nil : FastOpenCookie(offeredOctets) }
    set { offeredOctets = newValue?.high ?? 0 }
  }

  /// - Parameters:
  ///   - listen: How the listener opens connections; ISS and timestamp offset for this one.
  ///   - header: The SYN.
  ///   - payload: Its text.
  ///   - heldLimit: How much of the text may be kept, octets; what is not kept the peer sends again.
  public init(
    listen: OpenParameters, header: TCPHeader, payload: RawSpan, heldLimit: Int, at now: Instant
  ) {
    parameters = listen
    challenges = ChallengeLimiter(secret: listen.timestampOffset)
    peerSequence = header.sequence
    peerOptions = header.options
    peerWindow = header.window
    asksForMarks = header.flags.contains([.ece, .cwr])
    let count = min(payload.byteCount, min(heldLimit, listen.initialWindow))
    held = ByteRing(capacity: count)
    if count > 0 { _ = held.append(payload.extracting(0..<count)) }
    heldFinish = header.flags.contains(.fin) && count == payload.byteCount
    openedAt = now
    isTimed = true
    deadline = now
    timeout = listen.configuration.initialRetransmissionTimeout
  }

  /// A handshake of which nothing was kept, made again of the segment that answered its SYN,ACK.
  /// - Parameters:
  ///   - listen: how the listener opened it, ISS included.
  ///   - header: the segment.
  ///   - options: those of the SYN.
  ///   - asksForMarks: whether the SYN asked for explicit congestion notification.
  ///   - openedAt: when the SYN,ACK left; nil if nobody knows.
  init(
    answered listen: OpenParameters, by header: TCPHeader, options: TCPOptions, asksForMarks: Bool,
    openedAt: Instant?,
    at now: Instant
  ) {
    parameters = listen
    challenges = ChallengeLimiter(secret: listen.timestampOffset)
    peerSequence = header.sequence - 1
    peerOptions = options
    // Until the segment's own window is looked at; that of the SYN is not known.
    peerWindow = header.window
    self.asksForMarks = asksForMarks
    held = ByteRing(capacity: 0)
    heldFinish = false
    self.openedAt = openedAt ?? now
    isTimed = openedAt != nil
    deadline = .distantFuture
    copies = 1
    timeout = listen.configuration.initialRetransmissionTimeout
  }

  private var next: SequenceNumber { peerSequence + 1 }

  var agreed: AgreedOptions {
    AgreedOptions(
      windowScaling: parameters.windowShift != nil && peerOptions.windowScale != nil,
      timestamps: parameters.configuration.timestamps && peerOptions.timestamps != nil,
      selectiveAcknowledgments: parameters.configuration.selectiveAcknowledgments
        && peerOptions.sackPermitted,
      congestionNotification: parameters.configuration.explicitCongestionNotification != .off && asksForMarks
    )
  }

  public var state: TCPState { .synReceived }

  /// Octets kept, for the host's budget.
  public var bufferedBytes: Int { held.allocatedBytes }

  /// RFC 9293 §3.10.7.4 for SYN-RECEIVED after a passive OPEN.
  public mutating func segmentArrived(
    _ header: TCPHeader, payloadLength: Int, at now: Instant
  ) -> HandshakeOutcome {
    let flags = header.flags
    if agreed.timestamps, !flags.contains(.rst), !flags.contains(.syn) {
      let timestamps = header.options.timestamps
      if timestamps == nil, parameters.configuration.requiresTimestamps { return .dropped(.missingTimestamp) }
      if let timestamps, let first = peerOptions.timestamps,
        Int32(bitPattern: timestamps.value &- first.value) < 0
      {
        acknowledgeUnacceptable = challenges.allowChallenge(at: now)
        return .dropped(.oldTimestamp)
      }
    }
    // A copy of the SYN: our answer was lost, or is on its way.
    if flags.contains(.syn), !flags.contains(.ack), !flags.contains(.rst), header.sequence == peerSequence {
      if challenges.allowChallenge(at: now), copies > 0 { answerRepeat = true }
      return .dropped(.duplicateHandshake)
    }
    let length =
      payloadLength + (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0)
    let offset = header.sequence - next
    let window = parameters.initialWindow
    let acceptable =
      length == 0
      ? offset >= 0 && offset < max(window, 1)
      : (offset >= 0 && offset < window) || (offset + length - 1 >= 0 && offset + length - 1 < window)
    guard acceptable else {
      if !flags.contains(.rst) { acknowledgeUnacceptable = challenges.allowChallenge(at: now) }
      return .dropped(.outsideWindow)
    }
    if flags.contains(.rst) {
      if offset == 0 { return .returnToListen }
      // RFC 5961 §3.2.
      acknowledgeUnacceptable = challenges.allowChallenge(at: now)
      return .dropped(.resetNotExact)
    }
    // RFC 9293 §3.10.7.4, fourth step: a new SYN inside the window ends a passive handshake.
    if flags.contains(.syn) { return .returnToListen }
    guard flags.contains(.ack) else { return .dropped(.missingAcknowledgment) }
    guard header.acknowledgment == parameters.initialSequence + 1, copies > 0 else {
      guard
        let plan = SegmentPlan.reset(
          answering: header, payloadLength: payloadLength, reason: .unacceptableAcknowledgment)
      else { return .dropped(.unacceptableAcknowledgment) }
      return .reset(plan)
    }
    return .completed
  }

  /// Whether the ACK that would complete the handshake is let pass by, because the user wants to hear of the connection when
  /// it has text: that will complete it, or, after the time that the configuration gives, any ACK. The SYN,ACK leaves once
  /// more when the time is over and not before.
  public mutating func waitsForText(_ header: TCPHeader, payloadLength: Int, at now: Instant) -> Bool {
    guard let time = parameters.configuration.acceptDeferral, openedAt + time > now, payloadLength == 0,
      !header.flags.contains(.fin), held.count == 0
    else { return false }
    deadline = openedAt + time
    return true
  }

  /// What to send now, if anything. Pure, as `Connection.plan` is.
  public borrowing func plan(at now: Instant) -> TransmissionPlan {
    if let limit = parameters.configuration.connectTimeout, openedAt + limit <= now {
      return .abandon(.timedOut)
    }
    if deadline <= now {
      let purpose: SegmentPurpose =
        copies == 0
        ? .synchronizeAcknowledge : .retransmission(count: Int(copies), timeout: timeout, cause: .timeout)
      return .segment(synchronizePlan(purpose, at: now))
    }
    if answerRepeat { return .segment(synchronizePlan(.synchronizeAcknowledge, at: now)) }
    if acknowledgeUnacceptable {
      return .segment(
        SegmentPlan(
          sequence: parameters.initialSequence + 1, acknowledgment: next, flags: .ack,
          window: UInt16(
            parameters.initialWindow >> (agreed.windowScaling ? Int(parameters.windowShift ?? 0) : 0)),
          options: plainOptions(at: now), purpose: .acknowledgment(.unacceptable)))
    }
    guard let limit = parameters.configuration.connectTimeout else { return .wait(until: deadline) }
    return .wait(until: min(deadline, openedAt + limit))
  }

  /// Notes that the planned segment has left; `SegmentPlan.write` made its bytes.
  public mutating func sent(_ plan: SegmentPlan, at now: Instant) {
    switch plan.purpose {
    case .synchronizeAcknowledge, .retransmission:
      if deadline <= now {
        if copies > 0 {
          timeout = min(timeout * 2, parameters.configuration.maximumRetransmissionTimeout)
        }
        copies = min(copies + 1, 250)
        deadline = now + timeout
      }
      answerRepeat = false
    case .acknowledgment:
      acknowledgeUnacceptable = false
    case .synchronize, .data, .tailLossProbe, .pathProbe, .finish, .windowUpdate, .zeroWindowProbe,
      .keepAlive, .reset:
      break
    }
  }

  /// The SYN,ACK had to be sent more than once.
  var wasRepeated: Bool { copies > 1 }

  /// When the SYN,ACK that the peer answers left, if that is certain (RFC 6298 §3, Karn's rule).
  var timedFrom: Instant? { isTimed && !wasRepeated ? openedAt : nil }

  /// The SYN,ACK of a handshake that isn't kept, with a mark in its timestamp.
  borrowing func answer(marked mark: CookieMark, at now: Instant) -> SegmentPlan {
    var plan = synchronizePlan(.synchronizeAcknowledge, at: now)
    plan.options.timestamps = plan.options.timestamps.map {
      TimestampOption(value: mark.marking($0.value), echo: $0.echo)
    }
    return plan
  }

  private borrowing func synchronizePlan(_ purpose: SegmentPurpose, at now: Instant) -> SegmentPlan {
    var plan = SegmentPlan(
      sequence: parameters.initialSequence, acknowledgment: next,
      flags: agreed.congestionNotification ? [.syn, .ack, .ece] : [.syn, .ack],
      window: UInt16(parameters.initialWindow),
      options: .synchronize(
        segmentSize: parameters.announcedSegmentSize,
        windowShift: agreed.windowScaling ? parameters.windowShift : nil, agreed: agreed,
        timestamps: timestamps(at: now)),
      purpose: purpose)
    if copies == 0 { plan.options.fastOpen = offeredCookie }
    return plan
  }

  private borrowing func plainOptions(at now: Instant) -> TCPOptions {
    var options = TCPOptions()
    if agreed.timestamps { options.timestamps = timestamps(at: now) }
    return options
  }

  private borrowing func timestamps(at now: Instant) -> TimestampOption {
    TimestampOption(
      value: UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000) &+ parameters.timestampOffset,
      echo: peerOptions.timestamps?.value ?? 0)
  }
}

extension TCPOptions {
  /// The options of a SYN or SYN,ACK.
  static func synchronize(
    segmentSize: Int, windowShift: UInt8?, agreed: AgreedOptions, timestamps: TimestampOption
  ) -> TCPOptions {
    var options = TCPOptions()
    // RFC 9293 §3.7.1 SHLD-5 and MAY-3: on every SYN.
    options.maximumSegmentSize = UInt16(min(segmentSize, 65_535))
    options.windowScale = windowShift
    options.sackPermitted = agreed.selectiveAcknowledgments
    options.timestamps = agreed.timestamps ? timestamps : nil
    return options
  }
}

extension Connection {
  /// Makes the connection of a handshake that `segmentArrived` called completed. It is in SYN-RECEIVED; give it
  /// the segment that completed the handshake next.
  public init(completing handshake: consuming PassiveHandshake, at now: Instant) {
    let takesMarks = handshake.agreed.congestionNotification
    self.init(
      handshake.parameters, opening: .synchronizeReceived, isPassive: true,
      peerSequence: handshake.peerSequence, at: handshake.openedAt)
    send.sent(upTo: send.initial + 1, finish: false)
    send.setWindow(
      Int(handshake.peerWindow), sequence: handshake.peerSequence, acknowledgment: send.initial)
    adoptPeerOptions(handshake.peerOptions, at: handshake.openedAt)
    agreed.congestionNotification = takesMarks
    if !agreed.windowScaling { receive.stopScaling() }
    timers.retransmissions = handshake.wasRepeated ? 1 : 0
    timers.heardAt = now
    if let sentAt = handshake.timedFrom { timed = TimedSegment(end: send.next, sentAt: sentAt) }
    let count = handshake.held.count
    // Stored once, it lies in one piece.
    handshake.held.withReadableBytes { text, _ in
      if text.byteCount > 0 { receive.hold(text, at: receive.next) }
    }
    if handshake.heldFinish { receive.notePendingFinish(at: receive.next + count) }
  }
}
