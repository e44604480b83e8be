// Holds a router: forwarding by the longest prefix, and the ICMP errors that go with it (RFC 1812, RFC 4443). It has no queue
// and takes no time; both are the links'. It is nobody's end: what is addressed to it vanishes.

import SockeyeBytes
import SockeyeWire

/// A router of a world.
///
/// It lowers the time to live and says when it is used up, says which MTU would fit when a packet that may not be cut is too
/// large for the next link (RFC 1191, RFC 8201), cuts IPv4 packets that may be, and says when there is no route. Each packet
/// brings one error at most, and errors about errors there are none (RFC 1812 §4.3.2.7); they are not limited in rate.
public final class NetworkRouter: NetworkAttachable {
  public let name: String
  /// The node's number in its world.
  public let number: Int
  public private(set) var ports: [NetworkPort] = []
  /// Whether errors are told. Off, it is a router behind which ICMP is filtered.
  public var tellsErrors = true
  /// Packets forwarded, those dropped for whatever reason, and errors sent.
  public private(set) var forwarded: UInt64 = 0
  public private(set) var dropped: UInt64 = 0
  public private(set) var errors: UInt64 = 0
  /// By length of prefix, the longest first.
  private var routes: [(prefix: AddressPrefix, port: Int)] = []

  init(name: String, number: Int) {
    self.name = name
    self.number = number
  }

  public var node: NetworkNode { .router(self) }

  func attach(_ port: NetworkPort) { ports.append(port) }

  func setRoutes(_ new: [(prefix: AddressPrefix, port: Int)]) {
    routes = new.sorted { $0.prefix.length > $1.prefix.length }
  }

  private func route(to address: IPAddress) -> Int? {
    for route in routes where route.prefix.contains(address) { return route.port }
    return nil
  }

  /// Why a packet goes no further.
  private enum Refusal {
    case timeExceeded
    case tooBig(unit: Int)
    case noRoute
  }

  /// What is to be sent because a packet has arrived, and by which port.
  /// - Parameter unit: octets of the largest packet that a port's link takes.
  func forward(_ packet: [UInt8], from port: Int, unit: (Int) -> Int) -> [(port: Int, packet: [UInt8])] {
    guard let header = RoutedHeader(packet) else {
      dropped += 1
      return []
    }
    for own in ports {
      for prefix in own.addresses where prefix.address == header.destination {
        dropped += 1
        return []
      }
    }
    guard header.timeToLive > 1 else { return refuse(packet, header, .timeExceeded, port) }
    guard !header.destination.isMulticast, let out = route(to: header.destination) else {
      return refuse(packet, header, .noRoute, port)
    }
    var changed = Array(packet.prefix(header.length))
    RoutedHeader.lowerTimeToLive(of: &changed)
    let limit = unit(out)
    if changed.count > limit {
      guard header.mayBeCut else { return refuse(packet, header, .tooBig(unit: limit), port) }
      forwarded += 1
      return IPv4Fragments.cut(changed, to: limit).map { (out, $0) }
    }
    forwarded += 1
    return [(out, changed)]
  }

  // MARK: Errors

  private func refuse(
    _ packet: [UInt8], _ header: RoutedHeader, _ refusal: Refusal, _ port: Int
  ) -> [(port: Int, packet: [UInt8])] {
    dropped += 1
    guard tellsErrors, header.mayBeAnswered, let source = ports[port].address(header.source.version) else {
      return []
    }
    guard let back = route(to: header.source), let error = Self.error(refusal, about: packet, header, source)
    else { return [] }
    errors += 1
    return [(back, error)]
  }

  private static func error(
    _ refusal: Refusal, about packet: [UInt8], _ header: RoutedHeader, _ source: IPAddress
  ) -> [UInt8]? {
    switch (source, header.source) {
    case (.v4(let source), .v4(let destination)):
      let message =
        switch refusal {
        case .timeExceeded:
          ICMPv4Message(
            type: ICMPv4Message.timeExceeded, code: ICMPv4Message.timeToLiveExceeded, rest: 0)
        case .tooBig(let unit):
          ICMPv4Message(
            type: ICMPv4Message.destinationUnreachable, code: ICMPv4Message.fragmentationNeeded,
            rest: UInt32(clamping: unit))
        case .noRoute:
          ICMPv4Message(
            type: ICMPv4Message.destinationUnreachable, code: ICMPv4Message.networkUnreachable, rest: 0)
        }
      // RFC 1812 §4.3.2.3: as much of the packet as fits 576 octets.
      let quote = Array(packet.prefix(576 - IPv4Header.minimumLength - ICMPv4Message.headerLength))
      return [UInt8](capacity: 576) { output in
        IPv4Header(
          source: source, destination: destination, protocolNumber: IPProtocol.icmp,
          payloadLength: ICMPv4Message.headerLength + quote.count
        ).write(into: &output)
        message.write(into: &output, payload: quote.rawSpan)
      }
    case (.v6(let source), .v6(let destination)):
      let message =
        switch refusal {
        case .timeExceeded:
          ICMPv6Message(type: ICMPv6Message.timeExceeded, code: ICMPv6Message.hopLimitExceeded, rest: 0)
        case .tooBig(let unit):
          ICMPv6Message(type: ICMPv6Message.packetTooBig, code: 0, rest: UInt32(clamping: unit))
        case .noRoute:
          ICMPv6Message(type: ICMPv6Message.destinationUnreachable, code: ICMPv6Message.noRoute, rest: 0)
        }
      // RFC 4443 §2.4 (c): as much of the packet as fits the least MTU.
      let quote = Array(packet.prefix(1280 - IPv6Header.length - ICMPv6Message.headerLength))
      return [UInt8](capacity: 1280) { output in
        IPv6Header(
          source: source, destination: destination, nextHeader: IPProtocol.icmpv6,
          payloadLength: ICMPv6Message.headerLength + quote.count
        ).write(into: &output)
        message.write(into: &output, payload: quote.rawSpan, source: source, destination: destination)
      }
    case (.v4, .v6), (.v6, .v4): return nil
    }
  }
}
