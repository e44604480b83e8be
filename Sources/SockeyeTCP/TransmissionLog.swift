// Holds what is known of each segment that is outstanding: when it left last, whether the peer holds it, whether it
// is taken for lost. It is the sender's SACK scoreboard (RFC 2018 §5) and the memory of RACK (RFC 8985 §5). It decides
// nothing: RackDetector finds losses, Connection+Recovery repairs them.

import SockeyeBytes
import SockeyeWire

/// The segments between SND.UNA and SND.NXT in the order of their sequence numbers, in a ring that grows with the
/// flight. Segments that were sent once stand in the order of their times, too.
struct TransmissionLog: ~Copyable {
  struct Marks: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// The peer has said that it holds the segment.
    static let sacked = Marks(rawValue: 1)
    /// Taken for lost, and not sent again since.
    static let lost = Marks(rawValue: 2)
    /// Sent more than once.
    static let retransmitted = Marks(rawValue: 4)
    /// The application had nothing more to send when this left.
    static let applicationLimited = Marks(rawValue: 8)
    /// Taken for lost, and congestion control has not heard of it.
    static let untold = Marks(rawValue: 16)
  }

  /// One segment; it begins where the one before it ends. Numbers and times lie raw, so that a row is plain bytes.
  struct Record: BitwiseCopyable {
    fileprivate(set) var sentNanoseconds: UInt64
    fileprivate var rawEnd: UInt32
    /// The state of delivery when it left last (see `DeliveryRate`).
    fileprivate(set) var delivery: DeliverySnapshot
    fileprivate(set) var marks: Marks

    /// When it left last.
    var sentAt: Instant { Instant(nanoseconds: sentNanoseconds) }
    /// One past its last number, a FIN's included.
    var end: SequenceNumber { SequenceNumber(rawEnd) }
    var isInFlight: Bool { marks.isDisjoint(with: [.sacked, .lost]) }
  }

  /// More segments than this are not told apart: the last record then stands for all that follows it.
  static let limit = 1 << 14

  private var ring = Row<Record>()
  private var head = 0
  private(set) var count = 0
  /// Where the first record begins; SND.UNA while there is one.
  private(set) var start = SequenceNumber(0)
  /// Octets that the peer holds above SND.UNA.
  private(set) var sackedOctets = 0
  private(set) var sackedSegments = 0
  /// Octets taken for lost and not sent again since.
  private(set) var lostOctets = 0
  /// No record before this one is marked as lost.
  private var lostHint = 0

  var isEmpty: Bool { count == 0 }
  /// What the ring takes of memory.
  var allocatedBytes: Int { ring.count * MemoryLayout<Record>.stride }

  @inline(__always)
  private func place(_ index: Int) -> Int { (head &+ index) & (ring.count &- 1) }

  /// The record at `index`, the oldest being 0.
  subscript(_ index: Int) -> Record {
    @inline(__always) get { ring[place(index)] }
    @inline(__always) set { ring[place(index)] = newValue }
  }

  /// Where the record at `index` begins.
  @inline(__always)
  func start(of index: Int) -> SequenceNumber { index == 0 ? start : self[index - 1].end }

  private func length(of index: Int) -> Int { self[index].end - start(of: index) }

  // MARK: What leaves

  /// New text, or a FIN, left behind everything else.
  @inline(__always)
  mutating func append(
    from begin: SequenceNumber, to end: SequenceNumber, at now: Instant, _ delivery: DeliverySnapshot,
    isApplicationLimited: Bool
  ) {
    if count == 0 {
      start = begin
    } else if count == Self.limit {
      return extendLast(to: end, at: now)
    }
    if count == ring.count { grow() }
    let marks: Marks = isApplicationLimited ? .applicationLimited : []
    let record = Record(
      sentNanoseconds: now.nanoseconds, rawEnd: end.rawValue, delivery: delivery, marks: marks)
    count &+= 1
    self[count - 1] = record
  }

  /// The later time stands for both, so that nothing is taken for lost too early.
  private mutating func extendLast(to end: SequenceNumber, at now: Instant) {
    let last = count - 1
    let octets = end - self[last].end
    if self[last].marks.contains(.sacked) { sackedOctets += octets }
    if self[last].marks.contains(.lost) { lostOctets += octets }
    self[last].rawEnd = end.rawValue
    self[last].sentNanoseconds = now.nanoseconds
  }

  private mutating func grow() {
    var larger = Row<Record>()
    let size = max(8, ring.count * 2)
    for index in 0..<count { larger.append(self[index]) }
    let filler = Record(sentNanoseconds: 0, rawEnd: 0, delivery: DeliverySnapshot(), marks: [])
    for _ in count..<size { larger.append(filler) }
    ring = larger
    head = 0
  }

  /// Gives the memory back, when nothing is outstanding.
  mutating func releaseIfEmpty() {
    if count == 0 { ring = Row() }
  }

  /// The text from `begin` to `end` left again.
  mutating func retransmitted(
    from begin: SequenceNumber, to end: SequenceNumber, at now: Instant, _ delivery: DeliverySnapshot
  ) {
    var index = firstIndex(endingAfter: begin)
    if index < count, start(of: index) < begin { index += split(index, at: begin) ? 1 : 0 }
    while index < count, start(of: index) < end {
      if self[index].end > end { _ = split(index, at: end) }
      if !self[index].marks.contains(.sacked) {
        if self[index].marks.contains(.lost) { lostOctets -= length(of: index) }
        self[index].marks.remove([.lost, .applicationLimited])
        self[index].marks.insert(.retransmitted)
        self[index].sentNanoseconds = now.nanoseconds
        self[index].delivery = delivery
      }
      index += 1
    }
  }

  /// Makes two records of one, when there is room for one more.
  private mutating func split(_ index: Int, at middle: SequenceNumber) -> Bool {
    guard count < Self.limit else { return false }
    if count == ring.count { grow() }
    count += 1
    var position = count - 1
    while position > index {
      self[position] = self[position - 1]
      position -= 1
    }
    self[index].rawEnd = middle.rawValue
    if self[index].marks.contains(.sacked) { sackedSegments += 1 }
    return true
  }

  // MARK: What the peer says

  /// The first record that ends after `sequence`; `count` when there is none.
  private func firstIndex(endingAfter sequence: SequenceNumber) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle].end > sequence { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// When the oldest of the segments left that are all below SND.UNA from now on; nil when any of them was sent twice, for
  /// then nobody knows which copy is acknowledged (Karn's rule), or when the peer has said before that it holds it.
  func oldestTime(acknowledgedBy acknowledgment: SequenceNumber) -> Instant? {
    var index = 0
    var oldest: Instant?
    while index < count, self[index].end <= acknowledgment {
      if self[index].marks.contains(.retransmitted) { return nil }
      if oldest == nil, !self[index].marks.contains(.sacked) { oldest = self[index].sentAt }
      index += 1
    }
    return oldest
  }

  /// Takes the oldest record out, if all of it is below SND.UNA.
  @inline(__always)
  mutating func takeFirst(acknowledgedBy acknowledgment: SequenceNumber) -> Record? {
    guard count > 0 else { return nil }
    let record = self[0]
    guard record.end <= acknowledgment else { return nil }
    if !record.isInFlight { uncount(record, octets: record.end - start) }
    start = record.end
    head = (head &+ 1) & (ring.count &- 1)
    count &-= 1
    if lostHint > 0 { lostHint &-= 1 }
    return record
  }

  private mutating func uncount(_ record: Record, octets: Int) {
    if record.marks.contains(.sacked) {
      sackedOctets -= octets
      sackedSegments -= 1
    } else {
      lostOctets -= octets
    }
  }

  /// SND.UNA may stand inside of the oldest record.
  @inline(__always)
  mutating func trim(upTo acknowledgment: SequenceNumber) {
    guard count > 0, acknowledgment > start else { return }
    if self[0].marks.contains(.sacked) { sackedOctets -= acknowledgment - start }
    if self[0].marks.contains(.lost) { lostOctets -= acknowledgment - start }
    start = acknowledgment
  }

  /// The records that lie in `left..<right` with all of their octets.
  func indices(from left: SequenceNumber, to right: SequenceNumber) -> Range<Int> {
    var first = firstIndex(endingAfter: left)
    if first < count, start(of: first) < left { first += 1 }
    let last = firstIndex(endingAfter: right)
    return first..<max(first, last)
  }

  /// The peer holds a segment.
  mutating func markSacked(_ index: Int) {
    let octets = length(of: index)
    if self[index].marks.contains(.lost) { lostOctets -= octets }
    self[index].marks.remove(.lost)
    self[index].marks.insert(.sacked)
    sackedOctets += octets
    sackedSegments += 1
  }

  /// The peer may have thrown away what it held (RFC 2018 §8).
  mutating func forgetSacks() {
    for index in 0..<count { self[index].marks.remove(.sacked) }
    sackedOctets = 0
    sackedSegments = 0
  }

  // MARK: Losses

  mutating func markLost(_ index: Int) {
    guard self[index].isInFlight else { return }
    self[index].marks.insert([.lost, .untold])
    lostOctets += length(of: index)
    lostHint = min(lostHint, index)
  }

  /// The first loss that congestion control has not heard of, with its length in octets; it counts as told now.
  mutating func takeUntoldLoss(from index: inout Int) -> (record: Record, octets: Int)? {
    while index < count {
      defer { index += 1 }
      guard self[index].marks.contains(.untold) else { continue }
      let isLost = self[index].marks.contains(.lost)
      self[index].marks.remove(.untold)
      if isLost { return (self[index], length(of: index)) }
    }
    return nil
  }

  /// Octets between two numbers that are taken for lost and were not sent again.
  func lostOctets(from left: SequenceNumber, to right: SequenceNumber) -> Int {
    var octets = 0
    for index in indices(from: left, to: right) where self[index].marks.contains(.lost) {
      octets += length(of: index)
    }
    return octets
  }

  /// Nothing was lost after all.
  mutating func forgetLosses() {
    for index in 0..<count { self[index].marks.remove(.lost) }
    lostOctets = 0
  }

  /// The first text that is lost and was not sent again, as far as it is lost without a gap.
  /// - Parameter limit: the most that is wanted, octets; at least 1.
  func firstLost(limit: Int) -> Range<Int>? {
    var found: Range<Int>?
    for index in lostHint..<count {
      let isLost = self[index].marks.contains(.lost)
      let end = self[index].end - start
      guard let known = found else {
        if isLost { found = start(of: index) - start..<end }
        continue
      }
      // Small segments leave together in one.
      guard isLost, end - known.lowerBound <= limit else { break }
      found = known.lowerBound..<end
    }
    return found.map { $0.lowerBound..<min($0.upperBound, $0.lowerBound + limit) }
  }

  /// Remembers how far there is nothing lost, after the first loss has been sent again.
  mutating func advanceLostHint() {
    while lostHint < count, !self[lostHint].marks.contains(.lost) { lostHint += 1 }
  }

  /// What should always hold of the log and does not.
  func violation() -> StaticString? {
    // A long log is looked through only now and then: each segment would cost as much as all that are outstanding.
    if count > 64, (head &+ count) & 63 != 0 { return nil }
    var sacked = 0
    var segments = 0
    var lost = 0
    var edge = start
    for index in 0..<count {
      let record = self[index]
      if !(record.end > edge) { return "records are not empty and in order" }
      if record.marks.contains(.sacked) {
        sacked += record.end - edge
        segments += 1
      }
      if record.marks.contains(.lost) {
        lost += record.end - edge
        if index < lostHint { return "no loss is before the hint" }
      }
      if record.marks.contains([.sacked, .lost]) { return "what is held is not lost" }
      edge = record.end
    }
    return sacked == sackedOctets && segments == sackedSegments && lost == lostOctets
      ? nil : "the log counts right"
  }
}
