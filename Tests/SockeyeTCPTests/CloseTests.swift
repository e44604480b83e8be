// Closing a connection, script by script (RFC 9293 §3.6).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero, .requirement("A-28")) struct CloseTests {
  @Test(.requirement("X-07"))
  func weCloseFirst() {
    let talk = Conversation()
    talk.establish()
    talk.finish()
    talk.expect("F.", seq: 1, ack: 1)
    talk.expectState(.finWait1)
    talk.receive(".", seq: 1, ack: 2)
    talk.expectState(.finWait2)
    talk.receive("F.", seq: 1, ack: 2)
    talk.expect(".", seq: 2, ack: 2)
    talk.expectState(.timeWait)
    talk.expectNothing(for: .seconds(60))
    talk.expectClosed(.finished)
  }

  @Test(.requirement("X-07"))
  func thePeerClosesFirst() {
    let talk = Conversation()
    talk.establish()
    talk.receive("F.", seq: 1, ack: 1)
    talk.expect(".", seq: 1, ack: 2)
    talk.expectState(.closeWait)
    talk.finish()
    talk.expect("F.", seq: 1, ack: 2)
    talk.expectState(.lastAck)
    talk.receive(".", seq: 2, ack: 2)
    talk.expectNothing(for: .seconds(60))
    talk.expectClosed(.finished)
  }

  @Test(.requirement("X-08"))
  func bothCloseAtOnce() {
    let talk = Conversation()
    talk.establish()
    talk.finish()
    talk.expect("F.", seq: 1, ack: 1)
    talk.receive("F.", seq: 1, ack: 1)
    talk.expect(".", seq: 2, ack: 2)
    talk.expectState(.closing)
    talk.receive(".", seq: 2, ack: 2)
    talk.expectState(.timeWait)
    talk.expectNothing(for: .seconds(59))
    talk.expectState(.timeWait)
    talk.expectNothing(for: .seconds(1))
    talk.expectClosed(.finished)
  }

  @Test(.requirement("X-09"))
  func finAndAcknowledgmentInOneSegment() {
    let talk = Conversation()
    talk.establish()
    talk.finish()
    talk.expect("F.", seq: 1, ack: 1)
    talk.receive("FP.", seq: 1, ack: 2, length: 10)
    talk.expect(".", seq: 2, ack: 12)
    talk.expectState(.timeWait)
    #expect(talk.read() == Conversation.text(at: 1, 10))
  }

  @Test(.requirement("X-10"))
  func afterOurFinThePeerMaySendForLong() {
    let talk = Conversation()
    talk.establish()
    talk.finish()
    talk.expect("F.", seq: 1, ack: 1)
    talk.receive(".", seq: 1, ack: 2)
    var received: [UInt8] = []
    for day in 0..<100 {
      talk.receive("P.", seq: 1 + day * 1_000, ack: 2, length: 1_000)
      talk.expect(".", seq: 2, ack: 1_001 + day * 1_000, within: .milliseconds(500))
      received += talk.read()
      talk.expectNothing(for: .hours(24))
      talk.expectState(.finWait2)
    }
    #expect(received == Conversation.text(at: 1, 100_000))
    talk.receive("F.", seq: 100_001, ack: 2)
    talk.expect(".", seq: 2, ack: 100_002)
    talk.expectState(.timeWait)
  }

  @Test(.requirement("X-11"))
  func afterThePeersFinWeMaySendForLong() {
    let talk = Conversation()
    talk.establish()
    talk.receive("F.", seq: 1, ack: 1)
    talk.expect(".", seq: 1, ack: 2)
    for day in 0..<100 {
      talk.write(1_000)
      talk.expect("P.", seq: 1 + day * 1_000, ack: 2, length: 1_000)
      talk.receive(".", seq: 2, ack: 1_001 + day * 1_000)
      talk.expectNothing(for: .hours(24))
      talk.expectState(.closeWait)
    }
    talk.finish()
    talk.expect("F.", seq: 100_001, ack: 2)
    talk.expectState(.lastAck)
    talk.receive(".", seq: 2, ack: 100_002)
    talk.expectClosed(.finished)
  }

  @Test(.requirement("X-13"), arguments: Situation.of(.finWait1, .closing, .lastAck))
  func aLostFinIsSentAgain(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    talk.expect("F.", seq: 1, ack: at.receiveNext, within: .seconds(1))
    talk.expect("F.", seq: 1, ack: at.receiveNext, within: .seconds(2))
    talk.expectState(situation.state)
    talk.receive(".", seq: at.receiveNext, ack: 2)
    talk.expectNothing(for: .seconds(59))
    talk.expectState(
      situation.state == .finWait1 ? .finWait2 : situation.state == .closing ? .timeWait : .closed)
  }

  @Test(.requirement("X-13"))
  func aLostAcknowledgmentOfThePeersFinIsSentAgain() {
    let (talk, at) = Conversation.standing(in: Situation(.timeWait))
    talk.advance(.seconds(50))
    talk.receive("F.", seq: 1, ack: 2)
    talk.expectAcknowledgment(at)
    talk.advance(.seconds(50))
    talk.expectState(.timeWait)
    talk.advance(.seconds(10))
    talk.expectState(.closed)
  }

  @Test(.requirement("X-15"), arguments: Situation.of(.established, .finWait1, .finWait2))
  func aFinBehindAGapWaits(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    talk.receive("F.", seq: 101, ack: at.sendUnacknowledged, length: 100)
    talk.expectAcknowledgment(at)
    talk.expectState(situation.state)
    talk.expectNoEvents()
    // Nothing can stand behind a FIN.
    talk.receive("P.", seq: 202, ack: at.sendUnacknowledged, length: 100)
    talk.expectAcknowledgment(at)
    talk.receive("P.", seq: 1, ack: at.sendUnacknowledged, length: 100)
    talk.expect(".", seq: at.sendNext, ack: 202)
    talk.expectState(
      situation.state == .established ? .closeWait : situation.state == .finWait1 ? .closing : .timeWait)
    #expect(talk.read() == Conversation.text(at: 1, 200))
  }

  @Test(.requirement("X-15"))
  func aBareFinBehindAGapWaits() {
    let (talk, at) = Conversation.standing(in: Situation(.established))
    talk.receive("F.", seq: 2, ack: 1)
    talk.expectAcknowledgment(at)
    talk.expectState(.established)
    talk.receive("P.", seq: 1, ack: 1, length: 1)
    talk.expect(".", seq: 1, ack: 3)
    talk.expectState(.closeWait)
  }

  @Test(.requirement("X-08"))
  func aFinThatStillWaitsForTheWindowMeetsThePeersFin() {
    // FIN-WAIT-1 begins with the call, though text is still to go before the FIN (RFC 9293 §3.10.4).
    let talk = Conversation()
    talk.peerWindow = 100
    talk.establish()
    talk.write(150)
    talk.finish()
    talk.expectState(.finWait1)
    talk.expect(".", seq: 1, ack: 1, length: 100)
    talk.receive("F.", seq: 1, ack: 1)
    talk.expectState(.closing)
    talk.expect(".", seq: 101, ack: 2)
    talk.receive(".", seq: 2, ack: 101)
    talk.expect("FP.", seq: 101, ack: 2, length: 50)
    talk.receive(".", seq: 2, ack: 152)
    talk.expectState(.timeWait)
  }
}
