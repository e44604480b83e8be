// The timers of a connection's end: TIME-WAIT (RFC 9293 §3.6.1) and FIN-WAIT-2 without an owner.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import Testing

@Suite struct TimerClosingTests {
  @Test(.requirement("T-03"))
  func timeWaitEndsAfterTwiceTheSegmentLifetime() {
    var configuration = TCPConfiguration()
    configuration.maximumSegmentLifetime = .minutes(2)
    let talk = Conversation(tcp: configuration)
    talk.establish()
    talk.finish()
    talk.expect("F.", seq: 1, ack: 1)
    talk.receive("F.", seq: 1, ack: 2)
    talk.expect(".", seq: 2, ack: 2)
    talk.expectState(.timeWait)
    talk.expectNothing(for: .minutes(4) - .milliseconds(1))
    talk.expectState(.timeWait)
    talk.expectNothing(for: .milliseconds(1))
    talk.expectState(.closed)
    // Only the listener is still here.
    talk.receive("F.", seq: 1, ack: 2)
    talk.expect("R", seq: 2)
  }

  @Test(.requirement("T-03"))
  func timeWaitLastsAMinuteUnlessSet() {
    let talk = Conversation()
    talk.establish()
    talk.finish()
    talk.expect("F.", seq: 1)
    talk.receive("F.", seq: 1, ack: 2)
    talk.expect(".", seq: 2, ack: 2)
    talk.advance(.seconds(60) - .milliseconds(1))
    talk.expectState(.timeWait)
    talk.advance(.milliseconds(1))
    talk.expectState(.closed)
  }

  @Test(.requirement("T-09"))
  func finWait2WithoutAnOwnerEndsAfterAMinute() {
    let talk = Conversation()
    talk.establish()
    talk.close()
    talk.expect("F.", seq: 1, ack: 1)
    talk.advance(.milliseconds(500))
    talk.receive(".", seq: 1, ack: 2)
    talk.expectState(.finWait2)
    talk.expectNothing(for: .seconds(60) - .milliseconds(1))
    talk.expectState(.finWait2)
    talk.expectNothing(for: .milliseconds(1))
    talk.expectClosed(.orphaned)
    talk.receive("F.", seq: 1, ack: 2)
    talk.expect("R", seq: 2)
  }

  @Test(.requirement("T-09"))
  func finWait2WithAnOwnerLastsAsLongAsTheOwnerLikes() {
    let talk = Conversation()
    talk.establish()
    talk.finish()
    talk.expect("F.", seq: 1, ack: 1)
    talk.receive(".", seq: 1, ack: 2)
    talk.expectNothing(for: .hours(24))
    talk.expectState(.finWait2)
    talk.receive("P.", seq: 1, ack: 2, length: 10)
    talk.expect(".", seq: 2, ack: 11, within: .milliseconds(500))
    #expect(talk.read() == Conversation.text(at: 1, 10))
    // The owner goes, and the minute begins.
    talk.close()
    talk.expectNothing(for: .seconds(60) - .milliseconds(1))
    talk.expectState(.finWait2)
    talk.expectNothing(for: .milliseconds(1))
    talk.expectClosed(.orphaned)
  }
}
