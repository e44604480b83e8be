// Shows that hosts which share keys talk as others do, that nobody else is heard, and that keys change while they talk
// (RFC 5925).

import SockeyeAuthentication
import SockeyeTestSupport
import Testing

@Suite struct AuthenticatedHostTests {
  @Test(
    .requirement("5925-2", "5925-5"), arguments: [IPVersion.v4, .v6], AuthenticationAlgorithm.allCases)
  func everySegmentIsSignedAndTextArrives(version: IPVersion, algorithm: AuthenticationAlgorithm) throws {
    let duo = try Duo()
    try duo.share(MasterKey(secret: octets(count: 20), sendID: 7, receiveID: 9, algorithm: algorithm))
    let ids = try duo.connected(version: version)
    try duo.carry(octets(count: 100_000), from: .client, ids)
    try duo.carry(octets(count: 30_000), from: .server, ids)
    try duo.client.close(ids.client, at: duo.now)
    try duo.run()
    try duo.server.close(ids.server, at: duo.now)
    try duo.run()
    #expect(duo.server.nextEvents().contains(.closed(ids.server, .finished)))
    #expect(duo.client.occupancy.timeWaits == 1 && duo.server.state(of: ids.server) == .closed)
    for (side, segment) in duo.sent {
      let option = try #require(segment.option)
      #expect((option.keyID, option.nextKeyID) == (side == .client ? (7, 9) : (9, 7)))
      // RFC 5925 §7.3: the last option that is put in.
      let range = try #require(segment.bytes.withRawSpan { AuthenticationOption.range(in: $0) })
      #expect(range == segment.header.headerLength - 16..<segment.header.headerLength)
    }
    // The largest segment fills the MTU, timestamps and authentication taken from its text.
    let largest = try #require(duo.sent.map(\.segment.bytes.count).max())
    #expect(largest == (version == .v4 ? 1480 : 1460))
  }

  @Test(.requirement("5925-5"))
  func lossesAndReorderingAreRepairedAsAlways() throws {
    let duo = try Duo()
    try duo.share()
    let ids = try duo.connected()
    var random = SeededGenerator(seed: 5925)
    duo.fate = { _, packet in UInt8.random(in: 0...255, using: &random) < 13 ? nil : packet }
    try duo.carry(octets(count: 200_000), from: .client, ids)
    // Selective acknowledgments have room for one block beside timestamps and authentication.
    let blocks = duo.sent.map(\.segment.header.options.sackBlocks.count)
    #expect(blocks.max() == 1)
    #expect(duo.server.statistics.tcp.drops[.unauthentic] == 0)
  }

  @Test(.requirement("5925-5"), arguments: [Duo.Side.client, .server])
  func aHandshakeNeedsTheSameSecretOnBothSides(wrong: Duo.Side) throws {
    let duo = try Duo()
    let chains = try duo.share()
    let other = MasterKey(secret: Array("something else".utf8), sendID: 8, receiveID: 8)
    let chain = wrong == .client ? chains.client : chains.server
    try chain.add(other)
    try chain.prefer(receiveID: 8)
    try chain.remove(receiveID: wrong == .client ? 9 : 7)
    let listener = try duo.server.listen(on: ListenEndpoint(port: 179))
    let id = try duo.connect()
    try duo.run(.seconds(10))
    // The SYN is dropped in silence, and sent again.
    #expect(duo.sent.allSatisfy { $0.from == .client } && duo.sent.count > 2)
    #expect(duo.client.state(of: id) == .synSent)
    #expect(try duo.server.accept(listener) == nil && duo.server.occupancy.handshakes == 0)
    #expect(duo.server.statistics.tcp.drops[.unauthentic] == UInt64(duo.sent.count))
  }

  @Test(.requirement("5925-5"))
  func aSynWithoutAuthenticationIsNotAnswered() throws {
    let duo = try Duo()
    let (chain, _) = try duo.share()
    try duo.client.setAuthentication(
      nil, with: try #require(AddressPrefix(parsing: "10.0.0.0/24")), port: 179)
    _ = try duo.server.listen(on: ListenEndpoint(port: 179))
    _ = try duo.connect()
    try duo.run(.seconds(5))
    #expect(duo.sent.allSatisfy { $0.from == .client && $0.segment.option == nil })
    #expect(duo.server.statistics.tcp.drops[.missingAuthentication] == UInt64(duo.sent.count))
    // Other ports are nobody's business, and other peers neither.
    _ = try duo.server.listen(on: ListenEndpoint(port: 80))
    let id = try duo.client.connect(to: try #require(Endpoint(parsing: "10.0.0.2:80")), at: duo.now)
    try duo.run()
    #expect(duo.client.state(of: id) == .established)
    #expect(try duo.client.authenticator(of: id) == nil)
    #expect(chain.keys.count == 1)
  }

  @Test(.requirement("5925-5", "5925-3"))
  func whatWasChangedOnItsWayIsAsIfItHadNotCome() throws {
    let duo = try Duo()
    try duo.share()
    let ids = try duo.connected()
    var packet: [UInt8] = []
    duo.fate = { _, sent in
      packet = sent
      return nil
    }
    _ = try [UInt8]("pay 100".utf8).withRawSpan { text throws(SocketError) in
      try duo.client.write(ids.client, text, at: duo.now)
    }
    try duo.run(.milliseconds(1))
    #expect(!packet.isEmpty)
    let before = duo.sent.count
    // Sequence number, acknowledgment, flags, window, urgent pointer, timestamp, key IDs, code, text.
    let positions = [4, 7, 8, 11, 13, 14, 18, 24, 34, 35, 36, 47, packet.count - 21]
    for position in positions { duo.inject(changed(packet, at: position), into: .server) }
    // A reset with the option of a good segment.
    var reset = packet
    reset[33] = 0x14
    duo.inject(checksummed(reset), into: .server)
    try duo.run(.milliseconds(1))
    #expect(duo.sent.count == before, "silence")
    #expect(try duo.readable(at: .server, ids).isEmpty && duo.states(ids) == (.established, .established))
    #expect(duo.server.statistics.tcp.drops[.unauthentic] == UInt64(positions.count + 1))
    duo.inject(packet, into: .server)
    #expect(try duo.readable(at: .server, ids) == Array("pay 100".utf8))
  }

  @Test(.requirement("5925-5"))
  func resetsHandshakesAndTimeWaitSignWhatTheyAnswer() throws {
    let duo = try Duo()
    try duo.share()
    let listener = try duo.server.listen(on: ListenEndpoint(port: 179))
    // The SYN,ACK is lost, and both sides send again; the handshake signs it each time.
    var lost = 1
    duo.fate = { side, packet in
      if side == .server, lost > 0 {
        lost -= 1
        return nil
      }
      return packet
    }
    let first = try duo.connect()
    try duo.run(.seconds(3))
    let accepted = try #require(try duo.server.accept(listener))
    #expect(duo.states((first, accepted)) == (.established, .established))
    // The client's FIN is answered; its last ACK is lost, so TIME-WAIT has to answer the server's FIN again.
    try duo.client.close(first, at: duo.now)
    try duo.run()
    duo.fate = { side, packet in side == .client ? nil : packet }
    try duo.server.close(accepted, at: duo.now)
    try duo.run()
    #expect(duo.server.state(of: accepted) == .lastAck && duo.client.occupancy.timeWaits == 1)
    duo.fate = { $1 }
    try duo.run(.seconds(3))
    #expect(duo.server.nextEvents().contains(.closed(accepted, .finished)), "the second ACK was taken")
    // A reset is signed, and believed.
    let second = try duo.connect()
    try duo.run()
    let other = try #require(try duo.server.accept(listener))
    try duo.client.abort(second, at: duo.now)
    try duo.run()
    #expect(duo.server.nextEvents().contains(.closed(other, .reset)))
    #expect(duo.sent.allSatisfy { $0.segment.option != nil })
    #expect(duo.client.statistics.tcp.segmentsDropped == 0)
  }

  @Test(.requirement("5925-5"))
  func aNewConnectionTakesThePortOverFromTimeWaitOnlyWithASignedSyn() throws {
    let duo = try Duo()
    try duo.share()
    let listener = try duo.server.listen(on: ListenEndpoint(port: 179))
    let remote = try #require(Endpoint(parsing: "10.0.0.2:179"))
    let first = try duo.client.connect(to: remote, port: 1790, at: duo.now)
    try duo.run()
    // The server closes first, so that TIME-WAIT is there.
    let accepted = try #require(try duo.server.accept(listener))
    try duo.server.close(accepted, at: duo.now)
    try duo.run()
    try duo.client.close(first, at: duo.now)
    try duo.run()
    #expect(duo.server.occupancy.timeWaits == 1)
    #expect(duo.client.nextEvents().contains(.closed(first, .finished)))
    var synchronize: [UInt8] = []
    duo.fate = { side, packet in
      if side == .client { synchronize = packet }
      return side == .client ? nil : packet
    }
    let second = try duo.client.connect(to: remote, port: 1790, at: duo.now)
    try duo.run(.milliseconds(10))
    duo.inject(changed(synchronize, at: 4), into: .server)
    #expect(duo.server.occupancy.timeWaits == 1 && duo.server.occupancy.handshakes == 0)
    duo.fate = { $1 }
    duo.inject(synchronize, into: .server)
    try duo.run()
    #expect(duo.server.occupancy.timeWaits == 0 && duo.client.state(of: second) == .established)
  }

  @Test(.requirement("5925-6"))
  func keysRollOverWhileTextFlows() throws {
    let duo = try Duo()
    let chains = try duo.share(.first)
    let ids = try duo.connected()
    func sendingKeys() throws -> [UInt8] {
      try [duo.client.authenticator(of: ids.client), duo.server.authenticator(of: ids.server)].map {
        try #require($0 as? ConnectionAuthenticator).sendingKey.sendID
      }
    }
    try duo.carry(octets(count: 20_000), from: .client, ids)
    #expect(try sendingKeys() == [7, 9])
    // One side asks for a key that the other does not have yet: nothing changes.
    try chains.server.add(MasterKey.second.mirrored)
    try chains.server.prefer(receiveID: 70)
    try duo.carry(octets(count: 20_000), from: .server, ids)
    try duo.carry(octets(count: 20_000), from: .client, ids)
    #expect(try sendingKeys() == [7, 9])
    // With the key there, the client sends with it as soon as it is asked to; the server not before it is.
    try chains.client.add(.second)
    try duo.carry(octets(count: 20_000), from: .server, ids)
    try duo.carry(octets(count: 20_000), from: .client, ids)
    #expect(try sendingKeys() == [70, 9])
    try chains.client.prefer(receiveID: 90)
    try duo.carry(octets(count: 20_000), from: .client, ids)
    try duo.carry(octets(count: 20_000), from: .server, ids)
    #expect(try sendingKeys() == [70, 90])
    // The old key goes, and nothing is lost by it.
    try chains.client.remove(receiveID: 9)
    try chains.server.remove(receiveID: 7)
    try duo.carry(octets(count: 20_000), from: .client, ids)
    try duo.carry(octets(count: 20_000), from: .server, ids)
    #expect(duo.client.statistics.tcp.segmentsDropped == 0 && duo.server.statistics.tcp.segmentsDropped == 0)
    #expect(duo.server.statistics.tcp.segmentsRetransmitted == 0)
  }

  @Test(.requirement("5925-6"))
  func aKeyInUseCannotBeChangedAndTheLastOneStays() throws {
    let chain = KeyChain(.first)
    #expect(throws: KeyError.identifierInUse(sendID: 7, receiveID: 9)) {
      try chain.add(MasterKey(secret: [1], sendID: 7, receiveID: 1))
    }
    #expect(throws: KeyError.identifierInUse(sendID: 7, receiveID: 9)) {
      try chain.add(MasterKey(secret: [1], sendID: 1, receiveID: 9))
    }
    #expect(throws: KeyError.noSuchKey(receiveID: 90)) { try chain.prefer(receiveID: 90) }
    #expect(throws: KeyError.lastKey) { try chain.remove(receiveID: 9) }
    try chain.add(.second)
    try chain.prefer(receiveID: 90)
    #expect(chain.preferredKey.sendID == 70)
    try chain.remove(receiveID: 90)
    #expect(chain.preferredKey.sendID == 7 && chain.keys.count == 1)
  }

  @Test(.requirement("5925-6"))
  func aConnectionWhoseKeyWasTakenAwaySendsWithThePreferredOne() throws {
    let duo = try Duo()
    let chains = try duo.share(.first)
    let ids = try duo.connected()
    try chains.client.add(.second)
    try chains.server.add(MasterKey.second.mirrored)
    try chains.client.remove(receiveID: 9)
    try duo.carry(octets(count: 5000), from: .client, ids)
    let last = try #require(duo.sent.last { $0.from == .client }?.segment.option)
    #expect((last.keyID, last.nextKeyID) == (70, 90))
    // What is still signed with the key that is gone is not heard; but the server has been asked for the other.
    try duo.carry(octets(count: 5000), from: .server, ids)
  }

  @Test(.requirement("5925-7"))
  func withoutKeysAuthenticationIsPassedOverUnlessTheHostSaysOtherwise() throws {
    for accepts in [true, false] {
      let duo = try Duo { _, configuration in
        #expect(configuration.acceptsUnknownAuthentication)
        configuration.acceptsUnknownAuthentication = accepts
      }
      try duo.client.setAuthentication(
        KeyChain(.first), with: try #require(AddressPrefix(parsing: "10.0.0.0/24")))
      _ = try duo.server.listen(on: ListenEndpoint(port: 179))
      _ = try duo.connect()
      try duo.run(.milliseconds(500))
      // The server's answer is not signed, and so the client does not take it.
      #expect(duo.sent.contains { $0.from == .server } == accepts)
      #expect(duo.server.statistics.tcp.drops[.unauthentic] == (accepts ? 0 : 1))
      #expect(duo.client.statistics.tcp.drops[.missingAuthentication] == (accepts ? 1 : 0))
    }
  }

  @Test(.requirement("5925-7"))
  func aConnectionMayRequireAuthentication() throws {
    let duo = try Duo()
    var strict = TCPConfiguration()
    strict.requiresAuthentication = true
    let remote = try #require(Endpoint(parsing: "10.0.0.2:179"))
    #expect(throws: SocketError.noKeys(for: remote)) {
      try duo.client.connect(to: remote, configuration: strict, at: duo.now)
    }
    let listener = try duo.server.listen(on: ListenEndpoint(port: 179), configuration: strict)
    _ = try duo.connect()
    try duo.run(.milliseconds(500))
    #expect(duo.sent.allSatisfy { $0.from == .client })
    #expect(duo.server.statistics.tcp.drops[.missingAuthentication] == 1)
    try duo.share()
    _ = try duo.client.connect(to: remote, configuration: strict, at: duo.now)
    try duo.run()
    #expect(try duo.server.accept(listener) != nil)
  }

  @Test(.requirement("5925-5"))
  func aListenerThatSendsCookiesKeepsTheHandshakesOfItsPeers() throws {
    let duo = try Duo { _, configuration in configuration.synCookies = .always }
    try duo.share()
    let ids = try duo.connected()
    try duo.carry(octets(count: 10_000), from: .client, ids)
    #expect(duo.server.statistics.tcp.cookiesSent == 0)
  }

  @Test(.requirement("5925-3"))
  func theSequenceNumbersOfBothSidesGoRound() throws {
    let duo = try Duo()
    try duo.share()
    // Initial sequence numbers rise by one in 4 µs, so that one can wait for those that come before zero.
    _ = try duo.server.listen(on: ListenEndpoint(port: 179))
    _ = try duo.client.connect(to: try #require(Endpoint(parsing: "10.0.0.2:179")), port: 1000, at: duo.now)
    try duo.run(.milliseconds(1))
    for side in [Duo.Side.client, .server] {
      let first = try #require(duo.sent.first { $0.from == side }).segment.header.sequence.rawValue
      let distance = Int64(0xffff_c000) - Int64(first)
      let duo = try Duo()
      try duo.share()
      let ticks = distance < 0 ? distance + (1 << 32) : distance
      try duo.run(Interval(nanoseconds: 4000 * ticks))
      let listener = try duo.server.listen(on: ListenEndpoint(port: 179))
      let id = try duo.client.connect(
        to: try #require(Endpoint(parsing: "10.0.0.2:179")), port: 1000, at: duo.now)
      try duo.run()
      let initial = try #require(duo.sent.first { $0.from == side }).segment.header.sequence
      #expect(initial.rawValue > 0xffff_8000)
      let ids = (client: id, server: try #require(try duo.server.accept(listener)))
      try duo.carry(octets(count: 100_000), from: side, ids)
      let last = try #require(duo.sent.last { $0.from == side }).segment.header.sequence
      #expect(last.rawValue < 0x2_0000)
    }
  }
}

extension Stack {
  /// All events that wait for the user.
  mutating func nextEvents() -> [SocketEvent] {
    var events: [SocketEvent] = []
    while let event = nextEvent() { events.append(event) }
    return events
  }
}
