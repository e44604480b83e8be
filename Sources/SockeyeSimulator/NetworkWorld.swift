// Holds a world of any number of hosts, routers and links: how it is built and changed. How time passes is in
// NetworkWorld+Running, what becomes of packets in NetworkWorld+Packets, which way they go in NetworkWorld+Routes.
// World, with two hosts and a recording of everything, is for scenarios.

public import SockeyeBytes
public import SockeyeStack
public import SockeyeWire

/// Hosts, each with a stack of its own, routers, and links between them, in virtual time. Nothing in it reads a clock, and all
/// chance comes from its seed: the same calls give the same run, bit for bit (`digest`).
///
///     let world = NetworkWorld(seed: 1)
///     let client = world.addHost("client")
///     let router = world.addRouter("router")
///     let server = world.addHost("server")
///     world.link(client, router, LinkConfiguration(delay: .milliseconds(10)))
///     world.link(router, server, LinkConfiguration(delay: .milliseconds(20)))
///     let listener = try server.stack.listen(on: ListenEndpoint(port: 80))
///     let id = try client.stack.connect(to: world.endpoint(server, port: 80), at: world.time(at: client))
///     world.run(for: .seconds(1))
///
/// Every link is a network of its own: link n is 10.(n / 256).(n mod 256).0/24 and fd00:0:0:n::/64, the node named first has
/// the number 1 in it and the other 2. Routes follow the fewest hops, and only routers forward.
public final class NetworkWorld {
  /// Virtual time.
  public internal(set) var now: Instant
  public private(set) var hosts: [NetworkHost] = []
  public private(set) var routers: [NetworkRouter] = []
  public private(set) var links: [NetworkLink] = []
  /// All hosts and routers by number.
  public private(set) var nodes: [NetworkNode] = []
  /// What all packets so far come to: times, links, octets.
  public internal(set) var digest = RunDigest()
  /// Packets that nodes gave to links.
  public internal(set) var packetsSent: UInt64 = 0
  var packets = PacketStore()
  var journeys: UInt64 = 0
  var actions = EventQueue<(NetworkWorld) -> Void>()
  var observers: [(NetworkSighting) -> Void] = []
  var stepsAtThisInstant = 0
  private var generator: SeededGenerator

  /// A world without anything in it.
  /// - Parameters:
  ///   - seed: of keys and faults.
  ///   - start: where virtual time begins.
  public init(seed: UInt64, start: Instant = .zero) {
    generator = SeededGenerator(seed: seed)
    now = start
  }

  // MARK: Building

  /// Adds a host, which runs at once.
  /// - Parameter configure: changes the settings of its stack; keys are the world's affair.
  @discardableResult
  public func addHost(
    _ name: String, configure: (inout StackConfiguration) -> Void = { _ in }
  ) -> NetworkHost {
    let keys = StackKeys(seed: generator.next())
    var settings = StackConfiguration(keys: keys)
    configure(&settings)
    settings.keys = keys
    let host = NetworkHost(name: name, number: nodes.count, settings: settings, at: now)
    hosts.append(host)
    nodes.append(.host(host))
    return host
  }

  @discardableResult
  public func addRouter(_ name: String) -> NetworkRouter {
    let router = NetworkRouter(name: name, number: nodes.count)
    routers.append(router)
    nodes.append(.router(router))
    return router
  }

  /// Joins two nodes.
  /// - Parameters:
  ///   - forward: the way from the first to the second.
  ///   - backward: the way back; nil: the same.
  ///   - maximumTransmissionUnit: what both ends know of the link, 1280...65,535 octets.
  @discardableResult
  public func link<First: NetworkAttachable, Second: NetworkAttachable>(
    _ first: First, _ second: Second, _ forward: LinkConfiguration, _ backward: LinkConfiguration? = nil,
    maximumTransmissionUnit unit: Int = 1500
  ) -> NetworkLink {
    join(first.node, second.node, forward, backward, maximumTransmissionUnit: unit)
  }

  /// Joins two nodes; see `link`.
  @discardableResult
  public func join(
    _ first: NetworkNode, _ second: NetworkNode, _ forward: LinkConfiguration,
    _ backward: LinkConfiguration? = nil, maximumTransmissionUnit unit: Int = 1500
  ) -> NetworkLink {
    precondition((1280...65_535).contains(unit), "an MTU of a link is one that IPv6 can use")
    precondition(first.number != second.number, "a link has two ends")
    let number = links.count
    precondition(number < 65_536, "there are as many links as networks")
    let link = NetworkLink(
      number: number, first: first, second: second, maximumTransmissionUnit: unit,
      forward: LinkEmulator(forward, seed: generator.next()),
      backward: LinkEmulator(backward ?? forward, seed: generator.next()))
    links.append(link)
    attach(link, .forward)
    attach(link, .backward)
    updateRoutes()
    return link
  }

  private func attach(_ link: NetworkLink, _ outbound: LinkDirection) {
    let port = NetworkPort(
      link: link.number, outbound: outbound,
      addresses: [IPVersion.v4, .v6].compactMap {
        NetworkWorld.prefix(ofLink: link.number, outbound, $0)
      })
    switch link.sender(outbound) {
    case .host(let host): host.attach(port, maximumTransmissionUnit: link.maximumTransmissionUnit)
    case .router(let router): router.attach(port)
    }
  }

  /// The address of an end of a link.
  static func prefix(
    ofLink number: Int, _ outbound: LinkDirection, _ version: IPVersion
  ) -> AddressPrefix? {
    let host: UInt32 = outbound == .forward ? 1 : 2
    let network = UInt32(number)
    switch version {
    case .v4:
      return AddressPrefix(
        address: .v4(IPv4Address(rawValue: 0x0A00_0000 | network << 8 | host)), length: 24)
    case .v6:
      return AddressPrefix(
        address: .v6(IPv6Address(high: 0xFD00_0000_0000_0000 | UInt64(network), low: UInt64(host))),
        length: 64)
    }
  }

  /// A host's first address with a port.
  /// - Precondition: the host has a link.
  public func endpoint(_ host: NetworkHost, port: UInt16, _ version: IPVersion = .v4) -> Endpoint {
    guard let address = host.address(version) else { preconditionFailure("the host has no link") }
    return Endpoint(address: address, port: port)
  }

  /// What a host's clock shows: the time for calls to its stack.
  public func time(at host: NetworkHost) -> Instant { host.clock.time(at: now) }

  /// Has every packet that enters or leaves a link shown to a closure, which must not change the world.
  /// An observer that holds on to the world keeps it, until `stopObserving`.
  public func observe(_ observer: @escaping (NetworkSighting) -> Void) { observers.append(observer) }

  /// Lets go of all observers.
  public func stopObserving() { observers = [] }

  // MARK: Links

  /// Makes a direction of a link another one from now on; packets on it keep their fates.
  public func configure(_ link: NetworkLink, _ direction: LinkDirection, _ configuration: LinkConfiguration) {
    link.withEmulator(direction) { $0.reconfigure(configuration, at: now) }
  }

  /// Cuts or restores a direction of a link: a partition in one direction, or with both of them in full.
  public func setDown(_ isDown: Bool, _ link: NetworkLink, _ direction: LinkDirection) {
    link.withEmulator(direction) { $0.isDown = isDown }
  }

  /// Has a direction of a link drop larger packets without a word; nil: none.
  public func setMaximumPacket(_ octets: Int?, _ link: NetworkLink, _ direction: LinkDirection) {
    link.withEmulator(direction) { $0.maximumPacket = octets }
  }

  // MARK: Hosts

  /// Has a host do nothing until `resume`.
  public func pause(_ host: NetworkHost) {
    drainAll()
    if host.condition == .running { host.condition = .paused }
  }

  public func resume(_ host: NetworkHost) {
    guard host.condition == .paused else { return }
    host.condition = .running
    host.stack.advance(to: time(at: host))
    while let waiting = host.waiting.popFirst() { take(waiting, host) }
  }

  /// Takes a host's power away: what it knows is lost, and what arrives.
  public func crash(_ host: NetworkHost) {
    drainAll()
    host.lose()
  }

  /// Starts a host that is off, with no memory and other keys; or starts one anew.
  public func restart(_ host: NetworkHost) { host.start(seed: generator.next(), at: now) }

  /// Has a host's clock go at another rate from now on; see `HostClock`.
  public func setClockRate(_ numerator: UInt64, per denominator: UInt64, of host: NetworkHost) {
    host.clock.setRate(numerator, per: denominator, at: now)
  }
}
