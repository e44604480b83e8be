// One connection: what it holds, how it is opened, its state, and the one function through which every change
// of state goes. What arrives is in Connection+Arrival, what leaves in Connection+Transmission and
// Connection+Emission, the user's calls in Connection+UserCalls.

import SockeyeBytes
import SockeyeWire

/// What a connection must be told when it is opened.
public struct OpenParameters: Sendable {
  public var configuration: TCPConfiguration
  public var version: IPVersion
  /// ISS (RFC 6528).
  public var initialSequence: SequenceNumber
  /// Added to the clock of the timestamps.
  public var timestampOffset: UInt32
  /// Largest packet that the path is believed to take, octets, IP header included.
  public var pathMTU: Int
  /// Of these octets, what has been seen to pass; nil when nobody has looked (RFC 4821 §7.2). Unless the connection probes,
  /// it sends no more.
  public var provenPathMTU: Int? = nil
  /// What the SYN carries for Fast Open (RFC 7413); nil: nothing.
  public var fastOpen: FastOpenAttempt? = nil
  /// Largest packet that this host can receive, octets, IP header included (MMS_R plus the IP header).
  public var receiveMTU: Int
  /// What the host adds to the options of each segment once the connection has planned it, octets
  /// (RFC 5925 §7.6: an authentication option takes room that text can't).
  public var addedOptions = 0
  /// What the host can spare for a receive buffer now, octets.
  public var receiveAllowance = Int.max

  public init(
    configuration: TCPConfiguration, version: IPVersion, initialSequence: SequenceNumber,
    timestampOffset: UInt32, pathMTU: Int, receiveMTU: Int
  ) {
    self.configuration = configuration
    self.version = version
    self.initialSequence = initialSequence
    self.timestampOffset = timestampOffset
    self.pathMTU = pathMTU
    self.receiveMTU = receiveMTU
  }

  var ipHeaderLength: Int { version == .v4 ? 20 : 40 }

  /// The MSS to announce: MMS_R minus the TCP header, options not counted (RFC 9293 §3.7.1 MUST-67).
  var announcedSegmentSize: Int {
    let room = min(receiveMTU - ipHeaderLength - Constants.headerLength, 65_495)
    return max(1, min(room, configuration.maximumSegmentSize ?? room))
  }

  /// Our window scale, or nil when it is not offered.
  var windowShift: UInt8? {
    configuration.windowScaling
      ? max(
        configuration.minimumWindowScale, ReceiveHalf.shift(for: configuration.receiveBuffer.maximum)) : nil
  }

  /// What the receive buffer holds at first, octets.
  var receiveCapacity: Int { min(configuration.receiveBuffer.initial, receiveAllowance) }

  /// The window of our SYN, which is never scaled (RFC 7323 §2.2).
  var initialWindow: Int { min(65_535, receiveCapacity) }

  /// The segment size when the peer names none (RFC 9293 §3.7.1 MUST-15).
  var defaultSegmentSize: Int {
    version == .v4 ? Constants.defaultSegmentSizeIPv4 : Constants.defaultSegmentSizeIPv6
  }
}

/// One end of a TCP connection (RFC 9293 §3.3.1, the TCB). It knows no address, no clock and does no I/O: time is
/// an argument, segments come in through `segmentArrived` and leave through `plan` and `emit`.
///
/// After every call, and when a time that `plan(at:)` named has come, call `advance(to:)`, then ask `plan(at:)` and carry
/// out what it says until it says `.wait` or `.idle`; then `rest(at:)` lets the clocks of `ConnectionStatus` know.
public struct Connection: ~Copyable {
  private let pinned = Pinned()
  var configuration: TCPConfiguration
  let version: IPVersion
  var opening: Opening
  /// Opened by a listener (MUST-11).
  let isPassive: Bool
  var send: SendHalf
  var receive: ReceiveHalf
  var acknowledgments: AcknowledgmentPolicy
  var roundTrip: RoundTripEstimator
  var congestion: CongestionControl
  var recovery = LossRecovery()
  var scoreboard = Scoreboard()
  var timers: Timers
  var challenges = ChallengeLimiter()
  var repeats = ChallengeLimiter()

  /// What the host adds to the options of each segment, octets.
  let addedOptions: Int
  /// What both sides agreed on; until the peer's SYN it is what we offer.
  var agreed: AgreedOptions
  /// TS.Recent and when it was taken (RFC 7323 §4.3).
  var timestampRecent: UInt32 = 0
  var timestampRecentAt = Instant.zero
  /// The latest of our clock that the peer has echoed.
  var timestampEchoed: UInt32 = 0
  let timestampOffset: UInt32

  /// SendMSS plus the TCP header, or what the path takes if that is less: the longest segment to send, header,
  /// options and payload, octets (RFC 9293 §3.7.1 MUST-16). What the host adds is taken off already.
  var segmentLimit: Int
  /// The peer's MSS, octets.
  var peerSegmentSize: Int
  /// What our SYN announces.
  let announcedSegmentSize: Int

  /// The segment that is being timed without timestamps: its end and when it left (RFC 6298 §3, Karn).
  var timed: TimedSegment?
  /// Something was sent again since the last fit sample, so that only timestamps can give one.
  var ambiguous = false
  var lastDataSentAt = Instant.zero

  var pacer = Pacer()
  var marks = CongestionMarks()
  var notices: Notices = []
  var transitions = TransitionLog()
  public internal(set) var closeReason: CloseReason?
  /// A RST that is still to leave, after which nothing does.
  var resetDue: ResetReason?
  /// One past the last segment that left and was not full; kept only where Nagle's rule asks for it.
  var smallEnd: SequenceNumber?
  /// The user has more to write, so that only full segments leave.
  var isCorked = false
  /// The user was told that a write did not fit.
  var writableWanted = false
  public internal(set) var statistics = Statistics()
  var sendingClock = SendingClock()
  /// What the host allows each buffer to hold, octets.
  var bufferAllowance = Int.max

  /// Active OPEN (RFC 9293 §3.10.1): `plan` has the SYN.
  public init(opening parameters: OpenParameters, at now: Instant) {
    self.init(
      parameters, opening: .synchronizeSent, isPassive: false, peerSequence: SequenceNumber(0), at: now)
    if let attempt = parameters.fastOpen, configuration.fastOpen {
      fastOpen = FastOpenState(cookie: attempt.cookie, room: parameters.fastOpenRoom ?? 0)
      if attempt.cookie?.isRequest == true { fastOpenOutcome = .noCookie }
    }
    transitions.append(from: .closed, to: .synSent)
  }

  init(
    _ parameters: OpenParameters, opening: Opening, isPassive: Bool, peerSequence: SequenceNumber,
    at now: Instant
  ) {
    let configuration = parameters.configuration
    self.configuration = configuration
    self.version = parameters.version
    self.opening = opening
    self.isPassive = isPassive
    self.timestampOffset = parameters.timestampOffset
    challenges = ChallengeLimiter(secret: parameters.timestampOffset)
    announcedSegmentSize = parameters.announcedSegmentSize
    peerSegmentSize = parameters.defaultSegmentSize
    addedOptions = parameters.addedOptions
    segmentLimit =
      min(
        parameters.defaultSegmentSize + Constants.headerLength, parameters.pathMTU - parameters.ipHeaderLength
      ) - parameters.addedOptions
    pathLimit = parameters.pathMTU - parameters.ipHeaderLength
    agreed = AgreedOptions(
      windowScaling: parameters.windowShift != nil, timestamps: configuration.timestamps,
      selectiveAcknowledgments: configuration.selectiveAcknowledgments)
    send = SendHalf(initial: parameters.initialSequence, capacity: configuration.sendBuffer.initial)
    receive = ReceiveHalf(
      initial: peerSequence, capacity: parameters.receiveCapacity,
      maximum: configuration.receiveBuffer.maximum,
      windowShift: parameters.windowShift ?? 0, advertised: parameters.initialWindow,
      segmentSize: parameters.announcedSegmentSize)
    acknowledgments = AcknowledgmentPolicy(
      lastSent: peerSequence + 1, quick: UInt8(clamping: configuration.quickAcknowledgments))
    roundTrip = RoundTripEstimator(
      initial: configuration.initialRetransmissionTimeout, floor: configuration.minimumRetransmissionTimeout,
      ceiling: configuration.maximumRetransmissionTimeout,
      granularity: configuration.retransmissionGranularity)
    congestion = CongestionControl(
      configuration.congestionControl, segmentSize: parameters.defaultSegmentSize, synchronizeLost: false,
      growthLimit: configuration.slowStartLimit,
      reducesFromWindow: configuration.reducesFromWindow)
    timers = Timers(openedAt: now)
    if configuration.pathProbing == .always || parameters.provenPathMTU != nil {
      beginPathSearch(parameters)
      segmentLimit = min(segmentLimit, pathLimit - addedOptions)
    }
  }

  /// What the path takes, or what is sent until more is found to pass, IP header not counted, octets.
  var pathLimit: Int
  /// A larger packet may have to leave as a probe, or is watched (RFC 4821); then there is a `pathSearch`.
  var isSearchingPath = false
  var pathSearch: PathSearch?
  /// Until the handshake is over, if there is text or a cookie in it (RFC 7413).
  var fastOpen: FastOpenState?
  /// What came of it, for good.
  var fastOpenOutcome = FastOpenOutcome.notTried

  /// The connection's state (RFC 9293 §3.3.2).
  public var state: TCPState { connectionState(opening, send.phase, receive.phase) }

  /// Every change of state goes through here, so that each is noted once.
  mutating func transition(_ change: (inout Connection) -> Void) {
    let before = state
    change(&self)
    let after = state
    if before != after { transitions.append(from: before, to: after) }
    switch after {
    case .closed, .timeWait: timers.stopAll()
    case .listen, .synSent, .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck:
      break
    }
  }

  /// The end, for whatever reason. Bytes already received stay readable.
  mutating func close(_ reason: CloseReason) {
    guard opening != .closed else { return }
    if fastOpen != nil { fastOpenFailed(reason) }
    transition { connection in
      connection.opening = .closed
      connection.closeReason = reason
      connection.notices.insert(.closed)
      connection.send.buffer.discard(connection.send.buffer.count)
      connection.send.buffer.releaseIfEmpty()
      connection.recovery = LossRecovery()
      connection.scoreboard = Scoreboard()
      connection.isSearchingPath = false
      connection.pathSearch = nil
    }
  }

  /// Whether `takeNews` would tell anything new to a host that knows of so many octets of buffers.
  @inline(__always)
  package borrowing func hasNews(bufferedBytes known: Int) -> Bool {
    !notices.isEmpty || !transitions.isEmpty || bufferedBytes != known
  }

  /// Notices, transitions and the size of the buffers in one call, which a host makes three times a segment.
  package mutating func takeNews() -> (notices: Notices, transitions: TransitionLog, bufferedBytes: Int) {
    let taken = (notices, transitions, bufferedBytes)
    notices = []
    transitions = TransitionLog()
    return taken
  }

  /// What has changed for the user since this was last asked.
  public mutating func takeNotices() -> Notices {
    let taken = notices
    notices = []
    return taken
  }

  /// The changes of state since this was last asked, oldest first.
  public mutating func takeTransitions() -> TransitionLog {
    let taken = transitions
    transitions = TransitionLog()
    return taken
  }

  /// The timestamp clock: milliseconds plus the connection's offset (RFC 7323 §5.4).
  func timestampClock(at now: Instant) -> UInt32 {
    timestamp(at: now, offset: timestampOffset)
  }

  /// Takes over what the peer's SYN says about itself.
  mutating func adoptPeerOptions(_ options: TCPOptions, at now: Instant) {
    // RFC 7323 §2.2: scaling is in effect only if both SYNs had the option; more than 14 counts as 14 (§2.3).
    if let shift = options.windowScale, agreed.windowScaling {
      send.windowShift = min(shift, Constants.maximumWindowShift)
    } else {
      agreed.windowScaling = false
    }
    agreed.selectiveAcknowledgments = agreed.selectiveAcknowledgments && options.sackPermitted
    if !agreed.selectiveAcknowledgments, configuration.congestionControl == .bbr {
      // Without SACK there are no delivery rates to go by.
      congestion = CongestionControl(
        .cubic, segmentSize: congestion.segmentSize, synchronizeLost: false,
        growthLimit: configuration.slowStartLimit,
        reducesFromWindow: configuration.reducesFromWindow)
    }
    if let timestamps = options.timestamps, agreed.timestamps {
      timestampRecent = timestamps.value
      timestampRecentAt = now
    } else {
      agreed.timestamps = false
    }
    if let size = options.maximumSegmentSize {
      peerSegmentSize = max(Int(size), Constants.minimumSegmentSize)
    }
    peerSegmentSize = min(peerSegmentSize, configuration.maximumSegmentSize ?? peerSegmentSize)
    if pathSearch != nil { adoptSearchLimits() }
    updateSegmentLimit()
  }

  /// RFC 9293 §3.7.1 MUST-16: min(SendMSS + 20, MMS_S).
  mutating func updateSegmentLimit() {
    segmentLimit = min(peerSegmentSize + Constants.headerLength, pathLimit) - addedOptions
    congestion.segmentSizeChanged(to: payloadLimit, whileSending: opening == .synchronized)
  }

  /// SMSS: the largest payload of a segment without SACK blocks, octets.
  var payloadLimit: Int { max(1, segmentLimit - Constants.headerLength - (agreed.timestamps ? 12 : 0)) }

  /// The size of one connection, not counting its buffers, octets.
  public static var footprint: Int { MemoryLayout<Connection>.size }
}

/// The options in effect.
struct AgreedOptions: Sendable, Equatable {
  var windowScaling: Bool
  var timestamps: Bool
  var selectiveAcknowledgments: Bool
  /// Segments with new text may be marked on the way (RFC 3168 §6.1.1).
  var congestionNotification = false
}

/// A segment whose round trip is being measured.
struct TimedSegment: Sendable, Equatable {
  var end: SequenceNumber
  var sentAt: Instant
}
