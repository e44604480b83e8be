// Shows that every scenario ends as its text promises, judged by what the engines observed.

import SockeyeBytes
import SockeyeSimulator
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import Testing

@Suite struct ScenarioTests {
  @Test(arguments: Scenario.allCases, [1, 2, 77, 123_456_789] as [UInt64])
  func everyPromiseIsKept(scenario: Scenario, seed: UInt64) {
    let run = scenario.run(seed: seed)
    #expect(!run.outcomes.isEmpty)
    for outcome in run.outcomes { #expect(outcome.isKept, "\(scenario.name): \(outcome.promise)") }
  }

  @Test func namesLeadBack() {
    for scenario in Scenario.allCases { #expect(Scenario(name: scenario.name) == scenario) }
    #expect(Scenario(name: "no-such-scenario") == nil)
    #expect(
      Scenario.allCases.map(\.name) == [
        "hello", "half-close", "three-segment-close", "simultaneous-open", "simultaneous-close", "lost-syn",
        "lost-syn-ack", "lost-handshake-ack", "lost-data", "lost-fin", "lost-final-ack", "reordered",
        "duplicated",
        "corrupted", "zero-window", "refused", "reset", "half-open", "keep-alive", "old-duplicate-syn",
        "wrap",
        "mss", "two-way-handshake",
      ])
  }

  @Test func theSameSeedGivesTheSameRun() {
    func packets(_ seed: UInt64) -> [[UInt8]] {
      Scenario.lostData.run(seed: seed).timeline.flights.map(\.packet)
    }
    #expect(packets(5) == packets(5))
    #expect(packets(5) != packets(6))
  }

  @Test func helloShowsTenStates() {
    let timeline = Scenario.hello.run().timeline
    #expect(timeline.states(of: .left) == [.synSent, .established, .finWait1, .finWait2, .timeWait, .closed])
    #expect(
      timeline.states(of: .right) == [.listen, .synReceived, .established, .closeWait, .lastAck, .closed])
    #expect(String(decoding: timeline.read(by: .left), as: UTF8.self) == "服务器连接成功!")
    #expect(String(decoding: timeline.read(by: .right), as: UTF8.self) == "客户端发送消息啦!")
    #expect(timeline.firings(of: .timeWait, at: .left) == 1)
  }

  @Test func closings() {
    #expect(Scenario.threeSegmentClose.run().timeline.flights.count == 6)
    let simultaneous = Scenario.simultaneousClose.run().timeline
    #expect(
      simultaneous.states(of: .left).contains(.closing) && simultaneous.states(of: .right).contains(.closing))
    let final = Scenario.lostFinalAcknowledgment.run().timeline
    #expect(final.retransmissions(by: .right) == [.timeout])
    #expect(final.sent(by: .left, .acknowledgment).suffix(2).map(\.fate) == [.lost, .delivered])
    let half = Scenario.halfClose.run().timeline
    #expect(half.sent(by: .right, .data).count == 3)
    #expect(
      half.sent(by: .right, .data).allSatisfy { data in
        half.sent(by: .left, .finish).allSatisfy { $0.departure < data.departure }
      })
  }

  @Test func openings() {
    let both = Scenario.simultaneousOpen.run().timeline
    for side in HostSide.allCases {
      #expect(both.states(of: side) == [.synSent, .synReceived, .established])
      #expect(both.sent(by: side, .synchronize).count == 1)
    }
    for scenario in [Scenario.lostSynchronize, .lostSynchronizeAcknowledge, .lostHandshakeAcknowledgment] {
      let timeline = scenario.run().timeline
      #expect(timeline.flights.count { $0.fate == .lost } == 1)
      #expect(timeline.states(of: .left).last == .established)
      #expect(timeline.states(of: .right).last == .established)
    }
  }

  @Test func endings() {
    #expect(Scenario.refused.run().timeline.closeReasons(of: .left) == [.refused])
    #expect(Scenario.reset.run().timeline.closeReasons(of: .left) == [.reset])
    #expect(Scenario.halfOpen.run().timeline.closeReasons(of: .left) == [.reset])
    let silent = Scenario.keepAlive.run().timeline
    #expect(silent.closeReasons(of: .left) == [.keepAliveTimedOut])
    #expect(silent.end - silent.start > .hours(2) + .seconds(750))
    #expect(silent.end - silent.start < .hours(2) + .seconds(751))
  }

  @Test func transfers() {
    #expect(Scenario.lostData.run().timeline.retransmissions(by: .left) == [.fastRetransmit, .timeout])
    #expect(Scenario.reordered.run().timeline.retransmissions(by: .left).isEmpty)
    #expect(Scenario.corrupted.run().timeline.drops(at: .right) == [.badChecksum])
    let window = Scenario.zeroWindow.run().timeline
    #expect(window.read(by: .right).count == 1_500)
    #expect(window.firings(of: .zeroWindowProbe, at: .left) >= 3)
    let old = Scenario.oldDuplicateSynchronize.run().timeline
    #expect(
      old.states(of: .right) == [.listen, .synReceived, .listen, .synReceived, .established]
        || old.states(of: .right) == [.listen, .synReceived, .closed, .synReceived, .established])
    let naive = Scenario.twoWayHandshake.run().timeline
    #expect(naive.states(of: .left) == [.synSent, .closed])
    #expect(naive.sent(by: .left, .reset).count == 2)
  }
}
