// Shows the reading, writing and printing of the authentication option; what its code covers is shown elsewhere.

import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct AuthenticationOptionTests {
  private let option = AuthenticationOption(
    keyID: 61, nextKeyID: 84, code: AuthenticationCode(high: 0x2ee4_37c6_f8ed_e6d7, low: 0xc4d6_02e7))
  private let octets: [UInt8] = [
    29, 16, 61, 84, 0x2e, 0xe4, 0x37, 0xc6, 0xf8, 0xed, 0xe6, 0xd7, 0xc4, 0xd6, 0x02, 0xe7,
  ]

  private func parse(_ bytes: [UInt8]) -> TCPOptions {
    bytes.withRawSpan { TCPOptions.parse($0, in: 0..<$0.byteCount) }
  }

  private func written(_ options: TCPOptions) -> [UInt8] {
    [UInt8](capacity: 64) { options.write(into: &$0) }
  }

  @Test(.requirement("5925-1", "5925-2"))
  func itIsReadAndWrittenAsTheLastOption() {
    var options = TCPOptions()
    options.authentication = option
    #expect(written(options) == octets && options.encodedLength == 16)
    #expect(parse(octets) == options)
    // A SYN's options and it fit together.
    options.maximumSegmentSize = 1460
    options.sackPermitted = true
    options.timestamps = TimestampOption(value: 1, echo: 2)
    options.windowScale = 7
    #expect(options.encodedLength == 36 && written(options).suffix(16) == octets[...])
    #expect(parse(written(options)) == options)
    options.authentication = nil
    #expect(!options.isAuthenticated && options.encodedLength == 20 && written(options).count == 20)
  }

  @Test func besideItThereIsRoomForOneSACKBlockOrTwo() {
    var options = TCPOptions()
    for block in 0..<4 {
      options.sackBlocks.append(
        SACKBlock(left: SequenceNumber(UInt32(100 * block)), right: SequenceNumber(UInt32(100 * block + 50))))
    }
    options.authentication = option
    #expect(options.sackBlocks.count == 2 && options.encodedLength == 36)
    #expect(parse(written(options)) == options && written(options).suffix(16) == octets[...])
    options.timestamps = TimestampOption(value: 1, echo: 2)
    #expect(options.encodedLength == 40)
    let read = parse(written(options))
    #expect(read.sackBlocks.count == 1 && read.sackBlocks[0].left == SequenceNumber(0))
    #expect(read.authentication == option)
    // A short code leaves room for more blocks than are kept beside it.
    let blocks: [UInt8] = [5, 26] + [UInt8](repeating: 3, count: 24)
    for bytes in [blocks + [29, 6, 1, 2, 3, 4], [29, 6, 1, 2, 3, 4] + blocks] {
      let options = parse(bytes)
      #expect(options.authentication == AuthenticationOption(keyID: 1, nextKeyID: 2, codeLength: 2))
      #expect(options.sackBlocks.count == 2 && options.sackBlocks[1].left == SequenceNumber(0x0303_0303))
    }
  }

  @Test(.requirement("5925-1"))
  func whatCannotBeValidIsKnownAsSuch() {
    for bytes: [UInt8] in [
      [29], [29, 0, 0, 0], [29, 1], [29, 2], [29, 3, 1, 1], [29, 5, 1, 2], octets + octets,
      octets + [1, 1, 19, 18] + [UInt8](repeating: 0, count: 16),
      [19, 18] + [UInt8](repeating: 0, count: 16) + octets,
    ] {
      let options = parse(bytes)
      #expect(options.hasAuthenticationFault && options.isAuthenticated && options.authentication == nil)
      #expect(options.summary().hasSuffix("[bad opt]"))
    }
    // An MD5 signature alone is an option like any other that isn't known.
    #expect(parse([19, 18] + [UInt8](repeating: 0, count: 16)) == TCPOptions())
    #expect(!parse([29, 4, 1, 2]).hasAuthenticationFault)
  }

  @Test func itIsPrintedAsTcpdumpDoes() {
    var options = TCPOptions()
    options.timestamps = TimestampOption(value: 1, echo: 2)
    options.authentication = option
    #expect(
      options.summary()
        == "nop,nop,TS val 1 ecr 2,tcp-ao keyid 61 rnextkeyid 84 mac 0x2ee437c6f8ede6d7c4d602e7")
    options.authentication?.code = AuthenticationCode(high: 1, low: 2)
    #expect(options.summary().hasSuffix("mac 0x000000000000000100000002"))
  }

  @Test func itIsFoundInASegment() {
    var header = TCPHeader(
      sourcePort: 1, destinationPort: 2, sequence: SequenceNumber(3), flags: .ack, window: 4)
    func range(_ header: TCPHeader) -> Range<Int>? {
      [UInt8](capacity: 64) { _ = header.write(into: &$0) }.withRawSpan { AuthenticationOption.range(in: $0) }
    }
    #expect(range(header) == nil)
    header.options.timestamps = TimestampOption(value: 1, echo: 2)
    #expect(range(header) == nil)
    header.options.authentication = option
    #expect(range(header) == 32..<48)
  }
}
