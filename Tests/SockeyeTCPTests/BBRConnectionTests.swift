// What a connection tells BBR: losses, the end of recovery, pauses, and that what it measures while it holds itself back is
// no rate of the path. What BBR makes of it is in BBRTests and its like.

import SockeyeBytes
import SockeyeTestSupport
import SockeyeWire
import Testing

@testable import SockeyeTCP

@Suite struct BBRConnectionTests {
  /// Two ends with BBR, a round trip of 50 ms between them, and the client connected.
  private func connected() -> Pair {
    var configuration = TCPConfiguration()
    configuration.congestionControl = .bbr
    configuration.receiveBufferCapacity = 60_000
    configuration.sendBufferCapacity = 120_000
    var pair = Pair(seed: 1, configuration: configuration)
    pair.faults.delay = .milliseconds(25)
    #expect(pair.run(for: .seconds(2)) { $0.client.state == .established })
    return pair
  }

  private func write(_ count: Int, _ pair: inout Pair) {
    let text = [UInt8](repeating: 7, count: count)
    _ = text.withRawSpan { span in try? pair.client.write(span, at: pair.now) }
    pair.drain()
  }

  /// Writes whatever fits, until something happens.
  private func fill(
    _ pair: inout Pair, for limit: Interval = .seconds(60), until done: (borrowing Connection) -> Bool
  ) -> Bool {
    pair.run(for: limit) { pair in
      if done(pair.client) { return true }
      write(60_000, &pair)
      return false
    }
  }

  @Test func eachLossIsToldAndTheEndOfItsRepair() {
    var pair = connected()
    pair.faults.loss = 0.01
    #expect(fill(&pair) { $0.congestion.bbr?.latest.isLossInRound == true })
    #expect(fill(&pair) { $0.congestion.bbr?.recoveryRound != nil && $0.recovery.isFast })
    pair.faults.loss = 0
    #expect(fill(&pair) { $0.recovery.isOpen })
    #expect(pair.client.congestion.bbr?.recoveryRound == nil)
    #expect(pair.client.statistics.retransmissionTimeouts == 0)
  }

  @Test(.requirement("8985-11"))
  func whatATailLossProbeRepairedIsOverAtOnce() {
    var pair = connected()
    write(1000, &pair)
    #expect(pair.run(for: .seconds(1)) { $0.client.send.flight == 0 })
    pair.faults.loss = 1
    write(1000, &pair)
    pair.faults.loss = 0
    #expect(pair.run(for: .seconds(2)) { $0.client.send.flight == 0 })
    #expect(pair.client.statistics.tailLossProbes == 1)
    write(1000, &pair)
    #expect(pair.run(for: .seconds(2)) { $0.client.send.flight == 0 })
    #expect(pair.client.scoreboard.probe == nil)
    #expect(pair.client.congestion.bbr?.recoveryRound == nil)
  }

  @Test func aPauseIsToldWhenTheNextSegmentLeaves() {
    var pair = connected()
    write(1000, &pair)
    #expect(pair.run(for: .seconds(1)) { $0.client.send.flight == 0 })
    #expect(pair.client.congestion.bbr?.restartsFromIdle == false)
    write(1000, &pair)
    #expect(pair.client.congestion.bbr?.restartsFromIdle == true)
  }

  @Test func whatIsMeasuredWhileTheRoundTripIsProbedIsNoRate() {
    var pair = connected()
    #expect(fill(&pair) { $0.congestion.bbr?.state == .probeRoundTrip })
    #expect(fill(&pair, for: .milliseconds(200)) { $0.scoreboard.rate.isApplicationLimited })
    #expect(pair.client.send.unsent > 0)
  }
}
