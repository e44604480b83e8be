// Opening a connection, script by script (RFC 9293 §3.5, §3.10.7.2 to .4).

import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Synchronization
import Testing

@Suite(.pastZero, .requirement("A-28")) struct HandshakeTests {
  @Test(.requirement("X-01", "S-06", "S-42", "U-01"))
  func passiveOpen() {
    let talk = Conversation()
    talk.listen()
    talk.receive("S", seq: 0)
    talk.expect("S.", seq: 0, ack: 1)
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    talk.expectState(.established)
    talk.expectNothing(for: .seconds(3))
  }

  @Test(.requirement("X-01", "S-12", "U-02"))
  func activeOpen() {
    let talk = Conversation()
    talk.connect()
    talk.expect("S", seq: 0)
    talk.expectState(.synSent)
    talk.receive("S.", seq: 0, ack: 1)
    talk.expect(".", seq: 1, ack: 1)
    talk.expectState(.established)
    talk.expectNothing(for: .seconds(3))
  }

  @Test(.requirement("MUST-10", "X-02", "S-13", "SEQ-1"))
  func simultaneousOpen() {
    let talk = Conversation()
    talk.connect()
    talk.expect("S", seq: 0)
    talk.receive("S", seq: 0)
    talk.expect("S.", seq: 0, ack: 1)
    talk.expectState(.synReceived)
    talk.receive("S.", seq: 0, ack: 1)
    talk.expectState(.established)
    talk.expect(".", seq: 1, ack: 1)
    talk.expectNothing(for: .seconds(3))
  }

  /// After a simultaneous open it was an active one: the user hears that it was refused. A listener's user hears nothing.
  @Test(.requirement("MUST-11"), arguments: [IPVersion.v4, .v6])
  func aResetInSynchronizeReceivedGoesBackToWhereItBegan(_ version: IPVersion) throws {
    let active = Conversation(version)
    active.connect()
    active.expect("S", seq: 0)
    active.receive("S", seq: 0)
    active.expect("S.", seq: 0, ack: 1)
    active.receive("R", seq: 1)
    active.expectState(.closed)
    let id = try active.need()
    #expect(active.takeEvents() == [.closed(id, .refused)])
    active.expectNothing(for: .minutes(5))

    let passive = Conversation(version)
    passive.listen()
    passive.receive("S", seq: 0)
    passive.expect("S.", seq: 0, ack: 1)
    passive.receive("R", seq: 1)
    passive.expectNothing(for: .minutes(5))
    #expect(passive.takeEvents() == [])
    passive.receive("S", seq: 0)
    passive.hostStart = nil
    passive.expect("S.", seq: 0, ack: 1)
  }

  @Test func establishBothWays() {
    for version in [IPVersion.v4, .v6] {
      let active = Conversation(version)
      active.establish(.active)
      active.write(5000)
      let passive = Conversation(version)
      passive.establish(.passive)
      passive.receive("P.", seq: 1, ack: 1, length: 100)
      passive.expect(".", seq: 1, ack: 101, within: .milliseconds(500))
      #expect(passive.read() == Conversation.text(at: 1, 100))
    }
  }

  @Test(arguments: [Conversation.Role.active, .passive])
  func numbersPassZero(_ role: Conversation.Role) {
    let talk = Conversation.starting(hostAt: .max - 100, peerAt: .max - 50, role)
    talk.establish(role)
    #expect(talk.hostStart == UInt32.max - 100)
    talk.write(300)
    talk.expect("P.", seq: 1, ack: 1, length: 300)
    talk.receive("P.", seq: 1, ack: 301, length: 200)
    talk.expect(".", seq: 301, ack: 201, within: .milliseconds(500))
    #expect(talk.read() == Conversation.text(at: 1, 200))
  }

  /// A receive buffer wider than a SYN can tell is told with the first ACK of data, not by an ACK of its own.
  @Test func wideWindowNeedsNoSegmentOfItsOwn() {
    var tcp = TCPConfiguration()
    tcp.receiveBufferCapacity = 1 << 20
    let talk = Conversation(tcp: tcp)
    talk.establish(.passive, options: .synchronize(windowScale: 7))
    talk.expectNothing(for: .seconds(3))
    talk.receive("P.", seq: 1, ack: 1, length: 100)
    talk.read()
    talk.expectNothing()
    let answer = talk.expect(".", seq: 1, ack: 101, within: .milliseconds(500))
    #expect(answer?.header.window == UInt16((1 << 20) / 32))
  }

  @Test func theTraitMovesTheNumbersOfBothSides() async throws {
    let seen = Mutex<[UInt32]>([])
    let test = try #require(Test.current)
    try await PastZeroTrait.pastZero.provideScope(for: test, testCase: Test.Case.current) {
      let talk = Conversation()
      talk.establish()
      seen.withLock { $0 += [talk.hostStart ?? 0, talk.peerStart] }
    }
    let starts = seen.withLock { Array($0.suffix(4)) }
    #expect(starts == [.max - 1, .max - 1, 0x7fff_fffe, 0x7fff_fffe])
  }
}
