// Holds how many segments of a connection have left for the first time, which Linux counts and the engine does not: from it
// TCP_INFO tells how many were delivered. It does not hold what the segments are made of.

import SockeyeTCP
import SockeyeWire

/// The segments with text, or a FIN, that a socket's connection has sent.
struct Departures {
  private var count = 0
  /// Segments with text, copies among them.
  private(set) var texts = 0
  /// One past the last number that has left.
  private var end: UInt32?

  /// Takes note of a packet. What goes no further than what has left before is a copy; what is on a SYN counts with the
  /// SYN.
  mutating func note(_ bytes: [UInt8]) {
    guard let first = bytes.first else { return }
    let start = first >> 4 == 4 ? Int(first & 15) * 4 : 40
    guard bytes.count >= start + 20 else { return }
    let flags = TCPFlags(rawValue: bytes[start + 13])
    let text = bytes.count - start - Int(bytes[start + 12] >> 4) * 4
    if text > 0 { texts += 1 }
    let length = text + (flags.contains(.fin) ? 1 : 0)
    guard length > 0, !flags.contains(.syn), !flags.contains(.rst) else { return }
    let sequence = bytes[(start + 4)..<(start + 8)].reduce(0) { $0 << 8 | UInt32($1) }
    let next = sequence &+ UInt32(length)
    if let end, Int32(bitPattern: next &- end) <= 0 { return }
    end = next
    count += 1
  }

  /// How far behind what has left last a packet's text ends, octets; nil: it has none, or a FIN.
  func distance(of bytes: [UInt8]) -> Int? {
    guard let first = bytes.first, let end else { return nil }
    let start = first >> 4 == 4 ? Int(first & 15) * 4 : 40
    guard bytes.count >= start + 20 else { return nil }
    let text = bytes.count - start - Int(bytes[start + 12] >> 4) * 4
    guard text > 0, TCPFlags(rawValue: bytes[start + 13]).isDisjoint(with: [.syn, .fin, .rst]) else {
      return nil
    }
    let sequence = bytes[(start + 4)..<(start + 8)].reduce(0) { $0 << 8 | UInt32($1) }
    return Int(Int32(bitPattern: end &- sequence &- UInt32(text)))
  }

  /// Segments that the peer has acknowledged or holds, the SYN among them.
  func delivered(_ status: ConnectionStatus, _ sender: TransmissionStatus) -> Int {
    switch status.state {
    case .synSent, .synReceived, .listen: 0
    case .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck, .timeWait, .closed:
      1 + max(0, count - sender.outstandingSegments + sender.heldSegments)
    }
  }
}
