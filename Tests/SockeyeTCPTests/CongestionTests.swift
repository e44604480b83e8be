// How much is sent at a time (RFC 9293 §3.8.2, RFC 5681): slow start, congestion avoidance, back-off.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct CongestionTests {
  /// A connection with segments of 1000 octets, a wide window, and more to send than it ever will.
  private func busy(_ algorithm: CongestionControlAlgorithm = .cubic) -> Conversation {
    var configuration = TCPConfiguration()
    configuration.congestionControl = algorithm
    configuration.pathProbing = .off
    let talk = Conversation(tcp: configuration)
    talk.establish(options: .synchronize(mss: 1000, windowScale: 6))
    // A SYN can't tell of more than 65,535 octets of our window, and whether the rest is told at once is left open.
    talk.takeSent()
    talk.write(1_000_000)
    return talk
  }

  /// One round trip: each segment of a flight is acknowledged. Answers how many are on their way then.
  private func round(_ talk: Conversation) -> Int {
    talk.advance(.milliseconds(100))
    for segment in talk.takeSent() {
      talk.receive(".", seq: 1, ack: talk.sequence(of: segment) + segment.payload.count)
    }
    return (talk.status?.outstanding ?? 0) / 1000
  }

  @Test(.requirement("MUST-19"))
  func slowStartDoublesEachRoundTrip() {
    let talk = busy()
    #expect(talk.pending.count == 10)
    #expect((0..<4).map { _ in round(talk) } == [20, 40, 80, 160])
  }

  @Test(.requirement("MUST-19"))
  func afterATimeoutTheWindowGrowsSlowly() {
    let talk = busy(.newReno)
    _ = round(talk)
    // Twenty segments are lost. Each copy waits twice as long as the one before it.
    let lost = talk.takeSent()
    #expect(lost.count == 20)
    let first = talk.sequence(of: lost[0])
    let start = talk.now
    var times: [Interval] = []
    for _ in 0..<4 {
      let copy = talk.expect(".", seq: first, length: 1000, within: .seconds(10))
      times.append((copy?.at ?? start) - start)
    }
    #expect(times == [.seconds(1), .seconds(3), .seconds(7), .seconds(15)])
    #expect(talk.status?.slowStartThreshold == 10_000)
    #expect(talk.status?.congestionWindow == 1000)
    // The peer has them after all. Slow start up to half of what was lost, then one segment a round trip.
    talk.receive(".", seq: 1, ack: first + 20_000)
    #expect(talk.status?.congestionWindow == 2000)
    #expect((0..<6).map { _ in round(talk) } == [4, 8, 10, 11, 12, 13])
  }

  /// What is lost is sent again in slow start, as if it were new.
  @Test(.requirement("MUST-19"))
  func afterATimeoutEverythingLostIsSentAgainInSlowStart() {
    let talk = busy()
    let lost = talk.takeSent()
    #expect(lost.count == 10)
    talk.expect(".", seq: 1, length: 1000, after: .seconds(1))
    talk.expectNothing()
    // Something else came before the copy, so that it is not asked whether the timer ran out for nothing.
    talk.receive(".", seq: 1, ack: 1)
    talk.receive(".", seq: 1, ack: 1001)
    talk.expectText(1001..<3001, each: 1000, pushed: false)
    talk.expectNothing()
    talk.receive(".", seq: 1, ack: 2001)
    talk.expectText(3001..<5001, each: 1000, pushed: false)
    talk.receive(".", seq: 1, ack: 3001)
    talk.expectText(5001..<7001, each: 1000, pushed: false)
    talk.expectNothing()
  }

  @Test(.requirement("A-50"), arguments: CongestionControlAlgorithm.allCases)
  func dividingAcknowledgmentsGainsNothing(_ algorithm: CongestionControlAlgorithm) {
    let talk = busy(algorithm)
    #expect(talk.takeSent().count == 10)
    for octet in 1...1_000 {
      talk.receive(".", seq: 1, ack: 1 + octet)
      talk.advance(.microseconds(10))
    }
    #expect(talk.status.map { $0.congestionWindow <= 11_000 } == true)
    #expect(talk.status.map { $0.outstanding <= 11_000 } == true)
  }
}
