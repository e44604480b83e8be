// What becomes of packets in a world of any number of hosts: from a host onto a link, through routers, and in at the other end.
// Which way they go is in NetworkWorld+Routes.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP

/// A packet on a link.
struct StoredPacket {
  var bytes: [UInt8]
  var journey: UInt64
}

/// The packets that are on links, by ticket.
struct PacketStore {
  private var packets: [StoredPacket] = []
  private var free: [Int] = []

  subscript(ticket: Int) -> StoredPacket { packets[ticket] }

  mutating func keep(_ packet: StoredPacket) -> Int {
    if let ticket = free.popLast() {
      packets[ticket] = packet
      return ticket
    }
    packets.append(packet)
    return packets.count - 1
  }

  mutating func giveBack(_ ticket: Int) {
    packets[ticket].bytes = []
    free.append(ticket)
  }
}

extension NetworkWorld {
  /// Sends what all hosts want to send.
  func drainAll() {
    for host in hosts { drain(host) }
  }

  func drain(_ host: NetworkHost) {
    guard host.condition == .running else { return }
    while let (packet, metadata, port) = host.nextPacket() {
      journeys += 1
      transmit(
        StoredPacket(bytes: packet, journey: journeys), by: host.ports[port], purpose: metadata.purpose)
    }
  }

  /// Puts a packet onto a link.
  private func transmit(_ packet: StoredPacket, by port: NetworkPort, purpose: SegmentPurpose?) {
    let link = links[port.link]
    packetsSent += 1
    digest.add(now.nanoseconds)
    digest.add(UInt64(port.link) << 1 | UInt64(port.outbound.rawValue))
    digest.add(packet.bytes.rawSpan)
    let ticket = packets.keep(packet)
    let verdict = link.withEmulator(port.outbound) { emulator in
      let traits = emulator.traits(of: packet.bytes.rawSpan)
      return emulator.offer(ticket, length: packet.bytes.count, traits: traits, at: now)
    }
    show(packet, link, port.outbound, .departed(verdict, purpose: purpose))
    if case .dropped = verdict { packets.giveBack(ticket) }
    takeDrops(of: link, port.outbound)
  }

  /// Lets one packet out of a link, or one leave its queue.
  func arrive(_ link: NetworkLink, _ direction: LinkDirection) {
    let arrival = link.withEmulator(direction) { $0.nextArrival(at: now) }
    takeDrops(of: link, direction)
    guard let arrival else { return }
    var packet = packets[arrival.ticket]
    if !arrival.hasCopyBehind { packets.giveBack(arrival.ticket) }
    if arrival.isMarked || !arrival.isIntact { LinkMark.apply(arrival, to: &packet.bytes) }
    switch link.receiver(direction) {
    case .host(let host):
      let waiting = WaitingPacket(
        link: link.number, direction: direction, packet: packet, isIntact: arrival.isIntact)
      switch host.condition {
      case .running: take(waiting, host)
      case .paused: if !host.waiting.append(waiting) { refuse(waiting) }
      case .off: refuse(waiting)
      }
    case .router(let router):
      show(packet, link, direction, .arrived(isIntact: arrival.isIntact, isTaken: true))
      route(packet, by: router, from: NetworkWorld.port(of: link, in: router.ports))
    }
  }

  /// A host that runs takes in a packet.
  func take(_ waiting: WaitingPacket, _ host: NetworkHost) {
    let link = links[waiting.link]
    show(
      waiting.packet, link, waiting.direction, .arrived(isIntact: waiting.isIntact, isTaken: true))
    host.receive(waiting.packet.bytes, port: NetworkWorld.port(of: link, in: host.ports), at: now)
    drain(host)
  }

  private func refuse(_ waiting: WaitingPacket) {
    show(
      waiting.packet, links[waiting.link], waiting.direction,
      .arrived(isIntact: waiting.isIntact, isTaken: false))
  }

  private func route(_ packet: StoredPacket, by router: NetworkRouter, from port: Int) {
    let leaving = router.forward(packet.bytes, from: port) { out in
      links[router.ports[out].link].maximumTransmissionUnit
    }
    for (out, bytes) in leaving {
      // What has another source is an answer of the router's own.
      var journey = packet.journey
      if leaving.count == 1, out == port || RoutedHeader(bytes)?.source != RoutedHeader(packet.bytes)?.source
      {
        journeys += 1
        journey = journeys
      }
      transmit(StoredPacket(bytes: bytes, journey: journey), by: router.ports[out], purpose: nil)
    }
  }

  private static func port(of link: NetworkLink, in ports: [NetworkPort]) -> Int {
    for (index, port) in ports.enumerated() where port.link == link.number { return index }
    preconditionFailure("a link ends at its nodes")
  }

  private func takeDrops(of link: NetworkLink, _ direction: LinkDirection) {
    while let drop = link.withEmulator(direction, { $0.nextDrop() }) {
      show(packets[drop.ticket], link, direction, .dropped(drop.cause))
      packets.giveBack(drop.ticket)
    }
  }

  private func show(
    _ packet: StoredPacket, _ link: NetworkLink, _ direction: LinkDirection, _ kind: NetworkSighting.Kind
  ) {
    if observers.isEmpty { return }
    let sighting = NetworkSighting(
      at: now, link: link.number, direction: direction, journey: packet.journey, packet: packet.bytes,
      kind: kind)
    for observer in observers { observer(sighting) }
  }
}
