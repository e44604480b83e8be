// Holds the TCP header: reading, writing, checksum. What a segment means is SockeyeTCP's affair.

/// A TCP header (RFC 9293 §3.1).
@frozen
public struct TCPHeader: Equatable, Sendable {
  public var sourcePort: UInt16
  public var destinationPort: UInt16
  /// SEG.SEQ
  public var sequence: SequenceNumber
  /// SEG.ACK; significant when `flags` contains `.ack`.
  public var acknowledgment: SequenceNumber
  public var flags: TCPFlags
  /// The four reserved bits, as received; zero when sent.
  public var reserved: UInt8
  /// The window field as on the wire, not scaled. RFC 9293 §3.1 MUST-1: unsigned.
  public var window: UInt16
  public var checksum: UInt16
  /// SEG.UP; significant when `flags` contains `.urg`.
  public var urgentPointer: UInt16
  public var options: TCPOptions

  @inlinable
  public init(
    sourcePort: UInt16, destinationPort: UInt16, sequence: SequenceNumber,
    acknowledgment: SequenceNumber = SequenceNumber(0), flags: TCPFlags, reserved: UInt8 = 0,
    window: UInt16, checksum: UInt16 = 0, urgentPointer: UInt16 = 0, options: TCPOptions = TCPOptions()
  ) {
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.sequence = sequence
    self.acknowledgment = acknowledgment
    self.flags = flags
    self.reserved = reserved
    self.window = window
    self.checksum = checksum
    self.urgentPointer = urgentPointer
    self.options = options
  }

  /// The length of the fixed part, in bytes.
  @inlinable
  public static var minimumLength: Int { 20 }

  /// The offset of the checksum field, in bytes.
  @inlinable
  public static var checksumOffset: Int { 16 }

  /// The length when written, in bytes: 20 to 60.
  @inlinable
  @inline(__always)
  public var headerLength: Int { TCPHeader.minimumLength &+ options.encodedLength }

  /// SEG.LEN: the sequence numbers the segment takes up; SYN and FIN count one each (RFC 9293 §3.4).
  @inlinable
  public func segmentLength(payload: Int) -> Int {
    payload &+ (flags.contains(.syn) ? 1 : 0) &+ (flags.contains(.fin) ? 1 : 0)
  }

  /// A header and where its segment's data lies.
  public struct Parsed: Equatable, Sendable {
    public var header: TCPHeader
    /// The data, in offsets from the start of the segment.
    public var payload: Range<Int>

    @inlinable
    public init(header: TCPHeader, payload: Range<Int>) {
      self.header = header
      self.payload = payload
    }
  }

  /// Reads a segment's header and options. The checksum is not verified: see `hasValidChecksum`.
  /// - Parameter segment: exactly the IP packet's payload.
  /// - Throws: `truncated` below 20 bytes; `badHeaderLength` when the data offset is below 5 or beyond the
  ///   end.
  @inlinable
  @inline(__always)
  public static func parse(_ segment: RawSpan) throws(WireError) -> Parsed {
    let length = segment.byteCount
    guard length >= minimumLength else { throw .truncated(needed: minimumLength, have: length) }
    let first = segment.uint64(at: 0)
    let second = segment.uint64(at: 8)
    let headerLength = Int(second >> 28 & 0xf) &* 4
    guard headerLength >= minimumLength && headerLength <= length else {
      throw .badHeaderLength(headerLength, have: length)
    }
    let header = TCPHeader(
      sourcePort: UInt16(truncatingIfNeeded: first >> 48),
      destinationPort: UInt16(truncatingIfNeeded: first >> 32),
      sequence: SequenceNumber(UInt32(truncatingIfNeeded: first)),
      acknowledgment: SequenceNumber(UInt32(truncatingIfNeeded: second >> 32)),
      flags: TCPFlags(rawValue: UInt8(truncatingIfNeeded: second >> 16)),
      reserved: UInt8(truncatingIfNeeded: second >> 24) & 0x0f,
      window: UInt16(truncatingIfNeeded: second),
      checksum: segment.uint16(at: checksumOffset),
      urgentPointer: segment.uint16(at: 18),
      options: TCPOptions.parse(segment, in: minimumLength..<headerLength))
    return Parsed(header: header, payload: headerLength..<length)
  }

  /// Whether a segment's checksum is right (RFC 9293 §3.1 MUST-3).
  /// - Parameter segment: exactly the IP packet's payload.
  @inlinable
  public static func hasValidChecksum(
    _ segment: RawSpan, source: IPAddress, destination: IPAddress
  ) -> Bool {
    let pseudo = PseudoHeader.sum(
      source: source, destination: destination, protocolNumber: IPProtocol.tcp, length: segment.byteCount)
    return InternetChecksum.finish(InternetChecksum.sum(segment, initial: pseudo)) == 0
  }

  /// Appends the header and its options, `headerLength` bytes, with the checksum field as it is.
  /// - Returns: the partial sum of what was written, for the checksum.
  /// - Precondition: `out` has room for them.
  // The sum is taken from the words on their way out: reading them back would cost as much as writing them.
  @inlinable
  @inline(__always)
  @_lifetime(out: copy out)
  @discardableResult
  public func write(into out: inout OutputRawSpan) -> UInt32 {
    let first = UInt64(sourcePort) << 48 | UInt64(destinationPort) << 32 | UInt64(sequence.rawValue)
    let offset = UInt32(truncatingIfNeeded: headerLength / 4) << 28
    let bits = offset | UInt32(reserved & 0x0f) << 24 | UInt32(flags.rawValue) << 16 | UInt32(window)
    let second = UInt64(acknowledgment.rawValue) << 32 | UInt64(bits)
    let third = UInt32(checksum) << 16 | UInt32(urgentPointer)
    var sum = (first >> 32) &+ (first & 0xffff_ffff) &+ (second >> 32) &+ (second & 0xffff_ffff)
    sum = sum &+ UInt64(third)
    if options.isTimestampsAlone {
      // Nearly every segment: four words.
      let kind = OptionKind.alignedTimestamps
      let clock = options.clock
      out.appendWords(
        first, second, UInt64(third) << 32 | UInt64(kind), UInt64(clock.value) << 32 | UInt64(clock.echo))
      sum = sum &+ UInt64(kind) &+ UInt64(clock.value) &+ UInt64(clock.echo)
    } else {
      out.appendWords(first, second, third)
      sum = sum &+ options.write(into: &out)
    }
    sum = (sum & 0xffff_ffff) &+ (sum >> 32)
    return UInt32(truncatingIfNeeded: (sum & 0xffff) &+ (sum >> 16))
  }
}
