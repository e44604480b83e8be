// Holds how arguments are read: addresses, prefixes, ports, sizes, times. Each says what it expected when it
// can't read one. It does not hold which command takes which argument.

import ArgumentParser
import SockeyeBytes
import SockeyeWire

/// Readers of single arguments, for the parser's `transform:`.
enum Arguments {
  static func prefix(_ text: String) throws -> AddressPrefix {
    if let prefix = AddressPrefix(parsing: text), !prefix.address.isUnspecified, !prefix.address.isMulticast {
      return prefix
    }
    throw ValidationError("expected a host's address and prefix length, such as 10.34.1.2/24 or fd34:1::2/64")
  }

  static func host(_ text: String) throws -> IPAddress {
    guard let address = IPAddress(parsing: text) else {
      throw ValidationError("expected an IPv4 or IPv6 address, such as 10.34.1.1 or fd34:1::1")
    }
    if address.isUnspecified || address.isMulticast || address.isLimitedBroadcast {
      throw ValidationError("expected the address of one host")
    }
    return address
  }

  static func port(_ text: String) throws -> UInt16 {
    if let number = UInt16(text), number > 0 { return number }
    throw ValidationError("expected a port from 1 to 65535")
  }

  /// A port of a TCP service, by number or by its well-known name.
  static func service(_ text: String) throws -> UInt16 {
    if let number = UInt16(text), number > 0 { return number }
    let named = PortTable.all.first { $0.name == text.uppercased() && $0.transport != .udp }
    if let named { return named.number }
    throw ValidationError(
      "expected a port from 1 to 65535, or a TCP service's name; 'sockeye ports' lists them")
  }

  static func backlog(_ text: String) throws -> Int {
    if let number = Int(text), (1...65535).contains(number) { return number }
    throw ValidationError("expected a number of connections from 1 to 65535")
  }

  static func mtu(_ text: String) throws -> Int {
    if let number = Int(text), (68...65535).contains(number) { return number }
    throw ValidationError("expected a number of bytes from 68 (1280 for IPv6) to 65535")
  }

  static func count(_ text: String) throws -> Int {
    if let number = Int(text), (1...1_000_000).contains(number) { return number }
    throw ValidationError("expected a number from 1 to 1000000")
  }

  /// A positive time in seconds, with a decimal point if need be.
  static func seconds(_ text: String) throws -> Interval {
    if let number = Double(text), (0.001...86400).contains(number) {
      return .microseconds(Int((number * 1_000_000).rounded()))
    }
    throw ValidationError("expected a time in seconds from 0.001 to 86400")
  }

  /// A size in bytes: a number, and a unit if need be (KB is 1000 bytes, KiB is 1024).
  static func size(_ text: String) throws -> Int {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit = text.dropFirst(digits.count).lowercased()
    guard let number = Int(digits), let factor = sizeUnits[unit] else {
      throw ValidationError("expected a size, such as 4096, 100MB or 64KiB")
    }
    let (size, overflow) = number.multipliedReportingOverflow(by: factor)
    if overflow || size > 1 << 50 { throw ValidationError("expected a size of at most 1024TiB") }
    return size
  }

  /// How much data an echo request carries.
  static func echoSize(_ text: String) throws -> Int {
    let size = try size(text)
    // What fits an IPv4 datagram of 65535 bytes beside the two headers (RFC 791 section 3.1, RFC 792).
    if size <= 65507 { return size }
    throw ValidationError("expected at most 65507 bytes, what one datagram holds")
  }

  private static let sizeUnits: [String: Int] = [
    "": 1, "b": 1,
    "k": 1000, "kb": 1000, "m": 1_000_000, "mb": 1_000_000, "g": 1_000_000_000, "gb": 1_000_000_000,
    "t": 1_000_000_000_000, "tb": 1_000_000_000_000,
    "ki": 1 << 10, "kib": 1 << 10, "mi": 1 << 20, "mib": 1 << 20, "gi": 1 << 30, "gib": 1 << 30,
    "ti": 1 << 40, "tib": 1 << 40,
  ]
}

/// Addresses of the two ends of a tunnel.
struct LinkAddresses: Equatable {
  /// The stack's.
  var ours: [AddressPrefix]
  /// This computer's kernel's.
  var host: [AddressPrefix]

  /// Fills in what was not given.
  /// - Parameters:
  ///   - ours: what was given for the stack.
  ///   - host: what was given for the kernel.
  ///   - network: the number of the network to use when nothing was given: 1 is 10.34.1.0/24.
  /// - Throws: `ValidationError` when one end can't be made out from the other.
  init(ours: [AddressPrefix], host: [AddressPrefix], network: Int) throws {
    if ours.isEmpty && host.isEmpty {
      let defaults = ["10.34.\(network).2/24", "fd34:\(network)::2/64"]
      self.ours = defaults.compactMap { AddressPrefix(parsing: $0) }
      self.host = try self.ours.map(Self.neighbour)
    } else {
      self.ours = ours.isEmpty ? try host.map(Self.neighbour) : ours
      self.host = host.isEmpty ? try ours.map(Self.neighbour) : host
    }
    for address in self.ours where self.host.contains(where: { $0.address == address.address }) {
      throw ValidationError(
        "\(address.address) can't be both ends of the tunnel: expected --address and --host-address to differ"
      )
    }
  }

  /// Does without an IP version.
  mutating func removeAll(_ version: IPVersion) {
    ours.removeAll { $0.address.version == version }
    host.removeAll { $0.address.version == version }
  }

  /// The first address of the same network that is another host's.
  static func neighbour(_ prefix: AddressPrefix) throws -> AddressPrefix {
    for offset in 1...2 {
      let candidate = Self.host(offset, of: prefix)
      if let candidate, candidate != prefix, prefix.contains(candidate.address) { return candidate }
    }
    throw ValidationError(
      "\(prefix.address)/\(prefix.length) has no room for the other end: expected both --address and --host-address"
    )
  }

  private static func host(_ offset: Int, of prefix: AddressPrefix) -> AddressPrefix? {
    let address: IPAddress
    switch prefix.network {
    case .v4(let network):
      if prefix.length > 30 { return nil }
      address = .v4(IPv4Address(rawValue: network.rawValue + UInt32(offset)))
    case .v6(let network):
      if prefix.length > 126 { return nil }
      address = .v6(IPv6Address(high: network.high, low: network.low + UInt64(offset)))
    }
    return AddressPrefix(address: address, length: prefix.length)
  }
}
