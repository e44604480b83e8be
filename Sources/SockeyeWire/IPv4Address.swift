// Holds an IPv4 address, its text form and its kinds.

/// An IPv4 address.
@frozen
public struct IPv4Address: Hashable, Sendable {
  /// The address as a number: 10.0.0.1 is 0x0a000001.
  public var rawValue: UInt32

  @inlinable
  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// The address a.b.c.d.
  @inlinable
  public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
    rawValue = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
  }

  /// Reads four decimal numbers with points between them, without leading zeros (which some read as octal).
  public init?(parsing text: String) {
    var scanner = TextScanner(text)
    guard let address = scanner.ipv4Address(), scanner.isAtEnd else { return nil }
    self = address
  }

  @inlinable
  public static func == (left: IPv4Address, right: IPv4Address) -> Bool {
    left.rawValue == right.rawValue
  }

  /// 0.0.0.0.
  @inlinable
  public static var unspecified: IPv4Address { IPv4Address(rawValue: 0) }

  /// 255.255.255.255.
  @inlinable
  public static var limitedBroadcast: IPv4Address { IPv4Address(rawValue: .max) }

  /// 127.0.0.1.
  @inlinable
  public static var loopback: IPv4Address { IPv4Address(rawValue: 0x7f00_0001) }

  @inlinable
  public var isUnspecified: Bool { rawValue == 0 }

  /// In 127.0.0.0/8 (RFC 1122 §3.2.1.3).
  @inlinable
  public var isLoopback: Bool { rawValue >> 24 == 127 }

  /// In 224.0.0.0/4 (RFC 1112 §4).
  @inlinable
  public var isMulticast: Bool { rawValue >> 28 == 0xe }

  @inlinable
  public var isLimitedBroadcast: Bool { rawValue == .max }

  /// In 169.254.0.0/16 (RFC 3927).
  @inlinable
  public var isLinkLocal: Bool { rawValue >> 16 == 0xa9fe }

  /// In 0.0.0.0/8 or 240.0.0.0/4: no host has such an address (RFC 1122 §3.2.1.3, RFC 1112 §4). The limited
  /// broadcast address is among them.
  @inlinable
  public var isReserved: Bool { rawValue >> 24 == 0 || rawValue >> 28 == 0xf }
}

extension IPv4Address: CustomStringConvertible {
  public var description: String {
    "\(rawValue >> 24).\(rawValue >> 16 & 255).\(rawValue >> 8 & 255).\(rawValue & 255)"
  }
}
