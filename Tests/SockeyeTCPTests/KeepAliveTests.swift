// Keep-alive (RFC 9293 §3.8.4): off unless asked for, and patient.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero, .requirement("A-28")) struct KeepAliveTests {
  private func idle(_ keepAlive: KeepAlive?, _ version: IPVersion = .v4) -> Conversation {
    var tcp = TCPConfiguration()
    tcp.keepAlive = keepAlive
    let talk = Conversation(version, tcp: tcp)
    talk.establish()
    return talk
  }

  /// Of two connections of one host only the one that has it switched on probes, and only as long.
  @Test(.requirement("MUST-24"))
  func theSwitchIsOfOneConnection() throws {
    let talk = Conversation()
    talk.establish()
    let (quiet, quietStart) = (try talk.need(), talk.hostStart)
    talk.use(nil, hostPort: 80, peerPort: 40_001, hostStart: nil, peerStart: 5_000)
    talk.establish()
    let probing = try talk.need()
    try talk.stack.setKeepAlive(KeepAlive(idle: .seconds(60)), of: probing, at: talk.now)
    talk.drain()
    let probe = talk.expect(".", seq: 0, ack: 1, length: 0, after: .seconds(60))
    #expect(probe?.header.destinationPort == 40_001)
    talk.receive(".", seq: 1, ack: 1)
    talk.expect(".", seq: 0, ack: 1, length: 0, after: .seconds(60))
    talk.receive(".", seq: 1, ack: 1)
    try talk.stack.setKeepAlive(nil, of: probing, at: talk.now)
    talk.drain()
    talk.expectNothing(for: .hours(24))
    talk.use(quiet, hostPort: 80, peerPort: 40_000, hostStart: quietStart, peerStart: 1_000)
    talk.expectState(.established)
  }

  @Test(.requirement("MUST-25"), arguments: [Conversation.Role.active, .passive], [IPVersion.v4, .v6])
  func itIsOffByDefault(_ role: Conversation.Role, _ version: IPVersion) {
    let talk = Conversation(version)
    talk.establish(role)
    talk.expectNothing(for: .hours(24))
    talk.expectState(.established)
  }

  @Test(.requirement("MUST-26"), arguments: [IPVersion.v4, .v6])
  func whoeverIsHeardIsNotProbed(_ version: IPVersion) {
    let talk = idle(KeepAlive(), version)
    talk.expectNothing(for: .minutes(119))
    talk.receive(".", seq: 1, ack: 1)
    talk.expectNothing(for: .minutes(119))
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    talk.expect(".", seq: 1, ack: 11, within: .milliseconds(500))
    talk.advance(to: talk.now + .minutes(119))
    talk.expectNothing()
    let probe = talk.expect(".", seq: 0, ack: 11, length: 0, within: .minutes(1))
    #expect(probe?.purpose == .keepAlive(count: 1))
  }

  /// The peer's own keep-alive, with or without its octet of garbage (MAY-6), and a copy of text that we have: both
  /// are below the window, and both show that it lives.
  @Test(.requirement("MUST-26"), arguments: [(10, 0), (10, 1), (1, 10)])
  func aPeerThatProbesItselfIsHeard(_ seq: Int, _ length: Int) {
    let talk = idle(KeepAlive(idle: .seconds(60), interval: .seconds(10), probes: 2))
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    talk.expect(".", seq: 1, ack: 11, within: .milliseconds(500))
    talk.advance(.seconds(59))
    talk.receive(".", seq: seq, ack: 1, length: length)
    talk.expect(".", seq: 1, ack: 11)
    // Our probe is lost, and the peer's comes instead of an answer.
    talk.expect(".", seq: 0, ack: 11, length: 0, after: .seconds(60))
    talk.advance(.seconds(5))
    talk.receive(".", seq: seq, ack: 1, length: length)
    talk.expect(".", seq: 1, ack: 11)
    talk.expect(".", seq: 0, ack: 11, length: 0, after: .seconds(60))
    talk.expect(".", seq: 0, ack: 11, length: 0, after: .seconds(10))
  }

  @Test(.requirement("MUST-26"))
  func textOnItsWayIsProbeEnough() {
    var tcp = TCPConfiguration()
    tcp.keepAlive = KeepAlive(idle: .seconds(5), interval: .seconds(1))
    tcp.userTimeout = nil
    let talk = Conversation(tcp: tcp)
    talk.establish()
    talk.write(10)
    talk.advance(.minutes(10))
    // All of it copies of the text.
    #expect(talk.takeSent().allSatisfy { $0.payload.count == 10 })
    talk.expectState(.established)
    talk.receive(".", seq: 1, ack: 11)
    talk.expect(".", seq: 10, ack: 1, length: 0, after: .seconds(5))
  }

  @Test(.requirement("MUST-27"), arguments: [1, 60, 86_400])
  func theTimeCanBeSet(_ seconds: Int) {
    let talk = idle(KeepAlive(idle: .seconds(seconds)))
    talk.expect(".", seq: 0, ack: 1, length: 0, after: .seconds(seconds))
  }

  @Test(.requirement("MUST-28"))
  func theTimeIsTwoHoursUnlessItIsSet() {
    let talk = idle(KeepAlive())
    talk.expect(".", seq: 0, ack: 1, length: 0, after: .seconds(7200))
  }

  @Test(.requirement("MUST-29"))
  func oneProbeWithoutAnswerProvesNothing() {
    let talk = idle(KeepAlive(idle: .seconds(60), interval: .seconds(10), probes: 2))
    talk.expect(".", seq: 0, ack: 1, length: 0, after: .seconds(60))
    talk.expect(".", seq: 0, ack: 1, length: 0, after: .seconds(10))
    talk.expectState(.established)
    talk.receive(".", seq: 1, ack: 1)
    // It counts from the beginning again.
    talk.expect(".", seq: 0, ack: 1, length: 0, after: .seconds(60))
    talk.receive(".", seq: 1, ack: 1)
    talk.write(10)
    talk.expect("P.", seq: 1, ack: 1, length: 10)
  }

  @Test(.requirement("MUST-29"))
  func afterAllOfThemWithoutAnswerItIsOver() throws {
    let talk = idle(KeepAlive(idle: .seconds(60), interval: .seconds(10), probes: 3))
    let id = try talk.need()
    talk.expect(".", seq: 0, ack: 1, length: 0, after: .seconds(60))
    for _ in 0..<2 { talk.expect(".", seq: 0, ack: 1, length: 0, after: .seconds(10)) }
    talk.expectNothing(for: .milliseconds(9_999))
    talk.expectState(.established)
    talk.advance(.milliseconds(1))
    talk.expectState(.closed)
    talk.expectEvent("closed") { $0 == .closed(id, .keepAliveTimedOut) }
    talk.expectNothing(for: .hours(24))
  }

  @Test(.requirement("MUST-29"))
  func aSingleProbeCannotBeSet() {
    var tcp = TCPConfiguration()
    tcp.keepAlive = KeepAlive(probes: 1)
    #expect(throws: ConfigurationError.self) { try tcp.validate() }
    let talk = idle(nil)
    #expect(throws: SocketError.self) {
      try talk.stack.setKeepAlive(KeepAlive(probes: 1), of: talk.need(), at: talk.now)
    }
    talk.drain()
    talk.expectNothing(for: .hours(24))
  }
}
