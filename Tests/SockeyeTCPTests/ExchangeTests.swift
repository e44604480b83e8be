// Whole exchanges in which something is old, lost or forgotten: half-open connections, resets and probes
// (RFC 9293 §3.5, §3.8.6, appendix A.2; RFC 5961).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero) struct HalfOpenTests {
  @Test(.requirement("X-04", "X-17"), arguments: [500, 5_000, 1_000_000, -1_000_000])
  func thePeerHasForgottenAndConnectsAgain(start: Int) {
    // Wherever the new SYN stands, inside the old window or not.
    let (talk, at) = Conversation.standing(in: Situation(.established))
    talk.receive("S", seq: start)
    talk.expectAcknowledgment(at)
    talk.expectState(.established)
    // The peer is in SYN-SENT and never sent what this acknowledges: `<SEQ=SEG.ACK><CTL=RST>`.
    talk.receive("R", seq: at.receiveNext)
    talk.expectNothing()
    talk.expectClosed(.reset)
    // Its SYN, sent again, connects.
    talk.use(
      nil, hostPort: talk.hostPort, peerPort: talk.peerPort, hostStart: nil,
      peerStart: talk.peerStart &+ UInt32(truncatingIfNeeded: start))
    talk.receive("S", seq: 0)
    talk.expect("S.", seq: 0, ack: 1)
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    talk.expectState(.established)
  }

  @Test(.requirement("X-04"))
  func weHaveForgottenAndConnectAgain() {
    let (talk, at) = Conversation.standing(in: Situation(.synSent))
    // The peer's challenge ACK, from the old connection.
    talk.receive(".", seq: 70_000, ack: 4_444)
    talk.expect("R", seq: 4_444, length: 0)
    talk.expectState(.synSent)
    talk.expect("S", seq: 0, within: .seconds(1))
    talk.receive("S.", seq: 0, ack: 1)
    talk.expect(".", seq: at.sendNext, ack: 1)
    talk.expectState(.established)
  }

  @Test(.requirement("X-05"))
  func thePeerHasForgottenAndHearsText() {
    let (talk, _) = Conversation.standing(in: Situation(.established))
    talk.write(100)
    talk.expect("P.", seq: 1, ack: 1, length: 100)
    talk.receive("R", seq: 1)
    talk.expectNothing(for: .minutes(10))
    talk.expectClosed(.reset)
  }

  @Test(.requirement("X-18"))
  func aRestartAtTheNextNumberLooksLikeTheOldConnection() {
    // RFC 5961 §4.3: the challenge acknowledges the very SYN, so we cannot tell that it is of an old connection. We
    // go on asking until the time for connecting is over.
    let (talk, _) = Conversation.standing(in: Situation(.synSent))
    for _ in 0..<4 {
      talk.receive(".", seq: 70_000, ack: 1)
      talk.expectNothing()
      talk.expectState(.synSent)
      talk.expect("S", seq: 0, within: .seconds(60))
    }
    talk.advance(.minutes(3))
    talk.takeSent()
    talk.expectClosed(.timedOut)
    talk.expectNothing(for: .minutes(10))
  }

  @Test(.requirement("X-18"))
  func theOldConnectionOutlivesSuchARestart() {
    let (talk, at) = Conversation.standing(in: Situation(.established))
    for _ in 0..<5 {
      talk.receive("S", seq: 0)
      talk.expectAcknowledgment(at)
      talk.advance(.seconds(30))
    }
    talk.expectState(.established)
    // What tells the two apart is the first text.
    talk.write(10)
    talk.expect("P.", seq: 1, ack: 1, length: 10)
    talk.receive("R", seq: 1)
    talk.expectClosed(.reset)
  }

  @Test(.requirement("X-16"))
  func aResetOutOfOrderIsBelievedOnceItIsExact() {
    let (talk, at) = Conversation.standing(in: Situation(.established))
    // The peer sent text, which is lost, and then reset the connection.
    talk.receive("R", seq: 101)
    talk.expectAcknowledgment(at)
    talk.expectState(.established)
    // It knows of no connection, and answers the challenge with a RST at the ACK's number.
    talk.receive("R", seq: at.receiveNext)
    talk.expectNothing()
    talk.expectClosed(.reset)
  }

  @Test(.requirement("X-16"))
  func aChallengeToAConnectionThatWeResetIsAnsweredExactly() {
    let (talk, _) = Conversation.standing(in: Situation(.established))
    talk.write(100)
    talk.expect("P.", seq: 1, ack: 1, length: 100)
    talk.abort()
    talk.expect("R.", seq: 101, ack: 1)
    // The text was lost, so the peer challenges.
    talk.receive(".", seq: 1, ack: 1)
    talk.expect("R", seq: 1, length: 0)
  }

  @Test(.requirement("R-03"), arguments: Situation.synchronized)
  func aSynchronizedStateNeverAnswersWithAReset(situation: Situation) {
    let (talk, at) = Conversation.standing(in: situation)
    talk.receive("P.", seq: at.receiveNext - 100, ack: at.sendNext, length: 10)
    talk.expectAcknowledgment(at)
    talk.receive("F.", seq: at.receiveEdge + 100, ack: at.sendNext + 5_000)
    talk.expectAcknowledgment(at)
    talk.receive("", seq: at.receiveEdge + 100, length: 10)
    talk.expectAcknowledgment(at)
    talk.expectState(situation.state)
  }
}

@Suite(.pastZero) struct ResetFormTests {
  static let stamp = TCPOptions.timestamps(5_000, echo: 7)

  @Test(.requirement("R-08"))
  func aResetEchoesTheTimestampOfItsCause() {
    let closed = Conversation()
    closed.hostStart = 0
    closed.receive("S", seq: 0, options: .synchronize(timestamp: 5_000))
    #expect(closed.expect("R.", seq: 0, ack: 1)?.header.options.timestamps == .init(value: 0, echo: 5_000))
    closed.receive(".", seq: 0, ack: 9, options: Self.stamp)
    #expect(closed.expect("R", seq: 9)?.header.options.timestamps == .init(value: 0, echo: 5_000))
    closed.receive(".", seq: 0, ack: 9)
    #expect(closed.expect("R", seq: 9)?.header.options.timestamps == nil)
    for situation in [Situation(.synSent)] + Situation.handshakes {
      let (talk, _) = Conversation.standing(in: situation, options: .synchronize(timestamp: 5_000))
      talk.receive(".", seq: 1, ack: 9, options: Self.stamp)
      #expect(talk.expect("R", seq: 9)?.header.options.timestamps == .init(value: 0, echo: 5_000))
    }
  }

  @Test(.requirement("R-08"))
  func anAbortCarriesTimestampsIfTheConnectionDoes() {
    let (talk, _) = Conversation.standing(
      in: Situation(.established), options: .synchronize(timestamp: 5_000))
    talk.advance(.seconds(1))
    let before = talk.peerTimestamp?.echo ?? 0
    talk.abort()
    let stamp = talk.expect("R.", seq: 1, ack: 1)?.header.options.timestamps
    #expect(stamp == .init(value: before + 1_000, echo: 5_000))
    let (plain, _) = Conversation.standing(in: Situation(.established))
    plain.abort()
    #expect(plain.expect("R.", seq: 1, ack: 1)?.header.options.timestamps == nil)
  }
}

@Suite(.pastZero) struct ProbeExchangeTests {
  /// Both windows are closed, and the host's first probe has left.
  static func bothClosed() -> Conversation {
    let (talk, _) = Conversation.standing(in: Situation(.established), window: 1_000)
    talk.receive("P.", seq: 1, ack: 1, length: 1_000, win: 0)
    talk.expect(".", seq: 1, ack: 1_001, win: 0, within: .milliseconds(500))
    talk.write(500)
    talk.expect(".", seq: 1, ack: 1_001, length: 1, win: 0, within: .seconds(5))
    talk.peerWindow = 0
    return talk
  }

  @Test(.requirement("X-19", "SEQ-1"))
  func theAcknowledgmentOfAProbeIsUsedThoughItsTextIsNot() {
    let talk = Self.bothClosed()
    // The peer's probe crosses ours; its window has opened meanwhile.
    talk.receive(".", seq: 1_001, ack: 1, length: 1, win: 5_000)
    talk.expectState(.established)
    let sent = talk.takeSent()
    #expect(sent.contains { talk.sequence(of: $0) == 1 && $0.payload.count > 0 }, "the text flows")
    #expect(sent.allSatisfy { talk.acknowledgment(of: $0) == 1_001 }, "the peer's probe is not taken")
  }

  @Test(.requirement("X-19", "SEQ-1"))
  func anAcknowledgmentBehindThePeersProbeIsUsed() {
    // The peer's SND.NXT counts the octet of its probe, which our window did not let in.
    let talk = Self.bothClosed()
    talk.receive(".", seq: 1_001, ack: 1, length: 1)
    talk.expect(".", ack: 1_001, length: 0, win: 0)
    talk.receive(".", seq: 1_002, ack: 1, win: 5_000)
    let sent = talk.takeSent()
    #expect(sent.contains { talk.sequence(of: $0) == 1 && $0.payload.count > 0 }, "the text flows")
  }

  @Test(.requirement("X-19"))
  func ourAcknowledgmentsStandWhereAClosedWindowTakesThem() {
    // A peer whose window is closed accepts nothing but its RCV.NXT, and our probe did not move that.
    let talk = Self.bothClosed()
    talk.receive(".", seq: 1_001, ack: 1, length: 1)
    talk.expect(".", seq: 1, ack: 1_001, length: 0, win: 0)
    talk.read()
    talk.expect(".", seq: 1, ack: 1_001, length: 0, win: 1_000)
  }

  @Test(.requirement("X-19", "SEQ-1"))
  func twoClosedWindowsOpenAgain() {
    var configuration = TCPConfiguration()
    configuration.receiveBufferCapacity = 1_000
    configuration.userTimeout = .minutes(5)
    var pair = Pair(seed: 1, configuration: configuration)
    pair.readsServer = false
    pair.readsClient = false
    let text = TransferTests.pattern(5_000, 1)
    var sent = (client: 0, server: 0)
    func feed(_ pair: inout Pair) {
      guard pair.client.state.isSynchronized else { return }
      TransferTests.feed(&pair.client, text, &sent.client, at: pair.now)
      if pair.server != nil { TransferTests.feed(&pair.server!, text, &sent.server, at: pair.now) }
    }
    // Both fill the other's window, and probe it for an hour.
    _ = pair.run(for: .hours(1)) { pair in
      feed(&pair)
      return false
    }
    // Then both read.
    pair.readsServer = true
    pair.readsClient = true
    let done = pair.run(for: .hours(1)) { pair in
      feed(&pair)
      return pair.received.server.count == text.count && pair.received.client.count == text.count
    }
    let end = pair.summary
    #expect(done, "the text flows again; \(end)")
  }
}
