// Holds the IPv4 header: reading, writing, checksum. Options are located, not interpreted; reassembly is
// SockeyeStack's affair.

/// An IPv4 header (RFC 791 §3.1).
public struct IPv4Header: Equatable, Sendable {
  public var source: IPv4Address
  public var destination: IPv4Address
  /// See `IPProtocol`.
  public var protocolNumber: UInt8
  public var identification: UInt16
  public var dontFragment: Bool
  public var moreFragments: Bool
  /// In bytes, a multiple of 8.
  public var fragmentOffset: Int
  public var timeToLive: UInt8
  /// The type of service byte: `differentiatedServices << 2 | congestionNotification`.
  public var trafficClass: UInt8
  /// Header and payload, in bytes.
  public var totalLength: Int
  /// Where the options lie, in offsets from the start of the packet; empty when there are none.
  public var options: Range<Int>

  /// A header without options.
  /// - Parameter payloadLength: in bytes; with the header at most 65,535.
  @inlinable
  public init(
    source: IPv4Address, destination: IPv4Address, protocolNumber: UInt8, payloadLength: Int,
    identification: UInt16 = 0, dontFragment: Bool = true, moreFragments: Bool = false,
    fragmentOffset: Int = 0, timeToLive: UInt8 = 64, trafficClass: UInt8 = 0
  ) {
    self.source = source
    self.destination = destination
    self.protocolNumber = protocolNumber
    self.identification = identification
    self.dontFragment = dontFragment
    self.moreFragments = moreFragments
    self.fragmentOffset = fragmentOffset
    self.timeToLive = timeToLive
    self.trafficClass = trafficClass
    totalLength = IPv4Header.minimumLength &+ payloadLength
    options = IPv4Header.minimumLength..<IPv4Header.minimumLength
  }

  /// The length without options, in bytes.
  @inlinable
  public static var minimumLength: Int { 20 }

  /// The largest packet, in bytes.
  @inlinable
  public static var maximumTotalLength: Int { 65_535 }

  /// DSCP (RFC 2474).
  @inlinable
  public var differentiatedServices: UInt8 { trafficClass >> 2 }

  /// ECN (RFC 3168): 0 not capable, 1 and 2 capable, 3 congestion experienced.
  @inlinable
  public var congestionNotification: UInt8 { trafficClass & 3 }

  /// Whether the packet is a piece of a larger one.
  @inlinable
  public var isFragment: Bool { moreFragments || fragmentOffset > 0 }

  /// A header and where its payload lies.
  public struct Parsed: Equatable, Sendable {
    public var header: IPv4Header
    /// The payload, in offsets from the start of the packet. Bytes behind the total length are left out.
    public var payload: Range<Int>

    @inlinable
    init(header: IPv4Header, payload: Range<Int>) {
      self.header = header
      self.payload = payload
    }
  }

  /// Reads and checks a packet's header.
  /// - Throws: `truncated`, `badVersion`, `badHeaderLength`, `badTotalLength`, `badChecksum`, `badFragment`.
  // Inlined into its one busy caller, so that fields nobody asks for are not read.
  @inlinable
  @inline(__always)
  public static func parse(_ packet: RawSpan) throws(WireError) -> Parsed {
    let have = packet.byteCount
    let headerLength = try checkedHeaderLength(packet)
    let totalLength = Int(packet.uint16(at: 2))
    guard totalLength >= headerLength && totalLength <= have else {
      throw .badTotalLength(totalLength, have: have)
    }
    // RFC 1122 §3.2.1.2: a wrong checksum is silently discarded.
    let checksum =
      headerLength == minimumLength
      ? InternetChecksum.finish(sum(packet.uint64(at: 0), packet.uint64(at: 8), packet.uint32(at: 16)))
      : InternetChecksum.finish(InternetChecksum.sum(packet.extracting(first: headerLength)))
    guard checksum == 0 else { throw .badChecksum(packet.uint16(at: 10)) }
    let header = fields(of: packet, headerLength: headerLength)
    let payloadLength = totalLength &- headerLength
    if header.isFragment {
      // No fragment may end beyond the largest packet, and all but the last end at a multiple of 8.
      guard headerLength &+ header.fragmentOffset &+ payloadLength <= maximumTotalLength,
        !header.moreFragments || (payloadLength > 0 && payloadLength % 8 == 0)
      else { throw .badFragment(offset: header.fragmentOffset, length: payloadLength) }
    }
    return Parsed(header: header, payload: headerLength..<totalLength)
  }

  /// Reads the header of a packet that an ICMP error quotes: it may be cut short behind the header, and its
  /// checksum and total length are not verified. The payload is what is there of it.
  /// - Throws: `truncated`, `badVersion`, `badHeaderLength`.
  public static func parseQuoted(_ packet: RawSpan) throws(WireError) -> Parsed {
    let headerLength = try checkedHeaderLength(packet)
    let header = fields(of: packet, headerLength: headerLength)
    let end = min(max(header.totalLength, headerLength), packet.byteCount)
    return Parsed(header: header, payload: headerLength..<end)
  }

  @inlinable
  @inline(__always)
  static func checkedHeaderLength(_ packet: RawSpan) throws(WireError) -> Int {
    let have = packet.byteCount
    guard have >= minimumLength else { throw .truncated(needed: minimumLength, have: have) }
    let first = packet.byte(at: 0)
    guard first >> 4 == 4 else { throw .badVersion(first >> 4) }
    let headerLength = Int(first & 0x0f) &* 4
    guard headerLength >= minimumLength && headerLength <= have else {
      throw .badHeaderLength(headerLength, have: have)
    }
    return headerLength
  }

  /// The sum of a header without options, from its three words.
  @inlinable
  @inline(__always)
  static func sum(_ first: UInt64, _ second: UInt64, _ third: UInt32) -> UInt32 {
    var sum = (first >> 32) &+ (first & 0xffff_ffff) &+ (second >> 32) &+ (second & 0xffff_ffff)
    sum = sum &+ UInt64(third)
    sum = (sum & 0xffff_ffff) &+ (sum >> 32)
    sum = (sum & 0xffff_ffff) &+ (sum >> 32)
    return UInt32(truncatingIfNeeded: sum)
  }

  @inlinable
  @inline(__always)
  static func fields(of packet: RawSpan, headerLength: Int) -> IPv4Header {
    let flagsAndOffset = packet.uint16(at: 6)
    var header = IPv4Header(
      source: IPv4Address(rawValue: packet.uint32(at: 12)),
      destination: IPv4Address(rawValue: packet.uint32(at: 16)),
      protocolNumber: packet.byte(at: 9),
      payloadLength: Int(packet.uint16(at: 2)) &- minimumLength,
      identification: packet.uint16(at: 4),
      dontFragment: flagsAndOffset & 0x4000 != 0,
      moreFragments: flagsAndOffset & 0x2000 != 0,
      fragmentOffset: Int(flagsAndOffset & 0x1fff) &* 8,
      timeToLive: packet.byte(at: 8),
      trafficClass: packet.byte(at: 1))
    header.options = minimumLength..<headerLength
    return header
  }

  /// Appends 20 bytes with their checksum; options are never sent.
  /// - Precondition: `out` has room for them.
  @inlinable
  @inline(__always)
  @_lifetime(out: copy out)
  public func write(into out: inout OutputRawSpan) {
    let fragmentation =
      UInt16(truncatingIfNeeded: fragmentOffset / 8) & 0x1fff
      | (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0)
    let lengths =
      0x4500_0000 | UInt32(trafficClass) << 16 | UInt32(truncatingIfNeeded: totalLength & 0xffff)
    let first = UInt64(lengths) << 32 | UInt64(identification) << 16 | UInt64(fragmentation)
    let middle = UInt32(timeToLive) << 24 | UInt32(protocolNumber) << 16
    let second = UInt64(middle) << 32 | UInt64(source.rawValue)
    let checksum = InternetChecksum.finish(IPv4Header.sum(first, second, destination.rawValue))
    out.appendWords(first, second | UInt64(checksum) << 32, destination.rawValue)
  }
}
