// A host that is watched sends what one that is not watched sends, though the two take different ways to it.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeWire
import Testing

/// Two hosts and a wire with a fault.
private struct Exchange: ~Copyable {
  private var client: Stack
  private var server: Stack
  private let links: (LinkID, LinkID)
  private var frame = FrameBuffer(capacity: 1500)
  private var now = Instant.zero + .seconds(1)
  private let fault: Fault
  private(set) var frames: [[UInt8]] = []

  init(observing: Bool, fault: Fault) throws {
    client = Stack(configuration: StackConfiguration(keys: StackKeys(seed: 1)))
    server = Stack(configuration: StackConfiguration(keys: StackKeys(seed: 2)))
    client.observing = observing
    server.observing = observing
    links = (
      try Self.attach(&client, "10.0.0.1/24"), try Self.attach(&server, "10.0.0.2/24")
    )
    self.fault = fault
  }

  private static func attach(_ stack: inout Stack, _ prefix: String) throws -> LinkID {
    let prefix = try #require(AddressPrefix(parsing: prefix))
    return try stack.addInterface(InterfaceConfiguration(addresses: [prefix]))
  }

  private static func carry(
    from source: inout Stack, to sink: inout Stack, on link: LinkID, _ frame: inout FrameBuffer,
    _ now: inout Instant, fault: Fault, _ frames: inout [[UInt8]]
  ) -> Bool {
    guard frame.fill({ frame in source.nextFrame(into: &frame) }) != nil else { return false }
    frames.append([UInt8](frame.bytes))
    now = now + .microseconds(100)
    switch fault {
    case .loss(let each) where frames.count % each == 0: break
    case .damage(let each) where frames.count % each == 0:
      var damaged = frames[frames.count - 1]
      damaged[frames.count * 7_919 % damaged.count] ^= 1 << (frames.count / each % 8)
      damaged.withRawSpan { sink.receive($0, on: link, at: now) }
    case .none, .loss, .damage:
      sink.receive(frame.bytes, on: link, at: now)
    }
    return true
  }

  private mutating func exchange() {
    while Self.carry(from: &client, to: &server, on: links.1, &frame, &now, fault: fault, &frames)
      || Self.carry(from: &server, to: &client, on: links.0, &frame, &now, fault: fault, &frames)
    {}
    while client.nextObservation() != nil {}
    while server.nextObservation() != nil {}
  }

  /// Sends `count` octets each way and closes.
  mutating func run(_ count: Int) throws -> (sent: Int, received: Int) {
    let listener = try server.listen(on: ListenEndpoint(port: 80))
    let remote = Endpoint(address: try #require(IPAddress(parsing: "10.0.0.2")), port: 80)
    let id = try client.connect(to: remote, at: now)
    var peer: ConnectionID?
    // So that text in the wrong place shows: 251 shares no factor with anything here.
    let text = (0..<count + 5000).map { UInt8($0 % 251) }
    var sink = FrameBuffer(capacity: 1 << 16)
    var written = 0
    var received = 0
    var rounds = 0
    while rounds < 20_000, received < count || written < count {
      rounds += 1
      exchange()
      if peer == nil { peer = try? server.accept(listener) }
      if written < count,
        let taken = try? text.withRawSpan({
          try client.write(id, $0.extracting(written..<min(written + 5000, count)), at: now)
        })
      {
        written += taken
      }
      if let peer {
        let now = now
        let result = sink.fill { (out: inout OutputRawSpan) in try? server.read(peer, into: &out, at: now) }
        if case .bytes(let octets) = result {
          #expect([UInt8](sink.bytes) == Array(text[received..<received + octets]))
          received += octets
          _ = try? text.withRawSpan {
            try server.write(peer, $0.extracting(0..<min(octets, 5000)), at: now)
          }
        }
      }
      let drained = sink.fill { (out: inout OutputRawSpan) in try? client.read(id, into: &out, at: now) }
      if drained == nil { break }
      exchange()
      now = max(now, min(client.nextDeadline ?? now, server.nextDeadline ?? now))
      client.advance(to: now)
      server.advance(to: now)
    }
    try? client.finish(id, at: now)
    exchange()
    return (written, received)
  }
}

enum Fault: Sendable {
  case none
  /// Every so many-th frame is lost, or has a bit flipped.
  case loss(Int)
  case damage(Int)
}

@Suite struct WatchingTests {
  @Test(arguments: [Fault.none, .loss(7), .loss(31), .damage(5), .damage(29)])
  func aHostThatIsWatchedSendsTheSame(fault: Fault) throws {
    var plain = try Exchange(observing: false, fault: fault)
    var watched = try Exchange(observing: true, fault: fault)
    let first = try plain.run(200_000)
    let second = try watched.run(200_000)
    #expect(first == second)
    #expect(first.received >= 200_000)
    #expect(plain.frames.count == watched.frames.count)
    #expect(plain.frames == watched.frames)
  }
}
