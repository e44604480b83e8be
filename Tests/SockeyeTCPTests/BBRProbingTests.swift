// BBR's probes for bandwidth and for the round-trip time, ACK by ACK: when each phase begins and ends, and what is
// forgotten with it (draft-ietf-ccwg-bbr §5.3.3, §5.3.4). How the phases fare on a path is in BBRTests.

import SockeyeBytes
import Testing

@testable import SockeyeTCP

@Suite struct BBRProbingTests {
  // MARK: ProbeBW_REFILL and ProbeBW_UP

  @Test func refillLastsARoundFromItsOwnBeginning() {
    var step = BBRStep(.cruise)
    for _ in 0..<30 { step.acknowledge() }
    step.bbr.startRefill()
    for _ in 0..<49 { step.acknowledge() }
    #expect(step.state == .refill && !step.bbr.probe.isSample)
    step.acknowledge()
    #expect(step.state == .up && step.bbr.probe.isSample)
  }

  @Test func refillForgetsTheProbeBefore() {
    var step = BBRStep(.cruise)
    step.bbr.flightShortTerm = 20_000
    step.bbr.bandwidthShortTerm = 500_000
    step.bbr.probe.upRounds = 5
    step.bbr.probe.acknowledged = 15_000
    step.bbr.probe.wasPrecautionary = true
    step.bbr.startRefill()
    #expect(step.bbr.flightShortTerm == nil && step.bbr.bandwidthShortTerm == nil)
    #expect(step.bbr.probe.upRounds == 0 && step.bbr.probe.acknowledged == 0)
    #expect(!step.bbr.probe.wasPrecautionary)
    // A round later it is as if there had been none.
    step.round()
    #expect(step.state == .up && step.bbr.probe.isSample)
  }

  /// ProbeInflightLongtermUpward() (§5.3.3.6): twice as fast in each round.
  @Test func upLiftsTheLongTermBoundByOneSegmentAndThenByTwiceAsManyARound() {
    var step = BBRStep(.refill, window: 20_000)
    step.bbr.flightLongTerm = 20_000
    step.round(rate: 400_000, flight: 20_000)
    #expect(step.state == .up)
    var bounds: [Int?] = []
    for index in 1...60 {
      step.acknowledge(rate: 400_000)
      if index % 20 == 0 { bounds.append(step.bbr.flightLongTerm) }
    }
    #expect(bounds == [21_000, 23_000, 26_000])
    #expect(step.window.size == 26_000)
  }

  @Test func upDoesNotLiftABoundThatIsNotUsed() {
    var step = BBRStep(.up, window: 40_000)
    for _ in 0..<100 { step.acknowledge(flight: 10_000, isApplicationLimited: true) }
    step.bbr.flightLongTerm = 40_000
    step.bbr.probe.perIncrement = 5_000
    for _ in 0..<50 { step.acknowledge(flight: 10_000, sentInto: 11_000, isApplicationLimited: true) }
    #expect(step.state == .up && step.bbr.flightLongTerm == 40_000)
  }

  /// IsTimeToGoDown(): a rate that the bound holds down is not the path's.
  @Test func upEndsOnlyWhenTheRateStandsStillWithoutTheBound() {
    var step = BBRStep(.up, window: 20_000)
    step.bbr.flightLongTerm = 20_000
    for _ in 0..<260 { step.acknowledge() }
    #expect(step.state == .up)
    step.bbr.flightLongTerm = nil
    for _ in 0..<139 { step.acknowledge() }
    #expect(step.state == .up)
    step.acknowledge()
    #expect(step.state == .down && !step.bbr.probe.wasTooHigh)
  }

  @Test func afterAProbeThatWentTooHighTheNextStopsBelowTheBoundAndTheOneAfterItGoesOn() {
    var step = BBRStep(.up)
    step.bbr.flightLongTerm = 60_000
    step.bbr.probe.wasTooHigh = true
    step.acknowledge(flight: 58_000)
    #expect(step.state == .up && !step.bbr.probe.wasPrecautionary)
    step.acknowledge(flight: 58_001)
    #expect(step.state == .down && step.bbr.probe.wasPrecautionary && !step.bbr.probe.wasTooHigh)
    step.round()
    #expect(step.state == .refill && !step.bbr.probe.wasPrecautionary)
  }

  // MARK: The long-term bound

  @Test(
    arguments: [(.down, 40_000), (.refill, 40_000), (.up, 40_000), (.cruise, 34_000)] as [(BBR.State, Int)])
  func theWindowStaysWithinTheBoundsAndCruisesBelowTheLongTermOne(_ state: BBR.State, window: Int) {
    var step = BBRStep(state)
    step.bbr.flightLongTerm = 40_000
    step.acknowledge(sentInto: 30_000)
    #expect(step.state == state && step.window.size == window)
    step.bbr.flightShortTerm = 30_000
    step.acknowledge(flight: 45_000, sentInto: 30_000)
    #expect(step.window.size == 30_000)
    // Four segments are the least, whatever the bounds say.
    step.bbr.flightShortTerm = 1_000
    step.acknowledge(flight: 45_000, sentInto: 30_000)
    #expect(step.window.size == 4_000)
  }

  /// AdaptLongTermModel().
  @Test func whatArrivedOfMoreThanTheBoundRaisesItUnlessTooMuchWasLost() {
    var step = BBRStep(.cruise)
    step.bbr.flightLongTerm = 20_000
    step.acknowledge(sentInto: 30_000, lost: 600)
    #expect(step.bbr.flightLongTerm == 30_000)
    step.acknowledge(sentInto: 40_000, lost: 801)
    #expect(step.bbr.flightLongTerm == 30_000)
    step.acknowledge(sentInto: 25_000)
    #expect(step.bbr.flightLongTerm == 30_000)
  }

  @Test func theWindowIsUsedUpIfItWasInThisRoundOrTheOneBefore() {
    var step = BBRStep(.cruise)
    for _ in 0..<50 { step.acknowledge(flight: 1_000) }
    #expect(step.bbr.isWindowLimited)
    for _ in 0..<50 { step.acknowledge(flight: 1_000) }
    #expect(!step.bbr.isWindowLimited)
    step.acknowledge()
    #expect(step.bbr.isWindowLimited)
  }

  // MARK: ProbeBW_DOWN and ProbeBW_CRUISE

  /// ACKs of what was sent to probe come for a round more (BBR.ack_phase, §5.3.3.1).
  @Test func theEndOfAProbeIsTheBeginningOfARoundOfItsOwn() {
    var step = BBRStep(.up)
    step.bbr.probe.isSample = true
    for _ in 0..<30 { step.acknowledge() }
    step.bbr.startDown(at: step.now)
    #expect(step.bbr.latest.bandwidth == 0 && step.bbr.latest.flight == 0)
    for _ in 0..<49 { step.acknowledge() }
    #expect(step.bbr.probe.isSample)
    step.acknowledge()
    #expect(!step.bbr.probe.isSample)
  }

  @Test func theHighestRateIsThatOfTwoCyclesUnlessTheApplicationLimitedThem() {
    var step = BBRStep(.cruise)
    for _ in 0..<3 {
      step.bbr.startDown(at: step.now)
      step.round(rate: 500_000, isApplicationLimited: true)
    }
    #expect(step.bbr.bandwidths.maximum == 1_000_000)
    for expected in [1_000_000, 500_000] as [UInt64] {
      step.bbr.startDown(at: step.now)
      step.round(rate: 500_000)
      #expect(step.bbr.bandwidths.maximum == expected)
      // Once a cycle.
      step.round(rate: 500_000)
      #expect(step.bbr.bandwidths.maximum == expected)
    }
  }

  @Test func theNextProbeIsTwoToThreeSecondsAwayAndFlowsDoNotKeepStep() {
    var waits: [Int64: Int] = [:]
    var rounds: [Int: Int] = [:]
    for index in 0..<200 {
      var step = BBRStep(.up)
      step.bbr.delivered += UInt64(index) * 1_448
      step.bbr.startDown(at: step.now)
      #expect(step.bbr.probe.cycleBegan == step.now)
      let wait = step.bbr.probe.wait
      #expect(wait >= .seconds(2) && wait < .seconds(3))
      waits[wait.nanoseconds / 250_000_000, default: 0] += 1
      rounds[step.bbr.probe.roundsSinceUp, default: 0] += 1
    }
    #expect(waits.count == 4 && waits.values.allSatisfy { $0 >= 30 })
    #expect(Set(rounds.keys) == [0, 1] && rounds.values.allSatisfy { $0 >= 70 })
  }

  @Test func cruisingEndsWithTheWaitOrAfterAsManyRoundsAsSegmentsFillThePath() {
    var step = BBRStep(.cruise)
    for _ in 0..<49 { step.round() }
    #expect(step.state == .cruise)
    step.round()
    #expect(step.state == .refill)
    step = BBRStep(.cruise)
    step.bbr.probe.wait = .milliseconds(125)
    for _ in 0..<2 { step.round() }
    #expect(step.state == .cruise)
    step.round()
    #expect(step.state == .refill)
  }

  @Test func goingDownEndsOnceThePathHoldsNoQueueAndHasHeadroom() {
    var step = BBRStep(.down)
    step.acknowledge(flight: 50_001)
    #expect(step.state == .down)
    step.bbr.flightLongTerm = 40_000
    step.acknowledge(flight: 34_001, sentInto: 30_000)
    #expect(step.state == .down)
    step.acknowledge(flight: 34_000, sentInto: 30_000)
    #expect(step.state == .cruise)
  }

  // MARK: ProbeRTT

  /// Cruising with 80 segments when nothing shorter was measured for five seconds.
  private func stale(wasFull: Bool = true) -> BBRStep {
    var step = BBRStep(.cruise, window: 80_000)
    step.bbr.probe.wait = .seconds(60)
    if !wasFull {
      step.bbr.state = .startup
      step.bbr.wasFull = false
    }
    step.now += .milliseconds(5_001)
    return step
  }

  @Test func aLookAtTheEmptyPathTakes200MillisecondsOfLittleInFlight() {
    var step = stale()
    step.bbr.flightShortTerm = 70_000
    step.bbr.bandwidthShortTerm = 900_000
    step.bbr.probe.isSample = true
    step.acknowledge(flight: 79_000, roundTrip: .milliseconds(60))
    #expect(step.state == .probeRoundTrip && step.bbr.isLimitingItself)
    #expect(step.window.size == 22_500)
    // What is in flight has to fall to half of what the path holds first.
    for _ in 0..<54 { step.acknowledge(flight: 22_501, roundTrip: .milliseconds(60)) }
    #expect(step.bbr.roundTripProbe.doneAt == nil && !step.bbr.probe.isSample)
    step.acknowledge(flight: 22_500, roundTrip: .milliseconds(60))
    #expect(step.bbr.roundTripProbe.doneAt == step.now + .milliseconds(200))
    for _ in 0..<200 { step.acknowledge(flight: 20_000, roundTrip: .milliseconds(60)) }
    #expect(step.state == .probeRoundTrip && step.window.size == 22_500)
    step.acknowledge(flight: 20_000, roundTrip: .milliseconds(60))
    #expect(step.state == .cruise && !step.bbr.isLimitingItself)
    // The window is what it was, and the short-term bounds are gone.
    #expect(step.window.size >= 80_000)
    #expect(step.bbr.flightShortTerm == nil && step.bbr.bandwidthShortTerm == nil)
    #expect(step.bbr.probe.cycleBegan == step.now)
    // The next look is five seconds from the end of this one.
    step.bbr.probe.wait = .seconds(60)
    step.now += .milliseconds(4_990)
    step.acknowledge(roundTrip: .milliseconds(70))
    #expect(step.state == .cruise)
    step.now += .milliseconds(10)
    step.acknowledge(roundTrip: .milliseconds(70))
    #expect(step.state == .probeRoundTrip)
    #expect(step.bbr.roundTripProbe.doneAt == nil)
  }

  @Test func aLookAtTheEmptyPathTakesARound() {
    var step = stale()
    for _ in 0..<30 { step.acknowledge(flight: 25_000) }
    #expect(step.state == .probeRoundTrip)
    step.now += .milliseconds(300)
    for _ in 0..<20 { step.acknowledge(flight: 24_000) }
    #expect(step.state == .probeRoundTrip)
    step.acknowledge(flight: 24_000)
    #expect(step.state == .cruise)
  }

  @Test func afterALookFromStartupComesStartup() {
    var step = stale(wasFull: false)
    step.acknowledge(flight: 20_000, isApplicationLimited: true)
    #expect(step.state == .probeRoundTrip)
    for _ in 0..<201 { step.acknowledge(flight: 20_000, isApplicationLimited: true) }
    #expect(step.state == .startup)
  }

  // MARK: Idleness

  /// HandleRestartFromIdle() (§5.4.1).
  @Test func afterAPauseThePaceIsThatOfThePathAndTheNextLookIsNotForgotten() {
    var step = BBRStep(.up)
    step.acknowledge()
    #expect(step.bbr.pace == 1_237_500)
    step.now += .seconds(6)
    step.bbr.probe.wait = .seconds(60)
    step.bbr.probe.cycleBegan = step.now
    step.resumed()
    #expect(step.bbr.pace == 990_000)
    step.acknowledge()
    #expect(step.state == .up, "the pause was look enough")
    step.now += .milliseconds(5_001)
    step.acknowledge(flight: 45_000, roundTrip: .milliseconds(60))
    #expect(step.state == .probeRoundTrip)
  }

  @Test func aPauseEndsALookThatWasLongEnough() {
    var step = stale()
    step.acknowledge(flight: 20_000)
    #expect(step.state == .probeRoundTrip)
    step.resumed(after: .milliseconds(200))
    #expect(step.state == .probeRoundTrip)
    step.resumed(after: .milliseconds(201))
    #expect(step.state == .cruise && step.window.size == 80_000)
  }

  /// What comes after a pause comes in lumps if it is more than the rate brings since its end.
  @Test func lumpsAreMeasuredFromTheEndOfAPause() {
    var lumps = BBRAggregation()
    var now = Instant.zero + .seconds(1)
    func observe(_ octets: Int) {
      var sample = BBRSample(
        AcknowledgmentSample(
          newlyAcknowledged: octets, flightBefore: 0, flight: 0, acknowledgment: .init(0), next: .init(0)),
        minimum: nil)
      sample.priorDelivered = 0
      lumps.observe(
        sample, bandwidth: 1_000_000, window: 100_000, rounds: BBRRounds(), isFull: true, at: now)
    }
    observe(20_000)
    #expect(lumps.maximum == 20_000)
    now += .seconds(10)
    lumps.restart(at: now)
    now += .milliseconds(1)
    observe(5_000)
    #expect(lumps.maximum == 24_000)
  }
}
