// Holds the host under test and the packets it has sent, so that a test reads as a conversation: the peer says,
// the host answers, time passes. How packets are made stands in Packets.swift.

import SockeyeStack
import Testing

/// The host under test, on one link, at virtual time.
final class Host {
  var stack: Stack
  let link: LinkID
  private(set) var now = Instant.zero
  private var buffer = FrameBuffer(capacity: 65_536)

  /// - Parameters:
  ///   - addresses: of its one interface.
  ///   - tune: changes settings before the host begins.
  init(
    _ addresses: [String] = ["10.0.0.1/24", "fd00::1/64"], mtu: Int = 1500,
    tune: (inout StackConfiguration) -> Void = { _ in }
  ) {
    var configuration = StackConfiguration(keys: StackKeys(seed: 42))
    // Answers at once make shorter scripts.
    configuration.tcp.delayedAcknowledgment = .zero
    // What a script writes is taken at once.
    configuration.tcp.sendBufferCapacity = 1 << 20
    tune(&configuration)
    stack = Stack(configuration: configuration)
    let interface = InterfaceConfiguration(
      maximumTransmissionUnit: mtu, addresses: addresses.compactMap { AddressPrefix(parsing: $0) })
    do {
      link = try stack.addInterface(interface)
    } catch {
      fatalError("the test's interface can't be: \(error)")
    }
  }

  /// The peer's packet arrives.
  func receive(_ packet: [UInt8]) {
    packet.withRawSpan { stack.receive($0, on: link, at: now) }
  }

  /// All packets that the host sends now.
  func sent() -> [Packet] {
    var packets: [Packet] = []
    while true {
      let metadata = buffer.fill { stack.nextFrame(into: &$0) }
      guard let metadata else { return packets }
      #expect(metadata.length == buffer.count)
      packets.append(Packet(Array(buffer.bytes), link: metadata.link))
    }
  }

  /// The one segment that the host sends now.
  func segment(_ location: SourceLocation = #_sourceLocation) throws -> Packet {
    let packets = sent()
    #expect(packets.count == 1, "one segment", sourceLocation: location)
    return try #require(packets.first, sourceLocation: location)
  }

  /// The host sends nothing now.
  func expectSilence(_ location: SourceLocation = #_sourceLocation) {
    let packets = sent()
    #expect(packets.isEmpty, "silence, not \(packets.map(\.summary))", sourceLocation: location)
  }

  /// All events that wait for the user.
  func events() -> [SocketEvent] {
    var events: [SocketEvent] = []
    while let event = stack.nextEvent() { events.append(event) }
    return events
  }

  /// Time passes, and the host does at each moment what is due.
  /// - Returns: what it sends meanwhile.
  @discardableResult
  func wait(_ interval: Interval) -> [Packet] {
    let end = now + interval
    var packets = sent()
    while let deadline = stack.nextDeadline, deadline <= end {
      now = max(now, deadline)
      stack.advance(to: now)
      packets += sent()
    }
    now = end
    stack.advance(to: now)
    return packets + sent()
  }

  // MARK: The user

  func connect(_ remote: String, from address: String? = nil, port: UInt16 = 0) throws -> ConnectionID {
    try stack.connect(
      to: endpoint(remote), from: address.map { ip($0) }, port: port, at: now)
  }

  func write(_ id: ConnectionID, _ text: String) throws -> Int {
    try Array(text.utf8).withRawSpan { try stack.write(id, $0, at: now) }
  }

  func read(_ id: ConnectionID) throws -> String {
    var incoming = FrameBuffer(capacity: 65_536)
    _ = try incoming.fill { try stack.read(id, into: &$0, at: now) }
    return String(decoding: Array(incoming.bytes), as: UTF8.self)
  }

  // MARK: Scripts that many tests begin with

  /// A client connects to a listening port of the host, and the connection is accepted.
  func accepted(
    _ listener: ListenerID, from client: String = "10.0.0.2:5000", to local: String = "10.0.0.1:80"
  ) throws -> (ConnectionID, Peer) {
    let peer = try handshake(from: client, to: local)
    let id = try #require(try stack.accept(listener))
    return (id, peer)
  }

  /// A client's three-way handshake with a listening port, the third segment included.
  func handshake(from client: String = "10.0.0.2:5000", to local: String = "10.0.0.1:80") throws -> Peer {
    let peer = Peer(client, local, sequence: 1000)
    receive(peer.segment(.syn))
    try peer.hear(segment())
    receive(peer.segment(.ack))
    expectSilence()
    return peer
  }

  /// The host connects to a peer, which answers.
  func connected(
    to remote: String = "10.0.0.2:80", port: UInt16 = 0
  ) throws -> (ConnectionID, Peer) {
    let id = try connect(remote, port: port)
    let synchronize = try segment()
    let peer = Peer(answering: synchronize, sequence: 9000)
    try peer.hear(synchronize)
    receive(peer.segment([.syn, .ack]))
    let acknowledgment = try segment()
    #expect(acknowledgment.tcp?.flags == .ack)
    #expect(events().contains(.connected(id)))
    return (id, peer)
  }
}

func ip(_ text: String) -> IPAddress {
  guard let address = IPAddress(parsing: text) else { fatalError("no address: \(text)") }
  return address
}

func endpoint(_ text: String) -> Endpoint {
  guard let endpoint = Endpoint(parsing: text) else { fatalError("no endpoint: \(text)") }
  return endpoint
}
