// The script language's half that the peer speaks: segments and packets, right or wrong, octet by octet if need be.

import SockeyeBytes
import SockeyeStack
public import SockeyeTCP
public import SockeyeWire
public import Testing

extension Conversation {
  /// A segment of the peer.
  ///
  /// - Parameters:
  ///   - flags: tcpdump's letters.
  ///   - seq: counted from the peer's SYN.
  ///   - ack: counted from the host's SYN; nil leaves the field zero.
  ///   - length: how many octets of the script's text.
  ///   - data: other text instead.
  ///   - win: the window field.
  ///   - up: the urgent pointer.
  public func receive(
    _ flags: String, seq: Int, ack: Int? = nil, length: Int = 0, data: [UInt8]? = nil, win: UInt16? = nil,
    up: UInt16 = 0, options: TCPOptions? = nil, reserved: UInt8 = 0, badChecksum: Bool = false
  ) {
    var options = options ?? TCPOptions()
    if options.timestamps == nil, let peerTimestamp { options.timestamps = peerTimestamp }
    let header = TCPHeader(
      sourcePort: peerPort, destinationPort: hostPort,
      sequence: SequenceNumber(peerStart &+ UInt32(truncatingIfNeeded: seq)),
      acknowledgment: SequenceNumber(ack.map { (hostStart ?? 0) &+ UInt32(truncatingIfNeeded: $0) } ?? 0),
      flags: Self.flags(flags), reserved: reserved, window: win ?? peerWindow, urgentPointer: up,
      options: options)
    let payload = data ?? Self.text(at: seq, length)
    receiveSegment(Self.bytes(capacity: 64) { header.write(into: &$0) } + payload, badChecksum: badChecksum)
  }

  /// A segment whose options are given octet by octet; padded with EOL to a multiple of four.
  public func receive(
    _ flags: String, seq: Int, ack: Int? = nil, length: Int = 0, win: UInt16? = nil, rawOptions: [UInt8]
  ) {
    var padded = rawOptions
    while padded.count % 4 != 0 { padded.append(0) }
    let header = TCPHeader(
      sourcePort: peerPort, destinationPort: hostPort,
      sequence: SequenceNumber(peerStart &+ UInt32(truncatingIfNeeded: seq)),
      acknowledgment: SequenceNumber(ack.map { (hostStart ?? 0) &+ UInt32(truncatingIfNeeded: $0) } ?? 0),
      flags: Self.flags(flags), window: win ?? peerWindow)
    var bytes = Self.bytes(capacity: 64) { header.write(into: &$0) }
    bytes[12] = UInt8((20 + padded.count) / 4) << 4 | (bytes[12] & 15)
    receiveSegment(bytes + padded + Self.text(at: seq, length))
  }

  /// One of the host's numbers, counted from its SYN.
  public func hostNumber(_ number: Int) -> SequenceNumber {
    SequenceNumber((hostStart ?? 0) &+ UInt32(truncatingIfNeeded: number))
  }

  /// Options which say that the peer holds these of the host's octets, counted from its SYN.
  public func holding(_ ranges: [Range<Int>]) -> TCPOptions {
    var options = TCPOptions()
    for range in ranges {
      options.sackBlocks.append(
        SACKBlock(left: hostNumber(range.lowerBound), right: hostNumber(range.upperBound)))
    }
    return options
  }

  /// The peer, who has sent nothing but its SYN, acknowledges, and says what it holds above that.
  public func acknowledge(_ ack: Int, holding ranges: Range<Int>...) {
    receive(".", seq: 1, ack: ack, options: holding(ranges))
  }

  /// A whole TCP segment; its checksum is put in.
  public func receiveSegment(
    _ segment: [UInt8], badChecksum: Bool = false, from: IPAddress? = nil, to: IPAddress? = nil
  ) {
    var segment = segment
    let source = from ?? peerAddress
    let destination = to ?? hostAddress
    if segment.count >= 20 {
      segment[16] = 0
      segment[17] = 0
      let pseudo = PseudoHeader.sum(
        source: source, destination: destination, protocolNumber: IPProtocol.tcp, length: segment.count)
      let sum = segment.withRawSpan { InternetChecksum.finish(InternetChecksum.sum($0, initial: pseudo)) }
      segment[16] = UInt8(sum >> 8)
      segment[17] = UInt8(sum & 0xff)
      if badChecksum { segment[17] ^= 1 }
    }
    receivePacket(
      Self.packet(
        segment, from: source, to: destination, protocolNumber: IPProtocol.tcp, trafficClass: peerMark))
  }

  /// An IP packet around a payload.
  public static func packet(
    _ payload: [UInt8], from source: IPAddress, to destination: IPAddress, protocolNumber: UInt8,
    trafficClass: UInt8 = 0
  ) -> [UInt8] {
    bytes(capacity: 100) { out in
      switch (source, destination) {
      case (.v4(let source), .v4(let destination)):
        IPv4Header(
          source: source, destination: destination, protocolNumber: protocolNumber,
          payloadLength: payload.count, trafficClass: trafficClass
        ).write(into: &out)
      case (.v6(let source), .v6(let destination)):
        IPv6Header(
          source: source, destination: destination, nextHeader: protocolNumber, payloadLength: payload.count,
          trafficClass: trafficClass
        ).write(into: &out)
      case (.v4, .v6), (.v6, .v4): preconditionFailure("one packet, one version")
      }
    } + payload
  }

  /// Any packet; then the host is drained.
  public func receivePacket(_ packet: [UInt8]) {
    packet.withRawSpan { stack.receive($0, on: link, at: now) }
    drain()
  }

  /// The handshake, so that the next octet is 1 on both sides.
  ///
  /// - Parameters:
  ///   - role: `passive`: the peer connects; `active`: the host does.
  ///   - options: of the peer's SYN or SYN,ACK.
  public func establish(
    _ role: Role = .passive, options: TCPOptions = .synchronize(), win: UInt16? = nil,
    tcp: TCPConfiguration? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    switch role {
    case .passive:
      if listener == nil { listen(tcp: tcp, sourceLocation: sourceLocation) }
      receive("S", seq: 0, win: win, options: options)
      let answer = expect("S.", seq: 0, ack: 1, sourceLocation: sourceLocation)
      echoTimestamp(options, answer)
      receive(".", seq: 1, ack: 1, win: win)
      accept(sourceLocation: sourceLocation)
    case .active:
      connect(tcp: tcp, sourceLocation: sourceLocation)
      let first = expect("S", seq: 0, sourceLocation: sourceLocation)
      var options = options
      if let stamp = options.timestamps {
        options.timestamps = TimestampOption(
          value: stamp.value, echo: first?.header.options.timestamps?.value ?? 0)
      }
      receive("S.", seq: 0, ack: 1, win: win, options: options)
      let answer = expect(".", seq: 1, ack: 1, sourceLocation: sourceLocation)
      echoTimestamp(options, answer)
    }
    expectState(.established, sourceLocation: sourceLocation)
    events.removeAll()
  }

  private func echoTimestamp(_ options: TCPOptions, _ answer: SentSegment?) {
    guard let stamp = options.timestamps, let own = answer?.header.options.timestamps else { return }
    peerTimestamp = TimestampOption(value: stamp.value, echo: own.value)
  }
}
