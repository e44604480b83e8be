// Holds tests of many connections at once, and of leaving them in every way.

import SockeyeSockets
import SockeyeSocketsTestSupport
import SockeyeStack
import SockeyeTCP
import SockeyeWire
import Testing

@Suite("crowds of connections", .serialized)
struct CrowdTests {
  #if DEBUG
    private let crowd = 500
  #else
    private let crowd = 10_000
  #endif

  private func settings() -> StackConfiguration {
    var configuration = StackConfiguration.random()
    configuration.tcp.maximumSegmentLifetime = .milliseconds(1)
    return configuration
  }

  @Test("each of a crowd echoes, and no byte is lost")
  func echo() async throws {
    let pair = try Neighbours(client: settings(), server: settings())
    let listener = try await pair.server.listen(port: 7, backlog: 1024)
    let peer = pair.serverEndpoint(listener)
    let server = Task {
      await withTaskGroup(of: Void.self) { group in
        while let connection = try? await listener.accept() {
          group.addTask {
            while let chunk = try? await connection.read() { try? await connection.write(chunk) }
            try? await connection.finish()
          }
        }
      }
    }
    let crowd = crowd
    let (client, gate) = (pair.client, Gate(crowd))
    let exact = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<crowd {
        group.addTask {
          guard let connection = try? await client.connect(to: peer) else { return false }
          // All are open at the same time.
          await gate.pass()
          let text = Array("connection \(number) says hello".utf8)
          try? await connection.write(text)
          try? await connection.finish()
          var answer: [UInt8] = []
          while let chunk = try? await connection.read() { answer += chunk }
          return answer == text
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(exact == crowd)
    await listener.close()
    await server.value
    await pair.client.shutDown()
    await pair.server.shutDown()
    #expect(await pair.client.connectionCount() == 0)
    #expect(await pair.server.connectionCount() == 0)
  }

  @Test("cancelling and aborting in a storm leaves nothing behind")
  func storm() async throws {
    let pair = try Neighbours(client: settings(), server: settings())
    let listener = try await pair.server.listen(port: 7, backlog: 1024)
    let peer = pair.serverEndpoint(listener)
    let server = Task {
      await withTaskGroup(of: Void.self) { group in
        while let connection = try? await listener.accept() {
          group.addTask {
            while let chunk = try? await connection.read() { try? await connection.write(chunk) }
          }
        }
      }
    }
    let client = pair.client
    let rounds = crowd / 50
    for round in 0..<rounds {
      await withTaskGroup(of: Void.self) { group in
        for number in 0..<50 {
          group.addTask {
            guard let connection = try? await client.connect(to: peer) else { return }
            try? await connection.write([UInt8](repeating: 1, count: 10_000))
            if number % 3 == 0 { await connection.abort() }
            while let chunk = try? await connection.read(), !chunk.isEmpty {}
          }
        }
        // Some rounds end before anything has come about, others when much is under way.
        for _ in 0..<round * 40 { await Task.yield() }
        group.cancelAll()
      }
    }
    await listener.close()
    await server.value
    await pair.client.shutDown(grace: .seconds(2))
    await pair.server.shutDown(grace: .seconds(2))
    #expect(await pair.client.connectionCount() == 0)
    #expect(await pair.server.connectionCount() == 0)
    #expect(await pair.client.memoryUsed() < 64 << 10)
    #expect(await pair.server.memoryUsed() < 64 << 10)
  }
}

@Suite("what nobody uses any more")
struct LifeTests {
  /// Uses two networks in every way, and lets go of them.
  private func use() async throws -> [Weak<NetworkLoop>] {
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
    await forwarder.close()
    await pair.client.shutDown(grace: .milliseconds(1))
    await pair.server.shutDown(grace: .milliseconds(1))
    return loops
  }

  @Test("networks are gone, with all that was in them, when nobody refers to them")
  func gone() async throws {
    let loops = try await use()
    // Their threads let go of them in their own time.
    for _ in 0..<1000 where loops.contains(where: { $0.object != nil }) {
      try await Task.sleep(for: .milliseconds(5))
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

/// Lets nobody pass before all are there.
private actor Gate {
  private var missing: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ count: Int) {
    missing = count
  }

  func pass() async {
    missing -= 1
    if missing == 0 {
      for continuation in waiting { continuation.resume() }
      waiting = []
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }
}
