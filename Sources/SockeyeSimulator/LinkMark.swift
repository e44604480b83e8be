// Holds what a link changes in a packet that passes: the ECN mark, a flipped bit, a lost end. Which packets it changes is
// decided by LinkEmulator; how checksums are repaired is in LinkDamage.

import SockeyeBytes
import SockeyeWire

/// The ECN field of an IP packet, as a router sees and sets it (RFC 3168 §5).
public enum LinkMark {
  /// Whether the packet says ECT(0), ECT(1) or CE.
  public static func knowsCongestion(_ packet: RawSpan) -> Bool {
    guard packet.byteCount >= 2 else { return false }
    switch packet.byte(at: 0) >> 4 {
    case 4: return packet.byte(at: 1) & 0x03 != 0
    case 6: return packet.byte(at: 1) & 0x30 != 0
    case _: return false
    }
  }

  /// Makes a packet what it is when it comes out of the link.
  public static func apply(_ arrival: LinkArrival, to packet: inout [UInt8]) {
    if arrival.isMarked { setCongestionExperienced(&packet) }
    if let bit = arrival.flippedBit, bit / 8 < packet.count { packet[bit / 8] ^= 0x80 >> UInt8(bit % 8) }
    if arrival.isTruncated, arrival.length < packet.count {
      packet.removeLast(packet.count - arrival.length)
    }
    if arrival.isRepaired { LinkDamage.repairChecksums(of: &packet) }
  }

  /// Sets CE, and the checksum that IPv4 has over its header.
  static func setCongestionExperienced(_ packet: inout [UInt8]) {
    guard let first = packet.first else { return }
    if first >> 4 == 6, packet.count >= IPv6Header.length {
      packet[1] |= 0x30
    } else if first >> 4 == 4, packet.count >= IPv4Header.minimumLength {
      packet[1] |= 0x03
      LinkDamage.repairHeader(of: &packet)
    }
  }
}
