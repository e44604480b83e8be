// Holds storms: rounds of connections that are all open at the same time and of which none ends in order. How they end
// is up to the tests.

import SockeyeSockets
import SockeyeSocketsTestSupport
import SockeyeStack
import SockeyeTCP
import SockeyeTunnel
import SockeyeWire

/// A client, and a server that does as the first octet of what it reads says.
struct Storm {
  /// What the server does with what has arrived.
  enum Order {
    /// Sends it back.
    static let echo: UInt8 = 1
    /// Resets the connection.
    static let abort: UInt8 = 2
  }

  /// Connections of a round.
  let size = 50
  let pair: Neighbours
  private let listener: TCPListener
  private let server: Task<Void, Never>
  /// Connections that the server uses now.
  private let served: Guarded<Int>

  init() async throws {
    var configuration = StackConfiguration.random()
    configuration.tcp.maximumSegmentLifetime = .milliseconds(1)
    var other = StackConfiguration.random()
    other.tcp = configuration.tcp
    pair = try Neighbours(client: configuration, server: other)
    let (listener, served) = (try await pair.server.listen(port: 7, backlog: 1024), Guarded(0))
    self.listener = listener
    self.served = served
    server = Task {
      // A group that kept the results of its tasks would grow with each.
      await withDiscardingTaskGroup { group in
        while let connection = try? await listener.accept() {
          served.withLock { $0 += 1 }
          group.addTask {
            await Self.serve(connection)
            served.withLock { $0 -= 1 }
          }
        }
      }
    }
  }

  private static func serve(_ connection: TCPConnection) async {
    while let chunk = try? await connection.read() {
      if chunk.first == Order.abort { await connection.abort() }
      try? await connection.write(chunk)
    }
  }

  /// A round: opens connections, and has each used by a task of its own. Returns when none is left at either end.
  /// - Parameters:
  ///   - count: all tasks are cancelled as soon as so many connections are open; nil: they end by themselves.
  ///   - use: is given a connection and its number.
  func blow(
    cancelledAt count: Int? = nil, _ use: @escaping @Sendable (TCPConnection, Int) async -> Void
  ) async {
    let (client, peer) = (pair.client, pair.serverEndpoint(listener))
    let opened = Guarded(0)
    await withDiscardingTaskGroup { group in
      for number in 0..<size {
        group.addTask {
          guard let connection = try? await client.connect(to: peer) else { return }
          opened.withLock { $0 += 1 }
          await use(connection, number)
        }
      }
      guard let count else { return }
      while opened.withLock({ $0 }) < count { await Task.yield() }
      group.cancelAll()
    }
    for network in [pair.client, pair.server] {
      while await network.connectionCount() > 0 { await Task.yield() }
    }
    while served.withLock({ $0 }) > 0 { await Task.yield() }
    // What is still on the wire, or on the way to a loop, comes to its end.
    for _ in 0..<20 {
      _ = await pair.client.connectionCount() + pair.server.connectionCount()
      await Task.yield()
    }
  }

  /// Shuts both networks down.
  func end() async {
    await listener.close()
    await server.value
    await pair.client.shutDown(grace: .seconds(2))
    await pair.server.shutDown(grace: .seconds(2))
  }
}
