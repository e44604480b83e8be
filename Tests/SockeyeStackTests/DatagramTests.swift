// Shows UDP sockets (RFC 768, RFC 1122 §4.1).

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct DatagramTests {
  private func received(_ host: Host, _ socket: UDPSocketID, room: Int = 65_536) throws
    -> (ReceivedDatagram, [UInt8])?
  {
    var buffer = FrameBuffer(capacity: room)
    guard let datagram = try buffer.fill({ try host.stack.receive(from: socket, into: &$0) }) else {
      return nil
    }
    return (datagram, Array(buffer.bytes))
  }

  private func send(_ host: Host, _ data: [UInt8], from socket: UDPSocketID, to remote: String) throws {
    try data.withRawSpan { try host.stack.send($0, from: socket, to: endpoint(remote), at: host.now) }
  }

  @Test(arguments: [("10.0.0.2:9", "10.0.0.1:53"), ("[fd00::2]:9", "[fd00::1]:53")])
  func datagramsComeAndGo(remote: String, local: String) throws {
    let host = Host()
    let socket = try host.stack.bind(ListenEndpoint(port: 53))
    host.receive(udpPacket([1, 2, 3], from: endpoint(remote), to: endpoint(local)))
    host.receive(udpPacket([], from: endpoint(remote), to: endpoint(local)))
    #expect(host.events() == [.datagram(socket)])
    let (first, data) = try #require(try received(host, socket))
    #expect(first.source == endpoint(remote) && first.destination == endpoint(local).address)
    #expect(data == [1, 2, 3] && !first.isTruncated)
    #expect(host.events() == [.datagram(socket)], "there is another")
    let (second, nothing) = try #require(try received(host, socket))
    #expect(second.length == 0 && nothing.isEmpty, "an empty datagram is one")
    #expect(try received(host, socket) == nil)
    try send(host, [4, 5], from: socket, to: remote)
    let answer = try host.segment()
    let (header, text) = try #require(answer.udp, "with a right checksum")
    #expect(header.sourcePort == 53 && header.destinationPort == 9 && header.checksum != 0)
    #expect(text == [4, 5])
    #expect(answer.source == endpoint(local).address)
  }

  @Test func aWrongChecksumIsDroppedAndNoneIsWrongForIPv6() throws {
    let host = Host()
    let socket = try host.stack.bind(ListenEndpoint(port: 53))
    var packet = udpPacket([1, 2, 3], from: endpoint("10.0.0.2:9"), to: endpoint("10.0.0.1:53"))
    packet[28] ^= 1
    host.receive(packet)
    packet = udpPacket([1, 2, 3], from: endpoint("[fd00::2]:9"), to: endpoint("[fd00::1]:53"))
    packet[46] = 0
    packet[47] = 0
    host.receive(packet)
    #expect(try received(host, socket) == nil)
    packet = udpPacket([1, 2, 3], from: endpoint("10.0.0.2:9"), to: endpoint("10.0.0.1:53"))
    packet[26] = 0
    packet[27] = 0
    host.receive(packet)
    #expect(try received(host, socket)?.1 == [1, 2, 3])
    #expect(host.stack.statistics.udp.malformed == 2)
  }

  @Test func theMostSpecificSocketGetsIt() throws {
    let host = Host(["10.0.0.1/24", "10.0.0.7/24"])
    let any = try host.stack.bind(ListenEndpoint(port: 53))
    let one = try host.stack.bind(ListenEndpoint(address: ip("10.0.0.7"), port: 53))
    host.receive(udpPacket([1], from: endpoint("10.0.0.2:9"), to: endpoint("10.0.0.7:53")))
    host.receive(udpPacket([2], from: endpoint("10.0.0.2:9"), to: endpoint("10.0.0.255:53")))
    #expect(try received(host, one)?.1 == [1])
    #expect(try received(host, any)?.1 == [2], "a broadcast too")
    try send(host, [3], from: one, to: "10.0.0.2:9")
    #expect(try host.segment().source == ip("10.0.0.7"))
    #expect(throws: SocketError.addressInUse(ListenEndpoint(port: 53))) {
      try host.stack.bind(ListenEndpoint(port: 53))
    }
    try host.stack.close(any)
    _ = try host.stack.bind(ListenEndpoint(port: 53))
    #expect(throws: SocketError.noSuchSocket) { try host.stack.endpoint(of: any) }
  }

  @Test func whatASocketKeepsIsBounded() throws {
    let host = Host {
      $0.socketQueueLimit = 3
      $0.socketQueueBytes = 2048
    }
    let socket = try host.stack.bind(ListenEndpoint(port: 53))
    for number in UInt8(0)..<10 {
      host.receive(udpPacket([number], from: endpoint("10.0.0.2:9"), to: endpoint("10.0.0.1:53")))
    }
    #expect(host.stack.statistics.udp.overflows == 7)
    for number in UInt8(0)..<3 { #expect(try received(host, socket)?.1 == [number]) }
    for _ in 0..<3 {
      host.receive(
        udpPacket(
          [UInt8](repeating: 1, count: 1400), from: endpoint("10.0.0.2:9"), to: endpoint("10.0.0.1:53")))
    }
    #expect(host.stack.statistics.udp.overflows == 9)
    let (datagram, data) = try #require(try received(host, socket, room: 100))
    #expect(datagram.isTruncated && datagram.length == 1400 && data.count == 100)
    #expect(try received(host, socket) == nil, "the rest of it is lost, as it is with datagrams")
  }

  @Test(arguments: [("10.0.0.2:9", 65_507), ("[fd00::2]:9", 65_527)])
  func largeDatagramsLeaveInFragments(remote: String, limit: Int) throws {
    let host = Host()
    let other = Host([remote.hasPrefix("[") ? "fd00::2/64" : "10.0.0.2/24"])
    let receiver = try other.stack.bind(ListenEndpoint(port: 9))
    let socket = try host.stack.bind(ListenEndpoint(port: 0))
    for length in [1400, 1473, 4000, limit] {
      let data = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 13) }
      try send(host, data, from: socket, to: remote)
      let packets = host.sent()
      #expect(packets.allSatisfy { $0.bytes.count <= 1500 })
      #expect(packets.count > (length > 1460 ? 1 : 0))
      for packet in packets { other.receive(packet.bytes) }
      #expect(try received(other, receiver)?.1 == data)
    }
    let tooLong = [UInt8](repeating: 0, count: limit + 1)
    #expect(throws: SocketError.datagramTooLong(length: limit + 1, limit: limit)) {
      try send(host, tooLong, from: socket, to: remote)
    }
  }

  @Test func theQueueToTheDriverIsBounded() throws {
    let host = Host { $0.datagramQueueLimit = 4 }
    let socket = try host.stack.bind(ListenEndpoint(port: 0))
    for number in UInt8(0)..<4 { try send(host, [number], from: socket, to: "10.0.0.2:9") }
    #expect(throws: SocketError.queueFull) { try send(host, [4], from: socket, to: "10.0.0.2:9") }
    #expect(host.sent().compactMap { $0.udp?.data } == [[0], [1], [2], [3]])
    try send(host, [4], from: socket, to: "10.0.0.2:9")
  }

  @Test func whoCannotBeReachedIsTold() throws {
    let host = Host()
    let socket = try host.stack.bind(ListenEndpoint(port: 0))
    try send(host, [1], from: socket, to: "10.0.0.2:9")
    host.receive(icmpError(3, 3, quoting: try host.segment(), from: "10.0.0.2"))
    #expect(
      host.events() == [.datagramError(socket, .portUnreachable, destination: endpoint("10.0.0.2:9"))])
    for remote in ["224.0.0.1:9", "10.0.0.255:9", "0.0.0.0:9"] {
      #expect(throws: SocketError.invalidRemoteAddress(endpoint(remote).address)) {
        try send(host, [1], from: socket, to: remote)
      }
    }
  }

  @Test func aHostSendsToItself() throws {
    let host = Host()
    let server = try host.stack.bind(ListenEndpoint(address: ip("127.0.0.1"), port: 53))
    let client = try host.stack.bind(ListenEndpoint(port: 0))
    let data = [UInt8](repeating: 7, count: 5000)
    try send(host, data, from: client, to: "127.0.0.1:53")
    host.expectSilence()
    #expect(try received(host, server)?.1 == data, "in fragments, too")
  }
}
