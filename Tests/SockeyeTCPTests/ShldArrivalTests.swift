// Segments that are not what they seem, in a connection that stands (RFC 9293 §3.10.7.4 with RFC 5961), and what
// belongs to a SYN or comes before one.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import Testing

@Suite struct ShldArrivalTests {
  private func established() -> Conversation {
    let talk = Conversation()
    talk.establish()
    return talk
  }

  /// The connection took no harm: octets still go both ways.
  private func expectUnharmed(_ talk: Conversation) {
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    talk.write(5)
    talk.expect("P.", seq: 1, ack: 11, length: 5)
    #expect(talk.read() == Conversation.text(at: 1, 10))
    talk.expectState(.established)
  }

  // MARK: RST

  @Test(.requirement("SHLD-2", "N-1"))
  func aResetMayCarryData() {
    let talk = established()
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    talk.receive("R", seq: 11, length: 20)
    talk.expectClosed(.reset)
    // What came before it may still be read, and its own text is no text of the stream.
    #expect(talk.read() == Conversation.text(at: 1, 10))
    #expect(throws: SocketError.connection(.closed(.reset))) { try talk.readOrThrow() }
    talk.expectNothing(for: .seconds(3))
  }

  @Test(.requirement("N-1"), arguments: ["R", "R."])
  func aResetAtExactlyTheNextNumberResets(_ flags: String) {
    let talk = established()
    talk.write(100)
    talk.expect("P.", seq: 1, length: 100)
    talk.receive(flags, seq: 1, ack: 1)
    talk.expectClosed(.reset)
    talk.expectNothing(for: .minutes(1))
  }

  @Test(.requirement("N-2"), arguments: [1, 100, 65_533])
  func aResetElsewhereInTheWindowIsChallenged(_ distance: Int) {
    let talk = established()
    talk.receive("R", seq: 1 + distance)
    talk.expect(".", seq: 1, ack: 1, length: 0)
    #expect(talk.drops == [.resetNotExact])
    // The true peer, if it has indeed lost the connection, answers the challenge exactly.
    expectUnharmed(talk)
    talk.receive("R", seq: 11)
    talk.expectClosed(.reset)
  }

  @Test(.requirement("N-2"), arguments: [-1, -1_000, 65_536, 1_000_000_000])
  func aResetOutsideTheWindowIsDropped(_ distance: Int) {
    let talk = established()
    // A small window, so that it is known where it ends.
    talk.receive("R", seq: 1 + distance + (distance > 0 ? 1 << 20 : 0))
    talk.expectNothing()
    expectUnharmed(talk)
  }

  // MARK: SYN

  @Test(.requirement("N-3"), arguments: [0, 1, 2, 1 << 31, -70_000])
  func aSynIsChallengedWhereverItStands(_ sequence: Int) {
    let talk = established()
    talk.receive("S", seq: sequence)
    talk.expect(".", seq: 1, ack: 1, length: 0)
    talk.receive("S.", seq: sequence, ack: 1)
    talk.expect(".", seq: 1, ack: 1, length: 0)
    #expect(talk.drops == [.unexpectedSynchronize, .unexpectedSynchronize])
    expectUnharmed(talk)
  }

  @Test(.requirement("N-3"))
  func challengesAreLimitedInNumber() {
    let talk = established()
    for _ in 1...1_000 { talk.receive("S", seq: 1) }
    let answers = talk.takeSent().count
    #expect(answers >= 1 && answers <= 10, "RFC 5961 §7: ten in five seconds")
    expectUnharmed(talk)
  }

  // MARK: ACK

  @Test(.requirement("MAY-12", "N-4"))
  func dataWhoseAckIsTooOldIsRefused() {
    let talk = established()
    talk.write(10)
    talk.expect("P.", seq: 1, length: 10)
    talk.receive(".", seq: 1, ack: 11)
    // MAX.SND.WND is 65,535, and SND.UNA is 11.
    talk.receive("P.", seq: 1, ack: 11 - 65_536, length: 20)
    talk.expect(".", seq: 11, ack: 1, length: 0)
    talk.expectNothingToRead()
    talk.receive("P.", seq: 1, ack: 11 - 65_535, length: 20)
    talk.expect(".", seq: 11, ack: 21, length: 0, within: .milliseconds(500))
    #expect(talk.read() == Conversation.text(at: 1, 20))
  }

  @Test(.requirement("N-4"))
  func dataThatAcknowledgesWhatWasNeverSentIsRefused() {
    let talk = established()
    talk.write(10)
    talk.expect("P.", seq: 1, length: 10)
    talk.receive("P.", seq: 1, ack: 12, length: 20)
    talk.expect(".", seq: 11, ack: 1, length: 0)
    talk.expectNothingToRead()
    // The ten octets are still unacknowledged.
    talk.expect("P.", seq: 1, ack: 1, length: 10, within: .seconds(1))
  }

  @Test(.requirement("N-8"), arguments: ["", "P", "F", "U"])
  func aSegmentWithoutAckIsDroppedInSilence(_ flags: String) {
    let talk = established()
    talk.receive(flags, seq: 1, length: 10)
    talk.expectNothing(for: .seconds(3))
    talk.expectNothingToRead()
    #expect(talk.drops == [.missingAcknowledgment])
    expectUnharmed(talk)
  }

  @Test(.requirement("N-8"))
  func everySegmentAfterTheSynCarriesAck() {
    let talk = Conversation()
    talk.establish(.active)
    talk.write(5_000)
    talk.advance(.seconds(2))
    talk.receive(".", seq: 1, ack: 5_001, win: 0)
    talk.write(10)
    talk.advance(.seconds(2))
    talk.receive("P.", seq: 1, ack: 5_011, length: 10)
    talk.finish()
    talk.advance(.seconds(2))
    talk.abort()
    let sent = talk.takeSent()
    #expect(sent.count > 6)
    // A RST may go without (RFC 9293 §3.5.2).
    for segment in sent where !segment.header.flags.contains(.rst) {
      #expect(segment.header.flags.contains(.ack))
    }
  }

  // MARK: Reserved bits

  /// What is sent is checked by the script language itself.
  @Test(.requirement("N-6"), arguments: [UInt8(1), 2, 4, 8, 15])
  func reservedBitsMeanNothing(_ bits: UInt8) {
    let talk = Conversation()
    talk.listen()
    talk.receive("S", seq: 0, reserved: bits)
    talk.expect("S.", seq: 0, ack: 1)
    talk.receive(".", seq: 1, ack: 1, reserved: bits)
    talk.accept()
    talk.receive("P.", seq: 1, ack: 1, length: 10, reserved: bits)
    talk.expect(".", seq: 1, ack: 11, within: .milliseconds(500))
    #expect(talk.read() == Conversation.text(at: 1, 10))
    talk.receive("F.", seq: 11, ack: 1, reserved: bits)
    talk.expect(".", seq: 1, ack: 12)
    talk.expectState(.closeWait)
  }

  // MARK: SYN with company, FIN without

  @Test(.requirement("N-9"))
  func dataOnASynIsNotDeliveredBeforeTheHandshakeIsComplete() {
    let talk = Conversation()
    talk.listen()
    talk.receive("S", seq: 0, data: Conversation.text(at: 1, 10))
    // The host keeps the ten octets and acknowledges the SYN alone; it could also acknowledge all or keep none.
    talk.expect("S.", seq: 0, ack: 1)
    #expect(talk.takeEvents().isEmpty)
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 11, ack: 1)
    talk.accept()
    talk.expect(".", seq: 1, ack: 11, length: 0)
    #expect(talk.read() == Conversation.text(at: 1, 10))
  }

  @Test(.requirement("N-9"))
  func dataOnASynOfASimultaneousOpenWaitsToo() {
    let talk = Conversation()
    talk.connect()
    talk.expect("S", seq: 0)
    talk.receive("S", seq: 0, data: Conversation.text(at: 1, 10))
    talk.expect("S.", seq: 0, ack: 1)
    talk.expectNothingToRead()
    #expect(talk.takeEvents().isEmpty)
    talk.receive(".", seq: 11, ack: 1)
    talk.expectState(.established)
    #expect(talk.read() == Conversation.text(at: 1, 10))
  }

  @Test(.requirement("N-10"))
  func aFinIsNothingToAListener() {
    let talk = Conversation()
    talk.listen()
    talk.receive("F", seq: 5)
    talk.expectNothing(for: .seconds(3))
    // With an ACK it is answered for the ACK's sake (RFC 9293 §3.10.7.2).
    talk.hostStart = 0
    talk.receive("F.", seq: 5, ack: 77)
    talk.expect("R", seq: 77)
    talk.hostStart = nil
    talk.establish()
  }

  @Test(.requirement("N-10"), arguments: ["F", "F."])
  func aFinIsNothingToSynSent(_ flags: String) {
    let talk = Conversation()
    talk.connect()
    talk.expect("S", seq: 0)
    talk.receive(flags, seq: 5, ack: 1)
    talk.expectNothing()
    talk.expectState(.synSent)
    talk.receive("S.", seq: 0, ack: 1)
    talk.expect(".", seq: 1, ack: 1)
    talk.expectState(.established)
  }

  @Test(.requirement("N-10"))
  func aFinIsAnsweredWithAResetWhereThereIsNobody() {
    let talk = Conversation()
    talk.hostStart = 0
    talk.receive("F", seq: 5, length: 10)
    let reset = talk.expect("R.", seq: 0, ack: 16)
    #expect(reset?.header.window == 0)
    talk.receive("F.", seq: 5, ack: 9)
    talk.expect("R", seq: 9)
  }
}
