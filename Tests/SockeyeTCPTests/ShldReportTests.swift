// What the user is told of trouble on the way, and what is made of ICMP errors (RFC 9293 §3.9.1.8, §3.9.2.2).

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct ShldReportTests {
  /// A connection with a hundred octets on the way, and the segment that carries them.
  private func withDataOnTheWay() throws -> (Conversation, SentSegment) {
    let talk = Conversation()
    talk.establish()
    talk.write(100)
    let segment = try #require(talk.expect("P.", seq: 1, ack: 1, length: 100))
    return (talk, segment)
  }

  @Test(.requirement("N-5"))
  func eachOfTheThreeReportsIsMadeAndIsItsOwn() throws {
    let (talk, segment) = try withDataOnTheWay()
    talk.receiveError(type: 3, code: 1, about: segment)
    talk.expectEvent("softError") { if case .softError(_, .hostUnreachable) = $0 { true } else { false } }
    #expect(talk.takeEvents().isEmpty)
    for wait in [1, 2, 4] { talk.expect("P.", seq: 1, length: 100, within: .seconds(wait)) }
    talk.expectEvent("trouble") { if case .retransmissionTrouble = $0 { true } else { false } }
    #expect(talk.takeEvents().isEmpty)
    talk.receive("U.", seq: 1, ack: 1, up: 10)
    talk.expectEvent("urgent") { if case .urgent = $0 { true } else { false } }
    talk.receive("U.", seq: 1, ack: 1, up: 10)
    #expect(talk.takeEvents().isEmpty, "the pointer has not moved")
    talk.receive("U.", seq: 1, ack: 1, up: 20)
    talk.expectEvent("urgent") { if case .urgent = $0 { true } else { false } }
    talk.expectState(.established)
  }

  @Test(.requirement("SHLD-20", "SHLD-9"))
  func theUserCanSwitchReportsOff() throws {
    let (talk, segment) = try withDataOnTheWay()
    try talk.stack.setReportsSoftErrors(false, of: talk.need())
    talk.receiveError(type: 3, code: 1, about: segment)
    for wait in [1, 2, 4, 8] { talk.expect("P.", seq: 1, length: 100, within: .seconds(wait)) }
    #expect(talk.takeEvents().isEmpty)
    talk.receive(".", seq: 1, ack: 101)
    #expect(talk.takeEvents().allSatisfy { if case .drained = $0 { true } else { false } })
    // What happened while they were off is not told late.
    try talk.stack.setReportsSoftErrors(true, of: talk.need())
    talk.drain()
    #expect(talk.takeEvents().isEmpty)
  }

  @Test(.requirement("SHLD-25"))
  func theLastSoftErrorCanBeAskedFor() throws {
    let (talk, segment) = try withDataOnTheWay()
    #expect(try talk.stack.softError(of: talk.need()) == nil)
    talk.receiveError(type: 3, code: 1, about: segment)
    #expect(try talk.stack.softError(of: talk.need()) == .hostUnreachable)
    talk.receiveError(type: 11, code: 0, about: segment)
    #expect(try talk.stack.softError(of: talk.need()) == .hopLimitExceeded)
    talk.receive(".", seq: 1, ack: 101)
    talk.write(10)
    talk.expect("P.", seq: 101, ack: 1, length: 10)
  }

  @Test(.requirement("SHLD-26"), arguments: [UInt8(2), 3])
  func aHardErrorEndsAnAttemptToConnect(_ code: UInt8) throws {
    let talk = Conversation()
    talk.connect()
    let synchronize = try #require(talk.expect("S", seq: 0))
    talk.receiveError(type: 3, code: code, about: synchronize)
    talk.expectClosed(.unreachable)
    talk.expectNothing(for: .minutes(5))
  }

  @Test(.requirement("SHLD-26"))
  func aHardErrorEndsAnAttemptToConnectOverIPv6Too() throws {
    let talk = Conversation(.v6)
    talk.connect()
    let synchronize = try #require(talk.expect("S", seq: 0))
    talk.receiveError(type: 1, code: 4, about: synchronize)
    talk.expectClosed(.unreachable)
  }

  /// Code 4 tells of the path's MTU (RFC 1191), and is no reason to give up.
  @Test(.requirement("SHLD-26"))
  func aPacketTooBigIsNoEnd() throws {
    let talk = Conversation()
    talk.establish()
    talk.write(1_460)
    let segment = try #require(talk.expect("P.", seq: 1, length: 1_460))
    talk.receiveError(type: 3, code: 4, rest: 1_000, about: segment)
    talk.expect(".", seq: 1, ack: 1, length: 960)
    talk.expect("P.", seq: 961, ack: 1, length: 500)
    talk.expectState(.established)
  }

  /// RFC 9293 §3.9.2.2 lets a hard error abort any connection. RFC 5927 §5.2 and A-27 advise against it once the
  /// connection is synchronized: whoever forges one would end it. It is told as a soft error then.
  @Test(.requirement("SHLD-26"))
  func aHardErrorIsASoftOneOnceTheConnectionStands() throws {
    let (talk, segment) = try withDataOnTheWay()
    talk.receiveError(type: 3, code: 3, about: segment)
    talk.expectEvent("softError") { if case .softError(_, .portUnreachable) = $0 { true } else { false } }
    talk.expectState(.established)
    talk.receive(".", seq: 1, ack: 101)
    talk.expectNothing(for: .seconds(3))
  }
}
