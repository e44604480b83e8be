// How the connections of a random world are drawn: who talks to whom, what the applications do, and how each end is set. The
// rest of the world is drawn in SwarmPlan+Drawing.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

extension SwarmPlan {
  mutating func drawFlows(_ draw: inout SwarmDraw) {
    // What the slowest link sends in some seconds, shared by all.
    var slowest: UInt64 = 100_000_000
    for link in links { slowest = min(slowest, link.forward.bitsPerSecond ?? slowest) }
    let isCrowd = draw.chance(10)
    let count = isCrowd ? draw.number(10...40) : draw.number(1...6)
    let most = Int(min(slowest / 8 * 10, isCrowd ? 100_000 : 3_000_000)) / count
    for _ in 0..<count {
      guard let (client, server, serverLink) = drawPair(&draw) else { continue }
      var flow = SwarmFlow(
        client: client, server: server, version: draw.chance(50) ? .v4 : .v6, serverLink: serverLink,
        opens: draw.milliseconds(0...Int(heals.nanoseconds / 2_000_000)),
        clientSide: SwarmSide(bytes: 0), serverSide: SwarmSide(bytes: 0))
      drawWork(of: &flow, upTo: max(2000, most), &draw)
      drawSettings(of: &flow, &draw)
      flows.append(flow)
    }
  }

  /// Two hosts that can reach each other, and a link of the second.
  private func drawPair(_ draw: inout SwarmDraw) -> (client: Int, server: Int, link: Int)? {
    if routers == 0 {
      let number = draw.number(0...(links.count - 1))
      let ends =
        draw.chance(50)
        ? (links[number].first, links[number].second) : (links[number].second, links[number].first)
      return (ends.0, ends.1, number)
    }
    let client = draw.number(0...(hosts.count - 1))
    let server = (client + draw.number(1...(hosts.count - 1))) % hosts.count
    var own: [Int] = []
    for (number, link) in links.enumerated() where link.first == server || link.second == server {
      own.append(number)
    }
    return own.isEmpty ? nil : (client, server, draw.pick(own))
  }

  // MARK: Work

  private func drawWork(of flow: inout SwarmFlow, upTo most: Int, _ draw: inout SwarmDraw) {
    switch draw.number(0...9) {
    case 0, 1, 2: flow.clientSide.bytes = UInt64(draw.size(1...most))
    case 3: flow.serverSide.bytes = UInt64(draw.size(1...most))
    case 4, 5:
      flow.clientSide.bytes = UInt64(draw.size(1...most))
      flow.serverSide.bytes = UInt64(draw.size(1...most))
    case 6, 7: drawConversation(of: &flow, upTo: most, &draw)
    case 8:
      flow.clientSide.bytes = UInt64(draw.size(1...min(most, 5000)))
      flow.serverSide.bytes = UInt64(draw.size(1...min(most, 5000)))
    default: break
    }
    drawHabits(of: &flow.clientSide, &draw)
    drawHabits(of: &flow.serverSide, &draw)
    if draw.chance(50) {
      if draw.chance(50) {
        flow.serverSide.ending = .finishAfterPeer
      } else {
        flow.clientSide.ending = .finishAfterPeer
      }
    }
    drawRudeness(of: &flow.clientSide, &draw)
    drawRudeness(of: &flow.serverSide, &draw)
    if draw.chance(6) { flow.opening = .simultaneous } else if draw.chance(12) { flow.opening = .fastOpen }
  }

  /// Requests and responses.
  private func drawConversation(of flow: inout SwarmFlow, upTo most: Int, _ draw: inout SwarmDraw) {
    let turns = draw.size(1...30)
    let request = draw.size(1...max(1, min(4000, most / turns)))
    let response = draw.size(1...max(1, most / turns))
    flow.clientSide.bytes = UInt64(turns * request)
    flow.serverSide.bytes = UInt64(turns * response)
    flow.clientSide.rhythm = .alternating(mine: request, peers: response, begins: true)
    flow.serverSide.rhythm = .alternating(mine: response, peers: request, begins: false)
  }

  private func drawHabits(of side: inout SwarmSide, _ draw: inout SwarmDraw) {
    side.piece = draw.chance(50) ? 65_536 : draw.size(1...20_000)
    // No application is to take longer for its work than the world lasts.
    if Int(clamping: side.bytes) / side.piece > 2000 { side.piece = 65_536 }
    if draw.chance(20), side.piece < 65_536 { side.pause = .microseconds(draw.size(10...300_000)) }
    if draw.chance(20) { side.readPiece = draw.size(1...30_000) }
    if draw.chance(20) { side.readPause = .microseconds(draw.size(100...500_000)) }
    if draw.chance(15) { side.readDelay = draw.milliseconds(1...Int(heals.nanoseconds / 1_000_000)) }
    if draw.chance(5) { side.urgentEvery = draw.number(1...5) }
  }

  private func drawRudeness(of side: inout SwarmSide, _ draw: inout SwarmDraw) {
    if draw.chance(4) {
      side.ending = .abort(after: UInt64(draw.number(0...Int(clamping: side.bytes))))
    } else if draw.chance(4) {
      side.ending = .leave
    }
  }

  // MARK: Settings

  private func drawSettings(of flow: inout SwarmFlow, _ draw: inout SwarmDraw) {
    drawSettings(&flow.clientSide.tcp, &draw)
    drawSettings(&flow.serverSide.tcp, &draw)
    if flow.opening == .fastOpen {
      flow.clientSide.tcp.fastOpen = true
      flow.serverSide.tcp.fastOpen = true
    } else if draw.chance(5) {
      flow.serverSide.tcp.acceptDeferral = draw.milliseconds(100...5_000)
    }
  }

  private func drawSettings(_ tcp: inout TCPConfiguration, _ draw: inout SwarmDraw) {
    tcp.congestionControl = draw.pick(CongestionControlAlgorithm.allCases)
    tcp.pacing = draw.chance(40)
    tcp.selectiveAcknowledgments = !draw.chance(15)
    tcp.timestamps = !draw.chance(20)
    tcp.requiresTimestamps = !draw.chance(20)
    tcp.windowScaling = !draw.chance(15)
    tcp.explicitCongestionNotification = draw.pick(ExplicitCongestionNotification.allCases)
    tcp.noDelay = draw.chance(40)
    tcp.nagleIgnoresFullSegments = draw.chance(20)
    tcp.tailLossProbes = !draw.chance(20)
    tcp.windowProbesCarryText = !draw.chance(25)
    tcp.restartsAfterIdle = !draw.chance(20)
    tcp.pathProbing = draw.pick(PathProbing.allCases)
    if draw.chance(20) { tcp.pathProbingBase = draw.number(600...1400) }
    if draw.chance(15) { tcp.maximumSegmentSize = draw.size(100...1460) }
    if draw.chance(30) { tcp.delayedAcknowledgment = draw.milliseconds(0...400) }
    if draw.chance(20) { tcp.quickAcknowledgments = draw.number(0...40) }
    if draw.chance(20) { tcp.minimumWindowScale = UInt8(draw.number(0...14)) }
    if draw.chance(20) { tcp.slowStartLimit = draw.chance(50) ? nil : draw.number(1...10) }
    if draw.chance(30) { tcp.minimumRetransmissionTimeout = draw.milliseconds(20...1_000) }
    if draw.chance(20) { tcp.retransmissionGranularity = draw.milliseconds(1...200) }
    tcp.maximumRetransmissionTimeout = .seconds(draw.number(60...120))
    tcp.maximumSegmentLifetime = draw.milliseconds(500...30_000)
    if draw.chance(15) {
      tcp.keepAlive = KeepAlive(
        idle: draw.milliseconds(500...20_000), interval: draw.milliseconds(500...10_000),
        probes: draw.number(2...9))
    }
    if draw.chance(8) { tcp.userTimeout = draw.chance(50) ? nil : draw.milliseconds(2_000...60_000) }
    if draw.chance(40) { tcp.sendBuffer = drawBuffer(&draw) }
    if draw.chance(40) { tcp.receiveBuffer = drawBuffer(&draw) }
  }

  private func drawBuffer(_ draw: inout SwarmDraw) -> BufferBounds {
    let least = draw.size(500...200_000)
    return draw.chance(50)
      ? .fixed(least) : BufferBounds(initial: least, maximum: least * draw.number(1...20))
  }
}
