// Holds an IPv6 address, its text form and its kinds. Zones ("%eth0") are not part of an address here.

/// An IPv6 address.
@frozen
public struct IPv6Address: Hashable, Sendable {
  /// The first eight bytes.
  public var high: UInt64
  /// The last eight bytes.
  public var low: UInt64

  @inlinable
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Reads any text form of RFC 4291 §2.2: full, with "::", or with an IPv4 address at the end.
  public init?(parsing text: String) {
    var scanner = TextScanner(text)
    guard let address = scanner.ipv6Address(), scanner.isAtEnd else { return nil }
    self = address
  }

  /// ::ffff:a.b.c.d (RFC 4291 §2.5.5.2).
  @inlinable
  public init(mapping address: IPv4Address) {
    high = 0
    low = 0xffff_0000_0000 | UInt64(address.rawValue)
  }

  @inlinable
  public static func == (left: IPv6Address, right: IPv6Address) -> Bool {
    left.high == right.high && left.low == right.low
  }

  /// ::
  @inlinable
  public static var unspecified: IPv6Address { IPv6Address(high: 0, low: 0) }

  /// ::1
  @inlinable
  public static var loopback: IPv6Address { IPv6Address(high: 0, low: 1) }

  /// ff02::1
  @inlinable
  public static var allNodes: IPv6Address { IPv6Address(high: 0xff02_0000_0000_0000, low: 1) }

  @inlinable
  public var isUnspecified: Bool { high | low == 0 }

  @inlinable
  public var isLoopback: Bool { high == 0 && low == 1 }

  /// In ff00::/8 (RFC 4291 §2.7).
  @inlinable
  public var isMulticast: Bool { high >> 56 == 0xff }

  /// In fe80::/10 (RFC 4291 §2.5.6).
  @inlinable
  public var isLinkLocal: Bool { high >> 54 == 0x3fa }

  /// The IPv4 address that ::ffff:0:0/96 stands for (RFC 4291 §2.5.5.2).
  @inlinable
  public var ipv4Mapped: IPv4Address? {
    high == 0 && low >> 32 == 0xffff
      ? IPv4Address(rawValue: UInt32(truncatingIfNeeded: low)) : nil
  }

  /// The group that a node with this address listens to: ff02::1:ffXX:XXXX (RFC 4291 §2.7.1).
  @inlinable
  public var solicitedNode: IPv6Address {
    IPv6Address(high: 0xff02_0000_0000_0000, low: 0x0000_0001_ff00_0000 | (low & 0xff_ffff))
  }

  /// The 16-bit group at `index`, 0 to 7.
  @inlinable
  public func group(_ index: Int) -> UInt16 {
    let half = index < 4 ? high : low
    return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index & 3)))
  }
}

extension IPv6Address: CustomStringConvertible {
  /// The form of RFC 5952: lower case, no leading zeros, the first longest run of zero groups as "::".
  public var description: String {
    if let mapped = ipv4Mapped { return "::ffff:\(mapped.description)" }
    let run = longestZeroRun
    var text = ""
    var index = 0
    while index < 8 {
      if index == run.lowerBound && !run.isEmpty {
        text += "::"
        index = run.upperBound
        continue
      }
      if index > 0 && index != run.upperBound { text += ":" }
      text += TextScanner.hexadecimal(group(index))
      index += 1
    }
    return text
  }

  /// RFC 5952 §4.2: the first of the longest runs of at least two zero groups; empty at 8 without one.
  private var longestZeroRun: Range<Int> {
    var best = 8..<8
    var start = 0
    for index in 0...8 where index == 8 || group(index) != 0 {
      if index - start > max(best.count, 1) { best = start..<index }
      start = index + 1
    }
    return best
  }
}
