// Holds tests of TCP connections as tasks use them, over a wire in memory.

import SockeyeSockets
import SockeyeSocketsTestSupport
import SockeyeStack
import SockeyeTCP
import SockeyeWire
import Testing

@Suite("TCP connections of tasks")
struct ConnectionTests {
  @Test("a client and a server talk, and both see the end")
  func echo() async throws {
    let pair = try Neighbours()
    let listener = try await pair.server.listen(port: 7)
    async let served: Void = {
      let connection = try #require(try await listener.accept())
      for try await chunk in connection.chunks { try await connection.write(chunk) }
      try await connection.finish()
    }()
    let connection = try await pair.client.connect(to: pair.serverEndpoint(listener))
    try await connection.write("hello")
    try await connection.finish()
    var answer: [UInt8] = []
    for try await chunk in connection.chunks { answer += chunk }
    #expect(answer == Array("hello".utf8))
    try await served
  }

  @Test("a write larger than all buffers is taken as the reader reads")
  func backPressure() async throws {
    let pair = try Neighbours()
    let listener = try await pair.server.listen(port: 7)
    let text = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    async let served: [UInt8] = {
      let connection = try #require(try await listener.accept())
      var all: [UInt8] = []
      while try await connection.read(into: &all) > 0 {}
      return all
    }()
    let connection = try await pair.client.connect(to: pair.serverEndpoint(listener))
    try await connection.write(text)
    try await connection.finish()
    #expect(try await served == text)
  }

  @Test("nobody listens: refused")
  func refused() async throws {
    let pair = try Neighbours()
    await #expect(throws: NetworkError.refused) {
      try await pair.client.connect(to: Endpoint(parsing: "10.1.0.2:9")!)
    }
  }

  @Test("a reset is told to who reads and to who writes")
  func reset() async throws {
    let pair = try Neighbours()
    let listener = try await pair.server.listen(port: 7)
    let connection = try await pair.client.connect(to: pair.serverEndpoint(listener))
    let other = try #require(try await listener.accept())
    let reading = Task { try await connection.read() }
    await other.abort()
    await #expect(throws: NetworkError.reset) { try await reading.value }
    await #expect(throws: NetworkError.reset) { try await connection.write("x") }
  }

  @Test("cancelling a task cancels its call, and the connection lives on")
  func cancellation() async throws {
    let pair = try Neighbours()
    let listener = try await pair.server.listen(port: 7)
    let connection = try await pair.client.connect(to: pair.serverEndpoint(listener))
    let other = try #require(try await listener.accept())
    let task = Task { try await connection.read() }
    task.cancel()
    await #expect(throws: NetworkError.cancelled()) { try await task.value }
    try await other.write("still here")
    #expect(try await connection.read() == Array("still here".utf8))
  }
}
