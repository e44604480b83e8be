// When a tail-loss probe may leave (RFC 8985 §7.2, §7.3). What its fate means is in RecoveryTests.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct LossProbeTests {
  private func cause(of segment: SentSegment?) -> RetransmissionCause? {
    guard case .retransmission(_, _, let cause) = segment?.purpose else { return nil }
    return cause
  }

  /// The peer says that the copy came twice, so nothing was lost; but which of the two it answered nobody knows.
  @Test(.requirement("8985-10"))
  func noSecondProbeLeavesBeforeARoundTripWasMeasured() {
    let talk = Conversation.measured()
    talk.write(100)
    talk.expect("P.", seq: 1, length: 100)
    #expect(
      cause(of: talk.expect("P.", seq: 1, length: 100, after: .milliseconds(400))) == .tailLossProbe)
    talk.advance(.milliseconds(100))
    var options = TCPOptions()
    let start = SequenceNumber(talk.hostStart ?? 0)
    options.sackBlocks.append(SACKBlock(left: start + 1, right: start + 101))
    talk.receive(".", seq: 1, ack: 101, options: options)
    #expect(talk.status?.recoveryPhase == .open)
    talk.write(100)
    talk.expect("P.", seq: 101, length: 100)
    talk.advance(.milliseconds(999))
    talk.expectNothing()
    talk.receive(".", seq: 1, ack: 201)
    // That was one.
    talk.write(100)
    talk.expect("P.", seq: 201, length: 100)
    #expect(cause(of: talk.expect("P.", seq: 201, length: 100, within: .seconds(3))) == .tailLossProbe)
  }
}
