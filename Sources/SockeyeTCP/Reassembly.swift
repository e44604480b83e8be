// Which pieces of the stream are held above RCV.NXT, and which of them to report first (RFC 2018 §4). Holds no
// byte; the bytes are in the receive ring.

import SockeyeWire

/// Disjoint, ascending pieces of sequence space above RCV.NXT; a bounded number of them.
struct Reassembly: Sendable {
  struct Piece: Sendable, Equatable {
    var start: SequenceNumber
    var end: SequenceNumber
  }
  private(set) var pieces: [Piece] = []
  /// Left edges of the pieces that grew last, the latest first: they are reported first (RFC 2018 §4).
  private var recent = SACKBlocks()

  var isEmpty: Bool { pieces.isEmpty }

  /// Whether a piece from `start` to `end` can be noted within the bound.
  func hasRoom(from start: SequenceNumber, to end: SequenceNumber) -> Bool {
    if pieces.count < Constants.reassemblyRanges { return true }
    let first = firstIndex(endingAtOrAfter: start)
    return first < pieces.count && pieces[first].start <= end
  }

  private func firstIndex(endingAtOrAfter sequence: SequenceNumber) -> Int {
    var low = 0
    var high = pieces.count
    while low < high {
      let middle = (low + high) / 2
      if pieces[middle].end >= sequence { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// The first part of `start..<end` that is held.
  func firstHeld(from start: SequenceNumber, to end: SequenceNumber) -> Piece? {
    let first = firstIndex(endingAtOrAfter: start + 1)
    guard first < pieces.count, pieces[first].start < end else { return nil }
    return Piece(start: .later(pieces[first].start, start), end: .earlier(pieces[first].end, end))
  }

  /// The piece that holds the octet at `sequence`.
  func piece(around sequence: SequenceNumber) -> Piece? {
    let index = firstIndex(endingAtOrAfter: sequence + 1)
    return index < pieces.count && pieces[index].start <= sequence ? pieces[index] : nil
  }

  /// Calls `body` with each part of `start..<end` that is not held yet, in order.
  func forEachGap(
    from start: SequenceNumber, to end: SequenceNumber, _ body: (SequenceNumber, SequenceNumber) -> Void
  ) {
    var cursor = start
    for index in firstIndex(endingAtOrAfter: start + 1)..<pieces.count {
      let piece = pieces[index]
      if piece.start >= end { break }
      if cursor < piece.start { body(cursor, piece.start) }
      cursor = piece.end
    }
    if cursor < end { body(cursor, end) }
  }

  /// Notes `start..<end` as held, joined with what it touches.
  mutating func insert(from start: SequenceNumber, to end: SequenceNumber) {
    var merged = Piece(start: start, end: end)
    let first = firstIndex(endingAtOrAfter: start)
    var last = first
    while last < pieces.count, pieces[last].start <= end {
      if pieces[last].start < merged.start { merged.start = pieces[last].start }
      if pieces[last].end > merged.end { merged.end = pieces[last].end }
      last += 1
    }
    if last == first {
      pieces.insert(merged, at: first)
    } else {
      pieces[first] = merged
      if last - first > 1 { pieces.removeSubrange(first + 1..<last) }
    }
    noteRecent(merged)
  }

  /// Removes the piece that starts at or before `next` and answers its end: RCV.NXT may move there.
  mutating func takeContiguous(at next: SequenceNumber) -> SequenceNumber? {
    guard let first = pieces.first, first.start <= next else { return nil }
    pieces.removeFirst()
    return first.end
  }

  private mutating func noteRecent(_ piece: Piece) {
    var updated = SACKBlocks()
    _ = updated.append(SACKBlock(left: piece.start, right: piece.end))
    for index in 0..<recent.count {
      let block = recent[index]
      // What the new piece has swallowed is reported with it.
      if block.left >= piece.start && block.left < piece.end { continue }
      if !updated.append(block) { break }
    }
    recent = updated
  }

  /// The blocks to report, at most `limit`: the piece that grew last, then those that grew before it, then any
  /// others (RFC 2018 §4).
  func blocks(limit: Int) -> SACKBlocks {
    var blocks = SACKBlocks()
    for index in 0..<recent.count {
      if blocks.count >= limit { return blocks }
      let edge = recent[index].left
      if let piece = piece(around: edge) { _ = blocks.append(SACKBlock(left: piece.start, right: piece.end)) }
    }
    for piece in pieces {
      if blocks.count >= limit { return blocks }
      var reported = false
      for index in 0..<blocks.count where blocks[index].left == piece.start { reported = true }
      if !reported { _ = blocks.append(SACKBlock(left: piece.start, right: piece.end)) }
    }
    return blocks
  }
}
