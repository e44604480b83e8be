// Shows active OPEN: whom the host connects to, from which address and port (RFC 9293 §3.9.1.1, §3.10.1; RFC 6056).

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct ActiveOpenTests {
  @Test(.requirement("U-02", "S-12"))
  func connectSendsASynAndTheAnswerEstablishes() throws {
    let host = Host()
    let id = try host.connect("10.0.0.2:80")
    let synchronize = try host.segment()
    #expect(synchronize.tcp?.flags == .syn)
    #expect(host.stack.state(of: id) == .synSent)
    let peer = Peer(answering: synchronize, sequence: 300)
    try peer.hear(synchronize)
    host.receive(peer.segment([.syn, .ack]))
    let acknowledgment = try host.segment()
    #expect(acknowledgment.tcp?.flags == .ack)
    #expect(acknowledgment.tcp?.acknowledgment == SequenceNumber(301))
    #expect(host.stack.state(of: id) == .established)
    #expect(host.events().contains(.connected(id)))
  }

  @Test(.requirement("U-02"))
  func connectWorksOverIPv6() throws {
    let host = Host()
    let (id, peer) = try host.connected(to: "[fd00::2]:80")
    host.receive(peer.segment([.ack, .psh], "hello"))
    #expect(try host.read(id) == "hello")
    #expect(try host.segment().source == ip("fd00::1"))
  }

  @Test(
    .requirement("MUST-46", "U-03"),
    arguments: [
      "224.0.0.1", "255.255.255.255", "10.0.0.255", "0.0.0.0", "0.1.2.3", "240.0.0.1", "ff02::1", "::",
      "::ffff:10.0.0.2",
    ])
  func connectRefusesWhoCannotAnswer(address: String) throws {
    let host = Host()
    #expect(throws: SocketError.invalidRemoteAddress(ip(address))) {
      try host.stack.connect(to: Endpoint(address: ip(address), port: 80), at: host.now)
    }
    host.expectSilence()
  }

  @Test(.requirement("U-04"))
  func connectRefusesWhatCannotBe() throws {
    let host = Host()
    #expect(throws: SocketError.invalidRemotePort) { try host.connect("10.0.0.2:0") }
    #expect(throws: SocketError.noRoute(to: ip("192.0.2.1"))) { try host.connect("192.0.2.1:80") }
    #expect(throws: SocketError.addressNotAvailable(ip("10.0.0.9"))) {
      try host.connect("10.0.0.2:80", from: "10.0.0.9")
    }
    #expect(throws: SocketError.versionMismatch(local: ip("fd00::1"), remote: ip("10.0.0.2"))) {
      try host.connect("10.0.0.2:80", from: "fd00::1")
    }
    var impossible = TCPConfiguration()
    impossible.receiveBufferCapacity = 0
    #expect(throws: SocketError.self) {
      try host.stack.connect(to: endpoint("10.0.0.2:80"), configuration: impossible, at: host.now)
    }
    host.expectSilence()
  }

  @Test(.requirement("U-07"))
  func connectRefusesAFourTupleThatExists() throws {
    let host = Host()
    _ = try host.connect("10.0.0.2:80", port: 5000)
    let tuple = FourTuple(local: endpoint("10.0.0.1:5000"), remote: endpoint("10.0.0.2:80"))
    #expect(throws: SocketError.connectionExists(tuple)) { try host.connect("10.0.0.2:80", port: 5000) }
    // The same port towards somebody else is free.
    _ = try host.connect("10.0.0.3:80", port: 5000)
  }

  @Test(.requirement("MUST-43"))
  func connectUsesTheAddressAskedFor() throws {
    let host = Host(["10.0.0.1/24", "10.0.0.7/24"])
    _ = try host.connect("10.0.0.2:80", from: "10.0.0.7", port: 4321)
    let synchronize = try host.segment()
    #expect(synchronize.source == ip("10.0.0.7"))
    #expect(synchronize.tcp?.sourcePort == 4321)
  }

  @Test(.requirement("MUST-44"))
  func theRouteChoosesTheSourceAddress() throws {
    let host = Host()
    let second = try host.stack.addInterface(
      InterfaceConfiguration(addresses: [try #require(AddressPrefix(parsing: "172.16.0.1/16"))]))
    try host.stack.addRoute(
      to: try #require(AddressPrefix(parsing: "192.0.2.0/24")), via: ip("172.16.0.254"), on: second)
    _ = try host.connect("192.0.2.5:80")
    let synchronize = try host.segment()
    #expect(synchronize.source == ip("172.16.0.1"))
    #expect(synchronize.link == second)
    // The checksum, which `tcp` verifies, covers that address.
    #expect(synchronize.tcp?.flags == .syn)
  }

  @Test(.requirement("MUST-45"))
  func theSourceAddressStaysWhenRoutesChange() throws {
    let host = Host()
    let (id, _) = try host.connected()
    let second = try host.stack.addInterface(
      InterfaceConfiguration(addresses: [try #require(AddressPrefix(parsing: "172.16.0.1/16"))]))
    try host.stack.addRoute(to: try #require(AddressPrefix(parsing: "10.0.0.2/32")), on: second)
    #expect(try host.write(id, "hello") == 5)
    let data = try host.segment()
    #expect(data.source == ip("10.0.0.1"))
    #expect(data.link == second)
  }

  @Test(.requirement("A-10", "6056-1", "6056-2"))
  func ephemeralPortsFollowNoPattern() throws {
    let host = Host()
    var ports: [UInt16] = []
    for _ in 0..<1000 {
      let id = try host.connect("10.0.0.2:80")
      ports.append(try host.stack.endpoints(of: id).local.port)
    }
    #expect(Set(ports).count == 1000, "no live four-tuple is used twice")
    #expect(ports.allSatisfy { $0 >= 49_152 })
    var steps: Set<Int> = []
    for (port, next) in zip(ports, ports.dropFirst()) { steps.insert(Int(next) - Int(port)) }
    #expect(steps.count > 900, "no step between ports is the rule")
    var parts = [Int](repeating: 0, count: 16)
    for port in ports { parts[Int(port - 49_152) / 1024] += 1 }
    // 62 in each, give or take four standard deviations.
    #expect(parts.allSatisfy { $0 > 30 && $0 < 95 }, "all of the range is used: \(parts)")
  }

  @Test(.requirement("A-42", "U-04", "6056-3"))
  func whenNoPortIsFreeConnectSaysSo() throws {
    let host = Host { $0.ephemeralPorts = 50_000...50_009 }
    var ids: [ConnectionID] = []
    for _ in 0..<10 { ids.append(try host.connect("10.0.0.2:80")) }
    #expect(throws: SocketError.noEphemeralPort(to: endpoint("10.0.0.2:80"))) {
      try host.connect("10.0.0.2:80")
    }
    // Uniqueness is that of the four-tuple, not of the port.
    _ = try host.connect("10.0.0.3:80")
    try host.stack.abort(ids[3], at: host.now)
    _ = host.sent()
    let again = try host.connect("10.0.0.2:80")
    #expect(try host.stack.endpoints(of: again).local.port >= 50_000)
  }

  @Test(.requirement("S-08", "S-09", "R-02", "R-05"))
  func aRefusalEndsTheAttempt() throws {
    let host = Host()
    let id = try host.connect("10.0.0.2:80")
    let synchronize = try host.segment()
    let peer = Peer(answering: synchronize, sequence: 0)
    try peer.hear(synchronize)
    // An ACK for something never sent is answered with a RST and changes nothing.
    host.receive(peer.stray([.syn, .ack], SequenceNumber(7), peer.acknowledgment + 1))
    let reset = try host.segment()
    #expect(reset.tcp?.flags == .rst)
    #expect(reset.tcp?.sequence == peer.acknowledgment + 1)
    // A RST without an ACK of our SYN is nobody's.
    host.receive(peer.stray(.rst, SequenceNumber(0)))
    #expect(host.stack.state(of: id) == .synSent)
    host.receive(peer.stray([.rst, .ack], SequenceNumber(0), peer.acknowledgment))
    #expect(host.events() == [.closed(id, .refused)])
    #expect(host.stack.state(of: id) == .closed)
  }

  @Test(.requirement("X-20", "A-58"))
  func aHostCanTalkToItself() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    for remote in ["127.0.0.1:80", "[::1]:80", "10.0.0.1:80", "[fd00::1]:80"] {
      let client = try host.connect(remote)
      host.expectSilence()
      let server = try #require(try host.stack.accept(listener))
      #expect(host.stack.state(of: client) == .established)
      #expect(try host.write(client, "to myself") == 9)
      host.expectSilence()
      #expect(try host.read(server) == "to myself")
    }
  }

  @Test(.requirement("X-20", "A-58"))
  func aConnectionToItselfIsASimultaneousOpen() throws {
    let host = Host()
    let id = try host.connect("10.0.0.1:5000", from: "10.0.0.1", port: 5000)
    host.expectSilence()
    #expect(host.stack.state(of: id) == .established)
    #expect(host.stack.statistics.framesLooped < 10, "it ends after the handshake")
    #expect(try host.write(id, "echo") == 4)
    host.expectSilence()
    #expect(try host.read(id) == "echo")
  }
}
