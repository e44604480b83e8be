// Holds what a network does in its loop: opening sockets and shutting down.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeWire

/// A network, in the loop.
actor NetworkCore {
  private let loop: NetworkLoop

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  init(_ loop: NetworkLoop) {
    self.loop = loop
  }

  private func checkOpen() throws(NetworkError) {
    if let failure = loop.failure { throw failure }
    if loop.isShuttingDown { throw .closed }
  }

  func connect(
    to peer: Endpoint, from local: ListenEndpoint, configuration: TCPConfiguration?
  ) async throws(NetworkError) -> TCPConnection {
    try checkOpen()
    let state: ConnectionState
    let connection: TCPConnection
    do throws(SocketError) {
      let id = try loop.stack.connect(
        to: peer, from: local.address, port: local.port, configuration: configuration,
        at: loop.now)
      state = ConnectionState(loop, id, isConnected: false)
      connection = TCPConnection(state, local: try loop.stack.endpoints(of: id).local, peer: peer)
    } catch {
      throw NetworkError(error)
    }
    while !state.isConnected {
      if let end = state.end { throw end }
      guard await state.openers.wait() else {
        state.abort()
        throw .cancelled()
      }
    }
    return connection
  }

  func listen(
    on endpoint: ListenEndpoint, backlog: Int, configuration: TCPConfiguration?
  ) throws(NetworkError) -> TCPListener {
    try checkOpen()
    do throws(SocketError) {
      let id = try loop.stack.listen(
        on: endpoint, backlog: backlog, configuration: configuration)
      return TCPListener(ListenerState(loop, id), endpoint: try loop.stack.endpoint(of: id))
    } catch {
      throw NetworkError(error)
    }
  }

  func bind(_ endpoint: ListenEndpoint) throws(NetworkError) -> UDPSocket {
    try checkOpen()
    do throws(SocketError) {
      let id = try loop.stack.bind(endpoint)
      return UDPSocket(DatagramState(loop, id), endpoint: try loop.stack.endpoint(of: id))
    } catch {
      throw NetworkError(error)
    }
  }

  func forward(
    backlog: Int, flowLimit: Int, idleTimeout: Interval, configuration: TCPConfiguration?,
    decide: @escaping @Sendable (FlowRequest) async -> OpenDecision
  ) throws(NetworkError) -> Forwarder {
    try checkOpen()
    do throws(SocketError) {
      let forwarder = try loop.stack.openForwarder(
        on: loop.link, backlog: backlog, configuration: configuration)
      return Forwarder(
        ForwarderState(
          loop, forwarder, backlog: backlog, flowLimit: flowLimit, idleTimeout: idleTimeout, decide: decide))
    } catch {
      throw NetworkError(error)
    }
  }

  func statistics() -> HostStatistics { loop.stack.statistics }

  func memoryUsed() -> Int { loop.stack.memoryUsed }

  func connectionCount() -> Int { loop.handlers.connections.count }

  // MARK: Shutting down

  func shutDown(grace: Interval) async {
    if loop.isShuttingDown { return }
    loop.isShuttingDown = true
    for listener in loop.handlers.listeners.values { listener.failed(.closed) }
    for id in loop.handlers.listeners.keys { try? loop.stack.close(id, at: loop.now) }
    loop.handlers.listeners = [:]
    loop.handlers.forwarder?.failed(.closed)
    loop.handlers.forwarder = nil
    loop.stack.closeForwarder(at: loop.now)
    if grace > .zero, !loop.handlers.connections.isEmpty {
      for handler in loop.handlers.connections.values { handler.shutdownBegins() }
      await waitForConnections(until: loop.now + grace)
    }
    for id in loop.handlers.connections.keys { try? loop.stack.abort(id, at: loop.now) }
    for id in loop.handlers.datagrams.keys { try? loop.stack.close(id) }
    // The last resets leave in this turn of the loop, and what waits hears of the end.
    await withCheckedContinuation { continuation in
      loop.execute { continuation.resume() }
    }
    loop.fail(.closed)
  }

  /// Waits until all connections are over, or the time has come.
  private func waitForConnections(until limit: Instant) async {
    let queue = WaitQueue(loop)
    let token = loop.schedule(at: limit) { queue.wakeAll() }
    loop.connectionEnded = { queue.wakeAll() }
    while !loop.handlers.connections.isEmpty, loop.now < limit {
      guard await queue.wait() else { break }
    }
    loop.connectionEnded = nil
    loop.cancel(token)
  }
}
