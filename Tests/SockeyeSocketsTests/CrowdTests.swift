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
    // What went wrong, if anything did.
    let wrong = await withTaskGroup(of: String?.self) { group in
      for number in 0..<crowd {
        group.addTask {
          var (answer, isOpen) = ([UInt8](), false)
          do {
            let connection = try await client.connect(to: peer)
            // All are open at the same time.
            isOpen = true
            await gate.pass()
            let text = Array("connection \(number) says hello".utf8)
            try await connection.write(text)
            try await connection.finish()
            while let chunk = try await connection.read() { answer += chunk }
            return answer == text ? nil : "\(number): heard \(answer.count) octets of \(text.count)"
          } catch {
            // Nobody waits for one who can't come.
            if !isOpen { await gate.pass() }
            return "\(number): \(isOpen ? "open" : "not open"), heard \(answer.count) octets, \(error)"
          }
        }
      }
      return await group.reduce(into: [String]()) { wrong, one in if let one { wrong.append(one) } }
    }
    #expect(wrong == [])
    await listener.close()
    await server.value
    await pair.client.shutDown()
    await pair.server.shutDown()
    #expect(await pair.client.connectionCount() == 0)
    #expect(await pair.server.connectionCount() == 0)
  }

  @Test("cancelling and aborting in a storm leaves nothing behind")
  func storm() async throws {
    let storm = try await Storm()
    for round in 0..<crowd / storm.size {
      // Some rounds end before anything has come about, others when much is under way.
      await storm.blow(cancelledAt: round % 11 * 5) { connection, number in
        try? await connection.write([UInt8](repeating: Storm.Order.echo, count: 10_000))
        if number % 3 == 0 { await connection.abort() }
        while let chunk = try? await connection.read(), !chunk.isEmpty {}
      }
    }
    await storm.end()
    let pair = storm.pair
    #expect(await pair.client.connectionCount() == 0)
    #expect(await pair.server.connectionCount() == 0)
    #expect(await pair.client.memoryUsed() < 64 << 10)
    #expect(await pair.server.memoryUsed() < 64 << 10)
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
