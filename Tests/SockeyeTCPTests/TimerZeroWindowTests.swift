// The sender before a closed window: when it probes, how often, and for how long (RFC 9293 §3.8.6.1); and the receiver
// that keeps it closed.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import Testing

@Suite struct TimerZeroWindowTests {
  /// A hundred octets wait before a window that closed a moment ago. The RTO is one second.
  private func closedWindow() -> Conversation {
    let talk = Conversation()
    talk.establish()
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.write(100)
    talk.expectNothing()
    return talk
  }

  @Test(.requirement("SHLD-29", "T-04"))
  func theFirstProbeComesOneRetransmissionTimeoutAfterTheWindowClosed() {
    let talk = closedWindow()
    talk.expect(".", seq: 1, ack: 1, length: 1, after: .seconds(1))
  }

  @Test(.requirement("SHLD-30", "T-04"))
  func unansweredProbesComeAtDoublingIntervals() {
    let talk = closedWindow()
    for wait in [1, 2, 4, 8, 16, 32, 64] {
      talk.expect(".", seq: 1, ack: 1, length: 1, after: .seconds(wait))
    }
  }

  @Test(.requirement("SHLD-30", "T-04"))
  func refusedProbesComeAtDoublingIntervalsUpToTwoMinutes() {
    let talk = closedWindow()
    for wait in [1, 2, 4, 8, 16, 32, 64, 120, 120, 120] {
      talk.expect(".", seq: 1, ack: 1, length: 1, after: .seconds(wait))
      talk.receive(".", seq: 1, ack: 1, win: 0)
    }
    talk.expectState(.established)
  }

  /// A peer may take the octet of a probe and keep its window closed; that is no reason to probe it more often.
  @Test(.requirement("SHLD-30"))
  func probesWhoseOctetIsTakenComeAtDoublingIntervalsToo() {
    let talk = closedWindow()
    for (taken, wait) in [1, 2, 4, 8, 16, 32, 64, 120, 120].enumerated() {
      talk.expect(".", seq: 1 + taken, ack: 1, length: 1, after: .seconds(wait))
      talk.receive(".", seq: 1, ack: 2 + taken, win: 0)
    }
  }

  @Test(.requirement("SHLD-30", "T-04"))
  func aWindowThatOpensAndClosesIsProbedFromTheShortestIntervalAgain() {
    let talk = closedWindow()
    for wait in [1, 2, 4] {
      talk.expect(".", seq: 1, length: 1, within: .seconds(wait))
      talk.receive(".", seq: 1, ack: 1, win: 0)
    }
    talk.receive(".", seq: 1, ack: 1, win: 1_000)
    talk.expect("P.", seq: 1, ack: 1, length: 100)
    talk.receive(".", seq: 1, ack: 101, win: 0)
    talk.write(50)
    talk.expect(".", seq: 101, ack: 1, length: 1, after: .seconds(1))
  }

  @Test(.requirement("T-04"))
  func aPeerThatAnswersIsProbedForADayAndThenServed() {
    let talk = closedWindow()
    let end = talk.now + .hours(24)
    while talk.now < end {
      guard talk.expect(".", seq: 1, ack: 1, length: 1, within: .seconds(120)) != nil else { return }
      talk.receive(".", seq: 1, ack: 1, win: 0)
    }
    talk.expectState(.established)
    talk.receive(".", seq: 1, ack: 1, win: 1_000)
    talk.expect("P.", seq: 1, ack: 1, length: 100)
    talk.receive(".", seq: 1, ack: 101)
    talk.expectNothing(for: .seconds(10))
  }

  @Test(.requirement("MAY-8"))
  func aReceiverMayKeepItsWindowClosedForEver() {
    var configuration = TCPConfiguration()
    configuration.receiveBufferCapacity = 4_096
    let talk = Conversation(tcp: configuration)
    talk.establish()
    talk.receive(".", seq: 1, ack: 1, length: 1_460)
    talk.receive(".", seq: 1_461, ack: 1, length: 1_460)
    talk.expect(".", seq: 1, ack: 2_921, win: 1_176)
    talk.receive("P.", seq: 2_921, ack: 1, length: 1_176)
    talk.expect(".", seq: 1, ack: 4_097, win: 0, within: .milliseconds(500))
    for _ in 1...500 {
      talk.advance(.seconds(120))
      talk.receive(".", seq: 4_097, ack: 1, length: 1)
      talk.expect(".", seq: 1, ack: 4_097, length: 0, win: 0)
    }
    talk.expectState(.established)
    #expect(talk.read() == Conversation.text(at: 1, 4_096))
    // Now the peer is told at once, and not with its next probe.
    talk.expect(".", seq: 1, ack: 4_097, win: 4_096)
  }
}
