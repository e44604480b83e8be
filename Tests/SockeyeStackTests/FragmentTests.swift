// Shows how fragments are put together, and which never are (RFC 791 §3.2, RFC 815, RFC 1858, RFC 5722, RFC 6946,
// RFC 8200 §4.5).

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct FragmentTests {
  /// An IP payload cut into fragments of at most `size` octets.
  private func fragments(
    _ protocolNumber: UInt8, _ payload: [UInt8], size: Int, from source: String, to destination: String,
    identification: UInt16 = 77
  ) -> [[UInt8]] {
    var packets: [[UInt8]] = []
    for offset in stride(from: 0, to: payload.count, by: size) {
      let piece = Array(payload[offset..<min(payload.count, offset + size)])
      let more = offset + size < payload.count
      packets.append(
        fragment(
          protocolNumber, piece, at: offset, more: more, from: source, to: destination,
          identification: identification))
    }
    return packets
  }

  private func fragment(
    _ protocolNumber: UInt8, _ piece: [UInt8], at offset: Int, more: Bool, from source: String = "10.0.0.2",
    to destination: String = "10.0.0.1", identification: UInt16 = 77
  ) -> [UInt8] {
    guard ip(source).version == .v6 else {
      return ipPacket(
        protocolNumber, piece, from: ip(source), to: ip(destination), identification: identification,
        more: more, offset: offset)
    }
    return ipPacket(
      IPProtocol.ipv6Fragment,
      ipv6Fragment(
        protocolNumber, piece, identification: UInt32(identification), offset: offset, more: more),
      from: ip(source), to: ip(destination))
  }

  private func datagram(
    _ data: [UInt8], from source: String = "10.0.0.2", to destination: String = "10.0.0.1"
  )
    -> [UInt8]
  {
    let packet = udpPacket(
      data, from: Endpoint(address: ip(source), port: 9), to: Endpoint(address: ip(destination), port: 10))
    return Array(packet[(ip(source).version == .v4 ? 20 : 40)...])
  }

  private func received(_ host: Host, _ socket: UDPSocketID) throws -> [UInt8]? {
    var buffer = FrameBuffer(capacity: 65_536)
    let datagram = try buffer.fill { try host.stack.receive(from: socket, into: &$0) }
    return datagram == nil ? nil : Array(buffer.bytes)
  }

  @Test(arguments: [("10.0.0.2", "10.0.0.1"), ("fd00::2", "fd00::1")])
  func fragmentsInAnyOrderMakeADatagram(source: String, destination: String) throws {
    let host = Host()
    let socket = try host.stack.bind(ListenEndpoint(port: 10))
    let data = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    var random = SeededGenerator(seed: 3)
    for round in 0..<20 {
      let pieces = fragments(
        IPProtocol.udp, datagram(data, from: source, to: destination), size: 1024, from: source,
        to: destination, identification: UInt16(round))
      for piece in pieces.shuffled(using: &random) { host.receive(piece) }
      #expect(try received(host, socket) == data)
    }
    #expect(host.stack.statistics.ip.reassembled == 20)
    #expect(host.stack.statistics.ip.fragmentsDropped == 0)
    #expect(host.stack.memoryUsed < 1024)
  }

  @Test func anExactCopyDoesNoHarm() throws {
    let host = Host()
    let socket = try host.stack.bind(ListenEndpoint(port: 10))
    let data = [UInt8](repeating: 5, count: 3000)
    for piece in fragments(
      IPProtocol.udp, datagram(data), size: 800, from: "10.0.0.2", to: "10.0.0.1"
    ).dropLast() {
      host.receive(piece)
      host.receive(piece)
    }
    host.receive(
      try #require(
        fragments(IPProtocol.udp, datagram(data), size: 800, from: "10.0.0.2", to: "10.0.0.1").last))
    #expect(try received(host, socket) == data)
  }

  @Test(.requirement("A-29"), arguments: [("10.0.0.2", "10.0.0.1"), ("fd00::2", "fd00::1")])
  func whatOverlapsIsNotUsed(source: String, destination: String) throws {
    let host = Host()
    let socket = try host.stack.bind(ListenEndpoint(port: 10))
    let whole = datagram([UInt8](repeating: 1, count: 56), from: source, to: destination)
    func piece(_ range: Range<Int>, more: Bool, _ value: UInt8? = nil) -> [UInt8] {
      let bytes = value.map { [UInt8](repeating: $0, count: range.count) } ?? Array(whole[range])
      return fragment(
        IPProtocol.udp, bytes, at: range.lowerBound, more: more, from: source, to: destination)
    }
    host.receive(piece(0..<32, more: true))
    host.receive(piece(24..<48, more: true, 9))
    // Poisoned: neither what is there nor what still comes makes a datagram.
    host.receive(piece(32..<64, more: false))
    host.receive(piece(0..<32, more: true))
    #expect(try received(host, socket) == nil)
    #expect(host.stack.statistics.ip.reassembled == 0)
    host.expectSilence()
  }

  @Test(.requirement("A-29"))
  func aTCPHeaderInPiecesIsDropped() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1)
    let synchronize = Array(peer.segment(.syn)[20...])
    host.receive(fragment(IPProtocol.tcp, Array(synchronize[0..<8]), at: 0, more: true))
    host.receive(fragment(IPProtocol.tcp, Array(synchronize[8...]), at: 8, more: false))
    host.expectSilence()
    #expect(host.stack.statistics.ip.fragmentsDropped == 2)
    #expect(try host.stack.waitingCount(of: listener) == 0)
  }

  @Test(.requirement("A-29"))
  func aSegmentInPiecesIsOne() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    let text = String(repeating: "fragmented ", count: 100)
    let segment = Array(peer.segment([.ack, .psh], text)[20...])
    for piece in fragments(IPProtocol.tcp, segment, size: 400, from: "10.0.0.2", to: "10.0.0.1").reversed() {
      host.receive(piece)
    }
    #expect(try host.read(id) == text)
  }

  @Test func aFragmentThatIsWholeGoesThrough() throws {
    // RFC 6946: offset zero and no more to come.
    let host = Host()
    let socket = try host.stack.bind(ListenEndpoint(port: 10))
    let whole = datagram([1, 2, 3], from: "fd00::2", to: "fd00::1")
    host.receive(fragment(IPProtocol.udp, whole, at: 0, more: false, from: "fd00::2", to: "fd00::1"))
    #expect(try received(host, socket) == [1, 2, 3])
    #expect(host.stack.statistics.ip.fragmentsReceived == 0)
  }

  @Test(arguments: [("10.0.0.2", "10.0.0.1", 30), ("fd00::2", "fd00::1", 60)])
  func incompleteDatagramsAreForgotten(source: String, destination: String, seconds: Int) throws {
    let host = Host()
    let socket = try host.stack.bind(ListenEndpoint(port: 10))
    let before = host.stack.memoryUsed
    let pieces = fragments(
      IPProtocol.udp, datagram([UInt8](repeating: 1, count: 2000), from: source, to: destination), size: 1024,
      from: source, to: destination)
    host.receive(pieces[0])
    #expect(host.stack.memoryUsed > before)
    host.wait(.seconds(seconds) - .milliseconds(1))
    #expect(host.stack.memoryUsed > before)
    host.wait(.milliseconds(1))
    #expect(host.stack.memoryUsed == before)
    host.receive(pieces[1])
    #expect(try received(host, socket) == nil)
  }

  @Test(.requirement("A-48"))
  func fragmentsAreBounded() throws {
    let host = Host {
      $0.reassemblyBytes = 16_384
      $0.reassemblyLimit = 8
    }
    let before = host.stack.memoryUsed
    for number in 0..<1000 {
      let piece = [UInt8](repeating: 1, count: 1024)
      host.receive(fragment(IPProtocol.udp, piece, at: 0, more: true, identification: UInt16(number)))
      #expect(host.stack.memoryUsed - before <= 16_384)
    }
    // The last of a datagram that would need it all.
    let piece = [UInt8](repeating: 1, count: 1024)
    host.receive(fragment(IPProtocol.udp, piece, at: 60_000, more: true, identification: 9999))
    #expect(host.stack.memoryUsed - before <= 16_384)
    // Those that came last are still there.
    let socket = try host.stack.bind(ListenEndpoint(port: 10))
    let data = [UInt8](repeating: 5, count: 2000)
    for piece in fragments(IPProtocol.udp, datagram(data), size: 1024, from: "10.0.0.2", to: "10.0.0.1") {
      host.receive(piece)
    }
    #expect(try received(host, socket) == data)
  }

  @Test func noDatagramIsLongerThanADatagram() throws {
    let host = Host()
    let piece = [UInt8](repeating: 1, count: 1024)
    host.receive(fragment(IPProtocol.udp, piece, at: 65_528, more: false))
    host.receive(fragment(IPProtocol.udp, piece, at: 65_000, more: false))
    #expect(host.stack.memoryUsed == 0)
    // Pieces that contradict the length.
    host.receive(fragment(IPProtocol.udp, piece, at: 0, more: false, identification: 5))
    host.receive(fragment(IPProtocol.udp, piece, at: 1024, more: true, identification: 6))
    host.receive(fragment(IPProtocol.udp, piece, at: 0, more: false, identification: 6))
    #expect(host.stack.statistics.ip.reassembled == 0)
  }
}
