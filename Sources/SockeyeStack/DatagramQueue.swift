// Holds UDP datagrams and ICMP messages until the driver has room for them, and cuts those that a link can't take
// whole. It does not decide what is sent.

import SockeyeBytes
import SockeyeWire

/// A datagram on its way out. Its payload lies in the queue's ring.
struct OutgoingDatagram {
  var header: PacketHeader
  let link: LinkID
  /// Octets of the largest packet that the path takes.
  let unit: Int
  /// The first eight octets of the IP payload: the whole header of UDP, or of ICMP.
  let first: UInt64
  /// Octets of the IP payload, those eight included.
  let length: Int
  /// What fragments are told by; for IPv6 in full, for IPv4 its lower half (RFC 6864 §4.3).
  let identification: UInt32
  /// Octets of the IP payload that have left already, in fragments.
  var sent = 0

  static var firstLength: Int { 8 }

  /// The eight octets with the checksum over them and the payload in its place.
  ///
  /// - Parameters:
  ///   - field: where the checksum's two octets stand.
  ///   - pseudoHeader: the partial sum of the pseudo-header; zero for ICMPv4, which has none.
  static func sealed(
    _ first: UInt64, checksumAt field: Int, payload: RawSpan, pseudoHeader: UInt32
  ) -> UInt64 {
    let words = (first >> 48) &+ (first >> 32 & 0xffff) &+ (first >> 16 & 0xffff) &+ (first & 0xffff)
    let head = InternetChecksum.combine(
      pseudoHeader, UInt32(truncatingIfNeeded: words), bOffsetIsOdd: false)
    let checksum = InternetChecksum.finish(InternetChecksum.sum(payload, initial: head))
    return first | UInt64(checksum) << UInt64(48 - field * 8)
  }

  /// The same for ICMP, whose checksum stands second and may be zero.
  static func icmp(type: UInt8, code: UInt8, rest: UInt32, payload: RawSpan, pseudoHeader: UInt32) -> UInt64 {
    let first = UInt64(type) << 56 | UInt64(code) << 48 | UInt64(rest)
    return sealed(first, checksumAt: 2, payload: payload, pseudoHeader: pseudoHeader)
  }

  /// The same for UDP, where a zero would mean that there is none (RFC 768).
  static func udp(
    from source: UInt16, to destination: UInt16, payload: RawSpan, pseudoHeader: UInt32
  ) -> UInt64 {
    let length = payload.byteCount + firstLength
    let first = UInt64(source) << 48 | UInt64(destination) << 32 | UInt64(length) << 16
    let sealed = sealed(first, checksumAt: 6, payload: payload, pseudoHeader: pseudoHeader)
    return sealed & 0xffff == 0 ? sealed | 0xffff : sealed
  }
}

/// What waits to be sent and belongs to no connection, bounded in octets and in number.
struct DatagramQueue: ~Copyable {
  private var queue: BoundedQueue<OutgoingDatagram>
  /// Payloads, one behind the other in the order of the queue.
  private var bytes: ByteRing
  /// The datagram whose fragments are leaving.
  private var current: OutgoingDatagram?

  init(byteLimit: Int, limit: Int) {
    queue = BoundedQueue(limit: limit)
    bytes = ByteRing(capacity: byteLimit)
  }

  var isEmpty: Bool { queue.isEmpty && current == nil }
  /// Whether more fragments of the datagram that left last are to come.
  var isInTheMiddle: Bool { current != nil }
  var allocatedBytes: Int { bytes.allocatedBytes }

  /// - Returns: false, and nothing is kept, when there is no room.
  mutating func append(_ datagram: OutgoingDatagram, payload: RawSpan) -> Bool {
    guard !queue.isFull, bytes.free >= payload.byteCount else { return false }
    _ = bytes.append(payload)
    queue.append(datagram)
    return true
  }

  /// Appends the next datagram, or fragment of one, to a frame.
  ///
  /// - Returns: the datagram it is of, as it stood before; nil when nothing waits.
  mutating func emit(into frame: inout OutputRawSpan) -> (datagram: OutgoingDatagram, isFragment: Bool)? {
    guard var datagram = current ?? queue.popFirst() else { return nil }
    let before = datagram
    let unit = datagram.unit
    let isFragment = datagram.sent > 0 || datagram.header.length + datagram.length > unit
    let length = isFragment ? writeFragmentHeader(of: &datagram, unit: unit, into: &frame) : datagram.length
    if !isFragment { datagram.header.write(payloadLength: length, into: &frame) }
    var rest = length
    if datagram.sent == 0 {
      frame.appendUInt64(datagram.first)
      rest -= OutgoingDatagram.firstLength
    }
    bytes.copy(from: 0, count: rest, into: &frame)
    bytes.discard(rest)
    datagram.sent += length
    current = datagram.sent < datagram.length ? datagram : nil
    if current == nil && queue.isEmpty { bytes.releaseIfEmpty() }
    return (before, isFragment)
  }

  /// Appends the headers of a datagram's next fragment (RFC 791 §3.2, RFC 8200 §4.5).
  /// - Returns: octets of the IP payload that go with it.
  private func writeFragmentHeader(
    of datagram: inout OutgoingDatagram, unit: Int, into frame: inout OutputRawSpan
  ) -> Int {
    let remaining = datagram.length - datagram.sent
    switch datagram.header.destination {
    case .v4:
      let room = (unit - datagram.header.length) & ~7
      let length = min(remaining, room)
      datagram.header.identification = UInt16(truncatingIfNeeded: datagram.identification)
      datagram.header.fragmentOffset = datagram.sent
      datagram.header.moreFragments = length < remaining
      datagram.header.write(payloadLength: length, into: &frame)
      return length
    case .v6:
      let extensionLength = 8
      let room = (unit - datagram.header.length - extensionLength) & ~7
      let length = min(remaining, room)
      var header = datagram.header
      header.protocolNumber = IPProtocol.ipv6Fragment
      header.write(payloadLength: length + extensionLength, into: &frame)
      let more: UInt16 = length < remaining ? 1 : 0
      frame.append(datagram.header.protocolNumber)
      frame.append(0)
      frame.appendUInt16(UInt16(truncatingIfNeeded: datagram.sent) | more)
      frame.appendUInt32(datagram.identification)
      return length
    }
  }
}

/// Where the identifications of datagrams come from that may be cut.
///
/// A counter under a keyed permutation: no number comes back within a whole round, as RFC 6864 §4.3 asks for,
/// and none says how many others were used.
struct IdentificationSource {
  private let key: HashKey
  private var count: UInt32 = 0

  init(key: HashKey) { self.key = key }

  /// The next number. Its lower 16 bits do not come back within 65,536 calls.
  mutating func next() -> UInt32 {
    defer { count &+= 1 }
    let low = permuted(UInt16(truncatingIfNeeded: count))
    let high = UInt16(truncatingIfNeeded: SipHash.hash(of: UInt64(count >> 16), UInt64(low), key: key))
    return UInt32(high) << 16 | UInt32(low)
  }

  /// Four rounds of a Feistel network over two octets.
  private func permuted(_ number: UInt16) -> UInt16 {
    var left = UInt8(truncatingIfNeeded: number >> 8)
    var right = UInt8(truncatingIfNeeded: number)
    for round in 0..<UInt64(4) {
      let mixed = UInt8(truncatingIfNeeded: SipHash.hash(of: round, UInt64(right), key: key))
      (left, right) = (right, left ^ mixed)
    }
    return UInt16(left) << 8 | UInt16(right)
  }
}
