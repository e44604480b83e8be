// Holds what a failed run leaves for people to look at: a capture at each host of one connection, and a ladder of its last moments.
// It changes nothing about the run.

import SockeyeBytes
import SockeyeTCP
public import SockeyeTrace
import SockeyeWire

/// Watches a run that is known to fail.
///
///     let run = SwarmRun(plan)
///     let recorder = SwarmRecorder(run, flow: failure.flow ?? 0)
///     while run.step() {}
///     let ladder = Ladder(recorder.timeline(), columns: 110)
public final class SwarmRecorder {
  /// A packet on its way between the hosts.
  private struct Journey {
    let from: HostSide
    let packet: [UInt8]
    let departure: Instant
    let purpose: SegmentPurpose?
    var arrival: Instant?
    var isChanged = false
    /// Packets of the network on the way that are this one, copies counted.
    var pieces = 0
  }

  private let run: SwarmRun
  private let client: NetworkHost
  private let server: NetworkHost
  private let flow: SwarmFlow
  private let port: UInt16
  private var journeys: [UInt64: Journey] = [:]
  private var order: [UInt64] = []
  private var captures: [NetworkCapture] = []

  /// - Parameters:
  ///   - run: a run of which nothing has happened yet.
  ///   - number: the flow to watch.
  public init(_ run: SwarmRun, flow number: Int) {
    self.run = run
    let connection = run.connections[number]
    flow = connection.plan
    client = connection.client.host
    server = connection.server.host
    port = connection.port
    for host in [client, server] {
      for end in host.ports {
        captures.append(NetworkCapture(of: run.world.links[end.link], at: end.outbound, name: host.name))
      }
    }
    run.world.observe { [self] in note($0) }
  }

  private func note(_ sighting: NetworkSighting) {
    for capture in captures { capture.note(sighting) }
    let link = run.world.links[sighting.link]
    switch sighting.kind {
    case .departed(let verdict, let purpose):
      let sender = link.sender(sighting.direction).number
      if sender == client.number || sender == server.number {
        guard let segment = FlightSegment(packet: sighting.packet),
          segment.source.port == port || segment.destination.port == port
        else { return }
        journeys[sighting.journey] = Journey(
          from: sender == client.number ? .left : .right, packet: sighting.packet, departure: sighting.at,
          purpose: purpose)
        order.append(sighting.journey)
      }
      if case .dropped = verdict { return }
      journeys[sighting.journey]?.pieces += 1
    case .arrived(let isIntact, let isTaken):
      let receiver = link.receiver(sighting.direction).number
      guard isTaken, receiver == client.number || receiver == server.number,
        journeys[sighting.journey]?.arrival == nil
      else { return }
      journeys[sighting.journey]?.arrival = sighting.at
      if !isIntact { journeys[sighting.journey]?.isChanged = true }
    case .dropped: break
    }
  }

  /// A capture of all packets of an end of each host's links, the client's first: whole pcapng files.
  public func takeCaptures() -> [[UInt8]] { captures.map { $0.takeBytes() } }

  /// The last segments between the two hosts.
  /// - Parameter most: how many of them at most.
  public func timeline(last most: Int = 60) -> Timeline {
    let shown = order.suffix(most)
    let start = shown.first.flatMap { journeys[$0]?.departure } ?? run.plan.start
    var timeline = Timeline(
      title: "seed \(run.plan.seed)", left: label(of: client), right: label(of: server), start: start)
    var entries: [(at: Instant, kind: TimelineEntry.Kind)] = []
    for key in shown {
      guard let journey = journeys[key] else { continue }
      let number = timeline.flights.count
      let fate: Flight.Fate =
        journey.arrival == nil ? .lost : journey.isChanged ? .corrupted(offset: 0) : .delivered
      timeline.flights.append(
        Flight(
          number: number, from: journey.from, packet: journey.packet, departure: journey.departure,
          arrival: journey.arrival ?? journey.departure, fate: fate, extraDelay: .zero,
          segment: FlightSegment(packet: journey.packet), purpose: journey.purpose))
      entries.append((journey.departure, .departed(number)))
      if let arrival = journey.arrival { entries.append((arrival, .arrived(number))) }
    }
    var queue = EventQueue<TimelineEntry.Kind>()
    for entry in entries { queue.add(entry.kind, at: entry.at) }
    while let at = queue.earliest, let kind = queue.next() {
      timeline.entries.append(TimelineEntry(at: at, kind: kind))
    }
    return timeline
  }

  private func label(of host: NetworkHost) -> Timeline.HostLabel {
    Timeline.HostLabel(name: host.name, address: host.address(flow.version) ?? .unspecified(flow.version))
  }
}
