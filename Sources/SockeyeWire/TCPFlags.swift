// Holds the control bits of a TCP header.

/// The control bits of a TCP header (RFC 9293 §3.1).
@frozen
public struct TCPFlags: OptionSet, Hashable, Sendable {
  public var rawValue: UInt8

  @inlinable
  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// FIN: no more data from the sender.
  @inlinable public static var fin: TCPFlags { TCPFlags(rawValue: 0x01) }
  /// SYN: synchronize sequence numbers.
  @inlinable public static var syn: TCPFlags { TCPFlags(rawValue: 0x02) }
  /// RST: reset the connection.
  @inlinable public static var rst: TCPFlags { TCPFlags(rawValue: 0x04) }
  /// PSH: push.
  @inlinable public static var psh: TCPFlags { TCPFlags(rawValue: 0x08) }
  /// ACK: the acknowledgment field is significant.
  @inlinable public static var ack: TCPFlags { TCPFlags(rawValue: 0x10) }
  /// URG: the urgent pointer is significant.
  @inlinable public static var urg: TCPFlags { TCPFlags(rawValue: 0x20) }
  /// ECE: ECN echo (RFC 3168).
  @inlinable public static var ece: TCPFlags { TCPFlags(rawValue: 0x40) }
  /// CWR: congestion window reduced (RFC 3168).
  @inlinable public static var cwr: TCPFlags { TCPFlags(rawValue: 0x80) }
}

extension TCPFlags: CustomStringConvertible {
  /// The letters tcpdump prints, in its order and brackets: "[S.]" is SYN and ACK, "[none]" is no bit.
  public var description: String {
    var letters = ""
    if contains(.fin) { letters += "F" }
    if contains(.syn) { letters += "S" }
    if contains(.rst) { letters += "R" }
    if contains(.psh) { letters += "P" }
    if contains(.ack) { letters += "." }
    if contains(.urg) { letters += "U" }
    if contains(.ece) { letters += "E" }
    if contains(.cwr) { letters += "W" }
    return isEmpty ? "[none]" : "[" + letters + "]"
  }
}
