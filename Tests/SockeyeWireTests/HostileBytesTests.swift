// Shows that no bytes trap a parser: random ones, and valid packets with a few bytes changed or cut off.
// A trap ends the whole run, so that each loop that ends is the proof.

import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct HostileBytesTests {
  /// Gives the bytes to every parser; what they find must lie within the bytes.
  func parseAsEverything(_ bytes: [UInt8]) {
    let span = bytes.rawSpan
    let count = bytes.count
    if let parsed = try? IPv4Header.parse(span) {
      #expect(parsed.payload.upperBound <= count && parsed.header.options.upperBound <= count)
      #expect(parsed.header.totalLength == parsed.payload.upperBound)
    }
    if let parsed = try? IPv4Header.parseQuoted(span) { #expect(parsed.payload.upperBound <= count) }
    if let parsed = try? IPv6Header.parse(span) {
      #expect(parsed.payload.upperBound <= count && parsed.protocolFieldOffset < count)
      if let fragment = parsed.fragment {
        #expect(fragment.unfragmentableLength + 8 == parsed.payload.lowerBound)
        #expect(fragment.nextHeaderFieldOffset < fragment.unfragmentableLength)
      }
    }
    if let parsed = try? IPv6Header.parseQuoted(span) { #expect(parsed.payload.upperBound <= count) }
    if let parsed = try? TCPHeader.parse(span) {
      #expect(parsed.payload.upperBound == count && parsed.payload.lowerBound >= 20)
      #expect(!parsed.header.summary(payloadLength: parsed.payload.count).isEmpty)
      #expect(parsed.header.headerLength <= 60)
    }
    if let parsed = try? UDPHeader.parse(span) {
      #expect(parsed.payload.upperBound <= count)
      _ = parsed.header.hasValidChecksum(span, source: .v4(.loopback), destination: .v4(.loopback))
    }
    _ = try? ICMPv4Message.parse(span)
    _ = try? ICMPv6Message.parse(span, source: .loopback, destination: .loopback)
    _ = try? QuotedPacket.parse(span, version: .v4)
    _ = try? QuotedPacket.parse(span, version: .v6)
    _ = try? IPVersion.of(span)
  }

  @Test(arguments: 0..<4)
  func randomBytes(_ seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    for _ in 0..<8000 {
      let count = Int.random(in: 0...120, using: &generator)
      var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      // Half of them get past the first check.
      if count > 0 && Bool.random(using: &generator) {
        bytes[0] = Bool.random(using: &generator) ? 0x45 : 0x60
      }
      if count > 6 && Bool.random(using: &generator) {
        bytes[4] = 0
        bytes[5] = UInt8(max(0, count - 40))
        bytes[6] = [0, 43, 44, 60][Int.random(in: 0..<4, using: &generator)]
      }
      parseAsEverything(bytes)
    }
  }

  @Test(arguments: 0..<4)
  func validPacketsWithDamage(_ seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed) + 100)
    for _ in 0..<4000 {
      let header = TCPHeader.random(using: &generator)
      let segment = [UInt8](capacity: 80) {
        header.write(into: &$0)
        $0.appendZeros(16)
      }
      var bytes = packet(around: segment, using: &generator)
      for _ in 0..<Int.random(in: 0...3, using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
          in: 0...255, using: &generator)
      }
      bytes.removeLast(Int.random(in: 0...3, using: &generator) == 0 ? bytes.count / 3 : 0)
      parseAsEverything(bytes)
      parseAsEverything(Array(bytes.dropFirst(20)))
      parseAsEverything(Array(bytes.dropFirst(40)))
    }
  }

  func packet(around segment: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
    if Bool.random(using: &generator) {
      let header = IPv4Header(
        source: .loopback, destination: .loopback, protocolNumber: IPProtocol.tcp,
        payloadLength: segment.count)
      return [UInt8](capacity: 200) {
        header.write(into: &$0)
        $0.append(bytes: segment.rawSpan)
      }
    }
    let kinds: [UInt8] = [0, 43, 44, 60]
    let chain = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
      kinds[Int.random(in: 0..<4, using: &generator)]
    }
    let header = IPv6Header(
      source: .loopback, destination: .loopback, nextHeader: chain.first ?? IPProtocol.tcp,
      payloadLength: segment.count + 8 * chain.count)
    return [UInt8](capacity: 300) {
      header.write(into: &$0)
      for index in chain.indices {
        $0.append(index + 1 < chain.count ? chain[index + 1] : IPProtocol.tcp)
        $0.appendZeros(7)
      }
      $0.append(bytes: segment.rawSpan)
    }
  }

  @Test func everyErrorSaysWhatWasWrong() {
    let errors: [WireError] = [
      .truncated(needed: 20, have: 3), .badVersion(5), .badHeaderLength(8, have: 20),
      .badTotalLength(9, have: 20), .badChecksum(1), .badFragment(offset: 8, length: 3),
      .tooManyExtensionHeaders(9), .misplacedHopByHopOptions(pointer: 40),
      .unrecognizedOption(0xc0, pointer: 42), .unrecognizedRouting(4, pointer: 42),
    ]
    #expect(Set(errors.map(\.description)).count == errors.count)
    #expect(errors[0].description == "truncated: 20 bytes needed, 3 there")
  }
}
