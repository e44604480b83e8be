// Holds the host's counters, in the manner of `netstat -s`. It holds no counter of a single connection.

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
    /// Datagrams there was no route for.
    public var noRoute: UInt64 = 0

    public init() {}
  }

  public struct TCPCounters: Sendable, Equatable {
    public var segmentsReceived: UInt64 = 0
    public var segmentsSent: UInt64 = 0
    /// Copies of segments sent before.
    public var segmentsRetransmitted: UInt64 = 0
    /// Segments with a header that can't be, or a wrong checksum.
    public var malformed: UInt64 = 0
    /// Segments that a connection, a handshake or the host refused, for whatever reason.
    public var segmentsDropped: UInt64 = 0
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
    /// Established connections that ended with a reset, of ours or of the peer.
    public var resets: UInt64 = 0
    /// TIME-WAIT records thrown out early to make room.
    public var timeWaitEvictions: UInt64 = 0
    /// Payloads refused because the stack's memory budget was used up; the peer sends them again.
    public var payloadsRefused: UInt64 = 0
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
