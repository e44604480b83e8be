// Holds tests of simulated networks: that they behave as networks, that time is virtual, and that a seed gives one run.

import SockeyeSockets
import SockeyeStack
import SockeyeTesting
import SockeyeWire
import Testing

@Suite("a simulated network")
struct SimulatedNetworkTests {
  private func pair(seed: UInt64 = 1, loss: Double = 0) -> (
    SimulatedNetwork, SimulatedHost, SimulatedHost, SimulatedLink
  ) {
    let network = SimulatedNetwork(seed: seed)
    let client = network.addHost("client")
    let server = network.addHost("server")
    let link = network.link(client, server, delay: .milliseconds(50), loss: loss)
    return (network, client, server, link)
  }

  @Test("a handshake takes a round trip of virtual time, and hardly any other")
  func handshake() async throws {
    let (network, client, server, _) = pair()
    try await network.run {
      let listener = try await server.network.listen(port: 80)
      let start = network.clock.now
      _ = try await client.network.connect(to: server.endpoint(port: 80))
      #expect(start.duration(to: network.clock.now) == .milliseconds(100))
      await listener.close()
    }
  }

  /// What a run of an echo server and a client looks like from outside.
  private func echo(seed: UInt64) async throws -> (elapsed: Duration, capture: [UInt8], lost: UInt64) {
    let (network, client, server, link) = pair(seed: seed, loss: 0.05)
    let text = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 2) }
    try await network.run {
      let listener = try await server.network.listen(port: 7)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          let connection = try #require(try await listener.accept())
          for try await chunk in connection.chunks { try await connection.write(chunk) }
          try await connection.finish()
        }
        let connection = try await client.network.connect(to: server.endpoint(port: 7))
        group.addTask {
          try await connection.write(text)
          try await connection.finish()
        }
        var answer: [UInt8] = []
        for try await chunk in connection.chunks { answer += chunk }
        #expect(answer == text)
        try await group.waitForAll()
      }
    }
    return (network.elapsed, link.capture(), link.statistics(.forth).lost + link.statistics(.back).lost)
  }

  @Test("with loss, all bytes come through, and the same seed gives the same run, bit for bit")
  func deterministic() async throws {
    let first = try await echo(seed: 7)
    let second = try await echo(seed: 7)
    let other = try await echo(seed: 8)
    #expect(first.lost > 0)
    #expect(first.elapsed == second.elapsed)
    #expect(first.capture == second.capture)
    #expect(first.capture != other.capture)
  }

  @Test("a link that is cut for longer than the user timeout ends the connection, one that is mended doesn't")
  func partition() async throws {
    for (outage, survives) in [(Duration.seconds(20), true), (.seconds(120), false)] {
      let (network, client, server, link) = pair()
      try await network.run {
        let listener = try await server.network.listen(port: 7)
        let connection = try await client.network.connect(to: server.endpoint(port: 7))
        let other = try #require(try await listener.accept())
        try await connection.setUserTimeout(.seconds(60))
        link.cut()
        try await connection.write("are you there?")
        try await network.clock.sleep(for: outage)
        link.mend()
        if survives {
          #expect(try await other.read() == Array("are you there?".utf8))
        } else {
          await #expect(throws: NetworkError.timedOut) { try await connection.read() }
        }
      }
    }
  }

  @Test("a test that waits for what never comes is told so, with its seed")
  func stalled() async throws {
    let (network, _, server, _) = pair(seed: 99)
    await #expect(throws: SimulationError.stalled(after: .zero, seed: 99)) {
      try await network.run {
        let listener = try await server.network.listen(port: 7)
        _ = try await listener.accept()
      }
    }
  }

  @Test("the time limit is one of virtual time")
  func timeLimit() async throws {
    let (network, _, _, _) = pair(seed: 5)
    await #expect(throws: SimulationError.timeLimit(.seconds(10), seed: 5)) {
      try await network.run(limit: .seconds(10)) { try await network.clock.sleep(for: .seconds(11)) }
    }
  }

  @Test("the picture and the capture show what passed")
  func evidence() async throws {
    let (network, client, server, link) = pair()
    try await network.run {
      let listener = try await server.network.listen(port: 80)
      let connection = try await client.network.connect(to: server.endpoint(port: 80))
      try await connection.write("hello")
      try await network.clock.sleep(for: .seconds(1))
      await listener.close()
    }
    let ladder = link.ladder()
    #expect(ladder.contains("client") && ladder.contains("server") && ladder.contains("SYN"))
    #expect(Array(link.capture().prefix(4)) == [0x0A, 0x0D, 0x0D, 0x0A])
  }

  @Test("time by hand")
  func byHand() throws {
    let (network, _, _, _) = pair()
    network.advance(by: .seconds(3))
    #expect(network.elapsed == .seconds(3))
    #expect(!network.advance(atMost: .seconds(2)) { false })
    #expect(network.elapsed == .seconds(5))
  }
}
