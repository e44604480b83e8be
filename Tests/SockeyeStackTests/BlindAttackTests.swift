// Shows that whoever cannot see a connection can neither end it, nor put anything into it, nor slow it down (RFC 5961).

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct BlindAttackTests {
  @Test(.requirement("A-03", "5961-4"), arguments: ["10.0.0.2:5000", "[fd00::2]:5000"])
  func dataWithAnAcknowledgmentOutOfRangeIsNotTaken(client: String) throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let bystander = try Bystander(host, listener)
    let (id, peer) = try host.accepted(
      listener, from: client, to: client.hasPrefix("1") ? "10.0.0.1:80" : "[fd00::1]:80")
    // Below what the widest window could have had under way, and above all that was sent.
    for distance in [-(65_535 + 1), -(1 << 30), 1, 1 << 30, (1 << 31) - 1] {
      let forged = peer.stray([.ack, .psh], peer.sequence, peer.acknowledgment + distance, [120])
      host.receive(forged)
      let answer = try #require(try host.segment().tcp)
      #expect(answer.flags == .ack && answer.acknowledgment == peer.sequence, "after \(distance)")
      #expect(try host.stack.readableCount(id) == 0)
    }
    host.receive(peer.segment([.ack, .psh], "real"))
    #expect(try host.read(id) == "real")
    try bystander.expectService()
  }

  @Test(.requirement("A-04", "5961-7"))
  func aForgedFinEndsNothing() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let bystander = try Bystander(host, listener)
    let (id, peer) = try host.accepted(listener)
    for distance in [-(65_535 + 1), 1, 1 << 30] {
      host.receive(peer.stray([.ack, .fin], peer.sequence, peer.acknowledgment + distance))
      #expect(host.stack.state(of: id) == .established)
      _ = host.sent()
    }
    // One in range, but ahead: nothing ends before what is missing has come.
    let text = String(repeating: "x", count: 100)
    host.receive(peer.stray([.ack, .fin], peer.sequence + 100, peer.acknowledgment))
    #expect(host.stack.state(of: id) == .established)
    #expect(try host.segment().tcp?.acknowledgment == peer.sequence)
    host.receive(peer.segment([.ack, .psh], text))
    #expect(host.stack.state(of: id) == .closeWait)
    #expect(try host.read(id) == text)
    try bystander.expectService()
  }

  @Test(.requirement("A-05"))
  func aForgedAnswerToTheSynChangesNothing() throws {
    let host = Host()
    let id = try host.connect("10.0.0.2:80")
    let synchronize = try host.segment()
    let peer = Peer(answering: synchronize, sequence: 9000)
    try peer.hear(synchronize)
    for distance in [-1, 1, 1 << 30] {
      for flags: TCPFlags in [[.syn, .ack], .ack, [.ack, .fin]] {
        host.receive(peer.stray(flags, SequenceNumber(9000), peer.acknowledgment + distance))
        let reset = try #require(try host.segment().tcp)
        #expect(reset.flags == .rst && reset.sequence == peer.acknowledgment + distance)
        #expect(host.stack.state(of: id) == .synSent)
      }
    }
    host.receive(peer.segment([.syn, .ack]))
    #expect(host.stack.state(of: id) == .established)
  }

  @Test(.requirement("A-06", "5961-2"))
  func aResetWithoutTheRightAcknowledgmentRefusesNothing() throws {
    let host = Host()
    let id = try host.connect("10.0.0.2:80")
    let synchronize = try host.segment()
    let peer = Peer(answering: synchronize, sequence: 9000)
    try peer.hear(synchronize)
    host.receive(peer.stray(.rst, SequenceNumber(0)))
    for distance in [-1, 1, 1 << 30] {
      host.receive(peer.stray([.rst, .ack], SequenceNumber(0), peer.acknowledgment + distance))
    }
    host.expectSilence()
    #expect(host.stack.state(of: id) == .synSent)
    host.receive(peer.segment([.syn, .ack]))
    #expect(host.stack.state(of: id) == .established)
  }

  @Test(.requirement("A-11"))
  func timestampsTellNothingAndCannotBePoisoned() throws {
    func options(_ value: UInt32, _ echo: UInt32) -> TCPOptions {
      var options = TCPOptions()
      options.timestamps = TimestampOption(value: value, echo: echo)
      return options
    }
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 100)
    var clocks: [UInt32] = []
    var last: (id: ConnectionID, peer: Peer)?
    for port in 1...50 {
      let peer = Peer("10.0.0.2:\(port)", "10.0.0.1:80", sequence: 1)
      host.receive(peer.segment(.syn, options: options(1000, 0)))
      let answer = try host.segment()
      try peer.hear(answer)
      let clock = try #require(answer.tcp?.options.timestamps).value
      clocks.append(clock)
      host.receive(peer.segment(.ack, options: options(1001, clock)))
      last = (try #require(try host.stack.accept(listener)), peer)
    }
    // At one time each connection's clock stands elsewhere, in no order.
    #expect(Set(clocks.map { $0 >> 20 }).count > 45)
    #expect(Set(zip(clocks, clocks.dropFirst()).map { $1 &- $0 }).count == 49)
    // Segments outside the window, or ahead of what was acknowledged, leave TS.Recent alone (RFC 7323 §4.3).
    let (id, peer) = try #require(last)
    let clock = try #require(clocks.last)
    for distance in [-10_000, 100, 70_000] {
      host.receive(
        peer.stray(
          [.ack, .psh], peer.sequence + distance, peer.acknowledgment, [1], options: options(1 << 30, clock)))
    }
    _ = host.sent()
    host.receive(peer.segment([.ack, .psh], "genuine", options: options(1002, clock)))
    #expect(try host.read(id).hasPrefix("genuine"))
  }

  @Test(.requirement("A-60"))
  func anOldConnectionReplayedAgainstItsSuccessorIsNotHeard() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let bystander = try Bystander(host, listener)
    // A conversation is recorded as the host hears it.
    var record: [[UInt8]] = []
    func say(_ packet: [UInt8]) {
      record.append(packet)
      host.receive(packet)
    }
    let old = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1000)
    say(old.segment(.syn))
    try old.hear(host.segment())
    say(old.segment(.ack))
    let first = try #require(try host.stack.accept(listener))
    for _ in 0..<20 {
      say(old.segment([.ack, .psh], "an order for 100 shares"))
      try old.hear(host.segment())
    }
    say(old.segment([.ack, .fin]))
    try old.hear(host.segment())
    _ = try host.read(first)
    try host.stack.close(first, at: host.now)
    try old.hear(host.segment())
    say(old.segment(.ack))
    _ = host.events()
    host.wait(.seconds(10))
    // The same two ends again; the client's numbers go on, as its clock has.
    let new = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 2_501_000)
    host.receive(new.segment(.syn))
    try new.hear(host.segment())
    host.receive(new.segment(.ack))
    let second = try #require(try host.stack.accept(listener))
    for packet in record {
      host.receive(packet)
      for answer in host.sent() { #expect(answer.tcp?.flags == .ack, "nothing but ACKs") }
      #expect(host.stack.state(of: second) == .established)
    }
    #expect(try host.stack.readableCount(second) == 0)
    host.receive(new.segment([.ack, .psh], "hello"))
    #expect(try host.read(second) == "hello")
    try bystander.expectService()
  }

  @Test(.requirement("A-61"))
  func nothingOfAnEarlierConnectionIsLeftInItsSuccessor() throws {
    /// The state of a connection between two ends on which there may have been another, full of loose ends.
    func status(afterAnother: Bool) throws -> ConnectionStatus {
      let host = Host()
      let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
      if afterAnother {
        let (id, peer) = try host.accepted(listener)
        // Data unacknowledged, a hole in what has come, an urgent mark, a closed window, the timers running.
        _ = try host.write(id, String(repeating: "x", count: 5000))
        _ = host.sent()
        host.receive(peer.raw(0x38, peer.sequence + 10, peer.acknowledgment, urgent: 900, [1, 2, 3]))
        host.receive(peer.stray(.ack, peer.sequence, peer.acknowledgment, window: 0))
        host.wait(.seconds(20))
        try host.stack.abort(id, at: host.now)
        _ = host.sent()
        _ = host.events()
      }
      let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 50_000_000)
      host.receive(peer.segment(.syn))
      try peer.hear(host.segment())
      host.receive(peer.segment(.ack))
      host.expectSilence()
      let id = try #require(try host.stack.accept(listener))
      #expect(host.events().allSatisfy { if case .urgent = $0 { false } else { true } })
      return try host.stack.status(of: id)
    }
    #expect(try status(afterAnother: true) == status(afterAnother: false))
  }
}
