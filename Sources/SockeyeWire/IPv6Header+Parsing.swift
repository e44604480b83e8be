// Holds the reading of an IPv6 header and the walk over its extension headers, bounded in count and in bytes.

extension IPv6Header {
  /// How many extension headers are walked. RFC 8200 §4.1 recommends each at most once, destination options
  /// twice: five kinds, and one more.
  public static var maximumExtensionHeaders: Int { 6 }

  /// How many bytes of extension headers are walked.
  public static var maximumExtensionLength: Int { 1024 }

  /// Reads and checks a packet's headers.
  /// - Throws: `truncated`, `badVersion`, `badTotalLength`, `badFragment`, or one of the cases about
  ///   extension headers.
  public static func parse(_ packet: RawSpan) throws(WireError) -> Parsed {
    let header = try fixedHeader(packet)
    let have = packet.byteCount
    guard header.payloadLength <= have &- length else {
      throw .badTotalLength(length &+ header.payloadLength, have: have)
    }
    let end = length &+ header.payloadLength
    var walk = ExtensionWalk(next: header.nextHeader, end: end, strict: true)
    if ExtensionWalk.isExtension(header.nextHeader) { try walk.run(over: packet) }
    return walk.parsed(header)
  }

  /// Reads the headers of a packet that an ICMPv6 error quotes: it may be cut short. Nothing is verified;
  /// where the headers end before the upper layer, the payload is empty.
  /// - Throws: `truncated`, `badVersion`.
  public static func parseQuoted(_ packet: RawSpan) throws(WireError) -> Parsed {
    let header = try fixedHeader(packet)
    let end = min(length &+ header.payloadLength, packet.byteCount)
    var walk = ExtensionWalk(next: header.nextHeader, end: end, strict: false)
    do throws(WireError) {
      try walk.run(over: packet)
    } catch {
      walk.offset = end
    }
    return walk.parsed(header)
  }

  @inline(__always)
  private static func fixedHeader(_ packet: RawSpan) throws(WireError) -> IPv6Header {
    let have = packet.byteCount
    guard have >= length else { throw .truncated(needed: length, have: have) }
    let first = packet.uint32(at: 0)
    guard first >> 28 == 6 else { throw .badVersion(UInt8(truncatingIfNeeded: first >> 28)) }
    return IPv6Header(
      source: IPv6Address(high: packet.uint64(at: 8), low: packet.uint64(at: 16)),
      destination: IPv6Address(high: packet.uint64(at: 24), low: packet.uint64(at: 32)),
      nextHeader: packet.byte(at: 6), payloadLength: Int(packet.uint16(at: 4)),
      hopLimit: packet.byte(at: 7), trafficClass: UInt8(truncatingIfNeeded: first >> 20),
      flowLabel: first & 0xf_ffff)
  }
}

/// The walk from the fixed header to the upper layer.
private struct ExtensionWalk {
  /// What is at `offset`.
  var next: UInt8
  /// Where the packet ends.
  let end: Int
  /// Whether options and lengths are checked as for a packet that is to be taken in.
  let strict: Bool
  var offset = IPv6Header.length
  /// Where `next` was read: at first, in the fixed header.
  var nextFieldOffset = 6
  var fragment: IPv6Header.Fragment?

  init(next: UInt8, end: Int, strict: Bool) {
    self.next = next
    self.end = end
    self.strict = strict
  }

  /// Whether `run` knows what to do with a header of this kind.
  @inline(__always)
  static func isExtension(_ kind: UInt8) -> Bool {
    kind == IPProtocol.hopByHopOptions || kind == IPProtocol.ipv6DestinationOptions
      || kind == IPProtocol.ipv6Routing || kind == IPProtocol.ipv6Fragment
  }

  @inline(__always)
  func parsed(_ header: IPv6Header) -> IPv6Header.Parsed {
    IPv6Header.Parsed(
      header: header, protocolNumber: next, protocolFieldOffset: nextFieldOffset,
      payload: offset..<end, fragment: fragment)
  }

  @inline(never)
  mutating func run(over packet: RawSpan) throws(WireError) {
    var walked = 0
    while fragment == nil {
      let isFirst = walked == 0
      switch next {
      case IPProtocol.hopByHopOptions:
        guard isFirst else { throw .misplacedHopByHopOptions(pointer: nextFieldOffset) }
        try passOptions(packet)
      case IPProtocol.ipv6DestinationOptions:
        try passOptions(packet)
      case IPProtocol.ipv6Routing:
        try passRouting(packet)
      case IPProtocol.ipv6Fragment:
        try passFragment(packet)
      default:
        return
      }
      walked &+= 1
      guard walked <= IPv6Header.maximumExtensionHeaders,
        offset &- IPv6Header.length <= IPv6Header.maximumExtensionLength
      else { throw .tooManyExtensionHeaders(walked) }
    }
  }

  /// The length of the extension header at `offset`, all of which is there.
  private func extensionLength(_ packet: RawSpan) throws(WireError) -> Int {
    guard end &- offset >= 8 else { throw .truncated(needed: 8, have: end &- offset) }
    let length = (Int(packet.byte(at: offset &+ 1)) &+ 1) &* 8
    guard length <= end &- offset else { throw .truncated(needed: length, have: end &- offset) }
    return length
  }

  private mutating func pass(_ packet: RawSpan, length: Int) {
    next = packet.byte(at: offset)
    nextFieldOffset = offset
    offset &+= length
  }

  /// RFC 8200 §4.2: options are skipped when their type's two high bits are zero.
  private mutating func passOptions(_ packet: RawSpan) throws(WireError) {
    let length = try extensionLength(packet)
    let limit = offset &+ length
    var option = offset &+ 2
    while strict && option < limit {
      let type = packet.byte(at: option)
      if type == 0 {
        // Pad1 has no length.
        option &+= 1
        continue
      }
      guard option &+ 2 <= limit else { throw .truncated(needed: 2, have: limit &- option) }
      let optionLength = 2 &+ Int(packet.byte(at: option &+ 1))
      guard optionLength <= limit &- option else {
        throw .truncated(needed: optionLength, have: limit &- option)
      }
      if type & 0xc0 != 0 { throw .unrecognizedOption(type, pointer: option) }
      option &+= optionLength
    }
    pass(packet, length: length)
  }

  /// RFC 8200 §4.4: a routing header is passed over when no segments are left.
  private mutating func passRouting(_ packet: RawSpan) throws(WireError) {
    let length = try extensionLength(packet)
    if strict && packet.byte(at: offset &+ 3) != 0 {
      throw .unrecognizedRouting(packet.byte(at: offset &+ 2), pointer: offset &+ 2)
    }
    pass(packet, length: length)
  }

  private mutating func passFragment(_ packet: RawSpan) throws(WireError) {
    guard end &- offset >= 8 else { throw .truncated(needed: 8, have: end &- offset) }
    let word = packet.uint16(at: offset &+ 2)
    let pieceOffset = Int(word & 0xfff8)
    let moreFragments = word & 1 != 0
    let pieceLength = end &- offset &- 8
    // RFC 6946: a fragment header on a whole packet stands for nothing.
    if pieceOffset > 0 || moreFragments {
      // RFC 8200 §4.5: pieces but the last are multiples of 8, and none ends beyond the largest packet.
      let unfragmentable = offset
      guard
        !strict
          || (pieceOffset &+ pieceLength &+ unfragmentable &- IPv6Header.length <= 65_535
            && (!moreFragments || (pieceLength > 0 && pieceLength % 8 == 0)))
      else { throw .badFragment(offset: pieceOffset, length: pieceLength) }
      fragment = IPv6Header.Fragment(
        offset: pieceOffset, moreFragments: moreFragments,
        identification: packet.uint32(at: offset &+ 4), nextHeader: packet.byte(at: offset),
        unfragmentableLength: unfragmentable, nextHeaderFieldOffset: nextFieldOffset)
    }
    pass(packet, length: 8)
  }
}
