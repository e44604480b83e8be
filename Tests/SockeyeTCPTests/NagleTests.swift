// When written text leaves, and with which flags (RFC 9293 §3.7.4, §3.9.1.2).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct NagleTests {
  @Test(.requirement("MUST-17", "NAG-1"), arguments: [IPVersion.v4, .v6])
  func smallWritesWaitForTheAcknowledgment(_ version: IPVersion) {
    let talk = Conversation(version)
    talk.establish()
    for _ in 0..<3 { talk.write(1) }
    talk.expect("P.", seq: 1, length: 1)
    talk.expectNothing(for: .milliseconds(900))
    talk.receive(".", seq: 1, ack: 2)
    talk.expect("P.", seq: 2, length: 2)
    talk.expectNothing()
  }

  @Test(.requirement("MUST-17"))
  func withoutDelayEachLeavesAtOnce() {
    var tcp = TCPConfiguration()
    tcp.noDelay = true
    let talk = Conversation()
    talk.establish(tcp: tcp)
    for number in 1...3 {
      talk.write(1)
      talk.expect("P.", seq: number, length: 1)
    }
    talk.expectNothing()
  }

  /// Of two connections of one host only the one that asked for it is without delay.
  @Test(.requirement("MUST-17"))
  func theSwitchIsOfOneConnection() throws {
    let talk = Conversation()
    talk.establish()
    let (delayed, delayedStart) = (talk.connection, talk.hostStart)
    talk.use(nil, hostPort: 80, peerPort: 40_001, hostStart: nil, peerStart: 5_000)
    talk.establish()
    let undelayed = try talk.need()
    try talk.stack.setNoDelay(true, of: undelayed, at: talk.now)
    for number in 1...3 {
      talk.write(1)
      talk.expect("P.", seq: number, length: 1)
    }
    talk.use(delayed, hostPort: 80, peerPort: 40_000, hostStart: delayedStart, peerStart: 1_000)
    for _ in 0..<3 { talk.write(1) }
    talk.expect("P.", seq: 1, length: 1)
    talk.expectNothing()
    // And it can be switched while something waits.
    try talk.stack.setNoDelay(true, of: talk.need(), at: talk.now)
    talk.drain()
    talk.expect("P.", seq: 2, length: 2)
    try talk.stack.setNoDelay(false, of: talk.need(), at: talk.now)
    talk.write(1)
    talk.expectNothing()
  }

  @Test(.requirement("MUST-60"), arguments: [1, 100, 1459, 1461])
  func nothingWrittenIsHeldForEver(_ count: Int) {
    let talk = Conversation()
    talk.establish()
    talk.write(count)
    talk.expectText(1..<min(count, 1460) + 1, each: 1460, pushed: count <= 1460)
    // What is left over waits for one ACK at most, and without the ACK for the timer that asks for it.
    talk.receive(".", seq: 1, ack: min(count, 1460) + 1)
    talk.expectText(min(count, 1460) + 1..<count + 1, each: 1460)
    talk.expectNothing()
  }

  @Test(.requirement("MUST-61", "NAG-1"))
  func theSegmentThatEmptiesTheQueueIsPushed() {
    let talk = Conversation()
    talk.establish(options: .synchronize(mss: 1000))
    talk.write(3000)
    talk.expect(".", seq: 1, length: 1000)
    talk.expect(".", seq: 1001, length: 1000)
    talk.expect("P.", seq: 2001, length: 1000)
    talk.write(10)
    talk.expectNothing()
    talk.receive(".", seq: 1, ack: 3001)
    talk.expect("P.", seq: 3001, length: 10)
  }

  /// The peer's window, too, may be what stops a segment; then there is more to come and nothing to push.
  @Test(.requirement("MUST-61"))
  func aSegmentBeforeOthersIsNotPushed() {
    let talk = Conversation()
    talk.establish(options: .synchronize(mss: 1000), win: 1000)
    talk.write(2000)
    talk.expect(".", seq: 1, length: 1000)
    talk.receive(".", seq: 1, ack: 1001, win: 1000)
    talk.expect("P.", seq: 1001, length: 1000)
    // A copy of the last one is the same segment.
    talk.expect("P.", seq: 1001, length: 1000, within: .seconds(2))
  }
}
