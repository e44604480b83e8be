// The peer's window as the sender sees it: unsigned, and sometimes smaller than what is on its way (RFC 9293 §3.1,
// §3.8.6). A window of zero stands in ZeroWindowTests, small ones in SillyWindowTests.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct WindowTests {
  /// Without window scaling the field is all there is. The segment size divides it, so that the window can be filled.
  @Test(.requirement("MUST-1"), arguments: [(UInt16(0xffff), UInt16(1285)), (0x8000, 1024)])
  func theWindowIsUnsigned(_ window: UInt16, _ size: UInt16) {
    let talk = Conversation()
    talk.peerWindow = window
    talk.establish(options: .synchronize(mss: size))
    talk.write(1_000_000)
    var acknowledged = 1
    // Each segment is acknowledged, until the congestion window is wider than the peer's.
    for _ in 0..<6 {
      for segment in talk.takeSent() {
        acknowledged = talk.sequence(of: segment) + segment.payload.count
        talk.receive(".", seq: 1, ack: acknowledged)
      }
    }
    let flight = talk.takeSent()
    #expect(flight.map(\.payload.count) == [Int](repeating: Int(size), count: Int(window) / Int(size)))
    #expect(flight.first.map { talk.sequence(of: $0) } == acknowledged)
    #expect(talk.status?.outstanding == Int(window))
    #expect(talk.status.map { $0.congestionWindow > Int(window) } == true)
    talk.expectNothing(for: .milliseconds(900))
  }

  @Test(.requirement("MUST-34"), arguments: [false, true])
  func aShrunkWindowLetsNothingNewLeave(_ wraps: Bool) {
    let talk = wraps ? Conversation.starting(hostAt: .max - 9_500, peerAt: .max) : Conversation()
    talk.establish(options: .synchronize(mss: 1000))
    talk.write(20_000)
    talk.expectText(1..<10_001, each: 1000, pushed: false)
    // Ten thousand octets are on their way, and now there is room for two thousand.
    talk.receive(".", seq: 1, ack: 1, win: 2000)
    talk.expectNothing()
    talk.write(1000)
    talk.expectNothing()
    talk.receive(".", seq: 1, ack: 1001, win: 2000)
    talk.receive(".", seq: 1, ack: 8001, win: 2000)
    #expect(talk.status?.outstanding == 2000)
    talk.expectNothing(for: .milliseconds(900))
    // One thousand beyond what has been sent.
    talk.receive(".", seq: 1, ack: 9001, win: 2000)
    talk.expect(".", seq: 10_001, length: 1000)
    talk.expectNothing(for: .milliseconds(900))
  }

  @Test(.requirement("MUST-35"), arguments: [false, true])
  func aWindowShrunkToNothingIsProbed(_ wraps: Bool) {
    let talk = wraps ? Conversation.starting(hostAt: .max - 3_500, peerAt: .max) : Conversation()
    talk.establish(options: .synchronize(mss: 1000))
    talk.write(5000)
    talk.expectText(1..<5001, each: 1000)
    talk.receive(".", seq: 1, ack: 1, win: 0)
    // What is on its way is past the window; the first octet asks whether it still is.
    talk.expect(".", seq: 1, length: 1, after: .seconds(1))
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.expect(".", seq: 1, length: 1, after: .seconds(2))
    talk.receive(".", seq: 1, ack: 1, win: 5000)
    talk.expectText(1..<5001, each: 1000)
    talk.receive(".", seq: 1, ack: 5001, win: 5000)
    talk.write(1000)
    talk.expect("P.", seq: 5001, length: 1000)
  }
}
