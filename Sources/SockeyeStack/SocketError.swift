// Holds the reasons why a call to the stack can't be done. What happens to a connection later is an event.

import SockeyeTCP
import SockeyeWire

/// A call that can't be done, and why, with the offending value.
public enum SocketError: Error, Sendable, Equatable {
  /// Multicast, broadcast or no address at all: nobody to connect to (RFC 9293 §3.9.1.1 MUST-46).
  case invalidRemoteAddress(IPAddress)
  /// Port 0 is nobody's.
  case invalidRemotePort
  /// No route leads there.
  case noRoute(to: IPAddress)
  /// The local address is not one of this host's.
  case addressNotAvailable(IPAddress)
  /// Local and remote address are of different IP versions.
  case versionMismatch(local: IPAddress, remote: IPAddress)
  /// Another listener or datagram socket holds this address and port.
  case addressInUse(ListenEndpoint)
  /// A connection between these two endpoints exists (RFC 9293 §3.10.1).
  case connectionExists(FourTuple)
  /// Each ephemeral port is in use towards this endpoint (RFC 6056 §3).
  case noEphemeralPort(to: Endpoint)
  /// A table of the host is at its bound.
  case tooMany(StackTable, limit: Int)
  /// The host's memory budget is used up, octets.
  case noMemory(budget: Int)
  /// The connection was given back, or never existed (RFC 9293 §3.10: "connection does not exist").
  case noSuchConnection
  case noSuchListener
  case noSuchSocket
  /// The connection exists and refuses the call.
  case connection(ConnectionError)
  /// The settings can't work.
  case configuration(ConfigurationError)
  /// A backlog must have room for one connection at least.
  case invalidBacklog(Int)
  /// More than a datagram can hold, octets.
  case datagramTooLong(length: Int, limit: Int)
  /// Datagrams wait to be sent already, as many as the host keeps. Try again after the driver has sent some.
  case queueFull
  /// A Differentiated Services codepoint has six bits.
  case invalidCodepoint(UInt8)
  /// The connection must be authenticated (`TCPConfiguration.requiresAuthentication`), and there are no keys for the
  /// peer.
  case noKeys(for: Endpoint)
  /// Packets with no hops to live go nowhere.
  case invalidTimeToLive
}

/// The tables of a host that have a bound.
public enum StackTable: UInt8, Sendable, CaseIterable {
  case connections, handshakes, listeners, datagramSockets, interfaces, routes, addresses, authentication
}

/// An interface, an address or a route that can't be added, and why.
public enum StackError: Error, Sendable, Equatable {
  /// Too small for IP: at least 68 octets for IPv4 (RFC 791) and 1280 for IPv6 (RFC 8200).
  case maximumTransmissionUnitTooSmall(Int, minimum: Int)
  /// More than a datagram can hold.
  case maximumTransmissionUnitTooLarge(Int, maximum: Int)
  /// No host can have this address: multicast, broadcast, unspecified, or loopback off the loopback.
  case invalidAddress(IPAddress)
  /// The host has this address already.
  case duplicateAddress(IPAddress)
  case noSuchLink(LinkID)
  case tooMany(StackTable, limit: Int)
  /// A gateway must be of the prefix's IP version and lie on the link.
  case invalidGateway(IPAddress)
}
