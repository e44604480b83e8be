// Holds what `sockeye simulate swarm` prints: lines for people, or one JSON object for programs.

import SockeyeBytes
import SockeyeSimulator
import SockeyeTrace

enum SwarmText {
  /// The results, for people.
  static func lines(_ result: SwarmResult, elapsed: Interval?) -> String {
    let sums = result.statistics
    var lines: [String] = []
    func add(_ name: String, _ value: String) {
      lines.append(name + String(repeating: " ", count: 14 - name.count) + value)
    }
    add("worlds", QuantityText.count(sums.worlds) + (elapsed.map { " in \(QuantityText.time($0))" } ?? ""))
    add("virtual time", hours(sums.virtualTime))
    add("packets", QuantityText.count(sums.packets))
    add("delivered", QuantityText.size(sums.bytes))
    add(
      "connections",
      "\(QuantityText.count(sums.connections)), \(QuantityText.count(sums.brokenConnections)) of them broken by design"
    )
    let faults = SwarmFaultCounts.Kind.allCases.filter { sums.faults[$0] > 0 }
    add(
      "faults",
      faults.map { "\($0.name) \(QuantityText.count(sums.faults[$0]))" }.joined(separator: ", "))
    add("digest", hexadecimal(result.digest))
    add("failures", QuantityText.count(sums.failures))
    for (seed, failure) in result.failures { lines.append("  seed \(seed): \(failure.kind.name)") }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func hours(_ time: Interval) -> String {
    let seconds = UInt64(max(0, time.nanoseconds)) / 1_000_000_000
    if seconds < 120 { return QuantityText.time(time) }
    return QuantityText.decimal(seconds * 1_000_000 / 3600, of: 1_000_000, places: 2, trimmed: true) + " h"
  }

  static func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// The results as one JSON object and a line break.
  static func json(_ result: SwarmResult, elapsed: Interval?) -> [UInt8] {
    let sums = result.statistics
    var bytes: [UInt8] = []
    bytes.openJSON()
    bytes.appendJSON("worlds", sums.worlds)
    if let elapsed { bytes.appendJSON("elapsed", UInt64(elapsed.nanoseconds)) }
    bytes.appendJSON("virtual-time", UInt64(sums.virtualTime.nanoseconds))
    bytes.appendJSON("packets", sums.packets)
    bytes.appendJSON("delivered", sums.bytes)
    bytes.appendJSON("connections", sums.connections)
    bytes.appendJSON("broken-connections", sums.brokenConnections)
    bytes.openJSON("faults")
    for kind in SwarmFaultCounts.Kind.allCases { bytes.appendJSON(kind.name, sums.faults[kind]) }
    bytes.closeJSON()
    bytes.appendJSON("digest", hexadecimal(result.digest))
    bytes.appendJSON("failures", sums.failures)
    bytes.openJSONArray("failed")
    for (seed, failure) in result.failures {
      bytes.openJSON()
      bytes.appendJSON("seed", seed)
      bytes.appendJSON("kind", failure.kind.name)
      bytes.appendJSON("at", UInt64(max(0, failure.at.nanoseconds)))
      if let flow = failure.flow { bytes.appendJSON("flow", flow) }
      bytes.appendJSON("text", failure.text)
      bytes.closeJSON()
    }
    bytes.closeJSONArray()
    bytes.closeJSON()
    bytes.append(0x0A)
    return bytes
  }

  // MARK: A world

  /// How much there is of a world.
  static func size(of plan: SwarmPlan) -> String {
    let flows = plan.flows.filter { !$0.isDropped }.count
    let faults = plan.faults.filter { !$0.isDropped }.count
    let spoilt = plan.links.filter { $0.forward != $0.healed || $0.backward != $0.healed }.count
    return "\(flows) of \(plan.flows.count) connections, \(QuantityText.size(plan.bytes)), "
      + "\(spoilt) of \(plan.links.count) links with faults, \(faults) of \(plan.faults.count) other faults"
  }

  /// What a world is made of, for people.
  static func world(_ plan: SwarmPlan) -> String {
    var lines = ["seed \(plan.seed): \(plan.hosts.count) hosts, \(plan.routers) routers, \(size(of: plan))"]
    for (number, link) in plan.links.enumerated() {
      let rate = link.forward.bitsPerSecond.map { ", \(QuantityText.rate($0))" } ?? ""
      lines.append(
        "  link \(number): \(node(link.first, plan)) to \(node(link.second, plan)), "
          + "\(QuantityText.time(link.forward.delay))\(rate), MTU \(link.maximumTransmissionUnit)")
      if let faults = faults(of: link.forward) { lines.append("    forward: \(faults)") }
      if let faults = faults(of: link.backward) { lines.append("    backward: \(faults)") }
    }
    for (number, fault) in plan.faults.enumerated() where !fault.isDropped {
      lines.append(
        "  fault \(number): \(fault.name)\(place(of: fault, plan)) at \(QuantityText.time(fault.begins)) for \(QuantityText.time(fault.lasts))"
      )
    }
    for (number, flow) in plan.flows.enumerated() where !flow.isDropped {
      let kind =
        switch flow.opening {
        case .connect: "calls"
        case .simultaneous: "and at the same time calls"
        case .fastOpen: "calls with Fast Open"
        }
      lines.append(
        "  flow \(number): host\(flow.client) \(kind) host\(flow.server) at \(QuantityText.time(flow.opens)), "
          + "\(QuantityText.size(flow.clientSide.bytes)) there, \(QuantityText.size(flow.serverSide.bytes)) back"
      )
    }
    lines.append("  heals at \(QuantityText.time(plan.heals))")
    return lines.joined(separator: "\n") + "\n"
  }

  private static func node(_ number: Int, _ plan: SwarmPlan) -> String {
    number < plan.hosts.count ? "host\(number)" : "router\(number - plan.hosts.count)"
  }

  private static func place(of fault: SwarmFault, _ plan: SwarmPlan) -> String {
    switch fault.kind {
    case .pause(let host), .crash(let host): " of host\(host)"
    case .drift(let host, let thousandths): " of host\(host) to \(thousandths) thousandths"
    case .partition(let link, let direction):
      " of link \(link)" + (direction.map { $0 == .forward ? " forward" : " backward" } ?? "")
    case .smallerPackets(let link, let octets): " of link \(link) to \(octets)"
    }
  }

  private static func faults(of link: LinkConfiguration) -> String? {
    var parts: [String] = []
    func add(_ name: String, _ share: Probability) {
      if share != .never { parts.append("\(name) \(QuantityText.percent(UInt64(share.billionths) / 1000))") }
    }
    add("loss", link.loss)
    if link.burstLoss != nil { parts.append("loss in bursts") }
    if !link.scriptedLosses.isEmpty { parts.append("loss by script") }
    add("duplicated", link.duplication)
    add("reordered", link.reordering)
    add("corrupted", link.corruption)
    add("corrupted and repaired", link.repairedCorruption)
    add("truncated", link.truncation)
    if link.jitter > .zero { parts.append("jitter \(QuantityText.time(link.jitter))") }
    switch link.discipline {
    case .dropTail: break
    case .randomEarlyDetection: parts.append("RED")
    case .controlledDelay: parts.append("CoDel")
    }
    if let octets = link.maximumPacket { parts.append("nothing over \(octets) bytes") }
    if link.flapping != nil { parts.append("flapping") }
    if !link.changes.isEmpty { parts.append("changing") }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }
}
