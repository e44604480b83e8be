// The user's calls in the states that are hard to reach (RFC 9293 §3.10.1 to §3.10.6): SYN-RECEIVED, CLOSING,
// LAST-ACK. Each segment that a call leads to is told exactly.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import Testing

@Suite struct UserCallTests {
  // MARK: Ways into the states

  /// SYN-RECEIVED that has a user: after a simultaneous open.
  private func synReceived() -> Conversation {
    let talk = Conversation()
    talk.connect()
    talk.expect("S", seq: 0)
    talk.receive("S", seq: 0)
    talk.expect("S.", seq: 0, ack: 1)
    talk.expectState(.synReceived)
    return talk
  }

  /// CLOSING, with ten octets of the peer to be read.
  private func closing() -> Conversation {
    let talk = Conversation()
    talk.establish()
    talk.finish()
    talk.expect("F.", seq: 1, ack: 1)
    talk.receive("FP.", seq: 1, ack: 1, length: 10)
    talk.expect(".", seq: 2, ack: 12)
    talk.expectState(.closing)
    return talk
  }

  /// LAST-ACK, with ten octets of the peer to be read.
  private func lastAck() -> Conversation {
    let talk = Conversation()
    talk.establish()
    talk.receive("FP.", seq: 1, ack: 1, length: 10)
    talk.expect(".", seq: 1, ack: 12)
    talk.expectState(.closeWait)
    talk.finish()
    talk.expect("F.", seq: 1, ack: 12)
    talk.expectState(.lastAck)
    return talk
  }

  private func timeWait() -> Conversation {
    let talk = closing()
    talk.receive(".", seq: 12, ack: 2)
    talk.expectState(.timeWait)
    return talk
  }

  // MARK: RECEIVE

  /// The RFC answers "connection closing". What was accepted before stays readable here, as sockets have it, and
  /// after it the answer is the end of the stream.
  @Test(.requirement("U-17"))
  func receiveAfterBothFinsGivesWhatIsLeftAndThenTheEnd() {
    for talk in [closing(), lastAck(), timeWait()] {
      #expect(talk.read() == Conversation.text(at: 1, 10))
      talk.expectEndOfStream()
      talk.expectEndOfStream()
      talk.expectNothing()
    }
  }

  @Test(.requirement("U-14"))
  func receiveBeforeTheHandshakeIsCompleteGivesNothingYet() {
    let talk = synReceived()
    talk.expectNothingToRead()
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    #expect(talk.read() == Conversation.text(at: 1, 10))
  }

  // MARK: SEND

  @Test(.requirement("U-10"))
  func sendInSynReceivedWaitsForTheHandshake() {
    let talk = synReceived()
    talk.write(10)
    talk.expectNothing()
    talk.receive(".", seq: 1, ack: 1)
    talk.expect("P.", seq: 1, ack: 1, length: 10)
  }

  @Test(.requirement("U-11"))
  func sendInCloseWaitGoesOn() {
    let talk = Conversation()
    talk.establish()
    talk.receive("F.", seq: 1, ack: 1)
    talk.expect(".", seq: 1, ack: 2)
    talk.write(10)
    talk.expect("P.", seq: 1, ack: 2, length: 10)
    talk.receive(".", seq: 2, ack: 11)
    talk.write(5, urgent: true)
    // SND.UP is the octet after the urgent data.
    talk.expect("UP.", seq: 11, ack: 2, length: 5, up: 5)
  }

  @Test(.requirement("U-11"))
  func sendTakesNoMoreThanThereIsRoomFor() {
    var configuration = TCPConfiguration()
    configuration.sendBufferCapacity = 1_000
    let talk = Conversation(tcp: configuration)
    talk.establish()
    #expect(talk.write(1_500) == 1_000)
    talk.expect("P.", seq: 1, ack: 1, length: 1_000)
    #expect(talk.write(1) == 0)
    talk.receive(".", seq: 1, ack: 1_001)
    talk.expectEvent("writable") { if case .writable = $0 { true } else { false } }
    #expect(talk.write(1) == 1)
    talk.expect("P.", seq: 1_001, ack: 1, length: 1)
  }

  @Test(.requirement("U-12"))
  func sendAfterCloseIsRefusedInEachState() {
    let finWait1 = Conversation()
    finWait1.establish()
    finWait1.finish()
    finWait1.expect("F.", seq: 1)
    let finWait2 = Conversation()
    finWait2.establish()
    finWait2.finish()
    finWait2.expect("F.", seq: 1)
    finWait2.receive(".", seq: 1, ack: 2)
    finWait2.expectState(.finWait2)
    for talk in [finWait1, finWait2, closing(), lastAck()] {
      #expect(throws: SocketError.connection(.closing)) { try talk.writeOrThrow(1) }
      talk.expectNothing()
    }
  }

  // MARK: CLOSE

  @Test(.requirement("U-21"))
  func closeInSynReceivedWithNothingQueuedSendsAFinAtOnce() {
    let talk = synReceived()
    talk.finish()
    talk.expect("F.", seq: 1, ack: 1, length: 0)
    talk.expectState(.finWait1)
    talk.receive(".", seq: 1, ack: 2)
    talk.expectState(.finWait2)
    talk.receive("F.", seq: 1, ack: 2)
    talk.expect(".", seq: 2, ack: 2)
    talk.expectState(.timeWait)
  }

  /// The peer of a simultaneous open sends a SYN,ACK too, which may come only now.
  @Test(.requirement("U-21"))
  func closeInSynReceivedSurvivesThePeersSynAck() {
    let talk = synReceived()
    talk.finish()
    talk.expect("F.", seq: 1, ack: 1)
    talk.receive("S.", seq: 0, ack: 1)
    talk.expect(".", seq: 2, ack: 1, length: 0)
    talk.receive(".", seq: 1, ack: 2)
    talk.expectState(.finWait2)
  }

  @Test(.requirement("U-21"))
  func closeInSynReceivedWithDataQueuedIsRememberedUntilEstablished() {
    let talk = synReceived()
    talk.write(10)
    talk.finish()
    talk.expectNothing()
    talk.expectState(.synReceived)
    talk.receive(".", seq: 1, ack: 1)
    talk.expect("FP.", seq: 1, ack: 1, length: 10)
    talk.expectState(.finWait1)
    talk.receive(".", seq: 1, ack: 12)
    talk.expectState(.finWait2)
  }

  @Test(.requirement("U-22"))
  func closeIsFinWait1AtOnceEvenWhileDataWaits() {
    let talk = Conversation()
    talk.establish()
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.write(10)
    talk.finish()
    talk.expectState(.finWait1)
    talk.expectNothing()
    talk.receive(".", seq: 1, ack: 1, win: 1_000)
    talk.expect("FP.", seq: 1, ack: 1, length: 10)
  }

  @Test(.requirement("U-23", "U-25"))
  func aSecondCloseMakesNoSecondFin() {
    let talk = Conversation()
    talk.establish()
    talk.finish()
    talk.expect("F.", seq: 1)
    #expect(throws: SocketError.connection(.closing)) { try talk.stack.finish(talk.need(), at: talk.now) }
    talk.drain()
    talk.expectNothing()
    // The first may be sent again.
    talk.expect("F.", seq: 1, ack: 1, within: .seconds(1))
    for talk in [closing(), lastAck()] {
      #expect(throws: SocketError.connection(.closing)) { try talk.stack.finish(talk.need(), at: talk.now) }
      talk.drain()
      talk.expectNothing()
    }
  }

  // MARK: ABORT

  @Test(.requirement("U-29"))
  func abortSendsAResetAtTheNextNumber() {
    let synReceived = synReceived()
    synReceived.abort()
    synReceived.expect("R.", seq: 1)
    for close in [false, true] {
      let talk = Conversation()
      talk.establish()
      talk.write(100)
      talk.expect("P.", seq: 1, length: 100)
      talk.write(50)
      if close { talk.finish() }
      let sent = talk.takeSent()
      let next = sent.last.map { talk.sequence(of: $0) + $0.payload.count + 1 } ?? 101
      talk.abort()
      // What waits is dropped, and the RST stands at SND.NXT.
      talk.expect("R.", seq: next, length: 0)
      talk.expectClosed(.aborted)
      talk.expectNothing(for: .minutes(1))
    }
  }

  @Test(.requirement("U-29"))
  func abortResetsInFinWait2AndCloseWait() {
    let finWait2 = Conversation()
    finWait2.establish()
    finWait2.finish()
    finWait2.expect("F.", seq: 1)
    finWait2.receive(".", seq: 1, ack: 2)
    finWait2.abort()
    finWait2.expect("R.", seq: 2, length: 0)
    let closeWait = Conversation()
    closeWait.establish()
    closeWait.receive("F.", seq: 1, ack: 1)
    closeWait.expect(".", seq: 1, ack: 2)
    closeWait.abort()
    closeWait.expect("R.", seq: 1, length: 0)
    for talk in [finWait2, closeWait] { talk.expectClosed(.aborted) }
  }

  @Test(.requirement("U-30"))
  func abortAfterBothFinsNeedsNoReset() {
    for talk in [closing(), lastAck(), timeWait()] {
      talk.abort()
      talk.expectNothing(for: .minutes(1))
      talk.expectState(.closed)
    }
  }

  // MARK: STATUS

  @Test(.requirement("U-32"))
  func statusInEachStateNamesIt() {
    for (talk, state) in [
      (synReceived(), TCPState.synReceived), (closing(), .closing), (lastAck(), .lastAck),
      (timeWait(), .timeWait),
    ] {
      #expect(talk.status?.state == state)
    }
    let talk = closing()
    #expect(talk.status?.readable == 10)
    #expect(talk.status?.outstanding == 1)
    #expect(talk.status?.sendWindow == 65_535)
  }
}
