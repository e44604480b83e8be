// SEGMENT ARRIVES, fifth step: the ACK field (RFC 9293 §3.10.7.4, RFC 5961 §5).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero, .requirement("A-28")) struct SegmentArrivesAcknowledgmentTests {
  @Test(.requirement("S-40"), arguments: Situation.later, ["", "F", "P", "FPU"])
  func withoutTheAckBitASegmentIsDropped(situation: Situation, flags: String) {
    let (talk, at) = Conversation.standing(in: situation)
    talk.receive(flags, seq: at.receiveNext, length: 10)
    talk.expectSilence()
    talk.expectState(situation.state)
    #expect(talk.drops.last == .missingAcknowledgment)
    talk.expectNoEvents()
  }

  @Test(.requirement("S-41", "S-46", "R-03"), arguments: Situation.synchronized)
  func anAcknowledgmentOfWhatWasNotSentIsAnsweredAndDropped(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    for number in [at.sendNext + 1, at.sendNext + 1_000_000] {
      talk.receive("FP.", seq: at.receiveNext, ack: number, length: 10)
      talk.expectAcknowledgment(at)
      talk.expectState(situation.state)
    }
    talk.expectNoEvents()
  }

  @Test(.requirement("S-41"), arguments: Situation.synchronized)
  func anAcknowledgmentOfLongAgoIsAnsweredAndDropped(situation: Situation) {
    // The widest window of the peer was 65,535.
    let (talk, at) = Conversation.standing(in: situation)
    talk.receive("FP.", seq: at.receiveNext, ack: at.sendUnacknowledged - 65_536, length: 10)
    talk.expectAcknowledgment(at)
    talk.expectState(situation.state)
    talk.expectNoEvents()
  }

  @Test(.requirement("S-41", "S-45"), arguments: Situation.of(.established, .finWait1, .finWait2))
  func theTextOfASegmentWithAnOldAcknowledgmentIsUsed(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    talk.receive("P.", seq: 1, ack: at.sendUnacknowledged - 65_535, length: 10)
    talk.expect(".", seq: at.sendNext, ack: 11, within: .milliseconds(500))
    #expect(talk.read() == Conversation.text(at: 1, 10))
    talk.expectState(situation.state)
  }

  @Test(.requirement("S-44", "S-50"), arguments: Situation.of(.established, .closeWait))
  func whatIsAcknowledgedIsForgottenAndTheUserTold(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    talk.write(1_000)
    talk.expect("P.", seq: 1, ack: at.receiveNext, length: 1_000)
    talk.receive(".", seq: at.receiveNext, ack: 401)
    #expect(talk.status?.outstanding == 600)
    // What is sent again begins behind what was acknowledged.
    talk.expect("P.", seq: 401, ack: at.receiveNext, length: 600, within: .seconds(2))
    #expect(!talk.events.contains { if case .drained = $0 { true } else { false } })
    talk.receive(".", seq: at.receiveNext, ack: 1_001)
    #expect(talk.status?.outstanding == 0)
    talk.expectEvent("drained") { if case .drained = $0 { true } else { false } }
    talk.expectNothing(for: .minutes(10))
    talk.expectState(situation.state)
  }

  @Test(.requirement("S-44"), arguments: Situation.of(.finWait1, .closing, .lastAck))
  func textBeforeOurFinIsAcknowledgedFirst(situation: Situation) {
    // The same states as elsewhere, but with text before the FIN: its ACK alone does not move the state.
    let (talk, at) = Conversation.standing(
      in: Situation(situation.state == .lastAck ? .closeWait : .established))
    talk.write(100)
    talk.expect("P.", seq: 1, ack: at.receiveNext, length: 100)
    talk.finish()
    talk.expect("F.", seq: 101, ack: at.receiveNext)
    var next = at.receiveNext
    if situation.state == .closing {
      talk.receive("F.", seq: 1, ack: 1)
      talk.expect(".", seq: 102, ack: 2)
      next = 2
    }
    talk.expectState(situation.state)
    talk.receive(".", seq: next, ack: 101)
    talk.expectState(situation.state)
    #expect(talk.status?.outstanding == 1)
    talk.receive(".", seq: next, ack: 102)
    talk.expectState(
      situation.state == .finWait1 ? .finWait2 : situation.state == .closing ? .timeWait : .closed)
  }

  @Test(.requirement("S-45"), arguments: Situation.of(.established, .closeWait))
  func theThirdDuplicateBringsTheOldestSegmentAgain(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    talk.write(4 * 1_460)
    talk.takeSent()
    talk.receive(".", seq: at.receiveNext, ack: 1)
    talk.receive(".", seq: at.receiveNext, ack: 1)
    talk.expectNothing()
    talk.receive(".", seq: at.receiveNext, ack: 1)
    talk.expect(".", seq: 1, ack: at.receiveNext, length: 1_460)
  }

  // MARK: The window

  @Test(.requirement("S-47"), arguments: Situation.of(.established, .closeWait))
  func theWindowIsTakenFromTheLatestSegmentOnly(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    func window() -> Int? { talk.status?.sendWindow }
    talk.receive(".", seq: at.receiveNext + 5, ack: 1, win: 5_000)
    #expect(window() == 5_000, "SND.WL1 < SEG.SEQ")
    talk.receive(".", seq: at.receiveNext + 4, ack: 1, win: 6_000)
    #expect(window() == 5_000, "SEG.SEQ < SND.WL1: an older segment")
    talk.receive(".", seq: at.receiveNext + 5, ack: 1, win: 7_000)
    #expect(window() == 7_000, "both the same")
    talk.write(10)
    talk.expect("P.", seq: 1, ack: at.receiveNext, length: 10)
    talk.receive(".", seq: at.receiveNext + 5, ack: 11, win: 8_000)
    #expect(window() == 8_000, "SND.WL2 < SEG.ACK")
    talk.receive(".", seq: at.receiveNext + 5, ack: 1, win: 9_000)
    #expect(window() == 8_000, "SEG.ACK < SND.WL2: an older segment")
    talk.receive(".", seq: at.receiveNext + 6, ack: 1, win: 9_000)
    #expect(window() == 8_000, "SEG.ACK < SND.UNA")
    talk.receive(".", seq: at.receiveNext + 6, ack: 11, win: 100)
    #expect(window() == 100, "a window may shrink")
  }

  // MARK: By state

  @Test(.requirement("S-48"))
  func theAcknowledgmentOfOurFinLeadsToFinWait2() {
    let (talk, _) = Conversation.standing(in: Situation(.finWait1))
    talk.receive(".", seq: 1, ack: 1)
    talk.expectState(.finWait1)
    // The same segment is text of FIN-WAIT-2.
    talk.receive("P.", seq: 1, ack: 2, length: 10)
    talk.expectState(.finWait2)
    talk.expect(".", seq: 2, ack: 11, within: .milliseconds(500))
    #expect(talk.read() == Conversation.text(at: 1, 10))
  }

  @Test(.requirement("S-49"))
  func finWait2KeepsTheConnectionWhileTheUserReads() {
    let (talk, _) = Conversation.standing(in: Situation(.established))
    talk.write(10)
    talk.expect("P.", seq: 1, ack: 1, length: 10)
    talk.finish()
    talk.expect("F.", seq: 11, ack: 1)
    talk.receive(".", seq: 1, ack: 12)
    talk.expectEvent("drained") { if case .drained = $0 { true } else { false } }
    talk.expectNothing(for: .hours(48))
    talk.expectState(.finWait2)
    talk.receive("P.", seq: 1, ack: 12, length: 10)
    talk.expect(".", seq: 12, ack: 11, within: .milliseconds(500))
    #expect(talk.read() == Conversation.text(at: 1, 10))
  }

  @Test(.requirement("S-51"))
  func closingEndsWithTheAcknowledgmentOfOurFin() {
    let (talk, _) = Conversation.standing(in: Situation(.closing))
    talk.receive(".", seq: 2, ack: 1)
    talk.expectSilence()
    talk.expectState(.closing)
    talk.receive(".", seq: 2, ack: 2)
    talk.expectSilence()
    talk.expectState(.timeWait)
  }

  @Test(.requirement("S-52"))
  func lastAckEndsWithTheAcknowledgmentOfOurFin() {
    let (talk, _) = Conversation.standing(in: Situation(.lastAck))
    talk.receive(".", seq: 2, ack: 1)
    talk.expectSilence()
    talk.expectState(.lastAck)
    talk.receive(".", seq: 2, ack: 2)
    talk.expectNothing(for: .minutes(5))
    talk.expectClosed(.finished)
  }

  @Test(.requirement("S-53", "S-63"))
  func timeWaitAnswersOnlyTheFin() {
    let (talk, at) = Conversation.standing(in: Situation(.timeWait))
    talk.receive(".", seq: 2, ack: 2)
    talk.expectSilence()
    talk.advance(.seconds(59))
    talk.receive("F.", seq: 1, ack: 2)
    talk.expectAcknowledgment(at)
    talk.advance(.seconds(59))
    talk.expectState(.timeWait)
    talk.advance(.seconds(2))
    talk.expectState(.closed)
  }
}
