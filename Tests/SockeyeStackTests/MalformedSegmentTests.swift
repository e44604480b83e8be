// Shows that segments which no stack sends do no harm: options, lengths, pointers and flags of every kind.

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct MalformedSegmentTests {
  @Test(.requirement("A-16", "A-17"))
  func anyOptionOfAnyLengthIsSurvived() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let bystander = try Bystander(host, listener)
    let (id, peer) = try host.accepted(listener)
    var said = 0
    // Authentication, kind 29, is another matter: what is wrong with it is not passed over.
    for kind in UInt8(0)...255 where kind != 29 {
      // Behind a padding octet it would be the kind.
      for length in UInt8(0)...40 where kind != 1 || length != 29 {
        // Alone, and where only three, two or one of its octets are left before the end of the header.
        let shapes = [
          [kind, length], [kind, length, 1, 2, 3, 4, 5, 6], [1, kind, length, 1], [1, 1, kind, length],
          [1, 1, 1, kind],
        ]
        // All of them for the kinds that are known, one for each of the others.
        let isKnown = kind <= 8 || kind == 19 || kind == 28 || kind == 34
        for options in isKnown ? shapes[...] : shapes[Int(length) % 5...Int(length) % 5] {
          let client = Peer("10.0.0.2:6000", "10.0.0.1:80", sequence: 7)
          host.receive(client.raw(0x02, SequenceNumber(7), options: options))
          for answer in host.sent() { #expect(answer.tcp?.flags == [.syn, .ack]) }
          host.receive(client.raw(0x04, SequenceNumber(8)))
          host.receive(peer.raw(0x10, peer.sequence, peer.acknowledgment, options: options))
          host.expectSilence()
          host.receive(
            peer.raw(0x18, peer.sequence, peer.acknowledgment, options: options, [UInt8(ascii: "x")]))
          peer.sequence += 1
          said += 1
          #expect(try host.segment().tcp?.acknowledgment == peer.sequence)
        }
      }
    }
    #expect(try host.read(id) == String(repeating: "x", count: said))
    #expect(host.stack.state(of: id) == .established)
    try bystander.expectService()
  }

  @Test(.requirement("A-18"))
  func aHeaderThatEndsBeforeItBeginsOrBehindTheSegmentIsDropped() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    for offset in UInt8(0)...4 {
      host.receive(peer.raw(0x18, peer.sequence, peer.acknowledgment, offset: offset, [1]))
    }
    for offset in UInt8(6)...15 {
      host.receive(peer.raw(0x10, peer.sequence, peer.acknowledgment, offset: offset))
    }
    host.expectSilence()
    #expect(host.stack.statistics.tcp.malformed == 15)
    #expect(try host.stack.readableCount(id) == 0)
    host.receive(peer.segment([.ack, .psh], "still here"))
    #expect(try host.read(id) == "still here")
  }

  @Test(.requirement("A-20"))
  func lengthsAreLookedAtBeforeTheChecksum() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let bystander = try Bystander(host, listener)
    let whole = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1).raw(
      0x02, SequenceNumber(1), options: [2, 4, 5, 180])
    var random = SeededGenerator(seed: 20)
    var dropped: UInt64 = 0
    for length in 0..<24 {
      for _ in 0..<50 {
        // The IP header tells the truth about a segment that ends too early, or the checksum is anybody's.
        var segment = Array(whole[20..<(20 + length)])
        if length > 17 {
          segment[16] = UInt8.random(in: 0...255, using: &random)
          segment[17] = UInt8.random(in: 0...255, using: &random)
        }
        host.receive(ipPacket(IPProtocol.tcp, segment, from: ip("10.0.0.2"), to: ip("10.0.0.1")))
        dropped += 1
      }
    }
    host.expectSilence()
    #expect(host.stack.statistics.tcp.malformed == dropped)
    try bystander.expectService()
  }

  @Test(.requirement("A-21"))
  func anUrgentPointerIsOnlyAMark() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let bystander = try Bystander(host, listener)
    for round in 0..<3 {
      let peer = Peer("10.0.0.2:\(5000 + round)", "10.0.0.1:80", sequence: 0xffff_fff0)
      host.receive(peer.raw(0x22, peer.sequence, urgent: 65_535))
      peer.sequence += 1
      try peer.hear(host.segment())
      host.receive(peer.segment(.ack))
      let id = try #require(try host.stack.accept(listener))
      var expected = ""
      for text in ["", "a", "text that is longer"] {
        for pointer in [0, 1, text.utf8.count, text.utf8.count + 1, 65_535] {
          host.receive(
            peer.raw(0x38, peer.sequence, peer.acknowledgment, urgent: UInt16(pointer), Array(text.utf8)))
          peer.sequence += text.utf8.count
          expected += text
        }
      }
      host.receive(peer.raw(0x31, peer.sequence, peer.acknowledgment, urgent: 65_535))
      _ = host.sent()
      #expect(try host.read(id) == expected, "what was sent, and nothing else")
      #expect(host.stack.state(of: id) == .closeWait)
      try host.stack.abort(id, at: host.now)
      _ = host.sent()
      _ = host.events()
    }
    try bystander.expectService()
  }

  /// Sizes, with the least that is used in their place; options of a wrong length say nothing.
  @Test(
    .requirement("A-22", "A-35"),
    arguments: [
      ([2, 4, 0, 0], 48), ([2, 4, 0, 1], 48), ([2, 4, 0, 7], 48), ([2, 4, 0, 8], 48), ([2, 4, 0, 40], 48),
      ([2, 4, 0, 48], 48), ([2, 4, 255, 255], 1460), ([2, 3, 5], 536), ([2, 5, 5, 180, 0], 536),
    ] as [([UInt8], Int)])
  func noSegmentSizeMakesTheHostSendCrumbs(options: [UInt8], used: Int) throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let bystander = try Bystander(host, listener)
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1)
    host.receive(peer.raw(0x02, peer.sequence, options: options))
    peer.sequence += 1
    try peer.hear(host.segment())
    host.receive(peer.segment(.ack))
    let id = try #require(try host.stack.accept(listener))
    #expect(try host.stack.status(of: id).segmentSize == used)
    let count = 50_000
    _ = try host.write(id, String(repeating: "x", count: count))
    var received = 0
    var segments = 0
    for _ in 0..<5000 where received < count {
      for packet in host.wait(.milliseconds(1)) where !packet.text.isEmpty {
        try peer.hear(packet)
        received += packet.text.count
        segments += 1
      }
      host.receive(peer.segment(.ack))
    }
    #expect(received == count)
    #expect(segments <= count / used + 60, "full ones, but for a few")
    try bystander.expectService()
  }

  @Test(.requirement("A-23", "7323-2"), arguments: [UInt8(14), 15, 64, 255])
  func aWindowScaleAboveFourteenIsFourteen(scale: UInt8) throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1)
    host.receive(peer.raw(0x02, peer.sequence, options: [3, 3, scale]))
    peer.sequence += 1
    try peer.hear(host.segment())
    host.receive(peer.segment(.ack))
    let id = try #require(try host.stack.accept(listener))
    #expect(try host.stack.status(of: id).sendWindow == 0x3fff_c000)
  }

  @Test(.requirement("A-24"), arguments: [true, false])
  func sackBlocksOfAnyKindAreSurvived(permitted: Bool) throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let bystander = try Bystander(host, listener)
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1)
    var options = TCPOptions()
    options.sackPermitted = permitted
    options.maximumSegmentSize = 1000
    host.receive(peer.segment(.syn, options: options))
    try peer.hear(host.segment())
    host.receive(peer.segment(.ack))
    let id = try #require(try host.stack.accept(listener))
    let text = (0..<8000).map { String($0 % 10) }.joined()
    _ = try host.write(id, text)
    var pieces: [UInt32: [UInt8]] = [:]
    let first = peer.acknowledgment
    for packet in host.sent() { pieces[try #require(packet.tcp).sequence.rawValue] = packet.text }
    // Backwards, empty, below SND.UNA, above SND.NXT, around the circle, of half a block, and at random.
    func block(_ left: Int, _ right: Int) -> [UInt8] {
      [first + left, first + right].flatMap { number in
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number.rawValue >> $0) }
      }
    }
    var random = SeededGenerator(seed: 24)
    var kinds: [[UInt8]] = [
      block(2000, 1000), block(1000, 1000), block(-3000, -2000), block(9000, 12_000), block(1000, 1 << 30),
      block(-1, 1), block(1000, -1), [UInt8](repeating: 255, count: 8), [1, 2, 3, 4],
    ]
    for _ in 0..<(Flood.isBrief ? 2000 : 100_000) {
      kinds.append((0..<32).map { _ in UInt8.random(in: 0...255, using: &random) })
    }
    for octets in kinds {
      let options: [UInt8] = [5, UInt8(2 + octets.count)] + octets
      host.receive(peer.raw(0x10, peer.sequence, peer.acknowledgment, options: options))
      for packet in host.sent() where !packet.text.isEmpty {
        pieces[try #require(packet.tcp).sequence.rawValue] = packet.text
      }
      #expect(host.stack.state(of: id) == .established)
    }
    // What the peer says plainly is believed: all of it arrives.
    var received: [UInt8] = []
    for _ in 0..<200 where received.count < text.utf8.count {
      while let piece = pieces[(first + received.count).rawValue] { received += piece }
      host.receive(peer.stray(.ack, peer.sequence, first + received.count))
      for packet in host.wait(.seconds(1)) where !packet.text.isEmpty {
        pieces[try #require(packet.tcp).sequence.rawValue] = packet.text
      }
    }
    #expect(String(decoding: received, as: UTF8.self) == text)
    try bystander.expectService()
  }
}
