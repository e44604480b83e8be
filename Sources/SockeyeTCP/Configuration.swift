// What a user may set for one connection. Fixed while the connection lives; what the RFCs call a constant
// stands in Constants.swift.

import SockeyeBytes

/// When an idle connection is probed, and when it is given up (RFC 9293 §3.8.4).
public struct KeepAlive: Sendable, Equatable {
  /// Silence before the first probe. RFC 9293 MUST-28: the default is no less than two hours.
  public var idle: Interval
  /// Time from one unanswered probe to the next.
  public var interval: Interval
  /// The connection is given up one `interval` after this many unanswered probes; two at least, for one proves
  /// nothing (RFC 9293 §3.8.4 MUST-29).
  public var probes: Int

  public init(idle: Interval = .hours(2), interval: Interval = .seconds(75), probes: Int = 10) {
    self.idle = idle
    self.interval = interval
    self.probes = probes
  }
}

/// Whether a connection lets the path mark packets instead of dropping them (RFC 3168).
public enum ExplicitCongestionNotification: UInt8, Sendable, CaseIterable {
  /// Never.
  case off
  /// When the peer asks for it.
  case accepted
  /// Asked for in our SYN, too; a SYN that is sent again does not (RFC 3168 §6.1.1.1).
  case requested
}

/// How large a buffer is at first, and may become by itself; octets.
public struct BufferBounds: Sendable, Equatable {
  public var initial: Int
  public var maximum: Int

  public init(initial: Int, maximum: Int) {
    self.initial = initial
    self.maximum = maximum
  }

  /// A buffer that neither grows nor shrinks, unless the host is short of memory.
  public static func fixed(_ octets: Int) -> BufferBounds { BufferBounds(initial: octets, maximum: octets) }
}

/// A setting that no connection can work with.
public struct ConfigurationError: Error, Sendable, Equatable {
  /// The field's name.
  public let field: StaticField
  /// The value refused; nanoseconds for times, octets for sizes.
  public let value: Int64
  /// The nearest value that would do.
  public let limit: Int64

  public enum StaticField: UInt8, Sendable {
    case maximumSegmentSize, sendBufferCapacity, receiveBufferCapacity, delayedAcknowledgment
    case keepAliveIdle, keepAliveInterval, keepAliveProbes, initialRetransmissionTimeout
    case minimumRetransmissionTimeout, maximumRetransmissionTimeout, userTimeout, connectTimeout
    case maximumSegmentLifetime, trafficClass, timeToLive, pathProbingBase
    case quickAcknowledgments, minimumWindowScale, retransmissionGranularity, slowStartLimit
    case acceptDeferral, orphanTimeout
  }
}

/// Everything that can be set for one connection; fixed once it is opened but for the calls that say so.
///
///     var configuration = TCPConfiguration()
///     configuration.noDelay = true
///     configuration.keepAlive = KeepAlive(idle: .minutes(5))
///     try configuration.validate()
public struct TCPConfiguration: Sendable, Equatable {
  /// Upper bound of the MSS that is announced and used, octets; nil takes what the path allows.
  public var maximumSegmentSize: Int? = nil
  /// Bounds of the bytes written and not yet acknowledged. Between them the buffer grows with the congestion window, to
  /// twice what may be on the way. Memory is taken only for what is held.
  public var sendBuffer = BufferBounds(initial: 128 << 10, maximum: 4 << 20)
  /// Bounds of the bytes received and not yet read, and so of the window that is advertised. Between them the buffer grows
  /// with what the user takes in a round trip, to twice as much and more while it is getting more. The window scale
  /// that a SYN offers covers the maximum, up to 2^30 octets (RFC 7323 §2.3).
  public var receiveBuffer = BufferBounds(initial: 64 << 10, maximum: 6 << 20)
  /// The bound of `sendBuffer`; to set it fixes the buffer at this size.
  public var sendBufferCapacity: Int {
    get { sendBuffer.maximum }
    set { sendBuffer = .fixed(newValue) }
  }
  /// The bound of `receiveBuffer`; to set it fixes the buffer, and the widest window ever advertised, at this size.
  public var receiveBufferCapacity: Int {
    get { receiveBuffer.maximum }
    set { receiveBuffer = .fixed(newValue) }
  }
  /// Switches the Nagle algorithm off (RFC 9293 §3.7.4 MUST-17). Small writes leave at once.
  public var noDelay = false
  /// Has the Nagle algorithm hold back what does not fill a segment only while another such segment is outstanding, and not
  /// behind full ones (draft-minshall-nagle): the end of a long write leaves at once.
  public var nagleIgnoresFullSegments = false
  /// How long an ACK may wait for company, less than 500 ms (RFC 9293 §3.8.6.3 MUST-40). Zero: never waits.
  public var delayedAcknowledgment: Interval = .milliseconds(40)
  /// How many ACKs of a connection's first data leave without delay: a sender in slow start waits for them (RFC 5681 §4.2
  /// allows more ACKs than it asks for). Zero: all may wait.
  public var quickAcknowledgments = 0
  /// Lets the ACK of a FIN behind text wait like one of text (RFC 9293 §3.8.6.3), for a user who soon has an answer or a FIN of
  /// his own to send it with.
  public var delaysFinishAcknowledgment = false
  /// Off by default (RFC 9293 §3.8.4 MUST-25).
  public var keepAlive: KeepAlive? = nil
  /// Sends a RST to a peer that has not answered keep-alive, in case only its answers were lost.
  public var resetsSilentPeers = false
  /// R2: how long data may stay unacknowledged before the connection is given up; nil: for ever
  /// (RFC 9293 §3.8.3 MUST-21, SHLD-11: 100 s or more; §3.9.1.1: five minutes by default).
  public var userTimeout: Interval? = .minutes(5)
  /// R2 for the SYN (RFC 9293 §3.8.3 MUST-23: three minutes or more); nil: for ever.
  public var connectTimeout: Interval? = .minutes(3)
  /// R1: retransmissions of one segment before the user hears of trouble (RFC 9293 §3.8.3 SHLD-10: three).
  public var reportedRetransmissions = 3
  /// MSL; TIME-WAIT lasts twice as long. RFC 9293 §3.4.1 says two minutes; a TIME-WAIT of one minute is what
  /// today's hosts use, so 30 s is the default.
  public var maximumSegmentLifetime: Interval = .seconds(30)
  /// Whether the connection may only be with a peer for which the host has keys (RFC 5925 §7.3).
  public var requiresAuthentication = false
  /// RFC 7323 §3.
  public var timestamps = true
  /// Whether segments without a timestamp are dropped once timestamps were agreed on (RFC 7323 §3.2: they should be).
  public var requiresTimestamps = true
  /// RFC 7323 §2. Off, no window is wider than 65,535 octets.
  public var windowScaling = true
  /// The least window scale to offer (RFC 7323 §2.2), 0...14; more is offered when the receive buffer needs more. Room for
  /// a buffer that is to grow later: the scale never changes.
  public var minimumWindowScale: UInt8 = 0
  /// RFC 2018.
  public var selectiveAcknowledgments = true
  /// RFC 3168.
  public var explicitCongestionNotification: ExplicitCongestionNotification = .accepted
  /// RTO before the first sample (RFC 6298 §2.1: one second).
  public var initialRetransmissionTimeout: Interval = .seconds(1)
  /// Floor of the RTO (RFC 6298 §2.4: one second).
  public var minimumRetransmissionTimeout: Interval = .seconds(1)
  /// Ceiling of the RTO, a minute or more (RFC 6298 §2.5).
  public var maximumRetransmissionTimeout: Interval = .seconds(120)
  /// Whether text may travel on SYNs (RFC 7413): to servers that have given a cookie, and to a listener that says so
  /// (`fastOpenLimit` of `listen`). Only for programs that bear it when the text of a SYN is delivered twice (§6.1).
  public var fastOpen = false
  /// Whether the text of a SYN needs no cookie (RFC 7413 §7.3): a client puts text on its first SYN at once, and a listener
  /// takes it from whoever sends it. Anybody can send SYNs with a forged address, so this is for networks that let none
  /// pass. Without `fastOpen` it means nothing.
  public var fastOpenWithoutCookie = false
  /// G, the least that the variation of the round trip adds to the RTO (RFC 6298 §2.3). Some hosts take their smallest RTO
  /// for it, which leaves delayed ACKs that much time on every path.
  public var retransmissionGranularity: Interval = .milliseconds(1)
  /// Whether the tail of what is outstanding is probed before the RTO is over (RFC 8985 §7), with peers that send SACK.
  public var tailLossProbes = true
  /// L, by how many segments an ACK may widen the window in slow start, 1...255: RFC 3465 §2.2 says two, and one after a
  /// timeout (§2.3); RFC 9406 §4.3 allows eight. Nil: by all that it is the first to tell of, before and after a timeout,
  /// so that a peer that acknowledges seldom makes bursts.
  public var slowStartLimit: Int? = 2
  /// Reckons ssthresh from cwnd at a loss, as RFC 9438 §4.6 allows, and not from what is in flight (RFC 5681 §3.1 (4)).
  public var reducesFromWindow = false
  /// Times every ACK of text that was sent once (RFC 6298 §3 asks for a sample a round trip at least), with a peer that
  /// sends SACK.
  public var timesEveryAcknowledgment = false
  /// Whether a closed window is probed with an octet of text (RFC 9293 §3.8.6.1 MUST-36). Off, what probes it is a segment
  /// below the window, as for keep-alive, which the peer answers and need not keep.
  public var windowProbesCarryText = true
  /// Whether the congestion window starts over after a silence of more than an RTO (RFC 5681 §4.1).
  public var restartsAfterIdle = true
  /// Which algorithm sets the congestion window.
  public var congestionControl: CongestionControlAlgorithm = .cubic
  /// Whether segments are spread over the round trip (RFC 9002 §7.7 says why), and not sent as fast as the window allows.
  /// BBR always does.
  public var pacing = false
  /// Whether the connection finds out by itself what its path takes (RFC 4821). Black holes are looked for by default: that
  /// costs nothing until a connection has stalled, and then saves it. To probe from the beginning is better only where
  /// "packet too big" messages are known to be lost.
  public var pathProbing = PathProbing.blackHole
  /// search_low at its beginning: a packet of so many octets is taken to pass, 68...9000 (RFC 4821 §7.2: 1024). For IPv6
  /// it is 1280 at least.
  public var pathProbingBase = 1024
  /// How long a listener's handshake waits for text, when its user has no use for a connection without; nil: not at all. An
  /// ACK without text does not complete it within that time.
  public var acceptDeferral: Interval? = nil
  /// How long a connection whose user is gone waits for the peer's FIN.
  public var orphanTimeout: Interval = .seconds(60)

  public init() {}

  /// Refuses values that no connection can work with.
  ///
  /// - Throws: `ConfigurationError` with the field, its value and the nearest value that would do.
  public func validate() throws(ConfigurationError) {
    if let size = maximumSegmentSize {
      try require(.maximumSegmentSize, Int64(size), from: Int64(Constants.minimumSegmentSize), to: 65_495)
    }
    try require(.pathProbingBase, Int64(pathProbingBase), from: 68, to: 9000)
    try require(.sendBufferCapacity, Int64(sendBuffer.initial), from: 1, to: 1 << 30)
    try require(.sendBufferCapacity, Int64(sendBuffer.maximum), from: Int64(sendBuffer.initial), to: 1 << 30)
    try require(.receiveBufferCapacity, Int64(receiveBuffer.initial), from: 1, to: 1 << 30)
    try require(
      .receiveBufferCapacity, Int64(receiveBuffer.maximum), from: Int64(receiveBuffer.initial), to: 1 << 30)
    try require(
      .delayedAcknowledgment, delayedAcknowledgment, from: .zero,
      to: Constants.delayedAcknowledgmentLimit)
    if let keepAlive {
      try require(.keepAliveIdle, keepAlive.idle, from: .milliseconds(1), to: .hours(24 * 365))
      try require(.keepAliveInterval, keepAlive.interval, from: .milliseconds(1), to: .hours(24 * 365))
      // RFC 9293 §3.8.4 MUST-29: one probe without an answer proves nothing.
      try require(.keepAliveProbes, Int64(keepAlive.probes), from: 2, to: 1_000)
    }
    try require(
      .initialRetransmissionTimeout, initialRetransmissionTimeout, from: .milliseconds(1), to: .seconds(120))
    try require(
      .minimumRetransmissionTimeout, minimumRetransmissionTimeout, from: .milliseconds(1), to: .seconds(60))
    try require(
      .maximumRetransmissionTimeout, maximumRetransmissionTimeout, from: .seconds(60), to: .hours(1))
    try require(.quickAcknowledgments, Int64(quickAcknowledgments), from: 0, to: 255)
    try require(.minimumWindowScale, Int64(minimumWindowScale), from: 0, to: 14)
    if let slowStartLimit { try require(.slowStartLimit, Int64(slowStartLimit), from: 1, to: 255) }
    if let acceptDeferral {
      try require(.acceptDeferral, acceptDeferral, from: .milliseconds(1), to: .hours(1))
    }
    try require(.orphanTimeout, orphanTimeout, from: .zero, to: .hours(24 * 365))
    try require(
      .retransmissionGranularity, retransmissionGranularity, from: .nanoseconds(1), to: .seconds(60))
    if let userTimeout {
      try require(.userTimeout, userTimeout, from: .milliseconds(1), to: .hours(24 * 365))
    }
    if let connectTimeout {
      try require(.connectTimeout, connectTimeout, from: .milliseconds(1), to: .hours(24 * 365))
    }
    try require(
      .maximumSegmentLifetime, maximumSegmentLifetime, from: .milliseconds(1), to: .minutes(10))
  }

  private func require(
    _ field: ConfigurationError.StaticField, _ value: Int64, from low: Int64, to high: Int64
  ) throws(ConfigurationError) {
    if value < low { throw ConfigurationError(field: field, value: value, limit: low) }
    if value > high { throw ConfigurationError(field: field, value: value, limit: high) }
  }

  private func require(
    _ field: ConfigurationError.StaticField, _ value: Interval, from low: Interval, to high: Interval
  ) throws(ConfigurationError) {
    try require(field, value.nanoseconds, from: low.nanoseconds, to: high.nanoseconds)
  }
}
