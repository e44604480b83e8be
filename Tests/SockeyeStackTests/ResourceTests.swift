// Shows that nothing a peer does takes more than its share: memory, table entries, answers, time.

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct ResourceTests {
  @Test(.requirement("A-38", "A-47"))
  func theByteBudgetHoldsAndWhatWasAcknowledgedStays() throws {
    let budget = 512 << 10
    let host = Host { $0.memoryBudget = budget }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 40)
    var clients: [(id: ConnectionID, peer: Peer, acknowledged: SequenceNumber)] = []
    for number in 0..<40 {
      let (id, peer) = try host.accepted(listener, from: "10.0.0.2:\(2000 + number)")
      clients.append((id, peer, peer.sequence))
    }
    // Everybody sends, and nobody reads.
    let text = String(repeating: "x", count: 1400)
    for _ in 0..<30 {
      for index in clients.indices {
        host.receive(clients[index].peer.segment([.ack, .psh], text))
        for packet in host.sent() {
          guard let header = packet.tcp, header.flags.contains(.ack) else { continue }
          clients[index].acknowledged = header.acknowledgment
        }
        #expect(host.stack.memoryUsed <= budget)
      }
    }
    #expect(host.stack.statistics.tcp.payloadsRefused > 0)
    // New connections find no room.
    #expect(throws: SocketError.noMemory(budget: budget)) {
      while true { _ = try host.connect("10.0.0.3:80") }
    }
    for client in clients {
      let readable = try host.stack.readableCount(client.id)
      let first = client.peer.sequence - 30 * 1400
      #expect(readable == client.acknowledged - first, "all that was acknowledged is there")
    }
    // Once they are read, the peer's copies are taken.
    for client in clients { _ = try host.read(client.id) }
    let last = try #require(clients.last)
    let next = last.acknowledged
    host.receive(last.peer.stray([.ack, .psh], next, last.peer.acknowledgment, Array(text.utf8)))
    #expect(try host.stack.readableCount(last.id) == 1400)
  }

  @Test func textThatFillsAGapIsTakenHoweverShortMemoryIs() throws {
    let host = Host { $0.memoryBudget = 512 << 10 }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 40)
    let text = String(repeating: "x", count: 1400)
    let (id, peer) = try host.accepted(listener, from: "10.0.0.3:2000")
    let others = try (0..<39).map { try host.accepted(listener, from: "10.0.0.2:\(2000 + $0)").1 }
    // One client's first segment gets lost, and those behind it are held.
    let first = peer.sequence
    peer.sequence += text.utf8.count
    for _ in 0..<8 { host.receive(peer.segment([.ack, .psh], text)) }
    // Others fill the rest of the memory with what nobody reads.
    for other in others {
      for _ in 0..<30 { host.receive(other.segment([.ack, .psh], text)) }
      _ = host.sent()
    }
    #expect(host.stack.statistics.tcp.payloadsRefused > 0)
    host.receive(peer.stray([.ack, .psh], first, peer.acknowledgment, Array(text.utf8)))
    #expect(try host.stack.readableCount(id) == 9 * 1400)
  }

  @Test(.requirement("A-38", "6429-1"))
  func aClosedWindowHoldsNoMoreThanWasWritten() throws {
    let count = Flood.isBrief ? 500 : 10_000
    let budget = count * 16 << 10
    let host = Host { $0.memoryBudget = budget }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 100)
    let text = String(repeating: "x", count: 8000)
    var ids: [ConnectionID] = []
    for number in 0..<count {
      let (id, peer) = try host.accepted(listener, from: "10.0.0.2:\(2000 + number)")
      host.receive(peer.segment(.ack, window: 0))
      #expect(try host.write(id, text) == 8000)
      ids.append(id)
    }
    host.wait(.minutes(2))
    #expect(host.stack.memoryUsed <= budget)
    // Meanwhile others are served.
    let (client, visitor) = try host.accepted(listener, from: "10.0.0.8:8")
    _ = host.sent()
    host.receive(visitor.segment([.ack, .psh], "hello?"))
    #expect(try host.read(client) == "hello?")
    ids.append(client)
    // The user, or whoever manages resources, can end each of them (RFC 6429 §4).
    for id in ids { try host.stack.abort(id, at: host.now) }
    _ = host.sent()
    _ = host.events()
    #expect(host.stack.memoryUsed < 2048)
    _ = try host.accepted(listener, from: "10.0.0.9:9")
  }

  @Test(.requirement("A-40", "T-09"))
  func whatPeersNeverFinishEndsAllTheSame() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 300)
    let before = host.stack.memoryUsed
    let count = Flood.isBrief ? 400 : 10_000
    for number in 0..<count {
      let (id, peer) = try host.accepted(listener, from: "10.0.0.2:\(2000 + number)")
      switch number % 4 {
      case 0:
        // FIN-WAIT-1: nothing is acknowledged any more.
        try host.stack.close(id, at: host.now)
      case 1:
        // FIN-WAIT-2: the FIN is acknowledged, and the peer never sends its own.
        try host.stack.close(id, at: host.now)
        try peer.hear(host.segment())
        host.receive(peer.segment(.ack))
      case 2:
        // CLOSING: the peer's FIN crosses the host's, which is never acknowledged.
        try host.stack.close(id, at: host.now)
        _ = host.sent()
        host.receive(peer.segment([.ack, .fin]))
        #expect(host.stack.state(of: id) == .closing)
      default:
        // LAST-ACK: the last ACK never comes.
        host.receive(peer.segment([.ack, .fin]))
        _ = host.sent()
        try host.stack.close(id, at: host.now)
      }
      _ = host.sent()
    }
    host.wait(.minutes(6))
    #expect(host.events().count == count, "an end for each")
    #expect(host.stack.memoryUsed == before)
  }

  @Test(.requirement("A-07", "5961-6"))
  func oneConnectionsAnswersSayNothingAboutAnother() throws {
    /// How many challenges B gives to 100 resets that are in the window but not exact.
    func challenges(whileTroubled: Bool) throws -> Int {
      let host = Host()
      let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
      let (_, a) = try host.accepted(listener, from: "10.0.0.2:1")
      let (_, b) = try host.accepted(listener, from: "10.0.0.2:2")
      if whileTroubled {
        for number in 1...300 {
          host.receive(a.stray(.rst, a.sequence + number))
          host.wait(.milliseconds(3))
        }
      } else {
        host.wait(.milliseconds(900))
      }
      var count = 0
      for number in 1...100 {
        host.receive(b.stray(.rst, b.sequence + number))
        count += host.sent().count
      }
      return count
    }
    let idle = try challenges(whileTroubled: false)
    #expect(idle > 0 && idle < 100)
    #expect(try challenges(whileTroubled: true) == idle)
  }

  @Test(.requirement("A-07"))
  func connectionsGetTheirAnswersBackEachAtATimeOfItsOwn() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 30)
    var times: Set<Int> = []
    for port in 1...30 {
      let (_, peer) = try host.accepted(listener, from: "10.0.0.2:\(port)")
      var answers = 0
      for _ in 0..<100 {
        host.receive(peer.stray(.rst, peer.sequence + 1))
        answers += host.sent().count
      }
      #expect(answers == 10)
      var milliseconds = 0
      while answers == 10, milliseconds < 1000 {
        milliseconds += 1
        host.wait(.milliseconds(1))
        host.receive(peer.stray(.rst, peer.sequence + 1))
        answers += host.sent().count
      }
      #expect(milliseconds >= 500 && milliseconds < 756)
      times.insert(milliseconds)
    }
    #expect(times.count > 20)
  }

  @Test(.requirement("A-08", "5961-5"))
  func anIllTimedFloodIsAnsweredOnlySoOften() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    var answers = 0
    for number in 0..<10_000 {
      host.receive(peer.stray(.ack, peer.sequence - 100_000 - number, peer.acknowledgment))
      answers += host.wait(.microseconds(100)).count
    }
    #expect(answers <= 12, "\(answers) answers in a second")
    #expect(host.stack.state(of: id) == .established)
  }

  @Test(.requirement("A-08"))
  func twoHostsThatDisagreeDoNotAnswerEachOtherForEver() throws {
    let host = Host()
    let other = Host(["10.0.0.2/24"])
    let listener = try other.stack.listen(on: ListenEndpoint(port: 80))
    let id = try host.connect("10.0.0.2:80")
    func exchange() -> Int {
      var count = 0
      while count < 100_000 {
        let packets = host.sent()
        for packet in packets { other.receive(packet.bytes) }
        let answers = other.sent()
        for packet in answers { host.receive(packet.bytes) }
        if packets.isEmpty && answers.isEmpty { return count }
        count += packets.count + answers.count
      }
      return count
    }
    _ = exchange()
    _ = try #require(try other.stack.accept(listener))
    // Somebody makes each believe that the other has sent what it hasn't: both are out of step.
    _ = try host.write(id, "hello")
    let data = try host.segment()
    let forger = Peer("10.0.0.2:80", "10.0.0.1:\(try host.stack.endpoints(of: id).local.port)", sequence: 0)
    let acknowledgment = try #require(data.tcp)
    host.receive(
      forger.stray(
        [.ack, .psh], acknowledgment.acknowledgment, acknowledgment.sequence + 5, Array("forged".utf8)))
    #expect(exchange() < 50, "it comes to rest")
  }

  @Test(.requirement("A-09", "MUST-8", "SHLD-1", "6528-1"))
  func initialSequenceNumbersTellNothing() throws {
    let host = Host { $0.ephemeralPorts = 1024...65_535 }
    var numbers: [UInt32] = []
    for _ in 0..<10_000 {
      _ = try host.connect("10.0.0.2:80")
      numbers.append(try #require(try host.segment().tcp).sequence.rawValue)
    }
    // At one instant: uniform, and no step between two of them is the rule.
    var buckets = [Int](repeating: 0, count: 16)
    for number in numbers { buckets[Int(number >> 28)] += 1 }
    #expect(buckets.allSatisfy { $0 > 500 && $0 < 750 }, "\(buckets)")
    #expect(Set(zip(numbers, numbers.dropFirst()).map { $1 &- $0 }).count > 9990)
    // The same four-tuple, one second later, is 250,000 further on (RFC 9293 §3.4.1).
    func number(after interval: Interval, keys: UInt64) throws -> UInt32 {
      let host = Host { $0.keys = StackKeys(seed: keys) }
      host.wait(interval)
      _ = try host.connect("10.0.0.2:80", port: 5000)
      return try #require(try host.segment().tcp).sequence.rawValue
    }
    let first = try number(after: .seconds(1), keys: 1)
    #expect(try number(after: .seconds(2), keys: 1) &- first == 250_000)
    #expect(try number(after: .seconds(1), keys: 2) != first, "another secret gives others")
  }

  @Test func theSameInputsGiveTheSameBytes() throws {
    func run() throws -> [[UInt8]] {
      let host = Host()
      let (id, peer) = try host.connected()
      _ = try host.write(id, "hello")
      var packets = host.sent()
      host.receive(peer.segment([.ack, .psh], "answer"))
      host.receive(icmpPacket(type: 8, [1], from: ip("10.0.0.2"), to: ip("10.0.0.1")))
      packets += host.wait(.seconds(10))
      return packets.map(\.bytes)
    }
    #expect(try run() == run())
  }

  @Test func whatIsClosedLeavesNothingBehind() throws {
    let host = Host()
    for _ in 0..<200 {
      let (id, peer) = try host.connected()
      _ = try host.write(id, "hello")
      for packet in host.sent() { try peer.hear(packet) }
      host.receive(peer.segment([.ack, .psh, .fin], "goodbye"))
      #expect(try host.read(id) == "goodbye")
      try host.stack.close(id, at: host.now)
      for packet in host.sent() { try peer.hear(packet) }
      host.receive(peer.segment(.ack))
      host.expectSilence()
      _ = host.events()
    }
    #expect(host.stack.memoryUsed == 0)
    #expect(host.stack.nextDeadline == nil)
  }
}
