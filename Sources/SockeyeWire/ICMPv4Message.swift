// Holds the ICMPv4 header: reading, writing, checksum, and the kinds a host meets. Neighbours of an
// Ethernet link (ARP) are not here.

/// An ICMPv4 message's first eight bytes (RFC 792).
public struct ICMPv4Message: Equatable, Sendable {
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

  // Types (RFC 792).
  @inlinable public static var echoReply: UInt8 { 0 }
  @inlinable public static var destinationUnreachable: UInt8 { 3 }
  @inlinable public static var sourceQuench: UInt8 { 4 }
  @inlinable public static var redirect: UInt8 { 5 }
  @inlinable public static var echoRequest: UInt8 { 8 }
  @inlinable public static var timeExceeded: UInt8 { 11 }
  @inlinable public static var parameterProblem: UInt8 { 12 }

  // Codes of `destinationUnreachable` (RFC 792, RFC 1122 §3.2.2.1).
  @inlinable public static var networkUnreachable: UInt8 { 0 }
  @inlinable public static var hostUnreachable: UInt8 { 1 }
  @inlinable public static var protocolUnreachable: UInt8 { 2 }
  @inlinable public static var portUnreachable: UInt8 { 3 }
  /// Fragmentation needed and DF set (RFC 1191): `nextHopMTU` says what fits.
  @inlinable public static var fragmentationNeeded: UInt8 { 4 }
  @inlinable public static var sourceRouteFailed: UInt8 { 5 }
  @inlinable public static var administrativelyProhibited: UInt8 { 13 }

  // Codes of `timeExceeded`.
  @inlinable public static var timeToLiveExceeded: UInt8 { 0 }
  @inlinable public static var reassemblyTimeExceeded: UInt8 { 1 }

  /// An echo request or reply.
  @inlinable
  public static func echo(reply: Bool, identifier: UInt16, sequence: UInt16) -> ICMPv4Message {
    ICMPv4Message(
      type: reply ? echoReply : echoRequest, code: 0, rest: UInt32(identifier) << 16 | UInt32(sequence))
  }

  /// Of an echo message.
  @inlinable
  public var identifier: UInt16 { UInt16(truncatingIfNeeded: rest >> 16) }

  /// Of an echo message.
  @inlinable
  public var sequence: UInt16 { UInt16(truncatingIfNeeded: rest) }

  /// Of `fragmentationNeeded`, in bytes; 0 from a router that is older than RFC 1191.
  @inlinable
  public var nextHopMTU: Int { Int(rest & 0xffff) }

  /// Of `parameterProblem`: the offset of the offending byte.
  @inlinable
  public var pointer: Int { Int(rest >> 24) }

  /// Whether the message reports an error and so quotes a packet (RFC 1122 §3.2.2).
  @inlinable
  public var isError: Bool {
    type == ICMPv4Message.destinationUnreachable || type == ICMPv4Message.sourceQuench
      || type == ICMPv4Message.redirect || type == ICMPv4Message.timeExceeded
      || type == ICMPv4Message.parameterProblem
  }

  /// In bytes.
  @inlinable
  public static var headerLength: Int { 8 }

  /// A message and where its data lies.
  public struct Parsed: Equatable, Sendable {
    public var message: ICMPv4Message
    /// The data or the quoted packet, in offsets from the start of the message.
    public var payload: Range<Int>
  }

  /// Reads and checks a message.
  /// - Parameter bytes: exactly the IP packet's payload.
  /// - Throws: `truncated` below 8 bytes, `badChecksum`.
  public static func parse(_ bytes: RawSpan) throws(WireError) -> Parsed {
    guard bytes.byteCount >= headerLength else {
      throw .truncated(needed: headerLength, have: bytes.byteCount)
    }
    guard InternetChecksum.finish(InternetChecksum.sum(bytes)) == 0 else {
      throw .badChecksum(bytes.uint16(at: 2))
    }
    let message = ICMPv4Message(type: bytes.byte(at: 0), code: bytes.byte(at: 1), rest: bytes.uint32(at: 4))
    return Parsed(message: message, payload: headerLength..<bytes.byteCount)
  }

  /// Appends the message with its checksum and data.
  /// - Precondition: `out` has room for 8 bytes and the payload.
  @_lifetime(out: copy out)
  public func write(into out: inout OutputRawSpan, payload: RawSpan) {
    let start = out.byteCount
    out.append(type)
    out.append(code)
    out.appendUInt16(0)
    out.appendUInt32(rest)
    out.append(bytes: payload)
    let checksum = InternetChecksum.finish(
      InternetChecksum.sum(out.bytes.extracting(start..<out.byteCount)))
    out.overwriteUInt16(checksum, at: start &+ 2)
  }
}
