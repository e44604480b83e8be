// Shows which of the pieces that are held out of order are told of first, and how many (RFC 2018 §4).

import SockeyeWire
import Testing

@testable import SockeyeTCP

@Suite struct ReassemblyTests {
  @Test(arguments: 0...4)
  func theLatestPiecesAreToldOfFirstAndNoMoreThanFit(limit: Int) {
    var reassembly = Reassembly()
    for start in [10, 30, 50, 70, 90] as [UInt32] {
      reassembly.insert(from: SequenceNumber(start), to: SequenceNumber(start + 10))
    }
    let blocks = reassembly.blocks(limit: limit)
    #expect((0..<blocks.count).map { blocks[$0].left.rawValue } == Array([90, 70, 50, 30].prefix(limit)))
  }

  /// No more than four pieces are remembered as the latest. When some of them have become one, there is room for older ones.
  @Test(arguments: 0...4)
  func whereLatePiecesHaveJoinedOlderOnesAreToldOfAgain(limit: Int) {
    var reassembly = Reassembly()
    for start in [10, 30, 50, 70, 90, 110] as [UInt32] {
      reassembly.insert(from: SequenceNumber(start), to: SequenceNumber(start + 10))
    }
    reassembly.insert(from: SequenceNumber(80), to: SequenceNumber(110))
    let blocks = reassembly.blocks(limit: limit)
    #expect((0..<blocks.count).map { blocks[$0].left.rawValue } == Array([70, 50, 10, 30].prefix(limit)))
  }
}
