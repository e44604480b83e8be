// The retransmission timer and the limits R1 and R2 (RFC 9293 §3.8.3, RFC 6298), and the user timeout.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import Testing

@Suite struct TimerRetransmissionTests {
  /// A hundred octets have left and nobody answers. The RTO is one second.
  private func blackHole(_ configuration: TCPConfiguration = TCPConfiguration()) -> Conversation {
    let talk = Conversation(tcp: configuration)
    talk.establish()
    talk.write(100)
    talk.expect("P.", seq: 1, ack: 1, length: 100)
    return talk
  }

  @Test(.requirement("6298-8", "8961-1", "T-02"))
  func theFrontSegmentLeavesAgainAtDoublingIntervals() {
    var tcp = TCPConfiguration()
    tcp.pathProbing = .off
    let talk = Conversation(tcp: tcp)
    talk.establish()
    talk.write(2_000)
    talk.expect(".", seq: 1, ack: 1, length: 1_460)
    // Nagle holds the rest.
    talk.expectNothing()
    for wait in [1, 2, 4, 8, 16, 32, 64, 120] {
      talk.expect(".", seq: 1, ack: 1, length: 1_460, after: .seconds(wait))
      #expect(talk.status?.congestionWindow == 1_460)
    }
    #expect(talk.status?.slowStartThreshold == 2 * 1_460)
    talk.receive(".", seq: 1, ack: 1_461)
    talk.expect("P.", seq: 1_461, ack: 1, length: 540)
  }

  @Test(.requirement("T-02", "MAY-4"))
  func aCopyIsNeverTakenForAnotherDatagramOnTheWay() throws {
    let talk = Conversation()
    talk.establish()
    talk.write(100)
    let first = try #require(talk.expect("P.", seq: 1, length: 100))
    let copy = try #require(talk.expect("P.", seq: 1, length: 100, within: .seconds(1)))
    // RFC 6864 §4: with DF the identification means nothing; without it, a copy must have one of its own.
    for segment in [first, copy] where segment.packet[6] & 0x40 == 0 {
      #expect(first.packet[4...5] != copy.packet[4...5])
    }
    #expect(first.packet[6] & 0x40 != 0)
    #expect(first.packet[20...] == copy.packet[20...], "the same segment")
  }

  @Test(.requirement("SHLD-9", "SHLD-10", "T-08"))
  func theUserHearsOfTroubleOnceBetweenTheFirstLimitAndTheSecond() {
    let talk = blackHole()
    for wait in [1, 2] {
      talk.expect("P.", seq: 1, length: 100, within: .seconds(wait))
      #expect(talk.takeTroubleReports() == 0)
    }
    // R1: three copies.
    talk.expect("P.", seq: 1, length: 100, within: .seconds(4))
    #expect(talk.takeTroubleReports() == 1)
    for wait in [8, 16, 32, 64, 120] {
      talk.expect("P.", seq: 1, length: 100, within: .seconds(wait))
      #expect(talk.takeTroubleReports() == 0)
    }
    // R2: five minutes, of which 247 s are over.
    talk.expectNothing(for: .seconds(53) - .milliseconds(1))
    talk.expectState(.established)
    talk.expectNothing(for: .milliseconds(1))
    talk.expectClosed(.timedOut)
  }

  @Test(.requirement("SHLD-9", "T-08"))
  func troubleIsReportedAnewAfterProgress() {
    let talk = blackHole()
    for wait in [1, 2, 4] { talk.expect("P.", seq: 1, length: 100, within: .seconds(wait)) }
    #expect(talk.takeTroubleReports() == 1)
    talk.receive(".", seq: 1, ack: 101)
    talk.write(50)
    talk.expect("P.", seq: 101, length: 50)
    for wait in [8, 16] { talk.expect("P.", seq: 101, length: 50, within: .seconds(wait)) }
    #expect(talk.takeTroubleReports() == 0)
    talk.expect("P.", seq: 101, length: 50, within: .seconds(32))
    #expect(talk.takeTroubleReports() == 1)
  }

  @Test(.requirement("SHLD-11"))
  func dataIsNotGivenUpWithinAHundredSeconds() {
    let talk = blackHole()
    talk.advance(.seconds(100))
    talk.expectState(.established)
    talk.takeSent()
    talk.receive(".", seq: 1, ack: 101)
    talk.write(10)
    talk.expect("P.", seq: 101, ack: 1, length: 10)
  }

  @Test(.requirement("T-01", "T-08"))
  func theUserTimeoutEndsEverything() {
    var configuration = TCPConfiguration()
    configuration.userTimeout = .seconds(10)
    let talk = blackHole(configuration)
    talk.write(50_000)
    talk.advance(.seconds(10) - .milliseconds(1))
    talk.takeSent()
    talk.expectState(.established)
    talk.expectNothing(for: .milliseconds(1))
    talk.expectClosed(.timedOut)
    #expect(throws: SocketError.connection(.closed(.timedOut))) { try talk.readOrThrow() }
    #expect(throws: SocketError.connection(.closed(.timedOut))) { try talk.writeOrThrow(1) }
    talk.expectNothing(for: .minutes(10))
    // Only the listener is still here, and it knows of no such ACK (RFC 9293 §3.10.7.2).
    talk.receive(".", seq: 1, ack: 101)
    talk.expect("R", seq: 101)
  }

  @Test(.requirement("T-01"))
  func theUserTimeoutIsFiveMinutesUnlessSet() {
    let talk = blackHole()
    talk.advance(.minutes(5) - .milliseconds(1))
    talk.expectState(.established)
    talk.advance(.milliseconds(1))
    talk.expectClosed(.timedOut)
  }

  @Test(.requirement("T-01"))
  func theUserTimeoutRunsFromTheLastProgress() {
    var configuration = TCPConfiguration()
    configuration.userTimeout = .seconds(10)
    let talk = blackHole(configuration)
    talk.write(100)
    talk.advance(.seconds(9))
    talk.receive(".", seq: 1, ack: 51)
    talk.advance(.seconds(9))
    talk.expectState(.established)
    talk.advance(.seconds(1))
    talk.expectClosed(.timedOut)
  }
}
