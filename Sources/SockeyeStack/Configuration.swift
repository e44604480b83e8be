// Holds what a user may set for a host and its interfaces. What is set for one connection is TCP's
// configuration; what RFCs fix is a cited constant where it is used.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

/// The host's secrets. Whoever knows them can guess sequence numbers, ports and hash chains.
public struct StackKeys: Sendable {
  /// For the tables that strangers fill.
  var tables: HashKey
  /// For initial sequence numbers (RFC 6528) and, apart, timestamp offsets.
  var initialSequence: HashKey
  var timestampOffset: HashKey
  /// For ephemeral ports (RFC 6056).
  var ports: HashKey
  /// For IP identifications (RFC 6864) and flow labels (RFC 6437).
  var identification: HashKey
  /// For SYN cookies (RFC 4987 §3.6) and, by way of it, their keys of all times.
  var cookies: HashKey
  /// For tables of what was learnt about paths.
  var paths: HashKey
  /// For Fast Open cookies (RFC 7413) and, by way of it, their keys of all times.
  var fastOpen: HashKey

  /// Draws the keys from a source of randomness; on a real network it must be a strong one, such as
  /// `SystemRandomNumberGenerator`.
  public init<Source: RandomNumberGenerator>(from source: inout Source) {
    tables = HashKey(source.next(), source.next())
    initialSequence = HashKey(source.next(), source.next())
    timestampOffset = HashKey(source.next(), source.next())
    ports = HashKey(source.next(), source.next())
    identification = HashKey(source.next(), source.next())
    cookies = HashKey(source.next(), source.next())
    paths = HashKey(source.next(), source.next())
    fastOpen = HashKey(source.next(), source.next())
  }

  /// Keys that anybody can compute: for simulations and tests, where the same seed gives the same bytes.
  public init(seed: UInt64) {
    var source = SeededGenerator(seed: seed)
    self.init(from: &source)
  }
}

/// When a SYN is answered with a cookie instead of a record of its handshake (RFC 4987 §3.6).
///
/// A cookie takes no memory, so a flood of SYNs cannot shut real clients out. What it loses: without timestamps the
/// connection has neither window scaling nor selective acknowledgments nor explicit congestion notification, the segment
/// size is rounded down to one of eight, and a SYN,ACK or an ACK that gets lost is sent again only when the client sends
/// again.
public enum SynCookieUse: UInt8, Sendable {
  /// While a listener has as many handshakes under way as it may.
  case automatic
  /// Surplus SYNs are dropped.
  case never
  /// For every SYN, so that no handshake is ever kept.
  case always
}

/// Everything that can be set for a host.
public struct StackConfiguration: Sendable {
  public var keys: StackKeys
  /// Used for connections and listeners that are given no configuration of their own.
  public var tcp = TCPConfiguration()

  /// Time to live (hop limit) of what the host sends; RFC 9293 §3.9.2 MUST-49, RFC 1700: 64.
  public var timeToLive: UInt8 = 64
  /// Bound of everything that grows with use: buffers, queues, tables; octets.
  ///
  /// When three quarters of it are used, buffers give back what they don't need, those of quiet connections first, and
  /// none is to hold more than a fair share: windows close, and never move back. When it is used up, new connections and
  /// fragments are refused and payloads that arrive are left to be sent again, until memory comes back; the last eighth
  /// is for connections that hold less than their share. Nothing that was acknowledged is ever thrown away.
  public var memoryBudget = 256 << 20

  /// Connections at a time, those waiting to be accepted included.
  public var connectionLimit = 1 << 20
  /// Passive handshakes at a time, over all listeners. Together they take no more than an eighth of the memory budget.
  public var handshakeLimit = 4096
  /// When SYN cookies are sent.
  public var synCookies = SynCookieUse.automatic
  /// TIME-WAIT records at a time; when there are more, the one nearest to its end goes first.
  public var timeWaitLimit = 1 << 16
  public var listenerLimit = 4096
  public var datagramSocketLimit = 4096

  /// Where ephemeral ports are taken from. RFC 6056 §3.2 advises 1024...65535; the default is IANA's range,
  /// so that no service's port is taken by chance.
  public var ephemeralPorts: ClosedRange<UInt16> = 49152...65535

  /// Octets of incomplete datagrams kept for reassembly, and how many datagrams.
  public var reassemblyBytes = 1 << 20
  public var reassemblyLimit = 64
  /// How long the fragments of an IPv4 datagram are kept (RFC 791 §3.2, RFC 1122 §3.3.2). IPv6: 60 s, fixed.
  public var reassemblyTimeout: Interval = .seconds(30)

  /// Octets, and number, of datagrams and messages that wait for the driver.
  public var datagramQueueBytes = 1 << 18
  public var datagramQueueLimit = 256
  /// Octets, and number, of datagrams that wait in a socket.
  public var socketQueueBytes = 1 << 18
  public var socketQueueLimit = 256

  /// Whether echo requests are answered (RFC 1122 §3.2.2.6, RFC 4443 §4.2).
  public var answersEcho = true
  /// Echo replies a second.
  public var echoRepliesPerSecond = 1000
  /// ICMP errors a second (RFC 1812 §4.3.2.8, RFC 4443 §2.4 (f)).
  public var icmpErrorsPerSecond = 100
  /// Resets a second that answer segments for which there is no connection.
  public var resetsPerSecond = 1000
  /// A report of a smaller path MTU is not believed for IPv4; IPv6: 1280 (RFC 8201 §4). RFC 1191 §3 allows 68,
  /// but no link of today has so little, and forged reports make tiny segments (RFC 5927 §7).
  public var minimumPathMTU = 552

  /// Destinations for which a path MTU is remembered, and those for which a Fast Open cookie is; when there are more, the oldest goes first.
  public var pathLimit = 256
  /// How long no text leaves on a SYN for a peer that did not take it, or did not answer (RFC 7413 §4.1.3.1).
  public var fastOpenPause: Interval = .minutes(10)
  /// How long a smaller path MTU is believed before more is tried. RFC 1191 §6.3 and RFC 8201 §5.3 recommend ten minutes
  /// and forbid less than five.
  public var pathLifetime: Interval = .minutes(10)

  /// Whether segments with an authentication option are taken from peers for which there are no keys, as if they had
  /// none (RFC 5925 §7.3, which wants it so by default).
  public var acceptsUnknownAuthentication = true

  /// Observations kept until a trace asks for them; the oldest go first.
  public var observationLimit = 1 << 14

  /// - Parameter keys: the host's secrets.
  public init(keys: StackKeys) {
    self.keys = keys
  }
}

/// What an interface is to be.
public struct InterfaceConfiguration: Sendable, Equatable {
  /// What the link carries. IP packets without a header of the link's own are what a TUN device carries.
  public enum Medium: UInt8, Sendable {
    case ip
  }

  public var medium = Medium.ip
  /// Octets of the largest IP packet the link takes, 68...65535; IPv6 needs 1280.
  public var maximumTransmissionUnit: Int
  /// The interface's addresses, each with the length of the prefix that can be reached on the link.
  public var addresses: [AddressPrefix]

  public init(maximumTransmissionUnit: Int = 1500, addresses: [AddressPrefix]) {
    self.maximumTransmissionUnit = maximumTransmissionUnit
    self.addresses = addresses
  }
}

/// Where a listener or a datagram socket takes what arrives.
public struct ListenEndpoint: Hashable, Sendable {
  /// Nil: every address of the host, of both IP versions.
  public let address: IPAddress?
  public let port: UInt16

  public init(address: IPAddress? = nil, port: UInt16) {
    self.address = address
    self.port = port
  }
}
