// BBR's estimators one by one.

import SockeyeBytes
import Testing

@testable import SockeyeTCP

@Suite struct BBRModelTests {
  private func sample(rate: UInt64 = 0, limited: Bool = false, prior: UInt64? = nil, octets: Int = 0)
    -> BBRSample
  {
    var sample = BBRSample(
      AcknowledgmentSample(
        newlyAcknowledged: octets, flightBefore: 0, flight: 0, acknowledgment: .init(0), next: .init(0)),
      minimum: nil)
    sample.rate = rate
    sample.isApplicationLimited = limited
    sample.priorDelivered = prior
    return sample
  }

  @Test(
    arguments: [
      (1_000_000, 1_000_000_000, 1_000_000), (1_000, 1_000_000, 1_000_000), (1_000, 999_999, 0),
      (0, 1_000_000_000, 0), (1 << 30, 1_000_000, 1 << 37),
    ] as [(Int, Int64, UInt64)])
  func aRateIsOctetsByTimeButNotOverLessThanARoundTrip(
    _ octets: Int, _ nanoseconds: Int64, _ rate: UInt64
  ) {
    let measured = AcknowledgmentSample(
      newlyAcknowledged: 1, flightBefore: 0, flight: 0, acknowledgment: .init(0), next: .init(0),
      deliveryRate: DeliveryRateSample(
        delivered: octets, interval: Interval(nanoseconds: nanoseconds), isApplicationLimited: false,
        priorDelivered: 0, flightWhenSent: 0, lost: 0))
    #expect(BBRSample(measured, minimum: .milliseconds(1)).rate == rate)
  }

  @Test func theHighestRateLastsTwoCycles() {
    var filter = BBRBandwidthFilter()
    filter.observe(sample(rate: 100))
    filter.observe(sample(rate: 80))
    #expect(filter.maximum == 100)
    filter.advance()
    filter.observe(sample(rate: 70))
    #expect(filter.maximum == 100)
    filter.advance()
    #expect(filter.maximum == 70)
    // A cycle without samples forgets nothing; one that the application limited counts when it is higher.
    filter.advance()
    #expect(filter.maximum == 70)
    filter.observe(sample(rate: 60, limited: true))
    filter.advance()
    #expect(filter.maximum == 70)
    filter.observe(sample(rate: 90, limited: true))
    #expect(filter.maximum == 90)
  }

  @Test func threeRoundsWithoutAQuarterMoreFillThePipe() {
    var pipe = BBRFullPipe()
    pipe.observe(sample(rate: 100), isRoundStart: true)
    pipe.observe(sample(rate: 125), isRoundStart: true)
    for rate in [150, 156] as [UInt64] { pipe.observe(sample(rate: rate), isRoundStart: true) }
    #expect(!pipe.isFullNow)
    // Neither the rest of a round nor what the application limits counts.
    pipe.observe(sample(rate: 130), isRoundStart: false)
    pipe.observe(sample(rate: 130, limited: true), isRoundStart: true)
    pipe.observe(sample(rate: 156), isRoundStart: true)
    #expect(!pipe.isFullNow)
    for _ in 0..<2 { pipe.observe(sample(rate: 157), isRoundStart: true) }
    #expect(pipe.isFullNow)
  }

  @Test func aRoundEndsWithWhatWasSentAfterItsBeginning() {
    var rounds = BBRRounds()
    rounds.observe(sample(prior: 0), delivered: 1_000)
    #expect(rounds.isStart && rounds.count == 1)
    rounds.observe(sample(prior: 0), delivered: 2_000)
    rounds.observe(sample(prior: 999), delivered: 3_000)
    rounds.observe(sample(), delivered: 4_000)
    #expect(!rounds.isStart && rounds.count == 1)
    rounds.observe(sample(prior: 1_000), delivered: 5_000)
    #expect(rounds.isStart && rounds.count == 2)
  }

  @Test func theSmallestRoundTripLastsTenSecondsAndIsLookedForAfterFive() {
    var trips = BBRRoundTrips()
    var now = Instant.zero + .seconds(100)
    trips.observe(.milliseconds(40), at: now)
    #expect(trips.minimum == .milliseconds(40))
    for _ in 0..<50 {
      now += .milliseconds(100)
      trips.observe(.milliseconds(60), at: now)
    }
    #expect(!trips.isExpired)
    now += .milliseconds(100)
    trips.observe(.milliseconds(60), at: now)
    #expect(trips.isExpired)
    #expect(trips.minimum == .milliseconds(40))
    now += .seconds(5)
    trips.observe(.milliseconds(70), at: now)
    #expect(trips.minimum == .milliseconds(60))
    trips.observe(.milliseconds(30), at: now)
    #expect(trips.minimum == .milliseconds(30))
  }

  @Test func whatComesInLumpsIsMeasured() {
    var aggregation = BBRAggregation()
    var rounds = BBRRounds()
    var now = Instant.zero + .seconds(1)
    var delivered: UInt64 = 0
    // A rate of 1,000 octets a millisecond, told of every twenty milliseconds only.
    for index in 1...10 {
      delivered = UInt64(index) * 20_000
      rounds.observe(sample(prior: delivered - 20_000), delivered: delivered)
      aggregation.observe(
        sample(octets: 20_000), bandwidth: 1_000_000, window: 100_000, rounds: rounds, isFull: true, at: now)
      now += .milliseconds(20)
    }
    #expect(aggregation.maximum == 20_000)
    // Never more than a window.
    aggregation.observe(
      sample(octets: 500_000), bandwidth: 1_000_000, window: 100_000, rounds: rounds, isFull: true, at: now)
    #expect(aggregation.maximum == 100_000)
    // Smooth ACKs are forgotten lumps after ten rounds.
    for index in 1...400 {
      delivered += 1_000
      if index % 20 == 0 { rounds.observe(sample(prior: delivered), delivered: delivered) }
      now += .milliseconds(1)
      if index < 100 { now += .milliseconds(10) }
      aggregation.observe(
        sample(octets: 1_000), bandwidth: 1_000_000, window: 100_000, rounds: rounds, isFull: true, at: now)
    }
    #expect(aggregation.maximum <= 2_000)
  }

  @Test func volumesStayWithinAWindow() {
    #expect(BBRRoundTrips.volume(1_000_000, over: .milliseconds(50)) == 50_000)
    #expect(BBRRoundTrips.volume(.max, over: .hours(1)) == CongestionWindow.limit)
    #expect(BBRRoundTrips.volume(1_000_000, over: .seconds(-1)) == 0)
  }

  @Test func lossesOfARoundAreCountedFromTheFirst() {
    var latest = BBRLatestDelivery()
    var first = sample(rate: 100, prior: 0)
    first.delivered = 5_000
    latest.observe(first, delivered: 10_000)
    #expect(latest.isRoundStart)
    let isFirst = [latest.noteLoss(delivered: 12_000), latest.noteLoss(delivered: 13_000)]
    #expect(isFirst == [true, false])
    latest.observe(sample(rate: 120, prior: 11_999), delivered: 14_000)
    #expect(!latest.isRoundStart)
    latest.observe(sample(rate: 90, prior: 12_000), delivered: 15_000)
    #expect(latest.isRoundStart && latest.isLossInRound)
    #expect(latest.bandwidth == 120)
    #expect(latest.flight == 5_000)
    latest.advance(sample(rate: 90))
    #expect(latest.bandwidth == 90)
  }
}
