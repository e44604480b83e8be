// Holds two hosts at virtual time, with a wire between them that a test looks at and may cut, and whose packets it
// may change.

import SockeyeAuthentication
import Testing

/// A client, "10.0.0.1" and "fd00::1", and a server, "10.0.0.2" and "fd00::2".
final class Duo {
  enum Side { case client, server }

  var client: Stack
  var server: Stack
  private let clientLink: LinkID
  private let serverLink: LinkID
  private(set) var now = Instant.zero
  /// All that was sent, in order.
  private(set) var sent: [(from: Side, segment: VectorSegment)] = []
  /// What becomes of a packet on its way; nil: it is lost.
  var fate: (Side, [UInt8]) -> [UInt8]? = { $1 }
  private var frame = FrameBuffer(capacity: 2048)

  init(tune: (Side, inout StackConfiguration) -> Void = { _, _ in }) throws {
    client = Duo.host(1) { tune(.client, &$0) }
    server = Duo.host(2) { tune(.server, &$0) }
    clientLink = try client.addInterface(Duo.interface(1))
    serverLink = try server.addInterface(Duo.interface(2))
  }

  private static func host(_ seed: UInt64, tune: (inout StackConfiguration) -> Void) -> Stack {
    var configuration = StackConfiguration(keys: StackKeys(seed: seed))
    tune(&configuration)
    return Stack(configuration: configuration)
  }

  private static func interface(_ number: Int) -> InterfaceConfiguration {
    InterfaceConfiguration(
      addresses: ["10.0.0.\(number)/24", "fd00::\(number)/64"].compactMap { AddressPrefix(parsing: $0) })
  }

  /// Both sides get the same key, the server's with the key IDs the other way round.
  @discardableResult
  func share(_ key: MasterKey = .first) throws -> (client: KeyChain, server: KeyChain) {
    let chains = (client: KeyChain(key), server: KeyChain(key.mirrored))
    for prefix in ["10.0.0.0/24", "fd00::/64"].compactMap({ AddressPrefix(parsing: $0) }) {
      try client.setAuthentication(chains.client, with: prefix, port: 179)
      try server.setAuthentication(chains.server, with: prefix, port: 179)
    }
    return chains
  }

  /// A packet arrives that nobody has sent.
  func inject(_ packet: [UInt8], into side: Side) {
    packet.withRawSpan {
      switch side {
      case .client: client.receive($0, on: clientLink, at: now)
      case .server: server.receive($0, on: serverLink, at: now)
      }
    }
  }

  /// Everything that can happen within a time happens.
  func run(_ interval: Interval = .milliseconds(100)) throws {
    let end = now + interval
    while true {
      try exchange()
      let deadline = min(client.nextDeadline ?? .distantFuture, server.nextDeadline ?? .distantFuture)
      guard deadline <= end else { break }
      now = max(now, deadline)
      client.advance(to: now)
      server.advance(to: now)
    }
    now = end
    client.advance(to: now)
    server.advance(to: now)
    try exchange()
  }

  private func exchange() throws {
    var isBusy = true
    while isBusy {
      isBusy = false
      for side in [Side.client, .server] {
        while let packet = next(from: side) {
          isBusy = true
          sent.append((side, try VectorSegment(packet)))
          if let packet = fate(side, packet) { inject(packet, into: side == .client ? .server : .client) }
        }
      }
    }
  }

  private func next(from side: Side) -> [UInt8]? {
    let metadata = frame.fill { output in
      switch side {
      case .client: client.nextFrame(into: &output)
      case .server: server.nextFrame(into: &output)
      }
    }
    return metadata == nil ? nil : Duo.copy(of: frame)
  }

  private static func copy(of frame: borrowing FrameBuffer) -> [UInt8] { [UInt8](frame.bytes) }

  // MARK: What users do

  func connect(version: IPVersion = .v4) throws -> ConnectionID {
    let remote = Endpoint(parsing: version == .v4 ? "10.0.0.2:179" : "[fd00::2]:179")
    return try client.connect(to: try #require(remote), at: now)
  }

  /// A connection from the client, accepted by the server.
  func connected(version: IPVersion = .v4) throws -> (client: ConnectionID, server: ConnectionID) {
    let listener = try server.listen(on: ListenEndpoint(port: 179))
    let id = try connect(version: version)
    try run()
    return (id, try #require(try server.accept(listener)))
  }

  /// Text goes over and is read at the other end, in virtual time.
  func carry(_ text: [UInt8], from side: Side, _ ids: (client: ConnectionID, server: ConnectionID)) throws {
    var written = 0
    var read: [UInt8] = []
    for _ in 0..<1000 where read.count < text.count {
      try text.withRawSpan { text throws(SocketError) in
        let rest = text.extracting(written..<text.byteCount)
        switch side {
        case .client: written += try client.write(ids.client, rest, at: now)
        case .server: written += try server.write(ids.server, rest, at: now)
        }
      }
      try run(.milliseconds(10))
      read += try readable(at: side == .client ? .server : .client, ids)
    }
    #expect(read == text)
  }

  func readable(at side: Side, _ ids: (client: ConnectionID, server: ConnectionID)) throws -> [UInt8] {
    var incoming = FrameBuffer(capacity: 1 << 20)
    _ = try incoming.fill { output throws(SocketError) in
      switch side {
      case .client: try client.read(ids.client, into: &output, at: now)
      case .server: try server.read(ids.server, into: &output, at: now)
      }
    }
    return [UInt8](incoming.bytes)
  }

  func states(_ ids: (client: ConnectionID, server: ConnectionID)) -> (TCPState?, TCPState?) {
    (client.state(of: ids.client), server.state(of: ids.server))
  }
}

extension MasterKey {
  static let first = MasterKey(secret: Array("correct horse".utf8), sendID: 7, receiveID: 9)
  static let second = MasterKey(
    secret: Array("battery staple".utf8), sendID: 70, receiveID: 90, algorithm: .aes128CMAC)
}

/// Some text that does not repeat soon.
func octets(count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) } }

/// The packet with one octet of its segment changed, and the checksum right.
func changed(_ packet: [UInt8], at offset: Int, xor: UInt8 = 1) -> [UInt8] {
  var packet = packet
  packet[20 + offset] ^= xor
  return checksummed(packet)
}

/// An IPv4 packet without options whose segment has the checksum it should have.
func checksummed(_ packet: [UInt8]) -> [UInt8] {
  var segment = Array(packet[20...])
  segment[16] = 0
  segment[17] = 0
  let addresses = packet.withRawSpan { ($0.uint32(at: 12), $0.uint32(at: 16)) }
  let pseudo = PseudoHeader.sum(
    source: .v4(IPv4Address(rawValue: addresses.0)), destination: .v4(IPv4Address(rawValue: addresses.1)),
    protocolNumber: IPProtocol.tcp, length: segment.count)
  let checksum = InternetChecksum.finish(segment.withRawSpan { InternetChecksum.sum($0, initial: pseudo) })
  segment[16] = UInt8(checksum >> 8)
  segment[17] = UInt8(checksum & 255)
  return Array(packet[..<20]) + segment
}
