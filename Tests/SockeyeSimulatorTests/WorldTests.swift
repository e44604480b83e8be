// Shows that virtual time is ordered, that runs repeat bit for bit, and that faults strike what they are
// meant for.

import SockeyeBytes
import SockeyeTCP
import SockeyeTrace
import SockeyeWire
import Testing

@testable import SockeyeSimulator

@Suite struct EventQueueTests {
  @Test(arguments: [1, 2, 3] as [UInt64])
  func earliestFirstThenOldestFirst(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var queue = EventQueue<Int>()
    var expected: [(at: UInt64, order: Int)] = []
    for order in 0..<500 {
      let at = UInt64.random(in: 0..<40, using: &generator)
      queue.add(order, at: Instant(nanoseconds: at))
      expected.append((at, order))
    }
    expected.sort { ($0.at, $0.order) < ($1.at, $1.order) }
    #expect(queue.count == 500)
    for (at, order) in expected {
      #expect(queue.earliest == Instant(nanoseconds: at))
      #expect(queue.next() == order)
    }
    #expect(queue.next() == nil && queue.isEmpty)
  }
}

@Suite struct WorldTests {
  private func world(seed: UInt64 = 1, delay: Interval = .milliseconds(20)) throws -> World {
    World(
      "test", left: HostConfiguration(name: "a", address: try #require(AddressPrefix(parsing: "fd00::1/64"))),
      right: HostConfiguration(name: "b", address: try #require(AddressPrefix(parsing: "fd00::2/64"))),
      delay: delay,
      seed: seed)
  }

  /// Writes everything, as fast as the connection takes it, and reads what arrives.
  private func transfer(_ bytes: [UInt8], in world: World) throws -> [UInt8] {
    let listener = try #require(world.listen(.right, port: 80))
    let client = try #require(world.connect(.left, to: world.endpoint(.right, port: 80)))
    var accepted: Socket?
    world.run(atMost: .minutes(5)) {
      accepted = listener.accept()
      return accepted != nil
    }
    let server = try #require(accepted)
    var received: [UInt8] = []
    var written = 0
    while received.count < bytes.count {
      if written < bytes.count { written += client.write(Array(bytes[written...])) }
      let progress = world.run(atMost: .minutes(5)) { server.isReadable }
      try #require(progress, "the transfer stopped")
      received += server.read()
    }
    return received
  }

  @Test func randomLossIsRepairedAndRepeats() throws {
    let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    var runs: [[[UInt8]]] = []
    for seed in [3, 3, 4] as [UInt64] {
      let world = try world(seed: seed)
      world.wire.lossPerMillion = 50_000
      #expect(try transfer(bytes, in: world) == bytes)
      #expect(world.timeline.flights.contains { $0.fate == .lost })
      runs.append(world.timeline.flights.map(\.packet))
    }
    #expect(runs[0] == runs[1])
    #expect(runs[0] != runs[2])
  }

  @Test func delaysDifferByDirection() throws {
    let world = try world()
    world.wire.delayFromLeft = .milliseconds(5)
    world.wire.delayFromRight = .milliseconds(70)
    world.connect(.left, to: world.endpoint(.right, port: 80))
    world.settle()
    let flights = world.timeline.flights
    #expect(flights.map { $0.arrival - $0.departure } == [.milliseconds(5), .milliseconds(70)])
    #expect(world.now == .zero + .milliseconds(75))
  }

  @Test func aFaultPassesSomeAndStrikesSome() throws {
    var wire = Wire(delay: .zero, seed: 1)
    wire.faults = [WireFault(.lose, .any, from: .left, after: 2, times: 3)]
    let lost = (0..<8).map { _ in wire.judge(nil, length: 40, from: .left).isLost }
    #expect(lost == [false, false, true, true, true, false, false, false])
    #expect(!wire.judge(nil, length: 40, from: .right).isLost)
  }

  @Test func aHostWithoutPowerIsSilent() throws {
    let world = try world()
    world.listen(.right, port: 80)
    world.kill(.right)
    world.connect(.left, to: world.endpoint(.right, port: 80))
    world.run(for: .seconds(2))
    #expect(world.timeline.sent(by: .right).isEmpty)
    #expect(world.timeline.sent(by: .left).allSatisfy { $0.fate == .lost })
    world.restart(.right)
    world.run(for: .seconds(2))
    #expect(world.timeline.sent(by: .right, .reset).count == 1, "it answers, and has forgotten its listener")
  }
}
