// Shows the IPv6 header and the walk over extension headers.

import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct IPv6HeaderTests {
  func parse(_ bytes: [UInt8]) throws(WireError) -> IPv6Header.Parsed {
    try IPv6Header.parse(bytes.rawSpan)
  }

  /// A packet with the given bytes behind the fixed header.
  func packet(next: UInt8, _ rest: [UInt8]) -> [UInt8] {
    let header = IPv6Header(
      source: .loopback, destination: .allNodes, nextHeader: next, payloadLength: rest.count)
    return [UInt8](capacity: 40 + rest.count) {
      header.write(into: &$0)
      $0.append(bytes: rest.rawSpan)
    }
  }

  /// An extension header of options, padded with Pad1.
  func options(next: UInt8, words: Int = 1, _ options: [UInt8] = []) -> [UInt8] {
    let bytes = [next, UInt8(words - 1)] + options
    return bytes + [UInt8](repeating: 0, count: words * 8 - bytes.count)
  }

  func fragment(next: UInt8, offset: Int, more: Bool, identification: UInt8 = 9) -> [UInt8] {
    let word = UInt16(offset) | (more ? 1 : 0)
    return [next, 0, UInt8(word >> 8), UInt8(word & 255), 0, 0, 0, identification]
  }

  @Test func writtenHeadersComeBack() throws {
    var generator = SeededGenerator(seed: 8200)
    for _ in 0..<500 {
      let header = IPv6Header(
        source: IPv6Address(high: generator.next(), low: generator.next()),
        destination: IPv6Address(high: generator.next(), low: generator.next()),
        nextHeader: IPProtocol.tcp, payloadLength: 30, hopLimit: .random(in: 0...255, using: &generator),
        trafficClass: .random(in: 0...255, using: &generator),
        flowLabel: .random(in: 0...0xfffff, using: &generator))
      let bytes = [UInt8](capacity: 80) {
        header.write(into: &$0)
        $0.appendZeros(40)
      }
      let parsed = try parse(bytes)
      #expect(parsed.header == header)
      #expect(parsed.payload == 40..<70)
      #expect(parsed.protocolNumber == IPProtocol.tcp)
      #expect(parsed.protocolFieldOffset == 6)
      #expect(parsed.fragment == nil)
      #expect(header.trafficClass == header.differentiatedServices << 2 | header.congestionNotification)
    }
  }

  @Test func whatIsWrongIsSaid() {
    let bytes = packet(next: 6, [1, 2, 3, 4])
    for count in 0..<40 {
      #expect(throws: WireError.truncated(needed: 40, have: count)) { try parse(Array(bytes.prefix(count))) }
    }
    #expect(throws: WireError.badTotalLength(44, have: 43)) { try parse(Array(bytes.prefix(43))) }
    #expect(throws: WireError.badVersion(4)) { try parse([0x45] + bytes.dropFirst()) }
  }

  @Test func extensionHeadersArePassedOver() throws {
    let chain =
      options(next: IPProtocol.ipv6DestinationOptions, [1, 4, 0, 0, 0, 0])
      + options(next: IPProtocol.ipv6Routing, words: 2, [0x1e, 3, 1, 2, 3])
      + [IPProtocol.ipv6DestinationOptions, 0, 0, 0, 0, 0, 0, 0]
      + options(next: IPProtocol.tcp)
    let parsed = try parse(packet(next: IPProtocol.hopByHopOptions, chain + [1, 2, 3]))
    #expect(parsed.protocolNumber == IPProtocol.tcp)
    #expect(parsed.payload == 80..<83)
    #expect(parsed.protocolFieldOffset == 72)
    #expect(parsed.fragment == nil)
  }

  @Test func anUnknownProtocolEndsTheWalk() throws {
    let parsed = try parse(packet(next: IPProtocol.ipv6DestinationOptions, options(next: 253) + [0, 0]))
    #expect(parsed.protocolNumber == 253)
    #expect(parsed.protocolFieldOffset == 40)
    #expect(parsed.payload == 48..<50)
  }

  @Test func hopByHopOptionsComeFirstOrNotAtAll() {
    let late = options(next: IPProtocol.hopByHopOptions) + options(next: IPProtocol.tcp)
    #expect(throws: WireError.misplacedHopByHopOptions(pointer: 40)) {
      try parse(packet(next: IPProtocol.ipv6DestinationOptions, late))
    }
  }

  @Test func optionsThatMayNotBeSkippedAreNamed() throws {
    for type in UInt8(2)...255 {
      let bytes = packet(next: 60, options(next: 6, [1, 0, type, 1, 9]))
      if type >> 6 == 0 {
        #expect(try parse(bytes).protocolNumber == 6)
      } else {
        #expect(throws: WireError.unrecognizedOption(type, pointer: 44)) { try parse(bytes) }
      }
    }
    #expect(throws: WireError.truncated(needed: 9, have: 6)) {
      try parse(packet(next: 60, options(next: 6, [1, 7])))
    }
    #expect(throws: WireError.truncated(needed: 2, have: 1)) {
      try parse(packet(next: 60, options(next: 6, [0, 0, 0, 0, 0, 1])))
    }
  }

  @Test func routingHeadersWithSegmentsLeftAreRefused() throws {
    let done: [UInt8] = [6, 0, 0, 0, 0, 0, 0, 0]
    #expect(try parse(packet(next: 43, done)).protocolNumber == 6)
    var left = done
    left[2] = 4
    left[3] = 1
    #expect(throws: WireError.unrecognizedRouting(4, pointer: 42)) { try parse(packet(next: 43, left)) }
  }

  @Test func chainsAreBounded() {
    let six = (0..<6).flatMap { _ in options(next: 60) }
    #expect(throws: Never.self) { try parse(packet(next: 60, six.dropLast(8) + options(next: 6))) }
    #expect(throws: WireError.tooManyExtensionHeaders(7)) {
      try parse(packet(next: 60, six + options(next: 6)))
    }
    #expect(throws: WireError.tooManyExtensionHeaders(1)) {
      try parse(packet(next: 60, options(next: 6, words: 129)))
    }
    #expect(throws: WireError.truncated(needed: 16, have: 8)) {
      try parse(packet(next: 60, [6, 1, 0, 0, 0, 0, 0, 0]))
    }
    #expect(throws: WireError.truncated(needed: 8, have: 7)) {
      try parse(packet(next: 60, [6, 0, 0, 0, 0, 0, 0]))
    }
    #expect(throws: WireError.truncated(needed: 8, have: 0)) { try parse(packet(next: 44, [])) }
  }

  @Test func fragmentsSayWhereTheyBelong() throws {
    let first = packet(
      next: 60,
      options(next: 44) + fragment(next: 6, offset: 0, more: true) + [UInt8](repeating: 1, count: 16))
    let parsed = try parse(first)
    #expect(
      parsed.fragment
        == IPv6Header.Fragment(
          offset: 0, moreFragments: true, identification: 9, nextHeader: 6, unfragmentableLength: 48,
          nextHeaderFieldOffset: 40))
    #expect(parsed.payload == 56..<72)
    #expect(parsed.protocolNumber == 6)
    let last = try parse(packet(next: 44, fragment(next: 60, offset: 16, more: false) + [1, 2, 3]))
    // What a fragment begins with is not walked into.
    #expect(last.protocolNumber == 60)
    #expect(last.fragment?.offset == 16)
    #expect(last.fragment?.nextHeaderFieldOffset == 6)
    #expect(last.payload == 48..<51)
  }

  @Test func aWholePacketInAFragmentHeaderIsAWholePacket() throws {
    let atomic = packet(next: 44, fragment(next: 60, offset: 0, more: false) + options(next: 6) + [1])
    let parsed = try parse(atomic)
    #expect(parsed.fragment == nil)
    #expect(parsed.protocolNumber == 6)
    #expect(parsed.payload == 56..<57)
  }

  @Test func fragmentsThatCannotBeAreRefused() {
    #expect(throws: WireError.badFragment(offset: 0, length: 3)) {
      try parse(packet(next: 44, fragment(next: 6, offset: 0, more: true) + [1, 2, 3]))
    }
    #expect(throws: WireError.badFragment(offset: 8, length: 0)) {
      try parse(packet(next: 44, fragment(next: 6, offset: 8, more: true)))
    }
    #expect(throws: WireError.badFragment(offset: 65_528, length: 8)) {
      try parse(packet(next: 44, fragment(next: 6, offset: 65_528, more: false) + [0, 0, 0, 0, 0, 0, 0, 0]))
    }
    #expect(throws: Never.self) {
      try parse(packet(next: 44, fragment(next: 6, offset: 65_528, more: false) + [0, 0, 0, 0, 0, 0, 0]))
    }
  }

  @Test func theVersionIsTold() throws {
    func version(_ bytes: [UInt8]) throws(WireError) -> IPVersion { try IPVersion.of(bytes.rawSpan) }
    #expect(try version([0x45]) == .v4)
    #expect(try version([0x6f]) == .v6)
    #expect(throws: WireError.badVersion(5)) { try version([0x50]) }
    #expect(throws: WireError.truncated(needed: 1, have: 0)) { try version([]) }
    #expect(IPVersion.v4.headerLength == 20 && IPVersion.v6.headerLength == 40)
  }
}
