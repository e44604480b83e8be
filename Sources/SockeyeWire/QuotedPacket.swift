// Holds what can be read of the packet that an ICMP error quotes. Whether to believe it is decided by those
// who know what is in flight.

/// The packet an ICMP error is about, as far as it is quoted: as this host sent it.
public struct QuotedPacket: Equatable, Sendable {
  public var source: IPAddress
  public var destination: IPAddress
  /// See `IPProtocol`.
  public var protocolNumber: UInt8
  /// The upper layer's first eight bytes, as all of TCP, UDP and ICMP echo need (RFC 792). The quote of a
  /// fragment that isn't the first, which begins elsewhere, throws instead.
  public var firstBytes: UInt64
  /// The whole length that the quoted IP header claims, in bytes.
  public var totalLength: Int

  /// TCP's or UDP's source port: this host's.
  @inlinable
  public var sourcePort: UInt16 { UInt16(truncatingIfNeeded: firstBytes >> 48) }

  /// TCP's or UDP's destination port: the other host's.
  @inlinable
  public var destinationPort: UInt16 { UInt16(truncatingIfNeeded: firstBytes >> 32) }

  /// TCP's sequence number.
  @inlinable
  public var sequence: SequenceNumber { SequenceNumber(UInt32(truncatingIfNeeded: firstBytes)) }

  /// The connection, with this host's endpoint as the local one.
  @inlinable
  public var fourTuple: FourTuple {
    FourTuple(
      local: Endpoint(address: source, port: sourcePort),
      remote: Endpoint(address: destination, port: destinationPort))
  }

  /// Reads the payload of an ICMP error.
  /// - Throws: `truncated` when fewer than eight bytes of the upper layer are there; `badFragment` for a
  ///   fragment other than the first; `badVersion`, `badHeaderLength`.
  public static func parse(_ quote: RawSpan, version: IPVersion) throws(WireError) -> QuotedPacket {
    switch version {
    case .v4:
      let parsed = try IPv4Header.parseQuoted(quote)
      let header = parsed.header
      guard header.fragmentOffset == 0 else {
        throw .badFragment(offset: header.fragmentOffset, length: parsed.payload.count)
      }
      return QuotedPacket(
        source: .v4(header.source), destination: .v4(header.destination),
        protocolNumber: header.protocolNumber,
        firstBytes: try firstBytes(quote, of: parsed.payload), totalLength: header.totalLength)
    case .v6:
      let parsed = try IPv6Header.parseQuoted(quote)
      if let fragment = parsed.fragment, fragment.offset > 0 {
        throw .badFragment(offset: fragment.offset, length: parsed.payload.count)
      }
      return QuotedPacket(
        source: .v6(parsed.header.source), destination: .v6(parsed.header.destination),
        protocolNumber: parsed.protocolNumber,
        firstBytes: try firstBytes(quote, of: parsed.payload),
        totalLength: IPv6Header.length &+ parsed.header.payloadLength)
    }
  }

  private static func firstBytes(_ quote: RawSpan, of range: Range<Int>) throws(WireError) -> UInt64 {
    guard range.count >= 8 else { throw .truncated(needed: 8, have: range.count) }
    return quote.uint64(at: range.lowerBound)
  }
}
