// The receiving direction: RCV.NXT, the ring, pieces out of order, the advertised window, the peer's FIN and
// urgent mark. Decides no ACK; AcknowledgmentPolicy does.

import SockeyeBytes
import SockeyeWire

struct ReceiveHalf: ~Copyable {
  /// Bytes in order and not yet read, followed by the pieces out of order at their places.
  var buffer: ByteRing
  /// IRS.
  let initial: SequenceNumber
  /// RCV.NXT.
  private(set) var next: SequenceNumber
  /// What stood behind the window field that left last, and the field: RCV.NXT, octets held to be read.
  private var announced: (next: SequenceNumber, held: Int, field: UInt16)
  /// Highest RCV.NXT + RCV.WND ever advertised. Never moves left (RFC 9293 §3.8.6 SHLD-14).
  private(set) var advertisedEdge: SequenceNumber
  /// Rcv.Wind.Shift (RFC 7323 §2.3).
  private(set) var windowShift: UInt8
  /// What may be held unread, octets; no more than the window field can tell.
  private(set) var capacity: Int
  /// By what it grows.
  var tuning: ReceiveTuning
  /// The MSS we announced: the step in which the window opens (RFC 9293 §3.8.6.2.2).
  let segmentSize: Int
  private(set) var phase: ReceivePhase = .open
  private(set) var reassembly = Reassembly()
  /// Where the peer's FIN stands, once it was seen; there is a gap before it while the phase is still open.
  private(set) var pendingFinish: SequenceNumber?
  /// RCV.UP: one past the last urgent octet; nil when none is ahead.
  private(set) var urgentEnd: SequenceNumber?
  /// The largest payload seen, octets: what "full-sized" means for this peer (RFC 5681 §4.2).
  private(set) var largestPayload: Int
  /// What came twice and is still to be reported (RFC 2883 §4).
  private(set) var duplicate: SACKBlock?
  /// The user has given up reading.
  var readingClosed = false

  /// - Parameters:
  ///   - initial: IRS; RCV.NXT is one more.
  ///   - maximum: What `capacity` may grow to.
  ///   - advertised: The window that our SYN carries, octets.
  init(
    initial: SequenceNumber, capacity: Int, maximum: Int, windowShift: UInt8, advertised: Int,
    segmentSize: Int
  ) {
    let limit = 65_535 << Int(windowShift)
    self.initial = initial
    self.capacity = min(capacity, limit)
    tuning = ReceiveTuning(
      maximum: min(maximum, limit), expected: min(capacity, 10 * segmentSize), next: initial + 1)
    self.windowShift = windowShift
    self.segmentSize = segmentSize
    // Until the peer shows what it sends, what every path takes.
    largestPayload = min(536, segmentSize)
    next = initial + 1
    advertisedEdge = next + advertised
    // One unit of the scaled window more than is promised, so that rounding up never promises too much.
    buffer = ByteRing(capacity: max(capacity, advertised) + (1 << Int(windowShift)))
    announced = (initial, -1, 0)
  }

  /// RCV.WND, octets.
  var window: Int { advertisedEdge - next }

  /// Smallest shift with which `capacity` fits in the window field.
  static func shift(for capacity: Int) -> UInt8 {
    var shift: UInt8 = 0
    while shift < Constants.maximumWindowShift, capacity >> Int(shift) > 65_535 { shift += 1 }
    return shift
  }

  // MARK: The advertised window

  /// The window field to send now.
  @inline(__always)
  var wireWindow: UInt16 {
    // With nothing received or read since, it is what it was.
    if next == announced.next && buffer.count == announced.held { return announced.field }
    return newWireWindow
  }

  /// The edge moves only in steps of min(capacity / 2, MSS)
  /// (RFC 9293 §3.8.6.2.2 MUST-39) and never to the left.
  private var newWireWindow: UInt16 {
    let limit = next + (capacity - buffer.count)
    let edge = limit - advertisedEdge >= windowStep ? limit : advertisedEdge
    // The shift is at most 14.
    let unit = 1 &<< Int(windowShift)
    var units = (max(0, edge - next) + unit - 1) &>> Int(windowShift)
    // Rounded down only where rounding up would promise more than the ring holds (RFC 7323 §2.4).
    if (units &<< Int(windowShift)) > buffer.capacity - buffer.count { units -= 1 }
    return UInt16(max(0, min(units, 65_535)))
  }

  /// A segment with this window field has left.
  @inline(__always)
  mutating func advertised(_ wireWindow: UInt16) {
    if next == announced.next && buffer.count == announced.held { return }
    announced = (next, buffer.count, wireWindow)
    let edge = next + (Int(wireWindow) &<< Int(windowShift))
    if edge > advertisedEdge { advertisedEdge = edge }
  }

  /// Whether an ACK is worth sending only to tell how far the window has opened: the peer has used up half of what
  /// it was told first, and hears of a useful step. While it has more, the next ACK of data will do.
  var windowUpdateDue: Bool {
    guard phase == .open, window <= min(capacity, 65_535) / 2 else { return false }
    let opened = (next + (capacity - buffer.count)) - advertisedEdge
    return opened >= (window < 2 * segmentSize ? windowStep : max(windowStep, capacity / 4))
  }

  /// The least by which the advertised edge moves, octets (RFC 9293 §3.8.6.2.2).
  private var windowStep: Int { max(1, min(capacity / 2, segmentSize)) }

  // MARK: Text

  enum Placement: Equatable { case inOrder, filledGap, outOfOrder, full }

  /// Takes a payload that lies inside the window. What is held already stays as it was: the first bytes
  /// accepted for a place are the ones delivered.
  mutating func place(_ payload: RawSpan, at sequence: SequenceNumber) -> Placement {
    if sequence == next && reassembly.isEmpty {
      appendExpected(payload)
      return .inOrder
    }
    let count = payload.byteCount
    if count > largestPayload { largestPayload = count }
    let end = sequence + count
    if let held = reassembly.firstHeld(from: sequence, to: end) {
      noteDuplicate(from: held.start, to: held.end)
    }
    guard sequence == next || reassembly.hasRoom(from: sequence, to: end) else { return .full }
    let base = next
    let readable = buffer.count
    // The ring is moved out so that the walk over the pieces may write into it.
    var ring = ByteRing(capacity: 0)
    swap(&ring, &buffer)
    reassembly.forEachGap(from: sequence, to: end) { from, to in
      ring.store(payload.extracting((from - sequence)..<(to - sequence)), at: readable + (from - base))
    }
    swap(&ring, &buffer)
    reassembly.insert(from: sequence, to: end)
    return sequence == next ? joinContiguous() : .outOfOrder
  }

  /// Nothing is held out of order, no FIN has been seen, and somebody reads.
  @inline(__always)
  var isPlain: Bool { reassembly.isEmpty && phase == .open && pendingFinish == nil && !readingClosed }

  /// The same, summed on the way in. Answers whether `sum`, that of all that the checksum covers besides the payload, is
  /// made right by it; the payload is taken only then.
  @inline(__always)
  mutating func appendExpected(_ payload: RawSpan, completing sum: UInt32) -> Bool {
    let payloadSum = buffer.storeAndSum(payload)
    guard InternetChecksum.finish(InternetChecksum.combine(sum, payloadSum, bOffsetIsOdd: false)) == 0 else {
      buffer.forgetStored()
      return false
    }
    let count = payload.byteCount
    if count > largestPayload { largestPayload = count }
    buffer.commit(count)
    next = next + count
    return true
  }

  /// Takes a payload that begins at RCV.NXT, lies inside the window and meets nothing held out of order.
  @inline(__always)
  mutating func appendExpected(_ payload: RawSpan) {
    let count = payload.byteCount
    if count > largestPayload { largestPayload = count }
    let taken = buffer.append(payload)
    assert(taken == count, "the window promised room")
    next = next + taken
  }

  /// Makes what follows RCV.NXT without a gap readable.
  @discardableResult
  mutating func joinContiguous() -> Placement {
    guard let end = reassembly.takeContiguous(at: next) else { return .outOfOrder }
    buffer.commit(end - next)
    next = end
    return .filledGap
  }

  /// Keeps text that came with a SYN, to be joined when the handshake is complete.
  mutating func hold(_ payload: RawSpan, at sequence: SequenceNumber) {
    guard reassembly.hasRoom(from: sequence, to: sequence + payload.byteCount) else { return }
    buffer.store(payload, at: buffer.count + (sequence - next))
    reassembly.insert(from: sequence, to: sequence + payload.byteCount)
  }

  /// The peer does not scale windows, so ours are not scaled either (RFC 7323 §2.2).
  mutating func stopScaling() {
    windowShift = 0
    tuning.maximum = min(tuning.maximum, 65_535)
    resize(to: capacity)
  }

  /// Lets the buffer hold so much, or what is held and promised already if that is more: the window closes before it is
  /// narrower (RFC 9293 §3.8.6 SHLD-14).
  mutating func resize(to octets: Int) {
    capacity = min(octets, 65_535 << Int(windowShift))
    buffer.setCapacity(max(capacity, buffer.count + window) + (1 << Int(windowShift)))
    // The window field is to be reckoned anew.
    announced.held = -1
  }

  // MARK: SACK

  /// Whether an ACK has blocks to report.
  @inline(__always)
  var hasBlocks: Bool { !reassembly.isEmpty || duplicate != nil }

  /// The blocks of an ACK that leaves now, at most `limit`: a duplicate first and once, then the piece around it, then what
  /// grew last (RFC 2883 §4, RFC 2018 §4).
  func blocks(limit: Int) -> SACKBlocks {
    guard let duplicate else { return reassembly.blocks(limit: limit) }
    var blocks = SACKBlocks()
    _ = blocks.append(duplicate)
    let around = reassembly.piece(around: duplicate.left)
    if let around { _ = blocks.append(SACKBlock(left: around.start, right: around.end)) }
    let others = reassembly.blocks(limit: SACKBlocks.limit)
    for index in 0..<others.count where blocks.count < limit && others[index].left != around?.start {
      _ = blocks.append(others[index])
    }
    return blocks
  }

  /// Text that is held already has come again; the first of it is reported.
  mutating func noteDuplicate(from start: SequenceNumber, to end: SequenceNumber) {
    if duplicate == nil, start < end { duplicate = SACKBlock(left: start, right: end) }
  }

  /// An ACK with the report has left.
  @inline(__always)
  mutating func duplicateReported() {
    if duplicate != nil { duplicate = nil }
  }

  // MARK: FIN and urgent

  mutating func notePendingFinish(at sequence: SequenceNumber) {
    if pendingFinish == nil { pendingFinish = sequence }
  }

  /// Steps over the peer's FIN, which stands at RCV.NXT.
  mutating func finish(afterClose: Bool) {
    next = next + 1
    if advertisedEdge < next { advertisedEdge = next }
    phase = .finished(afterClose: afterClose)
    // What a peer out of its mind has sent beyond its FIN is no part of the stream.
    reassembly = Reassembly()
    buffer.forgetStored()
  }

  /// RFC 9293 §3.10.7.4, sixth step. Answers whether the mark is new or moved forward (MUST-32).
  mutating func urgentArrived(end: SequenceNumber) -> Bool {
    guard end > readPosition else { return false }
    if let urgentEnd, !(end > urgentEnd) { return false }
    urgentEnd = end
    return true
  }

  /// Octets between what the user has read and the urgent mark; zero when none is ahead (MUST-33).
  var urgentAhead: Int {
    guard let urgentEnd else { return 0 }
    return max(0, urgentEnd - readPosition)
  }

  /// The next octet that the user reads. The peer's FIN has a number but is no octet.
  private var readPosition: SequenceNumber { next - (buffer.count + (phase == .open ? 0 : 1)) }

  /// The user has read; the mark ends when it is reached.
  mutating func forgetPassedUrgent() {
    if urgentEnd != nil && urgentAhead == 0 { urgentEnd = nil }
  }
}
