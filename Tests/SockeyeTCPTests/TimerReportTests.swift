// What is told of running timers to whoever watches: which one, and when it ends. What they do is in the Timer… suites.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct TimerReportTests {
  /// The timers set since this was last asked that still run, with the time until they end.
  private func armed(_ talk: Conversation) -> [TimerKind: Interval] {
    var armed: [TimerKind: Interval] = [:]
    for observation in talk.takeObservations() {
      switch observation.kind {
      case .timerArmed(_, let kind, let deadline): armed[kind] = deadline - talk.now
      case .timerCancelled(_, let kind), .timerFired(_, let kind): armed[kind] = nil
      default: continue
      }
    }
    return armed
  }

  @Test func whatIsOutstandingHasATimerForItsEndAndOneForTheWhole() {
    let talk = Conversation.measured { $0.userTimeout = .seconds(30) }
    _ = armed(talk)
    talk.write(5_000)
    #expect(
      armed(talk) == [
        .tailLossProbe: .milliseconds(200), .retransmission: .seconds(1), .userTimeout: .seconds(30),
      ])
    // A gap may be one of order.
    talk.advance(.milliseconds(100))
    talk.acknowledge(1_001, holding: 2_001..<3_001)
    let times = armed(talk)
    #expect(times[.reordering] == .milliseconds(25) && times[.tailLossProbe] == nil)
    #expect(times[.retransmission] == .seconds(1) && times[.userTimeout] == .seconds(30))
    talk.receive(".", seq: 1, ack: 5_001)
    talk.write(100)
    #expect(armed(talk)[.tailLossProbe] != nil)
    talk.receive(".", seq: 1, ack: 5_101)
    #expect(armed(talk) == [:])
  }

  @Test func withoutSelectiveAcknowledgmentsThereIsTheRetransmissionTimerAlone() {
    let talk = Conversation.measured(sack: false) { $0.userTimeout = nil }
    _ = armed(talk)
    talk.write(5_000)
    #expect(armed(talk) == [.retransmission: .seconds(1)])
  }

  @Test func textThatWaitsHasATimer() {
    let closed = Conversation.measured { $0.userTimeout = .seconds(30) }
    closed.receive(".", seq: 1, ack: 1, win: 0)
    _ = armed(closed)
    closed.write(100)
    #expect(armed(closed) == [.zeroWindowProbe: .seconds(1), .userTimeout: .seconds(30)])
    let narrow = Conversation.measured(window: 4_000) { $0.userTimeout = .seconds(30) }
    narrow.write(5_000)
    narrow.takeSent()
    _ = armed(narrow)
    narrow.receive(".", seq: 1, ack: 4_001, win: 10)
    #expect(armed(narrow) == [.sillyWindowOverride: .milliseconds(200)])
  }

  @Test func anAcknowledgmentThatIsHeldBackHasATimer() {
    let talk = Conversation.measured { $0.delayedAcknowledgment = .milliseconds(70) }
    _ = armed(talk)
    talk.receive("P.", seq: 1, ack: 1, length: 100)
    #expect(armed(talk) == [.delayedAcknowledgment: .milliseconds(70)])
  }

  @Test func silenceHasATimerWhereItIsLookedInto() {
    let talk = Conversation.measured {
      $0.keepAlive = KeepAlive(idle: .minutes(10), interval: .seconds(20), probes: 3)
    }
    #expect(armed(talk)[.keepAlive] == .minutes(10))
    talk.advance(.minutes(10))
    #expect(talk.takeSent().count == 1)
    #expect(armed(talk)[.keepAlive] == .seconds(20))
  }

  @Test func aConnectionWithoutAUserHasATimer() {
    let talk = Conversation.measured { $0.orphanTimeout = .seconds(45) }
    talk.close()
    talk.expect("F.", seq: 1, ack: 1)
    _ = armed(talk)
    talk.receive(".", seq: 1, ack: 2)
    #expect(armed(talk) == [.orphan: .seconds(45)])
  }
}
