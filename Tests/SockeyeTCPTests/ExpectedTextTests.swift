// Text that comes next takes a shorter way while nobody watches the host: it is summed up as it is copied. What the
// connection makes of it is the same both ways.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct ExpectedTextTests {
  private func established(isWatched: Bool, options: TCPOptions = .synchronize()) -> Conversation {
    let talk = Conversation()
    talk.establish(options: options)
    talk.stack.observing = isWatched
    return talk
  }

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
}
