// Holds the run of a random world: it is built, its connections are opened and served, its faults strike, it heals, and in the end
// nothing is left over. What the applications do is in SwarmRun+Applications, what is checked in SwarmRun+Checks.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeWire

/// A random world under way. The same plan gives the same run, bit for bit.
///
///     let outcome = SwarmRun.outcome(of: .drawn(from: 7))
///     if let failure = outcome.failure { … }
public final class SwarmRun {
  /// What the swarm does besides the world.
  enum Task {
    case open(Int)
    case act(Int, isClient: Bool)
    case begin(fault: Int)
    case end(fault: Int)
    case heal
    /// Who is still there without a reason is asked to come to an end.
    case urge
  }

  public let plan: SwarmPlan
  public let world: NetworkWorld
  private(set) var connections: [SwarmConnection] = []
  /// Whose identifiers are whose: by host, for the identifiers of its present start.
  var owners: [[ConnectionID: SwarmEnd]]
  var connectionOf: [[ListenerID: SwarmConnection]]
  var tasks = EventQueue<Task>()
  var failure: SwarmFailure?
  let pattern = BulkPattern(flow: 0)
  var watch = WireWatch()
  /// The last state that each connection was seen in, by host.
  var states: [[FourTuple: TCPState]]
  var statistics = SwarmStatistics()
  private(set) var isHealed = false
  private var isClosing = false
  private var steps = 0
  private var stepsAtThisInstant = 0
  private var lastStep = Instant.zero

  /// Builds the world; nothing has happened yet.
  public init(_ plan: SwarmPlan) {
    self.plan = plan
    world = NetworkWorld(seed: plan.seed, start: plan.start)
    owners = Array(repeating: [:], count: plan.hosts.count)
    connectionOf = Array(repeating: [:], count: plan.hosts.count)
    states = Array(repeating: [:], count: plan.hosts.count)
    build()
    for (number, flow) in plan.flows.enumerated() {
      let opens = plan.start + flow.opens
      connections.append(
        SwarmConnection(
          number: number, plan: flow, client: world.hosts[flow.client], server: world.hosts[flow.server],
          opens: opens))
      // What has changed on the way unseen may say anything, even that there is no more to come.
      connections[number].isBroken = plan.repairsCorruption
      if flow.isDropped { continue }
      listen(connections[number])
      tasks.add(.open(number), at: opens)
    }
    for (number, fault) in plan.faults.enumerated() where !fault.isDropped {
      tasks.add(.begin(fault: number), at: plan.start + fault.begins)
      tasks.add(.end(fault: number), at: plan.start + min(fault.begins + fault.lasts, plan.heals))
    }
    tasks.add(.heal, at: plan.start + plan.heals)
    world.observe { [self] in look(at: $0) }
  }

  private func build() {
    for (number, host) in plan.hosts.enumerated() {
      let made = world.addHost("host\(number)") { settings in
        settings.memoryBudget = host.memoryBudget
        settings.synCookies = host.alwaysSendsCookies ? .always : .automatic
      }
      made.stack.observing = host.isObserved
    }
    for number in 0..<plan.routers { world.addRouter("router\(number)") }
    for link in plan.links {
      let unit = link.maximumTransmissionUnit
      world.join(
        world.nodes[link.first], world.nodes[link.second], link.forward, link.backward,
        maximumTransmissionUnit: unit)
    }
  }

  /// Runs a world to its end.
  public static func outcome(of plan: SwarmPlan) -> SwarmOutcome {
    let run = SwarmRun(plan)
    while run.step() {}
    return run.finish()
  }

  // MARK: Time

  /// Lets the next thing happen.
  /// - Returns: false when the world has come to its end, or something was found to be wrong.
  public func step() -> Bool {
    guard failure == nil else { return false }
    let end = plan.start + plan.heals + plan.patience
    let limit = min(tasks.earliest ?? end, end)
    if world.step(until: limit) {
      countStep()
    } else if world.now >= end || tasks.isEmpty {
      return giveUp()
    } else {
      world.run(until: limit)
      while let at = tasks.earliest, at <= world.now, let task = tasks.next() { carryOut(task) }
    }
    for host in world.hosts { takeNews(of: host) }
    check(isThorough: steps & 7 == 0)
    if isHealed, !isClosing, connections.allSatisfy({ $0.plan.isDropped || $0.isOver }) { closeListeners() }
    return failure == nil && !(isClosing && tablesAreEmpty)
  }

  private func countStep() {
    steps += 1
    stepsAtThisInstant = world.now == lastStep ? stepsAtThisInstant + 1 : 0
    lastStep = world.now
    if stepsAtThisInstant > 100_000 { fail(.livelock, "time stands still") }
    if steps > 20_000_000 { fail(.livelock, "there is no end of packets") }
  }

  private func carryOut(_ task: Task) {
    switch task {
    case .open(let number): open(connections[number])
    case .act(let number, let isClient):
      let connection = connections[number]
      act(isClient ? connection.client : connection.server, of: connection)
    case .begin(let fault): begin(plan.faults[fault])
    case .end(let fault): end(plan.faults[fault])
    case .heal: heal()
    case .urge: urge()
    }
  }

  // MARK: Faults

  private func begin(_ fault: SwarmFault) {
    statistics.faults.add(fault)
    switch fault.kind {
    case .pause(let host): world.pause(world.hosts[host])
    case .crash(let host): crash(world.hosts[host])
    case .drift(let host, let thousandths):
      world.setClockRate(thousandths, per: 1000, of: world.hosts[host])
    case .partition(let link, let direction):
      for each in LinkDirection.allCases where direction == nil || direction == each {
        world.setDown(true, world.links[link], each)
      }
    case .smallerPackets(let link, let octets): world.links[link].maximumTransmissionUnit = octets
    }
  }

  private func end(_ fault: SwarmFault) {
    switch fault.kind {
    case .pause(let host): world.resume(world.hosts[host])
    case .crash(let host): if world.hosts[host].condition == .off { restart(world.hosts[host]) }
    case .drift: break
    case .partition(let link, let direction):
      for each in LinkDirection.allCases where direction == nil || direction == each {
        world.setDown(false, world.links[link], each)
      }
    case .smallerPackets(let link, _):
      world.links[link].maximumTransmissionUnit = plan.links[link].maximumTransmissionUnit
    }
  }

  private func crash(_ host: NetworkHost) {
    if host.condition == .off { return }
    world.crash(host)
    for connection in connections where connection.isOpened && !connection.isOver {
      for end in [connection.client, connection.server] where end.host === host {
        connection.isBroken = true
        // A server that has not heard of the connection may still do so after it was started again.
        if end.id != nil, !end.isOver { end.isLost = true }
      }
    }
    owners[host.number] = [:]
    connectionOf[host.number] = [:]
    states[host.number] = [:]
    for port in host.ports { for prefix in port.addresses { watch.forget(prefix.address) } }
  }

  private func restart(_ host: NetworkHost) {
    world.restart(host)
    for connection in connections where !connection.plan.isDropped && connection.server.host === host {
      listen(connection)
    }
  }

  /// All faults are over.
  private func heal() {
    isHealed = true
    for (number, link) in plan.links.enumerated() {
      for direction in LinkDirection.allCases { world.configure(world.links[number], direction, link.healed) }
      world.links[number].maximumTransmissionUnit = link.maximumTransmissionUnit
    }
    for host in world.hosts {
      if host.condition == .off { restart(host) }
      world.resume(host)
    }
    for connection in connections where connection.isOpened {
      act(connection.client, of: connection)
      act(connection.server, of: connection)
    }
    tasks.add(.urge, at: world.now + .seconds(30))
  }

  /// Applications whose peer has gone without a word would wait for ever; now they hang up, and leave if that does
  /// not help. Again and again, for accepted connections may come late.
  private func urge() {
    for connection in connections
    where plan.hosts[connection.plan.server].alwaysSendsCookies && connection.server.id == nil {
      // The ACK with the cookie got lost, and a client that has nothing to say sends no other.
      if connection.client.isConnected { connection.isBroken = true }
    }
    for connection in connections where connection.isBroken && !connection.isOver {
      for end in [connection.client, connection.server] {
        guard let id = end.live, end.isConnected || end === connection.server else { continue }
        let now = world.time(at: end.host)
        if !end.hasFinished {
          end.hasFinished = true
          try? end.host.stack.finish(id, at: now)
        } else if !end.hasLeft {
          // In FIN-WAIT-2 nothing is outstanding that could be missed.
          end.hasLeft = true
          try? end.host.stack.close(id, at: now)
        }
      }
    }
    tasks.add(.urge, at: world.now + .seconds(30))
  }

  // MARK: The end

  private func closeListeners() {
    isClosing = true
    tasks = EventQueue()
    for connection in connections {
      guard let listener = connection.listener else { continue }
      let host = connection.server.host
      try? host.stack.close(listener, at: world.time(at: host))
    }
  }

  private var tablesAreEmpty: Bool {
    for host in world.hosts {
      let occupancy = host.stack.occupancy
      if occupancy.connections + occupancy.handshakes + occupancy.timeWaits > 0 { return false }
    }
    return true
  }

  /// Time is up, or nothing will ever happen again.
  private func giveUp() -> Bool {
    for connection in connections where !connection.plan.isDropped && !connection.isOver {
      fail(.liveness, describe(connection), connection.number)
      return false
    }
    if !isClosing {
      closeListeners()
      return true
    }
    if !tablesAreEmpty {
      for host in world.hosts {
        let held = host.stack.occupancy
        fail(
          .leak,
          "\(host.name) holds \(held.connections) connections, \(held.handshakes) handshakes and \(held.timeWaits) TIME-WAIT records"
        )
      }
    }
    return false
  }

  func fail(_ kind: SwarmFailure.Kind, _ text: String, _ flow: Int? = nil) {
    if failure == nil { failure = SwarmFailure(kind, text, at: world.now - plan.start, flow: flow) }
  }

  /// What the run has come to; complete when `step` has answered false.
  public func finish() -> SwarmOutcome {
    world.stopObserving()
    statistics.worlds = 1
    statistics.failures = failure == nil ? 0 : 1
    statistics.virtualTime = world.now - plan.start
    statistics.packets = world.packetsSent
    for connection in connections where connection.isOpened {
      statistics.connections += 1
      statistics.bytes += connection.client.read + connection.server.read
      if connection.isBroken { statistics.brokenConnections += 1 }
    }
    for link in world.links {
      for direction in LinkDirection.allCases { statistics.faults.add(link.statistics(direction)) }
    }
    return SwarmOutcome(failure: failure, digest: world.digest.value, statistics: statistics)
  }
}
