// Shows UDP headers, ICMP messages and the packets they quote.

import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct UDPHeaderTests {
  let source = IPAddress.v4(IPv4Address(10, 0, 0, 1))
  let destination = IPAddress.v4(IPv4Address(10, 0, 0, 2))

  func written(_ data: [UInt8], _ source: IPAddress, _ destination: IPAddress) -> [UInt8] {
    let header = UDPHeader(sourcePort: 53, destinationPort: 9, payloadLength: data.count)
    return [UInt8](capacity: 8 + data.count) {
      header.write(into: &$0, payload: data.rawSpan, source: source, destination: destination)
    }
  }

  @Test(arguments: [IPVersion.v4, .v6])
  func writtenDatagramsComeBackWithARightChecksum(_ version: IPVersion) throws {
    var generator = SeededGenerator(seed: 768)
    for length in [0, 1, 2, 3, 100, 1471] {
      let data = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let source = IPAddress.random(version, using: &generator)
      let destination = IPAddress.random(version, using: &generator)
      let datagram = written(data, source, destination)
      let parsed = try UDPHeader.parse((datagram + [1, 2]).rawSpan)
      #expect(parsed.header.sourcePort == 53 && parsed.header.destinationPort == 9)
      #expect(parsed.header.length == 8 + length)
      #expect(Array(datagram[parsed.payload]) == data)
      #expect(plainSum(pseudoHeader(source, destination, IPProtocol.udp, 8 + length) + datagram) == 0xffff)
      func valid(_ bytes: [UInt8]) -> Bool {
        parsed.header.hasValidChecksum(bytes.rawSpan, source: source, destination: destination)
      }
      #expect(valid(datagram))
      #expect(valid(datagram + [7]))
      var damaged = datagram
      damaged[1] ^= 4
      #expect(!valid(damaged))
    }
  }

  @Test func noChecksumIsRightForIPv4Alone() throws {
    var datagram = written([1, 2], source, destination)
    datagram[6] = 0
    datagram[7] = 0
    let header = try UDPHeader.parse(datagram.rawSpan).header
    let valid4 = header.hasValidChecksum(datagram.rawSpan, source: source, destination: destination)
    #expect(valid4)
    let loopback = IPAddress.v6(.loopback)
    let valid6 = header.hasValidChecksum(datagram.rawSpan, source: loopback, destination: loopback)
    #expect(!valid6)
  }

  @Test func aComputedZeroIsSentAsAllOnes() {
    // The data is chosen so that the sum is all ones.
    let without = written([0, 0], source, destination)
    let checksum = Array(without[6...7])
    let datagram = written(checksum, source, destination)
    #expect(Array(datagram[6...7]) == [0xff, 0xff])
  }

  @Test func lengthsThatLieAreRefused() {
    let datagram = written([1, 2, 3], source, destination)
    for count in 0..<8 {
      #expect(throws: WireError.truncated(needed: 8, have: count)) {
        try UDPHeader.parse(Array(datagram.prefix(count)).rawSpan)
      }
    }
    for length in [UInt8(0), 7, 12, 255] {
      var lying = datagram
      lying[5] = length
      #expect(throws: WireError.badTotalLength(Int(length), have: 11)) { try UDPHeader.parse(lying.rawSpan) }
    }
  }
}

@Suite struct ICMPTests {
  @Test func version4MessagesComeBack() throws {
    let message = ICMPv4Message.echo(reply: false, identifier: 0x1234, sequence: 7)
    let bytes = [UInt8](capacity: 32) { message.write(into: &$0, payload: [1, 2, 3].rawSpan) }
    let parsed = try ICMPv4Message.parse(bytes.rawSpan)
    #expect(parsed.message == message)
    #expect(parsed.message.identifier == 0x1234 && parsed.message.sequence == 7)
    #expect(Array(bytes[parsed.payload]) == [1, 2, 3])
    #expect(plainSum(bytes) == 0xffff)
    var damaged = bytes
    damaged[9] ^= 1
    #expect(throws: WireError.self) { try ICMPv4Message.parse(damaged.rawSpan) }
    #expect(throws: WireError.truncated(needed: 8, have: 7)) {
      try ICMPv4Message.parse(Array(bytes.prefix(7)).rawSpan)
    }
    #expect(!message.isError)
  }

  @Test func version6MessagesComeBack() throws {
    let source = IPv6Address.loopback
    let destination = IPv6Address.allNodes
    let message = ICMPv6Message(type: ICMPv6Message.packetTooBig, code: 0, rest: 1280)
    let bytes = [UInt8](capacity: 32) {
      message.write(into: &$0, payload: [1, 2, 3].rawSpan, source: source, destination: destination)
    }
    let parsed = try ICMPv6Message.parse(bytes.rawSpan, source: source, destination: destination)
    #expect(parsed.message == message)
    #expect(parsed.message.maximumTransmissionUnit == 1280)
    #expect(parsed.payload == 8..<11)
    let drawn = pseudoHeader(.v6(source), .v6(destination), IPProtocol.icmpv6, bytes.count)
    #expect(plainSum(drawn + bytes) == 0xffff)
    // The pseudo-header counts.
    #expect(throws: WireError.self) {
      try ICMPv6Message.parse(bytes.rawSpan, source: source, destination: source)
    }
    let nothing: [UInt8] = []
    #expect(throws: WireError.truncated(needed: 8, have: 0)) {
      try ICMPv6Message.parse(nothing.rawSpan, source: source, destination: destination)
    }
    #expect(message.isError)
    #expect(!ICMPv6Message.echo(reply: true, identifier: 1, sequence: 2).isError)
  }

  @Test func errorsAreToldFromQueries() {
    let errors = (UInt8(0)...255).filter { ICMPv4Message(type: $0, code: 0, rest: 0).isError }
    #expect(errors == [3, 4, 5, 11, 12])
    #expect(ICMPv4Message(type: 3, code: 4, rest: 0xdead_0578).nextHopMTU == 1400)
    #expect(ICMPv4Message(type: 12, code: 0, rest: 0x0500_0000).pointer == 5)
    #expect(ICMPv6Message(type: 4, code: 0, rest: 48).pointer == 48)
    #expect(ICMPv6Message(type: 2, code: 0, rest: .max).maximumTransmissionUnit >= 0x7fff_ffff)
  }
}

@Suite struct QuotedPacketTests {
  let transport: [UInt8] = [0x0d, 0x49, 0xc0, 0, 1, 2, 3, 4]

  func quote4(offset: Int = 0, total: Int = 1500) -> [UInt8] {
    let header = IPv4Header(
      source: IPv4Address(10, 0, 0, 1), destination: IPv4Address(10, 0, 0, 2), protocolNumber: IPProtocol.tcp,
      payloadLength: total - 20, fragmentOffset: offset)
    return [UInt8](capacity: 64) {
      header.write(into: &$0)
      $0.append(bytes: transport.rawSpan)
    }
  }

  @Test func theFirstEightBytesNameTheConnection() throws {
    let quoted = try QuotedPacket.parse(quote4().rawSpan, version: .v4)
    #expect(quoted.protocolNumber == IPProtocol.tcp)
    #expect(quoted.sourcePort == 3401 && quoted.destinationPort == 49152)
    #expect(quoted.sequence == SequenceNumber(0x0102_0304))
    #expect(quoted.fourTuple.description == "10.0.0.1:3401 <-> 10.0.0.2:49152")
    #expect(quoted.totalLength == 1500)
  }

  @Test func aRouterMayHaveChangedTheHeader() throws {
    var bytes = quote4()
    bytes[8] = 1
    #expect(try QuotedPacket.parse(bytes.rawSpan, version: .v4).sourcePort == 3401)
  }

  @Test func whatIsTooShortOrNotTheBeginningIsRefused() {
    let bytes = quote4()
    for count in 0..<28 {
      #expect(throws: WireError.self) {
        try QuotedPacket.parse(Array(bytes.prefix(count)).rawSpan, version: .v4)
      }
    }
    #expect(throws: WireError.truncated(needed: 8, have: 4)) {
      try QuotedPacket.parse(quote4(total: 24).rawSpan, version: .v4)
    }
    #expect(throws: WireError.badFragment(offset: 8, length: 8)) {
      try QuotedPacket.parse(quote4(offset: 8).rawSpan, version: .v4)
    }
    #expect(throws: WireError.badVersion(4)) {
      try QuotedPacket.parse(([UInt8](quote4()) + quote4()).rawSpan, version: .v6)
    }
  }

  @Test func version6QuotesAreWalked() throws {
    let header = IPv6Header(
      source: .loopback, destination: .allNodes, nextHeader: IPProtocol.ipv6DestinationOptions,
      payloadLength: 1000)
    // An option that would be refused on arrival: here it is this host's own.
    let bytes = [UInt8](capacity: 64) {
      header.write(into: &$0)
      $0.append(bytes: [IPProtocol.tcp, 0, 0xc5, 0, 0, 0, 0, 0].rawSpan)
      $0.append(bytes: transport.rawSpan)
    }
    let quoted = try QuotedPacket.parse(bytes.rawSpan, version: .v6)
    #expect(quoted.sequence == SequenceNumber(0x0102_0304))
    #expect(quoted.protocolNumber == IPProtocol.tcp)
    #expect(quoted.totalLength == 1040)
    for count in 0..<56 {
      #expect(throws: WireError.self) {
        try QuotedPacket.parse(Array(bytes.prefix(count)).rawSpan, version: .v6)
      }
    }
  }
}
