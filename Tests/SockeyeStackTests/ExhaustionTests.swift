// Shows that what a peer sends without end, or takes without end, costs the host no more than a bound.

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct ExhaustionTests {
  @Test(.requirement("A-36"))
  func crumbsOutOfOrderTakeNoMoreThanTheBuffer() throws {
    let host = Host { $0.tcp.receiveBufferCapacity = 1 << 20 }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let bystander = try Bystander(host, listener)
    // With window scaling, so that there is a megabyte to strew them over.
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1000)
    var options = TCPOptions()
    options.windowScale = 7
    host.receive(peer.segment(.syn, options: options))
    try peer.hear(host.segment())
    host.receive(peer.segment(.ack))
    let id = try #require(try host.stack.accept(listener))
    // The window of a SYN is not scaled, that of the first ACK is.
    host.receive(peer.segment([.ack, .psh], "?"))
    _ = host.sent()
    #expect(try host.read(id) == "?")
    #expect(try host.stack.status(of: id).receiveWindow > 1_000_000)
    let before = host.stack.memoryUsed
    var random = SeededGenerator(seed: 36)
    for _ in 0..<(Flood.isBrief ? 20_000 : 500_000) {
      let place = Int.random(in: 1..<500_000, using: &random) * 2
      host.receive(peer.stray([.ack, .psh], peer.sequence + place, peer.acknowledgment, [UInt8(ascii: "?")]))
      _ = host.sent()
    }
    #expect(host.stack.memoryUsed - before <= 2 << 20)
    #expect(try host.stack.readableCount(id) == 0)
    try bystander.expectService()
    // The stream goes on; what came ahead of it counts where it fits.
    var text = ""
    while text.utf8.count < 2000 {
      let piece = "0123456789"
      host.receive(peer.segment([.ack, .psh], piece))
      text += piece
      for packet in host.sent() where packet.tcp?.destinationPort == 5000 {
        #expect(packet.tcp.map { $0.acknowledgment >= peer.sequence } == true)
      }
    }
    let read = Array(try host.read(id).utf8.prefix(2000))
    for (index, octet) in read.enumerated() {
      #expect(octet == Array(text.utf8)[index] || octet == UInt8(ascii: "?") && index % 2 == 0, "at \(index)")
    }
  }

  @Test(.requirement("A-37"))
  func whatWasAcknowledgedIsNeverRewritten() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    let start = peer.sequence
    // Five octets in order, then the same five with others and five more.
    host.receive(peer.stray([.ack, .psh], start, peer.acknowledgment, Array("AAAAA".utf8)))
    #expect(try host.segment().tcp?.acknowledgment == start + 5)
    host.receive(peer.stray([.ack, .psh], start, peer.acknowledgment, Array("CCCCCBBBBB".utf8)))
    #expect(try host.segment().tcp?.acknowledgment == start + 10)
    #expect(try host.read(id) == "AAAAABBBBB")
  }

  @Test(.requirement("A-37"))
  func whatOverlapsAheadOfTheStreamIsTakenAlwaysTheSameWay() throws {
    func delivered() throws -> String {
      let host = Host()
      let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
      let (id, peer) = try host.accepted(listener)
      host.receive(peer.stray([.ack, .psh], peer.sequence + 5, peer.acknowledgment, Array("BBBBB".utf8)))
      host.receive(peer.stray([.ack, .psh], peer.sequence, peer.acknowledgment, Array("AAAAAAAAAA".utf8)))
      return try host.read(id)
    }
    // The copy that came first counts.
    #expect(try delivered() == "AAAAABBBBB")
    #expect(try delivered() == delivered())
  }

  @Test(.requirement("A-39"))
  func aWindowThatOpensByOctetsGetsNoStreamOfCrumbs() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    host.receive(peer.segment(.ack, window: 0))
    _ = try host.write(id, String(repeating: "x", count: 10_000))
    // For ten seconds the peer offers one octet every ten milliseconds.
    var segments = 0
    for _ in 0..<1000 {
      host.receive(peer.segment(.ack, window: 1))
      for packet in host.wait(.milliseconds(10)) where !packet.text.isEmpty {
        #expect(packet.text.count == 1)
        if let header = packet.tcp, header.sequence == peer.acknowledgment { try peer.hear(packet) }
        segments += 1
      }
    }
    // RFC 9293 §3.8.6.2.1: one each override timeout of 0.1 to 1 s.
    #expect(segments >= 1 && segments <= 100, "\(segments) crumbs")
    host.receive(peer.segment(.ack, window: 65_535))
    #expect(host.sent().contains { $0.text.count > 500 })
  }

  @Test(.requirement("A-47"))
  func aPeerThatHeedsNoWindowFillsOneBufferAndNoMore() throws {
    let capacity = 60_000
    let host = Host { $0.tcp.receiveBufferCapacity = capacity }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let bystander = try Bystander(host, listener)
    let (id, peer) = try host.accepted(listener)
    let start = peer.sequence
    var acknowledged = 0
    for number in 0..<300 {
      let text = [UInt8](repeating: UInt8(number & 255), count: 1000)
      host.receive(peer.stray([.ack, .psh], start + number * 1000, peer.acknowledgment, text))
      for packet in host.sent() {
        if let header = packet.tcp { acknowledged = max(acknowledged, header.acknowledgment - start) }
      }
      #expect(try host.stack.readableCount(id) <= capacity)
      #expect(host.stack.memoryUsed <= capacity * 2)
    }
    #expect(acknowledged > capacity - 2000 && acknowledged <= capacity)
    #expect(try host.stack.readableCount(id) == acknowledged, "all that was acknowledged is there")
    try bystander.expectService()
  }

  @Test(.requirement("A-44"))
  func urgentMarksAreNotCollected() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    host.receive(peer.raw(0x38, peer.sequence, peer.acknowledgment, urgent: 1, [1]))
    peer.sequence += 1
    _ = host.sent()
    let before = host.stack.memoryUsed
    for number in 0..<(Flood.isBrief ? 10_000 : 100_000) {
      host.receive(peer.raw(0x38, peer.sequence, peer.acknowledgment, urgent: UInt16(number % 65_000 + 2)))
      _ = host.sent()
    }
    #expect(host.stack.memoryUsed == before)
    #expect(host.events().count <= 4, "one piece of news, however many marks")
    #expect(host.stack.state(of: id) == .established)
  }

  @Test(.requirement("A-46"))
  func aPeerCannotMakeProbesComeFaster() throws {
    /// What a host with a closed window sends in ten seconds.
    func probes(_ closings: Int) throws -> Int {
      let host = Host()
      let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
      let (id, peer) = try host.accepted(listener)
      host.receive(peer.segment(.ack, window: 0))
      _ = try host.write(id, "data")
      var sent = 0
      for _ in 0..<100 {
        for _ in 0..<closings { host.receive(peer.segment(.ack, window: 0)) }
        sent += host.wait(.milliseconds(100)).count
      }
      return sent
    }
    let left = try probes(0)
    #expect(left >= 2 && left <= 5)
    #expect(try probes(1) <= left + 5)
    #expect(try probes(100) <= left + 5)
  }

  @Test(.requirement("A-46"))
  func aWindowThatIsToggledMakesNoMoreThanTheRulesAllow() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    host.receive(peer.segment(.ack, window: 0))
    _ = try host.write(id, String(repeating: "x", count: 1000))
    // A thousand times a second the window opens by one octet and shuts, and nothing is acknowledged.
    var sent = 0
    for _ in 0..<5000 {
      host.receive(peer.segment(.ack, window: 1))
      sent += host.sent().count
      host.receive(peer.segment(.ack, window: 0))
      sent += host.wait(.milliseconds(2)).count
    }
    // RFC 9293 §3.8.6.1 and §3.8.6.2.1: a probe each RTO, or a small segment each 0.1 s.
    #expect(sent <= 100, "\(sent) segments in ten seconds")
    host.receive(peer.segment(.ack, window: 65_535))
    #expect(host.sent().map(\.text.count) == [536], "a full segment, as soon as it may")
  }
}
