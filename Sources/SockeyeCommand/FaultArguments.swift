// Holds how the arguments are read that say what goes wrong on a path at which time or by which rule. Plain shares and times
// are in SimulationArguments.

import ArgumentParser
import SockeyeBytes
import SockeyeSimulator

/// What `--outage` says.
struct Outage: Equatable {
  var begins: Interval
  var length: Interval

  /// What the links are told. Outages that meet are one.
  static func changes(_ outages: [Outage]) -> [LinkChange] {
    var changes: [LinkChange] = []
    var end: Instant?
    for outage in outages.sorted(by: { $0.begins < $1.begins }) {
      let begins = Instant.zero + outage.begins
      let ends = begins + outage.length
      if let last = end, begins <= last {
        end = max(last, ends)
        continue
      }
      if let end { changes.append(LinkChange(.up, at: end)) }
      changes.append(LinkChange(.down, at: begins))
      end = ends
    }
    if let end { changes.append(LinkChange(.up, at: end)) }
    return changes
  }
}

extension Arguments {
  private static let packetKinds: [(name: String, traits: PacketTraits)] = [
    ("any", []), ("data", .data), ("ack", .acknowledgment), ("syn", .synchronize),
    ("syn-ack", .synchronizeAcknowledge), ("fin", .finish), ("rst", .reset), ("udp", .udp), ("icmp", .icmp),
  ]

  static let packetKindNames = packetKinds.map(\.name).joined(separator: ", ")

  private static func pieces(_ text: String, at separator: Character) -> [String] {
    text.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
  }

  static func burstLoss(_ text: String) throws -> BurstLoss {
    let shares = pieces(text, at: ":").map { try? probability($0) }
    if (2...3).contains(shares.count), let begins = shares[0], let ends = shares[1],
      let last = shares[shares.count - 1]
    {
      return BurstLoss(begins: begins, ends: ends, lossWhenBad: shares.count == 3 ? last : .percent(100))
    }
    throw ValidationError("expected two or three shares, such as 1%:25% or 1%:25%:80%")
  }

  static func scriptedLoss(_ text: String) throws -> ScriptedLoss {
    let parts = pieces(text, at: ":")
    let kind = packetKinds.first { $0.name == parts[0] }
    let numbers = parts.count == 2 ? pieces(parts[1], at: "-").map { Int($0) } : []
    if let kind, (1...2).contains(numbers.count), let first = numbers[0],
      let last = numbers[numbers.count - 1],
      first >= 1, last >= first, last <= 1_000_000_000
    {
      return ScriptedLoss(kind.traits, from: first, count: last - first + 1)
    }
    throw ValidationError(
      "expected a kind and a number, such as data:3 or syn:1-2; kinds are \(packetKindNames)")
  }

  static func distribution(_ text: String) throws -> DelayDistribution {
    switch text {
    case "uniform": return .uniform
    case "normal": return .normal
    case "pareto": return .pareto
    default: throw ValidationError("expected uniform, normal or pareto")
    }
  }

  static func mtuChange(_ text: String) throws -> LinkChange {
    let parts = pieces(text, at: "@")
    if parts.count == 2, let at = try? time(parts[1]) {
      if parts[0] == "none" { return LinkChange(.maximumPacket(nil), at: .zero + at) }
      if let size = try? mtu(parts[0]) { return LinkChange(.maximumPacket(size), at: .zero + at) }
    }
    throw ValidationError("expected a size and a time, such as 1400@5s or none@10s")
  }

  static func outage(_ text: String) throws -> Outage {
    let parts = pieces(text, at: "+").map { try? time($0) }
    if parts.count == 2, let begins = parts[0], let length = parts[1], length > .zero {
      return Outage(begins: begins, length: length)
    }
    throw ValidationError("expected when and for how long, such as 5s+2s")
  }

  static func flapping(_ text: String) throws -> LinkFlapping {
    let parts = pieces(text, at: ":").map { try? time($0) }
    if parts.count == 2, let up = parts[0], let down = parts[1], up > .zero, down > .zero {
      return LinkFlapping(up: up, down: down)
    }
    throw ValidationError("expected how long it is up and how long down, such as 10s:500ms")
  }

  static func discipline(_ text: String) throws -> BulkDiscipline {
    let parts = pieces(text, at: ":")
    let times = parts.dropFirst().map { try? time($0) }
    switch (parts[0], times.count) {
    case ("drop-tail", 0): return .dropTail
    case ("red", 0): return .randomEarlyDetection
    case ("codel", 0): return .controlledDelay(target: .milliseconds(5), interval: .milliseconds(100))
    case ("codel", 2):
      if let target = times[0], let interval = times[1], interval > .zero {
        return .controlledDelay(target: target, interval: interval)
      }
    default: break
    }
    throw ValidationError("expected drop-tail, red, codel or codel with its times, such as codel:5ms:100ms")
  }
}
