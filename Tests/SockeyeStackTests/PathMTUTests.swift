// Shows what is remembered of paths: for whom, for how long and for how many (RFC 1191 §6, RFC 8201 §5).

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct PathMTUTests {
  /// A connection to a peer that takes the largest segments.
  private func connected(_ host: Host, to remote: String) throws -> (ConnectionID, Peer) {
    let id = try host.connect(remote)
    let synchronize = try host.segment()
    let peer = Peer(answering: synchronize, sequence: 9000)
    try peer.hear(synchronize)
    var options = TCPOptions()
    options.maximumSegmentSize = 1460
    host.receive(peer.segment([.syn, .ack], options: options))
    _ = host.sent()
    _ = host.events()
    return (id, peer)
  }

  /// A router says that the largest segment of a connection was too big.
  @discardableResult
  private func shrink(_ host: Host, _ id: ConnectionID, to unit: UInt32) throws -> [Packet] {
    _ = try host.write(id, String(repeating: "x", count: 1460))
    let big = try #require(host.sent().first)
    let isV4 = big.source.version == .v4
    host.receive(icmpError(isV4 ? 3 : 2, isV4 ? 4 : 0, rest: unit, quoting: big))
    return host.sent()
  }

  @Test(
    .requirement("1191-5"), arguments: [("10.0.0.2", "10.0.0.3", 1460), ("[fd00::2]", "[fd00::3]", 1440)])
  func theNextConnectionToTheSameAddressKnows(near: String, other: String, announced: UInt16) throws {
    let host = Host()
    let (first, _) = try connected(host, to: "\(near):80")
    try shrink(host, first, to: 1300)
    let headers = announced == 1460 ? 40 : 60
    let id = try host.connect("\(near):443")
    #expect(
      try host.segment().tcp?.options.maximumSegmentSize == announced, "what it takes itself is not less")
    _ = id
    let (second, _) = try connected(host, to: "\(near):22")
    #expect(try host.stack.status(of: second).segmentSize == 1300 - headers)
    let (third, _) = try connected(host, to: "\(other):80")
    #expect(try host.stack.status(of: third).segmentSize == 1500 - headers)
    #expect(host.stack.pathMTU(to: ip(near.filter { $0 != "[" && $0 != "]" })) == 1300)
    // So does one that comes in, with a cookie or without.
    for use in [SynCookieUse.never, .always] {
      let server = Host { $0.synCookies = use }
      let (id, _) = try connected(server, to: "\(near):80")
      try shrink(server, id, to: 1300)
      let local = announced == 1460 ? "10.0.0.1:80" : "[fd00::1]:80"
      let listener = try server.stack.listen(on: ListenEndpoint(port: 80))
      let peer = Peer("\(near):5000", local, sequence: 1)
      var options = TCPOptions()
      options.maximumSegmentSize = 1460
      server.receive(peer.segment(.syn, options: options))
      try peer.hear(server.segment())
      server.receive(peer.segment(.ack))
      let accepted = try #require(try server.stack.accept(listener))
      #expect(try server.stack.status(of: accepted).segmentSize == 1300 - headers)
    }
  }

  @Test func aConnectionKnowsWhatWasLearntDuringItsHandshake() throws {
    let host = Host { $0.synCookies = .never }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1)
    var options = TCPOptions()
    options.maximumSegmentSize = 1460
    host.receive(peer.segment(.syn, options: options))
    try peer.hear(host.segment())
    let (other, _) = try connected(host, to: "10.0.0.2:443")
    try shrink(host, other, to: 1300)
    host.receive(peer.segment(.ack))
    let accepted = try #require(try host.stack.accept(listener))
    #expect(try host.stack.status(of: accepted).segmentSize == 1260)
  }

  @Test(.requirement("1191-4", "8201-3"))
  func whatWasTooBigLeavesAgainAndItIsNoCongestion() throws {
    let host = Host()
    let (id, _) = try connected(host, to: "10.0.0.2:80")
    let before = try host.stack.status(of: id)
    let again = try shrink(host, id, to: 1300)
    #expect(again.map(\.bytes.count).max() == 1300)
    #expect(again.map(\.text.count).reduce(0, +) == 1460)
    let after = try host.stack.status(of: id)
    #expect(after.congestionWindow / after.segmentSize == before.congestionWindow / before.segmentSize)
    #expect(after.slowStartThreshold == before.slowStartThreshold)
    #expect(again.allSatisfy { $0.dontFragment })
  }

  @Test func connectionsToTheSameAddressAreToldAtOnce() throws {
    let host = Host()
    let (first, _) = try connected(host, to: "10.0.0.2:80")
    let (second, _) = try connected(host, to: "10.0.0.2:81")
    let (third, _) = try connected(host, to: "10.0.0.3:80")
    try shrink(host, first, to: 1000)
    #expect(try host.stack.status(of: second).segmentSize == 960)
    #expect(try host.stack.status(of: third).segmentSize == 1460)
    #expect(host.stack.statistics.tcp.pathMTUsLowered == 2)
  }

  @Test(.requirement("A-27"))
  func messagesMakeNoWorkForOthersMoreThanOnceASecond() throws {
    let host = Host()
    let (first, _) = try connected(host, to: "10.0.0.2:80")
    let (second, _) = try connected(host, to: "10.0.0.2:81")
    _ = try host.write(first, String(repeating: "x", count: 1460))
    let big = try #require(host.sent().first)
    for unit in UInt32(600)..<1400 { host.receive(icmpError(3, 4, rest: 1999 - unit, quoting: big)) }
    #expect(host.stack.statistics.tcp.pathMTUsLowered == 800 + 1, "each for the one, the first for the other")
    #expect(try host.stack.status(of: second).segmentSize == 1399 - 40)
    host.wait(.seconds(1))
    #expect(try host.stack.status(of: second).segmentSize == 600 - 40)
    #expect(host.stack.statistics.tcp.pathMTUsLowered == 800 + 2)
  }

  @Test(.requirement("1191-3", "8201-2"), arguments: ["10.0.0.2", "[fd00::2]"])
  func afterTenMinutesMoreIsTried(near: String) throws {
    let host = Host()
    let headers = near.hasPrefix("[") ? 60 : 40
    let (first, peer) = try connected(host, to: "\(near):80")
    for packet in try shrink(host, first, to: 1300) { try peer.hear(packet) }
    host.receive(peer.segment(.ack))
    host.wait(.seconds(599))
    let (second, _) = try connected(host, to: "\(near):81")
    #expect(try host.stack.status(of: second).segmentSize == 1300 - headers)
    #expect(try host.stack.status(of: first).segmentSize == 1300 - headers)
    host.wait(.seconds(1))
    let (third, _) = try connected(host, to: "\(near):82")
    for id in [first, second, third] {
      #expect(try host.stack.status(of: id).segmentSize == min(1460, 1500 - headers))
    }
    #expect(host.stack.statistics.tcp.pathMTUsRaised == 2)
    #expect(host.stack.nextDeadline == nil, "there is nothing left to wait for")
    // If it is still too big, the next message says so, to the others not sooner than a second after the last.
    try shrink(host, third, to: 1300)
    host.wait(.seconds(1))
    #expect(try host.stack.status(of: first).segmentSize == 1300 - headers)
  }

  @Test(.requirement("1191-2"))
  func aMessageNeverRaisesAndASmallerOneBeginsTheTimeAnew() throws {
    let host = Host()
    let (id, peer) = try connected(host, to: "10.0.0.2:80")
    for packet in try shrink(host, id, to: 1000) { try peer.hear(packet) }
    host.receive(peer.segment(.ack))
    host.wait(.seconds(400))
    _ = try host.write(id, String(repeating: "x", count: 960))
    let big = try #require(host.sent().first)
    for unit in [UInt32(1000), 1001, 1300, 1500] { host.receive(icmpError(3, 4, rest: unit, quoting: big)) }
    #expect(host.stack.pathMTU(to: ip("10.0.0.2")) == 1000)
    host.receive(icmpError(3, 4, rest: 900, quoting: big))
    for packet in host.sent() { try peer.hear(packet) }
    host.receive(peer.segment(.ack))
    host.wait(.seconds(599))
    #expect(host.stack.pathMTU(to: ip("10.0.0.2")) == 900)
    host.wait(.seconds(1))
    #expect(host.stack.pathMTU(to: ip("10.0.0.2")) == 1500)
  }

  @Test func onlySoManyDestinationsAreRemembered() throws {
    let host = Host(["10.0.0.1/8"]) { $0.pathLimit = 10 }
    for number in 1...40 {
      let (id, _) = try connected(host, to: "10.1.0.\(number):80")
      try shrink(host, id, to: 1000)
      try host.stack.abort(id, at: host.now)
      _ = host.wait(.seconds(1))
      _ = host.events()
    }
    #expect(host.stack.memoryUsed < 2048)
    #expect((1...40).filter { host.stack.pathMTU(to: ip("10.1.0.\($0)")) == 1000 } == Array(31...40))
    host.wait(.minutes(10))
    #expect(host.stack.memoryUsed == 0)
  }

  @Test func datagramsAreCutToWhatThePathTakes() throws {
    let host = Host()
    let (id, _) = try connected(host, to: "[fd00::2]:80")
    try shrink(host, id, to: 1280)
    try [UInt8](repeating: 7, count: 1400).withRawSpan {
      try host.stack.sendEcho(to: ip("fd00::2"), identifier: 1, sequence: 1, payload: $0, at: host.now)
    }
    let pieces = host.sent().filter { $0.protocolNumber != IPProtocol.tcp }
    #expect(pieces.count == 2)
    #expect(pieces.allSatisfy { $0.bytes.count <= 1280 })
  }
}
