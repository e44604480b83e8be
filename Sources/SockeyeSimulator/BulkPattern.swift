// Holds the content of bulk transfers: bytes that depend on their place in the stream and on the flow, so that what is
// missing, doubled or out of place is seen at the receiver.

import SockeyeBytes

/// The endless content of one flow.
struct BulkPattern: Sendable {
  /// A prime, so that no whole number of segments is a period.
  private static let period = 65_521
  /// The most that lies in one piece from any place.
  static let longestPiece = 65_536
  /// The period and what follows it, so that every piece lies in one.
  let bytes: [UInt8]

  init(flow: Int) {
    var generator = SeededGenerator(seed: 0x5ac4_e1e0 &+ UInt64(flow))
    var bytes: [UInt8] = []
    bytes.reserveCapacity(BulkPattern.period + BulkPattern.longestPiece)
    while bytes.count < BulkPattern.period { bytes.append(UInt8(truncatingIfNeeded: generator.next() >> 56)) }
    for index in 0..<BulkPattern.longestPiece { bytes.append(bytes[index]) }
    self.bytes = bytes
  }

  /// Where in `bytes` the content from `offset` on begins.
  static func start(of offset: UInt64) -> Int { Int(offset % UInt64(period)) }

  /// Whether bytes are the content from `offset` on.
  func matches(_ piece: RawSpan, at offset: UInt64) -> Bool {
    var checked = 0
    while checked < piece.byteCount {
      let count = min(piece.byteCount - checked, BulkPattern.longestPiece)
      let part = piece.extracting(checked..<(checked + count))
      let start = BulkPattern.start(of: offset + UInt64(checked))
      let expected = bytes.rawSpan.extracting(start..<(start + count))
      if !BulkPattern.areSame(expected, part) { return false }
      checked += count
    }
    return true
  }

  /// Eight bytes at a time.
  private static func areSame(_ left: RawSpan, _ right: RawSpan) -> Bool {
    let count = left.byteCount
    var offset = 0
    while offset + 8 <= count {
      if left.uint64(at: offset) != right.uint64(at: offset) { return false }
      offset += 8
    }
    while offset < count {
      if left.byte(at: offset) != right.byte(at: offset) { return false }
      offset += 1
    }
    return true
  }
}
