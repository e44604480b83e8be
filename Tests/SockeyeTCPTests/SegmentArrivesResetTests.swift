// SEGMENT ARRIVES, second step, the RST bit, and fourth step, the SYN bit (RFC 9293 §3.10.7.4, RFC 5961 §3 and §4).

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero, .requirement("A-28")) struct SegmentArrivesResetTests {
  static let open = Situation.of(.established, .finWait1, .finWait2, .closeWait)

  @Test(.requirement("S-30", "S-34", "R-06"), arguments: open, ["R", "R.", "FR.", "SR", "RU"])
  func exactlyAtTheNextNumberItResets(situation: Situation, flags: String) throws {
    let (talk, at) = Conversation.standing(in: situation)
    // Its ACK field means nothing.
    talk.receive(flags, seq: at.receiveNext, ack: flags.contains(".") ? 123_456 : nil)
    talk.expectNothing(for: .minutes(10))
    talk.expectClosed(.reset)
    // After the peer's FIN all that it sent is here; otherwise the user learns that it is not.
    if situation.state != .closeWait {
      #expect(throws: SocketError.connection(.closed(.reset))) { try talk.readOrThrow() }
    }
  }

  @Test(.requirement("S-34"))
  func aResetDropsWhatIsQueued() {
    let (talk, _) = Conversation.standing(in: Situation(.established))
    talk.peerWindow = 100
    talk.receive(".", seq: 1, ack: 1)
    talk.write(5_000)
    talk.takeSent()
    talk.receive("R", seq: 1)
    talk.expectNothing(for: .minutes(10))
    talk.expectClosed(.reset)
    #expect(talk.status?.outstanding == 0 || talk.status == nil)
  }

  @Test(.requirement("S-35"), arguments: Situation.of(.closing, .lastAck))
  func inClosingAndLastAckItEnds(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    talk.receive("R", seq: at.receiveNext)
    talk.expectNothing(for: .minutes(10))
    talk.expectState(.closed)
  }

  @Test(.requirement("S-35"))
  func timeWaitIgnoresIt() {
    // RFC 9293 would have it end; RFC 1337 §3, fix F1, says why it is better ignored.
    let (talk, at) = Conversation.standing(in: Situation(.timeWait))
    talk.receive("R", seq: at.receiveNext)
    talk.receive("R.", seq: at.receiveNext, ack: at.sendNext)
    talk.expectSilence()
    talk.expectState(.timeWait)
    talk.receive("F.", seq: 1, ack: 2)
    talk.expectAcknowledgment(at)
  }

  @Test(
    .requirement("S-31", "R-06", "A-01", "5961-1"),
    arguments: Situation.later.filter { $0.state != .timeWait })
  func elsewhereInTheWindowItIsChallenged(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    for sequence in [at.receiveNext + 1, at.receiveEdge - 1] {
      talk.receive("R", seq: sequence)
      talk.expectAcknowledgment(at)
      talk.expectState(situation.state)
    }
    talk.expectNoEvents()
  }

  /// Nor does it complete a handshake on its way.
  @Test(.requirement("S-31", "A-01"), arguments: Situation.handshakes)
  func aResetThatAcknowledgesOurSynMustBeExactToo(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    talk.receive("R", seq: 5)
    talk.expectAcknowledgment(at)
    talk.receive("R.", seq: 5, ack: 1)
    talk.expectAcknowledgment(at)
    talk.expectState(.synReceived)
    #expect(talk.drops == [.resetNotExact, .resetNotExact])
  }

  @Test(.requirement("A-01", "5961-1"), arguments: Situation.of(.established, .finWait1, .finWait2))
  func ofAllNumbersOnlyTheNextResets(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    for (sequence, isInside) in [
      (at.receiveNext - 1, false), (at.receiveNext + 1, true), (at.receiveEdge - 1, true),
      (at.receiveEdge, false), (at.receiveNext + 1 << 31, false),
    ] {
      talk.receive("R", seq: sequence)
      if isInside { talk.expectAcknowledgment(at) } else { talk.expectSilence() }
      talk.expectState(situation.state)
    }
    talk.receive("R", seq: at.receiveNext)
    talk.expectNothing(for: .minutes(10))
    talk.expectClosed(.reset)
  }

  @Test(.requirement("S-31"))
  func challengesAreLimited() {
    let (talk, at) = Conversation.standing(in: Situation(.established))
    for _ in 0..<1_000 { talk.receive("R", seq: at.receiveNext + 10) }
    #expect(talk.takeSent().count == 10)
    talk.advance(.seconds(5))
    talk.receive("R", seq: at.receiveNext + 10)
    talk.expectAcknowledgment(at)
  }

  @Test(.requirement("S-31", "S-53"))
  func soAreTheAnswersOfTimeWait() {
    let (talk, at) = Conversation.standing(in: Situation(.timeWait))
    for _ in 0..<1_000 { talk.receive(".", seq: 500, ack: 2, length: 10) }
    #expect(talk.takeSent().count == 10)
    #expect(talk.drops.last == .rateLimited)
    talk.advance(.seconds(5))
    talk.receive(".", seq: 500, ack: 2, length: 10)
    talk.expectAcknowledgment(at)
  }

  // MARK: SYN

  @Test(
    .requirement("S-38", "A-02", "5961-3"),
    arguments: Situation.synchronized.filter { $0.state != .timeWait })
  func aSynIsChallengedWhateverItsNumber(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    for sequence in [0, at.receiveNext, at.receiveNext + 100, at.receiveEdge, -70_000] {
      talk.receive("S", seq: sequence)
      talk.expectAcknowledgment(at)
    }
    talk.receive("S.", seq: at.receiveNext, ack: at.sendNext)
    talk.expectAcknowledgment(at)
    talk.receive("SF.", seq: at.receiveNext, ack: at.sendNext, length: 10)
    talk.expectAcknowledgment(at)
    talk.expectState(situation.state)
    talk.expectNoEvents()
  }

  @Test(.requirement("S-38"))
  func aSynInTheWindowEndsNoSimultaneousOpen() {
    let (talk, at) = Conversation.standing(in: Situation(.synReceived, .active))
    talk.receive("S", seq: 100)
    talk.expectAcknowledgment(at)
    talk.expectState(.synReceived)
  }

  @Test(.requirement("X-23"))
  func aCopyOfTheSynAcknowledgmentIsAnsweredWithAnAcknowledgment() {
    let (talk, at) = Conversation.standing(in: Situation(.established, .active))
    talk.receive("S.", seq: 0, ack: 1)
    talk.expectAcknowledgment(at)
    talk.expectState(.established)
  }
}
