// Shows that random worlds hold together, that the same seed gives the same world everywhere, and that what is wrong is found and made
// small. What one rule of the wire says is shown in WireWatchTests.

import SockeyeBytes
import SockeyeTCP
import Testing

@testable import SockeyeSimulator

@Suite struct SwarmTests {
  @Test(arguments: 1...32 as ClosedRange<UInt64>)
  func aRandomWorldHoldsTogether(seed: UInt64) {
    let outcome = SwarmRun.outcome(of: .drawn(from: seed))
    #expect(outcome.failure == nil)
    #expect(outcome.statistics.packets > 0)
  }

  /// Worlds that failed once: the window of an old segment that acknowledged more (883), the window of a Fast Open's SYN,ACK
  /// (36), a pace that asked to be woken in the past (410, 43804, 45769), memory that was too short for the text that
  /// would have freed it (55753), what was learnt of a path during a handshake (20811), a rate that was measured while the
  /// peer was out of reach (34974), a repair of a repair (311105), text of a SYN that was acknowledged late (325446), a
  /// probe with text and FIN (327958), the number behind a cookie (331693), the buffer of a damaged segment (348286), a FIN that
  /// was acknowledged with the handshake (1035098), and a pace without a round trip (1162718). In 45932, 1016083,
  /// 1075201 and 1109787 the watch of the wire did not know what may still be answered of a former life of a host or a
  /// connection.
  @Test(
    arguments: [
      36, 410, 883, 20811, 34974, 43804, 45769, 45932, 55753, 311105, 325446, 327958, 331693, 348286,
      1_016_083, 1_035_098, 1_075_201, 1_109_787, 1_162_718,
    ] as [UInt64])
  func whatFailedOnceHolds(seed: UInt64) {
    #expect(SwarmRun.outcome(of: .drawn(from: seed)).failure == nil)
  }

  @Test func theSameSeedGivesTheSameWorld() {
    let first = SwarmRun.outcome(of: .drawn(from: 7))
    #expect(SwarmRun.outcome(of: .drawn(from: 7)) == first)
    #expect(SwarmRun.outcome(of: .drawn(from: 8)).digest != first.digest)
  }

  @Test func worldsDiffer() {
    let plans = (1...200 as ClosedRange<UInt64>).map { SwarmPlan.drawn(from: $0) }
    #expect(Set(plans.map(\.hosts.count)) == [2, 3, 4, 5, 6])
    #expect(Set(plans.map(\.routers)) == [0, 1, 2, 3])
    #expect(plans.contains { $0.flows.contains { $0.opening == .simultaneous } })
    #expect(plans.contains { $0.flows.contains { $0.opening == .fastOpen } })
    #expect(plans.contains { $0.flows.count > 10 })
    let faults = Set(plans.flatMap { $0.faults.map(\.name) })
    #expect(faults.count == 6)
    for plan in plans {
      // Two bits changed on two links could make a checksum right.
      let corrupt = plan.links.filter { $0.forward.corruption != .never || $0.backward.corruption != .never }
      #expect(corrupt.count <= 1)
    }
  }

  // MARK: What is wrong

  private func small(_ plan: SwarmPlan, _ kind: SwarmFailure.Kind) -> SwarmPlan {
    let reductions = SwarmShrinker.shrink(plan) { smaller, _ in
      SwarmRun.outcome(of: smaller).failure?.kind == kind
    }
    return plan.reduced(by: reductions)
  }

  @Test func aPlantedBugIsFoundAndMadeSmall() throws {
    let candidates = (1...100 as ClosedRange<UInt64>).map { SwarmPlan.drawn(from: $0) }
    let found = candidates.first { plan in
      plan.flows.count > 2 && !plan.repairsCorruption && !plan.faults.isEmpty
        && plan.flows.contains { $0.clientSide.bytes > 50_000 }
    }
    var plan = try #require(found)
    plan.plantsWrongByte = true
    let failure = try #require(SwarmRun.outcome(of: plan).failure)
    #expect(failure.kind == .content)
    let small = small(plan, .content)
    #expect(SwarmRun.outcome(of: small).failure?.kind == .content)
    let flows = small.flows.filter { !$0.isDropped }
    #expect(flows.count == 1)
    #expect(!small.faults.contains { !$0.isDropped })
    #expect(!small.links.contains { $0.forward != $0.healed || $0.backward != $0.healed })
    #expect(small.bytes < 40_000, "what is read beyond the first 10,000 octets is found to be wrong")
  }

  @Test func corruptionThatNobodyExcusesIsFound() throws {
    let candidates = (1...100 as ClosedRange<UInt64>).map { SwarmPlan.drawn(from: $0) }
    var plan = try #require(candidates.first { $0.bytes > 300_000 && !$0.repairsCorruption })
    for index in plan.links.indices {
      plan.links[index].forward.repairedCorruption = .percent(5)
      plan.links[index].backward.repairedCorruption = .percent(5)
    }
    #expect(SwarmRun.outcome(of: plan).failure != nil)
    plan.repairsCorruption = true
    #expect(SwarmRun.outcome(of: plan).failure == nil)
  }

  @Test func aConnectionThatCannotEndIsFound() throws {
    var plan = SwarmPlan.drawn(from: 4)
    // A link that stays broken after the network has healed.
    for index in plan.links.indices { plan.links[index].healed.loss = .percent(100) }
    plan.patience = .minutes(4)
    let failure = try #require(SwarmRun.outcome(of: plan).failure)
    #expect(failure.kind == .liveness || failure.kind == .ending)
  }

  @Test func aRecordingShowsTheLastMoments() throws {
    var plan = SwarmPlan.drawn(from: 4)
    plan.plantsWrongByte = true
    let number = try #require(SwarmRun.outcome(of: plan).failure?.flow)
    let run = SwarmRun(plan)
    let recorder = SwarmRecorder(run, flow: number)
    while run.step() {}
    #expect(run.finish().failure?.kind == .content, "to look changes nothing")
    let timeline = recorder.timeline(last: 20)
    #expect(timeline.flights.count == 20 && timeline.entries.count >= 20)
    let captures = recorder.takeCaptures()
    #expect(!captures.contains { $0.count <= 100 })
  }

  // MARK: Reductions

  @Test(arguments: [
    (SwarmReduction.flow(3), "f3"), (.fault(0), "x0"), (.link(12), "l12"), (.direction(1, .forward), "d1f"),
    (.direction(2, .backward), "d2b"), (.halfTheBytes, "b"), (.habits(4), "h4"),
    (.settings(5, isClient: true), "s5c"), (.settings(6, isClient: false), "s6s"),
  ])
  func reductionsAreWrittenAndRead(reduction: SwarmReduction, text: String) {
    #expect(reduction.text == text && SwarmReduction(text) == reduction)
  }

  @Test(arguments: ["", "f", "b1", "q1", "f1c", "s1", "d1", "d1x", "f99999999", "1"])
  func whatIsNoReductionIsNotRead(text: String) { #expect(SwarmReduction(text) == nil) }
}

@Suite struct StateDiagramTests {
  @Test func theDiagramHasTheArrowsOfTheRFC() {
    var arrows = 0
    for from in TCPState.allCases {
      for to in TCPState.allCases where from != to && to != .closed && StateDiagram.allows(from, to) {
        arrows += 1
      }
    }
    #expect(arrows == 17)
    #expect(StateDiagram.allows(.established, .finWait1) && !StateDiagram.allows(.finWait1, .established))
    #expect(!StateDiagram.allows(.synSent, .finWait1) && !StateDiagram.allows(.timeWait, .established))
  }
}
