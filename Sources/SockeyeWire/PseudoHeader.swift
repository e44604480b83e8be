// Holds the sum of the pseudo-header that TCP, UDP and ICMPv6 checksums cover.

/// The pseudo-header (RFC 9293 §3.1 for IPv4, RFC 8200 §8.1 for IPv6). It is never built, only summed.
public enum PseudoHeader {
  /// The partial sum to go on from over the upper-layer header and data.
  /// - Parameters:
  ///   - protocolNumber: that of the upper layer, not that of an extension header.
  ///   - length: upper-layer header and data, in bytes.
  @inlinable
  public static func sum(
    source: IPAddress, destination: IPAddress, protocolNumber: UInt8, length: Int
  ) -> UInt32 {
    let length = UInt32(truncatingIfNeeded: length)
    let wide =
      words(source) &+ words(destination) &+ UInt64(protocolNumber)
      &+ UInt64(length >> 16) &+ UInt64(length & 0xffff)
    let narrow = UInt32(truncatingIfNeeded: (wide & 0xffff_ffff) &+ (wide >> 32))
    return UInt32(InternetChecksum.fold(narrow))
  }

  /// The sum of the address's 16-bit words; below 2¹⁹.
  @inlinable
  static func words(_ address: IPAddress) -> UInt64 {
    switch address {
    case .v4(let address):
      return UInt64(address.rawValue >> 16) &+ UInt64(address.rawValue & 0xffff)
    case .v6(let address):
      return words(address.high) &+ words(address.low)
    }
  }

  @inlinable
  static func words(_ half: UInt64) -> UInt64 {
    (half >> 48) &+ (half >> 32 & 0xffff) &+ (half >> 16 & 0xffff) &+ (half & 0xffff)
  }
}
