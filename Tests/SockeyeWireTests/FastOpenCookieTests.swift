// The Fast Open option on the wire (RFC 7413 §4.1.1).

import SockeyeBytes
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct FastOpenCookieTests {
  private func parse(_ bytes: [UInt8]) -> TCPOptions {
    bytes.withRawSpan { TCPOptions.parse($0, in: 0..<bytes.count) }
  }

  private func write(_ options: TCPOptions) -> [UInt8] {
    var buffer = FrameBuffer(capacity: 40)
    buffer.fill { _ = options.write(into: &$0) }
    return [UInt8](buffer.bytes)
  }

  @Test(.requirement("7413-2"), arguments: 0...20)
  func onlyEvenCookiesOfFourToSixteenOctetsAreRead(length: Int) {
    let octets = (0..<length).map { UInt8(17 + $0) }
    let options = parse([34, UInt8(length + 2)] + octets + [1])
    let isLegal = length == 0 || [4, 6, 8, 10, 12, 14, 16].contains(length)
    #expect((options.fastOpen != nil) == isLegal && !options.malformed)
    #expect((options.fastOpen?.length ?? length) == length)
    #expect(options.fastOpen?.isRequest ?? (length == 0) == (length == 0))
    if isLegal {
      let written = write(options)
      #expect(written.count == options.encodedLength && written.count % 4 == 0)
      #expect(written.prefix(length + 2) == ([34, UInt8(length + 2)] + octets)[...])
      #expect(written.dropFirst(length + 2).allSatisfy { $0 == 1 })
    }
  }

  @Test(.requirement("7413-2"))
  func itStandsBehindTheOthersAndIsPrinted() {
    var options = TCPOptions.synchronize(windowScale: 7, sackPermitted: true, timestamp: 1)
    options.fastOpen = .request
    #expect(options.summary() == "mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7,tfo cookiereq,nop,nop")
    options.fastOpen = FastOpenCookie(0x0123_4567_89ab_cdef)
    #expect(
      options.summary() == "mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7,tfo cookie 0123456789abcdef,nop,nop")
    #expect(options.encodedLength == 32)
    #expect(parse(write(options)) == options)
    options.fastOpen = nil
    #expect(options == .synchronize(windowScale: 7, sackPermitted: true, timestamp: 1))
  }

  @Test(.requirement("7413-2"))
  func besideBlocksItSaysNothing() {
    let block: [UInt8] = [5, 10, 0, 0, 0, 1, 0, 0, 0, 9]
    for bytes in [block + [34, 2], [34, 2] + block, [34, 6, 1, 2, 3, 4] + block] {
      let options = parse(bytes)
      #expect(options.fastOpen == nil && options.sackBlocks.count == 1)
      #expect(options.sackBlocks[0].right == SequenceNumber(9))
    }
  }
}
