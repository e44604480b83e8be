// Shows the IP layer: what headers are taken, what the host's own say (RFC 791, RFC 8200, RFC 6864;
// RFC 9293 §3.9.1.9, §3.9.2).

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct InternetLayerTests {
  @Test(.requirement("MUST-49"))
  func timeToLiveIsSettable() throws {
    let host = Host { $0.timeToLive = 7 }
    let id = try host.connect("10.0.0.2:80")
    let synchronize = try host.segment()
    #expect(synchronize.timeToLive == 7)
    let stranger = Peer("10.0.0.2:5000", "10.0.0.1:81", sequence: 1)
    host.receive(stranger.segment(.syn))
    #expect(try host.segment().timeToLive == 7, "a RST too")
    let peer = Peer(answering: synchronize, sequence: 1)
    try peer.hear(synchronize)
    host.receive(peer.segment([.syn, .ack]))
    _ = host.sent()
    try host.stack.setTimeToLive(9, of: id)
    _ = try host.write(id, "data")
    #expect(try host.segment().timeToLive == 9)
    #expect(throws: SocketError.invalidTimeToLive) { try host.stack.setTimeToLive(0, of: id) }
  }

  @Test(.requirement("MUST-49", "MUST-48"))
  func aListenersSettingsHoldForItsAnswers() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    try host.stack.setTimeToLive(5, of: listener)
    try host.stack.setDifferentiatedServices(46, of: listener)
    let peer = Peer("[fd00::2]:5000", "[fd00::1]:80", sequence: 1)
    host.receive(peer.segment(.syn))
    let answer = try host.segment()
    #expect(answer.timeToLive == 5)
    #expect(answer.trafficClass == 46 << 2)
  }

  @Test(.requirement("MUST-48", "SHLD-21", "SHLD-22", "SHLD-23"))
  func eachCodepointIsSentAsItWasSet() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    for codepoint in UInt8(0)..<64 {
      try host.stack.setDifferentiatedServices(codepoint, of: id)
      for _ in 0..<2 {
        _ = try host.write(id, "x")
        let data = try host.segment()
        #expect(data.trafficClass >> 2 == codepoint, "and it stays until it is set anew")
        #expect(data.trafficClass & 3 == 0, "ECN is not the user's")
        try peer.hear(data)
        host.receive(peer.segment(.ack))
        _ = host.sent()
      }
    }
    #expect(throws: SocketError.invalidCodepoint(64)) {
      try host.stack.setDifferentiatedServices(64, of: id)
    }
  }

  @Test(.requirement("MUST-50", "MAY-10", "MAY-11"))
  func optionsInTheHeaderArePassedOver() throws {
    // Unknown; timestamp; record route; loose source route, completed: none makes a difference.
    // MUST-51 to MUST-53 and SHLD-24: source routes are not followed nor reversed, as RFC 7126 §4.3 advises.
    let options: [[UInt8]] = [
      [0x9e, 4, 1, 2], [68, 8, 5, 0, 0, 0, 0, 0], [7, 7, 4, 0, 0, 0, 0, 0],
      [131, 7, 8, 192, 0, 2, 9, 0],
    ]
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    for (number, option) in options.enumerated() {
      let peer = Peer("10.0.0.2:\(5000 + number)", "10.0.0.1:80", sequence: 1)
      host.receive(with(option, peer.segment(.syn)))
      let answer = try host.segment()
      #expect(answer.tcp?.flags == [.syn, .ack])
      #expect(answer.bytes[0] == 0x45, "and none is sent")
      #expect(answer.destination == ip("10.0.0.2"))
      try peer.hear(answer)
      host.receive(with(option, peer.segment(.ack)))
      #expect(try host.stack.accept(listener) != nil)
    }
  }

  /// An IPv4 packet with options put into its header.
  private func with(_ options: [UInt8], _ packet: [UInt8]) -> [UInt8] {
    var padded = options
    while padded.count % 4 != 0 { padded.append(0) }
    var header = Array(packet[0..<20]) + padded
    header[0] = 0x40 | UInt8(header.count / 4)
    let length = header.count + packet.count - 20
    header[2] = UInt8(length >> 8)
    header[3] = UInt8(length & 255)
    header[10] = 0
    header[11] = 0
    let checksum = InternetChecksum.finish(InternetChecksum.sum(header.span.bytes))
    header[10] = UInt8(checksum >> 8)
    header[11] = UInt8(checksum & 255)
    return header + packet[20...]
  }

  @Test(.requirement("A-12", "6864-1", "6864-3"))
  func identificationsTellNothing() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    for _ in 0..<20 {
      _ = try host.write(id, "x")
      let data = try host.segment()
      #expect(data.dontFragment && data.identification == 0, "atomic, so anything will do (RFC 6864 §4.1)")
      try peer.hear(data)
      host.receive(peer.segment(.ack))
      _ = host.sent()
    }
    // What may be cut has numbers that neither repeat nor count.
    var seen: [UInt16] = []
    for number in 0..<500 {
      host.wait(.milliseconds(10))
      // None, one or two to somebody else in between leave no trace in what this one sees.
      for other in 0..<number % 3 {
        host.receive(
          icmpPacket(type: 8, rest: UInt32(other), [3], from: ip("10.0.0.3"), to: ip("10.0.0.1")))
        _ = try host.segment()
      }
      host.receive(
        icmpPacket(type: 8, rest: UInt32(number), [1, 2], from: ip("10.0.0.2"), to: ip("10.0.0.1")))
      seen.append(try host.segment().identification)
    }
    #expect(Set(seen).count == seen.count)
    let steps = Set(zip(seen, seen.dropFirst()).map { Int($1) - Int($0) })
    #expect(steps.count > 450)
  }

  @Test(.requirement("A-19"))
  func theHeaderSaysHowLongAPacketIsNotTheFrame() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    // Padding behind the packet, as Ethernet makes it, is no data.
    host.receive(peer.segment(.ack) + [0xde, 0xad, 0xbe, 0xef, 0, 0])
    #expect(try host.stack.readableCount(id) == 0)
    host.expectSilence()
    // Lengths below both headers, between them, and beyond the frame.
    let data = peer.segment([.ack, .psh], "data")
    for length in [0, 19, 20, 39, 40, data.count + 1, 65_535] {
      host.receive(claiming(length, data))
      host.expectSilence()
      #expect(try host.stack.readableCount(id) == 0)
    }
    host.receive(data)
    #expect(try host.read(id) == "data")
  }

  /// An IPv4 packet whose header claims another length.
  private func claiming(_ length: Int, _ packet: [UInt8]) -> [UInt8] {
    var packet = packet
    packet[2] = UInt8(length >> 8)
    packet[3] = UInt8(length & 255)
    packet[10] = 0
    packet[11] = 0
    let checksum = InternetChecksum.finish(InternetChecksum.sum(packet.span.bytes.extracting(first: 20)))
    packet[10] = UInt8(checksum >> 8)
    packet[11] = UInt8(checksum & 255)
    return packet
  }

  @Test(.requirement("MUST-3"))
  func whatIsDamagedIsDropped() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    let data = peer.segment([.ack, .psh], "data")
    for position in data.indices {
      var damaged = data
      damaged[position] ^= 0x04
      host.receive(damaged)
      host.expectSilence()
    }
    #expect(try host.stack.readableCount(id) == 0)
    host.receive(data)
    #expect(try host.read(id) == "data")
    #expect(host.stack.statistics.tcp.malformed > 20)
  }

  @Test func aLinkMayVouchForTheChecksum() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    var data = peer.segment([.ack, .psh], "data")
    data[36] ^= 0xff
    data.withRawSpan { host.stack.receive($0, on: host.link, at: host.now, checksum: .verified) }
    #expect(try host.read(id) == "data")
  }

  @Test func noFrameIsTooStrange() throws {
    let host = Host()
    var random = SeededGenerator(seed: 7)
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1)
    let good = [
      peer.segment(.syn),
      icmpPacket(
        type: 3, code: 3, [UInt8](repeating: 0x45, count: 40), from: ip("10.0.0.2"), to: ip("10.0.0.1")),
      udpPacket([1, 2, 3], from: endpoint("[fd00::2]:9"), to: endpoint("[fd00::1]:9")),
    ]
    _ = try host.stack.listen(on: ListenEndpoint(port: 80))
    for round in 0..<20_000 {
      var frame = good[round % good.count]
      frame = Array(frame.prefix(Int.random(in: 0...frame.count, using: &random)))
      for _ in 0..<Int.random(in: 0..<4, using: &random) where !frame.isEmpty {
        frame[Int.random(in: frame.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      frame.withRawSpan { host.stack.receive($0, on: host.link, at: host.now, checksum: .verified) }
      _ = host.sent()
    }
    _ = host.events()
  }

  @Test func aHostForwardsNothing() throws {
    let host = Host()
    let second = try host.stack.addInterface(
      InterfaceConfiguration(addresses: [try #require(AddressPrefix(parsing: "172.16.0.1/16"))]))
    let packet = udpPacket([1], from: endpoint("10.0.0.2:1"), to: endpoint("172.16.0.9:2"))
    host.receive(packet)
    host.expectSilence()
    _ = second
  }

  @Test func interfacesRefuseWhatCannotBe() throws {
    var stack = Stack(configuration: StackConfiguration(keys: StackKeys(seed: 1)))
    func prefix(_ text: String) throws -> AddressPrefix { try #require(AddressPrefix(parsing: text)) }
    for text in [
      "224.0.0.1/4", "10.0.0.255/24", "255.255.255.255/32", "0.0.0.0/8", "127.0.0.2/8", "ff02::1/8",
    ] {
      let address = try prefix(text)
      #expect(throws: StackError.invalidAddress(address.address)) {
        try stack.addInterface(InterfaceConfiguration(addresses: [address]))
      }
    }
    #expect(throws: StackError.maximumTransmissionUnitTooSmall(1279, minimum: 1280)) {
      try stack.addInterface(
        InterfaceConfiguration(maximumTransmissionUnit: 1279, addresses: [try prefix("fd00::1/64")]))
    }
    let link = try stack.addInterface(InterfaceConfiguration(addresses: [try prefix("10.0.0.1/24")]))
    #expect(throws: StackError.duplicateAddress(ip("10.0.0.1"))) {
      try stack.addAddress(try prefix("10.0.0.1/8"), to: link)
    }
    #expect(stack.routes.count == 1, "a refused address leaves no route")
  }
}
