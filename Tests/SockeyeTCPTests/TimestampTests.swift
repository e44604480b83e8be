// Timestamps: on which segments they stand, what they echo, what is measured by them, and what their clock is (RFC 7323 §3,
// §4, §5). What they refuse is in SegmentArrivesTimestampTests.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero) struct TimestampTests {
  private func talk(_ role: Conversation.Role = .passive) -> Conversation {
    let talk = Conversation()
    talk.establish(role, options: .synchronize(mss: 1_012, timestamp: 5_000))
    talk.takeSent()
    return talk
  }

  private func stamp(_ talk: Conversation, _ value: UInt32) -> TCPOptions {
    .timestamps(value, echo: talk.peerTimestamp?.echo ?? 0)
  }

  @Test(.requirement("7323-5"), arguments: [Conversation.Role.active, .passive])
  func everySegmentHasThem(_ role: Conversation.Role) {
    let talk = Conversation()
    if role == .active {
      talk.connect()
      #expect(talk.expect("S", seq: 0)?.header.options.timestamps?.echo == 0)
      talk.receive("S.", seq: 0, ack: 1, options: .synchronize(timestamp: 77))
    } else {
      talk.listen()
      talk.receive("S", seq: 0, options: .synchronize(timestamp: 77))
      #expect(talk.expect("S.", seq: 0, ack: 1)?.header.options.timestamps?.echo == 77)
    }
    talk.peerTimestamp = TimestampOption(value: 78, echo: 0)
    if role == .passive {
      talk.receive(".", seq: 1, ack: 1)
      talk.accept()
    }
    talk.write(5_000)
    talk.receive("P.", seq: 1, ack: 1, length: 100)
    talk.advance(.seconds(3))
    talk.receive(".", seq: 101, ack: 5_001)
    talk.finish()
    talk.receive("F.", seq: 101, ack: 5_002)
    let sent = talk.takeSent()
    #expect(sent.count > 6 && sent.allSatisfy { $0.header.options.timestamps != nil })
  }

  @Test(.requirement("7323-5"))
  func whatWasNotAgreedOnIsIgnored() {
    let talk = Conversation()
    talk.establish(options: .synchronize())
    // Were it looked at, the second would be older than the first.
    talk.receive("P.", seq: 1, ack: 1, length: 10, options: .timestamps(9_000, echo: 1))
    talk.receive("P.", seq: 11, ack: 1, length: 10, options: .timestamps(1, echo: 1))
    #expect(talk.read().count == 20)
    talk.advance(.seconds(1))
    #expect(talk.takeSent().allSatisfy { $0.header.options.timestamps == nil })
  }

  @Test(.requirement("7323-6"))
  func onlyWhatMovesTheLeftEdgeMeasures() throws {
    let talk = talk()
    talk.write(3_000)
    talk.advance(.milliseconds(80))
    // A repeated ACK, and text with the number that was acknowledged before, measure nothing.
    let before = talk.status?.smoothedRoundTrip
    talk.receive(".", seq: 1, ack: 1)
    talk.receive("P.", seq: 1, ack: 1, length: 100)
    #expect(talk.status?.smoothedRoundTrip == before)
    talk.receive(".", seq: 101, ack: 1_001)
    let after = try #require(talk.status?.smoothedRoundTrip)
    #expect(after != before)
    // One sample a round trip, so that the gains of RFC 6298 need not be weaker: the ACKs of the same flight that
    // follow change nothing.
    talk.advance(.milliseconds(50))
    talk.receive(".", seq: 101, ack: 2_001)
    talk.receive(".", seq: 101, ack: 3_001)
    #expect(talk.status?.smoothedRoundTrip == after)
  }

  @Test(.requirement("7323-7"))
  func aDelayedAcknowledgmentEchoesTheEarliest() {
    let talk = talk()
    talk.receive("P.", seq: 1, ack: 1, length: 100, options: stamp(talk, 6_000))
    talk.receive("P.", seq: 101, ack: 1, length: 100, options: stamp(talk, 6_050))
    let answer = talk.expect(".", ack: 201, within: .milliseconds(500))
    #expect(answer?.header.options.timestamps?.echo == 6_000)
  }

  @Test(.requirement("7323-7"))
  func whileThereIsAGapTheLastInOrderIsEchoedAndThenWhatFillsIt() {
    let talk = talk()
    talk.receive("P.", seq: 1, ack: 1, length: 100, options: stamp(talk, 6_000))
    talk.expect(".", ack: 101, within: .milliseconds(500))
    talk.receive("P.", seq: 201, ack: 1, length: 100, options: stamp(talk, 6_100))
    #expect(talk.expect(".", ack: 101)?.header.options.timestamps?.echo == 6_000)
    talk.receive("P.", seq: 301, ack: 1, length: 100, options: stamp(talk, 6_200))
    #expect(talk.expect(".", ack: 101)?.header.options.timestamps?.echo == 6_000)
    talk.receive("P.", seq: 101, ack: 1, length: 100, options: stamp(talk, 6_300))
    #expect(talk.expect(".", ack: 401)?.header.options.timestamps?.echo == 6_300)
  }

  @Test(.requirement("7323-8"))
  func whatIsHeldOutOfOrderIsNotLookedAtAgain() {
    let talk = talk()
    talk.receive("P.", seq: 101, ack: 1, length: 100, options: stamp(talk, 6_000))
    talk.expect(".", ack: 1)
    // What fills the gap is much younger; what is held behind it is delivered all the same.
    talk.receive("P.", seq: 1, ack: 1, length: 100, options: stamp(talk, 500_000))
    talk.expect(".", ack: 201)
    #expect(talk.read() == Conversation.text(at: 1, 200))
  }

  @Test(.requirement("7323-8", "7323-12"))
  func textThatComesNextIsRefusedForItsTimestampAll() {
    // The shorter way of expected text does not go around the check.
    let talk = talk()
    for (number, time) in [6_000, 5_999, 6_001].enumerated() {
      let next = number == 0 ? 1 : 1_001
      talk.receive(".", seq: next, ack: 1, length: 1_000, options: stamp(talk, UInt32(time)))
      talk.expect(".", ack: number == 2 ? 2_001 : 1_001, within: .milliseconds(500))
    }
    #expect(talk.drops == [.oldTimestamp])
    #expect(talk.read() == Conversation.text(at: 1, 2_000))
  }

  @Test(.requirement("7323-10"))
  func theClockTicksOnceAMillisecond() {
    let talk = talk()
    var stamps: [UInt32] = []
    for _ in 0..<5 {
      talk.receive("P.", seq: 500, ack: 1, length: 1)
      stamps.append(talk.expect(".")?.header.options.timestamps?.value ?? 0)
      talk.advance(.milliseconds(7))
    }
    #expect(zip(stamps, stamps.dropFirst()).allSatisfy { $1 &- $0 == 7 }, "\(stamps)")
    // 2^31 ms are 24 days; a segment lives two minutes.
    talk.advance(.hours(24 * 20))
    talk.receive("P.", seq: 600, ack: 1, length: 1)
    let late = talk.expect(".")?.header.options.timestamps?.value ?? 0
    #expect(Int64(late &- stamps[0]) == Int64(35 + 20 * 86_400_000))
  }

  @Test(.requirement("7323-11"))
  func eachConnectionHasAClockOfItsOwn() {
    var values: Set<UInt32> = []
    let talk = Conversation()
    talk.listen(backlog: 60)
    for port in 1...50 {
      talk.use(nil, hostPort: 80, peerPort: UInt16(port), hostStart: nil, peerStart: 5_000)
      talk.receive("S", seq: 0, options: .synchronize(timestamp: 1))
      values.insert(talk.expect("S.", ack: 1)?.header.options.timestamps?.value ?? 0)
    }
    // At one instant: no two alike, and neither the time since the host began nor anything near it.
    #expect(values.count == 50)
    let near = values.filter { $0 < 0x1000_0000 }.count
    #expect(near < 15, "spread over all numbers: \(near) of 50 in the first sixteenth")
  }

  @Test(.requirement("7323-12"), arguments: [false, true])
  func noPacketOfAConnectionMayBeFragmented(_ timestamps: Bool) {
    let talk = Conversation()
    talk.establish(options: .synchronize(timestamp: timestamps ? 1 : nil))
    talk.write(5_000)
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    talk.advance(.seconds(2))
    talk.finish()
    let sent = talk.takeSent()
    #expect(sent.count > 4 && sent.allSatisfy { $0.packet[6] & 0x40 != 0 }, "DF")
    // And the path's word is heeded (RFC 1191).
    talk.receiveError(type: 3, code: 4, rest: 1_200, about: sent[0])
    #expect(talk.takeSent().contains { $0.packet.count == 1_200 })
  }
}
