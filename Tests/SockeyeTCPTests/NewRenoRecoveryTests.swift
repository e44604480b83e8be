// Loss recovery with a peer that sends no SACK: limited transmit, fast retransmit and fast recovery by duplicate ACKs
// (RFC 3042, RFC 5681 §3.2, RFC 6582).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct NewRenoRecoveryTests {
  /// Ten segments of 1000 octets are on their way, and more is to be sent.
  private func talk(written: Int = 60_000) -> Conversation {
    var tcp = TCPConfiguration()
    tcp.congestionControl = .newReno
    let talk = Conversation(tcp: tcp)
    talk.establish(options: .synchronize(mss: 1000, windowScale: 6))
    talk.takeSent()
    talk.write(written)
    #expect(talk.takeSent().count == 10)
    talk.advance(.milliseconds(100))
    return talk
  }

  private func duplicates(_ talk: Conversation, _ count: Int, of ack: Int = 1) {
    for _ in 0..<count { talk.receive(".", seq: 1, ack: ack) }
  }

  @Test(.requirement("3042-1", "5681-8"))
  func theFirstTwoDuplicatesLetOneNewSegmentGoEach() {
    let talk = talk()
    duplicates(talk, 1)
    talk.expect(".", seq: 10_001, length: 1000)
    talk.expectNothing()
    duplicates(talk, 1)
    talk.expect(".", seq: 11_001, length: 1000)
    talk.expectNothing()
    #expect(talk.status?.congestionWindow == 10_000)
    #expect(talk.status?.statistics.segmentsRetransmitted == 0)
  }

  @Test(.requirement("3042-1", "5681-8"))
  func limitedTransmitKeepsToThePeersWindow() {
    let talk = talk()
    // 157 units of 64 octets: ten segments and a crumb. An ACK that changes the window is no duplicate.
    talk.peerWindow = 157
    duplicates(talk, 3)
    talk.expectNothing()
  }

  @Test(.requirement("5681-9", "6582-1", "5681-8"))
  func theThirdSendsTheSegmentAgainAndHalvesTheWindow() {
    let talk = talk()
    duplicates(talk, 2)
    talk.takeSent()
    duplicates(talk, 1)
    talk.expect(".", seq: 1, length: 1000)
    talk.expectNothing()
    // What limited transmit sent does not count.
    #expect(talk.status?.slowStartThreshold == 5000)
    // Twelve are outstanding; the window is five and three and one more for each further duplicate.
    duplicates(talk, 4)
    talk.expectNothing()
    duplicates(talk, 1)
    talk.expect(".", seq: 12_001, length: 1000)
    duplicates(talk, 1)
    talk.expect(".", seq: 13_001, length: 1000)
    talk.expectNothing()
    // All of it: the window is what it was halved to, or what is outstanding and one segment.
    talk.receive(".", seq: 1, ack: 12_001)
    #expect(talk.status?.congestionWindow == 3000)
    talk.expect(".", seq: 14_001, length: 1000)
    talk.expectNothing()
  }

  @Test(.requirement("6582-1"))
  func aPartialAcknowledgmentSendsTheNextHoleAtOnce() {
    let talk = talk()
    duplicates(talk, 3)
    talk.takeSent()
    talk.advance(.milliseconds(900))
    talk.receive(".", seq: 1, ack: 3001)
    talk.expect(".", seq: 3001, length: 1000)
    #expect(talk.status?.slowStartThreshold == 5000)
    // The timer has started over.
    talk.advance(.milliseconds(900))
    #expect(talk.status?.statistics.retransmissionTimeouts == 0)
    talk.takeSent()
    talk.receive(".", seq: 1, ack: 12_001)
    #expect(talk.status?.statistics.fastRecoveries == 1)
    #expect(talk.status?.statistics.segmentsRetransmitted == 2)
  }

  @Test(.requirement("6582-1"))
  func duplicatesOfARepairThatIsNotOverStartNoOther() {
    let talk = talk()
    duplicates(talk, 3)
    talk.takeSent()
    talk.receive(".", seq: 1, ack: 12_001)
    talk.takeSent()
    // The copies were needless: the peer repeats the number up to which the repair went.
    duplicates(talk, 3, of: 12_001)
    #expect(talk.status?.statistics.fastRecoveries == 1)
    #expect(talk.takeSent().allSatisfy { talk.sequence(of: $0) > 12_001 })
  }

  /// RFC 9293 §3.8.6: the window has shrunk, and what is sent again keeps to it.
  @Test(.requirement("SHLD-16", "6582-2"))
  func copiesAfterATimeoutKeepToAWindowThatHasShrunk() {
    var tcp = TCPConfiguration()
    tcp.congestionControl = .newReno
    let talk = Conversation(tcp: tcp)
    talk.establish(options: .synchronize(mss: 1000), win: 10_000)
    talk.write(10_000)
    talk.takeSent()
    talk.expect(".", seq: 1, length: 1000, within: .seconds(1))
    talk.receive(".", seq: 1, ack: 1001, win: 1500)
    talk.expect(".", seq: 1001, length: 1000)
    talk.expectNothing()
    talk.receive(".", seq: 1, ack: 2001, win: 2000)
    talk.expect(".", seq: 2001, length: 1000)
    talk.expect(".", seq: 3001, length: 1000)
    talk.expectNothing()
  }

  /// What duplicates told before the timer ran out is not believed any more.
  @Test func aTimeoutForgetsTheDuplicatesBeforeIt() throws {
    let talk = talk()
    duplicates(talk, 2)
    let id = try #require(talk.connection)
    #expect(try talk.stack.transmissionStatus(of: id).heldSegments == 2)
    talk.takeSent()
    talk.expect(".", seq: 1, length: 1000, within: .seconds(1))
    #expect(try talk.stack.transmissionStatus(of: id).heldSegments == 0)
    #expect(try talk.stack.transmissionStatus(of: id).phase == .loss)
  }

  @Test(.requirement("6582-2"))
  func duplicatesAfterATimeoutStartNoRecovery() {
    let talk = talk(written: 30_000)
    talk.expect(".", seq: 1, length: 1000, within: .seconds(1))
    talk.receive(".", seq: 1, ack: 10_001)
    #expect(!talk.takeSent().isEmpty)
    duplicates(talk, 5, of: 10_001)
    #expect(talk.status?.statistics.fastRecoveries == 0)
    #expect(talk.takeSent().allSatisfy { talk.sequence(of: $0) > 10_001 })
  }
}
