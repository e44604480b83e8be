// SEGMENT ARRIVES, sixth to eighth step: the URG bit, the text, the FIN bit (RFC 9293 §3.10.7.4).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero, .requirement("A-28")) struct SegmentArrivesTextTests {
  static let receiving = Situation.of(.established, .finWait1, .finWait2)
  static let finished = Situation.of(.closeWait, .closing, .lastAck, .timeWait)

  static func urgentEvents(_ talk: Conversation) -> Int {
    talk.takeEvents().count { if case .urgent = $0 { true } else { false } }
  }

  // MARK: URG

  @Test(.requirement("S-54"), arguments: receiving)
  func theUrgentMarkOnlyMovesForward(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    talk.receive("U.", seq: 1, ack: at.sendUnacknowledged, up: 20)
    #expect(Self.urgentEvents(talk) == 1)
    #expect(talk.status?.urgentAhead == 20, "the mark is ahead of the text")
    talk.receive("U.", seq: 1, ack: at.sendUnacknowledged, length: 10, up: 15)
    #expect(Self.urgentEvents(talk) == 0, "an earlier mark is no news")
    #expect(talk.status?.urgentAhead == 20)
    talk.receive("U.", seq: 11, ack: at.sendUnacknowledged, length: 10, up: 10)
    #expect(Self.urgentEvents(talk) == 0, "nor is the same mark")
    talk.receive("U.", seq: 21, ack: at.sendUnacknowledged, length: 10, up: 5)
    #expect(Self.urgentEvents(talk) == 1, "but a later one")
    #expect(talk.status?.urgentAhead == 25)
    #expect(talk.read() == Conversation.text(at: 1, 30))
    #expect(talk.status?.urgentAhead == 0)
    talk.receive("U.", seq: 31, ack: at.sendUnacknowledged, up: 0)
    #expect(Self.urgentEvents(talk) == 0, "all before the mark has been read")
  }

  @Test(.requirement("S-55"), arguments: finished)
  func afterThePeersFinNothingIsUrgent(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    talk.receive("U.", seq: at.receiveNext, ack: at.sendUnacknowledged, up: 100)
    talk.expectSilence()
    talk.expectState(situation.state)
    talk.expectNoEvents()
    if situation.state != .timeWait { #expect(talk.status?.urgentAhead == 0) }
  }

  // MARK: Text

  @Test(.requirement("S-56"), arguments: receiving)
  func textIsDeliveredAndAcknowledged(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    talk.receive(".", seq: 1, ack: at.sendUnacknowledged, length: 100)
    talk.expectEvent("readable") { if case .readable = $0 { true } else { false } }
    talk.expect(".", seq: at.sendNext, ack: 101, length: 0, win: 9_900, within: .milliseconds(499))
    talk.receive("P.", seq: 101, ack: at.sendUnacknowledged, length: 50)
    talk.expect(".", seq: at.sendNext, ack: 151, length: 0, win: 9_850, within: .milliseconds(499))
    #expect(talk.read() == Conversation.text(at: 1, 150))
    talk.expectState(situation.state)
  }

  @Test(.requirement("S-56"))
  func theAcknowledgmentRidesOnText() {
    let (talk, _) = Conversation.standing(in: Situation(.established))
    talk.receive("P.", seq: 1, ack: 1, length: 100)
    talk.write(10)
    talk.expect("P.", seq: 1, ack: 101, length: 10)
    talk.expectSilence()
  }

  @Test(.requirement("S-56"))
  func theRightEdgeOfTheWindowNeverMovesLeft() {
    let (talk, at) = Conversation.standing(in: Situation(.established), window: 10_000)
    var edge = at.receiveEdge
    var next = 1
    var random = SeededGenerator(seed: 7)
    for _ in 0..<200 {
      let length = min(edge - next, Int.random(in: 1...700, using: &random))
      talk.receive("P.", seq: next, ack: 1, length: length)
      next += length
      talk.advance(.milliseconds(50))
      talk.read(Int.random(in: 1...600, using: &random))
      for segment in talk.takeSent() {
        let told = talk.acknowledgment(of: segment) + Int(segment.header.window)
        #expect(told >= edge, "RCV.NXT + RCV.WND went from \(edge) to \(told)")
        edge = told
      }
    }
  }

  /// Crumbs with holes between them, more than are kept: the one too many is dropped, and the sender hears at once what is
  /// waited for.
  @Test(.requirement("SHLD-31", "A-36"))
  func piecesBeyondTheBoundAreDroppedAndAcknowledged() {
    let (talk, _) = Conversation.standing(in: Situation(.established), window: 60_000)
    for piece in 0..<1_024 { talk.receive(".", seq: 3 + 2 * piece, ack: 1, length: 1) }
    #expect(talk.takeSent().count == 1_024)
    #expect(talk.drops.isEmpty)
    talk.receive(".", seq: 5_001, ack: 1, length: 1)
    talk.expect(".", seq: 1, ack: 1, length: 0)
    #expect(talk.drops == [.reassemblyFull])
    // What joins a piece takes no more room.
    talk.receive(".", seq: 4, ack: 1, length: 1)
    talk.receive(".", seq: 1, ack: 1, length: 2)
    #expect(talk.read() == Conversation.text(at: 1, 5))
    #expect(talk.drops == [.reassemblyFull])
  }

  @Test(.requirement("S-57", "X-14"), arguments: finished)
  func textAfterThePeersFinIsIgnored(situation: Situation) {
    // RFC 9293 says only to ignore the text; the ACK tells a peer that is out of its mind where it stands.
    let (talk, at) = Conversation.standing(in: situation)
    talk.receive("P.", seq: at.receiveNext, ack: at.sendUnacknowledged, length: 10)
    talk.expectAcknowledgment(at)
    talk.receive("FP.", seq: at.receiveNext + 5, ack: at.sendUnacknowledged, length: 10)
    talk.expectAcknowledgment(at)
    talk.expectState(situation.state)
    talk.expectNoEvents()
    if situation.state != .timeWait { #expect(talk.read().isEmpty) }
  }

  @Test(.requirement("S-57", "S-50"))
  func theAcknowledgmentOfIgnoredTextIsUsed() {
    let (talk, _) = Conversation.standing(in: Situation(.lastAck))
    talk.receive("P.", seq: 2, ack: 2, length: 10)
    talk.expectState(.closed)
  }

  // MARK: FIN

  @Test(.requirement("S-58", "S-59", "S-60", "S-61"), arguments: receiving, [0, 10])
  func aFinIsAcknowledgedAndEndsTheStream(situation: Situation, length: Int) {
    let (talk, at) = Conversation.standing(in: situation)
    // FIN implies PUSH.
    talk.receive("F.", seq: 1, ack: at.sendUnacknowledged, length: length)
    talk.expect(".", seq: at.sendNext, ack: 2 + length, length: 0)
    talk.expectNothing()
    talk.expectEvent("finished") { if case .peerFinished = $0 { true } else { false } }
    let after: TCPState =
      switch situation.state {
      case .finWait1: .closing
      case .finWait2: .timeWait
      default: .closeWait
      }
    talk.expectState(after)
    #expect(talk.read() == Conversation.text(at: 1, length))
    #expect(talk.read().isEmpty)
  }

  @Test(.requirement("S-60"))
  func aFinThatAcknowledgesOurFinLeadsToTimeWait() {
    let (talk, _) = Conversation.standing(in: Situation(.finWait1))
    talk.receive("F.", seq: 1, ack: 2)
    talk.expect(".", seq: 2, ack: 2)
    talk.expectState(.timeWait)
    // Neither the retransmission timer nor any other but 2 MSL runs on.
    talk.expectNothing(for: .seconds(59))
    talk.expectState(.timeWait)
    talk.expectNothing(for: .seconds(1))
    talk.expectState(.closed)
  }

  @Test(.requirement("S-61"))
  func timeWaitLastsTwiceTheSegmentLifetime() {
    var tcp = TCPConfiguration()
    tcp.maximumSegmentLifetime = .minutes(2)
    let (talk, _) = Conversation.standing(in: Situation(.finWait2), tcp: tcp)
    talk.receive("F.", seq: 1, ack: 2)
    talk.expect(".", seq: 2, ack: 2)
    talk.expectNothing(for: .minutes(4) - .milliseconds(1))
    talk.expectState(.timeWait)
    talk.expectNothing(for: .milliseconds(1))
    talk.expectState(.closed)
  }

  /// Found by the model: two ends that both waited for what comes before a FIN would have acknowledged each other's ACKs for
  /// ever.
  @Test func anAckIsNotAnsweredWhileAFinWaits() {
    let talk = Conversation()
    talk.establish()
    talk.receive("F.", seq: 101, ack: 1)
    talk.expect(".", seq: 1, ack: 1)
    talk.receive(".", seq: 1, ack: 1)
    talk.expectNothing(for: .seconds(1))
    talk.receive(".", seq: 1, ack: 1, length: 50)
    talk.expect(".", seq: 1, ack: 51)
    talk.receive(".", seq: 51, ack: 1, length: 50)
    talk.expect(".", seq: 1, ack: 102)
    talk.expectState(.closeWait)
  }

  /// A peer out of its mind: it sends on behind a FIN that waits for what comes before it. What lies behind the FIN is no
  /// part of the stream.
  @Test(.requirement("X-14", "X-15"), arguments: [".", "F."])
  func textBehindAFinThatWaitsIsCutOff(flags: String) {
    let talk = Conversation()
    talk.establish()
    talk.receive("F.", seq: 101, ack: 1)
    talk.expect(".", seq: 1, ack: 1)
    talk.receive(flags, seq: 51, ack: 1, length: 100)
    talk.expect(".", seq: 1, ack: 1)
    talk.receive(flags, seq: 101, ack: 1, length: 10)
    talk.expect(".", seq: 1, ack: 1)
    talk.receive(".", seq: 1, ack: 1, length: 50)
    talk.expect(".", seq: 1, ack: 102)
    talk.expectState(.closeWait)
    #expect(talk.read() == Conversation.text(at: 1, 100))
    talk.expectEndOfStream()
  }

  /// The same with text that came before the FIN did: nothing is told of it, nothing kept, and it is not unread.
  @Test(.requirement("X-14", "S-58"))
  func textThatIsHeldBehindAFinIsThrownAway() throws {
    let talk = Conversation()
    talk.establish(options: .synchronize(sackPermitted: true))
    let before = talk.stack.memoryUsed
    talk.receive(".", seq: 201, ack: 1, length: 100)
    #expect(talk.expect(".", seq: 1, ack: 1)?.header.options.sackBlocks.count == 1)
    talk.receive("F.", seq: 1, ack: 1, length: 100)
    #expect(talk.expect(".", seq: 1, ack: 102)?.header.options.sackBlocks.isEmpty == true)
    #expect(talk.read() == Conversation.text(at: 1, 100))
    talk.expectEndOfStream()
    #expect(talk.stack.memoryUsed == before)
    talk.close()
    talk.expect("F.", seq: 1, ack: 102)
    talk.expectState(.lastAck)
  }

  @Test(.requirement("S-62", "S-63"), arguments: finished)
  func theFinAgainIsAcknowledgedAgain(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    talk.receive("F.", seq: 1, ack: at.sendUnacknowledged)
    talk.expectAcknowledgment(at)
    talk.expectState(situation.state)
    talk.expectNoEvents()
  }

  @Test(.requirement("S-63"))
  func inTimeWaitTheTraceSaysWhatIsAnswered() {
    let (talk, at) = Conversation.standing(in: Situation(.timeWait))
    talk.receive("F.", seq: 1, ack: 2)
    #expect(talk.expect(".", seq: at.sendNext, ack: 2)?.purpose == .acknowledgment(.finish))
    talk.receive(".", seq: 500, ack: 2, length: 10)
    #expect(talk.expect(".", seq: at.sendNext, ack: 2)?.purpose == .acknowledgment(.unacceptable))
  }
}
