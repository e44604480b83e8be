// Holds what a router reads of an IP header, what it changes in it, and how it cuts an IPv4 packet. Where packets go is
// NetworkRouter's.

import SockeyeBytes
import SockeyeWire

/// An IP header as a router sees it.
struct RoutedHeader {
  let source: IPAddress
  let destination: IPAddress
  let timeToLive: UInt8
  /// Octets of the packet; what lies behind them is not forwarded.
  let length: Int
  let mayBeCut: Bool
  /// Whether an ICMP error may tell the sender of the packet's fate (RFC 1812 §4.3.2.7, RFC 4443 §2.4 (e)).
  let mayBeAnswered: Bool

  /// Nil for what is no IP packet and for a wrong checksum.
  init?(_ packet: [UInt8]) {
    guard let header = RoutedHeader.read(packet.rawSpan) else { return nil }
    self = header
  }

  private init(
    source: IPAddress, destination: IPAddress, timeToLive: UInt8, length: Int, mayBeCut: Bool,
    mayBeAnswered: Bool
  ) {
    self.source = source
    self.destination = destination
    self.timeToLive = timeToLive
    self.length = length
    self.mayBeCut = mayBeCut
    self.mayBeAnswered =
      mayBeAnswered && !source.isUnspecified && !source.isMulticast && !source.isLoopback
      && !destination.isMulticast
  }

  private static func read(_ packet: RawSpan) -> RoutedHeader? {
    guard packet.byteCount > 0 else { return nil }
    switch packet.byte(at: 0) >> 4 {
    case 4:
      guard let parsed = try? IPv4Header.parse(packet) else { return nil }
      let header = parsed.header
      let isError =
        header.protocolNumber == IPProtocol.icmp && !parsed.payload.isEmpty
        && ICMPv4Message(type: packet.byte(at: parsed.payload.lowerBound), code: 0, rest: 0).isError
      return RoutedHeader(
        source: .v4(header.source), destination: .v4(header.destination), timeToLive: header.timeToLive,
        length: header.totalLength, mayBeCut: !header.dontFragment,
        mayBeAnswered: header.fragmentOffset == 0 && !isError)
    case 6:
      guard let parsed = try? IPv6Header.parse(packet) else { return nil }
      let isError =
        parsed.protocolNumber == IPProtocol.icmpv6 && !parsed.payload.isEmpty
        && packet.byte(at: parsed.payload.lowerBound) < 128
      return RoutedHeader(
        source: .v6(parsed.header.source), destination: .v6(parsed.header.destination),
        timeToLive: parsed.header.hopLimit, length: IPv6Header.length + parsed.header.payloadLength,
        mayBeCut: false, mayBeAnswered: (parsed.fragment?.offset ?? 0) == 0 && !isError)
    case _: return nil
    }
  }

  /// One hop fewer (RFC 1812 §5.3.1).
  static func lowerTimeToLive(of packet: inout [UInt8]) {
    if packet[0] >> 4 == 4 {
      packet[8] -= 1
      LinkDamage.repairHeader(of: &packet)
    } else {
      packet[7] -= 1
    }
  }
}

/// Pieces of IPv4 packets (RFC 791 §3.2).
enum IPv4Fragments {
  /// Cuts a packet that may be cut; options are not copied.
  static func cut(_ packet: [UInt8], to limit: Int) -> [[UInt8]] {
    guard let parsed = parse(packet.rawSpan) else { return [] }
    let room = max(8, (limit - IPv4Header.minimumLength) & ~7)
    var pieces: [[UInt8]] = []
    var start = parsed.payload.lowerBound
    while start < parsed.payload.upperBound {
      let end = min(start + room, parsed.payload.upperBound)
      var header = IPv4Header(
        source: parsed.header.source, destination: parsed.header.destination,
        protocolNumber: parsed.header.protocolNumber, payloadLength: end - start,
        identification: parsed.header.identification, dontFragment: false,
        moreFragments: parsed.header.moreFragments || end < parsed.payload.upperBound,
        fragmentOffset: parsed.header.fragmentOffset + start - parsed.payload.lowerBound,
        timeToLive: parsed.header.timeToLive)
      header.trafficClass = parsed.header.trafficClass
      pieces.append(
        [UInt8](capacity: IPv4Header.minimumLength + end - start) { output in
          header.write(into: &output)
          output.append(bytes: packet.rawSpan.extracting(start..<end))
        })
      start = end
    }
    return pieces
  }

  private static func parse(_ packet: RawSpan) -> IPv4Header.Parsed? { try? IPv4Header.parse(packet) }
}
