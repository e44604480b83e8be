// Holds what `sockeye simulate bulk` prints: lines for people, or one line of JSON for programs. How quantities look is
// in QuantityText.

import SockeyeBytes
import SockeyeSimulator
import SockeyeTCP
import SockeyeTrace

enum BulkText {
  /// The results, for people.
  static func lines(_ report: BulkReport) -> String {
    var lines = [title(of: report.configuration), ""]
    func add(_ name: String, _ value: String) {
      lines.append(name + String(repeating: " ", count: 17 - name.count) + value)
    }
    add("goodput", goodput(report.goodput, report.share) + ", handshake and slow start included")
    add("  second half", goodput(report.goodputOfSecondHalf, report.shareOfSecondHalf))
    add("virtual time", QuantityText.time(report.elapsed))
    add("retransmitted", retransmissions(report.retransmitted, report.spurious, of: report.segments))
    add("timeouts", recoveries(report))
    let delay = report.dataLink.queueingDelay
    add(
      "queueing delay",
      "mean \(QuantityText.time(delay.mean)), 99 % within \(QuantityText.time(delay.percentile(99)))")
    add("on the way", fates(report))
    let drops = DropReason.allCases.filter { report.receiverDrops[$0] > 0 }
    if !drops.isEmpty {
      let texts = drops.map { "\(QuantityText.count(report.receiverDrops[$0])) \($0.explanation)" }
      add("receiver dropped", texts.joined(separator: ", "))
    }
    if report.flows.count > 1 {
      add("Jain's index", QuantityText.decimal(report.fairness, of: 1_000_000, places: 4))
      lines += [""] + report.flows.enumerated().map { flow($0 + 1, $1, of: report.configuration) }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  static func title(of configuration: BulkConfiguration) -> String {
    let algorithms = configuration.flows.map(\.name)
    let isMixed = Set(algorithms).count > 1
    var parts = [
      (isMixed ? "mixed" : algorithms[0])
        + ": "
        + (algorithms.count > 1 ? "\(algorithms.count) × " : "") + QuantityText.size(configuration.bytes),
      QuantityText.rate(configuration.bitsPerSecond),
      "round trip \(QuantityText.time(configuration.roundTrip))",
    ]
    switch configuration.queueLimit {
    case .bytes(let bytes): parts.append("queue \(QuantityText.size(UInt64(bytes)))")
    case .packets(let packets): parts.append("queue \(QuantityText.count(UInt64(packets))) packets")
    }
    func add(_ name: String, _ share: Probability, _ more: String = "") {
      if share != .never { parts.append("\(name) \(QuantityText.percent(share))\(more)") }
    }
    add("loss", configuration.loss)
    if let burst = configuration.burstLoss {
      add("loss in bursts", burst.begins, ":\(QuantityText.percent(burst.ends))")
    }
    add("reverse loss", configuration.reverseLoss)
    add("reordered", configuration.reordering, " by \(QuantityText.time(configuration.reorderingDelay))")
    add("duplicated", configuration.duplication)
    add("corrupted", configuration.corruption)
    add("corrupted and repaired", configuration.repairedCorruption)
    add("truncated", configuration.truncation)
    switch configuration.discipline {
    case .dropTail: break
    case .randomEarlyDetection: parts.append("RED")
    case .controlledDelay: parts.append("CoDel")
    }
    if configuration.jitter > .zero { parts.append("jitter \(QuantityText.time(configuration.jitter))") }
    if configuration.marksCongestion { parts.append("ECN marks") }
    if !configuration.isPaced { parts.append("not paced") }
    parts.append("seed \(configuration.seed)")
    return parts.joined(separator: ", ")
  }

  private static func goodput(_ rate: UInt64, _ share: UInt64) -> String {
    "\(QuantityText.rate(rate)), \(QuantityText.percent(share)) of the rate"
  }

  private static func retransmissions(_ count: UInt64, _ spurious: UInt64, of segments: UInt64) -> String {
    "\(QuantityText.count(count)) of \(QuantityText.count(segments)) segments"
      + (count > 0 ? ", \(QuantityText.count(spurious)) of them spurious" : "")
  }

  private static func recoveries(_ report: BulkReport) -> String {
    var fast: UInt64 = 0
    var undone: UInt64 = 0
    for flow in report.flows {
      fast += UInt64(flow.status?.statistics.fastRecoveries ?? 0)
      undone += UInt64(flow.status?.statistics.spuriousRecoveries ?? 0)
    }
    return "\(QuantityText.count(report.timeouts)), and \(QuantityText.count(fast)) fast recoveries"
      + (undone > 0 ? "; \(QuantityText.count(undone)) of them undone as needless" : "")
  }

  private static func fates(_ report: BulkReport) -> String {
    let (data, acknowledgments) = (report.dataLink, report.acknowledgmentLink)
    var parts = [
      "\(QuantityText.count(data.lost)) lost",
      "\(QuantityText.count(data.queueDrops)) dropped by the full queue",
    ]
    func add(_ count: UInt64, _ name: String) {
      if count > 0 { parts.append("\(QuantityText.count(count)) \(name)") }
    }
    add(data.earlyDrops, "dropped early by the queue")
    add(data.scriptedLosses, "lost by script")
    add(data.outageDrops, "lost while the link was down")
    add(data.tooLarge, "too large for the path")
    add(data.reordered, "reordered")
    add(data.duplicated, "duplicated")
    add(data.corrupted, "corrupted")
    add(data.repairedCorruptions, "corrupted and repaired")
    add(data.truncated, "truncated")
    add(data.marked, "marked")
    add(report.refused, "refused with new content")
    add(acknowledgments.lost + acknowledgments.queueDrops, "acknowledgments lost")
    return parts.joined(separator: ", ")
  }

  private static func flow(
    _ number: Int, _ flow: BulkFlowReport, of configuration: BulkConfiguration
  ) -> String {
    let share = Ratio.millionths(flow.goodput, of: configuration.bitsPerSecond)
    return "flow \(number), \(flow.algorithm.name): \(goodput(flow.goodput, share)), "
      + "\(retransmissions(flow.retransmitted, flow.spurious, of: flow.segments)), \(flow.timeouts) timeouts"
  }

  /// Why a transfer failed, for people.
  static func explanation(_ failure: BulkFailure) -> String {
    switch failure {
    case .closed(let reason): "the connection ended before everything had arrived: \(reason.explanation)"
    case .wrongContent(let place): "the receiver read something else than was written, from byte \(place) on"
    case .outOfTime: "the transfer did not end within a week of virtual time"
    case .stalled: "neither host would ever do anything again"
    case .refused: "a host refused a call"
    }
  }

  // MARK: JSON

  /// The results as one JSON object and a line break. Times are nanoseconds, rates bits a second, sizes bytes; shares
  /// and Jain's index are numbers up to 1.
  static func json(_ report: BulkReport) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.openJSON()
    append(report.configuration, to: &bytes)
    bytes.appendJSON("elapsed", UInt64(report.elapsed.nanoseconds))
    bytes.appendJSON("delivered", report.delivered)
    bytes.appendJSON("goodput", report.goodput)
    bytes.appendJSON("share", millionths: report.share)
    bytes.appendJSON("second-half-goodput", report.goodputOfSecondHalf)
    bytes.appendJSON("second-half-share", millionths: report.shareOfSecondHalf)
    bytes.appendJSON("segments", report.segments)
    bytes.appendJSON("retransmitted", report.retransmitted)
    bytes.appendJSON("spurious", report.spurious)
    bytes.appendJSON("refused", report.refused)
    bytes.appendJSON("timeouts", report.timeouts)
    bytes.appendJSON("jain", millionths: report.fairness)
    append("data-link", report.dataLink, to: &bytes)
    append("acknowledgment-link", report.acknowledgmentLink, to: &bytes)
    bytes.openJSON("receiver-drops")
    for reason in DropReason.allCases where report.receiverDrops[reason] > 0 {
      bytes.appendJSON(reason.explanation, report.receiverDrops[reason])
    }
    bytes.closeJSON()
    bytes.openJSONArray("flows")
    for (flow, together) in zip(report.flows, report.deliveredTogether) {
      append(flow, deliveredTogether: together, to: &bytes)
    }
    bytes.closeJSONArray()
    bytes.closeJSON()
    bytes.append(0x0A)
    return bytes
  }

  private static func append(_ configuration: BulkConfiguration, to bytes: inout [UInt8]) {
    bytes.appendJSON("bytes", configuration.bytes)
    bytes.appendJSON("rate", configuration.bitsPerSecond)
    bytes.appendJSON("round-trip", UInt64(configuration.roundTrip.nanoseconds))
    switch configuration.queueLimit {
    case .bytes(let limit): bytes.appendJSON("queue-bytes", limit)
    case .packets(let limit): bytes.appendJSON("queue-packets", limit)
    }
    bytes.appendJSON("loss", billionths: configuration.loss.billionths)
    bytes.appendJSON("reverse-loss", billionths: configuration.reverseLoss.billionths)
    bytes.appendJSON("reorder", billionths: configuration.reordering.billionths)
    bytes.appendJSON("reorder-delay", UInt64(configuration.reorderingDelay.nanoseconds))
    bytes.appendJSON("duplicate", billionths: configuration.duplication.billionths)
    bytes.appendJSON("corrupt", billionths: configuration.corruption.billionths)
    bytes.appendJSON("jitter", UInt64(configuration.jitter.nanoseconds))
    if let unit = configuration.pathMTU { bytes.appendJSON("path-mtu", unit) }
    bytes.appendJSON("ecn", configuration.marksCongestion)
    bytes.appendJSON("paced", configuration.isPaced)
    bytes.appendJSON("seed", configuration.seed)
  }

  /// - Parameter untaken: packets that whoever they were for did not take, where that is known.
  static func append(
    _ name: String, _ link: LinkStatistics, untaken: UInt64? = nil, to bytes: inout [UInt8]
  ) {
    bytes.openJSON(name)
    bytes.appendJSON("offered", link.offered)
    bytes.appendJSON("arrived", link.arrived)
    bytes.appendJSON("lost", link.lost)
    bytes.appendJSON("queue-drops", link.queueDrops)
    bytes.appendJSON("early-drops", link.earlyDrops)
    bytes.appendJSON("scripted-losses", link.scriptedLosses)
    bytes.appendJSON("outage-drops", link.outageDrops)
    bytes.appendJSON("too-large", link.tooLarge)
    bytes.appendJSON("reordered", link.reordered)
    bytes.appendJSON("duplicated", link.duplicated)
    bytes.appendJSON("corrupted", link.corrupted)
    bytes.appendJSON("corrupted-repaired", link.repairedCorruptions)
    bytes.appendJSON("truncated", link.truncated)
    bytes.appendJSON("marked", link.marked)
    bytes.appendJSON("longest-queue", link.longestQueue)
    bytes.appendJSON("queueing-delay-mean", UInt64(link.queueingDelay.mean.nanoseconds))
    bytes.appendJSON("queueing-delay-p99", UInt64(link.queueingDelay.percentile(99).nanoseconds))
    if let untaken { bytes.appendJSON("untaken", untaken) }
    bytes.closeJSON()
  }

  private static func append(
    _ flow: BulkFlowReport, deliveredTogether: UInt64, to bytes: inout [UInt8]
  ) {
    bytes.openJSON()
    bytes.appendJSON("congestion", flow.algorithm.name)
    bytes.appendJSON("elapsed", UInt64(flow.elapsed.nanoseconds))
    bytes.appendJSON("delivered", flow.delivered)
    bytes.appendJSON("delivered-together", deliveredTogether)
    bytes.appendJSON("goodput", flow.goodput)
    bytes.appendJSON("segments", flow.segments)
    bytes.appendJSON("retransmitted", flow.retransmitted)
    bytes.appendJSON("spurious", flow.spurious)
    bytes.appendJSON("refused", flow.refused)
    bytes.appendJSON("timeouts", flow.timeouts)
    if let status = flow.status {
      bytes.appendJSON("congestion-window", status.congestionWindow)
      bytes.appendJSON("slow-start-threshold", status.slowStartThreshold)
      bytes.appendJSON("segment-size", status.segmentSize)
      if let time = status.smoothedRoundTrip { bytes.appendJSON("smoothed-rtt", UInt64(time.nanoseconds)) }
      if let time = status.minimumRoundTrip { bytes.appendJSON("minimum-rtt", UInt64(time.nanoseconds)) }
      bytes.appendJSON("fast-recoveries", UInt64(status.statistics.fastRecoveries))
      bytes.appendJSON("recoveries-undone", UInt64(status.statistics.spuriousRecoveries))
      bytes.appendJSON("tail-loss-probes", UInt64(status.statistics.tailLossProbes))
      bytes.appendJSON("duplicate-acknowledgments", status.statistics.duplicateAcknowledgments)
      bytes.openJSON("sender")
      TraceJSON.appendMembers(status, to: &bytes)
      bytes.closeJSON()
    }
    if let failure = flow.failure { bytes.appendJSON("failure", explanation(failure)) }
    bytes.closeJSON()
  }
}

extension QuantityText {
  fileprivate static func percent(_ share: Probability) -> String {
    decimal(UInt64(share.billionths), of: 10_000_000, places: 6, trimmed: true) + " %"
  }
}
