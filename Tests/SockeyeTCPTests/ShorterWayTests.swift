// The shorter ways that text and ACKs take while nobody watches the host: text that comes next is summed up as it is copied,
// and what nearly always leaves is decided without a plan. What comes of it is the same both ways.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct ShorterWayTests {
  private func established(
    isWatched: Bool, options: TCPOptions = .synchronize(), tcp: TCPConfiguration = TCPConfiguration()
  ) -> Conversation {
    let talk = Conversation(tcp: tcp)
    talk.establish(options: options)
    talk.stack.observing = isWatched
    return talk
  }

  // MARK: What arrives

  /// RMSS is what the peer has shown to send (RFC 5681 §2): two segments of that size are not acknowledged as if they were
  /// one, nor is one as if it were two.
  @Test(.requirement("SHLD-19"), arguments: [true, false])
  func theLargestSegmentSoFarIsAFullOne(isWatched: Bool) {
    let talk = established(isWatched: isWatched)
    #expect(talk.status?.receivedSegmentSize == 536, "until there is another")
    talk.receive(".", seq: 1, ack: 1, length: 1_400)
    #expect(talk.status?.receivedSegmentSize == 1_400)
    talk.expectNothing()
    talk.receive(".", seq: 1_401, ack: 1, length: 1_400)
    talk.expect(".", ack: 2_801)
    talk.receive(".", seq: 2_801, ack: 1, length: 300)
    #expect(talk.status?.receivedSegmentSize == 1_400)
    talk.expectNothing()
  }

  @Test(.requirement("SHLD-19", "SHLD-31"))
  func soIsOneThatComesOutOfOrder() {
    let talk = established(isWatched: true)
    talk.receive(".", seq: 1_401, ack: 1, length: 1_400)
    talk.expect(".", ack: 1)
    #expect(talk.status?.receivedSegmentSize == 1_400)
  }

  /// What a wrong checksum throws away leaves nothing behind: neither an octet to read nor room taken.
  @Test(.requirement("MUST-3"), arguments: [true, false])
  func aDamagedSegmentLeavesNothingBehind(isWatched: Bool) {
    let talk = established(isWatched: isWatched)
    let before = talk.stack.memoryUsed
    talk.receive(".", seq: 1, ack: 1, length: 1_400, badChecksum: true)
    talk.expectSilence()
    #expect(talk.status?.readable == 0)
    talk.advance(.minutes(5))
    #expect(talk.stack.memoryUsed == before)
    talk.receive(".", seq: 1, ack: 1, length: 300)
    talk.receive(".", seq: 301, ack: 1, length: 300)
    #expect(talk.read() == Conversation.text(at: 1, 600))
  }

  /// It may bring the news that a window has opened; the next time that it closes, the first probe comes after one RTO again.
  @Test(.requirement("SHLD-29", "SHLD-30"), arguments: [true, false])
  func itsWindowEndsTheCountOfProbes(isWatched: Bool) {
    let talk = established(isWatched: isWatched)
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.write(1)
    talk.expect("P.", seq: 1, length: 1, within: .seconds(2))
    // The probe is taken, and nothing is left to ask for.
    talk.receive(".", seq: 1, ack: 2, win: 0)
    talk.receive(".", seq: 1, ack: 2, length: 300, win: 1_000)
    talk.advance(.milliseconds(100))
    talk.takeSent()
    talk.receive(".", seq: 301, ack: 2, win: 0)
    talk.write(100)
    talk.expect(".", seq: 2, length: 1, after: .seconds(1))
  }

  /// As an ACK of it tells, and keep-alive: TS.Recent follows it, and the peer has been heard.
  @Test(.requirement("7323-7", "MUST-26"), arguments: [true, false])
  func itsTimestampIsEchoedAndItCountsAsASign(isWatched: Bool) throws {
    let talk = established(isWatched: isWatched, options: .synchronize(timestamp: 5_000))
    let echo = talk.peerTimestamp?.echo ?? 0
    talk.advance(.seconds(10))
    talk.receive(".", seq: 1, ack: 1, length: 300, options: .timestamps(15_000, echo: echo))
    #expect(try talk.stack.transmissionStatus(of: talk.need()).lastHeardAt == talk.now)
    let answer = talk.expect(".", ack: 301, within: .milliseconds(100))
    #expect(answer?.header.options.timestamps?.echo == 15_000)
  }

  // MARK: What leaves

  @Test(.requirement("MUST-39"), arguments: [true, false])
  func aWindowThatWasReadOpenIsTold(isWatched: Bool) {
    var tcp = TCPConfiguration()
    tcp.receiveBufferCapacity = 4_000
    let talk = established(isWatched: isWatched, tcp: tcp)
    for start in stride(from: 1, to: 4_001, by: 1_000) {
      talk.receive(".", seq: start, ack: 1, length: 1_000)
    }
    talk.expect(".", ack: 2_001, win: 2_000)
    talk.expect(".", ack: 4_001, win: 0)
    talk.expectNothing(for: .seconds(1))
    #expect(talk.read().count == 4_000)
    talk.expect(".", seq: 1, ack: 4_001, length: 0, win: 4_000)
    talk.expectNothing(for: .seconds(1))
  }

  @Test(.requirement("MUST-24"), arguments: [true, false])
  func aSilentPeerIsProbed(isWatched: Bool) {
    var tcp = TCPConfiguration()
    tcp.keepAlive = KeepAlive(idle: .seconds(60), interval: .seconds(10), probes: 3)
    let talk = established(isWatched: isWatched, tcp: tcp)
    talk.expect(".", seq: 0, ack: 1, length: 0, after: .seconds(60))
    talk.receive(".", seq: 1, ack: 1)
    talk.expect(".", seq: 0, ack: 1, length: 0, after: .seconds(60))
  }
}
