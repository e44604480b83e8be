// Shows ICMP: errors and what TCP makes of them, echo, and the errors the host itself sends
// (RFC 9293 §3.9.2.2; RFC 792, 4443, 5461, 5927; RFC 1122 §3.2.2).

import SockeyeStack
import SockeyeTestSupport
import Testing

/// An ICMP error, as a router sends it, that quotes a packet of the host.
func icmpError(
  _ type: UInt8, _ code: UInt8, rest: UInt32 = 0, quoting packet: Packet, from router: String? = nil
) -> [UInt8] {
  let version = packet.source.version
  let source = router.map { ip($0) } ?? ip(version == .v4 ? "192.0.2.254" : "2001:db8::fe")
  return icmpPacket(
    type: type, code: code, rest: rest, Array(packet.bytes.prefix(64)), from: source, to: packet.source)
}

@Suite struct ICMPErrorTests {
  static let softIPv4: [(UInt8, UInt8)] = [(3, 0), (3, 1), (3, 5), (11, 0), (11, 1), (12, 0), (12, 1)]
  static let softIPv6: [(UInt8, UInt8)] = [(1, 0), (1, 3), (3, 0), (3, 1), (4, 0), (4, 1), (4, 2)]

  @Test(.requirement("MUST-56", "MUST-47", "SHLD-25"), arguments: softIPv4)
  func softErrorsAreToldAndNothingEnds(type: UInt8, code: UInt8) throws {
    try softErrorsSpare(to: "10.0.0.2:80", type, code)
  }

  @Test(.requirement("MUST-56", "MUST-47", "SHLD-25"), arguments: softIPv6)
  func softErrorsAreToldAndNothingEndsOverIPv6(type: UInt8, code: UInt8) throws {
    try softErrorsSpare(to: "[fd00::2]:80", type, code)
  }

  private func softErrorsSpare(to remote: String, _ type: UInt8, _ code: UInt8) throws {
    let host = Host()
    let attempt = try host.connect(remote, port: 7777)
    let synchronize = try host.segment()
    host.receive(icmpError(type, code, quoting: synchronize))
    #expect(host.stack.state(of: attempt) == .synSent)
    #expect(host.wait(.seconds(2)).contains { $0.tcp?.flags == .syn }, "and it is sent again")
    _ = host.events()
    let (id, peer) = try host.connected(to: remote)
    _ = try host.write(id, "data")
    let data = try host.segment()
    host.receive(icmpError(type, code, quoting: data))
    let error = try #require(try host.stack.softError(of: id))
    #expect(host.events().contains(.softError(id, error)))
    #expect(host.stack.state(of: id) == .established)
    host.receive(peer.segment([.ack, .psh], "still here"))
    #expect(try host.read(id) == "still here")
  }

  @Test(.requirement("SHLD-20", "SHLD-25"))
  func reportsCanBeSwitchedOff() throws {
    let host = Host()
    let (id, _) = try host.connected()
    try host.stack.setReportsSoftErrors(false, of: id)
    _ = host.events()
    _ = try host.write(id, "data")
    host.receive(icmpError(3, 1, quoting: try host.segment()))
    #expect(host.events().isEmpty)
    #expect(try host.stack.softError(of: id) == .hostUnreachable, "it is known all the same")
  }

  @Test(.requirement("MUST-54", "SHLD-26"), arguments: ["10.0.0.2", "[fd00::2]"])
  func aHardErrorEndsTheAttemptItQuotesAndNoOther(remote: String) throws {
    let host = Host()
    let first = try host.connect("\(remote):80")
    let synchronize = try host.segment()
    let second = try host.connect("\(remote):80")
    _ = host.sent()
    let (type, code): (UInt8, UInt8) = synchronize.source.version == .v4 ? (3, 3) : (1, 4)
    host.receive(icmpError(type, code, quoting: synchronize))
    #expect(host.events().contains(.closed(first, .unreachable)))
    #expect(host.stack.state(of: second) == .synSent)
    #expect(try host.stack.softError(of: first) == .portUnreachable)
  }

  @Test(.requirement("MUST-54", "A-27"))
  func anErrorThatQuotesNothingInFlightDoesNothing() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    _ = try host.write(id, "data")
    let data = try host.segment()
    for offset in [-1, -70_000, 4, 70_000, 1 << 30] {
      var forged = data
      let sequence = (try #require(data.tcp).sequence + offset).rawValue
      forged = Packet(changing(data.bytes, sequence: sequence), link: data.link)
      host.receive(icmpError(3, 3, quoting: forged))
      host.receive(icmpError(3, 4, rest: 600, quoting: forged))
    }
    // One for a connection that doesn't exist, and one that quotes too little.
    host.receive(icmpError(3, 3, quoting: Packet(changing(data.bytes, port: 1), link: data.link)))
    host.receive(
      icmpPacket(
        type: 3, code: 3, Array(data.bytes.prefix(24)), from: ip("192.0.2.254"), to: ip("10.0.0.1")))
    #expect(host.stack.state(of: id) == .established)
    #expect(try host.stack.softError(of: id) == nil)
    #expect(try host.stack.status(of: id).segmentSize > 500)
    #expect(host.stack.statistics.icmp.errorsAccepted == 0)
    #expect(host.stack.statistics.icmp.errorsIgnored == 12)
    _ = peer
  }

  /// An IPv4 packet with another sequence number or source port, its TCP checksum as it was.
  private func changing(_ packet: [UInt8], sequence: UInt32? = nil, port: UInt16? = nil) -> [UInt8] {
    var packet = packet
    if let sequence {
      for (place, shift) in zip(24..<28, [24, 16, 8, 0]) { packet[place] = UInt8(sequence >> shift & 255) }
    }
    if let port {
      packet[20] = UInt8(port >> 8)
      packet[21] = UInt8(port & 255)
    }
    return packet
  }

  @Test(.requirement("A-27", "SHLD-26"), arguments: [(UInt8(3), UInt8(2)), (3, 3), (3, 13)])
  func inASynchronizedStateNoErrorEndsAConnection(type: UInt8, code: UInt8) throws {
    let host = Host()
    let (id, _) = try host.connected()
    _ = try host.write(id, "data")
    host.receive(icmpError(type, code, quoting: try host.segment()))
    #expect(host.stack.state(of: id) == .established)
    #expect(host.events().contains { if case .softError = $0 { true } else { false } })
  }

  @Test(.requirement("6633-1", "MUST-55", "A-27"))
  func sourceQuenchIsDroppedInSilence() throws {
    let host = Host()
    let (id, _) = try host.connected()
    _ = try host.write(id, "data")
    let data = try host.segment()
    let before = try host.stack.status(of: id)
    _ = host.events()
    host.receive(icmpError(4, 0, quoting: data))
    host.expectSilence()
    #expect(host.events().isEmpty)
    #expect(try host.stack.status(of: id) == before)
    #expect(try host.stack.softError(of: id) == nil)
  }

  @Test(.requirement("A-27", "1191-2"))
  func aSmallerPathIsBelievedWhenItCanBe() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    host.receive(peer.segment(.ack))
    _ = try host.write(id, String(repeating: "x", count: 400))
    let small = try host.segment()
    // 68 is no path of today; 1400 is more than the packet that is said to be too big.
    for unit in [UInt32(68), 300, 1400, 1500, 65_535] {
      host.receive(icmpError(3, 4, rest: unit, quoting: small))
    }
    #expect(host.stack.statistics.icmp.errorsAccepted == 0)
    try peer.hear(small)
    host.receive(peer.segment(.ack))
    _ = host.sent()
  }

  @Test(
    .requirement("1191-1"), arguments: [("10.0.0.2", UInt32(1000)), ("10.0.0.2", 0), ("[fd00::2]", 1280)])
  func packetsTooBigLeaveAgainInSmallerPieces(remote: String, unit: UInt32) throws {
    let host = Host()
    let id = try host.connect("\(remote):80")
    let synchronize = try host.segment()
    let peer = Peer(answering: synchronize, sequence: 1)
    try peer.hear(synchronize)
    var options = TCPOptions()
    options.maximumSegmentSize = 1440
    host.receive(peer.segment([.syn, .ack], options: options))
    _ = host.sent()
    let text = String(repeating: "x", count: 1400)
    _ = try host.write(id, text)
    let big = try host.segment()
    #expect(big.bytes.count > 1400)
    let (type, code): (UInt8, UInt8) = big.source.version == .v4 ? (3, 4) : (2, 0)
    host.receive(icmpError(type, code, rest: unit, quoting: big))
    let pieces = host.sent()
    let limit = unit == 0 ? 1006 : Int(unit)
    #expect(pieces.count >= 2)
    #expect(pieces.allSatisfy { $0.bytes.count <= limit })
    #expect(pieces.map(\.text.count).reduce(0, +) == 1400)
  }

  @Test(.requirement("8201-1"))
  func lessThanTheLeastOfIPv6IsDiscarded() throws {
    let host = Host()
    let (id, _) = try host.connected(to: "[fd00::2]:80")
    _ = try host.write(id, String(repeating: "x", count: 1100))
    let data = try host.segment()
    let size = try host.stack.status(of: id).segmentSize
    host.receive(icmpError(2, 0, rest: 1000, quoting: data))
    #expect(try host.stack.status(of: id).segmentSize == size)
  }
}

@Suite struct EchoTests {
  @Test(arguments: [("10.0.0.2", "10.0.0.1", UInt8(8), UInt8(0)), ("fd00::2", "fd00::1", 128, 129)])
  func echoIsAnswered(remote: String, local: String, request: UInt8, reply: UInt8) throws {
    let host = Host()
    let data = [UInt8](0..<56)
    host.receive(icmpPacket(type: request, rest: 0x1234_0001, data, from: ip(remote), to: ip(local)))
    let answer = try host.segment()
    #expect(answer.source == ip(local) && answer.destination == ip(remote))
    let message = try #require(answer.icmp)
    #expect(message.type == reply && message.rest == 0x1234_0001)
    #expect(Array(answer.payload[8...]) == data)
  }

  @Test func echoToManyIsNotAnswered() throws {
    let host = Host()
    host.receive(icmpPacket(type: 8, [1], from: ip("10.0.0.2"), to: ip("10.0.0.255")))
    host.receive(icmpPacket(type: 8, [1], from: ip("10.0.0.2"), to: ip("224.0.0.1")))
    host.receive(icmpPacket(type: 128, [1], from: ip("fd00::2"), to: ip("ff02::1")))
    host.expectSilence()
  }

  @Test func echoIsAnsweredOnlySoOften() throws {
    let host = Host { $0.echoRepliesPerSecond = 10 }
    var answers = 0
    for number in UInt32(0)..<100 {
      host.receive(icmpPacket(type: 8, rest: number, [1], from: ip("10.0.0.2"), to: ip("10.0.0.1")))
      answers += host.sent().count
    }
    #expect(answers == 10)
  }

  @Test(arguments: ["10.0.0.2", "fd00::2"])
  func aPingIsSentAndItsAnswerTold(remote: String) throws {
    let host = Host()
    try [1, 2, 3].withRawSpan {
      try host.stack.sendEcho(
        to: ip(remote), identifier: 7, sequence: 1, payload: $0, timeToLive: 33, at: host.now)
    }
    let request = try host.segment()
    #expect(request.timeToLive == 33)
    let message = try #require(request.icmp)
    let reply: UInt8 = message.type == 8 ? 0 : 129
    host.receive(
      icmpPacket(
        type: reply, rest: message.rest, Array(request.payload[8...]), from: ip(remote), to: request.source))
    let events = host.events()
    guard case .echoReply(let answer) = events.first else {
      Issue.record("no reply: \(events)")
      return
    }
    #expect(answer.source == ip(remote) && answer.identifier == 7 && answer.sequence == 1)
    #expect(answer.payloadLength == 3 && answer.timeToLive == 64)
  }

  @Test func aPingThatCannotArriveIsTold() throws {
    let host = Host()
    try [0].withRawSpan {
      try host.stack.sendEcho(to: ip("10.0.0.2"), identifier: 7, sequence: 9, payload: $0, at: host.now)
    }
    host.receive(icmpError(11, 0, quoting: try host.segment(), from: "10.0.0.254"))
    let failure = EchoFailure(
      destination: ip("10.0.0.2"), identifier: 7, sequence: 9, error: .hopLimitExceeded,
      reporter: ip("10.0.0.254"))
    #expect(host.events() == [.echoError(failure)])
  }

  @Test func aHostAnswersItself() throws {
    let host = Host()
    try [0].withRawSpan {
      try host.stack.sendEcho(to: ip("127.0.0.1"), identifier: 1, sequence: 1, payload: $0, at: host.now)
    }
    host.expectSilence()
    #expect(host.events().count == 1)
  }
}

@Suite struct ICMPSendingTests {
  @Test(arguments: [("10.0.0.2", "10.0.0.1", UInt8(3), UInt8(3)), ("[fd00::2]", "[fd00::1]", 1, 4)])
  func aDatagramToAClosedPortIsReported(remote: String, local: String, type: UInt8, code: UInt8) throws {
    let host = Host()
    let packet = udpPacket([1, 2, 3], from: endpoint("\(remote):9"), to: endpoint("\(local):10"))
    host.receive(packet)
    let answer = try host.segment()
    let message = try #require(answer.icmp)
    #expect(message.type == type && message.code == code && message.rest == 0)
    #expect(Array(answer.payload[8...]) == packet, "it quotes what it is about")
  }

  @Test func anUnknownProtocolIsReported() throws {
    let host = Host()
    host.receive(ipPacket(132, [UInt8](repeating: 0, count: 20), from: ip("10.0.0.2"), to: ip("10.0.0.1")))
    let first = try #require(try host.segment().icmp)
    #expect(first.type == 3 && first.code == 2)
    host.receive(ipPacket(132, [UInt8](repeating: 0, count: 20), from: ip("fd00::2"), to: ip("fd00::1")))
    let second = try #require(try host.segment().icmp)
    #expect(second.type == 4 && second.code == 1 && second.rest == 6, "it points to the next header field")
  }

  @Test func anErrorIsNeverAboutAnErrorNorAboutABroadcast() throws {
    let host = Host()
    host.receive(udpPacket([1], from: endpoint("10.0.0.2:9"), to: endpoint("10.0.0.255:10")))
    host.receive(udpPacket([1], from: endpoint("10.0.0.2:9"), to: endpoint("255.255.255.255:10")))
    host.receive(udpPacket([1], from: endpoint("10.0.0.255:9"), to: endpoint("10.0.0.1:10")))
    host.receive(udpPacket([1], from: endpoint("127.0.0.1:9"), to: endpoint("10.0.0.1:10")))
    host.receive(icmpPacket(type: 3, code: 3, [1, 2, 3], from: ip("10.0.0.2"), to: ip("10.0.0.1")))
    host.receive(icmpPacket(type: 99, [1, 2, 3], from: ip("10.0.0.2"), to: ip("10.0.0.1")))
    host.expectSilence()
  }

  @Test func errorsAreLimited() throws {
    let host = Host { $0.icmpErrorsPerSecond = 5 }
    var errors = 0
    for port in 1...50 {
      host.receive(udpPacket([1], from: endpoint("10.0.0.2:9"), to: endpoint("10.0.0.1:\(port)")))
      errors += host.sent().count
    }
    #expect(errors == 5)
    #expect(host.stack.statistics.icmp.suppressed == 45)
  }

  @Test func anOptionThatMustBeKnownIsReported() throws {
    // A destination option whose two high bits ask for a report (RFC 8200 §4.2).
    let host = Host()
    let options: [UInt8] = [17, 0, 0x80, 4, 0, 0, 0, 0] + [0, 1, 0, 2, 0, 8, 0, 0]
    host.receive(ipPacket(60, options, from: ip("fd00::2"), to: ip("fd00::1")))
    let message = try #require(try host.segment().icmp)
    #expect(message.type == 4 && message.code == 2 && message.rest == 42)
  }
}
