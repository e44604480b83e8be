// Holds the run of a bulk transfer: two hosts, the two directions of a link between them, virtual time. The applications
// are BulkFlow's, what is recorded and captured is in BulkSimulation+Watching.

public import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeWire

/// A bulk transfer under way. The same configuration gives the same run, bit for bit.
///
///     let simulation = BulkSimulation(configuration)
///     while simulation.step() {}
///     print(simulation.report().goodput)
public final class BulkSimulation {
  public let configuration: BulkConfiguration
  /// Virtual time since the connections were opened.
  public private(set) var now = Instant.zero
  /// Samples over time, if asked for.
  var recording: BulkRecording?
  /// A capture at the sender, if asked for.
  var capture: PcapngWriter?
  /// What was captured and not taken.
  var captured: [UInt8] = []

  let sender: BulkHost
  private let receiver: BulkHost
  private let listener: ListenerID
  private(set) var flows: [BulkFlow] = []
  private var flowOfSender: [ConnectionID: BulkFlow] = [:]
  private var flowOfReceiver: [ConnectionID: BulkFlow] = [:]
  private var dataLink: LinkEmulator
  private var acknowledgmentLink: LinkEmulator
  private var frames = FramePool()

  private var deliveredTogether: [UInt64]?
  /// Octets that have reached the receiving host, each counted once, and when it was half of all.
  private var arrived: UInt64 = 0
  private var halfArrivedAt: Instant?
  private static let port: UInt16 = 3401
  /// Steps at one instant after which something must be wrong with a stack's deadlines.
  private static let stepLimit = 1_000_000
  private var stepsAtThisInstant = 0

  /// Opens the connections at virtual time zero.
  /// - Parameters:
  ///   - configuration: what is transferred over which path. Its values must lie within their bounds.
  ///   - isRecording: whether samples are kept for `flowRecordings`.
  ///   - isCapturing: whether packets are kept for `takeCapture`.
  public init(_ configuration: BulkConfiguration, isRecording: Bool = false, isCapturing: Bool = false) {
    precondition(configuration.bytes >= 1 && configuration.bytes <= 1 << 40, "bytes are out of bounds")
    precondition((1...256).contains(configuration.flows.count), "there are 1 to 256 flows")
    precondition(
      (1000...1_000_000_000_000).contains(configuration.bitsPerSecond), "the rate is out of bounds")
    self.configuration = configuration
    var seeds = SeededGenerator(seed: configuration.seed)
    let budget = configuration.memoryBudget
    sender = BulkHost(address: 0x0A00_0001, memoryBudget: budget, seed: seeds.next())
    receiver = BulkHost(address: 0x0A00_0002, memoryBudget: budget, seed: seeds.next())
    dataLink = LinkEmulator(configuration.dataLink, seed: seeds.next())
    acknowledgmentLink = LinkEmulator(configuration.acknowledgmentLink, seed: seeds.next())
    let endpoint = ListenEndpoint(port: BulkSimulation.port)
    let settings = configuration.endpoint(configuration.flows[0])
    guard let listener = try? receiver.stack.listen(on: endpoint, backlog: 256, configuration: settings)
    else {
      preconditionFailure("a fresh host listens")
    }
    self.listener = listener
    if isRecording {
      recording = BulkRecording(flows: configuration.flows.count, roundTrip: configuration.roundTrip)
    }
    if isCapturing { beginCapture() }
    for algorithm in configuration.flows { open(algorithm) }
    drainBoth()
  }

  private func open(_ algorithm: CongestionControlAlgorithm) {
    let remote = Endpoint(address: receiver.address, port: BulkSimulation.port)
    let settings = configuration.endpoint(algorithm)
    guard let id = try? sender.stack.connect(to: remote, configuration: settings, at: now) else {
      preconditionFailure("a fresh host has a port and a route to its neighbour")
    }
    let flow = BulkFlow(number: flows.count, algorithm: algorithm, total: configuration.bytes, sender: id)
    flows.append(flow)
    flowOfSender[id] = flow
    flow.write(to: &sender.stack, at: now)
  }

  /// Runs a whole transfer.
  public static func run(_ configuration: BulkConfiguration) -> BulkReport {
    let simulation = BulkSimulation(configuration)
    while simulation.step() {}
    return simulation.report()
  }

  // MARK: Time

  /// Lets the next thing happen: a packet arrives, or a host's clock runs to its next deadline.
  /// - Returns: false when every transfer is over.
  public func step() -> Bool {
    if isOver { return false }
    guard let next = nextDeadline else { return giveUp(.stalled) }
    guard next <= Instant.zero + configuration.limit else { return giveUp(.outOfTime) }
    countStep(next)
    now = max(now, next)
    if let arrival = dataLink.nextArrival(at: now) {
      arriveAtReceiver(arrival)
      drain(receiver)
    } else if let arrival = acknowledgmentLink.nextArrival(at: now) {
      arrive(arrival, at: sender)
      drain(sender)
    } else {
      sender.stack.advance(to: now)
      receiver.stack.advance(to: now)
      drainBoth()
    }
    takeDrops()
    takeSamples()
    return !isOver
  }

  private var nextDeadline: Instant? {
    var next = Instant.distantFuture
    if let arrival = dataLink.nextDeadline { next = min(next, arrival) }
    if let arrival = acknowledgmentLink.nextDeadline { next = min(next, arrival) }
    if let deadline = sender.stack.nextDeadline { next = min(next, deadline) }
    if let deadline = receiver.stack.nextDeadline { next = min(next, deadline) }
    return next == .distantFuture ? nil : next
  }

  private func countStep(_ at: Instant) {
    if at > now { stepsAtThisInstant = 0 }
    stepsAtThisInstant += 1
    precondition(stepsAtThisInstant < BulkSimulation.stepLimit, "a host's deadline does not move on")
  }

  private var isOver: Bool {
    for flow in flows where !flow.isOver { return false }
    return true
  }

  private func giveUp(_ failure: BulkFailure) -> Bool {
    for flow in flows { flow.end(failure, sender.stack) }
    return false
  }

  // MARK: Packets

  private func drainBoth() {
    drain(sender)
    drain(receiver)
  }

  /// The contract of a driver: all frames, then all events, until there is neither.
  private func drain(_ host: BulkHost) {
    repeat {
      while transmitNext(from: host) {}
    } while takeEvents(of: host)
  }

  private func transmitNext(from host: BulkHost) -> Bool {
    let ticket = frames.take()
    let frame = frames[ticket]
    let metadata = frame.buffer.fill { host.stack.nextFrame(into: &$0) }
    guard let metadata else {
      frames.giveBack(ticket)
      return false
    }
    let isData = host === sender
    if isData, let id = metadata.connection, let flow = flowOfSender[id] { note(frame, of: flow) }
    let length = frame.buffer.count
    let traits =
      isData ? dataLink.traits(of: frame.buffer.bytes) : acknowledgmentLink.traits(of: frame.buffer.bytes)
    let verdict =
      isData
      ? dataLink.offer(ticket, length: length, traits: traits, at: now)
      : acknowledgmentLink.offer(ticket, length: length, traits: traits, at: now)
    if isData { captureDeparture(frame, metadata.purpose, verdict) }
    switch verdict {
    case .dropped: frames.giveBack(ticket)
    case .taken(_, let isCorrupted): if !isCorrupted { frame.flow?.text.willArrive(frame.range) }
    case .queued: frame.flow?.text.willArrive(frame.range)
    }
    return true
  }

  /// Takes back what the links dropped after they had taken it.
  private func takeDrops() {
    while let drop = dataLink.nextDrop() {
      let frame = frames[drop.ticket]
      frame.flow?.text.willNotArrive(frame.range)
      frames.giveBack(drop.ticket)
    }
    while let drop = acknowledgmentLink.nextDrop() { frames.giveBack(drop.ticket) }
  }

  /// Notes which text a frame of the sender carries.
  private func note(_ frame: BulkFrame, of flow: BulkFlow) {
    guard let (header, length) = BulkSimulation.segment(in: frame.buffer.bytes) else { return }
    if header.flags.contains(.syn) { flow.text.synchronize(header.sequence) }
    guard length > 0, let range = flow.text.place(of: header.sequence, count: length) else { return }
    frame.flow = flow
    frame.range = range
    let (isCopy, isSpurious) = flow.text.count(range)
    if isCopy {
      recording?.flows[flow.number].retransmissions.append(
        BulkRetransmission(at: now, offset: range.lowerBound, isSpurious: isSpurious))
    }
  }

  private static func segment(in packet: RawSpan) -> (header: TCPHeader, length: Int)? {
    guard let ip = try? IPv4Header.parse(packet),
      let tcp = try? TCPHeader.parse(packet.extracting(ip.payload))
    else { return nil }
    return (tcp.header, tcp.payload.count)
  }

  private func arriveAtReceiver(_ arrival: LinkArrival) {
    let frame = frames[arrival.ticket]
    let flow = frame.flow
    let range = frame.range
    let refusedBefore = receiver.stack.statistics.tcp.segmentsDropped
    arrive(arrival, at: receiver)
    guard let flow else { return }
    guard arrival.isIntact else {
      // What was queued was believed to arrive as it is.
      if case .controlledDelay = configuration.discipline { flow.text.willNotArrive(range) }
      return
    }
    let isRefused = receiver.stack.statistics.tcp.segmentsDropped > refusedBefore
    if isRefused, !isHeld(range, of: flow) {
      flow.text.wasRefused(range)
    } else {
      arrived += flow.text.hasArrived(range)
      if halfArrivedAt == nil, arrived >= configuration.bytes * UInt64(flows.count) / 2 {
        halfArrivedAt = now
      }
    }
  }

  /// Whether the receiver has text that it refused: then it was a copy. Otherwise there was no room for it.
  private func isHeld(_ range: Range<UInt64>, of flow: BulkFlow) -> Bool {
    guard let id = flow.receiver, let status = try? receiver.stack.status(of: id) else { return false }
    return range.lowerBound < status.statistics.bytesReceived
  }

  private func arrive(_ arrival: LinkArrival, at host: BulkHost) {
    let frame = frames[arrival.ticket]
    if arrival.isMarked || !arrival.isIntact {
      var packet = frame.bytes
      LinkMark.apply(arrival, to: &packet)
      if host === sender { captureArrival(packet) }
      host.stack.receive(packet.rawSpan, on: host.link, at: now)
    } else {
      if host === sender, capture != nil { captureArrival(frame.bytes) }
      host.stack.receive(frame.buffer.bytes, on: host.link, at: now)
    }
    if !arrival.hasCopyBehind { frames.giveBack(arrival.ticket) }
  }

  // MARK: Applications

  /// Lets the applications act on a host's news.
  /// - Returns: whether there was any.
  private func takeEvents(of host: BulkHost) -> Bool {
    var hadNews = false
    while let event = host.stack.nextEvent() {
      hadNews = true
      if host === sender { act(asSenderOn: event) } else { act(asReceiverOn: event) }
    }
    return hadNews
  }

  private func act(asSenderOn event: SocketEvent) {
    switch event {
    case .connected(let id): flowOfSender[id]?.connected(on: &sender.stack, at: now)
    case .writable(let id): flowOfSender[id]?.write(to: &sender.stack, at: now)
    case .closed(let id, let reason):
      // In TIME-WAIT, which follows when both directions have ended, nothing is left to see.
      flowOfSender[id]?.end(.closed(reason), sender.stack)
    case .acceptable, .readable, .urgent, .drained, .peerFinished, .retransmissionTrouble, .softError,
      .datagram, .datagramError, .echoReply, .echoError:
      break
    }
  }

  private func act(asReceiverOn event: SocketEvent) {
    switch event {
    case .acceptable: accept()
    case .readable(let id): read(id)
    case .peerFinished(let id):
      read(id)
      try? receiver.stack.finish(id, at: now)
    case .closed(let id, let reason):
      if reason != .finished, let flow = flowOfReceiver[id] { flow.end(.closed(reason), sender.stack) }
    case .connected, .urgent, .writable, .drained, .retransmissionTrouble, .softError, .datagram,
      .datagramError, .echoReply, .echoError:
      break
    }
  }

  private func accept() {
    while let id = try? receiver.stack.accept(listener) {
      guard let port = try? receiver.stack.endpoints(of: id).remote.port else { continue }
      for flow in flows where (try? sender.stack.endpoints(of: flow.sender).local.port) == port {
        flow.receiver = id
        flowOfReceiver[id] = flow
      }
      read(id)
    }
  }

  private func read(_ id: ConnectionID) {
    guard let flow = flowOfReceiver[id], flow.deliveredAt == nil else { return }
    flow.read(from: &receiver.stack, at: now)
    if deliveredTogether == nil, flow.deliveredAt != nil { deliveredTogether = flows.map { $0.delivered } }
    if flow.failure != nil { flow.end(nil, sender.stack) }
  }

  // MARK: Results

  /// What the run has come to; complete when `step` has answered false.
  public func report() -> BulkReport {
    var end = Instant.zero
    for flow in flows { end = max(end, flow.deliveredAt ?? now) }
    return BulkReport(
      configuration: configuration, flows: flows.map { $0.report(start: .zero, end: end) },
      dataLink: dataLink.statistics, acknowledgmentLink: acknowledgmentLink.statistics,
      receiverDrops: receiver.stack.statistics.tcp.drops, elapsed: end - .zero,
      secondHalf: halfArrivedAt.map { end - $0 } ?? .zero,
      deliveredTogether: deliveredTogether ?? flows.map { $0.delivered })
  }
}
