// BBR's state machine on a model of a path: how it starts, drains, probes and keeps clear of queues
// (draft-ietf-ccwg-bbr, after the test cases in its appendix).

import SockeyeBytes
import SockeyeTestSupport
import Testing

@testable import SockeyeTCP

@Suite struct BBRTests {
  /// 10 Mbit/s and 40 ms hold 50 segments; a queue of ten times as much.
  static func path(rate: Int = 1_250_000, milliseconds: Int = 40, queue: Int = 500_000) -> PathModel {
    var path = PathModel(
      CongestionControl(.bbr, segmentSize: 1_000, synchronizeLost: false), rate: rate,
      propagation: .milliseconds(milliseconds), queue: queue)
    path.isPaced = true
    return path
  }

  /// Lets time pass until the condition holds, which it must do in time.
  private func expectSoon(
    _ path: inout PathModel, within time: Interval, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: (borrowing PathModel) -> Bool
  ) {
    let holds = path.run(for: time, until: condition)
    #expect(holds, sourceLocation: sourceLocation)
  }

  static func state(_ path: borrowing PathModel) -> BBR.State? { path.control.bbr?.state }

  /// A path that has come so far.
  static func path(in state: BBR.State, rate: Int = 1_250_000, queue: Int = 500_000) -> PathModel {
    var path = path(rate: rate, queue: queue)
    let isThere = path.run(for: .seconds(30)) { Self.state($0) == state }
    #expect(isThere, "\(state) is never reached")
    return path
  }

  // MARK: Startup and Drain

  @Test func startsAtTheInitialWindowAndWithoutKnowingTheRoundTripTime() {
    let control = CongestionControl(.bbr, segmentSize: 1_000, synchronizeLost: false)
    #expect(control.congestionWindow == 10_000)
    // 2.77 initial windows in a millisecond.
    #expect(control.pacingRate(smoothedRoundTrip: nil) == 27_700_000)
    #expect(control.pacingRate(smoothedRoundTrip: .milliseconds(100)) == 277_000)
    #expect(control.setsWindowInRecovery)
  }

  @Test(arguments: [125_000, 1_250_000, 12_500_000])
  func leavesStartupWhenTheRateNoLongerRises(_ rate: Int) throws {
    var path = Self.path(rate: rate, queue: rate)
    expectSoon(&path, within: .seconds(20)) { Self.state($0) == .drain }
    let bbr = try #require(path.control.bbr)
    #expect(bbr.wasFull)
    #expect(abs(Int(bbr.bandwidths.maximum) - rate) <= rate / 50)
    #expect(path.lost == 0)
    // From ten segments by doubling, and three rounds to be sure.
    #expect(path.now < .zero + .seconds(3))
  }

  @Test func drainEmptiesTheQueueOfStartup() throws {
    var path = Self.path(in: .drain)
    #expect(path.flight > path.bandwidthDelayProduct * 3 / 2)
    let bandwidth = try #require(path.control.bbr).bandwidth
    let pace = try #require(path.control.pacingRate(smoothedRoundTrip: nil))
    #expect(abs(pace - Int(bandwidth) * 495 / 1_000) <= 1_000)
    expectSoon(&path, within: .seconds(2)) { Self.state($0) != .drain }
    #expect(Self.state(path) == .down || Self.state(path) == .cruise)
    #expect(path.flight <= path.bandwidthDelayProduct * 21 / 20)
  }

  @Test func drainEndsAfterThreeRoundsOnAPathThatHasBecomeSlower() throws {
    var path = Self.path(in: .drain)
    path.rate /= 4
    let round = try #require(path.control.bbr).rounds.count
    expectSoon(&path, within: .seconds(5)) { Self.state($0) != .drain }
    #expect(try #require(path.control.bbr).rounds.count <= round + 5)
  }

  @Test func whatTheApplicationLimitsNeverFillsThePath() throws {
    var path = Self.path()
    path.applicationRate = 200_000
    var states: [BBR.State] = []
    path.run(for: .seconds(20)) {
      if let state = Self.state($0), states.last != state { states.append(state) }
      return false
    }
    #expect(try #require(path.control.bbr).wasFull == false)
    #expect(states.allSatisfy { $0 == .startup || $0 == .probeRoundTrip })
    #expect(path.delivered > 3_800_000)
  }

  @Test func muchLossEndsStartupEvenWhereTheApplicationLimits() throws {
    var path = Self.path(rate: 12_500_000, queue: 5_000_000)
    path.applicationRate = 5_000_000
    path.run(for: .seconds(1))
    #expect(Self.state(path) == .startup)
    path.randomLoss = 10
    expectSoon(&path, within: .seconds(2)) { Self.state($0) != .startup }
    let bbr = try #require(path.control.bbr)
    #expect(bbr.wasFull)
    #expect(bbr.flightLongTerm != nil)
  }

  @Test func littleLossDoesNotEndStartup() throws {
    var path = Self.path(rate: 12_500_000, queue: 5_000_000)
    path.applicationRate = 5_000_000
    path.randomLoss = 200
    path.run(for: .seconds(4))
    #expect(try #require(path.control.bbr).wasFull == false)
  }

  // MARK: ProbeBW

  @Test func theCycleGoesDownCruisesRefillsAndGoesUp() {
    var path = Self.path(in: .down)
    var states: [BBR.State] = [.down]
    path.run(for: .milliseconds(10_000)) {
      if let state = Self.state($0), states.last != state { states.append(state) }
      return false
    }
    // A look at the round-trip time may come between, after which there is cruising again.
    var cycle: [BBR.State] = []
    for state in states where state != .probeRoundTrip && state != cycle.last { cycle.append(state) }
    #expect(Array(cycle.prefix(4)) == [.down, .cruise, .refill, .up])
    let pairs = zip(states, states.dropFirst())
    #expect(pairs.contains { $0 == .up && $1 == .down })
    #expect(pairs.allSatisfy { $0 != .cruise || $1 == .refill || $1 == .probeRoundTrip })
    #expect(pairs.allSatisfy { $0 != .refill || $1 == .up || $1 == .probeRoundTrip })
  }

  @Test func fillsThePathWithoutAQueue() {
    var path = Self.path(in: .cruise)
    let (delivered, sum) = (path.delivered, path.roundTripSum)
    path.run(for: .seconds(20))
    let octets = path.delivered - delivered
    #expect(octets > 25_000_000 / 100 * 93, "\(octets) of 25,000,000")
    let mean = (path.roundTripSum - sum) / (octets / 1_000)
    #expect(mean < .milliseconds(46), "\(mean)")
    #expect(path.lost == 0)
  }

  /// A loss of one in a hundred is not congestion, where CUBIC sends a fraction.
  @Test func randomLossCostsLittleAndMakesNoQueue() {
    var path = Self.path(milliseconds: 100)
    path.randomLoss = 100
    path.run(for: .seconds(5))
    let (delivered, sum) = (path.delivered, path.roundTripSum)
    path.run(for: .seconds(30))
    let octets = path.delivered - delivered
    #expect(octets > 37_500_000 / 10 * 8, "\(octets) of 37,500,000")
    let mean = (path.roundTripSum - sum) / (octets / 1_000)
    #expect(mean < .milliseconds(130), "\(mean)")
  }

  @Test func aShallowQueueBoundsWhatIsInFlight() throws {
    var path = Self.path(queue: 15_000)
    path.run(for: .seconds(5))
    let (sent, lost, delivered) = (path.sent, path.lost, path.delivered)
    path.run(for: .seconds(20))
    let bbr = try #require(path.control.bbr)
    let bound = try #require(bbr.flightLongTerm)
    #expect(bound > path.bandwidthDelayProduct && bound < path.bandwidthDelayProduct * 2)
    #expect(path.lost - lost < (path.sent - sent) / 50)
    #expect(path.delivered - delivered > 25_000_000 / 100 * 85)
  }

  @Test func aPathThatBecomesTenTimesFasterIsFilled() throws {
    var path = Self.path(in: .cruise, queue: 5_000_000)
    path.rate *= 10
    path.run(for: .seconds(20))
    #expect(try #require(path.control.bbr).bandwidths.maximum > 11_000_000)
  }

  @Test func aPathThatBecomesTenTimesSlowerIsNotFlooded() throws {
    var path = Self.path(in: .cruise, rate: 12_500_000, queue: 100_000)
    path.rate /= 10
    path.run(for: .seconds(15))
    #expect(try #require(path.control.bbr).bandwidths.maximum < 1_500_000)
    let lost = path.lost
    path.run(for: .seconds(10))
    #expect(path.lost - lost < 12_500_000 / 30)
  }

  // MARK: ProbeRTT and idleness

  @Test func everyFiveSecondsALookAtTheEmptyPath() throws {
    var path = Self.path(in: .cruise)
    expectSoon(&path, within: .seconds(6)) { Self.state($0) == .probeRoundTrip }
    let window = try #require(path.control.bbr).priorWindow
    #expect(path.control.isLimitingItself)
    #expect(path.control.congestionWindow <= path.bandwidthDelayProduct * 6 / 10)
    let begin = path.now
    expectSoon(&path, within: .seconds(2)) { Self.state($0) != .probeRoundTrip }
    #expect(path.now - begin >= .milliseconds(200) && path.now - begin < .milliseconds(400))
    #expect(Self.state(path) == .cruise)
    #expect(path.control.congestionWindow > window * 8 / 10)
    #expect(!path.control.isLimitingItself)
    let minimum = try #require(path.control.bbr?.roundTrips.minimum)
    #expect(minimum >= .milliseconds(40) && minimum < .milliseconds(42))
  }

  @Test func aPauseIsLookEnough() throws {
    var path = Self.path(in: .cruise)
    let pace = try #require(path.control.pacingRate(smoothedRoundTrip: nil))
    let window = path.control.congestionWindow
    path.applicationRate = 0
    path.run(for: .seconds(7))
    #expect(path.flight == 0)
    path.applicationRate = nil
    var wasProbing = false
    path.run(for: .seconds(1)) {
      if Self.state($0) == .probeRoundTrip { wasProbing = true }
      return false
    }
    #expect(!wasProbing)
    // Nor was the rate forgotten.
    #expect(path.control.congestionWindow >= window / 2)
    #expect(abs(try #require(path.control.pacingRate(smoothedRoundTrip: nil)) - pace) < pace / 2)
  }

  // MARK: Losses, marks, timeouts

  @Test func lossesWhileCruisingLowerTheShortTermBoundsByLessThanAThirdARound() throws {
    var path = Self.path(in: .cruise)
    let (window, bandwidth) = (path.control.congestionWindow, try #require(path.control.bbr).bandwidth)
    path.segmentsToLose = 5
    expectSoon(&path, within: .seconds(1)) { $0.control.bbr?.bandwidthShortTerm != nil }
    let bbr = try #require(path.control.bbr)
    #expect(try #require(bbr.bandwidthShortTerm) >= bandwidth * 7 / 10)
    #expect(try #require(bbr.flightShortTerm) >= window * 7 / 10)
    #expect(bbr.bandwidth <= bandwidth)
    // The next probe forgets them.
    expectSoon(&path, within: .seconds(5)) { Self.state($0) == .refill }
    #expect(try #require(path.control.bbr).bandwidthShortTerm == nil)
    #expect(try #require(path.control.bbr).flightShortTerm == nil)
  }

  @Test func losingMuchOfAProbeEndsItAndRemembersTheVolume() throws {
    var path = Self.path(in: .up)
    path.run(for: .milliseconds(60))
    #expect(Self.state(path) == .up)
    let product = path.bandwidthDelayProduct
    path.segmentsToLose = 6
    expectSoon(&path, within: .seconds(1)) { Self.state($0) != .up }
    #expect(Self.state(path) == .down)
    let bound = try #require(path.control.bbr?.flightLongTerm)
    #expect(bound >= product * 7 / 10 && bound < product * 2)
    // The next probe stops at that volume, and the one after it goes on.
    #expect(try #require(path.control.bbr).probe.wasTooHigh)
    expectSoon(&path, within: .seconds(5)) { $0.control.bbr?.probe.wasPrecautionary == true }
    expectSoon(&path, within: .seconds(2)) { Self.state($0) == .up }
    #expect(try #require(path.control.bbr).probe.wasTooHigh == false)
  }

  @Test func anEpisodeThatWasNoneIsTakenBack() throws {
    var path = Self.path(in: .cruise)
    let window = path.control.congestionWindow
    path.control.lossDetected(flight: path.flight, at: path.now)
    path.segmentsToLose = 3
    path.run(for: .seconds(1)) { $0.control.bbr?.flightShortTerm != nil }
    path.control.spuriousLoss(at: path.now)
    let bbr = try #require(path.control.bbr)
    #expect(bbr.bandwidthShortTerm == nil)
    #expect(bbr.flightShortTerm == nil)
    #expect(bbr.recoveryRound == nil)
    #expect(path.control.congestionWindow >= window)
  }

  @Test func aProbeEndedByNoLossBeginsAgain() throws {
    var path = Self.path(in: .up)
    path.run(for: .milliseconds(60))
    path.segmentsToLose = 6
    expectSoon(&path, within: .seconds(1)) { Self.state($0) == .down }
    path.control.spuriousLoss(at: path.now)
    #expect(Self.state(path) == .refill)
    #expect(try #require(path.control.bbr).flightLongTerm == nil)
  }

  @Test func aTimeoutLeavesOneSegmentAndTheWindowComesBack() {
    var path = Self.path(in: .cruise)
    let window = path.control.congestionWindow
    path.control.timedOut(flight: path.flight, again: false, at: path.now)
    #expect(path.control.congestionWindow == 1_000)
    path.control.timedOut(flight: path.flight, again: true, at: path.now)
    path.control.recoveryEnded(flight: 0, at: path.now)
    #expect(path.control.congestionWindow == window)
  }

  @Test func marksAreCongestion() throws {
    var path = Self.path(in: .cruise)
    path.control.congestionExperienced(flight: path.flight, at: path.now)
    expectSoon(&path, within: .seconds(1)) { $0.control.bbr?.flightShortTerm != nil }
    // In a probe they say that it went too high, and in Startup that the path is full.
    path = Self.path(in: .up)
    path.control.congestionExperienced(flight: path.flight, at: path.now)
    #expect(Self.state(path) == .down)
    #expect(path.control.bbr?.flightLongTerm != nil)
    // A mark is no mistake.
    path.control.spuriousLoss(at: path.now)
    #expect(Self.state(path) == .down)
    #expect(path.control.bbr?.flightLongTerm != nil)
    path = Self.path()
    path.run(for: .milliseconds(100))
    path.control.congestionExperienced(flight: path.flight, at: path.now)
    expectSoon(&path, within: .milliseconds(100)) { Self.state($0) == .drain }
  }
}
