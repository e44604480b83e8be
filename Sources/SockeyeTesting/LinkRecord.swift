// Holds what passed over a link, for captures and pictures.

import DequeModule
import SockeyeBytes
import SockeyeTrace

/// The packets of a link.
final class LinkRecord {
  private struct Entry {
    let packet: [UInt8]
    let direction: SimulatedLink.Direction
    let departure: Instant
    var arrival: Instant?
    var isIntact = true
  }

  private var entries: Deque<Entry> = []
  /// Entries that were dropped for new ones.
  private var forgotten = 0
  private static let limit = 100_000

  /// - Returns: the packet's number.
  func departed(_ packet: [UInt8], _ direction: SimulatedLink.Direction, at now: Instant) -> Int {
    if entries.count == Self.limit {
      entries.removeFirst()
      forgotten += 1
    }
    entries.append(Entry(packet: packet, direction: direction, departure: now))
    return forgotten + entries.count - 1
  }

  func arrived(_ number: Int, isIntact: Bool, at now: Instant) {
    let place = number - forgotten
    guard entries.indices.contains(place), entries[place].arrival == nil else { return }
    entries[place].arrival = now
    entries[place].isIntact = isIntact
  }

  func capture(name: String) -> [UInt8] {
    let writer = PcapngWriter(interfaceName: name)
    var file: [UInt8] = []
    writer.appendHeader(to: &file)
    // What the first host sent, when it left; what it got, when it came.
    var sightings: [(at: Instant, entry: Entry)] = []
    for entry in entries {
      if entry.direction == .forth {
        sightings.append((entry.departure, entry))
      } else if let arrival = entry.arrival {
        sightings.append((arrival, entry))
      }
    }
    sightings.sort { $0.at < $1.at }
    for (at, entry) in sightings {
      writer.appendPacket(
        entry.packet, at: at, direction: entry.direction == .forth ? .outbound : .inbound,
        comment: entry.arrival == nil ? "lost" : "", to: &file)
    }
    return file
  }

  func timeline(last most: Int, title: String, left: Timeline.HostLabel, right: Timeline.HostLabel)
    -> Timeline
  {
    let shown = entries.suffix(most)
    var timeline = Timeline(title: title, left: left, right: right, start: shown.first?.departure ?? .zero)
    var events: [(at: Instant, kind: TimelineEntry.Kind)] = []
    for entry in shown {
      let number = timeline.flights.count
      let fate: Flight.Fate =
        entry.arrival == nil ? .lost : entry.isIntact ? .delivered : .corrupted(offset: 0)
      timeline.flights.append(
        Flight(
          number: number, from: entry.direction == .forth ? .left : .right, packet: entry.packet,
          departure: entry.departure, arrival: entry.arrival ?? entry.departure, fate: fate,
          extraDelay: .zero,
          segment: FlightSegment(packet: entry.packet), purpose: nil))
      events.append((entry.departure, .departed(number)))
      if let arrival = entry.arrival { events.append((arrival, .arrived(number))) }
    }
    events.sort { $0.at < $1.at }
    timeline.entries = events.map { TimelineEntry(at: $0.at, kind: $0.kind) }
    return timeline
  }
}
