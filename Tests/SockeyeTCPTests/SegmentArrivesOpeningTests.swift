// SEGMENT ARRIVES before a connection is established: SYN-SENT and SYN-RECEIVED (RFC 9293 §3.10.7.3, and §3.10.7.4
// where it speaks of SYN-RECEIVED). The listener's part is shown with the host.

import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero, .requirement("A-28")) struct SegmentArrivesOpeningTests {
  // MARK: SYN-SENT

  /// Found by the model: SND.WL2 stood at zero, which is ahead of half of all ISNs.
  @Test(arguments: [0x1000, 0xc000_0000] as [UInt32])
  func aSynWithoutAnAckLeavesTheWindowToWhatFollows(hostStart: UInt32) {
    let talk = Conversation.starting(hostAt: hostStart, peerAt: 1_000, .active)
    talk.connect()
    talk.expect("S", seq: 0)
    talk.receive("S", seq: 0, win: 60_000)
    talk.expect("S.", seq: 0, ack: 1)
    talk.finish()
    talk.expect("F.", seq: 1, ack: 1)
    // It begins with the number of the SYN, so that SEG.SEQ is SND.WL1.
    talk.receive(".", seq: 0, ack: 1, length: 100, win: 500)
    #expect(talk.status?.sendWindow == 500)
  }

  @Test(.requirement("S-08", "R-02", "X-03"), arguments: ["S.", ".", "P.", "F.", "SF."])
  func anAcknowledgmentOfWhatWasNotSentIsReset(flags: String) {
    for number in [0, -1, 2, 1_000_000] {
      let (talk, _) = Conversation.standing(in: Situation(.synSent))
      talk.receive(flags, seq: 0, ack: number)
      talk.expect("R", seq: number, length: 0)
      talk.expectState(.synSent)
      talk.receive("S.", seq: 0, ack: 1)
      talk.expect(".", seq: 1, ack: 1)
      talk.expectState(.established)
    }
  }

  @Test(.requirement("S-08", "S-10", "R-05"))
  func aResetWithoutTheRightAcknowledgmentIsDropped() {
    let (talk, _) = Conversation.standing(in: Situation(.synSent))
    talk.receive("R", seq: 0)
    talk.receive("R", seq: 1)
    talk.receive("SR", seq: 0)
    talk.receive("R.", seq: 0, ack: 0)
    talk.receive("R.", seq: 0, ack: 2)
    talk.receive("SR.", seq: 0, ack: 2)
    talk.expectSilence()
    talk.expectState(.synSent)
    talk.expectNoEvents()
  }

  @Test(.requirement("S-09", "R-05"), arguments: [0, 1, 77_777])
  func aResetThatAcknowledgesTheSynRefuses(sequence: Int) {
    // RFC 5961 §3.2 asks for SEG.SEQ = RCV.NXT, which nobody knows before the peer's SYN.
    let (talk, _) = Conversation.standing(in: Situation(.synSent))
    talk.receive("R.", seq: sequence, ack: 1)
    talk.expectNothing()
    talk.expectClosed(.refused)
  }

  @Test(.requirement("S-14"), arguments: ["", "P", "F", "FPU", ".", "F.", "P."])
  func neitherSynNorResetIsDropped(flags: String) {
    let (talk, _) = Conversation.standing(in: Situation(.synSent))
    talk.receive(flags, seq: 0, ack: flags.contains(".") ? 1 : nil, length: 10)
    talk.expectSilence()
    talk.expectState(.synSent)
    talk.receive("S.", seq: 0, ack: 1)
    talk.expect(".", seq: 1, ack: 1)
    #expect(talk.read().isEmpty)
  }

  @Test(.requirement("S-12"))
  func theAnswerMayCarryUrgentTextAndFin() {
    let (talk, _) = Conversation.standing(in: Situation(.synSent))
    talk.receive("SFU.", seq: 0, ack: 1, data: Conversation.text(at: 1, 100), up: 10)
    talk.expect(".", seq: 1, ack: 102)
    talk.expectNothing()
    talk.expectState(.closeWait)
    talk.expectEvent("connected") { if case .connected = $0 { true } else { false } }
    talk.expectEvent("urgent") { if case .urgent = $0 { true } else { false } }
    #expect(talk.status?.urgentAhead == 10)
    #expect(talk.read() == Conversation.text(at: 1, 100))
  }

  @Test(.requirement("S-12", "S-15"))
  func whatWasWrittenEarlyFollowsTheSyn() {
    // The SYN carries no text, so an answer can acknowledge no part of it; the text leaves after the handshake,
    // whole, with the ACK.
    let (talk, _) = Conversation.standing(in: Situation(.synSent))
    talk.write(500)
    talk.expectSilence()
    talk.receive("S.", seq: 0, ack: 1)
    talk.expect("P.", seq: 1, ack: 1, length: 500)
    talk.expectSilence()
  }

  @Test(.requirement("S-13"))
  func textOfASimultaneousOpenWaits() {
    let (talk, _) = Conversation.standing(in: Situation(.synSent))
    talk.receive("S", seq: 0, data: Conversation.text(at: 1, 100))
    // Text that is not kept is not acknowledged either: RCV.NXT is past the SYN alone (RFC 9293 §3.10.7.3).
    talk.expect("S.", seq: 0, ack: 1)
    talk.expectState(.synReceived)
    #expect(talk.read().isEmpty)
    talk.receive(".", seq: 101, ack: 1)
    talk.expectState(.established)
    talk.expect(".", seq: 1, ack: 101, within: .milliseconds(500))
    #expect(talk.read() == Conversation.text(at: 1, 100))
  }

  @Test(.requirement("S-13", "S-42"))
  func theWindowOfASimultaneousOpenIsUsed() {
    let (talk, _) = Conversation.standing(in: Situation(.synSent))
    talk.write(500)
    talk.receive("S", seq: 0, win: 100)
    talk.expect("S.", seq: 0, ack: 1)
    talk.receive("S.", seq: 0, ack: 1, win: 200)
    talk.expectState(.established)
    #expect(talk.status?.sendWindow == 200)
    #expect(talk.takeSent().allSatisfy { talk.sequence(of: $0) + $0.payload.count <= 201 })
  }

  // MARK: SYN-RECEIVED

  @Test(.requirement("S-42", "X-22"), arguments: Situation.handshakes)
  func textWithTheLastSegmentOfTheHandshake(situation: Situation) {
    let (talk, _) = Conversation.standing(in: situation)
    talk.receive("P.", seq: 1, ack: 1, length: 100, win: 3000)
    talk.expectState(.established)
    if situation.role == .passive { talk.accept() }
    talk.expect(".", seq: 1, ack: 101, within: .milliseconds(500))
    #expect(talk.status?.sendWindow == 3000)
    #expect(talk.read() == Conversation.text(at: 1, 100))
  }

  @Test(.requirement("S-42", "S-59"), arguments: Situation.handshakes)
  func finWithTheLastSegmentOfTheHandshake(situation: Situation) {
    let (talk, _) = Conversation.standing(in: situation)
    talk.receive("F.", seq: 1, ack: 1, length: 100)
    if situation.role == .passive { talk.accept() }
    talk.expect(".", seq: 1, ack: 102)
    talk.expectState(.closeWait)
  }

  @Test(.requirement("S-43", "R-02"), arguments: Situation.handshakes)
  func anotherAcknowledgmentIsReset(situation: Situation) {
    let (talk, _) = Conversation.standing(in: situation)
    for number in [0, -1, 2, 100_000] {
      talk.receive(".", seq: 1, ack: number)
      talk.expect("R", seq: number, length: 0)
      talk.expectNothing()
      talk.expectState(.synReceived)
    }
    talk.receive(".", seq: 1, ack: 1)
    talk.expectState(.established)
  }

  @Test(.requirement("S-06", "S-13", "S-29"), arguments: Situation.handshakes, [5, 10, 20])
  func textOfTheSynAgainWithTheLastSegmentOfTheHandshake(situation: Situation, length: Int) {
    let talk = Conversation()
    talk.enter(Situation(situation.role == .passive ? .listen : .synSent, situation.role))
    talk.receive("S", seq: 0, data: Conversation.text(at: 1, 10))
    talk.expect("S.", seq: 0, ack: 1)
    // The text that came with the SYN was not acknowledged, so the peer sends it again, or more of it, or less.
    talk.receive("FP.", seq: 1, ack: 1, length: length)
    if situation.role == .passive { talk.accept() }
    talk.expect(".", seq: 1, ack: length < 10 ? 11 : length + 2)
    #expect(talk.read() == Conversation.text(at: 1, max(10, length)))
  }

  @Test(.requirement("S-33", "MUST-11"))
  func aResetRefusesAnActiveOpen() {
    let (talk, _) = Conversation.standing(in: Situation(.synReceived, .active))
    talk.receive("R", seq: 1)
    talk.expectNothing(for: .seconds(60))
    talk.expectClosed(.refused)
  }

  @Test(.requirement("S-33", "MUST-11"))
  func aResetReturnsAPassiveOpenToListen() {
    let (talk, _) = Conversation.standing(in: Situation(.synReceived, .passive))
    talk.receive("R", seq: 1)
    talk.expectNothing(for: .seconds(60))
    talk.expectState(.listen)
    talk.expectNoEvents()
  }

  @Test(.requirement("S-38"), arguments: [0, 1, 500])
  func aSynInASimultaneousOpenIsAnsweredWithAnAcknowledgment(sequence: Int) {
    let (talk, at) = Conversation.standing(in: Situation(.synReceived, .active))
    talk.receive("S", seq: sequence)
    talk.expectAcknowledgment(at)
    talk.expectState(.synReceived)
    talk.receive(".", seq: 1, ack: 1)
    talk.expectState(.established)
  }

  @Test(.requirement("S-37"))
  func aCopyOfTheSynIsAnsweredAsTheSynWas() {
    // The copy is below the window, so RFC 9293 would have an empty ACK; the SYN,ACK says the same and helps a peer
    // that has lost the first one.
    let (talk, _) = Conversation.standing(in: Situation(.synReceived, .passive))
    talk.receive("S", seq: 0)
    talk.expect("S.", seq: 0, ack: 1)
    talk.expectNothing()
    talk.expectState(.synReceived)
  }

  /// The peer's SYN,ACK begins a place before what is expected, and its text where it belongs.
  @Test(.requirement("S-13"))
  func textOfTheSynAcknowledgmentOfASimultaneousOpenIsTaken() {
    let talk = Conversation()
    talk.connect()
    talk.expect("S", seq: 0)
    talk.receive("S", seq: 0)
    talk.expect("S.", seq: 0, ack: 1)
    talk.receive("S.", seq: 0, ack: 1, data: Conversation.text(at: 1, 10))
    talk.expectState(.established)
    #expect(talk.read() == Conversation.text(at: 1, 10))
  }
}
