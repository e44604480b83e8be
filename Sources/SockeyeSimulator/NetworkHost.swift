// Holds a host of a world of any number of hosts: its stack, its clock, its ends of links, and whether it runs. Packets and
// time come from NetworkWorld.

import SockeyeBytes
public import SockeyeStack
public import SockeyeWire

/// A packet that has come to a host that is paused.
struct WaitingPacket {
  let link: Int
  let direction: LinkDirection
  let packet: StoredPacket
  let isIntact: Bool
}

/// A host with a stack of its own.
///
/// Its user acts on `stack` between the steps of the world, with `NetworkWorld.time(at:)` as the time, and takes the stack's
/// events; frames are the world's affair. An identifier of a connection is worth nothing once `boots` has grown.
public final class NetworkHost: NetworkAttachable {
  /// Whether the host does anything.
  public enum Condition: UInt8, Sendable {
    case running
    /// It does nothing, as a virtual machine that is not scheduled. What arrives waits, up to a bound; its clock goes on.
    case paused
    /// It has no power: what arrives is lost, and so is all that it knew.
    case off
  }

  public let name: String
  /// The node's number in its world.
  public let number: Int
  /// The host's stack. Its configuration is that of `NetworkWorld.addHost`; its keys are new at each start.
  public var stack: Stack
  public internal(set) var condition = Condition.running
  public internal(set) var clock: HostClock
  /// How often it was started.
  public private(set) var boots = 1
  /// The host's ends of links, in the order of the stack's interfaces.
  public private(set) var ports: [NetworkPort] = []
  private var settings: StackConfiguration
  private var links: [LinkID] = []
  private var units: [Int] = []
  private var routes: [(prefix: AddressPrefix, gateway: IPAddress?, port: Int)] = []
  /// What arrived while it was paused.
  var waiting = BoundedQueue<WaitingPacket>(limit: 256)
  private var frame = FrameBuffer(capacity: 65_535)

  init(name: String, number: Int, settings: StackConfiguration, at now: Instant) {
    self.name = name
    self.number = number
    self.settings = settings
    clock = HostClock(showing: now, at: now)
    stack = Stack(configuration: settings)
    stack.advance(to: now)
  }

  public var node: NetworkNode { .host(self) }

  /// The host's first address of a version.
  public func address(_ version: IPVersion) -> IPAddress? {
    for port in ports {
      if let address = port.address(version) { return address }
    }
    return nil
  }

  /// When the host wants to be told the time, as the world sees it; nil when it does not run or waits for nothing.
  func deadline() -> Instant? {
    guard condition == .running, let deadline = stack.nextDeadline else { return nil }
    return clock.worldTime(of: deadline)
  }

  // MARK: Network

  func attach(_ port: NetworkPort, maximumTransmissionUnit unit: Int) {
    ports.append(port)
    units.append(unit)
    links.append(NetworkHost.attach(&stack, port, unit))
  }

  private static func attach(_ stack: inout Stack, _ port: NetworkPort, _ unit: Int) -> LinkID {
    let interface = InterfaceConfiguration(maximumTransmissionUnit: unit, addresses: port.addresses)
    guard let link = try? stack.addInterface(interface) else {
      preconditionFailure("a world's host needs addresses and an MTU that a stack accepts")
    }
    return link
  }

  /// Takes the routes to other links of the world in place of those it had.
  func setRoutes(_ new: [(prefix: AddressPrefix, gateway: IPAddress?, port: Int)]) {
    for route in routes { stack.removeRoute(to: route.prefix, on: links[route.port]) }
    routes = new
    for route in routes { try? stack.addRoute(to: route.prefix, via: route.gateway, on: links[route.port]) }
  }

  // MARK: Packets

  /// The next packet that the stack wants to send, and by which port.
  func nextPacket() -> (packet: [UInt8], metadata: FrameMetadata, port: Int)? {
    let metadata = frame.fill { stack.nextFrame(into: &$0) }
    guard let metadata else { return nil }
    return (NetworkHost.copy(of: frame), metadata, metadata.link.number - 1)
  }

  private static func copy(of frame: borrowing FrameBuffer) -> [UInt8] { [UInt8](frame.bytes) }

  /// Takes in a packet.
  func receive(_ packet: [UInt8], port: Int, at now: Instant) {
    stack.receive(packet.rawSpan, on: links[port], at: clock.time(at: now))
  }

  // MARK: Power

  func lose() {
    condition = .off
    waiting.removeAll()
  }

  /// Starts with a stack that remembers nothing and has other keys.
  func start(seed: UInt64, at now: Instant) {
    settings.keys = StackKeys(seed: seed)
    let isObserving = stack.observing
    stack = Stack(configuration: settings)
    stack.observing = isObserving
    boots += 1
    condition = .running
    links.removeAll()
    for (port, unit) in zip(ports, units) { links.append(NetworkHost.attach(&stack, port, unit)) }
    for route in routes { try? stack.addRoute(to: route.prefix, via: route.gateway, on: links[route.port]) }
    stack.advance(to: clock.time(at: now))
  }
}
