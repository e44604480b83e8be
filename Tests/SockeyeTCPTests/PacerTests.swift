// Segments spread over time.

import SockeyeBytes
import Testing

@testable import SockeyeTCP

@Suite struct PacerTests {
  /// How many segments of 1000 octets leave when the pacer is asked at each of these times, as many as it allows.
  private func sent(_ pacer: inout Pacer, rate: Int, at times: [Instant]) -> [Int] {
    times.map { now in
      var count = 0
      while pacer.mayLeave(at: now) {
        pacer.sent(1_000, rate: rate, segment: 1_000, at: now)
        count += 1
      }
      return count
    }
  }

  private func times(_ count: Int, every interval: Interval) -> [Instant] {
    (0..<count).map { .zero + .seconds(1) + Interval(nanoseconds: interval.nanoseconds * Int64($0)) }
  }

  @Test func twoLeaveTogetherAndThenOneByOne() {
    var pacer = Pacer()
    // 10 ms a segment.
    let counts = sent(&pacer, rate: 100_000, at: times(100, every: .milliseconds(1)))
    #expect(counts[0] == 2)
    #expect(counts.dropFirst().allSatisfy { $0 <= 1 })
    #expect(counts.reduce(0, +) == 11)
    #expect(pacer.next == .zero + .seconds(1) + .milliseconds(100))
  }

  @Test(arguments: [100_000, 1_000_000, 12_500_000, 1_250_000_000])
  func aDriverThatIsAMillisecondLateKeepsTheRate(_ rate: Int) {
    var pacer = Pacer()
    let counts = sent(&pacer, rate: rate, at: times(1_000, every: .milliseconds(1)))
    let octets = counts.reduce(0, +) * 1_000
    #expect(octets >= rate * 99 / 100 && octets <= rate + rate / 400 + 3_000)
    #expect(counts.allSatisfy { $0 * 1_000 <= rate / 400 + 3_000 })
  }

  @Test func idlenessIsNotSavedUp() {
    var pacer = Pacer()
    _ = sent(&pacer, rate: 1_000_000, at: [.zero + .seconds(1)])
    #expect(sent(&pacer, rate: 1_000_000, at: [.zero + .seconds(60)])[0] <= 3)
  }

  @Test func aNewRateDoesNotWaitForAnOldOne() {
    var pacer = Pacer()
    let now = Instant.zero + .seconds(1)
    _ = sent(&pacer, rate: 10, at: [now])
    #expect(!pacer.mayLeave(at: now + .seconds(50)))
    pacer.reset()
    #expect(pacer.mayLeave(at: now))
    // A rate of nothing is no reason to divide by it.
    pacer.sent(1_000, rate: 0, segment: 1_000, at: now)
    #expect(!pacer.mayLeave(at: now + .minutes(10)))
  }
}
