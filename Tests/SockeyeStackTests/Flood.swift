// Holds the segments that a flood is made of: one packet, changed in place. Who floods whom is in the tests.

import SockeyeStack

/// Segments from random addresses and ports over IPv4, each with random sequence numbers.
struct Flood {
  private var packet: [UInt8]
  private var random = SeededGenerator(seed: 2026)

  /// Whether floods are short, for code without optimisation takes many times as long.
  static var isBrief: Bool {
    #if DEBUG
      true
    #else
      false
    #endif
  }

  init(to local: String, flags: TCPFlags) {
    var options = TCPOptions()
    options.maximumSegmentSize = 1460
    options.timestamps = flags.contains(.syn) ? TimestampOption(value: 1, echo: 0) : nil
    packet = Peer("0.0.0.0:1", local, sequence: 0).stray(flags, SequenceNumber(0), options: options)
  }

  /// The next segment of the flood arrives at a host; its checksum counts as verified.
  mutating func send(to host: Host) {
    let (address, numbers) = (random.next(), random.next())
    // 1.0.0.0 to 126.255.255.255, but for the network of the tests.
    packet[12] = UInt8(11 + address % 100)
    for place in 13..<16 { packet[place] = UInt8(truncatingIfNeeded: address >> (8 * UInt64(place - 10))) }
    for place in 20..<22 { packet[place] = UInt8(truncatingIfNeeded: address >> (8 * UInt64(place - 14))) }
    for place in 24..<32 { packet[place] = UInt8(truncatingIfNeeded: numbers >> (8 * UInt64(place - 24))) }
    packet[10] = 0
    packet[11] = 0
    let checksum = packet.withRawSpan {
      InternetChecksum.finish(InternetChecksum.sum($0.extracting(0..<20), initial: 0))
    }
    packet[10] = UInt8(checksum >> 8)
    packet[11] = UInt8(checksum & 255)
    packet.withRawSpan { host.stack.receive($0, on: host.link, at: host.now, checksum: .verified) }
  }
}
