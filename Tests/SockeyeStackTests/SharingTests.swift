// Shows how connections share a byte budget that is too small for them: it holds, windows close and never move back, quiet
// connections give back first, nobody starves, and what was acknowledged is delivered.

import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import Testing

@Suite struct SharingTests {
  /// A server with a small budget, and a client that has enough.
  private final class Crowd {
    let server: Host
    let client = Host(["10.0.0.2/24"]) {
      $0.memoryBudget = 1 << 30
      $0.tcp.userTimeout = nil
    }
    var accepted: [ConnectionID] = []
    var connected: [ConnectionID] = []
    var written: [Int] = []
    var read: [Int] = []
    private(set) var mostUsed = 0
    private var sink = FrameBuffer(capacity: 65_536)

    init(_ count: Int, budget: Int, tune: (inout StackConfiguration) -> Void = { _ in }) throws {
      server = Host {
        $0.memoryBudget = budget
        tune(&$0)
      }
      let listener = try server.stack.listen(on: ListenEndpoint(port: 80), backlog: count)
      for _ in 0..<count {
        connected.append(try client.connect("10.0.0.1:80"))
        exchange()
        accepted.append(try #require(try server.stack.accept(listener)))
      }
      written = Array(repeating: 0, count: count)
      read = written
    }

    /// Packets go back and forth until there are no more; the server's memory is looked at after each.
    func exchange() {
      while true {
        let packets = client.sent()
        for packet in packets {
          server.receive(packet.bytes)
          mostUsed = max(mostUsed, server.stack.memoryUsed)
        }
        let answers = server.sent()
        for packet in answers { client.receive(packet.bytes) }
        _ = client.events()
        _ = server.events()
        if packets.isEmpty && answers.isEmpty { return }
      }
    }

    /// Each client writes as much as is taken, up to a total.
    func writeAll(upTo total: Int) throws {
      for index in connected.indices where written[index] < total {
        let count = min(total - written[index], 4_000)
        let text = String(repeating: Character(UnicodeScalar(UInt8(97 + index % 26))), count: count)
        written[index] += try client.write(connected[index], text)
      }
      exchange()
    }

    /// The server reads so much of one connection, and looks at each octet.
    func readSome(_ index: Int, _ limit: Int) throws {
      sink = FrameBuffer(capacity: limit)
      _ = try sink.fill { try server.stack.read(accepted[index], into: &$0, at: server.now) }
      let letter = UInt8(97 + index % 26)
      #expect(Array(sink.bytes).allSatisfy { $0 == letter })
      read[index] += sink.count
    }

    func wait(_ interval: Interval) {
      for packet in client.wait(interval) { server.receive(packet.bytes) }
      for packet in server.wait(interval) { client.receive(packet.bytes) }
      exchange()
    }
  }

  @Test(.requirement("A-38", "A-47"))
  func thousandsOfSlowReadersStayWithinTheBudget() throws {
    let (count, total, budget) = (2_000, 12_000, 12 << 20)
    let crowd = try Crowd(count, budget: budget)
    var rounds = 0
    while crowd.read.contains(where: { $0 < total }), rounds < 400 {
      rounds += 1
      try crowd.writeAll(upTo: total)
      for index in 0..<count { try crowd.readSome(index, 500) }
      crowd.wait(.milliseconds(250))
      if rounds == 40 {
        // By now a fair server has read 20,000 octets of each at most; nobody has come away with nothing.
        #expect(crowd.read.allSatisfy { $0 >= 2_000 }, "\(crowd.read.min() ?? 0)")
      }
    }
    #expect(crowd.mostUsed <= budget, "\(crowd.mostUsed)")
    #expect(crowd.mostUsed > budget / 2, "the budget was short: \(crowd.mostUsed)")
    #expect(crowd.read.allSatisfy { $0 == total }, "after \(rounds) rounds: \(crowd.read.min() ?? 0)")
  }

  @Test(.requirement("A-47"))
  func whatIsPromisedAtFirstGetsLessAsTheHostFills() throws {
    let crowd = try Crowd(400, budget: 4 << 20)
    let windows = try crowd.accepted.map { try crowd.server.stack.status(of: $0).receiveWindow }
    #expect(windows[0] == 65_535)
    #expect(windows[399] >= 4_096 && windows[399] < 20_000, "\(windows[399])")
    #expect(zip(windows, windows.dropFirst()).allSatisfy { $0 >= $1 })
  }

  @Test func aBudgetMayBeAsLargeAsCanBe() throws {
    let crowd = try Crowd(2, budget: .max)
    try crowd.writeAll(upTo: 4_000)
    try crowd.readSome(1, 65_536)
    #expect(crowd.read == [0, 4_000])
  }

  @Test(.requirement("A-47"))
  func quietConnectionsGiveBackFirst() throws {
    let crowd = try Crowd(40, budget: 1 << 20)
    let server = crowd.server
    // Twenty were busy and have nothing any more.
    for round in 1...3 {
      try crowd.writeAll(upTo: 4_000 * round)
      for index in 0..<40 { try crowd.readSome(index, 65_536) }
      crowd.exchange()
    }
    let busy = server.stack.memoryUsed
    // Others hold on to what they get, until memory is short.
    for _ in 0..<60 {
      for index in 0..<20 {
        _ = try crowd.client.write(crowd.connected[index], String(repeating: "x", count: 4_000))
      }
      crowd.exchange()
      crowd.wait(.milliseconds(300))
    }
    #expect(crowd.mostUsed <= 1 << 20 && crowd.mostUsed > busy)
    // The twenty quiet ones hold no storage now, and can send again at once.
    let before = server.stack.memoryUsed
    _ = try crowd.client.write(crowd.connected[30], "still here")
    crowd.exchange()
    #expect(try server.stack.readableCount(crowd.accepted[30]) == 10)
    #expect(server.stack.memoryUsed > before)
  }

  /// A window that was wide when memory was plenty closes as it is used up; its edge never goes back.
  @Test(.requirement("A-47", "SHLD-14"))
  func windowsCloseWithoutMovingBack() throws {
    let crowd = try Crowd(30, budget: 1 << 20)
    let server = crowd.server
    var edges = [Int](repeating: 0, count: 30)
    for _ in 0..<40 {
      try crowd.writeAll(upTo: 60_000)
      for index in 0..<30 {
        let status = try server.stack.status(of: crowd.accepted[index])
        let edge = Int(status.statistics.bytesReceived) + status.receiveWindow
        #expect(edge >= edges[index])
        edges[index] = edge
      }
      crowd.wait(.milliseconds(250))
    }
    #expect(crowd.mostUsed <= 1 << 20 && crowd.mostUsed > 3 << 18)
    let shares = try crowd.accepted.map { try server.stack.status(of: $0).receiveBuffer }
    #expect(shares.contains { $0 < 40_000 }, "\(shares)")
    // Once all is read, there is room again for everybody.
    for _ in 0..<40 {
      for index in 0..<30 { try crowd.readSome(index, 65_536) }
      crowd.wait(.seconds(1))
    }
    try crowd.writeAll(upTo: 60_000)
    for _ in 0..<200 where crowd.read.contains(where: { $0 < 60_000 }) {
      try crowd.writeAll(upTo: 60_000)
      for index in 0..<30 { try crowd.readSome(index, 65_536) }
      crowd.wait(.seconds(1))
    }
    #expect(crowd.read.allSatisfy { $0 == 60_000 }, "\(crowd.read)")
  }
}
