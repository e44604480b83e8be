// What is checked of a random world while it runs: the engine's invariants, the state diagram, budgets, and the rules of the wire.
// What applications check of their text is in SwarmRun+Applications.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeWire

extension SwarmRun {
  /// - Parameter isThorough: all that takes time, too.
  func check(isThorough: Bool) {
    for host in world.hosts where host.condition == .running {
      takeObservations(of: host)
      guard isThorough else { continue }
      if let violation = host.stack.violation() { fail(.invariant, "\(host.name): not so: \(violation)") }
      let occupancy = host.stack.occupancy
      if occupancy.memoryUsed > occupancy.memoryBudget {
        fail(.budget, "\(host.name) holds \(occupancy.memoryUsed) octets of \(occupancy.memoryBudget)")
      }
    }
  }

  // MARK: States

  private func takeObservations(of host: NetworkHost) {
    while let observation = host.stack.nextObservation() {
      guard case .stateChanged(let tuple, let from, let to) = observation.kind else { continue }
      // Listeners have no peer.
      if tuple.remote.port == 0 { continue }
      if !StateDiagram.allows(from, to) {
        fail(.state, "\(host.name): a connection went from \(from.name) to \(to.name)")
      }
      let known = states[host.number][tuple] ?? .closed
      // A connection that a listener makes comes from LISTEN; an old TIME-WAIT may end with the SYN of a new one.
      if known != from, known != .closed, known != .timeWait, from != .listen {
        fail(.state, "\(host.name): a connection in \(known.name) went from \(from.name) to \(to.name)")
      }
      states[host.number][tuple] = to == .closed || to == .listen ? nil : to
    }
  }

  // MARK: The wire

  /// Looks at a packet as it enters or leaves a link.
  func look(at sighting: NetworkSighting) {
    if plan.repairsCorruption { return }
    let link = world.links[sighting.link]
    switch sighting.kind {
    case .departed(_, let purpose):
      guard case .host = link.sender(sighting.direction), let segment = FlightSegment(packet: sighting.packet)
      else { return }
      if let rule = watch.departed(segment, purpose: purpose) {
        fail(.wire, "\(rule): \(describe(segment))", flow(of: segment))
      }
    case .arrived(let isIntact, let isTaken):
      guard isTaken, case .host = link.receiver(sighting.direction),
        let segment = FlightSegment(packet: sighting.packet)
      else { return }
      if isIntact || SwarmRun.isSound(segment, in: sighting.packet) { watch.arrived(segment) }
    case .dropped: break
    }
  }

  /// Whether a host takes a segment for what was sent: a changed bit may lie where no checksum is.
  private static func isSound(_ segment: FlightSegment, in packet: [UInt8]) -> Bool {
    let start = segment.payload.lowerBound - segment.header.headerLength
    guard start >= 0 else { return false }
    return TCPHeader.hasValidChecksum(
      packet.rawSpan.extracting(start..<segment.payload.upperBound), source: segment.source.address,
      destination: segment.destination.address)
  }

  /// The connection that a segment belongs to.
  private func flow(of segment: FlightSegment) -> Int? {
    for connection in connections
    where segment.source.port == connection.port || segment.destination.port == connection.port {
      return connection.number
    }
    return nil
  }

  // MARK: Words

  private func describe(_ segment: FlightSegment) -> String {
    let header = segment.header
    return "\(segment.source.description) > \(segment.destination.description) \(header.flags.description) "
      + "seq \(header.sequence.rawValue) ack \(header.acknowledgment.rawValue) win \(header.window) "
      + "len \(segment.payload.count)"
  }

  func describe(_ end: SwarmEnd, of connection: SwarmConnection) -> String {
    let role = end === connection.client ? "client" : "server"
    return "the \(role) of flow \(connection.number)"
  }

  /// How a connection stands that does not come to its end.
  func describe(_ connection: SwarmConnection) -> String {
    var text = "flow \(connection.number)"
    for end in [connection.client, connection.server] {
      text += end === connection.client ? ": client " : "; server "
      if let reason = end.reason {
        text += "over (\(reason.explanation))"
      } else if end.isLost {
        text += "lost"
      } else if let id = end.live {
        text += "in \(end.host.stack.state(of: id).name)"
      } else {
        text += "not there"
      }
      text += ", wrote \(end.written) of \(end.plan.bytes), read \(end.read)"
    }
    return text
  }
}
