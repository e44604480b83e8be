// Segments that are spread over the round trip, and BBR on a connection.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct PacingTests {
  /// A connection over 100 ms with ten segments of 1000 octets acknowledged and more to send.
  private func talk(
    _ algorithm: CongestionControlAlgorithm, pacing: Bool, sackPermitted: Bool = true
  ) -> Conversation {
    var tcp = TCPConfiguration()
    tcp.congestionControl = algorithm
    tcp.pacing = pacing
    let talk = Conversation(tcp: tcp)
    talk.listen()
    talk.receive(
      "S", seq: 0, options: .synchronize(mss: 1000, windowScale: 6, sackPermitted: sackPermitted))
    talk.expect("S.", seq: 0, ack: 1)
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    talk.takeSent()
    talk.write(500_000)
    return talk
  }

  @Test func aPacedWindowLeavesSpreadOut() {
    let talk = talk(.newReno, pacing: true)
    // Ten segments a round trip, at twice that rate in slow start: one each 5 ms, but two may leave together.
    let first = talk.takeSent().count
    #expect((1...3).contains(first))
    talk.advance(.milliseconds(25))
    let soon = talk.takeSent().count
    #expect((4...6).contains(soon))
    talk.advance(.milliseconds(40))
    #expect(first + soon + talk.takeSent().count == 10)
  }

  /// The pace would let more leave in a moment, and there is no room for it.
  @Test func whomTheWindowHoldsBackThePaceDoesNotWake() {
    let talk = talk(.newReno, pacing: true)
    talk.advance(.milliseconds(46))
    #expect(talk.takeSent().count == 10)
    let deadline = talk.stack.nextDeadline ?? .zero
    #expect(deadline - talk.now > .milliseconds(100), "for the end of the flight")
  }

  @Test func withoutPacingTheWindowLeavesAtOnce() {
    #expect(talk(.newReno, pacing: false).takeSent().count == 10)
  }

  @Test func bbrIsPacedAlways() {
    let talk = talk(.bbr, pacing: false)
    let first = talk.takeSent().count
    #expect(first < 10)
    talk.advance(.milliseconds(100))
    #expect(talk.takeSent().count + first == 10)
  }

  @Test func aPeerWithoutSACKIsServedByCUBIC() {
    #expect(talk(.bbr, pacing: false, sackPermitted: false).takeSent().count == 10)
  }

  @Test func aPacedConnectionSaysWhenItWantsToBeAsked() {
    let talk = talk(.newReno, pacing: true)
    talk.takeSent()
    let deadline = talk.stack.nextDeadline ?? .distantFuture
    #expect(deadline > talk.now && deadline <= talk.now + .milliseconds(10))
    // With the window full there is nothing to wait for but an answer.
    talk.advance(.milliseconds(90))
    talk.takeSent()
    let later = talk.stack.nextDeadline ?? .distantFuture
    #expect(later > talk.now + .milliseconds(20))
  }
}
