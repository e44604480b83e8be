// When an ACK is sent: late, but not too late, and one for many (RFC 9293 §3.8.6.3, §3.10.7.4).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct AcknowledgmentTests {
  @Test(.requirement("MUST-40"), arguments: [IPVersion.v4, .v6])
  func anAcknowledgmentWaitsLessThanHalfASecond(_ version: IPVersion) {
    let talk = Conversation(version)
    talk.establish()
    for number in 0..<5 {
      talk.receive("P.", seq: 1 + number * 10, ack: 1, length: 10)
      let arrived = talk.now
      let answer = talk.expect(".", seq: 1, ack: 11 + number * 10, length: 0, within: .milliseconds(499))
      #expect(answer.map { $0.at - arrived < .milliseconds(500) } == true)
      talk.expectNothing(for: .seconds(1))
    }
  }

  /// The delay counts from the first segment that waits, not from the last.
  @Test(.requirement("MUST-40"))
  func whatFollowsDoesNotPutItOff() {
    var tcp = TCPConfiguration()
    tcp.delayedAcknowledgment = .milliseconds(400)
    let talk = Conversation(tcp: tcp)
    talk.establish()
    talk.receive("P.", seq: 1, ack: 1, length: 1000)
    let arrived = talk.now
    for number in 0..<3 {
      talk.advance(.milliseconds(100))
      talk.receive("P.", seq: 1001 + number, ack: 1, length: 1)
    }
    let answer = talk.expect(".", seq: 1, ack: 1004, within: .milliseconds(499))
    #expect(answer?.at == arrived + .milliseconds(400))
    talk.expectNothing(for: .seconds(1))
  }

  @Test(.requirement("MUST-40"))
  func aDelayOfHalfASecondCannotBeSet() {
    var tcp = TCPConfiguration()
    tcp.delayedAcknowledgment = .milliseconds(500)
    #expect(throws: ConfigurationError.self) { try tcp.validate() }
  }

  @Test(.requirement("MUST-58", "MUST-59"), arguments: [false, true])
  func aBurstIsAcknowledgedOnce(_ wraps: Bool) {
    let talk = wraps ? Conversation.starting(hostAt: .max, peerAt: .max - 5_000) : Conversation()
    talk.establish()
    // The link is busy while ten full segments arrive.
    talk.linkOpen = false
    for number in 0..<10 { talk.receive(".", seq: 1 + number * 1000, ack: 1, length: 1000) }
    talk.linkOpen = true
    talk.drain()
    talk.expect(".", seq: 1, ack: 10_001, length: 0)
    talk.expectNothing(for: .seconds(1))
  }

  @Test(.requirement("MUST-58"))
  func anAcknowledgmentRidesOnText() {
    let talk = Conversation()
    talk.establish()
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    talk.write(20)
    talk.expect("P.", seq: 1, ack: 11, length: 20)
    talk.expectNothing(for: .milliseconds(900))
  }

  @Test(.requirement("MUST-59"))
  func everythingQueuedIsTakenBeforeTheAcknowledgment() {
    let talk = Conversation()
    talk.establish()
    talk.linkOpen = false
    // Out of order, the gap filled, and the end of the stream.
    talk.receive(".", seq: 2001, ack: 1, length: 1000)
    talk.receive(".", seq: 1001, ack: 1, length: 1000)
    talk.receive(".", seq: 1, ack: 1, length: 1000)
    talk.receive("F.", seq: 3001, ack: 1)
    talk.linkOpen = true
    talk.drain()
    talk.expect(".", seq: 1, ack: 3002, length: 0)
    talk.expectNothing(for: .seconds(1))
    #expect(talk.read() == Conversation.text(at: 1, 3000))
  }

  /// RFC 5681 §4.2: a sender in recovery waits for the ACK of what fills a gap, however little that is.
  @Test func whatFillsAGapIsAcknowledgedAtOnce() {
    let talk = Conversation()
    talk.establish()
    talk.receive("P.", seq: 11, ack: 1, length: 5)
    talk.expect(".", seq: 1, ack: 1, length: 0)
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    talk.expect(".", seq: 1, ack: 16, length: 0)
  }
}
