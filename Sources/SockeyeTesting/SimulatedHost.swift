// Holds a host of a simulated network: a stack whose loop turns in virtual time.

import DequeModule
import SockeyeBytes
public import SockeyeSockets
import SockeyeStack
public import SockeyeWire

/// A host of a simulated network.
public final class SimulatedHost: @unchecked Sendable {
  public let name: String
  public let addresses: [IPAddress]
  /// Its sockets.
  public let network: Network
  let loop: NetworkLoop
  private let device: SimulatedDevice

  init(
    _ name: String, addresses: [AddressPrefix], _ configuration: StackConfiguration,
    in world: SimulatedNetwork
  ) {
    self.name = name
    self.addresses = addresses.map(\.address)
    device = SimulatedDevice(world)
    do {
      loop = try NetworkLoop(
        configuration, InterfaceConfiguration(addresses: addresses), device,
        SimulatedRunner(world.ready))
    } catch {
      preconditionFailure("a host can't have these addresses: \(error)")
    }
    network = Network(loop, logger: nil) {}
    device.host = self
  }

  /// An endpoint at the host's first address.
  public func endpoint(port: UInt16) -> Endpoint { Endpoint(address: addresses[0], port: port) }

  /// An endpoint at the host's first address of a version.
  public func endpoint(_ version: IPVersion, port: UInt16) -> Endpoint {
    guard let address = addresses.first(where: { $0.version == version }) else {
      preconditionFailure("\(name) has no address of that version")
    }
    return Endpoint(address: address, port: port)
  }

  func owns(_ address: IPAddress) -> Bool { addresses.contains(address) }

  /// The simulated network is gone: sockets and channels hear of it.
  func end() {
    let loop = loop
    loop.execute { loop.fail(.closed) }
  }

  /// A packet has arrived.
  func receive(_ packet: [UInt8]) {
    device.arrived.append(packet)
    loop.wake()
  }
}

/// Where the packets of a simulated host come from and go to.
private final class SimulatedDevice: PacketDevice, @unchecked Sendable {
  var arrived: Deque<[UInt8]> = []
  weak var host: SimulatedHost?
  private weak let world: SimulatedNetwork?

  init(_ world: SimulatedNetwork) {
    self.world = world
  }

  func receive(into frame: inout OutputRawSpan) throws(NetworkError) -> Bool {
    while let packet = arrived.popFirst() {
      if packet.isEmpty || packet.count > frame.freeCapacity { continue }
      unsafe frame.append(bytes: packet.span.bytes)
      return true
    }
    return false
  }

  func send(_ packet: RawSpan) throws(NetworkError) -> Bool {
    if let host, let world { world.send(packet, from: host) }
    return true
  }
}

/// Turns a loop in virtual time.
private final class SimulatedRunner: LoopRunner, @unchecked Sendable {
  private let ready: ReadyWork

  init(_ ready: ReadyWork) {
    self.ready = ready
  }

  var now: Instant { ready.now }

  var isRealTime: Bool { false }

  func wake(_ loop: NetworkLoop) { ready.add(loop) }
}
