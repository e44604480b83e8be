// Shows the IPv4 header: fields, checksum, lengths that lie, fragments.

import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct IPv4HeaderTests {
  /// A header with a well-known checksum, and 95 bytes behind it.
  let known: [UInt8] =
    [
      0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01,
      0xc0, 0xa8, 0x00, 0xc7,
    ] + [UInt8](repeating: 7, count: 95)

  func parse(_ bytes: [UInt8]) throws(WireError) -> IPv4Header.Parsed {
    try IPv4Header.parse(bytes.rawSpan)
  }

  /// The bytes with the header's checksum put right.
  func repaired(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    let length = min(Int(bytes[0] & 15) * 4, bytes.count)
    bytes[10] = 0
    bytes[11] = 0
    let checksum = ~plainSum(Array(bytes.prefix(length)))
    bytes[10] = UInt8(checksum >> 8)
    bytes[11] = UInt8(checksum & 0xff)
    return bytes
  }

  @Test func aKnownHeaderIsReadAndWritten() throws {
    let parsed = try parse(known)
    let expected = IPv4Header(
      source: IPv4Address(192, 168, 0, 1), destination: IPv4Address(192, 168, 0, 199),
      protocolNumber: IPProtocol.udp, payloadLength: 95)
    #expect(parsed.header == expected)
    #expect(parsed.payload == 20..<115)
    #expect([UInt8](capacity: 20) { expected.write(into: &$0) } == Array(known.prefix(20)))
  }

  @Test func writtenHeadersComeBack() throws {
    var generator = SeededGenerator(seed: 791)
    for _ in 0..<1000 {
      let offset = Int.random(in: 0...2000, using: &generator) * 8
      let header = IPv4Header(
        source: IPv4Address(rawValue: .random(in: 0...(.max), using: &generator)),
        destination: IPv4Address(rawValue: .random(in: 0...(.max), using: &generator)),
        protocolNumber: .random(in: 0...255, using: &generator), payloadLength: 80,
        identification: .random(in: 0...(.max), using: &generator),
        dontFragment: .random(using: &generator), moreFragments: .random(using: &generator),
        fragmentOffset: offset, timeToLive: .random(in: 0...255, using: &generator),
        trafficClass: .random(in: 0...255, using: &generator))
      let bytes = [UInt8](capacity: 100) {
        header.write(into: &$0)
        $0.appendZeros(80)
      }
      #expect(try parse(bytes).header == header)
      #expect(header.trafficClass == header.differentiatedServices << 2 | header.congestionNotification)
      #expect(header.isFragment == (header.moreFragments || offset > 0))
    }
  }

  @Test func bytesBehindTheTotalLengthAreLeftOut() throws {
    #expect(try parse(known + [1, 2, 3]).payload == 20..<115)
  }

  @Test(.requirement("MUST-50"))
  func optionsAreLocatedAndPassedOver() throws {
    var bytes = known
    bytes[0] = 0x47
    let parsed = try parse(repaired(bytes))
    #expect(parsed.header.options == 20..<28)
    #expect(parsed.payload == 28..<115)
  }

  @Test func whatIsWrongIsSaid() {
    for count in 0..<20 {
      #expect(throws: WireError.truncated(needed: 20, have: count)) { try parse(Array(known.prefix(count))) }
    }
    func fails(_ error: WireError, _ change: (inout [UInt8]) -> Void) {
      var bytes = known
      change(&bytes)
      #expect(throws: error) { try parse(bytes) }
    }
    fails(.badVersion(6)) { $0[0] = 0x65 }
    fails(.badHeaderLength(16, have: 115)) { $0[0] = 0x44 }
    fails(.badHeaderLength(0, have: 115)) { $0[0] = 0x40 }
    fails(.badHeaderLength(60, have: 40)) {
      $0[0] = 0x4f
      $0.removeLast(75)
    }
    fails(.badTotalLength(19, have: 115)) { $0[3] = 19 }
    fails(.badTotalLength(116, have: 115)) { $0[3] = 116 }
    fails(.badTotalLength(0xff73, have: 115)) { $0[2] = 0xff }
    fails(.badChecksum(0xb862)) { $0[11] = 0x62 }
    fails(.badChecksum(0xb861)) { $0[8] = 0x41 }
  }

  @Test func fragmentsThatCannotBeAreRefused() throws {
    func fragment(offset: Int, more: Bool, length: Int) -> [UInt8] {
      let header = IPv4Header(
        source: .loopback, destination: .loopback, protocolNumber: 6, payloadLength: length,
        dontFragment: false, moreFragments: more, fragmentOffset: offset)
      return [UInt8](capacity: 20 + length) {
        header.write(into: &$0)
        $0.appendZeros(length)
      }
    }
    #expect(try parse(fragment(offset: 0, more: true, length: 16)).header.isFragment)
    #expect(try parse(fragment(offset: 65_512, more: false, length: 3)).header.fragmentOffset == 65_512)
    #expect(throws: WireError.badFragment(offset: 65_512, length: 4)) {
      try parse(fragment(offset: 65_512, more: false, length: 4))
    }
    #expect(throws: WireError.badFragment(offset: 0, length: 15)) {
      try parse(fragment(offset: 0, more: true, length: 15))
    }
    #expect(throws: WireError.badFragment(offset: 8, length: 0)) {
      try parse(fragment(offset: 8, more: true, length: 0))
    }
  }
}
