// Holds a network: what a program opens to have sockets, and how it ends. Sockets themselves are in their own files; what
// makes the loop turn is in LoopThread and PacketStream.

public import Logging
import SockeyeBytes
public import SockeyeStack
public import SockeyeTCP
public import SockeyeTunnel
public import SockeyeWire

/// A host of its own with TCP and UDP sockets, on a tunnel or on any other carrier of IP packets.
///
///     try await Network.run(tunnel: tunnel, addresses: [AddressPrefix(parsing: "10.34.1.2/24")!]) { network in
///       let connection = try await network.connect(to: Endpoint(parsing: "10.34.1.1:80")!)
///       …
///     }
///
/// The stack runs on a thread of its own; sockets are actors that live there. The network goes on until it is shut down, or
/// nobody refers to it or to one of its sockets any more.
public final class Network: Sendable {
  /// The executor of all sockets.
  public let loop: NetworkLoop
  let logger: Logger?
  let core: NetworkCore
  /// What a layer above keeps with the network, so that there is one of it.
  package let companion = Guarded<(any AnyObject & Sendable)?>(nil)
  private let life: NetworkLife

  /// - Parameter stopRunning: what makes the loop turn may rest.
  package init(_ loop: NetworkLoop, logger: Logger?, stopRunning: @escaping @Sendable () -> Void) {
    self.loop = loop
    self.logger = logger
    life = NetworkLife(loop, stopRunning)
    loop.life = life
    core = NetworkCore(loop)
  }

  /// Opens a network on a tunnel.
  /// - Parameters:
  ///   - tunnel: an interface that is up; the network owns it from now on.
  ///   - addresses: the host's own addresses, each with what can be reached next to it.
  ///   - configuration: the host's settings; its keys must come from a strong source of randomness.
  ///   - logger: gets what happens to the network and its sockets, nothing per packet.
  /// - Throws: `.tunnel`, or `.invalid` for impossible addresses.
  public convenience init(
    tunnel: consuming Tunnel, addresses: [AddressPrefix], configuration: StackConfiguration = .random(),
    logger: Logger? = nil
  ) throws(NetworkError) {
    let thread = try LoopThread()
    let device = TunnelDevice(tunnel)
    let interface = InterfaceConfiguration(maximumTransmissionUnit: device.mtu, addresses: addresses)
    let loop = try NetworkLoop(configuration, interface, device, thread)
    try thread.start(loop, descriptor: device.descriptor)
    self.init(loop, logger: logger) { thread.stop() }
  }

  /// Opens a network on a tunnel for the time of a function, and shuts it down afterwards: connections get `grace` to
  /// finish.
  /// - Returns: what the function returns.
  public nonisolated(nonsending) static func run<Result>(
    tunnel: consuming Tunnel, addresses: [AddressPrefix], configuration: StackConfiguration = .random(),
    grace: Duration = .seconds(5), logger: Logger? = nil,
    _ body: (Network) async throws -> Result
  ) async throws -> Result {
    let network = try Network(
      tunnel: tunnel, addresses: addresses, configuration: configuration, logger: logger)
    return try await network.use(grace: grace, body)
  }

  /// Lets a function use the network, and shuts it down afterwards.
  package nonisolated(nonsending) func use<Result>(
    grace: Duration, _ body: (Network) async throws -> Result
  ) async throws -> Result {
    do {
      let result = try await body(self)
      await shutDown(grace: grace)
      return result
    } catch {
      await shutDown(grace: .zero)
      throw error
    }
  }

  // MARK: Sockets

  /// Opens a connection.
  /// - Parameters:
  ///   - peer: whom to connect to.
  ///   - local: which of the host's addresses to use; nil lets the route decide. Port 0 lets the host choose.
  ///   - configuration: how the connection behaves; nil: as the host's configuration says.
  /// - Throws: `.refused`, `.timedOut`, `.unreachable`, `.reset`, `.noBuffers`, `.invalid`, `.cancelled`; then there is no
  ///   connection.
  public func connect(
    to peer: Endpoint, from local: ListenEndpoint = ListenEndpoint(port: 0),
    configuration: TCPConfiguration? = nil
  ) async throws(NetworkError) -> TCPConnection {
    do {
      let connection = try await core.connect(to: peer, from: local, configuration: configuration)
      NetworkMetrics.opened.increment()
      logger?.debug("connected", metadata: ["local": "\(connection.local)", "peer": "\(peer)"])
      return connection
    } catch {
      NetworkMetrics.failed.increment()
      logger?.debug("connect failed", metadata: ["peer": "\(peer)", "error": "\(error)"])
      throw error
    }
  }

  /// Opens a connection for the time of a function. Afterwards it is closed, or reset if the function throws.
  public nonisolated(nonsending) func withConnection<Result>(
    to peer: Endpoint, configuration: TCPConfiguration? = nil, _ body: (TCPConnection) async throws -> Result
  ) async throws -> Result {
    let connection = try await connect(to: peer, configuration: configuration)
    return try await connection.use(body)
  }

  /// Listens on a port.
  /// - Parameters:
  ///   - endpoint: which of the host's addresses, or all; port 0 lets the host choose one.
  ///   - backlog: how many connections may wait to be accepted.
  ///   - configuration: how the connections behave; nil: as the host's configuration says.
  /// - Throws: `.addressInUse`, `.addressNotAvailable`, `.noBuffers`, `.invalid`.
  public func listen(
    on endpoint: ListenEndpoint, backlog: Int = 128, configuration: TCPConfiguration? = nil
  ) async throws(NetworkError) -> TCPListener {
    let listener = try await core.listen(on: endpoint, backlog: backlog, configuration: configuration)
    logger?.info("listening", metadata: ["endpoint": "\(listener.endpoint)"])
    return listener
  }

  /// Listens on a port.
  public func listen(
    port: UInt16, backlog: Int = 128, configuration: TCPConfiguration? = nil
  ) async throws(NetworkError) -> TCPListener {
    try await listen(on: ListenEndpoint(port: port), backlog: backlog, configuration: configuration)
  }

  /// Opens a UDP socket.
  /// - Parameter endpoint: which of the host's addresses, or all; port 0 lets the host choose one.
  /// - Throws: `.addressInUse`, `.addressNotAvailable`, `.noBuffers`.
  public func bindUDP(
    _ endpoint: ListenEndpoint = ListenEndpoint(port: 0)
  ) async throws(NetworkError) -> UDPSocket {
    try await core.bind(endpoint)
  }

  /// What the host has counted.
  public func statistics() async -> HostStatistics { await core.statistics() }

  /// Connections in all states but TIME-WAIT.
  public func connectionCount() async -> Int { await core.connectionCount() }

  /// Octets of memory that the host's sockets and tables take, as far as its budget counts them.
  public func memoryUsed() async -> Int { await core.memoryUsed() }

  // MARK: The end

  /// Ends the network: listeners close at once, connections get some time to finish on their own, and those that are left
  /// are reset. Returns when all is over. Later calls fail with `.closed`.
  public func shutDown(grace: Duration = .seconds(5)) async {
    await core.shutDown(grace: Interval(grace))
    logger?.info("network shut down")
    life.stopRunning()
  }
}

/// As long as somebody holds it, the network goes on: the network itself, and each of its sockets.
final class NetworkLife: Sendable {
  private let loop: NetworkLoop
  let stopRunning: @Sendable () -> Void

  init(_ loop: NetworkLoop, _ stopRunning: @escaping @Sendable () -> Void) {
    self.loop = loop
    self.stopRunning = stopRunning
  }

  deinit {
    let loop = loop
    loop.execute { loop.fail(.closed) }
    stopRunning()
  }
}

extension NetworkLoop {
  /// The same with the errors of a network.
  package convenience init(
    _ configuration: StackConfiguration, _ interface: InterfaceConfiguration, _ device: any PacketDevice,
    _ runner: any LoopRunner
  ) throws(NetworkError) {
    do {
      try self.init(
        configuration: configuration, interface: interface, device: device, runner: runner)
    } catch {
      throw .interface(error)
    }
  }
}

extension Interval {
  /// As precise as nanoseconds are; what is longer than an interval can be is as long as one can be.
  package init(_ duration: Duration) {
    let parts = duration.components
    let (seconds, overflows) = parts.seconds.multipliedReportingOverflow(by: 1_000_000_000)
    self.init(nanoseconds: overflows ? .max : seconds + parts.attoseconds / 1_000_000_000)
  }
}
