// Keep-alive as sender and as receiver (RFC 9293 §3.8.4): what a probe looks like and what follows from silence.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import Testing

@Suite struct TimerKeepAliveTests {
  private func withKeepAlive() -> Conversation {
    var configuration = TCPConfiguration()
    configuration.keepAlive = KeepAlive(idle: .seconds(60), interval: .seconds(10), probes: 3)
    let talk = Conversation(tcp: configuration)
    talk.establish()
    return talk
  }

  @Test(.requirement("SHLD-12", "MAY-5", "T-07"))
  func aProbeIsOneBelowTheNextNumberAndCarriesNoData() {
    let talk = withKeepAlive()
    talk.expect(".", seq: 0, ack: 1, length: 0, after: .seconds(60))
    // The same after data has gone both ways.
    talk.receive("P.", seq: 1, ack: 1, length: 20)
    talk.write(30)
    talk.expect("P.", seq: 1, ack: 21, length: 30)
    talk.receive(".", seq: 21, ack: 31)
    talk.expect(".", seq: 30, ack: 21, length: 0, after: .seconds(60))
  }

  @Test(.requirement("T-07"))
  func onlySilenceAfterAllProbesEndsTheConnection() {
    let talk = withKeepAlive()
    talk.expect(".", seq: 0, ack: 1, length: 0, within: .seconds(60))
    talk.expect(".", seq: 0, ack: 1, length: 0, within: .seconds(10))
    talk.receive(".", seq: 1, ack: 1)
    // One answer, and the count begins anew.
    talk.expectNothing(for: .seconds(59))
    for wait in [1, 10, 10] { talk.expect(".", seq: 0, ack: 1, length: 0, within: .seconds(wait)) }
    talk.expectNothing(for: .milliseconds(9_999))
    talk.expectState(.established)
    talk.expectNothing(for: .milliseconds(1))
    talk.expectClosed(.keepAliveTimedOut)
  }

  /// Whoever probes us lives, though its probes stand below the window.
  @Test(.requirement("T-07"))
  func theProbesOfThePeerAreASignOfLife() {
    let talk = withKeepAlive()
    talk.expect(".", seq: 0, ack: 1, length: 0, within: .seconds(60))
    talk.expect(".", seq: 0, ack: 1, length: 0, within: .seconds(10))
    talk.receive(".", seq: 0, ack: 1)
    talk.expect(".", seq: 1, ack: 1, length: 0)
    talk.expectNothing(for: .seconds(60) - .milliseconds(1))
    for wait in [1, 10_000, 10_000] {
      talk.expect(".", seq: 0, ack: 1, length: 0, within: .milliseconds(wait))
    }
    talk.expectState(.established)
  }

  /// Old hosts put one octet of garbage into a probe (RFC 9293 §3.8.4). This host sends none.
  @Test(.requirement("MAY-6"), arguments: [0, 1])
  func aProbeFromThePeerIsAnsweredAndItsOctetIsNotText(_ length: Int) {
    let talk = Conversation()
    talk.establish()
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    talk.expect(".", seq: 1, ack: 11, within: .milliseconds(500))
    #expect(talk.read() == Conversation.text(at: 1, 10))
    talk.receive(".", seq: 10, ack: 1, data: [UInt8](repeating: 0xff, count: length))
    talk.expect(".", seq: 1, ack: 11, length: 0)
    talk.expectNothingToRead()
    talk.receive("P.", seq: 11, ack: 1, length: 5)
    #expect(talk.read() == Conversation.text(at: 11, 5))
  }

  /// What was not answered before the user switched it off does not count when it is switched on again.
  @Test(.requirement("MUST-24", "MUST-29", "T-07"))
  func switchingItOnBeginsTheCountAnew() throws {
    let talk = withKeepAlive()
    talk.expect(".", seq: 0, ack: 1, length: 0, within: .seconds(60))
    talk.expect(".", seq: 0, ack: 1, length: 0, within: .seconds(10))
    try talk.stack.setKeepAlive(nil, of: talk.need(), at: talk.now)
    talk.expectNothing(for: .seconds(20))
    try talk.stack.setKeepAlive(
      KeepAlive(idle: .seconds(60), interval: .seconds(10), probes: 3), of: talk.need(), at: talk.now)
    talk.drain()
    for (count, wait) in [(1, 0), (2, 10), (3, 10)] {
      let probe = talk.expect(".", seq: 0, ack: 1, length: 0, within: .seconds(wait))
      #expect(probe?.purpose == .keepAlive(count: count))
    }
    talk.expectNothing(for: .milliseconds(9_999))
    talk.expectState(.established)
    talk.expectNothing(for: .milliseconds(1))
    talk.expectState(.closed)
  }
}
