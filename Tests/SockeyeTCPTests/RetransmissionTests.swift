// When something is sent again, and when that is given up (RFC 9293 §3.8.1, §3.8.3, RFC 6298). How fast it is sent
// stands in CongestionTests.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero, .requirement("A-28")) struct RetransmissionTests {
  /// Without a floor, so that what the samples make of the RTO is seen. The peer's answer to the SYN takes 200 ms.
  private func measured(_ options: TCPOptions = .synchronize()) -> Conversation {
    var tcp = TCPConfiguration()
    tcp.minimumRetransmissionTimeout = .milliseconds(1)
    let talk = Conversation(tcp: tcp)
    talk.connect()
    let start = talk.expect("S", seq: 0)
    talk.advance(.milliseconds(200))
    var options = options
    if let stamp = options.timestamps {
      options.timestamps = TimestampOption(
        value: stamp.value, echo: start?.header.options.timestamps?.value ?? 0)
    }
    talk.receive("S.", seq: 0, ack: 1, options: options)
    talk.expect(".", seq: 1, ack: 1)
    return talk
  }

  @Test(.requirement("6298-2", "6298-3", "MUST-18"))
  func theTimeoutFollowsTheSamples() {
    let talk = measured()
    // RFC 6298 §2.2: SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR.
    #expect(talk.status?.smoothedRoundTrip == .milliseconds(200))
    #expect(talk.status?.roundTripVariation == .milliseconds(100))
    #expect(talk.status?.retransmissionTimeout == .milliseconds(600))
    talk.write(100)
    talk.expect("P.", seq: 1, length: 100)
    talk.advance(.milliseconds(300))
    talk.receive(".", seq: 1, ack: 101)
    // §2.3: RTTVAR = 3/4 · 100 + 1/4 · |200 − 300|, then SRTT = 7/8 · 200 + 1/8 · 300.
    #expect(talk.status?.roundTripVariation == .milliseconds(100))
    #expect(talk.status?.smoothedRoundTrip == .microseconds(212_500))
    #expect(talk.status?.retransmissionTimeout == .microseconds(612_500))
    talk.write(100)
    talk.expect("P.", seq: 101, length: 100)
    talk.expect("P.", seq: 101, length: 100, after: .microseconds(612_500))
    talk.expect("P.", seq: 101, length: 100, after: .microseconds(1_225_000))
  }

  @Test(.requirement("6298-4", "MUST-18"))
  func theFloorIsASecond() {
    let talk = Conversation()
    talk.establish()
    talk.write(1)
    talk.expect("P.", seq: 1, length: 1)
    talk.expect("P.", seq: 1, length: 1, after: .seconds(1))
  }

  @Test(.requirement("6298-5", "6298-10", "8961-1", "MUST-18"))
  func aCopysAcknowledgmentMeasuresNothing() {
    let talk = measured()
    talk.write(100)
    talk.expect("P.", seq: 1, length: 100)
    talk.expect("P.", seq: 1, length: 100, after: .milliseconds(600))
    talk.advance(.seconds(5))
    talk.takeSent()
    let backedOff = talk.status?.retransmissionTimeout
    talk.receive(".", seq: 1, ack: 101)
    // Which copy was it? Karn's rule: nobody knows, so the estimate stays and so does the back-off.
    #expect(talk.status?.smoothedRoundTrip == .milliseconds(200))
    #expect(talk.status?.roundTripVariation == .milliseconds(100))
    #expect(talk.status?.retransmissionTimeout == backedOff)
    talk.write(100)
    talk.expect("P.", seq: 101, length: 100)
    talk.advance(.milliseconds(200))
    talk.receive(".", seq: 1, ack: 201)
    #expect(talk.status?.smoothedRoundTrip == .milliseconds(200))
    #expect(talk.status?.roundTripVariation == .milliseconds(75))
    #expect(talk.status?.retransmissionTimeout == .milliseconds(500))
  }

  /// With timestamps the echo tells which copy it was (RFC 7323 §4.1).
  @Test(.requirement("MUST-18"))
  func aTimestampTellsTheCopiesApart() {
    let talk = measured(.synchronize(timestamp: 1))
    talk.write(100)
    talk.receive(".", seq: 1, ack: 1, options: .timestamps(2, echo: 0))
    talk.expect("P.", seq: 1, length: 100)
    let copy = talk.expect("P.", seq: 1, length: 100, after: .milliseconds(600))
    talk.advance(.milliseconds(200))
    talk.receive(
      ".", seq: 1, ack: 101, options: .timestamps(3, echo: copy?.header.options.timestamps?.value ?? 0))
    #expect(talk.status?.smoothedRoundTrip == .milliseconds(200))
    #expect(talk.status?.roundTripVariation == .milliseconds(75))
    #expect(talk.status?.retransmissionTimeout == .milliseconds(500))
  }

  // MARK: R1 and R2

  /// Seconds from the first copy of a segment to each later one, with an RTO that begins at 1 s and is never above 120.
  private static let copies = [1, 3, 7, 15, 31, 63, 127, 247]

  /// At R1 the RFC wants IP told, so that it may look for another gateway. That is for whoever knows of gateways to do:
  /// the event is what a driver hears.
  @Test(.requirement("MUST-20"), arguments: [IPVersion.v4, .v6])
  func textIsSentAgainUntilItIsGivenUp(_ version: IPVersion) throws {
    let talk = Conversation(version)
    talk.establish()
    talk.write(100)
    talk.expect("P.", seq: 1, length: 100)
    talk.takeEvents()
    let id = try talk.need()
    let start = talk.now
    for (count, time) in Self.copies.enumerated() {
      let copy = talk.expect("P.", seq: 1, ack: 1, length: 100, within: .seconds(121))
      #expect(copy?.at == start + .seconds(time))
      // R1 is three copies.
      #expect(talk.takeEvents() == (count == 2 ? [.retransmissionTrouble(id)] : []))
      talk.expectState(.established)
    }
    talk.advance(to: start + .seconds(299))
    talk.expectState(.established)
    // R2 is five minutes.
    talk.advance(.seconds(1))
    talk.expectState(.closed)
    #expect(talk.takeEvents() == [.closed(id, .timedOut)])
    #expect(throws: SocketError.connection(.closed(.timedOut))) { try talk.readOrThrow(10) }
    talk.expectNothing(for: .hours(1))
  }

  @Test(.requirement("MUST-20"))
  func anAcknowledgmentStartsTheCountAnew() {
    let talk = Conversation.starting(hostAt: .max - 50, peerAt: .max)
    talk.establish()
    talk.write(100)
    talk.advance(.seconds(299))
    talk.expectState(.established)
    talk.receive(".", seq: 1, ack: 51)
    talk.advance(.seconds(299))
    talk.expectState(.established)
    talk.advance(.seconds(1))
    talk.expectState(.closed)
  }

  @Test(.requirement("MUST-21"), arguments: [false, true])
  func eachConnectionHasItsOwnPatience(_ setLater: Bool) throws {
    func talk(_ timeout: Interval?) throws -> Conversation {
      var tcp = TCPConfiguration()
      if !setLater { tcp.userTimeout = timeout }
      let talk = Conversation(tcp: tcp)
      talk.establish()
      if setLater { try talk.stack.setUserTimeout(timeout, of: talk.need(), at: talk.now) }
      talk.write(100)
      talk.expect("P.", seq: 1, length: 100)
      return talk
    }
    let hasty = try talk(.seconds(10))
    hasty.advance(.milliseconds(9_999))
    hasty.expectState(.established)
    #expect(hasty.takeSent().map(\.payload.count) == [100, 100, 100])
    hasty.advance(.milliseconds(1))
    hasty.expectState(.closed)
    hasty.expectNothing(for: .hours(1))
    let patient = try talk(nil)
    patient.advance(.minutes(30))
    patient.expectState(.established)
    patient.takeSent()
    // The back-off has come to its ceiling.
    patient.expect("P.", seq: 1, length: 100, within: .seconds(120))
    patient.expect("P.", seq: 1, length: 100, after: .seconds(120))
    patient.receive(".", seq: 1, ack: 101)
    patient.expectNothing(for: .hours(1))
  }

  @Test(.requirement("MUST-21"))
  func anImpossibleTimeoutIsRefused() {
    let talk = Conversation()
    talk.establish()
    #expect(throws: SocketError.self) {
      try talk.stack.setUserTimeout(.zero, of: talk.need(), at: talk.now)
    }
    talk.write(100)
    talk.expect("P.", seq: 1, length: 100)
    talk.expect("P.", seq: 1, length: 100, after: .seconds(1))
  }

  // MARK: SYN

  @Test(.requirement("MUST-22", "MUST-23"), arguments: [IPVersion.v4, .v6])
  func aSynchronizeIsSentAgainForThreeMinutes(_ version: IPVersion) throws {
    let talk = Conversation(version)
    talk.connect()
    talk.expect("S", seq: 0)
    let id = try talk.need()
    let start = talk.now
    for (count, time) in Self.copies.dropLast().enumerated() {
      let copy = talk.expect("S", seq: 0, length: 0, within: .seconds(121))
      #expect(copy?.at == start + .seconds(time))
      #expect(talk.takeEvents() == (count == 2 ? [.retransmissionTrouble(id)] : []))
    }
    talk.advance(to: start + .seconds(179))
    talk.expectState(.synSent)
    talk.advance(.seconds(1))
    talk.expectState(.closed)
    #expect(talk.takeEvents() == [.closed(id, .timedOut)])
    talk.expectNothing(for: .hours(1))
  }

  @Test(.requirement("MUST-23"))
  func theUserMayGiveUpAtAnyMoment() {
    for seconds in [0, 1, 5, 100] {
      let talk = Conversation()
      talk.connect()
      talk.advance(.seconds(seconds))
      talk.takeSent()
      talk.close()
      talk.expectState(.closed)
      talk.expectNothing(for: .hours(1))
    }
  }

  @Test(.requirement("MUST-22", "MUST-23"))
  func theAnswerToASynchronizeIsSentAgainToo() {
    let talk = Conversation()
    talk.listen()
    talk.receive("S", seq: 0)
    talk.expect("S.", seq: 0, ack: 1)
    let start = talk.now
    for time in Self.copies.dropLast() {
      let copy = talk.expect("S.", seq: 0, ack: 1, within: .seconds(121))
      #expect(copy?.at == start + .seconds(time))
    }
    talk.advance(to: start + .seconds(179))
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    talk.expectState(.established)
  }
}
