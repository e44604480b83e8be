// Holds a listener as tasks use it: a sequence of connections.

public import SockeyeStack
import SockeyeWire

/// Takes TCP connections to a port.
///
///     for try await connection in listener {
///       group.addTask { try await serve(connection) }
///     }
///
/// Connections are taken as they are asked for. Until then they wait, as many as the listener's backlog says, and
/// clients beyond that try again later.
///
/// A listener that nobody refers to any more is closed.
public actor TCPListener {
  /// Keeps the network going.
  private let life: NetworkLife?
  private let state: ListenerState
  /// Where it listens; the port is the one the host chose if none was given.
  public nonisolated let endpoint: ListenEndpoint

  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe state.loop.asUnownedSerialExecutor()
  }

  init(_ state: ListenerState, endpoint: ListenEndpoint) {
    self.state = state
    life = state.loop.life
    self.endpoint = endpoint
  }

  deinit {
    let state = state
    state.loop.execute { state.close() }
  }

  /// Waits for the next connection.
  /// - Returns: nil when the listener was closed.
  /// - Throws: `.cancelled`, or how the network ended.
  public func accept() async throws(NetworkError) -> TCPConnection? {
    while true {
      if let error = state.end { if error == .closed { return nil } else { throw error } }
      if let connection = try state.acceptNow() { return connection }
      guard await state.takers.wait() else { throw .cancelled() }
    }
  }

  /// Listens no more: connections that nobody has accepted are reset, the others stay.
  public func close() {
    state.close()
  }
}

extension TCPListener: AsyncSequence {
  public typealias Element = TCPConnection
  public typealias Failure = NetworkError

  public nonisolated func makeAsyncIterator() -> SocketSequence<TCPConnection>.AsyncIterator {
    SocketSequence.AsyncIterator { () async throws(NetworkError) in try await self.accept() }
  }
}

/// One listener, in the loop.
final class ListenerState: ListenerHandler, @unchecked Sendable {
  let loop: NetworkLoop
  let id: ListenerID
  let takers: WaitQueue
  private(set) var end: NetworkError?

  init(_ loop: NetworkLoop, _ id: ListenerID) {
    self.loop = loop
    self.id = id
    takers = WaitQueue(loop)
    loop.handlers.listeners[id] = self
  }

  func acceptable() { takers.wakeFirst() }

  func failed(_ error: NetworkError) {
    end = error
    takers.wakeAll()
  }

  func acceptNow() throws(NetworkError) -> TCPConnection? { try loop.accept(id) }

  func close() {
    guard end == nil else { return }
    try? loop.stack.close(id, at: loop.now)
    loop.handlers.listeners[id] = nil
    failed(.closed)
  }
}

extension NetworkLoop {
  /// The connection that has waited longest at a listener; nil when none waits.
  func accept(_ listener: ListenerID) throws(NetworkError) -> TCPConnection? {
    do throws(SocketError) {
      guard let connection = try stack.accept(listener) else { return nil }
      let tuple = try stack.endpoints(of: connection)
      NetworkMetrics.accepted.increment()
      return TCPConnection(
        ConnectionState(self, connection, isConnected: true), local: tuple.local, peer: tuple.remote)
    } catch {
      throw NetworkError(error)
    }
  }
}
