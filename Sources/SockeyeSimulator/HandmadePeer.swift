// A peer that is no stack: its program reads and writes segments by hand, to do what no correct stack would
// do.

import SockeyeBytes
public import SockeyeTrace
public import SockeyeWire

/// A host's end of the wire, worked by hand.
public struct HandmadePeer {
  let world: World
  public let side: HostSide

  /// What has arrived, oldest first.
  public var received: [FlightSegment] { world.host(side).received.compactMap { $0.segment } }

  /// Sends a TCP segment, with a right checksum, to the other host.
  public func send(_ header: TCPHeader, payload: [UInt8] = []) {
    let host = world.host(side)
    let source = host.configuration.address.address
    let destination = world.host(side.other).configuration.address.address
    world.transmit(
      HandmadePeer.packet(header, payload: payload, from: source, to: destination), from: side, purpose: nil)
  }

  /// Says in the recording what the peer does or thinks.
  public func remark(_ text: String) {
    world.record(.remarked(side, text))
  }

  /// An IP packet with a TCP segment in it.
  static func packet(
    _ header: TCPHeader, payload: [UInt8], from source: IPAddress, to destination: IPAddress
  ) -> [UInt8] {
    var header = header
    header.checksum = 0
    let segment = [UInt8](capacity: header.headerLength + payload.count) { output in
      header.write(into: &output)
      output.append(bytes: payload.rawSpan)
    }
    let pseudo = PseudoHeader.sum(
      source: source, destination: destination, protocolNumber: IPProtocol.tcp, length: segment.count)
    let checksum = InternetChecksum.finish(InternetChecksum.sum(segment.rawSpan, initial: pseudo))
    return [UInt8](capacity: 40 + segment.count) { output in
      switch (source, destination) {
      case (.v4(let source), .v4(let destination)):
        IPv4Header(
          source: source, destination: destination, protocolNumber: IPProtocol.tcp,
          payloadLength: segment.count
        ).write(into: &output)
      case (.v6(let source), .v6(let destination)):
        IPv6Header(
          source: source, destination: destination, nextHeader: IPProtocol.tcp, payloadLength: segment.count
        ).write(into: &output)
      case (.v4, .v6), (.v6, .v4):
        preconditionFailure("both hosts have addresses of one IP version")
      }
      let start = output.byteCount
      output.append(bytes: segment.rawSpan)
      output.overwriteUInt16(checksum, at: start + TCPHeader.checksumOffset)
    }
  }
}

extension World {
  /// Takes a host's packets away from its stack: the program answers them by hand.
  public func takeOver(_ side: HostSide) -> HandmadePeer {
    host(side).isHandmade = true
    return HandmadePeer(world: self, side: side)
  }
}
