// Holds tests of connecting by name, in virtual time: which address is tried when (RFC 8305).

import SockeyeSockets
import SockeyeTesting
import SockeyeWire
import Testing

@Suite("connecting by name")
struct HostNameTests {
  private let network = SimulatedNetwork()
  private let client: SimulatedHost
  private let server: SimulatedHost
  private let nobody = IPAddress(parsing: "fd00::99")!

  init() {
    client = network.addHost("client")
    server = network.addHost("server")
    network.link(client, server, delay: .milliseconds(10))
  }

  /// How long it takes to connect to a host with these addresses, and to which of them it leads.
  private func connect(_ addresses: [IPAddress]) async throws -> (Duration, IPAddress) {
    let (network, client, server) = (network, client, server)
    return try await network.run {
      let listener = try await server.network.listen(port: 80)
      let start = network.clock.now
      let connection = try await client.network.connect(
        host: "example", port: 80, resolver: HostTable(["example": addresses]), clock: network.clock)
      let elapsed = start.duration(to: network.clock.now)
      await listener.close()
      return (elapsed, connection.peer.address)
    }
  }

  @Test("the first address is used if it answers")
  func first() async throws {
    let (elapsed, peer) = try await connect([server.addresses[1], server.addresses[0]])
    #expect(elapsed == .milliseconds(20) && peer == server.addresses[1])
  }

  @Test("an address that does not answer costs 250 ms")
  func silent() async throws {
    let (elapsed, peer) = try await connect([nobody, server.addresses[0]])
    #expect(elapsed == .milliseconds(270) && peer == server.addresses[0])
  }

  @Test("families take turns: two dead addresses of one family don't cost twice")
  func interleaved() async throws {
    let other = IPAddress(parsing: "fd00::98")!
    let (elapsed, peer) = try await connect([nobody, other, server.addresses[0]])
    #expect(elapsed == .milliseconds(270) && peer == server.addresses[0])
  }

  @Test("no address, no host; and a refusal by the last address is what is told")
  func failures() async throws {
    let (network, client, server) = (network, client, server)
    try await network.run {
      await #expect(throws: NetworkError.unknownHost("example")) {
        try await client.network.connect(
          host: "example", port: 80, resolver: HostTable([:]), clock: network.clock)
      }
      await #expect(throws: NetworkError.refused) {
        try await client.network.connect(
          host: "\(server.addresses[0])", port: 81, resolver: HostTable([:]), clock: network.clock)
      }
    }
  }
}
