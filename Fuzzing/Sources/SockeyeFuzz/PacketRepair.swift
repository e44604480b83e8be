// Makes a packet out of bytes: lengths, addresses and checksums put right, everything else left as the fuzzer chose it.

import SockeyeBytes
import SockeyeWire

enum PacketRepair {
  /// Repairs a packet of either version. The peer is its source and the host its destination, unless `addresses` is false.
  static func repair(_ packet: inout [UInt8], addresses: Bool = true) {
    guard let first = packet.first else { return }
    if first >> 4 == 6 { repairIPv6(&packet, addresses) } else { repairIPv4(&packet, addresses) }
  }

  private static func repairIPv4(_ packet: inout [UInt8], _ addresses: Bool) {
    guard packet.count >= 20 else { return }
    packet[0] = 0x40 | packet[0] & 15
    put(packet.count, into: &packet, at: 2)
    if addresses {
      packet.replaceSubrange(12..<20, with: [10, 0, 0, 2, 10, 0, 0, 1])
    }
    repairChecksum(&packet, at: 10, in: 0..<max(20, Int(packet[0] & 15) * 4))
    guard let parsed = try? IPv4Header.parse(packet.rawSpan), !parsed.header.isFragment else { return }
    repairUpper(
      &packet, parsed.payload, parsed.header.protocolNumber, .v4(parsed.header.source),
      .v4(parsed.header.destination))
  }

  private static func repairIPv6(_ packet: inout [UInt8], _ addresses: Bool) {
    guard packet.count >= 40 else { return }
    put(packet.count - 40, into: &packet, at: 4)
    if addresses {
      let prefix: [UInt8] = [0xfd] + [UInt8](repeating: 0, count: 14)
      packet.replaceSubrange(8..<40, with: prefix + [2] + prefix + [1])
    }
    guard let parsed = try? IPv6Header.parse(packet.rawSpan), parsed.fragment == nil else { return }
    repairUpper(
      &packet, parsed.payload, parsed.protocolNumber, .v6(parsed.header.source),
      .v6(parsed.header.destination))
  }

  private static func put(_ number: Int, into packet: inout [UInt8], at offset: Int) {
    packet[offset] = UInt8(truncatingIfNeeded: number >> 8)
    packet[offset + 1] = UInt8(truncatingIfNeeded: number)
  }

  private static func repairUpper(
    _ packet: inout [UInt8], _ payload: Range<Int>, _ kind: UInt8, _ source: IPAddress,
    _ destination: IPAddress
  ) {
    let field: Int
    switch kind {
    case IPProtocol.tcp: field = 16
    case IPProtocol.udp:
      guard payload.count >= 8 else { return }
      put(payload.count, into: &packet, at: payload.lowerBound + 4)
      field = 6
    case IPProtocol.icmp, IPProtocol.icmpv6: field = 2
    default: return
    }
    let pseudo =
      kind == IPProtocol.icmp
      ? 0
      : PseudoHeader.sum(
        source: source, destination: destination, protocolNumber: kind, length: payload.count)
    repairChecksum(&packet, at: payload.lowerBound + field, in: payload, initial: pseudo)
  }
}
