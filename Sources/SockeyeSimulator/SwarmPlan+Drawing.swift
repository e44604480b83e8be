// How a random world is drawn from a seed: hosts, routers and links, and what befalls them. Connections and their settings are
// drawn in SwarmPlan+Flows.

import SockeyeBytes

extension SwarmPlan {
  /// The world of a seed.
  public static func drawn(from seed: UInt64) -> SwarmPlan {
    var draw = SwarmDraw(seed: seed)
    var plan = SwarmPlan(seed: seed)
    // Up to 50 days: the clock of timestamps wraps at 49.7.
    plan.start = Instant.zero + .seconds(draw.number(0...4_320_000))
    if draw.chance(20) {
      plan.start = Instant(nanoseconds: (1 << 32) * 1_000_000) - draw.milliseconds(0...20_000)
    }
    plan.heals = draw.milliseconds(3_000...45_000)
    plan.drawHosts(&draw)
    plan.drawLinks(&draw)
    plan.drawFlows(&draw)
    plan.drawFaults(&draw)
    return plan
  }

  private mutating func drawHosts(_ draw: inout SwarmDraw) {
    let isTight = draw.chance(10)
    for _ in 0..<draw.number(2...6) {
      var host = SwarmHost()
      host.isObserved = draw.chance(50)
      if isTight { host.memoryBudget = draw.size(512 << 10...4 << 20) }
      host.alwaysSendsCookies = draw.chance(8)
      hosts.append(host)
    }
    routers = draw.chance(40) ? 0 : draw.number(1...3)
  }

  // MARK: Links

  private mutating func drawLinks(_ draw: inout SwarmDraw) {
    let isCalm = draw.chance(20)
    repairsCorruption = !isCalm && draw.chance(4)
    for router in 0..<routers where router > 0 {
      addLink(hosts.count + router - 1, hosts.count + router, &draw, isCalm)
    }
    if routers == 3, draw.chance(30) { addLink(hosts.count, hosts.count + 2, &draw, isCalm) }
    for host in 0..<hosts.count {
      if routers == 0 {
        if host > 0 { addLink(draw.number(0...(host - 1)), host, &draw, isCalm) }
      } else {
        addLink(host, hosts.count + draw.number(0...(routers - 1)), &draw, isCalm)
        if draw.chance(15) { addLink(host, hosts.count + draw.number(0...(routers - 1)), &draw, isCalm) }
      }
    }
    guard !isCalm else { return }
    // Two bits changed on two links can make a checksum right again, so that only one link changes any.
    let place = draw.number(0...(links.count - 1))
    if repairsCorruption {
      links[place].forward.repairedCorruption = draw.share(upTo: 50)
    } else if draw.chance(40) {
      let share = draw.share(upTo: 50)
      if draw.chance(70) {
        links[place].forward.corruption = share
      } else {
        links[place].backward.corruption = share
      }
    }
  }

  private mutating func addLink(_ first: Int, _ second: Int, _ draw: inout SwarmDraw, _ isCalm: Bool) {
    var base = LinkConfiguration(delay: .microseconds(draw.size(10...150_000)))
    if draw.chance(75) { base.bitsPerSecond = UInt64(draw.size(256...400_000)) * 1000 }
    base.queueLimit =
      draw.chance(50) ? .packets(draw.size(4...1000)) : .bytes(draw.size(6_000...1_000_000))
    let unit = draw.pick([1500, 1500, 1500, 1280, 1400, 4000, 9000])
    var healed = base
    // A path on which everything can still get lost would be no healed one.
    healed.queueLimit = .packets(1000)
    var link = SwarmLink(
      first: first, second: second, maximumTransmissionUnit: unit, forward: base, backward: base,
      healed: healed)
    if !isCalm {
      spoil(&link.forward, &draw)
      if draw.chance(60) { spoil(&link.backward, &draw) }
    }
    links.append(link)
  }

  /// Faults for a direction of a link.
  private func spoil(_ link: inout LinkConfiguration, _ draw: inout SwarmDraw) {
    if draw.chance(40) { link.loss = draw.share(upTo: 100) }
    if draw.chance(15) {
      link.burstLoss = BurstLoss(
        begins: draw.share(upTo: 30), ends: draw.share(upTo: 500),
        lossWhenBad: .percent(draw.number(30...100)))
    }
    if draw.chance(20) { link.duplication = draw.share(upTo: 50) }
    if draw.chance(25) {
      link.reordering = draw.share(upTo: 200)
      link.reorderingDelay = .microseconds(draw.size(100...200_000))
    }
    if draw.chance(25) {
      link.jitter = .microseconds(draw.size(10...50_000))
      link.jitterDistribution = draw.pick(DelayDistribution.allCases)
    }
    if draw.chance(10) { link.truncation = draw.share(upTo: 50) }
    if draw.chance(15) { drawScript(&link, &draw) }
    switch draw.number(0...9) {
    case 0:
      link.discipline = .randomEarlyDetection(
        RandomEarlyDetection(for: link.queueLimit, marks: draw.chance(50)))
    case 1: link.discipline = .controlledDelay(ControlledDelay(marks: draw.chance(50)))
    case 2: link.markThreshold = .packets(draw.number(1...20))
    default: break
    }
    if draw.chance(8) { link.maximumPacket = draw.number(1280...1460) }
    if draw.chance(8) {
      link.flapping = LinkFlapping(
        up: draw.milliseconds(500...8_000), down: draw.milliseconds(50...2_000), until: start + heals)
    }
    if draw.chance(8) { drawChanges(&link, &draw) }
  }

  private func drawScript(_ link: inout LinkConfiguration, _ draw: inout SwarmDraw) {
    let kinds: [PacketTraits] = [
      .synchronize, .synchronizeAcknowledge, .data, .acknowledgment, .finish, .reset, .icmp,
    ]
    for _ in 0..<draw.number(1...3) {
      link.scriptedLosses.append(
        ScriptedLoss(draw.pick(kinds), from: draw.size(1...20), count: draw.size(1...5)))
    }
  }

  private func drawChanges(_ link: inout LinkConfiguration, _ draw: inout SwarmDraw) {
    var at = start
    for _ in 0..<draw.number(1...3) {
      at += draw.milliseconds(200...10_000)
      switch draw.number(0...2) {
      case 0: link.changes.append(LinkChange(.delay(.microseconds(draw.size(10...300_000))), at: at))
      case 1:
        link.changes.append(LinkChange(.bitsPerSecond(UInt64(draw.size(128...100_000)) * 1000), at: at))
      default: link.changes.append(LinkChange(.maximumPacket(draw.number(1280...1500)), at: at))
      }
    }
  }

  // MARK: Faults

  private mutating func drawFaults(_ draw: inout SwarmDraw) {
    if draw.chance(40) { return }
    let span = Int(heals.nanoseconds / 1_000_000)
    for _ in 0..<draw.number(1...4) {
      let kind: SwarmFault.Kind
      let host = draw.number(0...(hosts.count - 1))
      let link = draw.number(0...(links.count - 1))
      switch draw.number(0...9) {
      case 0, 1: kind = .pause(host: host)
      case 2: kind = .crash(host: host)
      case 3, 4: kind = .drift(host: host, thousandths: UInt64(draw.number(900...1100)))
      case 5, 6: kind = .partition(link: link, nil)
      case 7: kind = .partition(link: link, draw.chance(50) ? .forward : .backward)
      default: kind = .smallerPackets(link: link, octets: draw.number(1280...1400))
      }
      faults.append(
        SwarmFault(kind: kind, begins: draw.milliseconds(0...span), lasts: draw.milliseconds(50...span)))
    }
  }
}
