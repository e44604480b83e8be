// When an ACK leaves: the delay, what ends it early, and what is acknowledged at once (RFC 9293 §3.8.6.3,
// RFC 5681 §4.2).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import Testing

@Suite struct TimerAcknowledgmentTests {
  @Test(.requirement("SHLD-18", "T-06", "5681-11"))
  func aSmallSegmentIsAcknowledgedLaterButWithinHalfASecond() {
    let talk = Conversation()
    talk.establish()
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    talk.expectNothing(for: .milliseconds(20))
    talk.expect(".", seq: 1, ack: 11, length: 0, within: .milliseconds(479))
    talk.expectNothing(for: .seconds(3))
  }

  @Test(.requirement("SHLD-18"))
  func theAcknowledgmentRidesOnAnAnswer() {
    let talk = Conversation()
    talk.establish()
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    talk.expectNothing()
    talk.write(20)
    talk.expect("P.", seq: 1, ack: 11, length: 20)
    talk.receive(".", seq: 11, ack: 21)
    talk.expectNothing(for: .seconds(3))
  }

  @Test(.requirement("T-06"))
  func theLongestDelayThatCanBeSetIsUnderHalfASecond() {
    var configuration = TCPConfiguration()
    configuration.delayedAcknowledgment = .milliseconds(500)
    #expect(throws: ConfigurationError.self) { try configuration.validate() }
    configuration.delayedAcknowledgment = .milliseconds(499)
    let talk = Conversation(tcp: configuration)
    talk.establish()
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    talk.expect(".", seq: 1, ack: 11, after: .milliseconds(499))
  }

  @Test(.requirement("SHLD-19", "5681-11"))
  func everySecondFullSizedSegmentIsAcknowledgedAtOnce() {
    let talk = Conversation()
    talk.establish()
    for pair in 0..<5 {
      let start = 1 + pair * 2 * 1_460
      talk.receive(".", seq: start, ack: 1, length: 1_460)
      talk.expectNothing(for: .milliseconds(1))
      talk.receive(".", seq: start + 1_460, ack: 1, length: 1_460)
      talk.expect(".", seq: 1, ack: start + 2 * 1_460, length: 0)
      talk.advance(.milliseconds(1))
    }
    talk.expectNothing(for: .seconds(3))
  }

  @Test(.requirement("SHLD-19"))
  func smallSegmentsThatAddUpToTwoFullOnesForceOneToo() {
    let talk = Conversation()
    talk.establish()
    // One full segment shows what full means to this peer.
    talk.receive(".", seq: 1, ack: 1, length: 1_460)
    talk.expect(".", seq: 1, ack: 1_461, within: .milliseconds(500))
    var next = 1_461
    var answers = 0
    for _ in 0..<40 {
      talk.receive(".", seq: next, ack: 1, length: 146)
      next += 146
      for answer in talk.takeSent() {
        answers += 1
        #expect(talk.acknowledgment(of: answer) == next)
      }
    }
    // 40 segments of a tenth are four full ones.
    #expect(answers >= 2)
  }

  @Test(.requirement("MAY-13", "SHLD-31", "5681-11"))
  func segmentsOutOfOrderAreAcknowledgedAtOnceAndKept() {
    let talk = Conversation()
    talk.establish()
    talk.receive("P.", seq: 101, ack: 1, length: 100)
    talk.expect(".", seq: 1, ack: 1, length: 0)
    talk.expectNothingToRead()
    talk.receive("P.", seq: 301, ack: 1, length: 50)
    talk.expect(".", seq: 1, ack: 1, length: 0)
    talk.receive("P.", seq: 1, ack: 1, length: 100)
    talk.expect(".", seq: 1, ack: 201, length: 0)
    #expect(talk.read() == Conversation.text(at: 1, 200))
    talk.receive("P.", seq: 201, ack: 1, length: 100)
    talk.expect(".", seq: 1, ack: 351, length: 0)
    #expect(talk.read() == Conversation.text(at: 201, 150))
    talk.expectNothing(for: .seconds(3))
  }

  @Test(.requirement("SHLD-31"))
  func theFirstCopyOfWhatIsKeptIsTheOneDelivered() {
    let talk = Conversation()
    talk.establish()
    talk.receive("P.", seq: 6, ack: 1, data: Array("BBBBB".utf8))
    talk.expect(".", seq: 1, ack: 1)
    talk.receive("P.", seq: 1, ack: 1, data: Array("AAAAAAAAAA".utf8))
    talk.expect(".", seq: 1, ack: 11)
    #expect(talk.read() == Array("AAAAABBBBB".utf8))
  }
}
