// Holds what an observer of the wire demands of two TCPs without looking into them: rules of sequence numbers, acknowledgments and
// windows. It sees what each end sends and what reaches it. What happens inside the ends is not its affair.

import SockeyeBytes
import SockeyeTCP
import SockeyeTrace
import SockeyeWire

/// A rule of the wire that was broken.
struct WireViolation: Sendable {
  let rule: StaticString
  let segment: FlightSegment
}

/// The numbers that one end used before its host lost its memory.
private struct FormerLife {
  let initial: SequenceNumber
  /// One past the furthest place sent.
  let sent: Int

  func isAnswered(by acknowledgment: SequenceNumber) -> Bool { (0...sent).contains(acknowledgment - initial) }
}

/// One end of a connection as the wire knows it. Places are octets from the initial sequence number on: the SYN is at 0.
private struct WatchedEnd {
  /// ISS, once a SYN was seen.
  var initial: SequenceNumber?
  /// Others that its SYN,ACKs had: a host that sends cookies may answer each copy of a SYN with another one.
  var others: [SequenceNumber] = []
  /// What it was before its host lost its memory: a peer that hears of the new one late goes on answering the old one.
  var formers: [FormerLife] = []
  /// The window scale that its SYN offers.
  var offeredShift: UInt8?
  /// One past the furthest place sent, SND.NXT as far as the wire can know.
  var sent: UInt64 = 0
  /// Where its FIN stands.
  var finish: UInt64?
  /// What has reached it of the other's places.
  var received = StreamCoverage()
  /// What it has acknowledged, and the furthest place it has ever offered, both places of the other.
  var acknowledged: UInt64 = 0
  var offeredEdge: UInt64 = 0
  /// The furthest place that it was offered, as far as that has reached it.
  var allowedEdge: UInt64 = 0
  /// One octet beyond the edge was sent to probe it.
  var probedEdge: UInt64 = 0

  /// Where a sequence number stands, near to what was sent last; nil before the SYN or below it.
  func place(of number: SequenceNumber) -> UInt64? {
    guard let initial else { return nil }
    let distance = number - SequenceNumber(initial.rawValue &+ UInt32(truncatingIfNeeded: sent))
    let place = Int64(sent) + Int64(distance)
    return place < 0 ? nil : UInt64(place)
  }

  /// What of the other's has come without a gap.
  var contiguous: UInt64 {
    guard let first = received.ranges.first, first.lowerBound == 0 else { return 0 }
    return first.upperBound
  }
}

/// All connections of a world, seen from the wire.
struct WireWatch {
  private struct Pair {
    var ends: (WatchedEnd, WatchedEnd) = (WatchedEnd(), WatchedEnd())

    subscript(side: Int) -> WatchedEnd {
      get { side == 0 ? ends.0 : ends.1 }
      set { if side == 0 { ends.0 = newValue } else { ends.1 = newValue } }
    }
  }

  private var pairs: [FourTuple: Pair] = [:]

  /// The connection that a segment belongs to, and which end speaks: tuples are kept by one of their two directions.
  private func key(_ segment: FlightSegment) -> (tuple: FourTuple, side: Int) {
    let there = FourTuple(local: segment.source, remote: segment.destination)
    let back = FourTuple(local: segment.destination, remote: segment.source)
    return pairs[back] != nil ? (back, 1) : (there, 0)
  }

  /// Forgets all connections of an address, whose host has lost its memory. What it sent in its former life may be on its way still.
  mutating func forget(_ address: IPAddress) {
    for (tuple, known) in pairs {
      let side = tuple.local.address == address ? 0 : 1
      guard side == 0 || tuple.remote.address == address else { continue }
      var pair = Pair()
      pair[side].formers = known[side].formers + known[side].others.map { FormerLife(initial: $0, sent: 1) }
      if let initial = known[side].initial {
        pair[side].formers.append(FormerLife(initial: initial, sent: Int(clamping: known[side].sent)))
      }
      pairs[tuple] = pair
    }
  }

  // MARK: What is sent

  /// A host sends a segment.
  /// - Returns: the rule that it breaks.
  mutating func departed(_ segment: FlightSegment, purpose: SegmentPurpose?) -> StaticString? {
    if segment.header.flags.contains(.rst) { return nil }
    let (tuple, side) = key(segment)
    var pair = pairs[tuple] ?? Pair()
    defer { pairs[tuple] = pair }
    let header = segment.header
    if header.flags.contains(.syn) {
      WireWatch.begin(&pair, side, header)
      // Another SYN,ACK than the one that the peer goes by.
      if header.sequence != pair[side].initial { return nil }
    }
    guard let place = pair[side].place(of: header.sequence) else { return nil }
    let length = UInt64(header.segmentLength(payload: segment.payload.count))
    if let rule = WireWatch.sending(&pair[side], place..<(place + length), header, purpose) { return rule }
    if header.flags.contains(.ack) { return WireWatch.answering(&pair, side, header) }
    return nil
  }

  /// A SYN of a new incarnation makes what was known of the end void; a SYN without ACK, of both.
  private static func begin(_ pair: inout Pair, _ side: Int, _ header: TCPHeader) {
    if pair[side].initial == nil {
      // What has come before it spoke is from the peer of now.
      pair[side].initial = header.sequence
    } else if pair[side].initial != header.sequence {
      if header.flags.contains(.ack) {
        if !pair[side].others.contains(header.sequence) { pair[side].others.append(header.sequence) }
        return
      }
      pair[side] = WatchedEnd()
      pair[side].initial = header.sequence
      pair[1 - side] = WatchedEnd()
    }
    pair[side].offeredShift = header.options.windowScale
  }

  /// What takes places of the sender's own.
  private static func sending(
    _ end: inout WatchedEnd, _ range: Range<UInt64>, _ header: TCPHeader, _ purpose: SegmentPurpose?
  ) -> StaticString? {
    // RFC 9293 §3.4: the numbers of text follow one another.
    if range.lowerBound > end.sent { return "a segment leaves out numbers that were never sent" }
    if let finish = end.finish, range.upperBound > finish + 1 { return "something follows a FIN" }
    let isText = !range.isEmpty && !header.flags.contains(.syn)
    if isText, end.allowedEdge > 0, range.upperBound > end.allowedEdge {
      // RFC 9293 §3.8.6.1: a probe of a closed window carries one octet beyond it, and it may leave again as such.
      let isProbe = range.upperBound == end.allowedEdge + 1
      if isProbe, case .zeroWindowProbe = purpose { end.probedEdge = range.upperBound }
      let finishes = header.flags.contains(.fin) && isProbe
      if range.upperBound > end.probedEdge, !finishes { return "a segment goes beyond the window" }
    }
    if header.flags.contains(.fin) { end.finish = range.upperBound - 1 }
    end.sent = max(end.sent, range.upperBound)
    return nil
  }

  /// What speaks of the other's places.
  private static func answering(_ pair: inout Pair, _ side: Int, _ header: TCPHeader) -> StaticString? {
    if pair[side].acknowledged == 0,
      pair[1 - side].formers.contains(where: { $0.isAnswered(by: header.acknowledgment) })
    {
      return nil
    }
    let chosen = header.acknowledgment - 1
    if pair[side].acknowledged == 0, pair[1 - side].initial != chosen, pair[1 - side].others.contains(chosen)
    {
      // This is the SYN,ACK that it goes by.
      pair[1 - side].initial = chosen
      pair[1 - side].sent = 1
      // The one before may have belonged to a connection that was reset, whose acknowledgments count no more.
      pair[1 - side].finish = nil
      pair[1 - side].acknowledged = 0
      pair[1 - side].offeredEdge = 0
      pair[side].received.insert(0..<1)
    }
    guard let place = pair[1 - side].place(of: header.acknowledgment) else { return nil }
    if place > pair[side].contiguous { return "an acknowledgment of what has not come" }
    // RFC 9293 §3.8.2: acknowledgments are cumulative.
    if place < pair[side].acknowledged { return "an acknowledgment goes back" }
    pair[side].acknowledged = place
    let blocks = header.options.sackBlocks
    for index in 0..<blocks.count {
      guard let left = pair[1 - side].place(of: blocks[index].left),
        let right = pair[1 - side].place(of: blocks[index].right), left < right,
        pair[side].received.contains(left..<right)
      else { return "a selective acknowledgment of what has not come" }
    }
    // Nothing comes after the peer's FIN, so that windows mean nothing any more.
    if let finish = pair[1 - side].finish, pair[side].contiguous > finish { return nil }
    let edge = place + window(of: header, from: side, in: pair)
    // RFC 9293 §3.8.6 SHLD-14: a receiver should not shrink the window. The field counts in units of the scale, and a SYN's
    // reaches no further than 65,535: what rounding takes does not count (RFC 7323 §2.4).
    if header.flags.contains(.syn) {
      pair[side].offeredEdge = max(pair[side].offeredEdge, edge)
      return nil
    }
    if edge + unit(of: side, in: pair) <= pair[side].offeredEdge {
      return "the window's right edge moves back"
    }
    pair[side].offeredEdge = max(pair[side].offeredEdge, edge)
    return nil
  }

  /// What a segment offers, octets (RFC 7323 §2.2: the window of a SYN is never scaled).
  private static func window(of header: TCPHeader, from side: Int, in pair: Pair) -> UInt64 {
    header.flags.contains(.syn) ? UInt64(header.window) : UInt64(header.window) * unit(of: side, in: pair)
  }

  /// What one of the window field stands for.
  private static func unit(of side: Int, in pair: Pair) -> UInt64 {
    guard let shift = pair[side].offeredShift, pair[1 - side].offeredShift != nil else { return 1 }
    return 1 << UInt64(min(shift, 14))
  }

  // MARK: What arrives

  /// A segment reaches a host.
  mutating func arrived(_ segment: FlightSegment) {
    if segment.header.flags.contains(.rst) { return }
    let (tuple, side) = key(segment)
    guard var pair = pairs[tuple], let place = pair[side].place(of: segment.header.sequence) else { return }
    let length = UInt64(segment.header.segmentLength(payload: segment.payload.count))
    // Of an incarnation before.
    guard place + length <= pair[side].sent else { return }
    pair[1 - side].received.insert(place..<(place + length))
    if segment.header.flags.contains(.ack),
      let acknowledged = pair[1 - side].place(of: segment.header.acknowledgment),
      acknowledged <= pair[1 - side].sent
    {
      let edge = acknowledged + WireWatch.window(of: segment.header, from: side, in: pair)
      pair[1 - side].allowedEdge = max(pair[1 - side].allowedEdge, edge)
    }
    pairs[tuple] = pair
  }
}
