// Holds how a run of segments that leave together is pushed. It does not hold what leaves.

import SockeyeBytes
import SockeyeWire

/// Linux hands runs of segments to its link in pieces of several and pushes the last of each piece, so that receivers hand
/// on what they have (RFC 9293 §3.9.1.2 leaves a sender free to). Scripts made on Linux expect that.
enum Bursts {
  /// Pushes the last segment of each piece among the packets from `first` on.
  /// - Parameters:
  ///   - limit: how many segments a piece has at most, by the first packet of a run.
  ///   - endsPiece: whether a piece ends with a packet whatever follows.
  static func push(
    _ packets: inout [Session.SentPacket], from first: Int, limit: (Session.SentPacket) -> Int,
    endsPiece: (Session.SentPacket) -> Bool
  ) {
    var index = first
    while index < packets.count {
      guard let text = TextPacket(packets[index].bytes) else {
        index += 1
        continue
      }
      let most = limit(packets[index])
      var last = text
      var count = 1
      while count < most, !endsPiece(packets[index + count - 1]), index + count < packets.count,
        let next = TextPacket(packets[index + count].bytes),
        next.follows(last)
      {
        last = next
        count += 1
      }
      if count > 1 { setPush(&packets[index + count - 1], to: true) }
      index += count
    }
  }

  /// Sets or clears the flag of a segment with text.
  static func setPush(_ packet: inout Session.SentPacket, to isPushed: Bool) {
    guard let text = TextPacket(packet.bytes), (text.flags & TextPacket.push != 0) != isPushed else { return }
    let place = text.header + 16
    packet.bytes[text.header + 13] ^= TextPacket.push
    // The sum of the segment changes by the flag's bit, and its complement the other way (RFC 1624).
    let sum = ~(UInt16(text.bytes[place]) << 8 | UInt16(text.bytes[place + 1]))
    let change = isPushed ? UInt16(TextPacket.push) : ~UInt16(TextPacket.push)
    let (total, carry) = sum.addingReportingOverflow(change)
    let field = ~(carry ? total + 1 : total)
    packet.bytes[place] = UInt8(field >> 8)
    packet.bytes[place + 1] = UInt8(truncatingIfNeeded: field)
  }

  /// How many segments Linux puts into one piece: what leaves in a millisecond at its pace, two at least, and more on a
  /// path with next to no delay.
  ///
  /// - Parameters:
  ///   - roundTrips: the smoothed and the least round trip, nanoseconds; nil before there is a measure.
  ///   - window: cwnd, octets.
  static func pieceLimit(
    segmentSize: Int, window: Int, isSlowStart: Bool, roundTrips: (smoothed: Int64, least: Int64)?, least: Int
  ) -> Int {
    // Two pieces at least share a window.
    let half = max(1, window / max(1, segmentSize) / 2)
    guard let roundTrips, roundTrips.smoothed > 0 else { return min(half, most / segmentSize) }
    let paced = Double(window) * (isSlowStart ? 2 : 1.2) / Double(roundTrips.smoothed) * 1e9 / 1024
    let halvings = roundTrips.least / 1000 >> 9
    let near = halvings < 32 ? most >> Int(halvings) : 0
    return min(half, max(least, min(most, Int(min(paced, 1e6)) + near) / max(1, segmentSize)))
  }

  /// The most octets in one piece.
  private static var most: Int { 65_000 }
}

/// What matters of a packet with a TCP segment with text.
private struct TextPacket {
  static let push: UInt8 = 8
  let bytes: [UInt8]
  /// Where the TCP header begins.
  let header: Int
  let sequence: UInt32
  let acknowledgment: UInt32
  let length: Int
  let ports: UInt32

  init?(_ bytes: [UInt8]) {
    guard let first = bytes.first else { return nil }
    switch first >> 4 {
    case 4 where bytes.count >= 40 && bytes[9] == IPProtocol.tcp: header = Int(first & 15) * 4
    case 6 where bytes.count >= 60 && bytes[6] == IPProtocol.tcp: header = 40
    default: return nil
    }
    let start = header
    func word(_ offset: Int) -> UInt32 {
      bytes[(start + offset)..<(start + offset + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }
    let length = bytes.count - header - Int(bytes[header + 12] >> 4) * 4
    // What ends a stream or opens one is no part of a run.
    guard length > 0, bytes[header + 13] & 0b111 == 0 else { return nil }
    self.bytes = bytes
    self.length = length
    ports = word(0)
    sequence = word(4)
    acknowledgment = word(8)
  }

  var flags: UInt8 { bytes[header + 13] }

  /// Whether this segment goes on where the other ends, with no difference that a link would have to keep apart.
  func follows(_ other: TextPacket) -> Bool {
    ports == other.ports && sequence == other.sequence &+ UInt32(other.length)
      && acknowledgment == other.acknowledgment && flags & ~Self.push == other.flags
  }
}
