// Holds the host's counters, in the manner of `netstat -s`, and what it holds at a moment. It holds no counter of a
// single connection, and not how they are printed (SockeyeTrace).

import SockeyeTCP

/// What a host has seen and done since it began, in packets unless a name says otherwise.
public struct HostStatistics: Sendable, Equatable {
  /// Frames the driver gave to the stack.
  public var framesReceived: UInt64 = 0
  /// Frames the stack gave to the driver.
  public var framesSent: UInt64 = 0
  /// Frames the stack gave back to itself, over the loopback.
  public var framesLooped: UInt64 = 0

  public var ip = IPCounters()
  public var tcp = TCPCounters()
  public var udp = UDPCounters()
  public var icmp = ICMPCounters()

  public init() {}

  /// The Internet Protocol, both versions.
  public struct IPCounters: Sendable, Equatable {
    /// A header that can't be: wrong version, lengths or checksum.
    public var malformed: UInt64 = 0
    /// Sources and destinations that no unicast packet may have.
    public var martian: UInt64 = 0
    /// Packets for somebody else. A host does not forward.
    public var notForUs: UInt64 = 0
    /// Packets of a protocol that this host doesn't speak.
    public var unknownProtocol: UInt64 = 0
    /// Fragments that arrived.
    public var fragmentsReceived: UInt64 = 0
    /// Datagrams put together from fragments.
    public var reassembled: UInt64 = 0
    /// Fragments given up: overlapping, malformed, too late or over the bound.
    public var fragmentsDropped: UInt64 = 0
    /// Fragments this host cut datagrams into.
    public var fragmentsSent: UInt64 = 0
    /// Calls and answers that failed because there was no route.
    public var noRoute: UInt64 = 0

    public init() {}
  }

  public struct TCPCounters: Sendable, Equatable {
    public var segmentsReceived: UInt64 = 0
    public var segmentsSent: UInt64 = 0
    /// Copies of segments sent before.
    public var segmentsRetransmitted: UInt64 = 0
    /// Of these, copies sent because the retransmission timer had run out (RFC 6298 §5.4).
    public var retransmissionTimeouts: UInt64 = 0
    /// Tail-loss probes (RFC 8985 §7).
    public var tailLossProbesSent: UInt64 = 0
    /// Segments larger than the others, to find out what a path takes (RFC 4821).
    public var pathProbesSent: UInt64 = 0
    /// Probes of closed windows (RFC 9293 §3.8.6.1).
    public var windowProbesSent: UInt64 = 0
    /// Probes of silent peers (RFC 9293 §3.8.4).
    public var keepAlivesSent: UInt64 = 0
    /// Challenge ACKs (RFC 5961).
    public var challengesSent: UInt64 = 0
    /// Segments with a header that can't be, or a wrong checksum.
    public var malformed: UInt64 = 0
    /// Of these, segments with a wrong checksum.
    public var badChecksums: UInt64 = 0
    /// Segments that a connection, a handshake or the host refused, for whatever reason.
    public var segmentsDropped: UInt64 = 0
    /// The same by reason.
    public var drops = DropCounters()
    /// RST segments sent.
    public var resetsSent: UInt64 = 0
    /// Resets left out, because too many were asked for in a short time.
    public var resetsSuppressed: UInt64 = 0
    public var activeOpens: UInt64 = 0
    public var passiveOpens: UInt64 = 0
    /// Connects that were refused or never answered.
    public var failedOpens: UInt64 = 0
    /// SYN segments dropped because a listener's handshakes, or the host's, were at their bound.
    public var synchronizesDropped: UInt64 = 0
    /// SYN segments answered with a cookie (RFC 4987 §3.6).
    public var cookiesSent: UInt64 = 0
    /// Connections made of a cookie that came back.
    public var cookiesAccepted: UInt64 = 0
    /// Segments that acknowledged no cookie, a wrong one, an old one or one used before, while cookies were out.
    public var cookiesRefused: UInt64 = 0
    /// Handshakes held back because a listener's connections waiting to be accepted were at their bound.
    public var acceptOverflows: UInt64 = 0
    /// Handshakes of listeners that the client never completed.
    public var handshakesAbandoned: UInt64 = 0
    /// Established connections that ended with a reset, of ours or of the peer.
    public var resets: UInt64 = 0
    /// Connections given up because the peer acknowledged nothing, or answered no keep-alive probe.
    public var timedOut: UInt64 = 0
    /// Connections given up because the peer never sent its FIN after the user was gone.
    public var orphansEnded: UInt64 = 0
    /// TIME-WAIT records thrown out early to make room.
    public var timeWaitEvictions: UInt64 = 0
    /// Payloads refused because the stack's memory budget was used up; the peer sends them again.
    public var payloadsRefused: UInt64 = 0
    /// Connections whose SYN's text the server took at once, and those whose text this host took (RFC 7413).
    public var fastOpensActive: UInt64 = 0
    public var fastOpensPassive: UInt64 = 0
    /// SYNs with a Fast Open cookie that was wrong or too old.
    public var fastOpenCookiesRefused: UInt64 = 0
    /// SYNs with a good cookie whose text was not taken, for as many were under way as there may be.
    public var fastOpenOverflows: UInt64 = 0
    /// Connections that were told of a smaller path MTU.
    public var pathMTUsLowered: UInt64 = 0
    /// Connections that may try a larger path MTU again, for what was known of it had grown old.
    public var pathMTUsRaised: UInt64 = 0

    public init() {}
  }

  public struct UDPCounters: Sendable, Equatable {
    public var datagramsReceived: UInt64 = 0
    public var datagramsSent: UInt64 = 0
    public var malformed: UInt64 = 0
    /// Datagrams to a port that nobody has bound.
    public var noPort: UInt64 = 0
    /// Datagrams a socket had no room for.
    public var overflows: UInt64 = 0

    public init() {}
  }

  public struct ICMPCounters: Sendable, Equatable {
    public var messagesReceived: UInt64 = 0
    public var messagesSent: UInt64 = 0
    public var malformed: UInt64 = 0
    public var echoRequestsAnswered: UInt64 = 0
    /// Error messages that quoted nothing of ours, or a sequence number that is not in flight.
    public var errorsIgnored: UInt64 = 0
    /// Error messages that concerned a connection or a socket of ours.
    public var errorsAccepted: UInt64 = 0
    /// Messages left out, because too many were asked for in a short time.
    public var suppressed: UInt64 = 0

    public init() {}
  }
}

/// Segments that were not used, by reason.
public struct DropCounters: Sendable, Equatable {
  /// One for each `DropReason`, at its raw value.
  private var counts: InlineArray<32, UInt64> = .init(repeating: 0)

  public init() {}

  public internal(set) subscript(reason: DropReason) -> UInt64 {
    get { counts[Int(reason.rawValue) & 31] }
    set { counts[Int(reason.rawValue) & 31] = newValue }
  }

  public static func == (left: DropCounters, right: DropCounters) -> Bool {
    for index in left.counts.indices where left.counts[index] != right.counts[index] { return false }
    return true
  }
}

/// What a host holds at a moment.
public struct HostOccupancy: Sendable, Equatable {
  /// Connections in whatever state but TIME-WAIT, and those that are over and whose user hasn't heard of it.
  public let connections: Int
  /// Handshakes of listeners under way.
  public let handshakes: Int
  /// TIME-WAIT records.
  public let timeWaits: Int
  public let listeners: Int
  public let datagramSockets: Int
  /// Octets counted against the host's budget, and the budget.
  public let memoryUsed: Int
  public let memoryBudget: Int
}

extension Stack {
  /// What the host holds now.
  public var occupancy: HostOccupancy {
    HostOccupancy(
      connections: connections.count, handshakes: handshakes.count, timeWaits: timeWaits.count,
      listeners: listeners.count, datagramSockets: datagramSockets.count, memoryUsed: memoryUsed,
      memoryBudget: configuration.memoryBudget)
  }
}
