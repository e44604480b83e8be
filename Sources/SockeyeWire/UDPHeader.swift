// Holds the UDP header: reading, writing, checksum.

/// A UDP header (RFC 768).
public struct UDPHeader: Equatable, Sendable {
  public var sourcePort: UInt16
  public var destinationPort: UInt16
  /// Header and data, in bytes.
  public var length: Int
  /// As on the wire; 0 means that none was computed.
  public var checksum: UInt16

  /// - Parameter payloadLength: in bytes; with the header at most 65,535.
  public init(sourcePort: UInt16, destinationPort: UInt16, payloadLength: Int, checksum: UInt16 = 0) {
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    length = UDPHeader.headerLength &+ payloadLength
    self.checksum = checksum
  }

  /// In bytes.
  @inlinable
  public static var headerLength: Int { 8 }

  /// A header and where its datagram's data lies.
  public struct Parsed: Equatable, Sendable {
    public var header: UDPHeader
    /// The data, in offsets from the start of the datagram. Bytes behind the length are left out.
    public var payload: Range<Int>
  }

  /// Reads a datagram's header. The checksum is not verified: see `hasValidChecksum`.
  /// - Throws: `truncated` below 8 bytes; `badTotalLength` when the length is below 8 or beyond the end.
  public static func parse(_ datagram: RawSpan) throws(WireError) -> Parsed {
    let have = datagram.byteCount
    guard have >= headerLength else { throw .truncated(needed: headerLength, have: have) }
    let length = Int(datagram.uint16(at: 4))
    guard length >= headerLength && length <= have else { throw .badTotalLength(length, have: have) }
    let header = UDPHeader(
      sourcePort: datagram.uint16(at: 0), destinationPort: datagram.uint16(at: 2),
      payloadLength: length &- headerLength, checksum: datagram.uint16(at: 6))
    return Parsed(header: header, payload: headerLength..<length)
  }

  /// Whether a datagram's checksum is right. None at all is right for IPv4 (RFC 768) and wrong for IPv6
  /// (RFC 8200 §8.1).
  /// - Parameter datagram: one that `parse` read without an error.
  public func hasValidChecksum(
    _ datagram: RawSpan, source: IPAddress, destination: IPAddress
  ) -> Bool {
    if checksum == 0 { return source.version == .v4 }
    let pseudo = PseudoHeader.sum(
      source: source, destination: destination, protocolNumber: IPProtocol.udp, length: length)
    let covered = datagram.extracting(first: length)
    return InternetChecksum.finish(InternetChecksum.sum(covered, initial: pseudo)) == 0
  }

  /// Appends the header, with the checksum computed, and the payload.
  /// - Precondition: `out` has room for both, and `length` is that of both.
  @_lifetime(out: copy out)
  public func write(
    into out: inout OutputRawSpan, payload: RawSpan, source: IPAddress, destination: IPAddress
  ) {
    precondition(length == UDPHeader.headerLength &+ payload.byteCount, "the length is not the payload's")
    let start = out.byteCount
    out.appendUInt16(sourcePort)
    out.appendUInt16(destinationPort)
    out.appendUInt16(UInt16(truncatingIfNeeded: length))
    out.appendUInt16(0)
    out.append(bytes: payload)
    let pseudo = PseudoHeader.sum(
      source: source, destination: destination, protocolNumber: IPProtocol.udp, length: length)
    let checksum = InternetChecksum.finish(
      InternetChecksum.sum(out.bytes.extracting(start..<start &+ length), initial: pseudo))
    // RFC 768: a computed zero is sent as all ones, for zero means none.
    out.overwriteUInt16(checksum == 0 ? 0xffff : checksum, at: start &+ 6)
  }
}
