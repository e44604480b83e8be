// Holds the reading of TCP options. No bytes, however wrong, trap or loop here.

/// The kinds of options that are read and written (IANA).
@usableFromInline
enum OptionKind {
  static var end: UInt8 { 0 }
  static var noOperation: UInt8 { 1 }
  static var maximumSegmentSize: UInt8 { 2 }
  static var windowScale: UInt8 { 3 }
  static var sackPermitted: UInt8 { 4 }
  static var sack: UInt8 { 5 }
  static var timestamps: UInt8 { 8 }
  /// The MD5 signature of RFC 2385, which is only looked for.
  static var signature: UInt8 { 19 }
  static var authentication: UInt8 { 29 }
  static var fastOpen: UInt8 { 34 }

  /// NOP, NOP, and a timestamps option's kind and length: how most segments' options begin (RFC 7323,
  /// appendix A).
  @inlinable
  static var alignedTimestamps: UInt32 { 0x0101_080a }
}

extension TCPOptions {
  /// Reads the options in a range of bytes.
  ///
  /// Unknown kinds are skipped by their length, known kinds of a wrong length likewise; of two options of a
  /// kind, the first counts. An illegal length ends the reading and sets `malformed`.
  /// - Precondition: `range` lies within `bytes`.
  @inlinable
  @inline(__always)
  // RFC 9293 §3.1 MUST-4, MUST-5, MUST-6, MUST-7, §3.2 MUST-64
  public static func parse(_ bytes: RawSpan, in range: Range<Int>) -> TCPOptions {
    var options = TCPOptions()
    if range.isEmpty { return options }
    // Nearly every segment of a connection with timestamps has them alone: its options stay in registers.
    let start = range.lowerBound
    if range.count == 12 && bytes.uint32(at: start) == OptionKind.alignedTimestamps {
      options.timestamps = TimestampOption(
        value: bytes.uint32(at: start &+ 4), echo: bytes.uint32(at: start &+ 8))
      return options
    }
    return parseOneByOne(bytes, in: range)
  }

  /// Reads the options in a range of bytes, whatever they are.
  @inline(never)
  @usableFromInline
  static func parseOneByOne(_ bytes: RawSpan, in range: Range<Int>) -> TCPOptions {
    var options = TCPOptions()
    var offset = range.lowerBound
    let end = range.upperBound
    var isSigned = false
    while offset < end {
      let kind = bytes.byte(at: offset)
      if kind == OptionKind.noOperation {
        offset &+= 1
        continue
      }
      if kind == OptionKind.end { break }
      // RFC 9293 §3.1 MUST-68: every other kind has a length byte, which counts itself and the kind.
      guard end &- offset >= 2 else {
        options.malformed = true
        if kind == OptionKind.authentication { options.markAuthenticationFault() }
        break
      }
      let length = Int(bytes.byte(at: offset &+ 1))
      guard length >= 2 && length <= end &- offset else {
        options.malformed = true
        // RFC 5925 §2.2 (5925-1, A-25): its length is consistent with the header's, or the segment is dropped.
        if kind == OptionKind.authentication { options.markAuthenticationFault() }
        break
      }
      if kind == OptionKind.signature { isSigned = true }
      options.take(kind, bytes, at: offset &+ 2, length: length &- 2)
      offset &+= length
    }
    if isSigned && options.isAuthenticated { options.markAuthenticationFault() }
    return options
  }

  /// Takes one option's value, whose bounds the caller has checked.
  private mutating func take(_ kind: UInt8, _ bytes: RawSpan, at offset: Int, length: Int) {
    switch (kind, length) {
    case (OptionKind.maximumSegmentSize, 2) where maximumSegmentSize == nil:
      maximumSegmentSize = bytes.uint16(at: offset)
    case (OptionKind.windowScale, 1) where windowScale == nil:
      windowScale = bytes.byte(at: offset)
    case (OptionKind.sackPermitted, 0):
      sackPermitted = true
    case (OptionKind.timestamps, 8) where timestamps == nil:
      timestamps = TimestampOption(value: bytes.uint32(at: offset), echo: bytes.uint32(at: offset &+ 4))
    case (OptionKind.authentication, _):
      takeAuthentication(bytes, at: offset, length: length)
    case (OptionKind.sack, 8...) where length % 8 == 0 && sackBlocks.isEmpty:
      // What has blocks is no SYN, and Fast Open says nothing there.
      fastOpen = nil
      for block in 0..<min(length / 8, isAuthenticated ? 2 : SACKBlocks.limit) {
        sackBlocks.append(
          SACKBlock(
            left: SequenceNumber(bytes.uint32(at: offset &+ 8 &* block)),
            right: SequenceNumber(bytes.uint32(at: offset &+ 8 &* block &+ 4))))
      }
    case (OptionKind.fastOpen, _) where fastOpen == nil && sackBlocks.isEmpty && !isAuthenticated:
      // RFC 7413 §4.1.1 (7413-2): one of a wrong length is as if it weren't there.
      if let cookie = FastOpenCookie(bytes, at: offset, length: length) { fastOpen = cookie }
    default:
      break
    }
  }
}
