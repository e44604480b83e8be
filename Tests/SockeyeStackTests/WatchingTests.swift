// A host that is watched sends what one that is not watched sends, though the two take different ways to it.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeWire
import Testing

/// Two hosts and a wire that loses every `loss`th frame.
private struct Exchange: ~Copyable {
  private var client: Stack
  private var server: Stack
  private let links: (LinkID, LinkID)
  private var frame = FrameBuffer(capacity: 1500)
  private var now = Instant.zero + .seconds(1)
  private let loss: Int
  private(set) var frames: [[UInt8]] = []

  init(observing: Bool, loss: Int) throws {
    client = Stack(configuration: StackConfiguration(keys: StackKeys(seed: 1)))
    server = Stack(configuration: StackConfiguration(keys: StackKeys(seed: 2)))
    client.observing = observing
    server.observing = observing
    links = (
      try Self.attach(&client, "10.0.0.1/24"), try Self.attach(&server, "10.0.0.2/24")
    )
    self.loss = loss
  }

  private static func attach(_ stack: inout Stack, _ prefix: String) throws -> LinkID {
    let prefix = try #require(AddressPrefix(parsing: prefix))
    return try stack.addInterface(InterfaceConfiguration(addresses: [prefix]))
  }

  private static func carry(
    from source: inout Stack, to sink: inout Stack, on link: LinkID, _ frame: inout FrameBuffer,
    _ now: inout Instant, loss: Int, _ frames: inout [[UInt8]]
  ) -> Bool {
    guard frame.fill({ frame in source.nextFrame(into: &frame) }) != nil else { return false }
    frames.append([UInt8](frame.bytes))
    now = now + .microseconds(100)
    if loss == 0 || frames.count % loss != 0 { sink.receive(frame.bytes, on: link, at: now) }
    return true
  }

  private mutating func exchange() {
    while Self.carry(from: &client, to: &server, on: links.1, &frame, &now, loss: loss, &frames)
      || Self.carry(from: &server, to: &client, on: links.0, &frame, &now, loss: loss, &frames)
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
    let chunk = [UInt8](repeating: 7, count: 5000)
    var sink = FrameBuffer(capacity: 1 << 16)
    var written = 0
    var received = 0
    var rounds = 0
    while rounds < 20_000, received < count || written < count {
      rounds += 1
      exchange()
      if peer == nil { peer = try? server.accept(listener) }
      if written < count, let taken = try? chunk.withRawSpan({ try client.write(id, $0, at: now) }) {
        written += taken
      }
      if let peer {
        let now = now
        let result = sink.fill { (out: inout OutputRawSpan) in try? server.read(peer, into: &out, at: now) }
        if case .bytes(let octets) = result {
          received += octets
          _ = try? chunk.withRawSpan {
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

@Suite struct WatchingTests {
  @Test(arguments: [0, 7, 31])
  func aHostThatIsWatchedSendsTheSame(loss: Int) throws {
    var plain = try Exchange(observing: false, loss: loss)
    var watched = try Exchange(observing: true, loss: loss)
    let first = try plain.run(200_000)
    let second = try watched.run(200_000)
    #expect(first == second)
    #expect(first.received >= 200_000)
    #expect(plain.frames.count == watched.frames.count)
    #expect(plain.frames == watched.frames)
  }
}
