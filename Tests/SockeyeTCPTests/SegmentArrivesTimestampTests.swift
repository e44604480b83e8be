// SEGMENT ARRIVES before the first step: what timestamps refuse (RFC 7323 §3.2, §5).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero, .requirement("A-28")) struct SegmentArrivesTimestampTests {
  static let options = TCPOptions.synchronize(timestamp: 5_000)

  static func standing(in situation: Situation) -> (Conversation, Numbers) {
    Conversation.standing(in: situation, options: options)
  }

  @Test(.requirement("S-20", "7323-8"), arguments: Situation.later)
  func anOldTimestampIsAnsweredWithAnAcknowledgment(situation: Situation) {
    let (talk, at) = Self.standing(in: situation)
    let echo = talk.peerTimestamp?.echo ?? 0
    talk.receive(
      "FP.", seq: at.receiveNext, ack: at.sendNext, length: 100, options: .timestamps(4_999, echo: echo))
    talk.expectAcknowledgment(at)
    talk.expectState(situation.state)
    #expect(talk.drops.last == .oldTimestamp || situation.state == .timeWait)
    // What is dropped is not looked at: the same segment in its own time is.
    #expect(talk.status?.readable ?? 0 == 0)
  }

  @Test(.requirement("S-20"))
  func theSameTimestampIsNotOld() {
    let (talk, _) = Self.standing(in: Situation(.established))
    talk.receive("P.", seq: 1, ack: 1, length: 100)
    talk.expect(".", seq: 1, ack: 101, within: .milliseconds(500))
    #expect(talk.read() == Conversation.text(at: 1, 100))
  }

  @Test(.requirement("S-20"))
  func timestampsAreComparedModulo() {
    let (talk, _) = Conversation.standing(
      in: Situation(.established), options: .synchronize(timestamp: .max - 10))
    let echo = talk.peerTimestamp?.echo ?? 0
    // Past zero, and yet later.
    talk.receive("P.", seq: 1, ack: 1, length: 100, options: .timestamps(5, echo: echo))
    talk.expect(".", seq: 1, ack: 101, within: .milliseconds(500))
    talk.receive("P.", seq: 101, ack: 1, length: 100, options: .timestamps(.max - 10, echo: echo))
    talk.expect(".", seq: 1, ack: 101)
    #expect(talk.read() == Conversation.text(at: 1, 100))
  }

  @Test(.requirement("S-20", "7323-9"))
  func after24DaysOfSilenceAnOldTimestampProvesNothing() {
    let (talk, _) = Self.standing(in: Situation(.established))
    let echo = talk.peerTimestamp?.echo ?? 0
    talk.advance(.hours(24 * 23))
    talk.receive("P.", seq: 1, ack: 1, length: 100, options: .timestamps(4_999, echo: echo))
    talk.expect(".", seq: 1, ack: 1)
    talk.advance(.hours(24 * 2))
    talk.receive("P.", seq: 1, ack: 1, length: 100, options: .timestamps(4_999, echo: echo))
    talk.expect(".", seq: 1, ack: 101, within: .milliseconds(500))
    #expect(talk.read() == Conversation.text(at: 1, 100))
  }

  /// They begin with the peer's SYN, however long the host has been up.
  @Test(.requirement("S-20", "7323-9"))
  func theTimestampOfASynIsGoodFor24DaysToo() {
    let talk = Conversation(startTime: .hours(24 * 100))
    talk.establish(.active, options: Self.options)
    let echo = talk.peerTimestamp?.echo ?? 0
    talk.receive("P.", seq: 1, ack: 1, length: 100, options: .timestamps(4_999, echo: echo))
    talk.expect(".", seq: 1, ack: 1)
    #expect(talk.drops.last == .oldTimestamp)
  }

  /// The days are counted from the last timestamp that was taken, and not from the first.
  @Test(.requirement("S-20", "7323-9"))
  func eachTimestampIsGoodForItsOwn24Days() {
    let (talk, _) = Self.standing(in: Situation(.established))
    let echo = talk.peerTimestamp?.echo ?? 0
    talk.advance(.hours(24 * 20))
    talk.receive("P.", seq: 1, ack: 1, length: 100, options: .timestamps(6_000, echo: echo))
    talk.expect(".", seq: 1, ack: 101, within: .milliseconds(500))
    talk.advance(.hours(24 * 10))
    talk.receive("P.", seq: 101, ack: 1, length: 100, options: .timestamps(5_999, echo: echo))
    let answer = talk.expect(".", seq: 1, ack: 101)
    #expect(answer?.header.options.timestamps?.echo == 6_000)
    #expect(talk.drops.last == .oldTimestamp)
  }

  @Test(
    .requirement("S-20", "S-21", "R-08", "7323-11"),
    arguments: Situation.of(.synReceived, .established, .finWait2))
  func aResetNeedsNoTimestamp(situation: Situation) {
    for old in [TCPOptions(), .timestamps(4_999, echo: 0)] {
      let (talk, at) = Self.standing(in: situation)
      talk.peerTimestamp = nil
      talk.receive("R", seq: at.receiveNext, options: old)
      talk.expectNothing()
      talk.expectState(situation == Situation(.synReceived, .passive) ? .listen : .closed)
    }
  }

  @Test(.requirement("R-08"))
  func aResetThatIsNotTakenLeavesTheTimestampAlone() {
    let (talk, _) = Self.standing(in: Situation(.established))
    let echo = talk.peerTimestamp?.echo ?? 0
    talk.receive("R.", seq: 500, ack: 1, options: .timestamps(900_000, echo: echo))
    let challenge = talk.expect(".", seq: 1, ack: 1)
    #expect(challenge?.header.options.timestamps?.echo == 5_000)
    talk.receive("P.", seq: 1, ack: 1, length: 100)
    talk.expect(".", seq: 1, ack: 101, within: .milliseconds(500))
  }

  @Test(.requirement("S-21", "7323-5"), arguments: Situation.later)
  func aMissingTimestampIsDroppedInSilence(situation: Situation) {
    let (talk, at) = Self.standing(in: situation)
    talk.peerTimestamp = nil
    talk.receive("FP.", seq: at.receiveNext, ack: at.sendNext, length: 100)
    talk.receive(".", seq: at.receiveNext, ack: at.sendNext)
    talk.expectSilence()
    talk.expectState(situation.state)
    #expect(talk.drops.suffix(2) == [.missingTimestamp, .missingTimestamp])
  }

  /// A handshake drops it before it looks at anything else, as a connection does: such a segment brings no reset either.
  @Test(.requirement("S-21", "7323-5"), arguments: Situation.handshakes)
  func aMissingTimestampComesBeforeTheRest(situation: Situation) {
    let (talk, _) = Self.standing(in: situation)
    talk.peerTimestamp = nil
    talk.receive(".", seq: 1, ack: 100)
    talk.receive("P.", seq: 50_000, ack: 1, length: 100)
    talk.expectNothing()
    talk.expectState(.synReceived)
    #expect(talk.drops == [.missingTimestamp, .missingTimestamp])
  }

  @Test(.requirement("S-20", "7323-8"), arguments: Situation.handshakes)
  func anOldTimestampComesBeforeTheRest(situation: Situation) {
    let (talk, _) = Self.standing(in: situation)
    let echo = talk.peerTimestamp?.echo ?? 0
    talk.receive(".", seq: 1, ack: 100, options: .timestamps(4_999, echo: echo))
    let answer = talk.expect(".", seq: 1, ack: 1)
    #expect(answer?.header.options.timestamps?.echo == 5_000, "each segment has them")
    talk.expectNothing()
    talk.expectState(.synReceived)
    #expect(talk.drops == [.oldTimestamp])
  }

  /// The FIN of an earlier incarnation does not start 2 MSL anew.
  @Test(.requirement("S-20", "S-63", "7323-8"))
  func anOldFinDoesNotProlongTimeWait() {
    let (talk, at) = Self.standing(in: Situation(.timeWait))
    let echo = talk.peerTimestamp?.echo ?? 0
    talk.advance(.seconds(50))
    talk.receive("F.", seq: 1, ack: 2, options: .timestamps(4_999, echo: echo))
    talk.expectAcknowledgment(at)
    talk.advance(.seconds(10))
    talk.expectState(.closed)
  }

  /// Text that was overtaken by a copy of what went before it is not thrown away for its older clock, unless nothing
  /// behind it shows that it was sent in time.
  @Test func textThatFillsAGapMayBeALittleOlder() {
    let talk = Conversation()
    talk.establish(options: .synchronize(sackPermitted: true, timestamp: 1000))
    talk.takeSent()
    talk.receive(".", seq: 301, ack: 1, length: 100, options: .timestamps(1013, echo: 0))
    talk.receive(".", seq: 1, ack: 1, length: 100, options: .timestamps(1100, echo: 0))
    talk.receive(".", seq: 101, ack: 1, length: 100, options: .timestamps(1011, echo: 0))
    #expect(talk.read().count == 200)
    talk.receive(".", seq: 401, ack: 1, length: 100, options: .timestamps(1014, echo: 0))
    talk.receive(".", seq: 201, ack: 1, length: 100, options: .timestamps(599, echo: 0))
    #expect(talk.read().isEmpty)
    talk.receive(".", seq: 201, ack: 1, length: 100, options: .timestamps(1012, echo: 0))
    #expect(talk.read().count == 200)
  }
}
