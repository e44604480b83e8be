// Rules of RFC 5681, RFC 2018 and RFC 2675 that span a whole exchange: how much may be outstanding, what the first
// duplicates let go, how often is acknowledged, and what an ACK reports of what is held.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct ExchangeRuleTests {
  private func talk(
    _ options: TCPOptions = .synchronize(mss: 1_000, windowScale: 6), window: UInt16 = 65_535,
    synchronizeLost: Bool = false
  ) -> Conversation {
    var tcp = TCPConfiguration()
    tcp.congestionControl = .newReno
    let talk = Conversation(tcp: tcp)
    talk.peerWindow = window
    talk.peerTimestamp = options.timestamps
    talk.listen()
    talk.receive("S", seq: 0, options: options)
    talk.expect("S.", seq: 0, ack: 1)
    if synchronizeLost { talk.expect("S.", seq: 0, ack: 1, within: .seconds(3)) }
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    talk.takeSent()
    return talk
  }

  // MARK: How much is sent

  /// Windows of all widths, and ACKs of any part of what is outstanding.
  @Test(.requirement("5681-1"), arguments: [1, 2, 3, 4, 5] as [UInt64])
  func nothingLeavesBeyondTheSmallerWindow(_ seed: UInt64) {
    let talk = talk()
    var random = SeededGenerator(seed: seed)
    var (acknowledged, sent, edge) = (1, 1, 1 + 65_535 << 6)
    talk.write(900_000)
    for _ in 0..<300 {
      for segment in talk.takeSent() {
        sent = max(sent, talk.sequence(of: segment) + segment.payload.count)
      }
      let window = talk.status?.congestionWindow ?? 0
      #expect(sent <= min(acknowledged + window, edge))
      talk.advance(.milliseconds(20))
      guard sent > acknowledged else { continue }
      acknowledged += Int.random(in: 1...(sent - acknowledged), using: &random)
      // No edge goes back.
      let room = UInt16.random(in: 20...1_000, using: &random)
      let told = max(room, UInt16(max(0, (edge - acknowledged) >> 6)))
      edge = max(edge, acknowledged + Int(told) << 6)
      talk.receive(".", seq: 1, ack: acknowledged, win: told)
    }
    #expect(acknowledged > 100_000)
  }

  @Test(.requirement("5681-2"))
  func theHandshakeDoesNotWidenTheWindowAndItsLossNarrowsIt() {
    #expect(talk().status?.congestionWindow == 10_000)
    let lost = talk(synchronizeLost: true)
    #expect(lost.status?.congestionWindow == 1_000)
    lost.write(5_000)
    #expect(lost.takeSent().count == 1)
  }

  @Test(.requirement("5681-8"))
  func eachOfTheFirstTwoDuplicatesLetsOneNewSegmentGo() {
    let talk = talk()
    talk.write(20_000)
    #expect(talk.takeSent().count == 10)
    for number in 0..<2 {
      talk.receive(".", seq: 1, ack: 1)
      talk.expect(".", seq: 10_001 + number * 1_000, length: 1_000)
      talk.expectNothing()
      #expect(talk.status?.congestionWindow == 10_000)
    }
    #expect(talk.status?.outstanding == 12_000, "cwnd and two segments")
    talk.receive(".", seq: 1, ack: 1)
    talk.expect(".", seq: 1, length: 1_000)
  }

  @Test(.requirement("5681-8"))
  func thePeersWindowBoundsWhatDuplicatesLetGo() {
    // Ten segments and a half.
    let talk = talk(.synchronize(mss: 1_000), window: 10_500)
    talk.write(20_000)
    #expect(talk.takeSent().count == 10)
    talk.receive(".", seq: 1, ack: 1)
    talk.receive(".", seq: 1, ack: 1)
    talk.expectNothing()
  }

  @Test(.requirement("5681-8"))
  func withSackADuplicateMustTellSomethingNew() {
    let talk = talk(.synchronize(mss: 1_000, windowScale: 6, sackPermitted: true))
    talk.write(20_000)
    #expect(talk.takeSent().count == 10)
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1)
    talk.expectNothing()
    talk.receive(".", seq: 1, ack: 1, options: talk.holding([3_001..<4_001]))
    talk.expect(".", seq: 10_001, length: 1_000)
    talk.expectNothing()
    talk.receive(".", seq: 1, ack: 1, options: talk.holding([3_001..<4_001]))
    talk.expectNothing()
    #expect(talk.status?.congestionWindow == 10_000)
  }

  // MARK: How often is acknowledged

  @Test(.requirement("5681-11"), arguments: [1, 2, 3] as [UInt64])
  func noSegmentIsAcknowledgedTwice(_ seed: UInt64) {
    let talk = talk(.synchronize(sackPermitted: true))
    var random = SeededGenerator(seed: seed)
    var next = 1
    for _ in 0..<400 {
      // In order, ahead, or again.
      let place = max(1, next + [0, 0, 0, 1_000, 2_000, -1_000][Int.random(in: 0..<6, using: &random)])
      talk.receive(".", seq: place, ack: 1, length: 1_000)
      let answers = talk.takeSent()
      #expect(answers.count <= 1)
      if let answer = answers.first {
        next = talk.acknowledgment(of: answer)
      } else if place == next {
        next += 1_000
      }
      if place > next { #expect(answers.count == 1, "what is out of order is acknowledged at once") }
      // The user reads, so that no window needs news.
      talk.read()
      talk.takeSent()
    }
  }

  // MARK: What is reported

  /// The blocks of an ACK in the peer's numbers.
  private func blocks(_ segment: SentSegment?, _ talk: Conversation) -> [Range<Int>] {
    guard let blocks = segment?.header.options.sackBlocks else { return [] }
    return (0..<blocks.count).map { index in
      let start = Int(Int32(bitPattern: blocks[index].left.rawValue &- talk.peerStart))
      return start..<start + (blocks[index].right - blocks[index].left)
    }
  }

  @Test(.requirement("2018-2"))
  func everyAcknowledgmentReportsWhileThereIsAGap() {
    let talk = talk(.synchronize(mss: 1_000, windowScale: 6, sackPermitted: true))
    talk.receive(".", seq: 1, ack: 1, length: 100)
    talk.receive(".", seq: 201, ack: 1, length: 100)
    #expect(blocks(talk.expect(".", ack: 101), talk) == [201..<301])
    // One ACK for each that comes, in order or not, and text of ours reports as well.
    for place in [301, 401, 501] {
      talk.receive(".", seq: place, ack: 1, length: 100)
      #expect(blocks(talk.expect(".", ack: 101), talk) == [201..<place + 100])
      talk.expectNothing()
    }
    talk.write(100)
    #expect(blocks(talk.expect("P.", seq: 1, ack: 101, length: 100), talk) == [201..<601])
    talk.receive(".", seq: 101, ack: 1, length: 50)
    #expect(blocks(talk.expect(".", ack: 151, within: .milliseconds(500)), talk) == [201..<601])
    talk.receive(".", seq: 151, ack: 1, length: 50)
    #expect(blocks(talk.expect(".", ack: 601), talk) == [])
  }

  @Test(.requirement("2018-3"), arguments: [false, true])
  func theFirstBlockIsTheLatestAndTheOthersAreRepeated(_ timestamps: Bool) {
    let talk = talk(
      .synchronize(mss: 1_000, windowScale: 6, sackPermitted: true, timestamp: timestamps ? 5 : nil))
    var seen: [Range<Int>] = []
    // Neither in order nor backwards.
    for place in [501, 101, 901, 301, 701, 1_101] {
      talk.receive(".", seq: place, ack: 1, length: 100)
      seen.insert(place..<place + 100, at: 0)
      let limit = timestamps ? 3 : 4
      #expect(blocks(talk.expect(".", ack: 1), talk) == Array(seen.prefix(limit)))
    }
    // What grows comes first again, whole.
    talk.receive(".", seq: 601, ack: 1, length: 50)
    #expect(blocks(talk.expect(".", ack: 1), talk).first == 501..<651)
    talk.receive(".", seq: 651, ack: 1, length: 50)
    #expect(blocks(talk.expect(".", ack: 1), talk).first == 501..<801)
    // What moves the ACK is not reported: the latest of the others is first.
    talk.receive(".", seq: 1, ack: 1, length: 100)
    #expect(blocks(talk.expect(".", ack: 201), talk).first == 501..<801)
  }

  // MARK: The segment size

  @Test(.requirement("2675-1"), arguments: [1_500, 9_000])
  func aSegmentSizeOf65535IsNoLimit(_ mtu: Int) {
    let talk = Conversation(.v6, mtu: mtu)
    talk.establish(options: .synchronize(mss: 65_535))
    #expect(talk.status?.segmentSize == mtu - 60)
    talk.write(2 * (mtu - 60))
    talk.expectText(1..<2 * (mtu - 60) + 1, each: mtu - 60)
  }
}
