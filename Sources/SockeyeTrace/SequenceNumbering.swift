// Remembers each direction's initial sequence number, so that a reader sees 1, 23, 48 instead of ten-digit
// numbers. Bounded: of very many connections the oldest are forgotten, and their numbers then print as they
// are.

import SockeyeWire

/// Turns absolute sequence numbers into relative ones, as tcpdump and Wireshark print them.
package struct SequenceNumbering: Sendable {
  private struct Direction: Hashable, Sendable {
    let source: Endpoint
    let destination: Endpoint
  }

  private var initial: [Direction: SequenceNumber] = [:]
  private var order: [Direction] = []
  /// Where the next direction beyond the limit takes the place of the oldest.
  private var oldest = 0
  private let limit = 4096

  package init() {}

  /// Learns the initial sequence numbers from a segment: its own from a SYN; otherwise, when a trace begins
  /// inside a connection, what makes the first segment seen begin at 1.
  package mutating func note(_ header: TCPHeader, from source: Endpoint, to destination: Endpoint) {
    let forward = Direction(source: source, destination: destination)
    if header.flags.contains(.syn) {
      set(header.sequence, for: forward)
    } else if initial[forward] == nil, !header.flags.contains(.rst) {
      set(header.sequence - 1, for: forward)
    }
    guard header.flags.contains(.ack), !header.flags.contains(.rst) else { return }
    let backward = Direction(source: destination, destination: source)
    if initial[backward] == nil { set(header.acknowledgment - 1, for: backward) }
  }

  /// What a header's numbers count from.
  package struct Bases: Sendable {
    package var sequence = SequenceNumber(0)
    package var acknowledgment = SequenceNumber(0)

    package init() {}
  }

  /// The initial sequence numbers to subtract from a header's numbers; zero where they aren't known.
  package func bases(of header: TCPHeader, from source: Endpoint, to destination: Endpoint) -> Bases {
    var bases = Bases()
    // RFC 9293 §3.10.7.1: the RST for a segment without ACK has sequence number 0, of no connection's
    // numbering.
    let isOfNoConnection =
      header.flags.contains(.rst) && header.flags.contains(.ack) && header.sequence.rawValue == 0
    if !isOfNoConnection, let base = initial[Direction(source: source, destination: destination)] {
      bases.sequence = base
    }
    if let base = initial[Direction(source: destination, destination: source)] { bases.acknowledgment = base }
    return bases
  }

  private mutating func set(_ sequence: SequenceNumber, for direction: Direction) {
    if initial.updateValue(sequence, forKey: direction) != nil { return }
    if order.count < limit {
      order.append(direction)
    } else {
      initial[order[oldest]] = nil
      order[oldest] = direction
      oldest = (oldest + 1) % limit
    }
  }
}
