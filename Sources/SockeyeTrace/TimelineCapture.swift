// One host's view of a timeline as a pcapng file: what it sent and what reached it, with comments that
// explain. The file format is in PcapngWriter, the words are in Explanation.

import SockeyeBytes

/// Writes captures of timelines.
public enum TimelineCapture {
  /// Appends a whole capture file, taken at one host: packets leave at their departure and come in at their
  /// arrival; what gets lost on the way to the host isn't in it.
  /// - Parameter vantage: the host at whose interface the capture is taken.
  public static func append(_ timeline: Timeline, vantage: HostSide, to file: inout [UInt8]) {
    let writer = PcapngWriter(interfaceName: timeline.name(of: vantage))
    writer.appendHeader(to: &file)
    for entry in timeline.entries {
      switch entry.kind {
      case .departed(let number):
        let flight = timeline.flights[number]
        if case .copy = flight.fate { continue }
        guard flight.from == vantage else { continue }
        writer.appendPacket(
          flight.packet, at: entry.at, direction: .outbound, comment: comment(flight, isOutbound: true),
          to: &file)
      case .arrived(let number):
        let flight = timeline.flights[number]
        guard flight.from != vantage else { continue }
        writer.appendPacket(
          flight.deliveredPacket, at: entry.at, direction: .inbound,
          comment: comment(flight, isOutbound: false),
          to: &file)
      case .observed, .application, .died, .restarted, .remarked, .narrated: continue
      }
    }
  }

  /// Why the packet was sent, what the network did to it, and whether its receiver used it.
  private static func comment(_ flight: Flight, isOutbound: Bool) -> String {
    var parts: [String] = []
    if let reason = flight.purpose?.explanation, !reason.isEmpty { parts.append(reason) }
    switch flight.fate {
    case .delivered: break
    case .lost: parts.append("lost on the way")
    case .corrupted(let offset): parts.append("byte \(offset) is changed on the way")
    case .copy: parts.append("a copy made by the network")
    }
    if flight.extraDelay > .zero { parts.append("held up for \(flight.extraDelay.description)") }
    if let verdict = flight.verdict {
      parts.append("dropped by \(isOutbound ? "the receiver" : "this host"): \(verdict.explanation)")
    }
    var result = ""
    for part in parts { result += (result.isEmpty ? "" : "; ") + part }
    return result
  }
}

extension Flight {
  /// The packet as it arrives: changed, if the network changes a byte.
  public var deliveredPacket: [UInt8] {
    guard case .corrupted(let offset) = fate, offset < packet.count else { return packet }
    var changed = packet
    changed[offset] ^= 0xFF
    return changed
  }
}
