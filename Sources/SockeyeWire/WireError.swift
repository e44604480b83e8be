// Holds what can be wrong with bytes from the wire. What is done about it is SockeyeStack's affair.

/// Why bytes are not the header they were taken for, with the value that was wrong.
public enum WireError: Error, Equatable, Sendable {
  /// Fewer bytes than the header or the lengths in it call for.
  case truncated(needed: Int, have: Int)
  /// The IP version is not the one expected, or is neither 4 nor 6.
  case badVersion(UInt8)
  /// A header length below the minimum or beyond the bytes (IPv4 IHL, TCP data offset), in bytes.
  case badHeaderLength(Int, have: Int)
  /// A total or payload length that is below the header's length or beyond the bytes.
  case badTotalLength(Int, have: Int)
  /// The checksum on the wire is not the one of the bytes.
  case badChecksum(UInt16)
  /// A fragment that ends beyond the largest packet, or isn't the last and is no multiple of 8 bytes.
  case badFragment(offset: Int, length: Int)
  /// More IPv6 extension headers, or more bytes of them, than are walked.
  case tooManyExtensionHeaders(Int)
  /// RFC 8200 §4: hop-by-hop options not directly after the IPv6 header. `pointer` is the offset of the next
  /// header field that announced them.
  case misplacedHopByHopOptions(pointer: Int)
  /// RFC 8200 §4.2: an option that may not be skipped; its two high bits say who is told.
  case unrecognizedOption(UInt8, pointer: Int)
  /// RFC 8200 §4.4: a routing header with segments left whose type isn't known. `pointer` is the offset of
  /// the type field.
  case unrecognizedRouting(UInt8, pointer: Int)
}

extension WireError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .truncated(let needed, let have): "truncated: \(needed) bytes needed, \(have) there"
    case .badVersion(let version): "bad IP version \(version)"
    case .badHeaderLength(let length, let have): "bad header length \(length), \(have) bytes there"
    case .badTotalLength(let length, let have): "bad total length \(length), \(have) bytes there"
    case .badChecksum(let checksum): "bad checksum \(checksum)"
    case .badFragment(let offset, let length): "bad fragment of \(length) bytes at offset \(offset)"
    case .tooManyExtensionHeaders(let count): "\(count) IPv6 extension headers are too many"
    case .misplacedHopByHopOptions(let pointer): "misplaced hop-by-hop options, see byte \(pointer)"
    case .unrecognizedOption(let type, let pointer): "unrecognized IPv6 option \(type) at byte \(pointer)"
    case .unrecognizedRouting(let type, let pointer): "unrecognized IPv6 routing \(type) at byte \(pointer)"
    }
  }
}
