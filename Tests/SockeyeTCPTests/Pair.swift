// Two connections joined by a wire in virtual time, for tests of the engine alone: no host, no IP. The wire
// loses, repeats, delays and damages by a seed.

import SockeyeBytes
import SockeyeWire

@testable import SockeyeTCP

/// What a wire does to segments, as probabilities.
struct WireFaults {
  var loss = 0.0
  var duplication = 0.0
  var reordering = 0.0
  var delay: Interval = .milliseconds(10)
}

/// Two ends, what is on the wire between them, and the time.
struct Pair: ~Copyable {
  var client: Connection
  var server: Connection?
  var handshake: PassiveHandshake?
  var now = Instant.zero + .seconds(1)
  var faults = WireFaults()
  var random: SeededGenerator
  var received: (client: [UInt8], server: [UInt8]) = ([], [])
  private var wire: [(at: Instant, order: Int, toServer: Bool, bytes: [UInt8])] = []
  private var order = 0
  private let configuration: TCPConfiguration
  private(set) var segments = 0
  var readsServer = true
  var readsClient = true

  init(seed: UInt64, configuration: TCPConfiguration = TCPConfiguration()) {
    random = SeededGenerator(seed: seed)
    self.configuration = configuration
    let start = SequenceNumber(UInt32.random(in: .min ... .max, using: &random))
    client = Connection(opening: Self.parameters(configuration, start), at: now)
    server = nil
    handshake = nil
  }

  static func parameters(_ configuration: TCPConfiguration, _ start: SequenceNumber) -> OpenParameters {
    OpenParameters(
      configuration: configuration, version: .v4, initialSequence: start,
      timestampOffset: start.rawValue &* 7,
      pathMTU: 1500, receiveMTU: 1500)
  }

  /// CLOSED while there is no server yet.
  var serverState: TCPState {
    switch server {
    case .some(let connection): connection.state
    case .none: .closed
    }
  }

  /// How both ends stand, for a failure's report.
  var summary: String {
    var text = "at \(now), received \(received.server.count) and \(received.client.count)"
    text += "; client: \(client.status(at: now)), plan \(client.plan(at: now))"
    switch server {
    case .some(let server): text += "; server: \(server.status(at: now)), plan \(server.plan(at: now))"
    case .none: break
    }
    return text
  }

  static let addressing = SegmentAddressing(sourcePort: 1, destinationPort: 2, pseudoHeaderSum: 0x1234)

  /// Lets both ends send what they have.
  mutating func drain() {
    var rounds = 0
    while true {
      var sent = false
      rounds += 1
      precondition(rounds < 10_000, "drain ends")
      client.advance(to: now)
      if case .segment(let plan) = client.plan(at: now) {
        var frame = [UInt8]()
        frame = Self.bytes { client.emit(plan, addressing: Self.addressing, into: &$0, at: now) }
        put(frame, toServer: true)
        sent = true
      } else if case .abandon(let reason) = client.plan(at: now) {
        client.abandon(reason)
      }
      if server != nil {
        server!.advance(to: now)
        if case .segment(let plan) = server!.plan(at: now) {
          let frame = Self.bytes { server!.emit(plan, addressing: Self.addressing, into: &$0, at: now) }
          put(frame, toServer: false)
          sent = true
        } else if case .abandon(let reason) = server!.plan(at: now) {
          server!.abandon(reason)
        }
      } else if handshake != nil, case .segment(let plan) = handshake!.plan(at: now) {
        let frame = Self.bytes { plan.write(Self.addressing, into: &$0) }
        handshake!.sent(plan, at: now)
        put(frame, toServer: false)
        sent = true
      }
      if !sent { return }
    }
  }

  static func bytes(_ body: (inout OutputRawSpan) -> Void) -> [UInt8] {
    var frame = FrameBuffer(capacity: 2048)
    frame.fill { body(&$0) }
    return [UInt8](frame.bytes)
  }

  private mutating func put(_ bytes: [UInt8], toServer: Bool) {
    segments += 1
    if chance(faults.loss) { return }
    var delay = faults.delay
    if chance(faults.reordering) { delay = delay + .milliseconds(Int.random(in: 1...30, using: &random)) }
    order += 1
    wire.append((now + delay, order, toServer, bytes))
    if chance(faults.duplication) {
      order += 1
      wire.append((now + delay + .milliseconds(3), order, toServer, bytes))
    }
  }

  private mutating func chance(_ probability: Double) -> Bool {
    probability > 0 && Double.random(in: 0..<1, using: &random) < probability
  }

  /// The next thing that happens: a segment arrives or a timer ends. False when nothing will.
  mutating func step() -> Bool {
    drain()
    var next = Instant.distantFuture
    for item in wire where item.at < next { next = item.at }
    if case .wait(let until) = client.plan(at: now) { next = min(next, until) }
    if server != nil {
      if case .wait(let until) = server!.plan(at: now) { next = min(next, until) }
    } else if handshake != nil, case .wait(let until) = handshake!.plan(at: now) {
      next = min(next, until)
    }
    guard next != .distantFuture else { return false }
    now = max(now, next)
    while let index = wire.indices.filter({ wire[$0].at <= now }).min(by: {
      (wire[$0].at, wire[$0].order) < (wire[$1].at, wire[$1].order)
    }) {
      let item = wire.remove(at: index)
      arrive(item.bytes, toServer: item.toServer)
      drain()
    }
    readBoth()
    drain()
    return true
  }

  private mutating func arrive(_ bytes: [UInt8], toServer: Bool) {
    bytes.withRawSpan { span in
      guard let parsed = try? TCPHeader.parse(span) else { return }
      let payload = span.extracting(parsed.payload)
      if !toServer {
        _ = client.segmentArrived(parsed.header, payload: payload, at: now)
        return
      }
      if server != nil {
        _ = server!.segmentArrived(parsed.header, payload: payload, at: now)
      } else if handshake != nil {
        let outcome = handshake!.segmentArrived(parsed.header, payloadLength: payload.byteCount, at: now)
        if outcome == .completed {
          let complete = handshake.take()!
          server = Connection(completing: complete, at: now)
          _ = server!.segmentArrived(parsed.header, payload: payload, at: now)
        }
      } else if ListenDecision.decide(parsed.header, payloadLength: payload.byteCount) == .open {
        let start = SequenceNumber(UInt32.random(in: .min ... .max, using: &random))
        handshake = PassiveHandshake(
          listen: Self.parameters(configuration, start), header: parsed.header, payload: payload,
          heldLimit: 1460, at: now)
      }
    }
  }

  private mutating func readBoth() {
    if readsClient { received.client += Self.read(&client, at: now) }
    if server != nil, readsServer { received.server += Self.read(&server!, at: now) }
  }

  static func read(_ connection: inout Connection, at now: Instant) -> [UInt8] {
    var all: [UInt8] = []
    while connection.readableCount > 0 {
      var frame = FrameBuffer(capacity: 65_536)
      let count = frame.fill { (try? connection.read(into: &$0, at: now)) ?? 0 }
      if count == 0 { break }
      all += [UInt8](frame.bytes)
    }
    return all
  }

  /// Runs until `done` answers true; false when it takes more than `limit` of virtual time or comes to a stand.
  mutating func run(for limit: Interval, until done: (inout Pair) -> Bool) -> Bool {
    let end = now + limit
    while now < end {
      if done(&self) { return true }
      if !step() { return done(&self) }
    }
    return false
  }
}
