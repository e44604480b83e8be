// Windows that shrink, grow and never go back (RFC 9293 §3.8.6), and windows wider than sixteen bits.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct ShldWindowTests {
  /// Seven full segments are on the way when the peer draws its window back to two thousand.
  private func shrunkWindow() -> Conversation {
    var tcp = TCPConfiguration()
    tcp.pathProbing = .off
    let talk = Conversation(tcp: tcp)
    talk.establish()
    talk.write(10_220)
    for index in 0..<6 { talk.expect(".", seq: 1 + index * 1_460, ack: 1, length: 1_460) }
    talk.expect("P.", seq: 8_761, ack: 1, length: 1_460)
    talk.receive(".", seq: 1, ack: 1, win: 2_000)
    return talk
  }

  @Test(.requirement("SHLD-15", "SHLD-16", "MAY-7"))
  func afterAShrinkOldDataIsSentAgainAndNewDataIsNot() {
    let talk = shrunkWindow()
    talk.write(5_000)
    talk.expectNothing(for: .milliseconds(999))
    // RFC 9293 §3.8.6: what lies within the new window is sent again …
    talk.expect(".", seq: 1, ack: 1, length: 1_460, within: .milliseconds(1))
    // … what was sent before and lies beyond it may be (MAY-7), and nothing new is.
    talk.advance(.seconds(8))
    for segment in talk.takeSent() {
      #expect(talk.sequence(of: segment) + segment.payload.count <= 10_221)
    }
    // The edge that was there before comes back, and nothing new fits below it.
    talk.receive(".", seq: 1, ack: 8_761, win: 1_460)
    talk.advance(.milliseconds(500))
    for segment in talk.takeSent() {
      #expect(talk.sequence(of: segment) + segment.payload.count <= 10_221)
    }
    // Beyond the old edge the new window counts; that three segments leave is the congestion window's doing.
    talk.receive(".", seq: 1, ack: 10_221, win: 5_000)
    talk.expectText(10_221..<14_601, each: 1_460, pushed: false, ack: 1)
    talk.expectNothing()
  }

  @Test(.requirement("SHLD-17"))
  func dataBeyondTheEdgeDoesNotTimeOutWhileThePeerAnswers() {
    let talk = shrunkWindow()
    // The peer takes what its window allows and closes it. R2 is five minutes.
    talk.receive(".", seq: 1, ack: 2_001, win: 0)
    let end = talk.now + .hours(1)
    while talk.now < end {
      guard talk.expect(".", seq: 2_001, ack: 1, within: .seconds(120)) != nil else { return }
      talk.receive(".", seq: 1, ack: 2_001, win: 0)
    }
    talk.expectState(.established)
    talk.receive(".", seq: 1, ack: 2_001, win: 10_000)
    talk.expect(".", seq: 2_001, ack: 1, length: 1_460)
  }

  @Test(.requirement("SHLD-17"))
  func anEdgeThatMovesByCrumbsDoesNotTimeOutEither() {
    let talk = shrunkWindow()
    var edge = 2_001
    let end = talk.now + .minutes(30)
    talk.receive(".", seq: 1, ack: edge, win: 10)
    while talk.now < end, edge < 8_000 {
      guard talk.expect(".", seq: edge, ack: 1, within: .seconds(120)) != nil else { return }
      talk.takeSent()
      edge += 10
      talk.receive(".", seq: 1, ack: edge, win: 10)
    }
    talk.expectState(.established)
  }

  /// A peer that sends what fits, a user that reads when it likes, and an edge that must only move right.
  @Test(.requirement("SHLD-14"), arguments: [(10_000, UInt8?.none), (200_000, 7), (1 << 20, 2)])
  func theReceiverNeverDrawsItsEdgeBack(_ capacity: Int, _ peerShift: UInt8?) {
    var configuration = TCPConfiguration()
    configuration.receiveBufferCapacity = capacity
    let talk = Conversation.starting(
      hostAt: 1_000, peerAt: .max - 60_000, .passive, tcp: configuration)
    var options = TCPOptions.synchronize(windowScale: peerShift)
    options.maximumSegmentSize = 1_460
    talk.listen()
    talk.receive("S", seq: 0, options: options)
    let answer = talk.expect("S.", seq: 0, ack: 1)
    let shift = Int(answer?.header.options.windowScale ?? 0)
    #expect((peerShift != nil) == (answer?.header.options.windowScale != nil))
    var edge = 1 + Int(answer?.header.window ?? 0)
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    var source = SeededGenerator(seed: 7)
    var next = 1
    for _ in 0..<2_000 {
      let length = min(Int.random(in: 1...1_460, using: &source), edge - next)
      if length > 0 {
        talk.receive("P.", seq: next, ack: 1, length: length)
        next += length
      }
      if Int.random(in: 0..<4, using: &source) == 0 {
        talk.read(Int.random(in: 1...8_000, using: &source))
      }
      talk.advance(.milliseconds(Int.random(in: 0...50, using: &source)))
      for segment in talk.takeSent() {
        let told = talk.acknowledgment(of: segment) + Int(segment.header.window) << shift
        // RFC 7323 §2.4: what lies below one unit of the scale cannot be told.
        #expect(told + (1 << shift) > edge, "the right edge went back from \(edge)")
        edge = max(edge, told)
      }
    }
    #expect(next > capacity, "the script has filled the buffer more than once")
  }

  @Test(.requirement("REC-1"))
  func aWindowOfThirtyBitsIsOneAndItsEdgeWraps() {
    let talk = Conversation.starting(hostAt: .max - 2_000, peerAt: 77)
    talk.establish(options: .synchronize(windowScale: 14))
    talk.receive(".", seq: 1, ack: 1, win: 0xffff)
    #expect(talk.status?.sendWindow == 0x3fff_c000)
    // The right edge lies beyond zero, and so does most of what is sent.
    talk.write(14_600)
    for index in 0..<9 { talk.expect(".", seq: 1 + index * 1_460, ack: 1, length: 1_460) }
    talk.expect("P.", seq: 13_141, ack: 1, length: 1_460)
    talk.receive(".", seq: 1, ack: 14_601, win: 1)
    #expect(talk.status?.sendWindow == 1 << 14)
    talk.write(20_000)
    let sent = talk.takeSent().map { talk.sequence(of: $0) + $0.payload.count }.max()
    // The window ends at 30,985 and what fits are eleven segments, or less where cwnd says so.
    #expect(sent.map { $0 > 14_601 && $0 <= 14_601 + 1 << 14 } == true)
  }
}
