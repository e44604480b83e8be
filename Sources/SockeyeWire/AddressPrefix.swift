// Holds an address with the length of its prefix, as an interface's address or a route's destination.

/// An address and how many of its first bits name the network: "10.0.0.1/24" (RFC 4632, RFC 4291 §2.3).
///
/// The bits behind the prefix are kept, so that it can say an interface's address and its network at once.
public struct AddressPrefix: Hashable, Sendable {
  public let address: IPAddress
  /// 0 to 32 for IPv4, 0 to 128 for IPv6.
  public let length: Int

  /// - Returns: nil when the length is not one of the address's version.
  public init?(address: IPAddress, length: Int) {
    guard length >= 0, length <= AddressPrefix.bits(address.version) else { return nil }
    self.address = address
    self.length = length
  }

  /// Reads "address/length".
  public init?(parsing text: String) {
    var scanner = TextScanner(text)
    guard let address = scanner.ipAddress(), scanner.take("/"),
      let length = scanner.number(upTo: AddressPrefix.bits(address.version)), scanner.isAtEnd
    else { return nil }
    self.address = address
    self.length = length
  }

  /// The prefix that holds one address.
  public init(host address: IPAddress) {
    self.address = address
    length = AddressPrefix.bits(address.version)
  }

  /// Whether an address begins with the prefix.
  public func contains(_ other: IPAddress) -> Bool {
    switch (address, other) {
    case (.v4(let own), .v4(let other)):
      return (own.rawValue ^ other.rawValue) & ipv4Mask == 0
    case (.v6(let own), .v6(let other)):
      let mask = ipv6Mask
      return (own.high ^ other.high) & mask.high == 0 && (own.low ^ other.low) & mask.low == 0
    case (.v4, .v6), (.v6, .v4):
      return false
    }
  }

  /// The network's address: all bits behind the prefix zero.
  public var network: IPAddress {
    switch address {
    case .v4(let own):
      return .v4(IPv4Address(rawValue: own.rawValue & ipv4Mask))
    case .v6(let own):
      let mask = ipv6Mask
      return .v6(IPv6Address(high: own.high & mask.high, low: own.low & mask.low))
    }
  }

  /// The directed broadcast address of an IPv4 network; nil for IPv6, and for /31 (RFC 3021) and /32.
  public var broadcast: IPv4Address? {
    switch address {
    case .v4(let own):
      return length <= 30 ? IPv4Address(rawValue: own.rawValue | ~ipv4Mask) : nil
    case .v6:
      return nil
    }
  }

  private static func bits(_ version: IPVersion) -> Int {
    version == .v4 ? 32 : 128
  }

  // Swift's `<<` gives zero for a shift by the whole width.
  private var ipv4Mask: UInt32 { UInt32.max << UInt32(32 - length) }

  private var ipv6Mask: IPv6Address {
    IPv6Address(
      high: UInt64.max << UInt64(64 - min(length, 64)),
      low: UInt64.max << UInt64(128 - max(length, 64)))
  }
}

extension AddressPrefix: CustomStringConvertible {
  public var description: String { "\(address.description)/\(length)" }
}
