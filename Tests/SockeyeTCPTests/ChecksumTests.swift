// The checksum of all that leaves and arrives (RFC 9293 §3.1), summed up here a second time and simply.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct ChecksumTests {
  /// The ones' complement sum of pseudo-header and segment, the checksum field included: 0xffff if all is well.
  private func sum(_ packet: [UInt8]) -> UInt32 {
    let isIPv4 = packet[0] >> 4 == 4
    let segment = Array(packet[(isIPv4 ? 20 : 40)...])
    var bytes = isIPv4 ? Array(packet[12..<20]) + [0, 6] : Array(packet[8..<40]) + [0, 0, 0, 6, 0, 0]
    bytes += [UInt8(segment.count >> 8), UInt8(segment.count & 0xff)]
    bytes += segment
    if bytes.count % 2 == 1 { bytes.append(0) }
    var sum: UInt32 = 0
    for index in stride(from: 0, to: bytes.count, by: 2) {
      sum += UInt32(bytes[index]) << 8 | UInt32(bytes[index + 1])
      sum = (sum & 0xffff) + sum >> 16
    }
    return sum
  }

  @Test(.requirement("MUST-2"), arguments: [IPVersion.v4, .v6], [Conversation.Role.active, .passive])
  func everySegmentIsSummedUp(_ version: IPVersion, _ role: Conversation.Role) {
    var tcp = TCPConfiguration()
    tcp.keepAlive = KeepAlive()
    let talk = Conversation(version, tcp: tcp)
    var sent: [SentSegment?] = []
    switch role {
    case .active:
      talk.connect()
      sent.append(talk.expect("S", seq: 0))
      talk.receive("S.", seq: 0, ack: 1)
      sent.append(talk.expect(".", seq: 1, ack: 1))
    case .passive:
      talk.listen()
      talk.receive("S", seq: 0)
      sent.append(talk.expect("S.", seq: 0, ack: 1))
      talk.receive(".", seq: 1, ack: 1)
      talk.accept()
    }
    talk.receive("P.", seq: 1, ack: 1, length: 3)
    sent.append(talk.expect(".", seq: 1, ack: 4, within: .milliseconds(500)))
    talk.write(101)
    sent.append(talk.expect("P.", seq: 1, ack: 4, length: 101))
    sent.append(talk.expect("P.", seq: 1, ack: 4, length: 101, within: .seconds(2)))
    talk.receive(".", seq: 4, ack: 102, win: 0)
    talk.write(2)
    sent.append(talk.expect(".", seq: 102, ack: 4, length: 1, within: .seconds(5)))
    talk.receive(".", seq: 4, ack: 103, win: 10)
    sent.append(talk.expect("P.", seq: 103, ack: 4, length: 1))
    talk.receive(".", seq: 4, ack: 104, win: 10)
    sent.append(talk.expect(".", seq: 103, ack: 4, length: 0, after: .hours(2)))
    talk.abort()
    sent.append(talk.expect("R.", seq: 104, ack: 4))
    #expect(sent.count == (role == .active ? 9 : 8))
    for case let segment? in sent { #expect(sum(segment.packet) == 0xffff) }
  }

  @Test(.requirement("MUST-2"), arguments: [IPVersion.v4, .v6])
  func aResetForNobodyIsSummedUp(_ version: IPVersion) {
    let talk = Conversation(version)
    talk.receive("S", seq: 0)
    let reset = talk.expect("R.", ack: 1)
    #expect(reset.map { sum($0.packet) } == 0xffff)
  }

  @Test(.requirement("MUST-3"), arguments: [IPVersion.v4, .v6])
  func aWrongSumIsDropped(_ version: IPVersion) {
    let talk = Conversation(version)
    talk.establish()
    talk.receive("P.", seq: 1, ack: 1, length: 10, badChecksum: true)
    talk.expectNothing(for: .seconds(3))
    #expect(talk.status?.readable == 0)
    #expect(talk.stack.statistics.tcp.malformed == 1)
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    talk.expect(".", seq: 1, ack: 11, within: .milliseconds(500))
    #expect(talk.read() == Conversation.text(at: 1, 10))
    #expect(talk.stack.statistics.tcp.malformed == 1)
  }

  /// A link that sums up segments itself is given the sum of the pseudo-header in the field, folded and not inverted.
  @Test(.requirement("MUST-2"))
  func aLinkThatSumsUpIsGivenTheSumOfThePseudoHeader() throws {
    let source = try #require(IPAddress(parsing: "10.0.0.1"))
    let destination = try #require(IPAddress(parsing: "10.0.0.2"))
    let addressing = SegmentAddressing(
      sourcePort: 80, destinationPort: 4_000,
      pseudoHeaderSum: PseudoHeader.sum(
        source: source, destination: destination, protocolNumber: IPProtocol.tcp, length: 0),
      checksumOffloaded: true)
    let plan = SegmentPlan(
      sequence: SequenceNumber(7), flags: .ack, window: 1_000, purpose: .acknowledgment(.immediate))
    let bytes = Conversation.bytes(capacity: 64) { plan.write(addressing, into: &$0) }
    let words = [0x0a00, 0x0001, 0x0a00, 0x0002, 6, 20]
    #expect(Int(bytes[16]) << 8 | Int(bytes[17]) == words.reduce(0, +))
  }
}
