// Holds what attacks are judged by: a connection that has nothing to do with them, and segments as no stack sends them.

import SockeyeStack
import Testing

/// A connection on the same host and port, whose users must not notice that somebody is attacked.
struct Bystander {
  private let host: Host
  private let id: ConnectionID
  private let peer: Peer

  init(_ host: Host, _ listener: ListenerID) throws {
    self.host = host
    (id, peer) = try host.accepted(listener, from: "10.0.0.77:7777")
  }

  /// The two say something to each other, whatever else is going on.
  func expectService(_ location: SourceLocation = #_sourceLocation) throws {
    _ = host.sent()
    host.receive(peer.segment([.ack, .psh], "ping"))
    #expect(try host.read(id) == "ping", sourceLocation: location)
    _ = try host.write(id, "pong")
    let answers = host.sent().filter { $0.tcp?.destinationPort == 7777 }
    for answer in answers { try peer.hear(answer) }
    #expect(
      answers.map { String(decoding: $0.text, as: UTF8.self) }.joined() == "pong", sourceLocation: location)
    host.receive(peer.segment(.ack))
    _ = host.sent()
  }
}

extension Peer {
  /// A segment whose options are these octets, padded with zeros, and whose other fields may be set to anything.
  func raw(
    _ flags: UInt8, _ sequence: SequenceNumber, _ acknowledgment: SequenceNumber = SequenceNumber(0),
    options: [UInt8] = [], urgent: UInt16 = 0, offset: UInt8? = nil, _ payload: [UInt8] = []
  ) -> [UInt8] {
    let padded = options + [UInt8](repeating: 0, count: (4 - options.count % 4) % 4)
    var segment = [UInt8](capacity: 20 + padded.count + payload.count) { out in
      out.appendUInt16(remote.port)
      out.appendUInt16(local.port)
      out.appendUInt32(sequence.rawValue)
      out.appendUInt32(acknowledgment.rawValue)
      out.append((offset ?? UInt8(5 + padded.count / 4)) << 4)
      out.append(flags)
      out.appendUInt16(65_535)
      out.appendUInt16(0)
      out.appendUInt16(urgent)
      for octet in padded + payload { out.append(octet) }
    }
    let pseudo = PseudoHeader.sum(
      source: remote.address, destination: local.address, protocolNumber: IPProtocol.tcp,
      length: segment.count)
    let checksum = InternetChecksum.finish(InternetChecksum.sum(segment.span.bytes, initial: pseudo))
    segment[16] = UInt8(checksum >> 8)
    segment[17] = UInt8(checksum & 255)
    return ipPacket(IPProtocol.tcp, segment, from: remote.address, to: local.address)
  }
}
