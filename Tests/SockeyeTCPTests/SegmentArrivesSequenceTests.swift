// SEGMENT ARRIVES, first step: the sequence number (RFC 9293 §3.10.7.4, table 6).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero, .requirement("A-28")) struct SegmentArrivesSequenceTests {
  /// A connection whose window the peer has filled, with ten octets outstanding.
  static func closedWindow(in state: TCPState = .established) -> (Conversation, Numbers) {
    var (talk, at) = Conversation.standing(in: Situation(.established), window: 1_000)
    talk.receive("P.", seq: 1, ack: 1, length: 1_000)
    talk.expect(".", seq: 1, ack: 1_001, win: 0, within: .milliseconds(500))
    talk.write(10)
    talk.expect("P.", seq: 1, ack: 1_001, length: 10, win: 0)
    at.receiveNext = 1_001
    at.sendNext = 11
    return (talk, at)
  }

  // MARK: No text

  @Test(.requirement("S-22"))
  func intoAClosedWindowOnlyTheNextNumberFits() {
    // One past it is a peer's SND.NXT when an octet of its own probes the window; its ACK is used, see X-19.
    for sequence in [999, 1_000, 1_003, 2_000] {
      let (talk, at) = Self.closedWindow()
      talk.receive(".", seq: sequence, ack: 11)
      talk.expectAcknowledgment(at)
      #expect(talk.status?.outstanding == 10, "the ACK of \(sequence) is not looked at")
    }
    let (talk, _) = Self.closedWindow()
    talk.receive(".", seq: 1_001, ack: 11)
    talk.expectSilence()
    #expect(talk.status?.outstanding == 0)
  }

  @Test(.requirement("S-23", "S-26", "R-03"), arguments: Situation.later)
  func outsideTheWindowIsAnsweredWithAnAcknowledgment(situation: Situation) {
    var (_, at) = Conversation.standing(in: situation)
    for sequence in [at.receiveNext - 1, at.receiveEdge, at.receiveEdge + 100_000, at.receiveNext - 100_000] {
      let talk: Conversation
      (talk, at) = Conversation.standing(in: situation)
      talk.receive(".", seq: sequence, ack: at.sendNext)
      talk.expectAcknowledgment(at)
      talk.expectState(situation.state)
      if situation.state != .timeWait { #expect(talk.drops.last == .outsideWindow) }
    }
  }

  @Test(.requirement("S-23"), arguments: Situation.of(.synReceived, .finWait1, .lastAck))
  func anywhereInsideTheWindowIsAccepted(situation: Situation) {
    var (_, at) = Conversation.standing(in: situation)
    for sequence in [at.receiveNext, at.receiveNext + 1, at.receiveEdge - 1] {
      let talk: Conversation
      (talk, at) = Conversation.standing(in: situation)
      talk.receive(".", seq: sequence, ack: at.sendNext)
      talk.expectSilence()
      let after: TCPState =
        switch situation.state {
        case .synReceived: .established
        case .finWait1: .finWait2
        default: .closed
        }
      talk.expectState(after)
    }
  }

  // MARK: Text

  @Test(.requirement("S-24"))
  func intoAClosedWindowNoTextFits() {
    let (talk, at) = Self.closedWindow()
    talk.receive("FP.", seq: 1_001, ack: 1, length: 5)
    talk.expectAcknowledgment(at)
    talk.expectState(.established)
    #expect(talk.read().count == 1_000)
  }

  @Test(.requirement("S-24"))
  func theAcknowledgmentAndTheUrgentMarkOfTextThatDoesNotFitAreUsed() {
    let (talk, _) = Self.closedWindow()
    talk.takeEvents()
    talk.receive("PU.", seq: 1_001, ack: 11, length: 5, up: 3)
    talk.expect(".", seq: 11, ack: 1_001, length: 0, win: 0)
    talk.expectSilence()
    #expect(talk.status?.outstanding == 0)
    talk.expectEvent("urgent") { if case .urgent = $0 { true } else { false } }
  }

  @Test(.requirement("S-24"))
  func aResetIntoAClosedWindowIsUsed() {
    for length in [0, 5] {
      let (talk, _) = Self.closedWindow()
      talk.receive("R", seq: 1_001, length: length)
      talk.expectNothing()
      talk.expectState(.closed)
    }
  }

  @Test(.requirement("S-25", "S-26"), arguments: Situation.later)
  func textOutsideTheWindowIsAnsweredWithAnAcknowledgment(situation: Situation) {
    var (_, at) = Conversation.standing(in: situation)
    for sequence in [at.receiveNext - 10, at.receiveNext - 5_000, at.receiveEdge, at.receiveEdge + 5_000] {
      let talk: Conversation
      (talk, at) = Conversation.standing(in: situation)
      talk.receive("P.", seq: sequence, ack: at.sendNext, length: 10)
      talk.expectAcknowledgment(at)
      talk.expectState(situation.state)
    }
  }

  @Test(.requirement("S-25", "S-29"))
  func textThatReachesIntoTheWindowIsCutToIt() {
    // Its last octet is the first one wanted.
    let (first, _) = Conversation.standing(in: Situation(.established))
    first.receive("P.", seq: -8, ack: 1, length: 10)
    first.expect(".", seq: 1, ack: 2, within: .milliseconds(500))
    #expect(first.read() == Conversation.text(at: 1, 1))
    // Its first octet is the last one that fits.
    let (last, _) = Conversation.standing(in: Situation(.established))
    last.receive("P.", seq: 1, ack: 1, length: 9_999)
    last.expect(".", seq: 1, ack: 10_000, within: .milliseconds(500))
    last.receive("FP.", seq: 10_000, ack: 1, length: 10)
    last.expect(".", seq: 1, ack: 10_001, win: 0, within: .milliseconds(500))
    last.expectState(.established)
    #expect(last.read() == Conversation.text(at: 1, 10_000))
    // It is longer than the window on both sides.
    let (both, _) = Conversation.standing(in: Situation(.established), window: 1_000)
    both.receive("FP.", seq: -9, ack: 1, length: 1_100)
    both.expect(".", seq: 1, ack: 1_001, win: 0, within: .milliseconds(500))
    both.expectState(.established)
    #expect(both.read() == Conversation.text(at: 1, 1_000))
  }

  @Test(.requirement("S-29"))
  func aFinThatStandsBehindTheWindowWaits() {
    let (talk, _) = Conversation.standing(in: Situation(.established), window: 1_000)
    talk.receive("FP.", seq: 1, ack: 1, length: 1_000)
    talk.expect(".", seq: 1, ack: 1_001, win: 0, within: .milliseconds(500))
    talk.expectState(.established)
    talk.read()
    talk.expect(".", seq: 1, ack: 1_001, win: 1_000)
    talk.receive("F.", seq: 1_001, ack: 1)
    talk.expect(".", seq: 1, ack: 1_002)
    talk.expectState(.closeWait)
  }

  @Test(.requirement("S-29"), arguments: Situation.of(.established, .finWait1, .finWait2))
  func textOutOfOrderIsKeptAndAcknowledgedAtOnce(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    talk.receive("P.", seq: 101, ack: at.sendUnacknowledged, length: 100)
    talk.expectAcknowledgment(at)
    talk.receive("P.", seq: 301, ack: at.sendUnacknowledged, length: 100)
    talk.expectAcknowledgment(at)
    #expect(talk.read().isEmpty)
    talk.receive("P.", seq: 1, ack: at.sendUnacknowledged, length: 100)
    talk.expect(".", seq: at.sendNext, ack: 201)
    talk.receive("P.", seq: 151, ack: at.sendUnacknowledged, length: 200)
    talk.expect(".", seq: at.sendNext, ack: 401)
    #expect(talk.read() == Conversation.text(at: 1, 400))
    talk.expectState(situation.state)
  }

  @Test(.requirement("S-26"), arguments: Situation.later)
  func nothingOfWhatIsNotAcceptableIsUsed(situation: Situation) {
    // A FIN and an ACK of everything, behind the window.
    let (talk, at) = Conversation.standing(in: situation)
    talk.receive("FPU.", seq: at.receiveEdge, ack: at.sendNext, length: 10, up: 5)
    talk.expectAcknowledgment(at)
    talk.expectState(situation.state)
    talk.expectNoEvents()
  }

  @Test(.requirement("S-27", "S-32", "R-06"), arguments: Situation.later)
  func aResetOutsideTheWindowIsDroppedInSilence(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    for sequence in [at.receiveNext - 1, at.receiveNext - 100_000, at.receiveEdge, at.receiveEdge + 100_000] {
      talk.receive("R", seq: sequence)
      talk.receive("R.", seq: sequence, ack: at.sendNext)
    }
    talk.receive("FR.", seq: at.receiveEdge, ack: at.sendNext, length: 10)
    talk.receive("SR", seq: at.receiveNext - 1_000)
    talk.expectSilence()
    talk.expectState(situation.state)
    talk.expectNoEvents()
  }
}
