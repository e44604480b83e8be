// What ICMP errors do to a connection, and above all what they don't (RFC 9293 §3.9.1.8, §3.9.2.2).

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct PathErrorTests {
  /// An ICMP error that a user should hear of, and as what.
  struct SoftError: Sendable, CustomStringConvertible {
    let version: IPVersion
    let type: UInt8
    let code: UInt8
    let error: PathError
    var description: String { "IPv\(version.rawValue) \(type)/\(code)" }
  }

  private static let softErrors: [SoftError] = [
    SoftError(version: .v4, type: 3, code: 0, error: .networkUnreachable),
    SoftError(version: .v4, type: 3, code: 1, error: .hostUnreachable),
    SoftError(version: .v4, type: 3, code: 5, error: .sourceRouteFailed),
    SoftError(version: .v4, type: 11, code: 0, error: .hopLimitExceeded),
    SoftError(version: .v4, type: 11, code: 1, error: .reassemblyTimeExceeded),
    SoftError(version: .v4, type: 12, code: 0, error: .parameterProblem),
    SoftError(version: .v4, type: 12, code: 1, error: .parameterProblem),
    SoftError(version: .v4, type: 12, code: 2, error: .parameterProblem),
    SoftError(version: .v6, type: 1, code: 0, error: .networkUnreachable),
    SoftError(version: .v6, type: 1, code: 3, error: .hostUnreachable),
    SoftError(version: .v6, type: 3, code: 0, error: .hopLimitExceeded),
    SoftError(version: .v6, type: 3, code: 1, error: .reassemblyTimeExceeded),
    SoftError(version: .v6, type: 4, code: 0, error: .parameterProblem),
    SoftError(version: .v6, type: 4, code: 1, error: .parameterProblem),
    SoftError(version: .v6, type: 4, code: 2, error: .parameterProblem),
  ]

  @Test(.requirement("MUST-47", "MUST-56"), arguments: softErrors)
  func aSoftErrorIsToldAndTheConnectionGoesOn(_ soft: SoftError) throws {
    let talk = Conversation(soft.version)
    talk.establish()
    talk.write(100)
    let lost = try #require(talk.expect("P.", seq: 1, length: 100))
    let id = try talk.need()
    talk.takeEvents()
    talk.receiveError(type: soft.type, code: soft.code, about: lost)
    #expect(talk.takeEvents() == [.softError(id, soft.error)])
    #expect(try talk.stack.softError(of: id) == soft.error)
    talk.expect("P.", seq: 1, length: 100, after: .seconds(1))
    talk.receive(".", seq: 1, ack: 101)
    talk.expectState(.established)
    #expect(talk.status?.outstanding == 0)
  }

  @Test(.requirement("MUST-47", "MUST-56"), arguments: softErrors)
  func aSoftErrorDoesNotEndAnAttempt(_ soft: SoftError) throws {
    let talk = Conversation(soft.version)
    talk.connect()
    let lost = try #require(talk.expect("S", seq: 0))
    let id = try talk.need()
    talk.takeEvents()
    talk.receiveError(type: soft.type, code: soft.code, about: lost)
    #expect(talk.takeEvents() == [.softError(id, soft.error)])
    talk.expectState(.synSent)
    talk.expect("S", seq: 0, after: .seconds(1))
    talk.receive("S.", seq: 0, ack: 1)
    talk.expect(".", seq: 1, ack: 1)
    talk.expectState(.established)
  }

  /// Port unreachable for the SYN of one of two connections.
  @Test(.requirement("MUST-54"), arguments: [IPVersion.v4, .v6])
  func anErrorConcernsTheConnectionItQuotes(_ version: IPVersion) throws {
    let talk = Conversation(version)
    talk.hostPort = 5001
    talk.connect()
    let other = try talk.need()
    let otherStart = try #require(talk.expect("S", seq: 0)).header.sequence.rawValue
    talk.use(nil, hostPort: 5000, peerPort: 40_000, hostStart: nil, peerStart: 1_000)
    talk.connect()
    let lost = try #require(talk.expect("S", seq: 0))
    let id = try talk.need()
    talk.takeEvents()
    talk.receiveError(type: version == .v4 ? 3 : 1, code: version == .v4 ? 3 : 4, about: lost)
    talk.expectState(.closed)
    #expect(talk.takeEvents() == [.closed(id, .unreachable)])
    #expect(try talk.stack.softError(of: id) == .portUnreachable)
    #expect(talk.stack.state(of: other) == .synSent)
    #expect(try talk.stack.softError(of: other) == nil)
    talk.use(other, hostPort: 5001, peerPort: 40_000, hostStart: otherStart, peerStart: 1_000)
    talk.receive("S.", seq: 0, ack: 1)
    talk.expect(".", seq: 1, ack: 1)
    talk.expectState(.established)
    // The connection it quotes is no more; it concerns nobody.
    talk.receiveError(type: version == .v4 ? 3 : 1, code: version == .v4 ? 3 : 4, about: lost)
    #expect(talk.takeEvents().contains { if case .softError = $0 { true } else { false } } == false)
    talk.expectState(.established)
    talk.expectNothing(for: .seconds(3))
  }

  /// What isn't in flight can't be in trouble: a number that was acknowledged, or one that was guessed (RFC 5927 §4).
  @Test(.requirement("MUST-54"))
  func anErrorAboutNothingInFlightIsIgnored() throws {
    let talk = Conversation()
    talk.establish()
    talk.write(100)
    let arrived = try #require(talk.expect("P.", seq: 1, length: 100))
    talk.receive(".", seq: 1, ack: 101)
    talk.takeEvents()
    talk.receiveError(type: 3, code: 1, about: arrived)
    #expect(talk.takeEvents() == [])
    #expect(talk.stack.statistics.icmp.errorsIgnored == 1)
    talk.expectState(.established)
  }

  @Test(.requirement("MUST-55"))
  func aSourceQuenchIsIgnored() throws {
    let talk = Conversation()
    talk.establish()
    talk.write(5000)
    let lost = try #require(talk.takeSent().first)
    talk.takeEvents()
    let before = try #require(talk.status)
    talk.receiveError(type: 4, code: 0, about: lost)
    let after = try #require(talk.status)
    #expect(after == before)
    #expect(talk.takeEvents() == [])
    #expect(try talk.stack.softError(of: talk.need()) == nil)
    talk.expectNothing()
    #expect(talk.takeOtherPackets() == [])
    talk.expect(".", seq: 1, length: 1460, after: .seconds(1))
  }

  /// A narrower path and a loss at once: what leaves again in order for its size does not leave a second time as lost.
  @Test(.requirement("1191-4"))
  func whatIsTooLargeAndLostLeavesAgainOnce() throws {
    let talk = Conversation.measured()
    talk.write(10_000)
    let sent = talk.takeSent()
    #expect(sent.map(\.payload.count) == Array(repeating: 1_000, count: 10))
    // Both pieces of news come before the link has time for the host.
    talk.linkOpen = false
    talk.receiveError(type: 3, code: 4, rest: 600, about: try #require(sent.first))
    var options = TCPOptions()
    let start = SequenceNumber(talk.hostStart ?? 0)
    options.sackBlocks.append(SACKBlock(left: start + 4_001, right: start + 10_001))
    talk.receive(".", seq: 1, ack: 1, options: options)
    #expect(talk.status?.lost == 4_000)
    talk.linkOpen = true
    talk.drain()
    var copies = [Int](repeating: 0, count: 4_000)
    for copy in talk.takeSent() {
      #expect(copy.payload.count <= 560)
      for octet in 0..<copy.payload.count where talk.sequence(of: copy) + octet <= 4_000 {
        copies[talk.sequence(of: copy) + octet - 1] += 1
      }
    }
    #expect(copies.first == 1 && copies.allSatisfy { $0 <= 1 })
  }

  /// A timeout ends what was being sent again for its size: one copy leaves, and not a second for the other reason.
  @Test(.requirement("1191-4", "8985-7"))
  func aTimeoutEndsWhatWasTooLarge() throws {
    var tcp = TCPConfiguration()
    tcp.tailLossProbes = false
    let talk = Conversation(tcp: tcp)
    talk.establish(options: .synchronize(mss: 1_000, sackPermitted: true, timestamp: 5_000))
    talk.write(10_000)
    let sent = talk.takeSent()
    talk.linkOpen = false
    talk.receiveError(type: 3, code: 4, rest: 600, about: try #require(sent.first))
    talk.advance(.milliseconds(1_500))
    talk.linkOpen = true
    talk.drain()
    talk.expect(".", seq: 1, length: 548)
    talk.expectNothing()
    #expect(talk.status?.statistics.retransmissionTimeouts == 1)
  }
}
