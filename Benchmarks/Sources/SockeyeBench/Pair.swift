// Holds two of our hosts joined in memory, and the driver loop that carries frames between them. What is done
// over a connection is in the other files.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeWire

/// A client and a server with a wire of MTU 1500 between them, in virtual time. One frame buffer, no queue: a
/// frame is received before the next is asked for.
struct Pair: ~Copyable {
  var client: Stack
  var server: Stack
  let listener: ListenerID
  private let clientLink: LinkID
  private let serverLink: LinkID
  private var frame = FrameBuffer(capacity: 1500)
  private(set) var now = Instant.zero + .seconds(1)
  /// Frames from the client to the server, and back.
  private(set) var framesSent = 0
  private(set) var framesReturned = 0

  static let serverEndpoint = Endpoint(address: .v4(IPv4Address(rawValue: 0x0A00_0002)), port: 3401)
  /// Virtual time a frame takes: that of 1500 bytes at 10 Gbit/s, rounded.
  private static let frameTime = Interval.microseconds(1)

  init() {
    client = Self.host(seed: 1)
    server = Self.host(seed: 2)
    clientLink = Self.attach(&client, address: 0x0A00_0001)
    serverLink = Self.attach(&server, address: 0x0A00_0002)
    guard let listener = try? server.listen(on: ListenEndpoint(port: Self.serverEndpoint.port)) else {
      fatalError("nobody else listens")
    }
    self.listener = listener
  }

  private static func host(seed: UInt64) -> Stack {
    var configuration = StackConfiguration(keys: StackKeys(seed: seed))
    configuration.memoryBudget = 8 << 30
    // Room for the connections of 2 MSL, which keep their ports that long.
    configuration.ephemeralPorts = 1024...65535
    return Stack(configuration: configuration)
  }

  private static func attach(_ stack: inout Stack, address: UInt32) -> LinkID {
    guard let prefix = AddressPrefix(address: .v4(IPv4Address(rawValue: address)), length: 24),
      let link = try? stack.addInterface(InterfaceConfiguration(addresses: [prefix]))
    else { fatalError("the benchmark's addresses are in order") }
    return link
  }

  /// Carries one frame from the client to the server, if there is one.
  mutating func sendOne() -> Bool {
    guard Self.carry(from: &client, to: &server, on: serverLink, &frame, &now) else { return false }
    framesSent += 1
    return true
  }

  /// Carries one frame from the server to the client, if there is one.
  mutating func returnOne() -> Bool {
    guard Self.carry(from: &server, to: &client, on: clientLink, &frame, &now) else { return false }
    framesReturned += 1
    return true
  }

  /// The contract of a driver: a frame, then all that follows from it. The events are taken, not looked at.
  private static func carry(
    from source: inout Stack, to sink: inout Stack, on link: LinkID, _ frame: inout FrameBuffer,
    _ now: inout Instant
  ) -> Bool {
    guard frame.fill({ source.nextFrame(into: &$0) }) != nil else { return false }
    now = now + frameTime
    sink.receive(frame.bytes, on: link, at: now)
    while sink.nextEvent() != nil {}
    return true
  }

  /// Carries frames until neither host has one.
  mutating func exchange() {
    while true {
      var moved = false
      while sendOne() { moved = true }
      while returnOne() { moved = true }
      if !moved { return }
    }
  }

  /// Lets virtual time pass, timers and what they send included.
  mutating func advance(by interval: Interval) {
    let end = now + interval
    while true {
      let next = min(client.nextDeadline ?? end, server.nextDeadline ?? end)
      now = max(now, min(next, end))
      client.advance(to: now)
      server.advance(to: now)
      exchange()
      while client.nextEvent() != nil {}
      while server.nextEvent() != nil {}
      if now >= end { return }
    }
  }

  mutating func clientWrites(_ bytes: RawSpan, to id: ConnectionID) throws(SocketError) -> Int {
    let now = now
    return try client.write(id, bytes, at: now)
  }

  mutating func serverWrites(_ bytes: RawSpan, to id: ConnectionID) throws(SocketError) -> Int {
    let now = now
    return try server.write(id, bytes, at: now)
  }

  mutating func clientReads(_ id: ConnectionID, into sink: inout FrameBuffer) throws(SocketError) -> Int {
    try Self.read(from: &client, id, into: &sink, at: now)
  }

  mutating func serverReads(_ id: ConnectionID, into sink: inout FrameBuffer) throws(SocketError) -> Int {
    try Self.read(from: &server, id, into: &sink, at: now)
  }

  private static func read(
    from stack: inout Stack, _ id: ConnectionID, into sink: inout FrameBuffer, at now: Instant
  ) throws(SocketError) -> Int {
    let result = try sink.fill { (out: inout OutputRawSpan) throws(SocketError) -> ReadResult in
      try stack.read(id, into: &out, at: now)
    }
    guard case .bytes(let count) = result else { return 0 }
    return count
  }

  mutating func clientCloses(_ id: ConnectionID) throws(SocketError) {
    let now = now
    try client.close(id, at: now)
  }

  mutating func serverCloses(_ id: ConnectionID) throws(SocketError) {
    let now = now
    try server.close(id, at: now)
  }

  /// Opens a connection; both ends.
  mutating func connect() -> (client: ConnectionID, server: ConnectionID) {
    do {
      let now = now
      let opened = try client.connect(to: Self.serverEndpoint, at: now)
      exchange()
      guard let accepted = try server.accept(listener) else { fatalError("the server has the connection") }
      return (opened, accepted)
    } catch {
      fatalError("a connection opens: \(error)")
    }
  }
}
