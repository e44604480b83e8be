// What a receiver tells of text that comes twice (RFC 2883), beside what it tells of gaps (RFC 2018).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct DuplicateReportTests {
  private func talk(sackPermitted: Bool = true) -> Conversation {
    let talk = Conversation()
    talk.establish(options: .synchronize(sackPermitted: sackPermitted))
    return talk
  }

  /// The blocks of the next ACK, in the peer's numbers.
  private func blocks(_ talk: Conversation, ack: Int, sourceLocation: SourceLocation = #_sourceLocation)
    -> [Range<Int>]
  {
    guard
      let sent = talk.expect(".", ack: ack, length: 0, within: .seconds(1), sourceLocation: sourceLocation)
    else { return [] }
    let blocks = sent.header.options.sackBlocks
    return (0..<blocks.count).map { index in
      let start = Int(Int32(bitPattern: blocks[index].left.rawValue &- talk.peerStart))
      return start..<start + (blocks[index].right - blocks[index].left)
    }
  }

  @Test(.requirement("2883-1"))
  func aSegmentBelowTheAcknowledgmentIsReportedOnce() {
    let talk = talk()
    talk.receive(".", seq: 1, ack: 1, length: 200)
    #expect(blocks(talk, ack: 201) == [])
    talk.receive(".", seq: 1, ack: 1, length: 100)
    #expect(blocks(talk, ack: 201) == [1..<101])
    talk.receive(".", seq: 301, ack: 1, length: 100)
    #expect(blocks(talk, ack: 201) == [301..<401])
  }

  @Test(.requirement("2883-2"))
  func aDuplicateAboveAGapComesBeforeThePieceAroundIt() {
    let talk = talk()
    talk.receive(".", seq: 1001, ack: 1, length: 100)
    talk.receive(".", seq: 501, ack: 1, length: 100)
    talk.receive(".", seq: 601, ack: 1, length: 100)
    #expect(talk.takeSent().count == 3)
    talk.receive(".", seq: 551, ack: 1, length: 100)
    #expect(blocks(talk, ack: 1) == [551..<651, 501..<701, 1001..<1101])
    // Once is enough.
    talk.receive(".", seq: 1101, ack: 1, length: 100)
    #expect(blocks(talk, ack: 1) == [1001..<1201, 501..<701])
  }

  @Test(.requirement("2883-4"))
  func ofAPartialDuplicateTheFirstPartIsReported() {
    let talk = talk()
    talk.receive(".", seq: 1, ack: 1, length: 200)
    talk.takeSent()
    talk.receive(".", seq: 101, ack: 1, length: 200)
    #expect(blocks(talk, ack: 301) == [101..<201])
    talk.receive(".", seq: 401, ack: 1, length: 100)
    talk.receive(".", seq: 601, ack: 1, length: 100)
    talk.takeSent()
    talk.receive(".", seq: 451, ack: 1, length: 200)
    #expect(blocks(talk, ack: 301).prefix(2) == [451..<501, 401..<701])
  }

  @Test(.requirement("2883-4", "2018-1"))
  func nothingIsReportedToAPeerWithoutSACK() {
    let talk = talk(sackPermitted: false)
    talk.receive(".", seq: 1, ack: 1, length: 200)
    talk.takeSent()
    talk.receive(".", seq: 1, ack: 1, length: 100)
    #expect(blocks(talk, ack: 201) == [])
    talk.receive(".", seq: 301, ack: 1, length: 100)
    #expect(blocks(talk, ack: 201) == [])
  }

  /// RFC 2018 §3: as many blocks as there is room for, beside timestamps three.
  @Test(.requirement("2018-3"), arguments: [(nil, 4), (5_000, 3)] as [(UInt32?, Int)])
  func noMoreBlocksAreReportedThanThereIsRoomFor(timestamp: UInt32?, count: Int) {
    let talk = Conversation()
    talk.establish(options: .synchronize(sackPermitted: true, timestamp: timestamp))
    for piece in 1...6 {
      talk.receive(".", seq: 1 + piece * 1_000, ack: 1, length: 100)
      let blocks = talk.expect(".", seq: 1, ack: 1)?.header.options.sackBlocks
      #expect(blocks?.count == min(piece, count))
    }
  }
}
