// Holds what a link may know of a packet to lose it by script: what kind of packet it is, and no more. Links themselves see
// no packet.

import SockeyeBytes
import SockeyeWire

/// What is known of a packet, as far as a fault asks.
public struct PacketTraits: OptionSet, Hashable, Sendable {
  public let rawValue: UInt16

  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// Its ECN field says ECT or CE, so that it may be marked (RFC 3168 §5).
  public static var knowsCongestion: PacketTraits { PacketTraits(rawValue: 1 << 0) }
  public static var tcp: PacketTraits { PacketTraits(rawValue: 1 << 1) }
  public static var udp: PacketTraits { PacketTraits(rawValue: 1 << 2) }
  public static var icmp: PacketTraits { PacketTraits(rawValue: 1 << 3) }
  /// SYN without ACK.
  public static var synchronize: PacketTraits { PacketTraits(rawValue: 1 << 4) }
  public static var synchronizeAcknowledge: PacketTraits { PacketTraits(rawValue: 1 << 5) }
  /// A segment with text.
  public static var data: PacketTraits { PacketTraits(rawValue: 1 << 6) }
  /// An ACK with nothing else in it.
  public static var acknowledgment: PacketTraits { PacketTraits(rawValue: 1 << 7) }
  public static var finish: PacketTraits { PacketTraits(rawValue: 1 << 8) }
  public static var reset: PacketTraits { PacketTraits(rawValue: 1 << 9) }

  /// Reads an IP packet. What cannot be read has no traits.
  public init(of packet: RawSpan) {
    var traits: PacketTraits = LinkMark.knowsCongestion(packet) ? .knowsCongestion : []
    if let (number, payload) = TransportPart.find(in: packet) {
      switch number {
      case IPProtocol.tcp: traits.formUnion(PacketTraits.ofSegment(packet.extracting(payload)))
      case IPProtocol.udp: traits.insert(.udp)
      case IPProtocol.icmp, IPProtocol.icmpv6: traits.insert(.icmp)
      case _: break
      }
    }
    self = traits
  }

  private static func ofSegment(_ segment: RawSpan) -> PacketTraits {
    guard let (header, payload) = (try? TCPHeader.parse(segment)).map({ ($0.header, $0.payload) }) else {
      return .tcp
    }
    var traits: PacketTraits = .tcp
    let flags = header.flags
    if flags.contains(.syn) { traits.insert(flags.contains(.ack) ? .synchronizeAcknowledge : .synchronize) }
    if flags.contains(.fin) { traits.insert(.finish) }
    if flags.contains(.rst) { traits.insert(.reset) }
    if !payload.isEmpty { traits.insert(.data) }
    if payload.isEmpty, flags.contains(.ack), flags.isDisjoint(with: [.syn, .fin, .rst]) {
      traits.insert(.acknowledgment)
    }
    return traits
  }
}

/// Where a packet's upper layer lies.
enum TransportPart {
  /// The protocol's number and the octets behind the IP headers; nil for a piece of a larger packet and for what is no
  /// IP packet.
  static func find(in packet: RawSpan) -> (protocolNumber: UInt8, payload: Range<Int>)? {
    guard packet.byteCount > 0 else { return nil }
    switch packet.byte(at: 0) >> 4 {
    case 4:
      guard let parsed = try? IPv4Header.parse(packet), !parsed.header.isFragment else { return nil }
      return (parsed.header.protocolNumber, parsed.payload)
    case 6:
      guard let parsed = try? IPv6Header.parse(packet), parsed.fragment == nil else { return nil }
      return (parsed.protocolNumber, parsed.payload)
    case _: return nil
    }
  }
}
