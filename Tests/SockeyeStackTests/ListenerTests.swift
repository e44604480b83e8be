// Shows passive OPEN and what a listener does with segments (RFC 9293 §3.10.1, §3.10.7.2).

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct ListenerTests {
  @Test(.requirement("U-01", "S-06"))
  func aListenerAnswersASynAndGivesAConnection() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 100)
    host.receive(peer.segment(.syn))
    let answer = try host.segment()
    #expect(answer.tcp?.flags == [.syn, .ack])
    #expect(answer.tcp?.acknowledgment == SequenceNumber(101))
    #expect(try host.stack.accept(listener) == nil, "not before the third segment")
    try peer.hear(answer)
    host.receive(peer.segment(.ack))
    host.expectSilence()
    #expect(host.events() == [.acceptable(listener)])
    let id = try #require(try host.stack.accept(listener))
    #expect(host.stack.state(of: id) == .established)
    let ends = FourTuple(local: endpoint("10.0.0.1:80"), remote: endpoint("10.0.0.2:5000"))
    #expect(try host.stack.endpoints(of: id) == ends)
  }

  @Test(.requirement("S-06", "X-22"))
  func dataWithTheThirdSegmentIsDelivered() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("[fd00::2]:5000", "[fd00::1]:80", sequence: 100)
    host.receive(peer.segment(.syn))
    try peer.hear(host.segment())
    host.receive(peer.segment([.ack, .psh], "at once"))
    let id = try #require(try host.stack.accept(listener))
    #expect(host.events().contains(.readable(id)))
    #expect(try host.read(id) == "at once")
  }

  @Test(.requirement("S-04", "S-05", "S-07", "N-7", "R-02", "X-06"))
  func aListenerDecidesByResetThenAcknowledgmentThenSyn() throws {
    let host = Host()
    _ = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 100)
    host.receive(peer.stray(.rst, SequenceNumber(100)))
    host.receive(peer.stray([.rst, .ack], SequenceNumber(100), SequenceNumber(7)))
    host.receive(peer.stray(.fin, SequenceNumber(100)))
    host.receive(peer.stray([], SequenceNumber(100), SequenceNumber(0), Array("text".utf8)))
    host.expectSilence()
    host.receive(peer.stray([.syn, .ack], SequenceNumber(100), SequenceNumber(4242)))
    let reset = try host.segment()
    #expect(reset.tcp?.flags == .rst)
    #expect(reset.tcp?.sequence == SequenceNumber(4242))
    #expect(host.events().isEmpty)
  }

  @Test(.requirement("MUST-41", "U-07"))
  func aSecondListenerOnTheSameAddressAndPortIsAnError() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    let taken = ListenEndpoint(port: 80)
    #expect(throws: SocketError.addressInUse(taken)) { try host.stack.listen(on: taken) }
    // The connection and the first listener go on.
    host.receive(peer.segment([.ack, .psh], "still here"))
    #expect(try host.read(id) == "still here")
    _ = host.sent()
    _ = try host.accepted(listener, from: "10.0.0.3:6000")
  }

  @Test(.requirement("MUST-42"))
  func aPortThatConnectsCanListenToo() throws {
    let host = Host()
    _ = try host.connect("10.0.0.2:80", port: 5000)
    _ = host.sent()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 5000))
    let third = Peer("10.0.0.3:7000", "10.0.0.1:5000", sequence: 1)
    host.receive(third.segment(.syn))
    #expect(try host.segment().tcp?.flags == [.syn, .ack])
    _ = listener
  }

  @Test(.requirement("MUST-43"))
  func aListenerOnOneAddressLeavesTheOthersAlone() throws {
    let host = Host(["10.0.0.1/24", "10.0.0.7/24"])
    _ = try host.stack.listen(on: ListenEndpoint(address: ip("10.0.0.1"), port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.7:80", sequence: 1)
    host.receive(peer.segment(.syn))
    let reset = try host.segment()
    #expect(reset.tcp?.flags == [.rst, .ack])
    #expect(reset.source == ip("10.0.0.7"))
  }

  @Test(.requirement("MUST-45"))
  func answersComeFromTheAddressTheSynWasSentTo() throws {
    let host = Host(["10.0.0.1/24", "10.0.0.7/24"])
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, _) = try host.accepted(listener, to: "10.0.0.7:80")
    #expect(try host.write(id, "hello") == 5)
    #expect(try host.segment().source == ip("10.0.0.7"))
  }

  @Test func theMostSpecificListenerWins() throws {
    let host = Host()
    let any = try host.stack.listen(on: ListenEndpoint(port: 80))
    let anyIPv4 = try host.stack.listen(on: ListenEndpoint(address: ip("0.0.0.0"), port: 80))
    let one = try host.stack.listen(on: ListenEndpoint(address: ip("10.0.0.1"), port: 80))
    _ = try host.handshake(from: "10.0.0.2:5000", to: "10.0.0.1:80")
    _ = try host.handshake(from: "[fd00::2]:5000", to: "[fd00::1]:80")
    #expect(try host.stack.waitingCount(of: one) == 1)
    #expect(try host.stack.waitingCount(of: any) == 1)
    try host.stack.close(one, at: host.now)
    _ = host.sent()
    _ = try host.handshake(from: "10.0.0.2:5001", to: "10.0.0.1:80")
    #expect(try host.stack.waitingCount(of: anyIPv4) == 1)
  }

  @Test(.requirement("MUST-11", "S-33", "X-03"))
  func aResetHandshakeLeavesTheListenerAsItWas() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 90)
    host.receive(peer.segment(.syn))
    let answer = try host.segment()
    try peer.hear(answer)
    // The client knows nothing of this SYN, an old one: it answers with the RST that the ACK asks for.
    host.receive(peer.stray(.rst, SequenceNumber(91)))
    host.expectSilence()
    #expect(host.events().isEmpty, "the user isn't told")
    let real = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 500)
    host.receive(real.segment(.syn))
    try real.hear(host.segment())
    host.receive(real.segment(.ack))
    #expect(try host.stack.accept(listener) != nil)
  }

  @Test(.requirement("S-37"))
  func aNewSynInAHandshakeReturnsToListen() throws {
    let host = Host()
    _ = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 90)
    host.receive(peer.segment(.syn))
    _ = try host.segment()
    host.receive(peer.stray(.syn, SequenceNumber(95)))
    host.expectSilence()
    host.receive(peer.stray(.syn, SequenceNumber(95)))
    let answer = try host.segment()
    #expect(answer.tcp?.acknowledgment == SequenceNumber(96))
  }

  @Test(.requirement("S-43", "R-02"))
  func aBadAcknowledgmentInAHandshakeIsReset() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 90)
    host.receive(peer.segment(.syn))
    try peer.hear(host.segment())
    host.receive(peer.stray(.ack, SequenceNumber(91), peer.acknowledgment + 1))
    let reset = try host.segment()
    #expect(reset.tcp?.flags == .rst)
    #expect(reset.tcp?.sequence == peer.acknowledgment + 1)
    host.receive(peer.segment(.ack))
    #expect(try host.stack.accept(listener) != nil, "the handshake went on")
  }

  @Test(.requirement("A-30"))
  func handshakesAreBoundedAndSurplusSynsDropped() throws {
    let host = Host { $0.synCookies = .never }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 5)
    var first: Peer?
    for number in 0..<2000 {
      let client = "10.0.0.\(2 + number % 200):\(1000 + number)"
      let peer = Peer(client, "10.0.0.1:80", sequence: 1)
      host.receive(peer.segment(.syn))
      for packet in host.sent() { try peer.hear(packet) }
      if number == 0 { first = peer }
    }
    #expect(host.stack.statistics.tcp.synchronizesDropped == 2000 - 5 * 16)
    #expect(host.stack.memoryUsed < 131_072)
    // Whoever was first is served, and then there is room for one more.
    let peer = try #require(first)
    host.receive(peer.segment(.ack))
    #expect(try host.stack.accept(listener) != nil)
    let next = Peer("10.0.0.250:9", "10.0.0.1:80", sequence: 1)
    host.receive(next.segment(.syn))
    #expect(try host.segment().tcp?.flags == [.syn, .ack])
  }

  @Test(.requirement("A-30", "A-32"))
  func anUnansweredHandshakeEndsByItself() throws {
    let host = Host()
    _ = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 1)
    let silent = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1)
    host.receive(silent.segment(.syn))
    let copies = host.wait(.minutes(5))
    #expect(copies.count >= 4 && copies.count <= 10, "\(copies.count) copies")
    #expect(copies.allSatisfy { $0.tcp?.flags == [.syn, .ack] })
    #expect(host.events().isEmpty)
    let next = Peer("10.0.0.3:5000", "10.0.0.1:80", sequence: 1)
    host.receive(next.segment(.syn))
    #expect(try host.segment().tcp?.flags == [.syn, .ack])
  }

  @Test(.requirement("A-32"))
  func oneForgedSynBringsFewOctetsAndAResetStopsThem() throws {
    for resets in [false, true] {
      let host = Host()
      _ = try host.stack.listen(on: ListenEndpoint(port: 80))
      let victim = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1)
      let forged = victim.segment(.syn)
      host.receive(forged)
      try victim.hear(host.segment())
      // The victim knows of no connection and says so, or is not there.
      if resets { host.receive(victim.stray(.rst, victim.sequence)) }
      let copies = host.wait(.minutes(5))
      #expect(resets ? copies.isEmpty : copies.count <= 9)
      let octets = copies.reduce(0) { $0 + $1.bytes.count }
      #expect(octets <= 12 * forged.count, "\(octets) for \(forged.count)")
      #expect(copies.allSatisfy { $0.text.isEmpty })
    }
  }

  /// RFC 4987 §3: a record for each SYN, small, found by a keyed hash, and its SYN,ACK sent again until it is answered.
  @Test(.requirement("4987-2"))
  func aSynIsKeptInASmallRecordThatAnswersAgain() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 10)
    let before = host.stack.memoryUsed
    let peers = (1...100).map { Peer("10.0.0.2:\($0)", "10.0.0.1:80", sequence: 1) }
    for peer in peers {
      host.receive(peer.segment(.syn))
      try peer.hear(host.segment())
    }
    #expect(host.stack.occupancy.handshakes == 100 && host.stack.occupancy.connections == 0)
    #expect(host.stack.memoryUsed - before <= 100 * 832)
    #expect(host.wait(.milliseconds(1100)).count == 100, "each SYN,ACK again")
    for peer in peers.prefix(10) { host.receive(peer.segment(.ack)) }
    #expect(try host.stack.waitingCount(of: listener) == 10 && host.stack.occupancy.handshakes == 90)
  }

  @Test(.requirement("A-43"))
  func aThousandClientsWaitTheirTurnAndAllAreServed() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 16)
    var clients: [Int: Peer] = [:]
    for number in 0..<1000 { clients[number] = Peer("10.0.0.2:\(2000 + number)", "10.0.0.1:80", sequence: 1) }
    var served: Set<UInt16> = []
    // All of them try, again and again, as clients do; for the first three rounds nobody accepts.
    for round in 0..<80 where served.count < 1000 {
      for client in clients.values where !served.contains(client.remote.port) {
        if client.acknowledgment == SequenceNumber(0) {
          host.receive(client.stray(.syn, SequenceNumber(1)))
        } else {
          host.receive(client.stray([.ack, .psh], SequenceNumber(2), client.acknowledgment, [1]))
        }
        for packet in host.sent() {
          let header = try #require(packet.tcp)
          #expect(!header.flags.contains(.rst))
          if header.flags == [.syn, .ack] {
            for other in clients.values where other.remote.port == header.destinationPort {
              try other.hear(packet)
            }
          }
        }
        #expect(try host.stack.waitingCount(of: listener) <= 16)
        if round >= 3 {
          while let id = try host.stack.accept(listener) {
            served.insert(try host.stack.endpoints(of: id).remote.port)
          }
        }
      }
      host.wait(.milliseconds(10))
      if round < 3 { #expect(served.isEmpty) }
    }
    #expect(served.count == 1000)
  }

  @Test(.requirement("A-43"))
  func whenNobodyAcceptsTheLastSegmentIsIgnored() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 2)
    _ = try host.handshake(from: "10.0.0.2:1")
    _ = try host.handshake(from: "10.0.0.2:2")
    let third = try host.handshake(from: "10.0.0.2:3")
    #expect(try host.stack.waitingCount(of: listener) == 2)
    #expect(host.stack.statistics.tcp.acceptOverflows == 1)
    // The client believes that it is connected and sends: no reset, it will send again.
    let request = third.segment([.ack, .psh], "GET /")
    host.receive(request)
    host.expectSilence()
    _ = try #require(try host.stack.accept(listener))
    host.receive(request)
    _ = try #require(try host.stack.accept(listener))
    let id = try #require(try host.stack.accept(listener))
    #expect(try host.read(id) == "GET /")
  }

  @Test(.requirement("U-19", "U-27"))
  func closingAListenerResetsWhoWaitsAndSparesWhoWasAccepted() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    _ = try host.handshake(from: "10.0.0.2:5001")
    let half = Peer("10.0.0.2:5002", "10.0.0.1:80", sequence: 1)
    host.receive(half.segment(.syn))
    _ = try host.segment()
    try host.stack.close(listener, at: host.now)
    let reset = try host.segment()
    #expect(reset.tcp?.flags.contains(.rst) == true)
    #expect(reset.tcp?.destinationPort == 5001)
    host.receive(peer.segment([.ack, .psh], "still here"))
    #expect(try host.read(id) == "still here")
    #expect(throws: SocketError.noSuchListener) { try host.stack.accept(listener) }
    _ = host.sent()
    let late = Peer("10.0.0.2:5003", "10.0.0.1:80", sequence: 1)
    host.receive(late.segment(.syn))
    #expect(try host.segment().tcp?.flags == [.rst, .ack])
  }

  @Test(.requirement("U-04"))
  func listenRefusesWhatCannotBe() throws {
    let host = Host { $0.listenerLimit = 1 }
    #expect(throws: SocketError.invalidBacklog(0)) {
      try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 0)
    }
    #expect(throws: SocketError.addressNotAvailable(ip("192.0.2.1"))) {
      try host.stack.listen(on: ListenEndpoint(address: ip("192.0.2.1"), port: 80))
    }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 0))
    #expect(try host.stack.endpoint(of: listener).port >= 49_152)
    #expect(throws: SocketError.tooMany(.listeners, limit: 1)) {
      try host.stack.listen(on: ListenEndpoint(port: 81))
    }
  }
}
