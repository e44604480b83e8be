// Shows TIME-WAIT as the host keeps it: a small record, bounded in number, that a new connection may take over
// (RFC 9293 §3.6.1; RFC 6191; RFC 1122 §4.2.2.13; RFC 1337).

import SockeyeBytes
import SockeyeStack
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct TimeWaitTests {
  /// A client's connection to port 80 that the host closes first, with or without timestamps.
  private func closedByHost(
    _ host: Host, _ listener: ListenerID, from client: String = "10.0.0.2:5000", timestamp: UInt32? = nil
  ) throws -> Peer {
    let peer = Peer(client, "10.0.0.1:80", sequence: 1000)
    func options() -> TCPOptions {
      var options = TCPOptions()
      options.timestamps = timestamp.map { TimestampOption(value: $0, echo: 0) }
      return options
    }
    host.receive(peer.segment(.syn, options: options()))
    try peer.hear(host.segment())
    host.receive(peer.segment(.ack, options: options()))
    let id = try #require(try host.stack.accept(listener))
    try host.stack.close(id, at: host.now)
    try peer.hear(host.segment())
    host.receive(peer.segment([.ack, .fin], options: options()))
    #expect(try host.segment().tcp?.flags == .ack)
    _ = host.events()
    return peer
  }

  @Test(.requirement("MUST-13", "S-53", "S-63", "X-13"))
  func aRepeatedFinIsAnsweredAndStartsTheTimeAnew() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = try closedByHost(host, listener)
    let finish = peer.stray([.ack, .fin], peer.sequence - 1, peer.acknowledgment)
    host.wait(.seconds(59))
    host.receive(finish)
    #expect(try host.segment().tcp?.acknowledgment == peer.sequence)
    host.wait(.seconds(59))
    host.receive(finish)
    #expect(try host.segment().tcp?.flags == .ack)
    host.wait(.seconds(61))
    // 2 MSL without a word: nobody is here any more, and a listener answers an ACK with a RST.
    host.receive(finish)
    #expect(try host.segment().tcp?.flags == .rst)
  }

  @Test(.requirement("A-13", "1337-1"))
  func aResetDoesNotEndIt() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = try closedByHost(host, listener)
    host.receive(peer.stray([.ack, .psh], peer.sequence - 3, peer.acknowledgment, [1, 2]))
    #expect(try host.segment().tcp?.flags == .ack)
    host.receive(peer.stray(.rst, peer.sequence))
    host.expectSilence()
    host.receive(peer.stray([.ack, .fin], peer.sequence - 1, peer.acknowledgment))
    #expect(try host.segment().tcp?.flags == .ack, "still TIME-WAIT")
  }

  @Test(.requirement("MAY-2", "S-39", "X-21", "S-28"))
  func aYoungerSynTakesThePortOver() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let old = try closedByHost(host, listener)
    let client = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: (old.sequence + 1).rawValue)
    host.receive(client.segment(.syn))
    let answer = try host.segment()
    #expect(answer.tcp?.flags == [.syn, .ack])
    let sequence = try #require(answer.tcp?.sequence)
    #expect(sequence > old.acknowledgment, "ISS lies above what the old connection used")
    try client.hear(answer)
    host.receive(client.segment(.ack))
    #expect(try host.stack.accept(listener) != nil)
  }

  @Test(.requirement("MAY-2", "X-21"))
  func anOldDuplicateReturnsItToTimeWait() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let old = try closedByHost(host, listener)
    let duplicate = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: (old.sequence + 50).rawValue)
    host.receive(duplicate.segment(.syn))
    try duplicate.hear(host.segment())
    host.receive(duplicate.segment(.rst))
    host.expectSilence()
    host.receive(old.stray([.ack, .fin], old.sequence - 1, old.acknowledgment))
    let answer = try host.segment()
    #expect(answer.tcp?.flags == .ack)
    #expect(answer.tcp?.acknowledgment == old.sequence, "TIME-WAIT answers as before")
  }

  @Test(.requirement("S-39"))
  func anOlderSynIsNotLetIn() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let old = try closedByHost(host, listener)
    host.receive(old.stray(.syn, old.sequence - 500))
    for packet in host.sent() { #expect(packet.tcp?.flags == .ack, "a challenge at most") }
    #expect(try host.stack.accept(listener) == nil)
    host.receive(old.stray([.ack, .fin], old.sequence - 1, old.acknowledgment))
    #expect(try host.segment().tcp?.acknowledgment == old.sequence)
  }

  @Test(.requirement("A-41", "SHLD-4", "S-28"))
  func timestampsDecideWhetherASynIsYounger() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let old = try closedByHost(host, listener, timestamp: 5000)
    var options = TCPOptions()
    // Below in sequence, and not later in time: an old duplicate.
    options.timestamps = TimestampOption(value: 4999, echo: 0)
    host.receive(old.stray(.syn, old.sequence - 500, options: options))
    for packet in host.sent() { #expect(packet.tcp?.flags == .ack) }
    // Below in sequence, but later in time: a new connection.
    options.timestamps = TimestampOption(value: 5001, echo: 0)
    host.receive(old.stray(.syn, old.sequence - 500, options: options))
    #expect(try host.segment().tcp?.flags == [.syn, .ack])
  }

  /// A SYN's timestamp, counted from the last one of the old connection, and its number, from the end of the old stream.
  @Test(
    .requirement("6191-1", "6191-3"),
    arguments: [
      (1, -500, true), (0, 1, true), (0, -500, false), (-1, 500, false), (nil, 1, true), (nil, -500, false),
    ] as [(Int?, Int, Bool)])
  func whereTheOldConnectionHadTimestamps(timestamp: Int?, sequence: Int, isYounger: Bool) throws {
    try expect(timestamp: timestamp, sequence: sequence, isYounger: isYounger, afterTimestamp: 5000)
  }

  @Test(
    .requirement("6191-2"),
    arguments: [(1, -500, true), (-1, -500, true), (nil, 1, true), (nil, -500, false)] as [(Int?, Int, Bool)])
  func whereTheOldConnectionHadNone(timestamp: Int?, sequence: Int, isYounger: Bool) throws {
    try expect(timestamp: timestamp, sequence: sequence, isYounger: isYounger, afterTimestamp: nil)
  }

  private func expect(timestamp: Int?, sequence: Int, isYounger: Bool, afterTimestamp last: UInt32?) throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let old = try closedByHost(host, listener, timestamp: last)
    var options = TCPOptions()
    if let timestamp {
      let value = UInt32(truncatingIfNeeded: Int(last ?? 5000) + timestamp)
      options.timestamps = TimestampOption(value: value, echo: 0)
    }
    host.receive(old.stray(.syn, old.sequence + sequence, options: options))
    let answers = host.sent().compactMap { $0.tcp?.flags }
    #expect(answers.contains([.syn, .ack]) == isYounger, "\(answers)")
  }

  @Test(.requirement("A-41"))
  func recordsAreSmallAndBounded() throws {
    let host = Host { $0.timeWaitLimit = 100 }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    var first: Peer?
    let count = Flood.isBrief ? 500 : 100_000
    for number in 0..<count {
      let client = "10.0.0.\(2 + number / 50_000):\(1000 + number % 50_000)"
      let peer = try closedByHost(host, listener, from: client)
      if number == 0 { first = peer }
      host.wait(.milliseconds(1))
    }
    #expect(host.stack.statistics.tcp.timeWaitEvictions == UInt64(count - 100))
    #expect(host.stack.memoryUsed < 100 * 512)
    // The oldest went first: its FIN meets the listener.
    let peer = try #require(first)
    host.receive(peer.stray([.ack, .fin], peer.sequence - 1, peer.acknowledgment))
    #expect(try host.segment().tcp?.flags == .rst)
    host.wait(.minutes(2))
    #expect(host.stack.memoryUsed < 1024, "all of them end")
  }

  @Test(.requirement("U-07"))
  func aPortInTimeWaitIsNotConnectedFromAgain() throws {
    let host = Host()
    let (id, peer) = try host.connected(port: 5000)
    try host.stack.close(id, at: host.now)
    try peer.hear(host.segment())
    host.receive(peer.segment([.ack, .fin]))
    _ = host.sent()
    #expect(throws: SocketError.self) { try host.connect("10.0.0.2:80", port: 5000) }
    host.wait(.seconds(61))
    _ = try host.connect("10.0.0.2:80", port: 5000)
  }

  @Test func itsIdentifierLivesUntilTheUserGivesItBack() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    try host.stack.finish(id, at: host.now)
    try peer.hear(host.segment())
    host.receive(peer.segment([.ack, .fin]))
    _ = host.sent()
    #expect(host.events().contains(.closed(id, .finished)))
    #expect(host.stack.state(of: id) == .timeWait)
    #expect(try host.stack.status(of: id).state == .timeWait)
    host.wait(.seconds(61))
    #expect(host.stack.state(of: id) == .closed)
    try host.stack.close(id, at: host.now)
    #expect(throws: SocketError.noSuchConnection) { try host.stack.status(of: id) }
    #expect(host.events().isEmpty)
    #expect(host.stack.memoryUsed == 0)
  }

  /// RFC 7323 §3.2: once they are agreed on, timestamps are on each segment, and the echo is the latest.
  @Test func whatAnswersInTimeWaitHasTimestamps() {
    let (talk, numbers) = Conversation.standing(
      in: Situation(.timeWait), options: .synchronize(timestamp: 5_000))
    let echo = talk.peerTimestamp?.echo ?? 0
    talk.advance(.seconds(1))
    talk.peerTimestamp = TimestampOption(value: 6_000, echo: echo)
    talk.receive("F.", seq: 1, ack: 2)
    let answer = talk.expect(".", seq: numbers.sendNext, ack: numbers.receiveNext)
    #expect(answer?.header.options.timestamps == TimestampOption(value: echo + 1_000, echo: 6_000))
  }
}
