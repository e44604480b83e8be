// Holds the translation between the C library's socket addresses and the engine's endpoints, IPv4-mapped addresses
// included. It does not hold what an address is used for.

import Glibc
import SockeyeWire

/// Which addresses a socket speaks of.
enum SocketFamily: Sendable {
  case v4, v6

  init?(_ domain: Int32) {
    switch domain {
    case AF_INET: self = .v4
    case AF_INET6: self = .v6
    default: return nil
    }
  }

  var number: Int32 { self == .v4 ? AF_INET : AF_INET6 }
}

enum SocketAddress {
  /// Reads what a program gave.
  ///
  /// - Parameter family: of the socket; one of IPv6 may name IPv4 addresses in their mapped form (RFC 4291 §2.5.5.2).
  static func read(
    _ bytes: UnsafeRawBufferPointer, family: SocketFamily
  ) throws(SystemCallError) -> Endpoint {
    guard bytes.count >= MemoryLayout<sa_family_t>.size else { throw SystemCallError(EINVAL) }
    let named = unsafe Int32(bytes.loadUnaligned(as: sa_family_t.self))
    // The smaller structure lies at the front of whatever a program passes.
    switch (family, named) {
    case (.v4, AF_INET), (.v4, AF_UNSPEC):
      guard bytes.count >= MemoryLayout<sockaddr_in>.size else { throw SystemCallError(EINVAL) }
      let address = unsafe bytes.loadUnaligned(as: sockaddr_in.self)
      let number = IPv4Address(rawValue: UInt32(bigEndian: address.sin_addr.s_addr))
      return Endpoint(address: .v4(number), port: UInt16(bigEndian: address.sin_port))
    case (.v6, AF_INET6), (.v6, AF_UNSPEC):
      guard bytes.count >= MemoryLayout<sockaddr_in6>.size - 4 else { throw SystemCallError(EINVAL) }
      let port = unsafe UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
      let high = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      let low = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
      let address = IPv6Address(high: high, low: low)
      if let mapped = address.ipv4Mapped { return Endpoint(address: .v4(mapped), port: port) }
      return Endpoint(address: .v6(address), port: port)
    default: throw SystemCallError(EAFNOSUPPORT)
    }
  }

  /// Whether a program names no address at all: AF_UNSPEC.
  static func isNone(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= MemoryLayout<sa_family_t>.size else { return false }
    return unsafe Int32(bytes.loadUnaligned(as: sa_family_t.self)) == AF_UNSPEC
  }

  /// Writes an endpoint as the socket's family has it, as much of it as there is room for.
  ///
  /// - Parameter length: the room; afterwards the whole address's size, octets.
  static func write(
    _ endpoint: Endpoint, family: SocketFamily, to room: UnsafeMutableRawPointer, _ length: inout UInt32
  ) {
    switch family {
    case .v4:
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = endpoint.port.bigEndian
      if case .v4(let number) = endpoint.address { address.sin_addr.s_addr = number.rawValue.bigEndian }
      unsafe withUnsafeBytes(of: &address) { unsafe copy($0, to: room, &length) }
    case .v6:
      let number: IPv6Address
      switch endpoint.address {
      case .v4(let address): number = address.isUnspecified ? .unspecified : IPv6Address(mapping: address)
      case .v6(let address): number = address
      }
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = endpoint.port.bigEndian
      unsafe withUnsafeMutableBytes(of: &address) { bytes in
        unsafe bytes.storeBytes(of: number.high.bigEndian, toByteOffset: 8, as: UInt64.self)
        unsafe bytes.storeBytes(of: number.low.bigEndian, toByteOffset: 16, as: UInt64.self)
      }
      unsafe withUnsafeBytes(of: &address) { unsafe copy($0, to: room, &length) }
    }
  }

  private static func copy(
    _ bytes: UnsafeRawBufferPointer, to room: UnsafeMutableRawPointer, _ length: inout UInt32
  ) {
    // No more than the program says it has room for.
    unsafe room.copyMemory(from: bytes.baseAddress!, byteCount: min(bytes.count, Int(length)))
    length = UInt32(bytes.count)
  }
}
