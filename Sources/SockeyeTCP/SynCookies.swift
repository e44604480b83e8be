// SYN cookies (RFC 4987 §3.6): the answer to a SYN that leaves nothing behind, and the handshake made again of the
// ACK that answers it. When a host sends them, and when it believes them, is in SockeyeStack.

import SockeyeBytes
import SockeyeWire

/// Makes and reads SYN cookies. Nothing is kept of any cookie sent; of those that came back, the last few.
///
/// The initial sequence number of the SYN,ACK is a keyed hash of both ends, the client's initial sequence number, the
/// options below and a count of 64-second steps, with the number of a segment size in its three lowest bits. Where
/// timestamps are in use, the six lowest bits of the SYN,ACK's timestamp say what else the SYN offered; without them a
/// connection has neither window scaling nor selective acknowledgments nor explicit congestion notification.
///
/// A guess at random is right once in 2²⁸ (two steps, eight sizes). A cookie cannot be kept above the sequence numbers
/// that an earlier connection of the same four-tuple used, so a host sends none into TIME-WAIT.
public struct SynCookies: Sendable {
  /// A cookie is good in the step in which it was made and in the next: for 64 to 128 s.
  public static var validity: Interval { .seconds(Int(2 * secondsPerStep)) }
  private static var secondsPerStep: Int64 { 64 }
  /// Steps for which one key is used, as a power of two: about 34 minutes.
  private static var keyShift: UInt64 { 5 }
  /// Cookies that came back and are not taken a second time.
  private static var rememberedUses: Int { 256 }

  private let root: HashKey
  private var current: RollingKey
  private var previous: RollingKey
  /// What came back lately, each at the place that its own bits give it, with a hash of whose it was, for two clients may
  /// have the same; empty until the first comes.
  private var used: [UInt64] = []

  /// - Parameter key: a secret from a strong source; the keys of all times are derived from it.
  public init(key: HashKey) {
    root = key
    previous = RollingKey(from: key, epoch: 0)
    current = previous
  }

  // MARK: Out

  /// The SYN,ACK for a SYN. It acknowledges no text: the client sends that again.
  /// - Parameter listen: how the listener opens connections; its initial sequence number is not used.
  public mutating func answer(
    _ header: TCPHeader, tuple: FourTuple, listen: OpenParameters, at now: Instant
  ) -> SegmentPlan {
    var synchronize = header
    let mark = CookieMark(header, listen)
    if mark == .noTimestamps {
      synchronize.flags = .syn
      synchronize.options = TCPOptions()
    }
    let size = header.options.maximumSegmentSize.map { Int($0) } ?? listen.defaultSegmentSize
    let step = Self.step(at: now)
    var parameters = listen
    parameters.initialSequence = SequenceNumber(
      cookie(tuple, header.sequence, mark, CookieSegmentSize.index(for: size), step: step))
    let handshake = PassiveHandshake(
      listen: parameters, header: synchronize, payload: RawSpan(), heldLimit: 0, at: now)
    return handshake.answer(marked: mark, at: now)
  }

  // MARK: In

  /// The handshake that an ACK completes, if what it acknowledges is a cookie of this host that is neither too old nor
  /// used before. Make a `Connection(completing:)` of it, give that the same segment, and call `use`.
  public mutating func handshake(
    completedBy header: TCPHeader, tuple: FourTuple, listen: OpenParameters, at now: Instant
  ) -> PassiveHandshake? {
    guard header.flags.contains(.ack), !header.flags.contains(.syn), !header.flags.contains(.rst) else {
      return nil
    }
    let cookie = header.acknowledgment - 1
    guard used.isEmpty || used[Self.place(of: cookie)] != use(of: cookie, by: tuple) else { return nil }
    let timestamps = listen.configuration.timestamps ? header.options.timestamps : nil
    var openedAt: Instant?
    if let timestamps {
      // What was echoed left at this time or up to 63 ms later.
      let clock = UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000) &+ listen.timestampOffset
      let elapsed = Int32(bitPattern: clock &- timestamps.echo)
      let age = Interval.milliseconds(Int(elapsed))
      guard elapsed >= 0, age <= Self.validity else { return nil }
      openedAt = now - age
    }
    let mark = timestamps.map { CookieMark(echo: $0.echo) } ?? .noTimestamps
    guard let size = segmentSize(in: cookie, tuple, header.sequence - 1, mark, at: now) else { return nil }
    var options = mark.options
    options.maximumSegmentSize = size
    options.timestamps = timestamps.map { TimestampOption(value: $0.value, echo: 0) }
    var parameters = listen
    parameters.initialSequence = cookie
    return PassiveHandshake(
      answered: parameters, by: header, options: options, asksForMarks: mark.asksForMarks, openedAt: openedAt,
      at: now)
  }

  /// Notes that a connection was made of the cookie that a segment of these two ends acknowledges: copies of the segment make
  /// no other.
  public mutating func use(_ header: TCPHeader, tuple: FourTuple) {
    if used.isEmpty { used = [UInt64](repeating: 0, count: Self.rememberedUses) }
    let cookie = header.acknowledgment - 1
    used[Self.place(of: cookie)] = use(of: cookie, by: tuple)
  }

  private func use(of cookie: SequenceNumber, by tuple: FourTuple) -> UInt64 {
    tuple.hash(with: root) << 32 | UInt64(cookie.rawValue)
  }

  private static func place(of cookie: SequenceNumber) -> Int {
    Int(truncatingIfNeeded: cookie.rawValue >> 3) & (rememberedUses - 1)
  }

  /// The segment size in a cookie; nil when it was not made here, for these ends, or lately.
  private mutating func segmentSize(
    in cookie: SequenceNumber, _ tuple: FourTuple, _ peerSequence: SequenceNumber, _ mark: CookieMark,
    at now: Instant
  ) -> UInt16? {
    let step = Self.step(at: now)
    for age in 0...min(1, step) {
      let index = cookie.rawValue & CookieSegmentSize.mask
      if cookie.rawValue == self.cookie(tuple, peerSequence, mark, index, step: step - age) {
        return CookieSegmentSize.size(at: index)
      }
    }
    return nil
  }

  // MARK: The proof

  private static func step(at now: Instant) -> UInt64 {
    now.nanoseconds / UInt64(secondsPerStep * 1_000_000_000)
  }

  /// The proof covers the number of the segment size, too: else the sequence numbers that follow a cookie would be cookies.
  private mutating func cookie(
    _ tuple: FourTuple, _ peerSequence: SequenceNumber, _ mark: CookieMark, _ size: UInt32, step: UInt64
  ) -> UInt32 {
    let key = key(for: step >> Self.keyShift)
    var hash = SipHash(key: key)
    hash.absorb(tuple.hash(with: key))
    hash.absorb(UInt64(peerSequence.rawValue) << 32 | UInt64(UInt32(truncatingIfNeeded: step)))
    let proof = UInt32(truncatingIfNeeded: hash.finish(tail: mark.bits << 8 | size))
    return proof & ~CookieSegmentSize.mask | size
  }

  private mutating func key(for epoch: UInt64) -> HashKey {
    if epoch > current.epoch {
      previous = RollingKey(from: root, epoch: epoch - 1)
      current = RollingKey(from: root, epoch: epoch)
    }
    // The step before this one is the oldest that is asked for.
    return epoch == current.epoch ? current.key : previous.key
  }
}

/// The key of some time.
private struct RollingKey: Sendable {
  let epoch: UInt64
  let key: HashKey

  init(from root: HashKey, epoch: UInt64) {
    self.epoch = epoch
    key = HashKey(SipHash.hash(of: epoch, 0, key: root), SipHash.hash(of: epoch, 1, key: root))
  }
}

/// What a SYN offered besides its segment size, in the lowest bits of a timestamp.
struct CookieMark: Equatable {
  /// Bits 0 to 3: the window scale, 15 for none. Bit 4: SACK is permitted. Bit 5: the SYN asks for explicit congestion
  /// notification (RFC 3168 §6.1.1).
  let bits: UInt32

  static let width: UInt32 = 6
  static var mask: UInt32 { (1 << width) - 1 }
  private static let noScale: UInt32 = 15
  private static let sackPermitted: UInt32 = 1 << 4
  private static let congestionNotification: UInt32 = 1 << 5
  /// No timestamp has room for anything.
  static let noTimestamps = CookieMark(bits: 1 << width)

  private init(bits: UInt32) { self.bits = bits }

  init(_ header: TCPHeader, _ listen: OpenParameters) {
    let options = header.options
    guard listen.configuration.timestamps, options.timestamps != nil else {
      self = .noTimestamps
      return
    }
    let scale = options.windowScale.map { UInt32(min($0, Constants.maximumWindowShift)) } ?? Self.noScale
    bits =
      scale | (options.sackPermitted ? Self.sackPermitted : 0)
      | (header.flags.contains([.ece, .cwr]) ? Self.congestionNotification : 0)
  }

  init(echo: UInt32) { bits = echo & Self.mask }

  var asksForMarks: Bool { self != .noTimestamps && bits & Self.congestionNotification != 0 }

  /// The options of the SYN that the mark tells of.
  var options: TCPOptions {
    var options = TCPOptions()
    guard self != .noTimestamps else { return options }
    let scale = bits & 15
    options.windowScale = scale == Self.noScale ? nil : UInt8(scale)
    options.sackPermitted = bits & Self.sackPermitted != 0
    return options
  }

  /// A timestamp with the mark in its lowest bits, never later than the clock: what the connection sends afterwards
  /// must not be older (RFC 7323 §5.3). Not for `noTimestamps`.
  func marking(_ clock: UInt32) -> UInt32 {
    let marked = (clock & ~Self.mask) | bits
    return bits > (clock & Self.mask) ? marked &- (Self.mask + 1) : marked
  }
}

/// The segment sizes that a cookie can tell of. A client's own size is rounded down to one of them.
enum CookieSegmentSize {
  /// The least that is used; 536 and 1220, which are assumed without an option; what Ethernet leaves over IPv6 and IPv4,
  /// with a tunnel in between, and jumbo frames.
  private static let count: UInt32 = 8
  static var mask: UInt32 { count - 1 }
  private static func entry(_ index: UInt32) -> UInt16 {
    switch index {
    case 0: UInt16(Constants.minimumSegmentSize)
    case 1: 256
    case 2: UInt16(Constants.defaultSegmentSizeIPv4)
    case 3: UInt16(Constants.defaultSegmentSizeIPv6)
    case 4: 1360
    case 5: 1440
    case 6: 1460
    default: 8940
    }
  }

  static func index(for size: Int) -> UInt32 {
    var index = count - 1
    while index > 0, Int(entry(index)) > size { index -= 1 }
    return index
  }

  /// - Precondition: `index` is at most `mask`.
  static func size(at index: UInt32) -> UInt16 { entry(index) }
}
