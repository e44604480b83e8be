// Shows that options which cannot be valid, ICMP errors that nobody vouches for, and old segments do nothing.

import SockeyeTestSupport
import Testing

@testable import SockeyeAuthentication

@Suite struct HostileAuthenticationTests {
  /// Options of a segment, and whether they fill the header's options to the end.
  private static let impossible: [[UInt8]] = [
    // Shorter than 4 octets, with room behind them and without.
    [29, 0, 1, 1], [29, 1, 1, 1], [29, 2, 1, 1], [29, 3, 1, 1], [1, 1, 29, 2], [1, 29, 3, 1], [1, 1, 1, 29],
    // Longer than the header, by one octet and by many.
    [29, 40, 7, 9], [1, 29, 4, 7], [29, 16, 7, 9, 0, 0, 0, 0, 0, 0, 0, 0], [29, 255, 7, 9],
    // One to three octets of a whole one missing.
    [1] + whole.dropLast(1), [1, 1] + whole.dropLast(2), [1, 1, 1] + whole.dropLast(3),
    // Twice: the same again, and two of different lengths.
    whole + whole, [29, 4, 7, 9] + whole, whole + [29, 4, 7, 9], [29, 4, 7, 9, 29, 4, 7, 9],
    // Beside an MD5 signature (RFC 2385), before and behind it.
    [19, 18] + [UInt8](repeating: 0, count: 16) + [1, 1] + whole,
    whole + [1, 1, 19, 18] + [UInt8](repeating: 0, count: 16),
  ]

  private static let whole: [UInt8] = [29, 16, 7, 9] + [UInt8](repeating: 1, count: 12)

  @Test(.requirement("A-25", "A-17", "5925-1"), arguments: impossible)
  func impossibleOptionsAreDroppedWithOrWithoutKeys(options: [UInt8]) throws {
    for hasKeys in [true, false] {
      let duo = try Duo()
      if hasKeys { try duo.share() }
      let ids = try duo.connected()
      _ = try duo.server.listen(on: ListenEndpoint(port: 80))
      var good: [UInt8] = []
      duo.fate = { side, packet in
        if side == .client { good = packet }
        return nil
      }
      _ = try [UInt8]("text".utf8).withRawSpan { text throws(SocketError) in
        try duo.client.write(ids.client, text, at: duo.now)
      }
      try duo.run(.milliseconds(1))
      let sent = duo.sent.count
      let segment = try VectorSegment(good)
      // On a segment that comes next, on a SYN to a listener, on a RST, and to a port where nobody listens.
      var next = segment.header
      next.options = TCPOptions()
      var synchronize = TCPHeader(
        sourcePort: 5000, destinationPort: 80, sequence: SequenceNumber(1), flags: .syn, window: 1000)
      var reset = next
      reset.flags = [.rst, .ack]
      var strays: [TCPHeader] = [next, synchronize, reset]
      synchronize.destinationPort = 1
      strays.append(synchronize)
      for header in strays { duo.inject(packet(header, options: options, [1, 2, 3]), into: .server) }
      try duo.run(.milliseconds(1))
      #expect(duo.sent.count == sent, "silence")
      #expect(duo.server.statistics.tcp.drops[.malformedAuthentication] == 4)
      #expect(duo.states(ids) == (.established, .established) && duo.server.occupancy.handshakes == 0)
      duo.inject(good, into: .server)
      #expect(try duo.readable(at: .server, ids) == Array("text".utf8))
    }
  }

  @Test(.requirement("A-25", "5925-5"), arguments: [4, 8, 12, 15, 17, 20, 24])
  func aCodeOfAnotherLengthIsNotAuthentic(length: Int) throws {
    let duo = try Duo()
    try duo.share()
    let ids = try duo.connected()
    var header = try #require(duo.sent.last { $0.from == .client }).segment.header
    header.options = TCPOptions()
    let option: [UInt8] = [29, UInt8(length), 7, 9] + [UInt8](repeating: 1, count: length - 4)
    duo.inject(packet(header, options: option, [1, 2, 3]), into: .server)
    #expect(duo.server.statistics.tcp.drops[.unauthentic] == 1)
    #expect(try duo.readable(at: .server, ids).isEmpty)
  }

  private func packet(_ header: TCPHeader, options: [UInt8], _ payload: [UInt8]) -> [UInt8] {
    let padded = options + [UInt8](repeating: 0, count: (4 - options.count % 4) % 4)
    var out = FrameBuffer(capacity: 256)
    out.fill { output in
      IPv4Header(
        source: IPv4Address(rawValue: 0x0a00_0001), destination: IPv4Address(rawValue: 0x0a00_0002),
        protocolNumber: IPProtocol.tcp, payloadLength: 20 + padded.count + payload.count
      ).write(into: &output)
      header.write(into: &output)
      for octet in padded + payload { output.append(octet) }
    }
    var bytes = [UInt8](out.bytes)
    bytes[32] = UInt8(5 + padded.count / 4) << 4
    return checksummed(bytes)
  }

  // MARK: ICMP

  @Test(.requirement("5925-8"), arguments: [IPVersion.v4, .v6])
  func hardErrorsAreHeededOnlyWhileOpening(version: IPVersion) throws {
    let duo = try Duo()
    let (chain, _) = try duo.share()
    let ids = try duo.connected(version: version)
    duo.fate = { _, _ in nil }
    _ = try octets(count: 5000).withRawSpan { text throws(SocketError) in
      try duo.client.write(ids.client, text, at: duo.now)
    }
    try duo.run(.milliseconds(1))
    let segment = try #require(duo.sent.last { $0.segment.bytes.count > 1400 }).segment
    // Protocol and port unreachable and fragmentation needed; prohibited and port unreachable.
    let errors: [(UInt8, UInt8, UInt32)] =
      version == .v4 ? [(3, 2, 0), (3, 3, 0), (3, 4, 600)] : [(1, 1, 0), (1, 4, 0)]
    let size = try duo.client.status(of: ids.client).segmentSize
    for (type, code, rest) in errors { duo.inject(icmp(type, code, rest, about: segment), into: .client) }
    #expect(duo.client.statistics.icmp.errorsIgnored == UInt64(errors.count))
    #expect(duo.client.statistics.icmp.errorsAccepted == 0)
    #expect(duo.client.state(of: ids.client) == .established)
    #expect(try duo.client.status(of: ids.client).segmentSize == size)
    // What may pass is told as always, and IPv6 has no other way to learn of a smaller packet size.
    if version == .v4 {
      duo.inject(icmp(3, 1, 0, about: segment), into: .client)
    } else {
      duo.inject(icmp(2, 0, 1300, about: segment), into: .client)
      #expect(try duo.client.status(of: ids.client).segmentSize == size - 200)
    }
    #expect(duo.client.statistics.icmp.errorsAccepted == 1)
    // Whoever wants to hear them does.
    chain.heedsErrors = true
    duo.inject(icmp(errors[0].0, errors[0].1, errors[0].2, about: segment), into: .client)
    #expect(duo.client.statistics.icmp.errorsAccepted == 2)
    // Before the handshake nothing is lost by believing them.
    chain.heedsErrors = false
    let opening = try duo.connect(version: version)
    try duo.run(.milliseconds(1))
    let synchronize = try #require(duo.sent.last { $0.segment.header.flags.contains(.syn) }).segment
    let (type, code, rest) = try #require(errors.dropFirst().first)
    duo.inject(icmp(type, code, rest, about: synchronize), into: .client)
    #expect(duo.client.nextEvents().contains(.closed(opening, .unreachable)))
  }

  private func icmp(_ type: UInt8, _ code: UInt8, _ rest: UInt32, about segment: VectorSegment) -> [UInt8] {
    var out = FrameBuffer(capacity: 2048)
    out.fill { output in
      switch (segment.tuple.local.address, segment.tuple.remote.address) {
      case (.v4(let client), .v4(let server)):
        var quote = FrameBuffer(capacity: 2048)
        quote.fill { quote in
          IPv4Header(
            source: client, destination: server, protocolNumber: IPProtocol.tcp,
            payloadLength: segment.bytes.count
          ).write(into: &quote)
          for octet in segment.bytes { quote.append(octet) }
        }
        IPv4Header(
          source: server, destination: client, protocolNumber: IPProtocol.icmp, payloadLength: quote.count + 8
        ).write(into: &output)
        ICMPv4Message(type: type, code: code, rest: rest).write(into: &output, payload: quote.bytes)
      case (.v6(let client), .v6(let server)):
        var quote = FrameBuffer(capacity: 2048)
        quote.fill { quote in
          IPv6Header(
            source: client, destination: server, nextHeader: IPProtocol.tcp,
            payloadLength: segment.bytes.count
          ).write(into: &quote)
          for octet in segment.bytes { quote.append(octet) }
        }
        IPv6Header(
          source: server, destination: client, nextHeader: IPProtocol.icmpv6, payloadLength: quote.count + 8
        ).write(into: &output)
        ICMPv6Message(type: type, code: code, rest: rest)
          .write(into: &output, payload: quote.bytes, source: server, destination: client)
      case (_, _): break
      }
    }
    return [UInt8](out.bytes)
  }

  // MARK: Old segments

  /// One direction of a connection whose numbers go round several times, a quarter of the circle a step.
  @Test(.requirement("5925-3"), arguments: AuthenticationAlgorithm.allCases)
  func aSegmentOfAnEarlierRoundIsNotAuthentic(algorithm: AuthenticationAlgorithm) throws {
    let key = MasterKey(secret: [1, 2, 3], sendID: 1, receiveID: 2, algorithm: algorithm)
    let client = KeyChain(key).authenticator(for: Self.tuple)
    let server = KeyChain(key.mirrored).authenticator(for: Self.tuple.reversed)
    let (clientInitial, serverInitial) = (SequenceNumber(0xffff_fff0), SequenceNumber(5))
    client.begin(at: clientInitial)
    #expect(try Self.segment(.syn, clientInitial, from: client).isAuthentic(server))
    server.begin(at: serverInitial)
    #expect(
      try Self.segment([.syn, .ack], serverInitial, from: server, Self.tuple.reversed).isAuthentic(client))
    var earlier: [VectorSegment] = []
    for step in 1...12 {
      let sequence = clientInitial + 1 + step * (1 << 30)
      let segment = try Self.segment([.ack, .psh], sequence, from: client)
      // Just before and after where numbers begin again, in both orders.
      let late = try Self.segment([.ack, .psh], sequence + -20, from: client)
      let ahead = try Self.segment([.ack, .psh], sequence + 20, from: client)
      #expect(ahead.isAuthentic(server) && late.isAuthentic(server) && segment.isAuthentic(server))
      // A round ago the same number was somebody else's.
      if step > 4 { #expect(!earlier[step - 5].isAuthentic(server), "round \(step / 4)") }
      earlier.append(segment)
    }
    // The other direction counts for itself.
    #expect(
      try Self.segment(.ack, serverInitial + 1, from: server, Self.tuple.reversed).isAuthentic(client))
  }

  @Test(.requirement("5925-6"))
  func whatComesLateNoLongerSaysWhichKeyIsWanted() throws {
    let (first, second) = (MasterKey.first, MasterKey.second)
    let chains = (client: KeyChain(first), server: KeyChain(first.mirrored))
    try chains.client.add(second)
    try chains.server.add(second.mirrored)
    let client = try #require(chains.client.authenticator(for: Self.tuple) as? ConnectionAuthenticator)
    let server = chains.server.authenticator(for: Self.tuple.reversed)
    client.begin(at: SequenceNumber(1))
    #expect(try Self.segment(.syn, SequenceNumber(1), from: client).isAuthentic(server))
    server.begin(at: SequenceNumber(1))
    #expect(
      try Self.segment([.syn, .ack], SequenceNumber(1), from: server, Self.tuple.reversed).isAuthentic(client)
    )
    let old = try Self.segment([.ack, .psh], SequenceNumber(2), from: server, Self.tuple.reversed)
    try chains.server.prefer(receiveID: 70)
    #expect(
      try Self.segment([.ack, .psh], SequenceNumber(100), from: server, Self.tuple.reversed).isAuthentic(
        client))
    #expect(client.sendingKey.sendID == 70)
    #expect(old.isAuthentic(client) && client.sendingKey.sendID == 70)
  }

  private static let tuple = FourTuple(
    local: Endpoint(address: .v4(IPv4Address(rawValue: 0x0a00_0001)), port: 1000),
    remote: Endpoint(address: .v4(IPv4Address(rawValue: 0x0a00_0002)), port: 179))

  /// A segment as its sender signs it.
  private static func segment(
    _ flags: TCPFlags, _ sequence: SequenceNumber, from authenticator: SegmentAuthenticator,
    _ tuple: FourTuple = tuple
  ) throws -> VectorSegment {
    var header = TCPHeader(
      sourcePort: tuple.local.port, destinationPort: tuple.remote.port, sequence: sequence, flags: flags,
      window: 1000)
    header.options.authentication = authenticator.option
    let unsigned = header
    let code = Self.bytes(unsigned).withRawSpan { authenticator.code(of: $0, unsigned) }
    header.options.authentication?.code = code
    return try VectorSegment(Self.bytes(header), from: tuple.local.address, to: tuple.remote.address)
  }

  private static func bytes(_ header: TCPHeader) -> [UInt8] {
    var out = FrameBuffer(capacity: 64)
    out.fill { _ = header.write(into: &$0) }
    return [UInt8](out.bytes)
  }
}
