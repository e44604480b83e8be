// The retransmission timeout as it is computed (RFC 6298 §2), when the timer runs (§5), and the smallest round trip.

import SockeyeBytes
import SockeyeStack
import SockeyeTestSupport
import SockeyeWire
import Testing

@testable import SockeyeTCP

@Suite struct RoundTripTests {
  private func estimator(floor: Interval = .milliseconds(1)) -> RoundTripEstimator {
    RoundTripEstimator(initial: .seconds(1), floor: floor, ceiling: .seconds(60))
  }

  @Test(.requirement("6298-1", "8961-1"))
  func beforeAnySampleItIsASecond() {
    #expect(estimator().timeout == .seconds(1))
    let talk = Conversation()
    talk.connect()
    talk.expect("S", seq: 0)
    talk.expect("S", seq: 0, after: .seconds(1))
    talk.expect("S", seq: 0, after: .seconds(2))
  }

  @Test(.requirement("6298-6"))
  func withoutVariationTheClocksGranularityStandsIn() {
    var estimator = estimator()
    for _ in 0..<200 { estimator.add(.milliseconds(80), at: .zero) }
    #expect((estimator.variation ?? .seconds(1)) < .microseconds(100))
    #expect(estimator.timeout == .milliseconds(81))
  }

  @Test(.requirement("6298-4", "8961-1"))
  func theFloorAndTheCeilingHold() {
    var estimator = estimator(floor: .seconds(1))
    estimator.add(.milliseconds(10), at: .zero)
    #expect(estimator.timeout == .seconds(1))
    for _ in 0..<30 { estimator.backOff() }
    #expect(estimator.timeout == .seconds(60))
    estimator.add(.seconds(500), at: .zero)
    #expect(estimator.timeout == .seconds(60))
  }

  @Test(.requirement("6298-9"))
  func afterALostSynSegmentsWithTextHaveThreeSeconds() {
    let talk = Conversation()
    talk.connect()
    talk.expect("S", seq: 0)
    talk.expect("S", seq: 0, after: .seconds(1))
    talk.receive("S.", seq: 0, ack: 1)
    talk.expect(".", seq: 1, ack: 1)
    talk.write(100)
    talk.expect("P.", seq: 1, length: 100)
    talk.expect("P.", seq: 1, length: 100, after: .seconds(3))
  }

  /// Not earlier than an RTO after it left, and each ACK of something new gives what is left a whole RTO.
  @Test(.requirement("6298-7", "6298-8"))
  func theTimerStartsWithTheFirstAndStartsOverWithProgress() {
    let talk = Conversation()
    talk.establish(options: .synchronize(mss: 1000))
    talk.write(2000)
    talk.takeSent()
    let first = talk.now
    talk.advance(.milliseconds(500))
    // More to send does not move it.
    talk.write(1000)
    talk.takeSent()
    talk.advance(.milliseconds(400))
    talk.receive(".", seq: 1, ack: 1001)
    talk.takeSent()
    let timeout = talk.status?.retransmissionTimeout ?? .zero
    talk.expectNothing(for: timeout - .milliseconds(1))
    #expect(talk.now - first > timeout)
    talk.expect(".", seq: 1001, length: 1000, after: .milliseconds(1))
    talk.expect(".", seq: 1001, length: 1000, after: timeout * 2)
    // All of it: nothing runs any more.
    talk.receive(".", seq: 1, ack: 3001)
    talk.expectNothing(for: .minutes(5))
    talk.expectState(.established)
  }

  @Test(.requirement("8985-2"))
  func theSmallestIsForgottenInTime() {
    var estimator = estimator()
    var now = Instant.zero + .seconds(1)
    estimator.noteMinimum(.milliseconds(20), at: now)
    now = now + .seconds(200)
    estimator.noteMinimum(.milliseconds(70), at: now)
    estimator.noteMinimum(.milliseconds(90), at: now)
    #expect(estimator.minimum == .milliseconds(20))
    // The path has been longer for five minutes.
    now = now + .seconds(101)
    estimator.noteMinimum(.milliseconds(80), at: now)
    #expect(estimator.minimum == .milliseconds(70))
    estimator.noteMinimum(.milliseconds(30), at: now)
    #expect(estimator.minimum == .milliseconds(30))
    // What was seen before the last change counts no more.
    now = now + .seconds(301)
    estimator.noteMinimum(.milliseconds(60), at: now)
    #expect(estimator.minimum == .milliseconds(60))
    // And each change has five minutes of its own.
    now = now + .seconds(1)
    estimator.noteMinimum(.milliseconds(90), at: now)
    #expect(estimator.minimum == .milliseconds(60))
    now = now + .seconds(300)
    estimator.noteMinimum(.milliseconds(80), at: now)
    #expect(estimator.minimum == .milliseconds(80))
  }
}
