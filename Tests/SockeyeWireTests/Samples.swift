// Holds random headers and addresses, and sums by definition, for the tests of this target.

import SockeyeWire

/// The ones'-complement sum, word by word, as RFC 1071 defines it.
func plainSum(_ bytes: [UInt8]) -> UInt16 {
  var sum: UInt64 = 0
  for (index, byte) in bytes.enumerated() { sum += index % 2 == 0 ? UInt64(byte) << 8 : UInt64(byte) }
  while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
  return UInt16(sum)
}

/// The pseudo-header in bytes.
func pseudoHeader(_ source: IPAddress, _ destination: IPAddress, _ number: UInt8, _ length: Int) -> [UInt8] {
  [UInt8](capacity: 40) { out in
    for address in [source, destination] {
      switch address {
      case .v4(let address):
        out.appendUInt32(address.rawValue)
      case .v6(let address):
        out.appendUInt64(address.high)
        out.appendUInt64(address.low)
      }
    }
    switch source.version {
    case .v4:
      out.append(0)
      out.append(number)
      out.appendUInt16(UInt16(length))
    case .v6:
      out.appendUInt32(UInt32(length))
      out.appendUInt32(UInt32(number))
    }
  }
}

extension IPAddress {
  static func random(_ version: IPVersion, using generator: inout SeededGenerator) -> IPAddress {
    switch version {
    case .v4: .v4(IPv4Address(rawValue: .random(in: 0...(.max), using: &generator)))
    case .v6: .v6(IPv6Address(high: generator.next(), low: generator.next()))
    }
  }
}

extension TCPHeader {
  static func random(using generator: inout SeededGenerator) -> TCPHeader {
    var header = TCPHeader(
      sourcePort: .random(in: 0...(.max), using: &generator),
      destinationPort: .random(in: 0...(.max), using: &generator),
      sequence: SequenceNumber(.random(in: 0...(.max), using: &generator)),
      acknowledgment: SequenceNumber(.random(in: 0...(.max), using: &generator)),
      flags: TCPFlags(rawValue: .random(in: 0...255, using: &generator)),
      reserved: .random(in: 0...15, using: &generator), window: .random(in: 0...(.max), using: &generator),
      checksum: .random(in: 0...(.max), using: &generator),
      urgentPointer: .random(in: 0...(.max), using: &generator))
    if Bool.random(using: &generator) {
      header.options.maximumSegmentSize = .random(in: 0...(.max), using: &generator)
    }
    if Bool.random(using: &generator) { header.options.windowScale = .random(in: 0...255, using: &generator) }
    header.options.sackPermitted = Bool.random(using: &generator)
    if Bool.random(using: &generator) {
      header.options.timestamps = TimestampOption(
        value: .random(in: 0...(.max), using: &generator), echo: .random(in: 0...(.max), using: &generator))
    }
    for _ in 0..<Int.random(in: 0...4, using: &generator) {
      header.options.sackBlocks.append(
        SACKBlock(
          left: SequenceNumber(.random(in: 0...(.max), using: &generator)),
          right: SequenceNumber(.random(in: 0...(.max), using: &generator))))
    }
    return header
  }
}
