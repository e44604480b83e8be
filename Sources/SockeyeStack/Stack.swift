// Holds one host: its tables, its clock, its links. What arrives, what leaves, and the user's calls are in the
// extensions beside this file; one connection is SockeyeTCP's affair.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

/// One host: interfaces, addresses and routes; TCP, UDP and ICMP over IPv4 and IPv6.
///
/// A stack does no I/O, reads no clock and has no randomness of its own: the same calls with the same arguments
/// give the same bytes. Whoever drives it gives it frames (`receive`), the user's calls, and the time
/// (`advance`); after each of these the driver takes out all frames (`nextFrame`), then all events
/// (`nextEvent`), and comes back at `nextDeadline` at the latest.
///
///     var stack = Stack(configuration: StackConfiguration(keys: StackKeys(seed: 1)))
///     let link = try stack.addInterface(InterfaceConfiguration(addresses: [address]))
///     let listener = try stack.listen(on: ListenEndpoint(port: 80))
///     stack.receive(frame, on: link, at: now)
///     while let metadata = stack.nextFrame(into: &output) { … }
///     while let event = stack.nextEvent() { … }
///
/// Time never runs backwards: an earlier instant than the last one counts as the last one.
public struct Stack: ~Copyable {
  private let pinned = Pinned()
  let configuration: StackConfiguration
  let initialSequences: InitialSequenceGenerator
  var cookies: SynCookies
  let fastOpenCookies: FastOpenCookies
  var fastOpens: FastOpenTable
  /// When the last call came in.
  public internal(set) var now = Instant.zero
  public internal(set) var statistics = HostStatistics()
  var budget: MemoryBudget

  var interfaces = InterfaceTable()
  var routeTable = RouteTable()
  /// The last pair of addresses found in order, so that a stream of packets is looked at once.
  var lastAdmitted: AdmittedPair?
  /// The connection that a segment was last for: the next one most often is, too.
  var lastConnection: ConnectionKey?

  var connections: Slab<ConnectionRecord>
  var handshakes: Slab<HandshakeRecord>
  /// Octets charged for them.
  var handshakeOctets = 0
  var timeWaits: Slab<TimeWaitEntry>
  var paths: PathTable
  /// When what was learnt of paths is next compared with what connections go by, and not before when.
  var nextPathReview = Instant.distantFuture
  var earliestPathReview = Instant.zero
  /// From the keyed hash of a four-tuple to its `FlowNumber`.
  var flows = HashIndex()
  /// What is taken for others; nil: nothing.
  var forwarding: Forwarding?
  var listeners: Slab<Listener>
  var listenerPorts = HashIndex()
  var datagramSockets: Slab<DatagramSocket>
  var datagramPorts = HashIndex()
  var ports: PortAllocator
  var authenticationTable = AuthenticationTable()
  /// A peer has, or has had, keys: each segment is looked at for who must sign it.
  var authenticates = false
  /// What has verified the SYN that is being looked at, for the connection it begins.
  var arriving: SegmentAuthenticator?
  var reassembly: Reassembly

  var connectionDeadlines = DeadlineHeap()
  var handshakeDeadlines = DeadlineHeap()
  var timeWaitDeadlines = DeadlineHeap()

  /// Connections whose buffers take memory, and when they are looked at again.
  var bufferedConnections = IndexQueue()
  var bufferedCount = 0
  var nextBufferInspection = Instant.distantFuture

  /// Connections and handshakes that may have something to send.
  var readyConnections = IndexQueue()
  var readyHandshakes = IndexQueue()
  /// Segments without a connection of their own: resets, and answers of TIME-WAIT.
  var replies = BoundedQueue<Reply>(limit: 256)
  var datagrams: DatagramQueue
  /// Which of the sources of frames is asked first next time.
  var turn = 0
  /// A drain was cut short because the host had talked to itself for too long.
  var loopbackPending = false
  var identifications: IdentificationSource

  var resetLimit: RateLimit
  var echoLimit: RateLimit
  var errorLimit: RateLimit

  /// Sockets whose news the user hasn't taken.
  var connectionNews = IndexQueue()
  var listenerNews = IndexQueue()
  var datagramNews = IndexQueue()
  /// News that belongs to no queue of its own.
  var otherNews = BoundedQueue<SocketEvent>(limit: 256)

  /// Whether observations are kept for `nextObservation`. Off, they cost nothing.
  public var observing = false
  /// What ran in a connection before the change that is being made to it; kept only while observing.
  var timersBefore = ArmedTimers()
  var observations: BoundedQueue<StackObservation>
  /// Observations lost because nobody took them in time.
  public internal(set) var observationsLost: UInt64 = 0

  /// A host without interfaces but for the loopback (127.0.0.1 and ::1).
  public init(configuration: StackConfiguration) {
    self.configuration = configuration
    initialSequences = InitialSequenceGenerator(
      key: configuration.keys.initialSequence, offsetKey: configuration.keys.timestampOffset)
    cookies = SynCookies(key: configuration.keys.cookies)
    fastOpenCookies = FastOpenCookies(key: configuration.keys.fastOpen)
    fastOpens = FastOpenTable(
      key: configuration.keys.paths, limit: configuration.pathLimit, pause: configuration.fastOpenPause)
    budget = MemoryBudget(limit: configuration.memoryBudget)
    connections = Slab(limit: configuration.connectionLimit)
    handshakes = Slab(limit: configuration.handshakeLimit)
    timeWaits = Slab(limit: configuration.timeWaitLimit)
    listeners = Slab(limit: configuration.listenerLimit)
    datagramSockets = Slab(limit: configuration.datagramSocketLimit)
    ports = PortAllocator(key: configuration.keys.ports, range: configuration.ephemeralPorts)
    paths = PathTable(
      key: configuration.keys.paths, limit: configuration.pathLimit, lifetime: configuration.pathLifetime)
    reassembly = Reassembly(configuration: configuration)
    datagrams = DatagramQueue(
      byteLimit: configuration.datagramQueueBytes, limit: configuration.datagramQueueLimit)
    identifications = IdentificationSource(key: configuration.keys.identification)
    resetLimit = RateLimit(perSecond: configuration.resetsPerSecond)
    echoLimit = RateLimit(perSecond: configuration.echoRepliesPerSecond)
    errorLimit = RateLimit(perSecond: configuration.icmpErrorsPerSecond)
    observations = BoundedQueue(limit: max(1, configuration.observationLimit))
  }

  /// Octets counted against the host's budget.
  public var memoryUsed: Int {
    budget.used + reassembly.allocatedBytes + datagrams.allocatedBytes + paths.allocatedBytes
      + fastOpens.allocatedBytes
  }

  // MARK: Links, addresses and routes

  /// The octets a frame buffer must have free for `nextFrame`: the largest MTU of all links.
  public var largestFrame: Int { interfaces.largestTransmissionUnit }

  /// Attaches the host to a link.
  /// - Returns: the link's name, for `receive` and in `FrameMetadata`.
  /// - Throws: `StackError`, and then nothing has changed.
  public mutating func addInterface(
    _ configuration: InterfaceConfiguration
  ) throws(StackError) -> LinkID {
    var attempt = interfaces
    let link = try attempt.add(configuration)
    var routes = routeTable
    for address in configuration.addresses {
      try attempt.add(address, to: link)
      try routes.add(Route(prefix: address, gateway: nil, link: link))
    }
    interfaces = attempt
    routeTable = routes
    routesChanged()
    return link
  }

  /// Gives an interface one more address, and the host a route to the address's prefix.
  public mutating func addAddress(_ address: AddressPrefix, to link: LinkID) throws(StackError) {
    guard link != .loopback else { throw .noSuchLink(link) }
    var attempt = interfaces
    try attempt.add(address, to: link)
    try routeTable.add(Route(prefix: address, gateway: nil, link: link))
    interfaces = attempt
    routesChanged()
  }

  /// Takes an address from its interface, with the route that came with it. Connections from the address stay
  /// and get no answers any more.
  /// - Returns: whether the host had it.
  @discardableResult
  public mutating func removeAddress(_ address: IPAddress) -> Bool {
    guard let known = interfaces.remove(address) else { return false }
    _ = routeTable.remove(known.prefix, on: known.link)
    routesChanged()
    return true
  }

  /// Adds a way to the addresses of a prefix. The longest prefix wins, then the oldest.
  /// - Parameter gateway: a router on the link; nil when the prefix can be reached on the link itself.
  public mutating func addRoute(
    to prefix: AddressPrefix, via gateway: IPAddress? = nil, on link: LinkID
  ) throws(StackError) {
    guard interfaces.contains(link), link != .loopback else { throw .noSuchLink(link) }
    if let gateway {
      guard gateway.version == prefix.address.version, !gateway.isMulticast, !gateway.isUnspecified,
        !interfaces.owns(gateway)
      else { throw .invalidGateway(gateway) }
    }
    try routeTable.add(Route(prefix: prefix, gateway: gateway, link: link))
    routesChanged()
  }

  /// Takes the oldest route to a prefix over a link away.
  /// - Returns: whether there was one.
  @discardableResult
  public mutating func removeRoute(to prefix: AddressPrefix, on link: LinkID) -> Bool {
    guard routeTable.remove(prefix, on: link) else { return false }
    routesChanged()
    return true
  }

  /// All routes in the order in which they are tried; the host's own addresses need none.
  public var routes: [Route] { routeTable.routes }

  /// The link that packets to an address leave by; nil when there is no route.
  func link(towards address: IPAddress) -> LinkID? {
    interfaces.owns(address) ? .loopback : routeTable.route(to: address)?.link
  }

  /// Lets each connection go by the new routes; its addresses stay what they were (RFC 9293 §3.9.1.1 MUST-45).
  private mutating func routesChanged() {
    lastAdmitted = nil
    var next: UInt32 = 0
    while let key = connections.firstKey(from: next) {
      next = key.index + 1
      guard let link = link(towards: connections[key].envelope.tuple.remote.address) else { continue }
      connections[key].envelope.link = link
      let unit = interfaces.maximumTransmissionUnit(of: link)
      if unit < connections[key].pathMTU { lowerPathMTU(of: key, to: unit) }
    }
  }

  // MARK: Time

  /// Tells the host the time, and lets what is due fall due.
  public mutating func advance(to instant: Instant) {
    now = max(now, instant)
    fireTimers()
  }

  /// When the host wants to be told the time again; nil when only a frame or a call can change anything.
  ///
  /// To be asked once all frames were taken out.
  public var nextDeadline: Instant? {
    mutating get {
      if loopbackPending { return now }
      correctDeadlines()
      var earliest = Instant.distantFuture
      if let entry = connectionDeadlines.earliest { earliest = min(earliest, entry.deadline) }
      if let entry = handshakeDeadlines.earliest { earliest = min(earliest, entry.deadline) }
      if let entry = timeWaitDeadlines.earliest { earliest = min(earliest, entry.deadline) }
      if let deadline = reassembly.nextDeadline { earliest = min(earliest, deadline) }
      earliest = min(earliest, nextPathReview)
      if !bufferedConnections.isEmpty { earliest = min(earliest, nextBufferInspection) }
      return earliest == .distantFuture ? nil : earliest
    }
  }

  /// Makes the first deadline of a connection that the heap knows the true one: `schedule` tells it of earlier ones
  /// at once, of later ones not at all.
  private mutating func correctDeadlines() {
    while let entry = connectionDeadlines.earliest, let key = connections.key(at: entry.id) {
      let deadline = connections[key].deadline
      if deadline == entry.deadline { return }
      if deadline == .distantFuture {
        connectionDeadlines.remove(entry.id)
      } else {
        connectionDeadlines.set(entry.id, deadline)
      }
    }
  }

  mutating func fireTimers() {
    if connectionDeadlines.isDue(at: now) { connectionsDue() }
    while handshakeDeadlines.isDue(at: now), let index = handshakeDeadlines.popDue(at: now) {
      readyHandshakes.append(index)
    }
    while timeWaitDeadlines.isDue(at: now), let index = timeWaitDeadlines.popDue(at: now) {
      timeWaitOver(index)
    }
    while reassembly.isDue(at: now), reassembly.expireOne(at: now) { statistics.ip.fragmentsDropped += 1 }
    if nextBufferInspection <= now { inspectBuffers() }
    if nextPathReview <= now { reviewPaths() }
  }

  private mutating func connectionsDue() {
    while let index = connectionDeadlines.popDue(at: now) { connectionDue(index) }
  }

  private mutating func connectionDue(_ index: UInt32) {
    guard let key = connections.key(at: index) else { return }
    let deadline = connections[key].deadline
    guard deadline <= now else {
      if deadline != .distantFuture { connectionDeadlines.set(index, deadline) }
      return
    }
    connections[key].deadline = .distantFuture
    if observing { observeFiredTimers(of: key) }
    readyConnections.append(index)
  }
}
