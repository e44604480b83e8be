// Holds how a packet is changed so that nobody notices: checksums made right again after a bit has changed, as a router with
// bad memory does it that computes them anew. Which packets it happens to is decided by LinkEmulator.

import SockeyeBytes
import SockeyeWire

/// Checksums of packets whose contents have changed.
public enum LinkDamage {
  /// Makes the checksums of an IP packet right: that of the IPv4 header, and that of TCP, UDP or ICMP. What cannot be read
  /// any more stays as it is.
  public static func repairChecksums(of packet: inout [UInt8]) {
    repairHeader(of: &packet)
    guard let (number, range) = LinkDamage.transport(in: packet), !range.isEmpty else { return }
    let offset: Int
    switch number {
    case IPProtocol.tcp: offset = TCPHeader.checksumOffset
    case IPProtocol.udp: offset = 6
    case IPProtocol.icmp, IPProtocol.icmpv6: offset = 2
    case _: return
    }
    guard range.count >= offset + 2 else { return }
    let place = range.lowerBound + offset
    store(0, in: &packet, at: place)
    let sum = InternetChecksum.sum(
      packet.rawSpan.extracting(range),
      initial: number == IPProtocol.icmp ? 0 : pseudoHeader(of: packet, number, length: range.count))
    let checksum = InternetChecksum.finish(sum)
    // RFC 768: none at all is written as zero, so zero is written otherwise.
    store(number == IPProtocol.udp && checksum == 0 ? 0xFFFF : checksum, in: &packet, at: place)
  }

  /// Sets the checksum of an IPv4 header; other packets have none.
  static func repairHeader(of packet: inout [UInt8]) {
    guard let first = packet.first, first >> 4 == 4, packet.count >= IPv4Header.minimumLength else { return }
    store(0, in: &packet, at: 10)
    let length = min(max(Int(first & 0x0F) * 4, IPv4Header.minimumLength), packet.count)
    let checksum = InternetChecksum.finish(InternetChecksum.sum(packet.rawSpan.extracting(first: length)))
    store(checksum, in: &packet, at: 10)
  }

  private static func transport(in packet: [UInt8]) -> (UInt8, Range<Int>)? {
    guard let (number, payload) = TransportPart.find(in: packet.rawSpan) else { return nil }
    return (number, payload)
  }

  private static func pseudoHeader(of packet: [UInt8], _ number: UInt8, length: Int) -> UInt32 {
    let span = packet.rawSpan
    let source: IPAddress
    let destination: IPAddress
    if packet[0] >> 4 == 4 {
      source = .v4(IPv4Address(rawValue: span.uint32(at: 12)))
      destination = .v4(IPv4Address(rawValue: span.uint32(at: 16)))
    } else {
      source = .v6(IPv6Address(high: span.uint64(at: 8), low: span.uint64(at: 16)))
      destination = .v6(IPv6Address(high: span.uint64(at: 24), low: span.uint64(at: 32)))
    }
    return PseudoHeader.sum(source: source, destination: destination, protocolNumber: number, length: length)
  }

  private static func store(_ value: UInt16, in packet: inout [UInt8], at offset: Int) {
    packet[offset] = UInt8(value >> 8)
    packet[offset + 1] = UInt8(value & 0xFF)
  }
}
