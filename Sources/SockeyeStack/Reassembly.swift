// Holds the fragments of datagrams that are not yet complete, within a bound of bytes, number and time. It does
// not parse: what a fragment is comes from SockeyeWire.

import SockeyeBytes
import SockeyeWire

/// Which datagram a fragment belongs to (RFC 791 §2.3, RFC 8200 §4.5).
struct FragmentKey: Hashable, Sendable {
  let source: IPAddress
  let destination: IPAddress
  let identification: UInt32
  /// IPv4 only; zero for IPv6, whose key is without it.
  let protocolNumber: UInt8

  func hash(with key: HashKey) -> UInt64 {
    var hash = SipHash(key: key)
    source.absorb(into: &hash)
    destination.absorb(into: &hash)
    hash.absorb(UInt64(identification) << 8 | UInt64(protocolNumber))
    return hash.finish()
  }
}

/// One fragment, as its headers describe it.
struct Fragment {
  let key: FragmentKey
  /// Where the payload stands in the datagram's, octets.
  let offset: Int
  let more: Bool
  /// The protocol of the reassembled payload; only the first fragment's counts.
  let protocolNumber: UInt8
  let timeToLive: UInt8
  let trafficClass: UInt8
  let link: LinkID
}

/// A datagram of which pieces are missing.
struct PartialDatagram: ~Copyable {
  let key: FragmentKey
  let link: LinkID
  /// From the first fragment, once that has come.
  fileprivate(set) var protocolNumber: UInt8?
  fileprivate(set) var timeToLive: UInt8 = 0
  fileprivate(set) var trafficClass: UInt8 = 0
  /// The pieces lie where they will stand; nothing is committed before all are there.
  fileprivate(set) var bytes = ByteRing(capacity: Reassembly.largestPayload)
  fileprivate var pieces: [Range<Int>] = []
  fileprivate var received = 0
  /// Known once the last fragment has come.
  fileprivate var length: Int?
  /// Pieces overlapped: nothing of this datagram is used, whatever comes (RFC 5722 §4).
  fileprivate var isPoisoned = false

  fileprivate init(_ fragment: Fragment) {
    key = fragment.key
    link = fragment.link
  }

  /// Pieces never overlap, so their sum says whether one is missing.
  fileprivate var isComplete: Bool { received == length && protocolNumber != nil }
}

/// What became of a fragment.
enum FragmentOutcome {
  /// Kept; more are needed.
  case kept
  /// It was the one missing: `take` gives the datagram.
  case complete(UInt32)
  case dropped
}

/// The datagrams that fragments are collected for.
struct Reassembly: ~Copyable {
  /// RFC 791 §3.1: no IP payload is longer.
  static let largestPayload = 65_535
  /// RFC 8200 §4.5.
  static let timeoutIPv6: Interval = .seconds(60)
  /// Separate pieces of one datagram; a sender of honest fragments needs fewer even at an MTU of 576.
  static let pieceLimit = 128
  /// A TCP header without options: less, in a first fragment, only serves to get around filters (RFC 1858 §3).
  static let smallestFirstPiece = 20

  private let key: HashKey
  private let byteLimit: Int
  private let timeoutIPv4: Interval
  private var datagrams: Slab<PartialDatagram>
  private var index: KeyedTable<FragmentKey, UInt32>
  private var deadlines = DeadlineHeap()
  /// Octets of storage held for pieces.
  private(set) var allocatedBytes = 0

  init(configuration: StackConfiguration) {
    key = configuration.keys.tables
    byteLimit = configuration.reassemblyBytes
    timeoutIPv4 = configuration.reassemblyTimeout
    datagrams = Slab(limit: configuration.reassemblyLimit)
    index = KeyedTable(limit: configuration.reassemblyLimit)
  }

  var nextDeadline: Instant? { deadlines.earliest?.deadline }

  func isDue(at now: Instant) -> Bool { deadlines.isDue(at: now) }

  /// Takes a fragment in.
  mutating func insert(_ fragment: Fragment, payload: RawSpan, at now: Instant) -> FragmentOutcome {
    let end = fragment.offset + payload.byteCount
    guard Self.isPlausible(fragment, length: payload.byteCount) else { return .dropped }
    let hash = fragment.key.hash(with: key)
    guard let number = index.find(fragment.key, hash: hash) ?? begin(fragment, hash: hash, at: now),
      let slot = datagrams.key(at: number)
    else { return .dropped }
    if datagrams[slot].isPoisoned { return .dropped }
    guard let place = datagrams[slot].place(for: fragment.offset..<end, isLast: !fragment.more) else {
      poison(slot)
      return .dropped
    }
    // RFC 8200 §4.5 allows to drop an exact copy and keep the rest.
    if case .copy = place { return .dropped }
    guard makeRoom(for: end, in: slot) else { return .dropped }
    let before = datagrams[slot].bytes.allocatedBytes
    datagrams[slot].store(fragment, payload, at: place)
    allocatedBytes += datagrams[slot].bytes.allocatedBytes - before
    return datagrams[slot].isComplete ? .complete(number) : .kept
  }

  /// Takes a complete datagram out.
  mutating func take(_ number: UInt32) -> PartialDatagram? {
    guard let slot = datagrams.key(at: number) else { return nil }
    var datagram = remove(slot)
    datagram.bytes.commit(datagram.length ?? 0)
    return datagram
  }

  /// Gives up one datagram whose time is over.
  /// - Returns: false when there is none.
  mutating func expireOne(at now: Instant) -> Bool {
    guard let number = deadlines.popDue(at: now), let slot = datagrams.key(at: number) else { return false }
    _ = remove(slot)
    return true
  }

  /// Lengths that no honest sender makes. They are checked before anything is kept.
  private static func isPlausible(_ fragment: Fragment, length: Int) -> Bool {
    if length == 0 || fragment.offset + length > largestPayload { return false }
    // All but the last are multiples of eight octets (RFC 791 §3.2, RFC 8200 §4.5).
    if fragment.more && length % 8 != 0 { return false }
    // RFC 1858 §3 and RFC 3128: a TCP header that is split over fragments hides its flags from filters.
    guard fragment.protocolNumber == IPProtocol.tcp else { return true }
    if fragment.offset == 0 { return !fragment.more || length >= smallestFirstPiece }
    return fragment.offset >= smallestFirstPiece
  }

  private mutating func begin(_ fragment: Fragment, hash: UInt64, at now: Instant) -> UInt32? {
    if datagrams.count == datagrams.limit { evict() }
    guard let slot = datagrams.insert(PartialDatagram(fragment)) else { return nil }
    index.insert(fragment.key, slot.index, hash: hash)
    let timeout = fragment.key.source.version == .v4 ? timeoutIPv4 : Self.timeoutIPv6
    deadlines.set(slot.index, now + timeout)
    return slot.index
  }

  /// Evicts the datagrams nearest to their end until there is storage for `end` octets in this one.
  private mutating func makeRoom(for end: Int, in slot: Slab<PartialDatagram>.Key) -> Bool {
    while allocatedBytes - datagrams[slot].bytes.allocatedBytes + end > byteLimit {
      guard let earliest = deadlines.earliest, earliest.id != slot.index else { return false }
      evict()
    }
    return true
  }

  private mutating func evict() {
    guard let earliest = deadlines.earliest, let slot = datagrams.key(at: earliest.id) else { return }
    _ = remove(slot)
  }

  /// Forgets the pieces and remembers the datagram until its time is over, so that fragments still under way
  /// don't begin it anew.
  private mutating func poison(_ slot: Slab<PartialDatagram>.Key) {
    allocatedBytes -= datagrams[slot].bytes.allocatedBytes
    datagrams[slot].poison()
  }

  private mutating func remove(_ slot: Slab<PartialDatagram>.Key) -> PartialDatagram {
    let datagram = datagrams.remove(slot)
    allocatedBytes -= datagram.bytes.allocatedBytes
    deadlines.remove(slot.index)
    index.remove(datagram.key, hash: datagram.key.hash(with: key))
    return datagram
  }
}

/// Where a piece goes.
private enum PiecePlace {
  /// Before the piece with this position.
  case gap(Int)
  /// It is there already, octet for octet of the same extent.
  case copy
}

extension PartialDatagram {
  /// Where a piece goes; nil when it contradicts what is there (RFC 5722 §4: overlaps are never honest).
  fileprivate func place(for piece: Range<Int>, isLast: Bool) -> PiecePlace? {
    if let length {
      if piece.upperBound > length || isLast && piece.upperBound != length { return nil }
    } else if isLast, let last = pieces.last, last.upperBound > piece.upperBound {
      return nil
    }
    var position = pieces.count
    while position > 0 && pieces[position - 1].lowerBound >= piece.lowerBound { position -= 1 }
    if position < pieces.count, pieces[position].lowerBound < piece.upperBound {
      return pieces[position] == piece ? .copy : nil
    }
    if position > 0, pieces[position - 1].upperBound > piece.lowerBound { return nil }
    return pieces.count < Reassembly.pieceLimit ? .gap(position) : nil
  }

  fileprivate mutating func store(_ fragment: Fragment, _ payload: RawSpan, at place: PiecePlace) {
    guard case .gap(let position) = place else { return }
    let piece = fragment.offset..<fragment.offset + payload.byteCount
    bytes.store(payload, at: piece.lowerBound)
    pieces.insert(piece, at: position)
    received += payload.byteCount
    if !fragment.more { length = piece.upperBound }
    if fragment.offset == 0 {
      protocolNumber = fragment.protocolNumber
      timeToLive = fragment.timeToLive
      trafficClass = fragment.trafficClass
    }
  }

  fileprivate mutating func poison() {
    isPoisoned = true
    pieces = []
    bytes.forgetStored()
    bytes.releaseIfEmpty()
  }
}
