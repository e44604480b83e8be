// Addresses, prefixes and endpoints as text, held against the C library's inet_pton and inet_ntop.

import SockeyeWire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The first byte says whether the rest is text or an address.
func fuzzText(_ input: [UInt8]) {
  guard let first = input.first else { return }
  let rest = Array(input.dropFirst())
  if first & 1 == 0 {
    fuzzParsing(String(decoding: rest, as: UTF8.self))
  } else if rest.count >= 16 {
    let halves = (0..<2).map { half in
      rest[8 * half..<8 * half + 8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }
    let address = IPv6Address(high: halves[0], low: halves[1])
    require(IPv6Address(parsing: address.description) == address, "\(address.description) is itself")
    require(
      systemParses(address.description, .v6) == bytes(address), "the system reads \(address.description)")
  } else if rest.count >= 4 {
    let address = IPv4Address(rest[0], rest[1], rest[2], rest[3])
    require(IPv4Address(parsing: address.description) == address, "\(address.description) is itself")
    require(systemParses(address.description, .v4) == Array(rest[0..<4]), "the system reads it")
  }
}

private func fuzzParsing(_ text: String) {
  let isPlain = text.utf8.allSatisfy { $0 != 0 && $0 < 128 }
  let (v4, v6) = (IPv4Address(parsing: text), IPv6Address(parsing: text))
  if isPlain {
    require(systemParses(text, .v4) == v4.map(bytes), "IPv4 as the system has it: \(text)")
    require(systemParses(text, .v6) == v6.map(bytes), "IPv6 as the system has it: \(text)")
  } else {
    require(v4 == nil && v6 == nil, "no address has such letters")
  }
  if let address = IPAddress(parsing: text) {
    require(v4.map { .v4($0) } == address || v6.map { .v6($0) } == address, "one of the two")
    require(IPAddress(parsing: address.description) == address, "its text is itself")
  } else {
    require(v4 == nil && v6 == nil, "either is an address")
  }
  if let prefix = AddressPrefix(parsing: text) {
    require(AddressPrefix(parsing: prefix.description) == prefix, "a prefix's text is itself")
    require(prefix.contains(prefix.address), "a prefix contains its address")
    require(prefix.length >= 0 && prefix.length <= (prefix.address.version == .v4 ? 32 : 128), "its length")
  }
  if let endpoint = Endpoint(parsing: text) {
    require(Endpoint(parsing: endpoint.description) == endpoint, "an endpoint's text is itself")
  }
}

private func bytes(_ address: IPv4Address) -> [UInt8] {
  (0..<4).map { UInt8(truncatingIfNeeded: address.rawValue >> (24 - 8 * UInt32($0))) }
}

private func bytes(_ address: IPv6Address) -> [UInt8] {
  [address.high, address.low].flatMap { half in
    (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * UInt64($0))) }
  }
}

/// What inet_pton makes of a text.
private func systemParses(_ text: String, _ version: IPVersion) -> [UInt8]? {
  var storage = [UInt8](repeating: 0, count: version == .v4 ? 4 : 16)
  // inet_pton writes so many bytes, and reads up to the zero that Swift puts behind the text.
  let result = unsafe storage.withUnsafeMutableBytes { bytes in
    unsafe inet_pton(version == .v4 ? AF_INET : AF_INET6, text, bytes.baseAddress)
  }
  return result == 1 ? storage : nil
}
