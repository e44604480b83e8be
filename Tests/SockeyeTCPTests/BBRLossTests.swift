// What losses, timeouts and their undoing do to BBR's model, ACK by ACK (draft-ietf-ccwg-bbr §5.3.1.3, §5.5.10, §5.5.11,
// §5.6.4.4). What they cost on a path is in BBRTests.

import SockeyeBytes
import Testing

@testable import SockeyeTCP

@Suite struct BBRLossTests {
  // MARK: Startup

  private func startupLosing(_ events: Int, lost: Int = 5_000) -> BBRStep {
    var step = BBRStep(.startup)
    step.lossDetected()
    for _ in 0..<events { step.acknowledge(newlyLost: 1_000) }
    step.round(lost: lost)
    return step
  }

  /// CheckStartupHighLoss() (§5.3.1.3).
  @Test func sixLossesInARoundOfRecoveryEndStartup() {
    let left = startupLosing(6)
    #expect(left.state == .drain && left.bbr.wasFull)
    // What the path delivered in that round is more than its bandwidth-delay product.
    #expect(left.bbr.flightLongTerm == 50_000)
    #expect(startupLosing(5).state == .startup)
    #expect(startupLosing(6, lost: 500).state == .startup, "two of a hundred are borne")
  }

  @Test func lossesOfTwoRoundsAreNotAddedUp() {
    var step = startupLosing(4)
    for _ in 0..<4 { step.acknowledge(newlyLost: 1_000) }
    step.round(lost: 5_000)
    #expect(step.state == .startup)
  }

  @Test func drainLastsFourRoundsAtMost() {
    var step = startupLosing(6)
    for _ in 0..<3 { step.round(flight: 90_000) }
    #expect(step.state == .drain)
    step.round(flight: 90_000)
    #expect(step.state == .down)
  }

  // MARK: While cruising

  /// UpdateCongestionSignals() and LossLowerBounds(): once, at the end of the round that lost something.
  @Test func aRoundThatLostSomethingLowersTheShortTermBoundsOnce() {
    var step = BBRStep(.cruise)
    step.round(rate: 600_000, flight: 50_000)
    step.window.set(to: 50_000)
    step.lose()
    step.acknowledge(rate: 600_000, flight: 49_000)
    #expect(step.bbr.bandwidthShortTerm == nil && step.bbr.flightShortTerm == nil)
    step.window.set(to: 50_000)
    step.round(rate: 600_000, flight: 49_000)
    #expect(step.bbr.bandwidthShortTerm == 700_000 && step.bbr.flightShortTerm == 35_000)
    #expect(step.bbr.bandwidth == 700_000)
    step.round(rate: 600_000)
    #expect(step.bbr.bandwidthShortTerm == 700_000 && step.bbr.flightShortTerm == 35_000)
    // What was measured is the floor: a little more than was delivered, for the pace was a little below the estimate.
    step.lose()
    step.round(rate: 650_000)
    #expect(step.bbr.bandwidthShortTerm == 656_565)
    #expect(step.bbr.flightShortTerm == 33_163)
  }

  @Test(arguments: [.startup, .refill, .up] as [BBR.State])
  func lossesThatProbingAskedForLowerNothing(_ state: BBR.State) {
    var step = BBRStep(state)
    step.lose()
    step.round()
    #expect(step.bbr.bandwidthShortTerm == nil && step.bbr.flightShortTerm == nil)
  }

  // MARK: While probing

  /// InflightAtLoss(), HandleInflightTooHigh().
  @Test func tooMuchLossOfAProbeBoundsTheVolumeWhereItPassedTheThreshold() {
    var step = BBRStep(.up, window: 100_000)
    step.bbr.probe.isSample = true
    step.lose(2_000, of: 100_000)
    #expect(step.state == .up && step.bbr.flightLongTerm == nil, "two of a hundred are borne")
    step.lose(2_500, of: 100_000)
    #expect(step.state == .down && step.bbr.probe.wasTooHigh && !step.bbr.probe.isSample)
    // Somewhere within the segment.
    #expect(step.bbr.flightLongTerm == 99_489)
    // Once a probe.
    step.lose(9_000, of: 80_000)
    #expect(step.bbr.flightLongTerm == 99_489)
  }

  @Test func theVolumeIsNeverBoundBelowSevenTenthsOfWhatThePathHolds() {
    var step = BBRStep(.refill)
    step.bbr.probe.isSample = true
    step.lose(1_000, of: 10_000)
    #expect(step.bbr.flightLongTerm == 35_000 && step.state == .refill)
  }

  @Test func aProbeThatTheApplicationLimitedSaysNothingOfTheVolume() {
    var step = BBRStep(.up)
    step.bbr.probe.isSample = true
    step.lose(5_000, of: 50_000, isApplicationLimited: true)
    #expect(step.state == .down && step.bbr.flightLongTerm == nil && step.bbr.probe.wasTooHigh)
  }

  // MARK: Recovery

  @Test func theWindowBeforeTheLossesComesBackWithinTheBounds() {
    var step = BBRStep(.down)
    step.lossDetected()
    step.window.set(to: 20_000)
    step.lossDetected(flight: 20_000)
    step.recoveryEnded()
    #expect(step.window.size == 50_000)
    step.lossDetected()
    step.window.set(to: 20_000)
    step.bbr.flightLongTerm = 40_000
    step.recoveryEnded()
    #expect(step.window.size == 40_000)
  }

  @Test func aRecoveryHasOneBeginning() {
    var step = BBRStep(.startup)
    step.lossDetected()
    let begin = step.bbr.recoveryRound
    #expect(begin == step.bbr.rounds.count)
    step.round()
    step.lossDetected()
    step.timedOut(flight: 50_000)
    #expect(step.bbr.recoveryRound == begin)
    step.recoveryEnded()
    #expect(step.bbr.recoveryRound == nil)
    step.timedOut(flight: 50_000)
    #expect(step.bbr.recoveryRound == step.bbr.rounds.count)
  }

  /// OnEnterRTO(): until as much is delivered as was outstanding, be it told with a rate or without.
  @Test func afterATimeoutTheWindowComesBackWithWhatWasOutstanding() {
    var step = BBRStep(.cruise)
    step.timedOut(flight: 5_000)
    #expect(step.window.size == 1_000)
    step.acknowledgeWithoutRate(2_000)
    step.timedOut(flight: 3_000, again: true)
    step.acknowledgeWithoutRate(2_000)
    #expect(step.window.size == 4_000 && step.bbr.recoveryRound != nil)
    step.acknowledgeWithoutRate(1_000)
    #expect(step.window.size >= 50_000 && step.bbr.recoveryRound == nil && step.bbr.recoverUntil == nil)
  }

  // MARK: What was none

  /// SaveStateUponLoss(): the first reaction of a recovery must not take away what the second has to undo.
  @Test func whatIsTakenBackIsWhatWasBeforeTheRecovery() {
    var step = BBRStep(.cruise)
    func cut(to octets: Int) {
      step.lossDetected()
      step.bbr.flightLongTerm = octets
      step.bbr.flightShortTerm = octets
      step.bbr.bandwidthShortTerm = UInt64(octets)
    }
    step.bbr.flightLongTerm = 60_000
    step.bbr.flightShortTerm = 60_000
    step.bbr.bandwidthShortTerm = 60_000
    cut(to: 50_000)
    cut(to: 40_000)
    step.spuriousLoss()
    #expect(step.bbr.flightLongTerm == 60_000 && step.bbr.flightShortTerm == 60_000)
    #expect(step.bbr.bandwidthShortTerm == 60_000)
    // The next recovery has a beginning of its own.
    cut(to: 50_000)
    step.recoveryEnded()
    cut(to: 40_000)
    step.spuriousLoss()
    #expect(step.bbr.flightLongTerm == 50_000 && step.bbr.flightShortTerm == 50_000)
    #expect(step.bbr.bandwidthShortTerm == 50_000)
  }

  @Test func aLossThatWasNoneLowersNothingAtTheEndOfItsRound() {
    var step = BBRStep(.cruise)
    step.lose()
    step.spuriousLoss()
    for _ in 0..<2 { step.round() }
    #expect(step.bbr.bandwidthShortTerm == nil && step.bbr.flightShortTerm == nil)
  }

  /// The first loss of a recovery, too, saves what there was.
  @Test func aLostSegmentSavesTheBoundsBeforeItLowersThem() {
    var step = BBRStep(.up, window: 100_000)
    step.bbr.probe.isSample = true
    step.lose(3_000, of: 100_000)
    #expect(step.state == .down && step.bbr.flightLongTerm != nil)
    step.spuriousLoss()
    #expect(step.state == .refill && step.bbr.flightLongTerm == nil)
    // There is nothing more to take back.
    step.bbr.startDown(at: step.now)
    step.spuriousLoss()
    #expect(step.state == .down)
  }

  @Test func startupGoesOnIfWhatEndedItWasNoLoss() {
    var step = startupLosing(6)
    #expect(step.state == .drain)
    step.spuriousLoss()
    #expect(step.state == .startup && !step.bbr.wasFull && step.bbr.flightLongTerm == nil)
  }

  /// What was measured under a loss that was none counts no more for a full pipe.
  @Test func whetherThePipeIsFullIsLookedAtAnew() {
    var step = BBRStep(.startup)
    for _ in 0..<3 { step.round() }
    #expect(step.state == .startup)
    step.spuriousLoss()
    for _ in 0..<3 { step.round() }
    #expect(step.state == .startup)
    step.round()
    #expect(step.state == .drain)
  }
}
