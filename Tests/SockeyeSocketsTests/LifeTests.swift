// Holds tests of how long networks live: until nobody uses them any more.

import SockeyeSockets
import SockeyeSocketsTestSupport
import SockeyeStack
import SockeyeWire
import Testing

@Suite("what nobody uses any more")
struct LifeTests {
  @Test(
    "networks are gone, with all that was in them, when nobody refers to them", arguments: Farewell.allCases)
  func gone(farewell: Farewell) async throws {
    #expect(try await liveAndGo(farewell))
  }
}

/// How networks are left.
enum Farewell: CaseIterable {
  /// Connections end before their networks do.
  case inOrder
  /// Networks end while a connection is under way.
  case atOnce
  /// Nobody says anything.
  case silent
}

/// Uses two networks in every way, and leaves them.
/// - Returns: whether they are gone in reasonable time.
func liveAndGo(_ farewell: Farewell) async throws -> Bool {
  let loops = try await use(farewell)
  // Their threads let go of them in their own time.
  for _ in 0..<5000 where loops.contains(where: { $0.object != nil }) {
    try await Task.sleep(for: .milliseconds(1))
  }
  return loops.allSatisfy { $0.object == nil }
}

private func use(_ farewell: Farewell) async throws -> [Weak<NetworkLoop>] {
  let pair = try Neighbours()
  let loops = [Weak(pair.client.loop), Weak(pair.server.loop)]
  let listener = try await pair.server.listen(port: 7)
  let forwarder = try await pair.server.forward { _ in .accept }
  let socket = try await pair.client.bindUDP()
  try await socket.send([1], to: Endpoint(parsing: "8.8.8.8:53")!)
  let flow = Task { () -> Endpoint? in
    for try await flow in forwarder.flows { return flow.source }
    return nil
  }
  _ = try await flow.value
  let connection = try await pair.client.connect(to: pair.serverEndpoint(listener))
  let other = try #require(try await listener.accept())
  let reading = Task { try await other.read() }
  try await connection.write("hello")
  _ = try await reading.value
  let waiting = Task { try await other.read() }
  waiting.cancel()
  _ = await waiting.result
  switch farewell {
  case .inOrder:
    try await connection.finish()
    try await other.finish()
    #expect(try await connection.read() == nil)
    #expect(try await other.read() == nil)
    await forwarder.close()
    await listener.close()
    await pair.client.shutDown()
    await pair.server.shutDown()
  case .atOnce:
    await forwarder.close()
    await pair.client.shutDown(grace: .milliseconds(1))
    await pair.server.shutDown(grace: .zero)
  case .silent: break
  }
  return loops
}

private struct Weak<Object: AnyObject & Sendable>: Sendable {
  weak let object: Object?

  init(_ object: Object) {
    self.object = object
  }
}
