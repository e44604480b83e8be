// Shows the TCP header: fields to bytes and back, checksum, printing.

import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct TCPHeaderTests {
  func parse(_ bytes: [UInt8]) throws(WireError) -> TCPHeader.Parsed {
    try TCPHeader.parse(bytes.rawSpan)
  }

  func bytes(_ header: TCPHeader) -> [UInt8] {
    [UInt8](capacity: 60) { header.write(into: &$0) }
  }

  @Test func fieldsLieWhereTheRFCPutsThem() throws {
    let bytes: [UInt8] = [
      0x0d, 0x49, 0xc0, 0x00, 0x01, 0x02, 0x03, 0x04, 0xf1, 0xf2, 0xf3, 0xf4, 0x5a, 0x12, 0xfa, 0xf0,
      0xab, 0xcd, 0x00, 0x09, 0x68, 0x69,
    ]
    let parsed = try parse(bytes)
    let expected = TCPHeader(
      sourcePort: 3401, destinationPort: 49152, sequence: SequenceNumber(0x0102_0304),
      acknowledgment: SequenceNumber(0xf1f2_f3f4), flags: [.syn, .ack], reserved: 0xa, window: 64240,
      checksum: 0xabcd, urgentPointer: 9)
    #expect(parsed.header == expected)
    #expect(parsed.payload == 20..<22)
    #expect(self.bytes(expected) == Array(bytes.prefix(20)))
  }

  @Test(.requirement("MUST-1"), arguments: [UInt16(0), 1, 0x7fff, 0x8000, 0xffff])
  func theWindowIsUnsigned(_ window: UInt16) throws {
    let header = TCPHeader(
      sourcePort: 1, destinationPort: 2, sequence: SequenceNumber(3), flags: .ack, window: window)
    #expect(try Int(parse(bytes(header)).header.window) == Int(window))
  }

  @Test(
    .requirement("MUST-5"),
    arguments: [TCPFlags(), .syn, .ack, .fin, .rst, [.syn, .ack], [.psh, .ack, .urg]])
  func optionsAreReadOnEverySegment(_ flags: TCPFlags) throws {
    var header = TCPHeader(
      sourcePort: 1, destinationPort: 2, sequence: SequenceNumber(3), flags: flags, window: 4)
    header.options.maximumSegmentSize = 1000
    header.options.windowScale = 3
    let parsed = try parse(bytes(header) + [1, 2, 3])
    #expect(parsed.header == header)
    #expect(parsed.payload == 28..<31)
  }

  @Test func aShortOrLyingHeaderThrows() {
    for count in 0..<20 {
      #expect(throws: WireError.truncated(needed: 20, have: count)) {
        try parse([UInt8](repeating: 0, count: count))
      }
    }
    for words in UInt8(0)..<16 {
      var bytes = [UInt8](repeating: 0, count: 32)
      bytes[12] = words << 4
      if words < 5 || words > 8 {
        #expect(throws: WireError.badHeaderLength(Int(words) * 4, have: 32)) { try parse(bytes) }
      } else {
        #expect(throws: Never.self) { try parse(bytes) }
      }
    }
  }

  @Test func segmentLengthCountsSynchronizeAndFinish() {
    func length(_ flags: TCPFlags, _ payload: Int) -> Int {
      TCPHeader(sourcePort: 1, destinationPort: 2, sequence: SequenceNumber(3), flags: flags, window: 4)
        .segmentLength(payload: payload)
    }
    #expect(length(.ack, 0) == 0)
    #expect(length(.syn, 0) == 1)
    #expect(length([.fin, .ack], 10) == 11)
    #expect(length([.syn, .fin], 10) == 12)
    #expect(length(.rst, 10) == 10)
  }

  /// Every header that can be written comes back, at every length.
  @Test func writtenHeadersComeBack() throws {
    var generator = SeededGenerator(seed: 793)
    for _ in 0..<2000 {
      let header = TCPHeader.random(using: &generator)
      let written = bytes(header)
      #expect(written.count == header.headerLength)
      var parsed = try parse(written).header
      // Blocks that don't fit are left out.
      parsed.options.sackBlocks = header.options.sackBlocks
      #expect(parsed == header)
    }
  }

  @Test(.requirement("MUST-2", "MUST-3"), arguments: [IPVersion.v4, .v6])
  func theChecksumCoversPseudoHeaderHeaderAndData(_ version: IPVersion) {
    var generator = SeededGenerator(seed: 3)
    for length in [0, 1, 2, 13, 100, 1459, 1460] {
      var header = TCPHeader.random(using: &generator)
      header.checksum = 0
      let data = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let source = IPAddress.random(version, using: &generator)
      let destination = IPAddress.random(version, using: &generator)
      var segment = bytes(header) + data
      let pseudo = PseudoHeader.sum(
        source: source, destination: destination, protocolNumber: IPProtocol.tcp, length: segment.count)
      let checksum = InternetChecksum.finish(InternetChecksum.sum(segment.rawSpan, initial: pseudo))
      segment[16] = UInt8(checksum >> 8)
      segment[17] = UInt8(checksum & 0xff)
      // The pseudo-header as RFC 9293 §3.1 and RFC 8200 §8.1 draw it, summed word by word.
      let drawn = pseudoHeader(source, destination, IPProtocol.tcp, segment.count)
      #expect(plainSum(drawn + segment) == 0xffff)
      func valid(_ segment: [UInt8], from source: IPAddress, to destination: IPAddress) -> Bool {
        TCPHeader.hasValidChecksum(segment.rawSpan, source: source, destination: destination)
      }
      #expect(valid(segment, from: source, to: destination))
      #expect(!valid(segment, from: source, to: source))
      for _ in 0..<20 {
        var damaged = segment
        damaged[Int.random(in: 0..<segment.count, using: &generator)] ^=
          1 << UInt8.random(in: 0..<8, using: &generator)
        #expect(!valid(damaged, from: source, to: destination))
      }
    }
  }

  @Test func summariesReadLikeTcpdump() {
    let server = IPAddress.v4(IPv4Address(10, 0, 0, 1))
    let client = IPAddress.v4(IPv4Address(10, 0, 0, 2))
    var header = TCPHeader(
      sourcePort: 3401, destinationPort: 49152, sequence: SequenceNumber(1),
      acknowledgment: SequenceNumber(2), flags: [.syn, .ack], window: 65535)
    header.options.maximumSegmentSize = 1460
    header.options.sackPermitted = true
    header.options.timestamps = TimestampOption(value: 5, echo: 6)
    header.options.windowScale = 7
    #expect(
      header.summary(source: server, destination: client, payloadLength: 0)
        == "10.0.0.1.3401 > 10.0.0.2.49152: Flags [S.], seq 1, ack 2, win 65535, "
        + "options [mss 1460,sackOK,TS val 5 ecr 6,nop,wscale 7], length 0")
    header.flags = [.psh, .ack]
    header.options = TCPOptions()
    header.sequence = SequenceNumber(101)
    header.acknowledgment = SequenceNumber(202)
    let relative = header.summary(
      payloadLength: 10, sequenceBase: SequenceNumber(100), acknowledgmentBase: SequenceNumber(200))
    #expect(relative == "Flags [P.], seq 1:11, ack 2, win 65535, length 10")
    header.flags = .ack
    header.options.timestamps = TimestampOption(value: 1, echo: 2)
    header.options.sackBlocks.append(SACKBlock(left: SequenceNumber(210), right: SequenceNumber(220)))
    #expect(
      header.summary(payloadLength: 0, acknowledgmentBase: SequenceNumber(200))
        == "Flags [.], ack 2, win 65535, options [nop,nop,TS val 1 ecr 2,nop,nop,sack 1 {10:20}], length 0")
    header.options = TCPOptions()
    header.flags = [.rst]
    #expect(header.summary(payloadLength: 0) == "Flags [R], seq 101, win 65535, length 0")
    header.flags = [.urg, .ack]
    header.urgentPointer = 3
    header.options.malformed = true
    header.options.sackPermitted = true
    #expect(
      header.summary(payloadLength: 5)
        == "Flags [.U], seq 101:106, ack 202, win 65535, urg 3, options [nop,nop,sackOK,[bad opt]], length 5")
    #expect(TCPFlags().description == "[none]")
    #expect(TCPFlags(rawValue: 0xff).description == "[FSRP.UEW]")
  }
}
