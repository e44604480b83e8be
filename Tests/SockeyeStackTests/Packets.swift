// Holds packets as tests make and read them: the peer's segments, datagrams and ICMP messages, byte by byte by
// SockeyeWire. What the host does with them is in the tests.

import SockeyeStack
import Testing

/// A packet that the host has sent, taken apart and found right.
struct Packet {
  let bytes: [UInt8]
  let link: LinkID
  var source: IPAddress
  var destination: IPAddress
  var protocolNumber: UInt8
  var timeToLive: UInt8
  var trafficClass: UInt8
  /// IPv4 only.
  var identification: UInt16 = 0
  var dontFragment = true
  var fragmentOffset = 0
  var moreFragments = false
  /// What follows the IP header (for a fragment, and its extension header).
  var payload: [UInt8]

  init(_ bytes: [UInt8], link: LinkID) {
    self.bytes = bytes
    self.link = link
    do {
      if bytes[0] >> 4 == 4 {
        let parsed = try bytes.withRawSpan { span throws(WireError) in try IPv4Header.parse(span) }
        let header = parsed.header
        source = .v4(header.source)
        destination = .v4(header.destination)
        protocolNumber = header.protocolNumber
        timeToLive = header.timeToLive
        trafficClass = header.trafficClass
        identification = header.identification
        dontFragment = header.dontFragment
        fragmentOffset = header.fragmentOffset
        moreFragments = header.moreFragments
        payload = Array(bytes[parsed.payload])
      } else {
        let parsed = try bytes.withRawSpan { span throws(WireError) in try IPv6Header.parse(span) }
        source = .v6(parsed.header.source)
        destination = .v6(parsed.header.destination)
        protocolNumber = parsed.protocolNumber
        timeToLive = parsed.header.hopLimit
        trafficClass = parsed.header.trafficClass
        if let fragment = parsed.fragment {
          fragmentOffset = fragment.offset
          moreFragments = fragment.moreFragments
        }
        payload = Array(bytes[parsed.payload])
      }
    } catch {
      fatalError("the host sent what can't be read: \(error)")
    }
  }

  /// The segment's header, its checksum verified.
  var tcp: TCPHeader? {
    guard protocolNumber == IPProtocol.tcp else { return nil }
    let payload = payload
    let isRight = TCPHeader.hasValidChecksum(payload.span.bytes, source: source, destination: destination)
    #expect(isRight, "the checksum of \(summary)")
    return try? TCPHeader.parse(payload.span.bytes).header
  }

  /// The segment's text.
  var text: [UInt8] {
    guard let parsed = try? TCPHeader.parse(payload.span.bytes) else { return [] }
    return Array(payload[parsed.payload])
  }

  /// The ICMP message of either version, its checksum verified: type, code, and the four octets behind them.
  var icmp: (type: UInt8, code: UInt8, rest: UInt32)? {
    let payload = payload
    switch (source, destination) {
    case (.v4, .v4):
      guard let parsed = try? ICMPv4Message.parse(payload.span.bytes) else { return nil }
      return (parsed.message.type, parsed.message.code, parsed.message.rest)
    case (.v6(let source), .v6(let destination)):
      guard
        let parsed = try? ICMPv6Message.parse(payload.span.bytes, source: source, destination: destination)
      else { return nil }
      return (parsed.message.type, parsed.message.code, parsed.message.rest)
    case (_, _): return nil
    }
  }

  /// The UDP header and data, the checksum verified.
  var udp: (header: UDPHeader, data: [UInt8])? {
    let payload = payload
    guard protocolNumber == IPProtocol.udp, let parsed = try? UDPHeader.parse(payload.span.bytes),
      parsed.header.hasValidChecksum(payload.span.bytes, source: source, destination: destination)
    else { return nil }
    return (parsed.header, Array(payload[parsed.payload]))
  }

  var summary: String {
    let flags = tcpFlags.map(\.description) ?? "protocol \(protocolNumber)"
    return "\(source) > \(destination): \(flags), \(payload.count) octets"
  }

  private var tcpFlags: TCPFlags? {
    protocolNumber == IPProtocol.tcp ? (try? TCPHeader.parse(payload.span.bytes))?.header.flags : nil
  }
}

/// The other end of a connection, which says what the test wants and remembers where it stands.
final class Peer {
  let remote: Endpoint
  let local: Endpoint
  /// The peer's next sequence number.
  var sequence: SequenceNumber
  /// What the peer has heard of the host.
  var acknowledgment = SequenceNumber(0)

  /// - Parameters:
  ///   - remote: the peer's own end.
  ///   - local: the host's.
  init(_ remote: String, _ local: String, sequence: UInt32) {
    self.remote = endpoint(remote)
    self.local = endpoint(local)
    self.sequence = SequenceNumber(sequence)
  }

  /// A peer that answers a packet of the host.
  init(answering packet: Packet, sequence: UInt32) {
    let header = packet.tcp
    remote = Endpoint(address: packet.destination, port: header?.destinationPort ?? 0)
    local = Endpoint(address: packet.source, port: header?.sourcePort ?? 0)
    self.sequence = SequenceNumber(sequence)
  }

  /// Takes in a segment of the host.
  func hear(_ packet: Packet, _ location: SourceLocation = #_sourceLocation) throws {
    let header = try #require(packet.tcp, sourceLocation: location)
    #expect(header.destinationPort == remote.port, sourceLocation: location)
    acknowledgment = header.sequence + header.segmentLength(payload: packet.text.count)
  }

  /// The next segment of the peer, which moves its sequence number on.
  func segment(
    _ flags: TCPFlags, _ text: String = "", window: UInt16 = 65_535, options: TCPOptions = TCPOptions()
  ) -> [UInt8] {
    let payload = Array(text.utf8)
    let packet = stray(flags, sequence, acknowledgment, payload, window: window, options: options)
    sequence += payload.count + (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0)
    return packet
  }

  /// Any segment between the two ends.
  func stray(
    _ flags: TCPFlags, _ sequence: SequenceNumber, _ acknowledgment: SequenceNumber = SequenceNumber(0),
    _ payload: [UInt8] = [], window: UInt16 = 65_535, options: TCPOptions = TCPOptions()
  ) -> [UInt8] {
    let header = TCPHeader(
      sourcePort: remote.port, destinationPort: local.port, sequence: sequence,
      acknowledgment: flags.contains(.ack) ? acknowledgment : SequenceNumber(0), flags: flags, window: window,
      options: options)
    return tcpPacket(header, payload, from: remote.address, to: local.address)
  }
}

// MARK: Packets

func tcpPacket(_ header: TCPHeader, _ payload: [UInt8], from source: IPAddress, to destination: IPAddress)
  -> [UInt8]
{
  var segment = [UInt8](capacity: header.headerLength + payload.count) { out in
    header.write(into: &out)
    out.append(bytes: payload.span.bytes)
  }
  let pseudo = PseudoHeader.sum(
    source: source, destination: destination, protocolNumber: IPProtocol.tcp, length: segment.count)
  let checksum = InternetChecksum.finish(InternetChecksum.sum(segment.span.bytes, initial: pseudo))
  segment[16] = UInt8(checksum >> 8)
  segment[17] = UInt8(checksum & 255)
  return ipPacket(IPProtocol.tcp, segment, from: source, to: destination)
}

func udpPacket(_ data: [UInt8], from source: Endpoint, to destination: Endpoint) -> [UInt8] {
  let datagram = [UInt8](capacity: data.count + 8) { out in
    UDPHeader(sourcePort: source.port, destinationPort: destination.port, payloadLength: data.count)
      .write(into: &out, payload: data.span.bytes, source: source.address, destination: destination.address)
  }
  return ipPacket(IPProtocol.udp, datagram, from: source.address, to: destination.address)
}

/// An ICMP message of either version.
func icmpPacket(
  type: UInt8, code: UInt8 = 0, rest: UInt32 = 0, _ data: [UInt8], from source: IPAddress,
  to destination: IPAddress
) -> [UInt8] {
  let message = [UInt8](capacity: data.count + 8) { out in
    switch (source, destination) {
    case (.v6(let source), .v6(let destination)):
      ICMPv6Message(type: type, code: code, rest: rest)
        .write(into: &out, payload: data.span.bytes, source: source, destination: destination)
    case (_, _):
      ICMPv4Message(type: type, code: code, rest: rest).write(into: &out, payload: data.span.bytes)
    }
  }
  let number = source.version == .v4 ? IPProtocol.icmp : IPProtocol.icmpv6
  return ipPacket(number, message, from: source, to: destination)
}

func ipPacket(
  _ protocolNumber: UInt8, _ payload: [UInt8], from source: IPAddress, to destination: IPAddress,
  identification: UInt16 = 0, more: Bool = false, offset: Int = 0
) -> [UInt8] {
  [UInt8](capacity: payload.count + 40) { out in
    switch (source, destination) {
    case (.v4(let source), .v4(let destination)):
      IPv4Header(
        source: source, destination: destination, protocolNumber: protocolNumber,
        payloadLength: payload.count, identification: identification, dontFragment: false,
        moreFragments: more, fragmentOffset: offset
      ).write(into: &out)
    case (.v6(let source), .v6(let destination)):
      IPv6Header(
        source: source, destination: destination, nextHeader: protocolNumber, payloadLength: payload.count
      ).write(into: &out)
    case (_, _): fatalError("both ends are of one version")
    }
    out.append(bytes: payload.span.bytes)
  }
}

/// The payload of a packet with a fragment header before it (RFC 8200 §4.5).
func ipv6Fragment(
  _ protocolNumber: UInt8, _ payload: [UInt8], identification: UInt32, offset: Int, more: Bool
) -> [UInt8] {
  [UInt8](capacity: payload.count + 8) { out in
    out.append(protocolNumber)
    out.append(0)
    out.appendUInt16(UInt16(offset) | (more ? 1 : 0))
    out.appendUInt32(identification)
    out.append(bytes: payload.span.bytes)
  }
}
