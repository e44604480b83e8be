// How fast the network delivers, ACK by ACK (draft-ietf-ccwg-bbr §4.1): what a sample covers, and which are the
// application's.

import SockeyeBytes
import SockeyeWire
import Testing

@testable import SockeyeTCP

@Suite struct DeliveryRateTests {
  /// The sampler with the log that it goes by; times count from a moment at which the microseconds pass 2³².
  private struct Sampler: ~Copyable {
    var rate = DeliveryRate()
    var log = TransmissionLog()
    var now = Instant.zero + .microseconds(Int(UInt32.max)) - .milliseconds(25)
    var next = SequenceNumber(0)
    var flight = 0

    mutating func wait(_ milliseconds: Int) { now += .milliseconds(milliseconds) }

    mutating func send(_ count: Int) {
      for _ in 0..<count {
        flight += 1_000
        let snapshot = rate.snapshot(flight: flight, isFirst: flight == 1_000, at: now)
        log.append(
          from: next, to: next + 1_000, at: now, snapshot, isApplicationLimited: rate.isApplicationLimited)
        next = next + 1_000
      }
    }

    mutating func acknowledge(_ count: Int, minimum: Interval? = nil) -> DeliveryRateSample? {
      for _ in 0..<count {
        if let record = log.takeFirst(acknowledgedBy: next) { rate.segmentDelivered(record) }
        flight -= 1_000
      }
      return rate.finish(delivered: count * 1_000, minimumRoundTrip: minimum, at: now)
    }
  }

  @Test func aSampleIsWhatWasDeliveredSinceItsSegmentLeft() {
    var sampler = Sampler()
    sampler.send(4)
    sampler.wait(50)
    let first = sampler.acknowledge(1)
    #expect(first?.delivered == 1_000 && first?.interval == .milliseconds(50) && first?.priorDelivered == 0)
    #expect(first?.flightWhenSent == 1_000 && first?.lost == 0 && first?.isApplicationLimited == false)
    #expect(sampler.rate.latest == first)
    sampler.send(1)
    sampler.wait(10)
    let others = sampler.acknowledge(3)
    #expect(
      others?.delivered == 4_000 && others?.interval == .milliseconds(60) && others?.flightWhenSent == 4_000)
    sampler.wait(40)
    let last = sampler.acknowledge(1)
    #expect(last?.delivered == 4_000 && last?.interval == .milliseconds(50) && last?.priorDelivered == 1_000)
    #expect(last?.bytesPerSecond == 80_000 && sampler.rate.delivered == 5_000)
  }

  /// Of what one ACK covers, the segment that left last counts, be it a copy of the first.
  @Test func ofWhatIsAcknowledgedTheLatestCounts() {
    var sampler = Sampler()
    sampler.send(2)
    sampler.wait(50)
    sampler.log.retransmitted(
      from: SequenceNumber(0), to: SequenceNumber(1_000), at: sampler.now,
      sampler.rate.snapshot(flight: 5_000, isFirst: false, at: sampler.now))
    sampler.wait(50)
    #expect(sampler.acknowledge(2)?.flightWhenSent == 5_000)
  }

  /// What took longer to send than to acknowledge was held up by the sender.
  @Test func theLongerOfSendingAndAcknowledgingCounts() {
    var sampler = Sampler()
    sampler.send(1)
    sampler.wait(40)
    sampler.send(1)
    sampler.wait(10)
    _ = sampler.acknowledge(1)
    sampler.wait(5)
    sampler.send(1)
    sampler.wait(20)
    let sample = sampler.acknowledge(2)
    // From the ACK before it left, 25 ms; from the sending of what that ACK was for, 55.
    #expect(sample?.interval == .milliseconds(55) && sample?.delivered == 2_000)
    // After a pause the time begins anew.
    sampler.wait(1_000)
    sampler.send(1)
    sampler.wait(50)
    let early = sampler.acknowledge(1)
    #expect(early?.interval == .milliseconds(50))
  }

  /// ACKs that come closer together than their segments left.
  @Test func anIntervalShorterThanTheRoundTripIsNoMeasure() {
    var sampler = Sampler()
    sampler.send(1)
    sampler.wait(10)
    sampler.send(2)
    sampler.wait(40)
    let first = sampler.acknowledge(1, minimum: .milliseconds(50))
    #expect(first?.interval == .milliseconds(50) && sampler.rate.latest == first)
    sampler.wait(1)
    let second = sampler.acknowledge(1, minimum: .milliseconds(50))
    sampler.send(1)
    sampler.wait(20)
    let short = sampler.acknowledge(2, minimum: .milliseconds(50))
    #expect(short?.interval == .milliseconds(41))
    #expect(second != nil && sampler.rate.latest == second)
  }

  @Test func whatLeavesWhileThereIsNothingMoreToSendIsTheApplications() {
    var sampler = Sampler()
    sampler.send(2)
    #expect(!sampler.rate.isApplicationLimited)
    sampler.rate.applicationIsLimiting(flight: 2_000)
    sampler.send(1)
    sampler.wait(50)
    let later = sampler.acknowledge(2)
    #expect(later?.isApplicationLimited == false)
    #expect(sampler.rate.isApplicationLimited)
    sampler.send(1)
    sampler.wait(50)
    let rest = sampler.acknowledge(1)
    #expect(rest?.isApplicationLimited == true)
    #expect(!sampler.rate.isApplicationLimited, "all that was outstanding then is delivered")
    let past = sampler.acknowledge(1)
    #expect(past?.isApplicationLimited == true)
    sampler.send(1)
    sampler.wait(50)
    let end = sampler.acknowledge(1)
    #expect(end?.isApplicationLimited == false)
  }

  @Test func lossesAreCountedSinceASegmentLeft() {
    var sampler = Sampler()
    sampler.send(2)
    sampler.rate.segmentsLost(3_000)
    sampler.send(1)
    let loss = sampler.rate.segmentLost(sampler.log[2], octets: 1_000)
    #expect(loss.lostSinceSent == 1_000 && loss.flightWhenSent == 3_000 && loss.octets == 1_000)
    #expect(!loss.isApplicationLimited && sampler.rate.lost == 4_000)
    sampler.wait(50)
    let next = sampler.acknowledge(1)
    #expect(next?.lost == 4_000)
    _ = sampler.acknowledge(1)
    let after = sampler.acknowledge(1)
    #expect(after?.lost == 1_000)
    // An ACK that delivers nothing that is known of gives no sample.
    #expect(sampler.rate.finish(delivered: 1_000, minimumRoundTrip: nil, at: sampler.now) == nil)
  }
}
