// Paths that drop large packets without a word: connections find it out and go on, and find out what passes
// (RFC 4821), from one host to another over a wire.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeTrace
import SockeyeWire
import Testing

@testable import SockeyeSimulator
@testable import SockeyeStack

/// A sender and a receiver, and a wire of 20 ms each way.
private final class Transfer {
  let world: World
  let listener: SockeyeSimulator.Listener
  var client: Socket
  private var server: Socket
  private(set) var received = 0

  init(
    _ version: IPVersion = .v4, mtu: Int = 1500, path: Int? = nil, tcp: TCPConfiguration = TCPConfiguration()
  ) throws {
    let prefixes = version == .v4 ? ["10.0.0.1/24", "10.0.0.2/24"] : ["fd00::1/64", "fd00::2/64"]
    var left = HostConfiguration(
      name: "a", address: try #require(AddressPrefix(parsing: prefixes[0])), tcp: tcp)
    var right = HostConfiguration(name: "b", address: try #require(AddressPrefix(parsing: prefixes[1])))
    left.maximumTransmissionUnit = mtu
    right.maximumTransmissionUnit = mtu
    world = World("black hole", left: left, right: right, seed: 1, start: .zero + .seconds(1))
    world.wire.maximumPacket = path
    listener = try #require(world.listen(.right, port: 80))
    (client, server) = try Self.connect(world, listener)
  }

  private static func connect(_ world: World, _ listener: SockeyeSimulator.Listener) throws -> (
    Socket, Socket
  ) {
    let client = try #require(world.connect(.left, to: world.endpoint(.right, port: 80)))
    var accepted: Socket?
    world.run(atMost: .seconds(5)) {
      accepted = listener.accept()
      return accepted != nil
    }
    return (client, try #require(accepted))
  }

  /// The next transfer is over another connection.
  func connectAgain() throws { (client, server) = try Self.connect(world, listener) }

  /// Sends and receives so many octets more.
  /// - Returns: whether they came in time.
  func send(_ octets: Int, within limit: Interval = .minutes(2)) -> Bool {
    let end = world.now + limit
    let goal = received + octets
    var unwritten = octets
    while received < goal {
      while unwritten > 0 {
        let taken = client.write([UInt8](repeating: 7, count: min(unwritten, 8192)))
        unwritten -= taken
        if taken < 8192 { break }
      }
      guard world.now < end, world.run(atMost: end - world.now, until: { server.isReadable }) else {
        return false
      }
      received += server.read().count
    }
    return true
  }

  var status: ConnectionStatus? { try? world.left.stack.status(of: client.id) }

  /// The largest packet that is sent now.
  var packet: Int {
    guard let status else { return 0 }
    let isV4 = world.left.configuration.address.address.version == .v4
    return status.segmentSize + (isV4 ? 40 : 60) + (status.usesTimestamps ? 12 : 0)
  }

  func isWithinAStep(of path: Int) -> Bool { packet <= path && packet > path - 8 }

  private var isSearching: Bool { world.left.stack.connections[client.id.key].connection.isSearchingPathMTU }

  /// Sends now and then, so that there is something to probe with.
  /// - Returns: whether the largest packet was found when the search was over.
  func searches(upTo path: Int) -> Bool {
    for _ in 0..<40 {
      guard send(60_000) else { return false }
      if !isSearching { break }
      world.run(for: .seconds(10))
    }
    return isWithinAStep(of: path) && !isSearching
  }
}

@Suite struct BlackHoleTests {
  static let paths: [(IPVersion, Int)] = [(.v4, 1400), (.v4, 1280), (.v4, 1100), (.v6, 1400), (.v6, 1280)]

  @Test(.requirement("4821-5", "4821-1"), arguments: paths)
  func aPathThatTakesLessInMidTransferIsSurvived(version: IPVersion, path: Int) throws {
    let transfer = try Transfer(version)
    #expect(transfer.send(200_000))
    #expect(transfer.packet == 1500)
    transfer.world.wire.maximumPacket = path
    #expect(transfer.searches(upTo: path))
    let status = try #require(transfer.status)
    #expect(status.statistics.blackHolesFound == 1 && status.statistics.retransmissionTimeouts == 3)
    #expect(status.statistics.pathProbes > 0 || path == 1280 && version == .v6)
  }

  @Test(.requirement("4821-5"), arguments: CongestionControlAlgorithm.allCases)
  func everyAlgorithmSurvivesIt(algorithm: CongestionControlAlgorithm) throws {
    var tcp = TCPConfiguration()
    tcp.congestionControl = algorithm
    let transfer = try Transfer(path: 1400, tcp: tcp)
    #expect(transfer.searches(upTo: 1400))
  }

  @Test(.requirement("4821-5"))
  func withoutSelectiveAcknowledgmentsTheBaseSizeStays() throws {
    var tcp = TCPConfiguration()
    tcp.selectiveAcknowledgments = false
    let transfer = try Transfer(path: 1400, tcp: tcp)
    #expect(transfer.send(500_000))
    #expect(transfer.packet == 1024 && transfer.status?.statistics.pathProbes == 0)
  }

  @Test func withoutProbingTheConnectionStandsStill() throws {
    var tcp = TCPConfiguration()
    tcp.pathProbing = .off
    let transfer = try Transfer(path: 1400, tcp: tcp)
    #expect(!transfer.send(10_000, within: .minutes(4)))
  }

  @Test(.requirement("4821-5"))
  func furtherTimeoutsHalveTheSizeDownToTheLeastThereIs() throws {
    var tcp = TCPConfiguration()
    tcp.userTimeout = nil
    tcp.maximumRetransmissionTimeout = .seconds(60)
    let transfer = try Transfer(path: 67, tcp: tcp)
    #expect(!transfer.send(3000, within: .minutes(20)))
    var sizes: [Int] = []
    for flight in transfer.world.timeline.flights where flight.from == .left && flight.packet.count > 67 {
      if flight.packet.count <= 1024, sizes.last != flight.packet.count { sizes.append(flight.packet.count) }
    }
    #expect(sizes.suffix(5) == [1024, 512, 256, 128, 68])
  }

  @Test(.requirement("4821-1", "4821-4"), arguments: [9000, 4352, 1500, 1400])
  func whatThePathTakesIsFoundUpToJumboFrames(path: Int) throws {
    var tcp = TCPConfiguration()
    tcp.pathProbing = .always
    let transfer = try Transfer(mtu: 9000, path: path, tcp: tcp)
    #expect(transfer.packet == 1024)
    #expect(transfer.searches(upTo: path))
    #expect(transfer.status?.statistics.retransmissionTimeouts == 0)
  }

  @Test(.requirement("4821-3", "8899-2"), arguments: CongestionControlAlgorithm.allCases)
  func lostProbesAreNoCongestion(algorithm: CongestionControlAlgorithm) throws {
    var tcp = TCPConfiguration()
    tcp.pathProbing = .always
    tcp.congestionControl = algorithm
    // Bursts that leave and arrive at one instant are no order to tell losses by.
    tcp.pacing = true
    let transfer = try Transfer(.v6, path: 1400, tcp: tcp)
    #expect(transfer.searches(upTo: 1400))
    let statistics = try #require(transfer.status?.statistics)
    #expect(statistics.pathProbesLost >= 2)
    #expect(statistics.fastRecoveries == 0 && statistics.retransmissionTimeouts == 0)
    if algorithm != .bbr { #expect(try #require(transfer.status).slowStartThreshold >= 1 << 20) }
  }

  @Test(.requirement("4821-6", "8899-3"))
  func afterTenMinutesMoreIsTriedAgain() throws {
    let transfer = try Transfer(path: 1400)
    #expect(transfer.searches(upTo: 1400))
    transfer.world.wire.maximumPacket = nil
    transfer.world.run(for: .seconds(540))
    #expect(transfer.send(60_000))
    #expect(transfer.isWithinAStep(of: 1400))
    transfer.world.run(for: .seconds(80))
    #expect(transfer.send(60_000))
    #expect(transfer.packet == 1500)
    #expect(transfer.status?.statistics.blackHolesFound == 1)
  }

  @Test func theHostRemembersWhatAConnectionHasFound() throws {
    let transfer = try Transfer(path: 1400)
    #expect(transfer.searches(upTo: 1400))
    let found = transfer.packet
    #expect(
      transfer.world.left.stack.pathMTU(to: transfer.world.right.configuration.address.address) == found)
    try transfer.connectAgain()
    #expect(transfer.packet == found)
    #expect(transfer.send(200_000, within: .seconds(5)))
    #expect(transfer.status?.statistics.blackHolesFound == 0)
    // Even when it has grown old, it is what others begin with; but they look for more.
    transfer.client.abort()
    transfer.world.run(for: .seconds(620))
    try transfer.connectAgain()
    #expect(transfer.packet == found)
    transfer.world.wire.maximumPacket = nil
    #expect(transfer.send(60_000))
    #expect(transfer.packet == 1500)
    #expect(transfer.status?.statistics.blackHolesFound == 0)
  }

  @Test func aBrokenLinkIsNotTakenForABlackHoleForLong() throws {
    let transfer = try Transfer()
    #expect(transfer.send(200_000))
    transfer.world.wire.maximumPacket = 1
    #expect(!transfer.send(200_000, within: .seconds(20)))
    transfer.world.wire.maximumPacket = nil
    #expect(transfer.send(1_000_000))
    #expect(transfer.packet == 1500)
  }
}
