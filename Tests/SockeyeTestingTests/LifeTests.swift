// Holds tests of what is left of a simulated network that nobody refers to any more: nothing.

import SockeyeSockets
import SockeyeStack
import SockeyeTesting
import Testing

@Suite("a simulated network that nobody uses any more")
struct LifeTests {
  /// Leaves a network with an open connection, and with what its sockets still ask for as they go.
  private func use(finishes: Bool) async throws -> [Weak<NetworkLoop>] {
    let network = SimulatedNetwork()
    let (client, server) = (network.addHost("client"), network.addHost("server"))
    network.link(client, server)
    let loops = [Weak(client.network.loop), Weak(server.network.loop)]
    try await network.run {
      let listener = try await server.network.listen(port: 80)
      let socket = try await server.network.bindUDP()
      let connection = try await client.network.connect(to: server.endpoint(port: 80))
      let other = try #require(try await listener.accept())
      try await connection.write("hello")
      #expect(try await other.read() == Array("hello".utf8))
      try await socket.send([1], to: client.endpoint(port: 9))
      if finishes {
        await client.network.shutDown()
        await server.network.shutDown()
      }
    }
    return loops
  }

  @Test("is gone, with its hosts and their sockets", arguments: [false, true])
  func gone(finishes: Bool) async throws {
    let loops = try await use(finishes: finishes)
    // The last jobs let go of it in their own time.
    for _ in 0..<5000 where loops.contains(where: { $0.object != nil }) {
      try await Task.sleep(for: .milliseconds(1))
    }
    #expect(loops.allSatisfy { $0.object == nil })
  }
}

private struct Weak<Object: AnyObject & Sendable>: Sendable {
  weak let object: Object?

  init(_ object: Object) {
    self.object = object
  }
}
