// Holds the options of a TCP header as values, and their lengths. Reading is in TCPOptions+Parsing, writing
// in TCPOptions+Writing; what they mean is SockeyeTCP's affair.

/// The timestamps option (RFC 7323 §3).
@frozen
public struct TimestampOption: Equatable, Hashable, Sendable {
  /// TSval.
  public var value: UInt32
  /// TSecr.
  public var echo: UInt32

  @inlinable
  public init(value: UInt32, echo: UInt32) {
    self.value = value
    self.echo = echo
  }
}

/// The options of a TCP header that this stack knows; nil or empty when absent.
@frozen
public struct TCPOptions: Equatable, Sendable {
  /// Kind 5 (RFC 2018 §3).
  public var sackBlocks: SACKBlocks
  // The others lie flat, with one bit each for being there: a header is built, copied and looked at for every
  // segment, and optional fields of odd sizes would cost a shuffle each time. What is absent is zero.
  @usableFromInline var present: UInt8
  @usableFromInline var scale: UInt8
  @usableFromInline var segmentSize: UInt16
  @usableFromInline var clock: TimestampOption

  @inlinable static var hasSegmentSize: UInt8 { 1 }
  @inlinable static var hasScale: UInt8 { 2 }
  @inlinable static var hasSackPermitted: UInt8 { 4 }
  @inlinable static var hasTimestamps: UInt8 { 8 }
  @inlinable static var isMalformed: UInt8 { 16 }
  @inlinable static var hasAuthentication: UInt8 { 32 }
  @inlinable static var hasFastOpen: UInt8 { 64 }

  /// No options.
  @inlinable
  public init() {
    sackBlocks = SACKBlocks()
    present = 0
    scale = 0
    segmentSize = 0
    clock = TimestampOption(value: 0, echo: 0)
  }

  @inlinable
  @inline(__always)
  func has(_ bit: UInt8) -> Bool { present & bit != 0 }

  @inlinable
  @inline(__always)
  mutating func mark(_ bit: UInt8, _ isPresent: Bool) {
    present = isPresent ? present | bit : present & ~bit
  }

  /// Kind 2 (RFC 9293 §3.7.1), as received, on whichever segment.
  @inlinable
  public var maximumSegmentSize: UInt16? {
    get { has(Self.hasSegmentSize) ? segmentSize : nil }
    set {
      mark(Self.hasSegmentSize, newValue != nil)
      segmentSize = newValue ?? 0
    }
  }

  /// Kind 3 (RFC 7323 §2), as received: it may exceed the limit of 14.
  @inlinable
  public var windowScale: UInt8? {
    get { has(Self.hasScale) ? scale : nil }
    set {
      mark(Self.hasScale, newValue != nil)
      scale = newValue ?? 0
    }
  }

  /// Kind 4 (RFC 2018 §2).
  @inlinable
  public var sackPermitted: Bool {
    get { has(Self.hasSackPermitted) }
    set { mark(Self.hasSackPermitted, newValue) }
  }

  /// Kind 8 (RFC 7323 §3).
  @inlinable
  public var timestamps: TimestampOption? {
    get { has(Self.hasTimestamps) ? clock : nil }
    set {
      mark(Self.hasTimestamps, newValue != nil)
      clock = newValue ?? TimestampOption(value: 0, echo: 0)
    }
  }

  /// Whether an illegal option length stopped the reading. What came before it was kept.
  @inlinable
  public var malformed: Bool {
    get { has(Self.isMalformed) }
    set { mark(Self.isMalformed, newValue) }
  }

  /// Timestamps and nothing else, as on nearly every segment.
  @inlinable
  @inline(__always)
  public var isTimestampsAlone: Bool { present == Self.hasTimestamps && sackBlocks.isEmpty }

  /// No option that is known.
  @inlinable
  @inline(__always)
  public var isEmpty: Bool { present == 0 && sackBlocks.isEmpty }

  /// The most that a TCP header can carry: a data offset of 15 words, less the fixed 20 bytes.
  @inlinable
  public static var maximumLength: Int { 40 }

  /// The length when written, in bytes: a multiple of 4, at most 40. SACK blocks that don't fit don't count.
  @inlinable
  @inline(__always)
  public var encodedLength: Int { isTimestampsAlone ? 12 : anyEncodedLength }

  @usableFromInline
  var anyEncodedLength: Int {
    var length = lengthBeforeBlocks
    if let fastOpen { return length &+ fastOpen.encodedLength }
    let blocks = writtenBlocks
    if blocks > 0 { length &+= 4 &+ 8 &* blocks }
    if isAuthenticated { length &+= AuthenticationOption.length }
    return length
  }

  /// All but the SACK blocks: at most 20.
  @inlinable
  var lengthBeforeBlocks: Int {
    var length = 0
    if maximumSegmentSize != nil { length &+= 4 }
    // SACK-permitted takes the place of the timestamps' padding.
    if timestamps != nil { length &+= 12 } else if sackPermitted { length &+= 4 }
    if windowScale != nil { length &+= 4 }
    return length
  }

  /// How many SACK blocks fit beside the other options.
  @usableFromInline
  var writtenBlocks: Int {
    if sackBlocks.isEmpty { return 0 }
    let behind = isAuthenticated ? AuthenticationOption.length : 0
    return min(sackBlocks.count, (TCPOptions.maximumLength &- lengthBeforeBlocks &- behind &- 4) / 8)
  }
}
