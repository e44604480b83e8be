// Options as the engine uses them: which count, where, and how large they let a segment be (RFC 9293 §3.1, §3.2,
// §3.7.1). How they are read and written stands in SockeyeWireTests.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct OptionTests {
  /// So that the last segment leaves with the others.
  private static var undelayed: TCPConfiguration {
    var tcp = TCPConfiguration()
    tcp.noDelay = true
    return tcp
  }

  /// The peer connects with these octets as its SYN's options.
  private func accepted(
    _ rawOptions: [UInt8]
  ) -> Conversation {
    let talk = Conversation(tcp: Self.undelayed)
    talk.listen()
    talk.receive("S", seq: 0, rawOptions: rawOptions)
    talk.expect("S.", seq: 0, ack: 1)
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    talk.expectState(.established)
    return talk
  }

  /// Option 200, which nobody knows, in the midst of padding.
  private static let unknown: [UInt8] = [1, 1, 200, 4, 0xde, 0xad, 1, 0]

  @Test(.requirement("MUST-4"))
  func endNoOperationAndSegmentSizeOfASynchronize() {
    let talk = accepted([1, 1, 2, 4, 0x03, 0xe8, 0, 0])
    talk.write(5000)
    talk.expectText(1..<5001, each: 1000)
    talk.expectNothing()
  }

  @Test(.requirement("MUST-5"))
  func optionsOnEverySegmentChangeNothing() {
    let talk = Conversation()
    talk.establish()
    talk.receive("P.", seq: 1, ack: 1, length: 10, rawOptions: Self.unknown)
    talk.expect(".", seq: 1, ack: 11, within: .milliseconds(500))
    #expect(talk.read() == Conversation.text(at: 1, 10))
    talk.write(100)
    talk.expect("P.", seq: 1, ack: 11, length: 100)
    talk.receive(".", seq: 11, ack: 101, rawOptions: Self.unknown)
    #expect(talk.status?.outstanding == 0)
    talk.receive("F.", seq: 11, ack: 101, rawOptions: Self.unknown)
    talk.expect(".", seq: 101, ack: 12)
    talk.expectState(.closeWait)
    talk.receive("R", seq: 12, rawOptions: Self.unknown)
    talk.expectState(.closed)
    talk.expectNothing(for: .seconds(3))
  }

  @Test(.requirement("MUST-6"))
  func unknownOptionsAreSteppedOver() {
    let talk = accepted([200, 6, 1, 2, 3, 4, 2, 4, 0x03, 0x84])
    talk.receive("P.", seq: 1, ack: 1, length: 20, rawOptions: [253, 8, 2, 4, 0, 100, 0, 0])
    talk.expect(".", seq: 1, ack: 21, within: .milliseconds(500))
    talk.write(2000)
    talk.expectText(1..<2001, each: 900)
  }

  /// RFC 9293 suggests to reset and to log; we read the options before the illegal one and use the segment, as the RFC
  /// leaves open. What counts is that nothing is read beyond the header and that the connection lives.
  @Test(
    .requirement("MUST-7"),
    arguments: [[8, 0, 0, 0], [8, 1, 0, 0], [8, 40, 0, 0], [2, 4, 0x03, 0xe8, 3, 0, 0, 0]] as [[UInt8]])
  func anIllegalLengthIsSurvived(_ illegal: [UInt8]) {
    let talk = accepted(illegal)
    talk.receive("P.", seq: 1, ack: 1, length: 30, rawOptions: illegal)
    talk.expect(".", seq: 1, ack: 31, within: .milliseconds(500))
    #expect(talk.read() == Conversation.text(at: 1, 30))
    talk.write(50)
    talk.expect("P.", seq: 1, ack: 31, length: 50)
    talk.receive(".", seq: 31, ack: 51, rawOptions: illegal)
    #expect(talk.status?.outstanding == 0)
    talk.receive("P.", seq: 31, ack: 51, length: 10)
    talk.expect(".", seq: 51, ack: 41, within: .milliseconds(500))
    talk.expectState(.established)
  }

  @Test(.requirement("MUST-64"))
  func optionsMayBeginAnywhere() {
    let talk = Conversation()
    talk.listen()
    // NOP; MSS 900 at 1; window scale 2 at 5; NOP; timestamps at 9.
    talk.receive(
      "S", seq: 0, rawOptions: [1, 2, 4, 0x03, 0x84, 3, 3, 2, 1, 8, 10, 0, 0, 0, 77, 0, 0, 0, 0])
    let answer = talk.expect("S.", seq: 0, ack: 1)
    #expect(answer?.header.options.timestamps?.echo == 77)
    #expect(answer?.header.options.windowScale != nil)
    talk.peerTimestamp = TimestampOption(value: 78, echo: answer?.header.options.timestamps?.value ?? 0)
    talk.receive(".", seq: 1, ack: 1, win: 1000)
    talk.accept()
    #expect(talk.status?.sendWindow == 4000)
    // A SYN can't tell of more than 65,535 octets of window, and whether the rest is told at once is left open.
    talk.takeSent()
    talk.write(1776)
    talk.expectText(1..<1777, each: 900 - 12)
  }

  // MARK: The segment size

  @Test(.requirement("MUST-14"), arguments: [IPVersion.v4, .v6])
  func theSegmentSizeIsToldAndHonoured(_ version: IPVersion) {
    let talk = Conversation(version, tcp: Self.undelayed)
    talk.listen()
    talk.receive("S", seq: 0, options: .synchronize(mss: 700, timestamp: 5))
    let answer = talk.expect("S.", seq: 0, ack: 1)
    let options = answer.map { Array($0.packet.dropFirst(version == .v4 ? 40 : 60).prefix(4)) }
    #expect(options == (version == .v4 ? [2, 4, 0x05, 0xb4] : [2, 4, 0x05, 0xa0]))
    talk.peerTimestamp = TimestampOption(value: 6, echo: answer?.header.options.timestamps?.value ?? 0)
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    talk.write(5000)
    // The timestamps' 12 octets come out of the 700.
    talk.expectText(1..<5001, each: 688)
  }

  @Test(.requirement("MUST-15"), arguments: [Conversation.Role.active, .passive])
  func withoutASegmentSizeItIsSmall(_ role: Conversation.Role) {
    for (version, size) in [(IPVersion.v4, 536), (.v6, 1220)] {
      let talk = Conversation(version, tcp: Self.undelayed)
      talk.establish(role, options: TCPOptions())
      talk.write(5000)
      talk.expectText(1..<5001, each: size)
    }
  }

  @Test(.requirement("MUST-16", "6691-1"), arguments: [IPVersion.v4, .v6])
  func aSegmentIsAsLongAsThePeerThePathAndTheOptionsAllow(_ version: IPVersion) {
    let headers = version == .v4 ? 40 : 60
    let size = 1500 - headers
    let talk = Conversation(version, tcp: Self.undelayed)
    talk.establish(options: .synchronize(mss: UInt16(size), sackPermitted: true, timestamp: 1))
    talk.write(3000)
    let first = talk.expect(".", seq: 1, length: size - 12)
    talk.expect(".", seq: 1 + (size - 12), length: size - 12)
    talk.expect("P.", length: 3000 - 2 * (size - 12))
    #expect(first?.packet.count == 1500)
    talk.receive(".", seq: 1, ack: 3001)
    // A hole in what the peer sends: one SACK block, padded, takes 12 octets more.
    talk.receive("P.", seq: 101, ack: 3001, length: 100)
    talk.expect(".", seq: 3001, ack: 1)
    talk.write(size - 24)
    talk.expect("P.", seq: 3001, ack: 1, length: size - 24)
    talk.receive(".", seq: 201, ack: 3001 + size - 24)
    talk.write(size)
    talk.expect(".", seq: 3001 + size - 24, ack: 1, length: size - 24)
    talk.expect("P.", ack: 1, length: 24)
  }

  @Test(.requirement("MUST-16"))
  func aSmallerPathMakesSmallerSegments() {
    let talk = Conversation()
    talk.establish(options: .synchronize(timestamp: 1))
    talk.write(1448)
    let tooBig = talk.expect("P.", seq: 1, length: 1448)!
    talk.receiveError(type: 3, code: 4, rest: 1000, about: tooBig)
    let copy = talk.expect(".", seq: 1, length: 948)
    #expect(copy?.packet.count == 1000)
    talk.expect("P.", seq: 949, length: 500)
    talk.receive(".", seq: 1, ack: 1449)
    talk.write(1896)
    talk.expectText(1449..<3345, each: 948)
  }

  @Test(.requirement("MUST-16"), arguments: [(IPVersion.v4, 948), (.v6, 1268)])
  func aSmallLinkMakesSmallSegments(_ version: IPVersion, _ size: Int) {
    let talk = Conversation(version, mtu: version == .v4 ? 1000 : 1340)
    talk.establish(options: .synchronize(timestamp: 1))
    talk.write(3 * size)
    talk.expectText(1..<1 + 3 * size, each: size)
  }

  @Test(.requirement("MUST-65"))
  func theSegmentSizeIsForSynchronizeOnly() {
    let talk = Conversation()
    talk.establish(.active)
    // Were it heeded, the segments would be of 500 octets.
    talk.receive("P.", seq: 1, ack: 1, length: 10, options: .synchronize(mss: 500))
    talk.write(2920)
    talk.receive(".", seq: 11, ack: 2921, options: .synchronize(mss: 500))
    talk.finish()
    talk.receive("F.", seq: 11, ack: 2922, options: .synchronize(mss: 500))
    let sent = talk.takeSent()
    #expect(sent.map(\.header.options.maximumSegmentSize) == sent.map { _ in nil })
    #expect(sent.map(\.payload.count) == [1460, 1460, 0, 0])
    talk.expectState(.timeWait)
  }

  @Test(
    .requirement("MUST-67", "6691-1"),
    arguments: [
      (IPVersion.v4, 1500, 1460), (.v6, 1500, 1440), (.v4, 576, 536), (.v6, 1280, 1220), (.v4, 9000, 8960),
      (.v4, 65_535, 65_495),
    ])
  func theAnnouncedSegmentSizeLeavesRoomForTheHeaders(_ version: IPVersion, _ mtu: Int, _ size: UInt16) {
    for plain in [false, true] {
      var tcp = TCPConfiguration()
      tcp.timestamps = !plain
      tcp.selectiveAcknowledgments = !plain
      let active = Conversation(version, mtu: mtu, tcp: tcp)
      active.connect()
      #expect(active.expect("S", seq: 0)?.header.options.maximumSegmentSize == size)
      let passive = Conversation(version, mtu: mtu, tcp: tcp)
      passive.listen()
      passive.receive("S", seq: 0, options: .synchronize(timestamp: 1))
      #expect(passive.expect("S.", seq: 0, ack: 1)?.header.options.maximumSegmentSize == size)
    }
  }

  /// That we send nothing but zeros there is checked of every segment, in Conversation.
  @Test(.requirement("MUST-69"))
  func whatStandsBehindTheEndOfOptionsIsNotRead() {
    // MSS 1000, EOL, then what would be window scale 7 and the beginning of something.
    let talk = accepted([2, 4, 0x03, 0xe8, 0, 3, 3, 7, 0xff, 0xff, 0xff, 0xff])
    #expect(talk.status?.usesWindowScaling == false)
    talk.receive("P.", seq: 1, ack: 1, length: 10, win: 2000, rawOptions: [1, 0, 0xff, 0xff])
    talk.expect(".", seq: 1, ack: 11, within: .milliseconds(500))
    #expect(talk.status?.sendWindow == 2000)
    talk.write(2000)
    talk.expectText(1..<2001, each: 1000)
  }
}
