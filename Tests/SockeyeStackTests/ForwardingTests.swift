// Shows forwarding: connections and datagrams for any address, decided about before they are answered.

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite("a forwarder takes what is for others")
struct ForwardingTests {
  private let destination = "93.184.216.34:443"

  private func request(_ host: Host) throws -> OpenRequestID {
    let (id, another) = (host.stack.nextOpenRequest(), host.stack.nextOpenRequest())
    #expect(another == nil, "one request")
    return try #require(id)
  }

  @Test("without one, packets for others are not for us")
  func notForUs() throws {
    let host = Host()
    host.receive(Peer("10.0.0.2:5000", destination, sequence: 1).segment(.syn))
    host.expectSilence()
    #expect(host.stack.statistics.ip.notForUs == 1)
  }

  @Test(
    "a SYN is not answered before the user has decided",
    arguments: ["93.184.216.34:443", "[2001:db8::1]:443"])
  func accepted(destination: String) throws {
    let host = Host()
    let forwarder = try host.stack.openForwarder(on: host.link)
    let peer = Peer(
      destination.hasPrefix("[") ? "[fd00::2]:5000" : "10.0.0.2:5000", destination, sequence: 1000)
    let synchronize = peer.segment(.syn)
    host.receive(synchronize)
    host.expectSilence()
    let id = try request(host)
    #expect(try host.stack.endpoints(of: id).local == endpoint(destination))
    // The same SYN again asks nobody twice.
    host.receive(synchronize)
    let next = host.stack.nextOpenRequest()
    #expect(next == nil)
    host.expectSilence()
    try host.stack.answer(id, with: .accept, at: host.now)
    let answer = try host.segment()
    #expect(answer.tcp?.flags == [.syn, .ack])
    #expect(answer.source == endpoint(destination).address)
    try peer.hear(answer)
    host.receive(peer.segment(.ack))
    #expect(host.events() == [.acceptable(forwarder.listener)])
    let connection = try #require(try host.stack.accept(forwarder.listener))
    host.receive(peer.segment([.ack, .psh], "hello"))
    #expect(try host.read(connection) == "hello")
    #expect(try host.stack.endpoints(of: connection).local == endpoint(destination))
    #expect(throws: SocketError.noSuchConnection) { try host.stack.answer(id, with: .reset, at: host.now) }
  }

  @Test("a reset says that nobody listens there")
  func reset() throws {
    let host = Host()
    _ = try host.stack.openForwarder(on: host.link)
    let peer = Peer("10.0.0.2:5000", destination, sequence: 1000)
    host.receive(peer.segment(.syn))
    try host.stack.answer(try request(host), with: .reset, at: host.now)
    let answer = try host.segment()
    #expect(answer.tcp?.flags == [.rst, .ack])
    #expect(answer.tcp?.acknowledgment == SequenceNumber(1001))
    #expect(answer.source == endpoint(destination).address)
  }

  @Test("an ignored SYN is as if it had got lost: the next one is asked about again")
  func ignored() throws {
    let host = Host()
    _ = try host.stack.openForwarder(on: host.link)
    let synchronize = Peer("10.0.0.2:5000", destination, sequence: 1000).segment(.syn)
    for _ in 0..<2 {
      host.receive(synchronize)
      try host.stack.answer(try request(host), with: .ignore, at: host.now)
      host.expectSilence()
    }
  }

  @Test("no more SYNs wait for a decision than the limit says")
  func requestLimit() throws {
    let host = Host()
    _ = try host.stack.openForwarder(on: host.link, requestLimit: 2)
    for port in 1...5 {
      host.receive(Peer("10.0.0.2:\(port)", destination, sequence: 1000).segment(.syn))
    }
    var requests = 0
    while host.stack.nextOpenRequest() != nil { requests += 1 }
    #expect(requests == 2)
    #expect(host.stack.statistics.tcp.synchronizesDropped == 3)
  }

  @Test("the host's own addresses go on as ever, and its listeners on all addresses get nothing of others")
  func ownAddresses() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 443))
    _ = try host.stack.openForwarder(on: host.link)
    host.receive(Peer("10.0.0.2:5000", "10.0.0.1:443", sequence: 1000).segment(.syn))
    #expect(try host.segment().tcp?.flags == [.syn, .ack])
    host.receive(Peer("10.0.0.2:5000", "10.0.0.1:444", sequence: 1000).segment(.syn))
    #expect(try host.segment().tcp?.flags == [.rst, .ack])
    host.receive(Peer("10.0.0.2:5000", destination, sequence: 1000).segment(.syn))
    host.expectSilence()
    _ = try request(host)
    #expect(try host.stack.waitingCount(of: listener) == 0)
  }

  @Test(
    "a segment that belongs to nothing is answered with a reset, and echo requests for others with nothing")
  func strays() throws {
    let host = Host()
    _ = try host.stack.openForwarder(on: host.link)
    let peer = Peer("10.0.0.2:5000", destination, sequence: 1000)
    host.receive(peer.segment(.ack, "x"))
    #expect(try host.segment().tcp?.flags == .rst)
    let echo = icmpPacket(
      type: ICMPv4Message.echoRequest, rest: 1, [], from: ip("10.0.0.2"), to: ip("93.184.216.34"))
    host.receive(echo)
    host.expectSilence()
  }

  @Test("datagrams come with the endpoint they were for, and answers leave in its name")
  func datagrams() throws {
    let host = Host()
    let forwarder = try host.stack.openForwarder(on: host.link)
    host.receive(udpPacket([1, 2], from: endpoint("10.0.0.2:9"), to: endpoint("8.8.8.8:53")))
    #expect(host.events() == [.datagram(forwarder.socket)])
    var buffer = FrameBuffer(capacity: 2000)
    let received = try buffer.fill { try host.stack.receive(from: forwarder.socket, into: &$0) }
    let datagram = try #require(received)
    #expect(datagram.destination == ip("8.8.8.8") && datagram.destinationPort == 53)
    try [UInt8]([3]).withRawSpan {
      try host.stack.send(
        $0, from: forwarder.socket, as: endpoint("8.8.8.8:53"), to: endpoint("10.0.0.2:9"), at: host.now)
    }
    let answer = try host.segment()
    let (header, data) = try #require(answer.udp)
    #expect(answer.source == ip("8.8.8.8") && header.sourcePort == 53 && data == [3])
    [UInt8]([1, 2]).withRawSpan { host.stack.refuse(datagram, beginning: $0, at: host.now) }
    let refusal = try host.segment()
    #expect(refusal.icmp?.type == 3 && refusal.icmp?.code == 3)
    #expect(refusal.source == ip("8.8.8.8"))
    // The quotation is the header that came, as far as its sender needs it.
    let quoted = try IPv4Header.parseQuoted(Array(refusal.payload.dropFirst(8)).span.bytes)
    #expect(quoted.header.source == IPv4Address(parsing: "10.0.0.2"))
  }

  @Test("what a router says of a connection's path is heard, though the connection is in another's name")
  func pathMTU() throws {
    let host = Host()
    let forwarder = try host.stack.openForwarder(on: host.link)
    let peer = Peer("10.0.0.2:5000", destination, sequence: 1000)
    var options = TCPOptions()
    options.maximumSegmentSize = 1460
    host.receive(peer.segment(.syn, options: options))
    try host.stack.answer(try request(host), with: .accept, at: host.now)
    try peer.hear(host.segment())
    host.receive(peer.segment(.ack))
    let connection = try #require(try host.stack.accept(forwarder.listener))
    _ = try host.write(connection, String(repeating: "x", count: 1460))
    let big = try #require(host.sent().first)
    host.receive(icmpError(3, 4, rest: 1300, quoting: big))
    #expect(try host.stack.status(of: connection).segmentSize == 1260)
    #expect(host.sent().map(\.bytes.count).max() == 1300)
  }

  @Test("closed, it takes nothing more, and accepted connections stay")
  func closing() throws {
    let host = Host()
    let forwarder = try host.stack.openForwarder(on: host.link)
    let peer = Peer("10.0.0.2:5000", destination, sequence: 1000)
    host.receive(peer.segment(.syn))
    try host.stack.answer(try request(host), with: .accept, at: host.now)
    try peer.hear(host.segment())
    host.receive(peer.segment(.ack))
    let connection = try #require(try host.stack.accept(forwarder.listener))
    host.stack.closeForwarder(at: host.now)
    #expect(host.stack.state(of: connection) == .established)
    host.receive(Peer("10.0.0.2:5001", destination, sequence: 1000).segment(.syn))
    host.expectSilence()
    #expect(throws: SocketError.noSuchListener) { try host.stack.accept(forwarder.listener) }
    _ = try host.stack.openForwarder(on: host.link)
  }
}
