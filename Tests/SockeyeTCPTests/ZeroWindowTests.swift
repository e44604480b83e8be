// A window of zero, from both sides (RFC 9293 §3.4, §3.8.6.1): the sender's probes, and what a receiver that takes no
// text still takes.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero, .requirement("A-28")) struct ZeroWindowTests {
  /// What was written before there was a connection waits for the window like any other text.
  @Test(.requirement("MUST-36"), arguments: [Conversation.Role.active, .passive])
  func aWindowThatTheHandshakeLeavesClosedIsProbed(_ role: Conversation.Role) {
    let talk = Conversation()
    switch role {
    case .active:
      talk.connect()
      talk.expect("S", seq: 0)
      talk.write(100)
      talk.receive("S.", seq: 0, ack: 1, win: 0, options: .synchronize())
      talk.expect(".", seq: 1, ack: 1)
    case .passive:
      talk.establish(win: 0)
      talk.write(100)
    }
    talk.expect(".", seq: 1, ack: 1, length: 1, after: .seconds(1))
    talk.receive(".", seq: 1, ack: 2, win: 1000)
    talk.expect("P.", seq: 2, length: 99)
  }

  @Test(.requirement("MUST-36"), arguments: [IPVersion.v4, .v6])
  func aClosedWindowIsProbed(_ version: IPVersion) {
    let talk = Conversation(version)
    talk.establish()
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.write(100)
    let probe = talk.expect(".", seq: 1, ack: 1, length: 1, after: .seconds(1))
    #expect(probe?.purpose == .zeroWindowProbe(count: 1))
    // The window has opened since and the news of it was lost. The next probe brings it again.
    talk.expect(".", seq: 1, ack: 1, length: 1, after: .seconds(2))
    talk.receive(".", seq: 1, ack: 1, win: 1000)
    talk.expect("P.", seq: 1, ack: 1, length: 100)
    talk.receive(".", seq: 1, ack: 101, win: 1000)
    talk.expectNothing(for: .minutes(5))
  }

  /// What leaves when the window has opened is text like any other: lost, it leaves again after an RTO, and not as a probe.
  @Test(.requirement("MUST-36", "6298-7"))
  func textThatFollowsAProbeHasTheRetransmissionTimer() {
    let talk = Conversation()
    talk.establish()
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.write(100)
    talk.expect(".", seq: 1, length: 1, after: .seconds(1))
    talk.advance(.milliseconds(500))
    talk.receive(".", seq: 1, ack: 1, win: 1000)
    talk.expect("P.", seq: 1, length: 100)
    talk.expect("P.", seq: 1, length: 100, after: .seconds(1))
    #expect(talk.status?.statistics.retransmissionTimeouts == 1)
  }

  /// A peer may also take the octet of a probe, and go on being closed.
  @Test(.requirement("MUST-36"))
  func aProbeMayBeTaken() {
    let talk = Conversation.starting(hostAt: .max - 1, peerAt: .max)
    talk.establish()
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.write(100)
    talk.expect(".", seq: 1, ack: 1, length: 1, after: .seconds(1))
    talk.receive(".", seq: 1, ack: 2, win: 0)
    talk.expect(".", seq: 2, ack: 1, length: 1, within: .seconds(4))
    talk.receive(".", seq: 1, ack: 3, win: 0)
    talk.expect(".", seq: 3, ack: 1, length: 1, within: .seconds(8))
    talk.receive(".", seq: 1, ack: 4, win: 1000)
    talk.expect("P.", seq: 4, ack: 1, length: 97)
  }

  /// As long as the peer answers, the next probe is timed from its answer.
  @Test(.requirement("MUST-36"), arguments: [false, true])
  func theNextProbeIsTimedFromTheAnswerToTheLast(_ sack: Bool) {
    let talk = Conversation()
    talk.establish(options: .synchronize(sackPermitted: sack))
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.write(100)
    talk.expect(".", seq: 1, ack: 1, length: 1, after: .seconds(1))
    talk.advance(.milliseconds(500))
    talk.receive(".", seq: 1, ack: 2, win: 0)
    talk.expect(".", seq: 2, ack: 1, length: 1, after: .seconds(2))
  }

  @Test(.requirement("MUST-36"))
  func aFinishWaitsForTheWindowToo() {
    let talk = Conversation()
    talk.establish()
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.finish()
    talk.expect("F.", seq: 1, ack: 1, after: .seconds(1))
    talk.receive(".", seq: 1, ack: 2, win: 0)
    talk.expectState(.finWait2)
  }

  @Test(.requirement("MUST-37", "6429-1"), arguments: [false, true])
  func whoAnswersProbesIsKept(_ wraps: Bool) {
    let talk = wraps ? Conversation.starting(hostAt: .max, peerAt: .max) : Conversation()
    talk.establish()
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.write(100)
    let end = talk.now + .hours(24)
    var probes = 0
    while talk.now < end, talk.expect(".", seq: 1, ack: 1, length: 1, within: .minutes(3)) != nil {
      talk.receive(".", seq: 1, ack: 1, win: 0)
      probes += 1
    }
    // They come ever slower, but at least each RTO's ceiling of two minutes.
    #expect(probes >= 24 * 30)
    talk.expectState(.established)
    talk.receive(".", seq: 1, ack: 1, win: 1000)
    talk.expect("P.", seq: 1, ack: 1, length: 100)
  }

  /// The other side of it: without answers, the user's timeout counts from the first probe that was owed one.
  @Test(.requirement("MUST-37"))
  func whoDoesNotAnswerIsGivenUp() {
    let talk = Conversation()
    talk.establish()
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.write(100)
    talk.advance(.seconds(299))
    talk.expectState(.established)
    #expect(talk.takeSent().map(\.payload.count) == [1, 1, 1, 1, 1, 1, 1, 1])
    talk.advance(.seconds(1))
    talk.expectState(.closed)
    talk.expectNothing(for: .minutes(5))
  }

  /// Before there was anything to send nobody owed an answer.
  @Test(.requirement("MUST-21", "MUST-37"))
  func aSilenceBeforeTheWriteDoesNotCount() {
    let talk = Conversation()
    talk.establish()
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.advance(.minutes(10))
    talk.write(100)
    talk.expect(".", seq: 1, ack: 1, length: 1, after: .seconds(1))
    talk.advance(.seconds(298))
    talk.expectState(.established)
    talk.advance(.seconds(1))
    talk.expectState(.closed)
  }

  /// Which of the two copies of its octet the peer answers nobody knows (RFC 6298 §3).
  @Test(.requirement("MUST-18", "6298-5"))
  func aProbeEndsTheMeasureOfARoundTrip() {
    let talk = Conversation.measured(sack: false)
    #expect(talk.status?.smoothedRoundTrip == .milliseconds(100))
    talk.write(1_000)
    talk.expect("P.", seq: 1, length: 1_000)
    // The window shrinks to nothing before the text has come.
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.expect(".", seq: 1, length: 1, within: .seconds(2))
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1_001)
    #expect(talk.status?.outstanding == 0)
    #expect(talk.status?.smoothedRoundTrip == .milliseconds(100))
  }

  // MARK: The receiver

  /// A host whose buffer of 1000 octets is full.
  private func full() -> Conversation {
    var tcp = TCPConfiguration()
    tcp.receiveBufferCapacity = 1000
    let talk = Conversation(tcp: tcp)
    talk.establish()
    talk.receive("P.", seq: 1, ack: 1, length: 1000)
    talk.expect(".", seq: 1, ack: 1001, win: 0, within: .milliseconds(500))
    talk.takeEvents()
    return talk
  }

  @Test(.requirement("MUST-66"))
  func urgencyIsHeardThroughAClosedWindow() throws {
    let talk = full()
    talk.receive("PU.", seq: 1001, ack: 1, length: 10, up: 10)
    talk.expect(".", seq: 1, ack: 1001, win: 0)
    let id = try talk.need()
    #expect(talk.takeEvents() == [.urgent(id)])
    #expect(talk.status?.urgentAhead == 1010)
    #expect(talk.status?.readable == 1000)
  }

  @Test(.requirement("MUST-66"), arguments: [0, 10])
  func aResetIsHeardThroughAClosedWindow(_ length: Int) throws {
    let talk = full()
    // Beyond RCV.NXT it is outside the window.
    talk.receive("R", seq: 1002, length: length)
    talk.expectState(.established)
    talk.expectNothing()
    talk.receive("R", seq: 1001, length: length)
    talk.expectState(.closed)
    let id = try talk.need()
    #expect(talk.takeEvents().contains(.closed(id, .reset)))
  }

  @Test(.requirement("MUST-66"))
  func anAcknowledgmentIsHeardThroughAClosedWindow() {
    let talk = full()
    talk.write(50)
    talk.expect("P.", seq: 1, ack: 1001, length: 50, win: 0)
    talk.receive("P.", seq: 1001, ack: 51, length: 10)
    talk.expect(".", seq: 51, ack: 1001, win: 0)
    #expect(talk.status?.outstanding == 0)
  }
}
