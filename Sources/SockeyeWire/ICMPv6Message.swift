// Holds the ICMPv6 header: reading, writing, checksum, and the kinds a host meets. Neighbour discovery's own
// messages come with Ethernet links.

/// An ICMPv6 message's first eight bytes (RFC 4443 §2.1).
public struct ICMPv6Message: Equatable, Sendable {
  public var type: UInt8
  public var code: UInt8
  /// The second four bytes, whose meaning depends on the type.
  public var rest: UInt32

  @inlinable
  public init(type: UInt8, code: UInt8, rest: UInt32) {
    self.type = type
    self.code = code
    self.rest = rest
  }

  // Types (RFC 4443). Below 128 are errors.
  @inlinable public static var destinationUnreachable: UInt8 { 1 }
  @inlinable public static var packetTooBig: UInt8 { 2 }
  @inlinable public static var timeExceeded: UInt8 { 3 }
  @inlinable public static var parameterProblem: UInt8 { 4 }
  @inlinable public static var echoRequest: UInt8 { 128 }
  @inlinable public static var echoReply: UInt8 { 129 }

  // Codes of `destinationUnreachable` (RFC 4443 §3.1).
  @inlinable public static var noRoute: UInt8 { 0 }
  @inlinable public static var administrativelyProhibited: UInt8 { 1 }
  @inlinable public static var addressUnreachable: UInt8 { 3 }
  @inlinable public static var portUnreachable: UInt8 { 4 }

  // Codes of `timeExceeded` (RFC 4443 §3.3).
  @inlinable public static var hopLimitExceeded: UInt8 { 0 }
  @inlinable public static var reassemblyTimeExceeded: UInt8 { 1 }

  // Codes of `parameterProblem` (RFC 4443 §3.4).
  @inlinable public static var erroneousHeaderField: UInt8 { 0 }
  @inlinable public static var unrecognizedNextHeader: UInt8 { 1 }
  @inlinable public static var unrecognizedOption: UInt8 { 2 }

  /// An echo request or reply (RFC 4443 §4).
  @inlinable
  public static func echo(reply: Bool, identifier: UInt16, sequence: UInt16) -> ICMPv6Message {
    ICMPv6Message(
      type: reply ? echoReply : echoRequest, code: 0, rest: UInt32(identifier) << 16 | UInt32(sequence))
  }

  /// Of an echo message.
  @inlinable
  public var identifier: UInt16 { UInt16(truncatingIfNeeded: rest >> 16) }

  /// Of an echo message.
  @inlinable
  public var sequence: UInt16 { UInt16(truncatingIfNeeded: rest) }

  /// Of `packetTooBig`, in bytes.
  @inlinable
  public var maximumTransmissionUnit: Int { Int(clamping: rest) }

  /// Of `parameterProblem`: the offset of the offending byte.
  @inlinable
  public var pointer: Int { Int(clamping: rest) }

  /// Whether the message reports an error and so quotes a packet (RFC 4443 §2.1).
  @inlinable
  public var isError: Bool { type < 128 }

  /// In bytes.
  @inlinable
  public static var headerLength: Int { 8 }

  /// A message and where its data lies.
  public struct Parsed: Equatable, Sendable {
    public var message: ICMPv6Message
    /// The data or the quoted packet, in offsets from the start of the message.
    public var payload: Range<Int>
  }

  /// Reads and checks a message.
  /// - Parameter bytes: exactly the IP packet's upper layer.
  /// - Throws: `truncated` below 8 bytes, `badChecksum`.
  public static func parse(
    _ bytes: RawSpan, source: IPv6Address, destination: IPv6Address
  ) throws(WireError) -> Parsed {
    guard bytes.byteCount >= headerLength else {
      throw .truncated(needed: headerLength, have: bytes.byteCount)
    }
    let pseudo = pseudoHeaderSum(source, destination, length: bytes.byteCount)
    guard InternetChecksum.finish(InternetChecksum.sum(bytes, initial: pseudo)) == 0 else {
      throw .badChecksum(bytes.uint16(at: 2))
    }
    let message = ICMPv6Message(type: bytes.byte(at: 0), code: bytes.byte(at: 1), rest: bytes.uint32(at: 4))
    return Parsed(message: message, payload: headerLength..<bytes.byteCount)
  }

  /// Appends the message with its checksum and data.
  /// - Precondition: `out` has room for 8 bytes and the payload.
  @_lifetime(out: copy out)
  public func write(
    into out: inout OutputRawSpan, payload: RawSpan, source: IPv6Address, destination: IPv6Address
  ) {
    let start = out.byteCount
    out.append(type)
    out.append(code)
    out.appendUInt16(0)
    out.appendUInt32(rest)
    out.append(bytes: payload)
    let pseudo = ICMPv6Message.pseudoHeaderSum(source, destination, length: out.byteCount &- start)
    let checksum = InternetChecksum.finish(
      InternetChecksum.sum(out.bytes.extracting(start..<out.byteCount), initial: pseudo))
    out.overwriteUInt16(checksum, at: start &+ 2)
  }

  private static func pseudoHeaderSum(
    _ source: IPv6Address, _ destination: IPv6Address, length: Int
  ) -> UInt32 {
    PseudoHeader.sum(
      source: .v6(source), destination: .v6(destination), protocolNumber: IPProtocol.icmpv6, length: length)
  }
}
