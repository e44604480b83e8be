// Holds the protocol numbers this stack knows, and the IP version.

/// Protocol numbers of the IPv4 protocol field and the IPv6 next header fields (IANA).
public enum IPProtocol {
  @inlinable public static var hopByHopOptions: UInt8 { 0 }
  @inlinable public static var icmp: UInt8 { 1 }
  @inlinable public static var tcp: UInt8 { 6 }
  @inlinable public static var udp: UInt8 { 17 }
  @inlinable public static var ipv6Routing: UInt8 { 43 }
  @inlinable public static var ipv6Fragment: UInt8 { 44 }
  @inlinable public static var icmpv6: UInt8 { 58 }
  /// Nothing follows (RFC 8200 §4.7).
  @inlinable public static var noNextHeader: UInt8 { 59 }
  @inlinable public static var ipv6DestinationOptions: UInt8 { 60 }
}

/// The version of the Internet Protocol.
@frozen
public enum IPVersion: UInt8, Hashable, Sendable {
  case v4 = 4
  case v6 = 6

  /// The version that a packet's first four bits claim.
  /// - Throws: `truncated` for no bytes, `badVersion` for a number that is neither.
  @inlinable
  public static func of(_ packet: RawSpan) throws(WireError) -> IPVersion {
    guard packet.byteCount > 0 else { throw .truncated(needed: 1, have: 0) }
    let number = packet.byte(at: 0) >> 4
    guard let version = IPVersion(rawValue: number) else { throw .badVersion(number) }
    return version
  }

  /// The header's length without options or extension headers, in bytes.
  @inlinable
  public var headerLength: Int { self == .v4 ? 20 : 40 }
}
