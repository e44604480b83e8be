// Silly windows, from both sides (RFC 9293 §3.8.6.2): a sender that doesn't send crumbs, a receiver that doesn't ask
// for them.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero, .requirement("A-28")) struct SillyWindowTests {
  // MARK: The sender

  @Test(.requirement("MUST-38"), arguments: [IPVersion.v4, .v6])
  func crumbsAreNotSentIntoASlowlyOpeningWindow(_ version: IPVersion) {
    let talk = Conversation(version)
    talk.establish(options: .synchronize(mss: 1000), win: 4000)
    talk.write(20_000)
    talk.expectText(1..<4001, each: 1000, pushed: false)
    // Ten octets more each millisecond. At a whole segment it is worth it, before the override's 100 ms.
    for step in 1...99 {
      talk.receive(".", seq: 1, ack: 4001, win: UInt16(step * 10))
      talk.expectNothing(for: .milliseconds(1))
    }
    talk.receive(".", seq: 1, ack: 4001, win: 1000)
    talk.expect(".", seq: 4001, length: 1000)
    talk.expectNothing()
    // While something is on its way there is no hurry: its ACK will bring news of the window.
    talk.receive(".", seq: 1, ack: 4001, win: 1990)
    talk.expectNothing(for: .milliseconds(900))
    talk.receive(".", seq: 1, ack: 4001, win: 2000)
    talk.expect(".", seq: 5001, length: 1000)
    talk.expectNothing()
  }

  @Test(.requirement("MUST-38"))
  func halfTheWidestWindowIsEnough() {
    let talk = Conversation()
    talk.establish(options: .synchronize(mss: 1000), win: 600)
    talk.write(5000)
    talk.expect(".", seq: 1, length: 600)
    talk.receive(".", seq: 1, ack: 601, win: 299)
    talk.expectNothing(for: .milliseconds(90))
    talk.receive(".", seq: 1, ack: 601, win: 300)
    talk.expect(".", seq: 601, length: 300)
    talk.expectNothing()
  }

  @Test(.requirement("MUST-38"))
  func aCrumbIsSentInTheEnd() {
    let talk = Conversation.starting(hostAt: .max - 4_005, peerAt: .max)
    talk.establish(options: .synchronize(mss: 1000), win: 4000)
    talk.write(20_000)
    talk.expectText(1..<4001, each: 1000, pushed: false)
    talk.receive(".", seq: 1, ack: 4001, win: 10)
    let start = talk.now
    let crumb = talk.expect(".", seq: 4001, length: 10, within: .seconds(1))
    // 0.1 to 1 s, as the RFC has it.
    #expect(crumb.map { $0.at - start >= .milliseconds(100) } == true)
    talk.receive(".", seq: 1, ack: 4011, win: 4000)
    talk.expectText(4011..<8011, each: 1000, pushed: false)
  }

  @Test(.requirement("MUST-38"))
  func allThatIsLeftIsNoCrumb() {
    let talk = Conversation()
    talk.establish(options: .synchronize(mss: 1000), win: 4000)
    talk.write(10)
    talk.expect("P.", seq: 1, length: 10)
    talk.receive(".", seq: 1, ack: 11, win: 10)
    talk.write(10)
    talk.expect("P.", seq: 11, length: 10)
  }

  // MARK: The receiver

  /// A host whose buffer of `capacity` octets the peer has filled.
  private func full(_ capacity: Int, _ version: IPVersion, windowScale: UInt8? = nil) -> Conversation {
    var tcp = TCPConfiguration()
    tcp.receiveBufferCapacity = capacity
    let talk = Conversation(version, tcp: tcp)
    talk.establish(options: .synchronize(windowScale: windowScale))
    var sequence = 1
    while sequence <= capacity {
      let length = min(1400, capacity + 1 - sequence)
      talk.receive("P.", seq: sequence, ack: 1, length: length)
      sequence += length
    }
    talk.advance(.milliseconds(500))
    let last = talk.takeSent().last
    #expect(last.map { talk.acknowledgment(of: $0) } == capacity + 1)
    #expect(last?.header.window == 0)
    return talk
  }

  @Test(
    .requirement("MUST-39"),
    arguments: [(4000, IPVersion.v4, 1460), (4000, .v6, 1440), (2000, .v4, 1000), (100, .v4, 50)])
  func theWindowOpensInSteps(_ capacity: Int, _ version: IPVersion, _ step: Int) {
    let talk = full(capacity, version)
    let next = capacity + 1
    for count in 1..<step {
      #expect(talk.read(1).count == 1)
      talk.expectNothing()
      if count % 100 == 0 {
        // A probe is answered, and the window is closed still.
        talk.receive(".", seq: next, ack: 1, length: 1)
        talk.expect(".", seq: 1, ack: next, win: 0)
      }
    }
    talk.read(1)
    talk.expect(".", seq: 1, ack: next, win: UInt16(step))
    // The next step is as long.
    let left = min(step, capacity - step)
    for _ in 1..<left {
      talk.read(1)
      talk.expectNothing()
    }
  }

  /// A scaled window is told in units, and rounding must not open it (RFC 7323 §2.4).
  @Test(.requirement("MUST-39"))
  func aScaledWindowOpensInStepsToo() {
    let talk = full(200_000, .v4, windowScale: 0)
    for _ in 1..<1460 {
      talk.read(1)
      talk.expectNothing()
    }
    talk.receive(".", seq: 200_001, ack: 1, length: 1)
    talk.expect(".", seq: 1, ack: 200_001, win: 0)
    talk.read(1)
    // 1460 octets in units of four.
    talk.expect(".", seq: 1, ack: 200_001, win: 365)
  }
}
