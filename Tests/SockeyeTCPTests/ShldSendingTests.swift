// How bytes that a user writes become segments: Nagle, pushes, full segments, silly windows, urgent marks
// (RFC 9293 §3.7.4, §3.8.6.2.1, §3.9.1.2), and how fast they leave.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import Testing

@Suite struct ShldSendingTests {
  @Test(.requirement("SHLD-7"))
  func nagleHoldsSmallWritesUntilTheFirstIsAcknowledged() {
    let talk = Conversation()
    talk.establish()
    for _ in 1...5 { talk.write(1) }
    talk.expect("P.", seq: 1, ack: 1, length: 1)
    talk.expectNothing(for: .milliseconds(900))
    talk.receive(".", seq: 1, ack: 2)
    talk.expect("P.", seq: 2, ack: 1, length: 4)
    talk.receive(".", seq: 1, ack: 6)
    talk.expectNothing(for: .seconds(3))
  }

  @Test(.requirement("SHLD-7"))
  func nagleHoldsNoFullSegment() {
    let talk = Conversation()
    talk.establish()
    talk.write(1)
    talk.expect("P.", seq: 1, ack: 1, length: 1)
    talk.write(1_459)
    talk.expectNothing()
    talk.write(1)
    talk.expect("P.", seq: 2, ack: 1, length: 1_460)
  }

  @Test(.requirement("SHLD-27", "MAY-16"))
  func writesThatWaitLeaveAsOneSegment() {
    var configuration = TCPConfiguration()
    configuration.noDelay = true
    let talk = Conversation(tcp: configuration)
    talk.establish()
    // The congestion window is full.
    talk.write(14_600)
    for index in 0..<9 { talk.expect(".", seq: 1 + index * 1_460, length: 1_460) }
    talk.expect("P.", seq: 13_141, length: 1_460)
    for _ in 1...3 { talk.write(400) }
    talk.expectNothing()
    talk.receive(".", seq: 1, ack: 1_461)
    talk.expect("P.", seq: 14_601, ack: 1, length: 1_200)
    talk.expectNothing()
  }

  /// No call marks a write as pushed: each is, so that nothing waits for more to be written.
  @Test(.requirement("MAY-15", "MAY-16"))
  func theSegmentThatEmptiesTheQueueIsPushedAndNoOther() {
    let talk = Conversation()
    talk.establish()
    talk.linkOpen = false
    talk.write(100)
    talk.write(100)
    talk.linkOpen = true
    talk.drain()
    talk.expect("P.", seq: 1, ack: 1, length: 200)
    talk.receive(".", seq: 1, ack: 201)
    talk.write(4_000)
    talk.expect(".", seq: 201, ack: 1, length: 1_460)
    talk.expect(".", seq: 1_661, ack: 1, length: 1_460)
    talk.expectNothing()
    talk.receive(".", seq: 1, ack: 3_121)
    talk.expect("P.", seq: 3_121, ack: 1, length: 1_080)
  }

  @Test(.requirement("SHLD-28"))
  func oddWritesLeaveAsFullSegments() {
    let talk = Conversation()
    talk.establish()
    talk.linkOpen = false
    for _ in 0..<20 { talk.write(700) }
    talk.linkOpen = true
    talk.drain()
    for index in 0..<9 { talk.expect(".", seq: 1 + index * 1_460, ack: 1, length: 1_460) }
    talk.expectNothing()
    talk.receive(".", seq: 1, ack: 13_141)
    talk.expect("P.", seq: 13_141, ack: 1, length: 860)
  }

  @Test(.requirement("SHLD-28", "SHLD-7"))
  func evenWithoutABusyLinkOnlyTheFirstAndTheLastAreSmall() {
    let talk = Conversation()
    talk.establish()
    for _ in 0..<20 { talk.write(700) }
    talk.expect("P.", seq: 1, ack: 1, length: 700)
    let lengths = talk.takeSent().map(\.payload.count)
    #expect(lengths == [Int](repeating: 1_460, count: 9))
    talk.receive(".", seq: 1, ack: 701 + 9 * 1_460)
    talk.expect("P.", seq: 701 + 9 * 1_460, ack: 1, length: 160)
  }

  @Test(.requirement("T-05"))
  func theSillyWindowRuleHoldsDataForAtMostASecond() {
    let talk = Conversation()
    talk.establish()
    talk.receive(".", seq: 1, ack: 1, win: 100)
    talk.write(1_000)
    // RFC 9293 §3.8.6.2.1: the override timeout is between 0.1 and 1.0 seconds.
    talk.expectNothing(for: .milliseconds(99))
    talk.expect(".", seq: 1, ack: 1, length: 100, within: .milliseconds(901))
    talk.expectNothing(for: .milliseconds(900))
    talk.receive(".", seq: 1, ack: 101, win: 100)
    talk.expectNothing(for: .milliseconds(99))
    talk.expect(".", seq: 101, ack: 1, length: 100, within: .milliseconds(901))
    // Half of the widest window is no crumb, and neither is all that is left.
    talk.receive(".", seq: 1, ack: 201, win: 800)
    talk.expect("P.", seq: 201, ack: 1, length: 800)
  }

  @Test(.requirement("MAY-17"))
  func aPushedSegmentWakesTheReader() {
    let talk = Conversation()
    talk.establish()
    talk.receive("P.", seq: 1, ack: 1, length: 3)
    talk.expectEvent("readable") { if case .readable = $0 { true } else { false } }
    #expect(talk.read() == Conversation.text(at: 1, 3))
  }

  /// URG is set for nobody who did not ask for it: not on data, copies, probes, ACKs, nor FINs. The API's
  /// documentation advises against asking.
  @Test(.requirement("SHLD-13"))
  func noSegmentIsUrgentUnlessTheUserSaysSo() {
    var configuration = TCPConfiguration()
    configuration.noDelay = true
    let talk = Conversation(tcp: configuration)
    talk.establish()
    talk.write(5_000)
    talk.advance(.seconds(3))
    talk.receive("UP.", seq: 1, ack: 1, length: 20, up: 5)
    talk.receive(".", seq: 21, ack: 5_001, win: 0)
    talk.write(100)
    talk.advance(.seconds(5))
    talk.receive(".", seq: 21, ack: 5_002)
    talk.receive(".", seq: 21, ack: 5_101)
    talk.read()
    talk.finish()
    talk.advance(.seconds(1))
    talk.receive("F.", seq: 21, ack: 5_102)
    talk.expectState(.timeWait)
    let sent = talk.takeSent()
    #expect(sent.count > 8)
    for segment in sent {
      #expect(!segment.header.flags.contains(.urg))
      #expect(segment.header.urgentPointer == 0)
    }
  }

  @Test(.requirement("MAY-18"), arguments: CongestionControlAlgorithm.allCases)
  func everyAlgorithmStartsSlowlyAndBacksOff(_ algorithm: CongestionControlAlgorithm) {
    var configuration = TCPConfiguration()
    configuration.congestionControl = algorithm
    configuration.pathProbing = .off
    let talk = Conversation(tcp: configuration)
    talk.establish()
    talk.write(200_000)
    var acknowledged = 1
    for flight in [10, 20, 40] {
      let sent = talk.takeSent()
      #expect(sent.count == flight, "slow start doubles")
      talk.advance(.milliseconds(10))
      for segment in sent {
        acknowledged += segment.payload.count
        talk.receive(".", seq: 1, ack: acknowledged)
      }
    }
    // RFC 5681 §3.1: a timeout leaves one segment, and the copies leave at doubling intervals.
    talk.takeSent()
    for wait in [1, 2, 4] {
      talk.expect(".", seq: acknowledged, length: 1_460, after: .seconds(wait))
      #expect(talk.status?.congestionWindow == 1_460)
    }
  }
}
