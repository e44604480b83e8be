// Holds the server behind `sockeye serve`: accepting, greeting, and what each mode does with a client. It does
// not hold its options (`Serve`), nor how messages are made printable (`MessageText`).

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeTunnel
import SockeyeWire

/// One client of the server.
private struct Visitor {
  let endpoint: Endpoint
  let since: Instant
  var received = 0
  var sent = 0
  /// What is still to be sent before anything else is read, and where in it we are.
  var outgoing: [UInt8]
  var offset = 0
  /// What source mode has still to send.
  var sourceBytesLeft: Int
  var text = MessageText()
  /// The client's stream is over.
  var hasEnded = false
  /// We have finished ours.
  var isFinished = false

  var hasOutgoing: Bool { offset < outgoing.count }
}

/// Serves clients until it is told to end.
struct Server: ~Copyable {
  private var session: Session
  private let options: Serve
  private let listener: ListenerID
  private var clients: [ConnectionID: Visitor] = [:]
  private var chunk = FrameBuffer(capacity: 1 << 16)
  /// When clients that have not closed are cut off, once the server was told to end.
  private var deadline: Instant?
  private static let patience = Interval.seconds(1)
  /// Clients that could not be served because the stack is out of memory. It passes, but tells nobody when.
  private var stalled: Set<ConnectionID> = []
  private static let stallRetry = Interval.milliseconds(20)

  init(_ session: consuming Session, _ options: Serve) throws {
    var session = session
    do {
      listener = try session.driver.stack.listen(
        on: ListenEndpoint(port: options.port), backlog: options.backlog)
    } catch {
      throw Failure("can't listen on port \(options.port): \(error.explanation)", status: .system)
    }
    self.session = session
    self.options = options
  }

  mutating func run() throws(Failure) {
    do {
      try serveUntilTold()
    } catch {
      // Whatever it was: clients should learn that we are gone, as far as that can still be sent.
      for id in clients.keys { try? session.driver.stack.abort(id, at: session.driver.now()) }
      try? session.driver.drainFrames()
      throw error
    }
  }

  private mutating func serveUntilTold() throws(Failure) {
    sayHello()
    while deadline == nil || !clients.isEmpty {
      switch try session.next(until: nextLook()) {
      case .socket(let event):
        handle(event)
      case .endRequested:
        if deadline != nil { cutOff() }
        end()
      case .timePassed:
        if let deadline, deadline <= session.driver.now() { cutOff() }
        let again = stalled
        stalled.removeAll()
        for id in again { serve(id) }
      case .readable, .writable, .observerStopped:
        break
      }
    }
    session.printStatistics(options.statistics)
    try session.finish()
  }

  /// When to look after clients even if nothing happens.
  private func nextLook() -> Instant? {
    let retry = stalled.isEmpty ? nil : session.driver.now() + Self.stallRetry
    guard let deadline, let retry else { return deadline ?? retry }
    return min(deadline, retry)
  }

  // MARK: The beginning and the end

  private func sayHello() {
    let ours = session.addresses.ours.map { "\($0.address)" }
    let host = session.addresses.host.map { "\($0.address)" }
    session.console.print(
      "\(session.driver.interface): the stack is \(ours.joined(separator: ", ")); "
        + "this computer is \(host.joined(separator: ", "))")
    let hint = ours.first.map { "; try: nc \($0) \(options.port)" } ?? ""
    session.console.print("listening on port \(options.port), mode \(options.mode.rawValue)\(hint)")
  }

  /// Takes no more clients, and finishes what goes to those that are there.
  private mutating func end() {
    if deadline != nil { return }
    let now = session.driver.now()
    deadline = now + Self.patience
    session.console.print("stopping" + (clients.isEmpty ? "" : ": closing \(count(clients.count))"))
    try? session.driver.stack.close(listener, at: now)
    for id in clients.keys { finish(id, at: now) }
  }

  private mutating func cutOff() {
    let now = session.driver.now()
    for (id, client) in clients {
      log(client, "cut off: it did not close within \(Self.patience)")
      session.printStatus(of: id, options.statistics)
      try? session.driver.stack.abort(id, at: now)
    }
    clients.removeAll()
  }

  // MARK: Events

  private mutating func handle(_ event: SocketEvent) {
    switch event {
    case .acceptable(let listener):
      while let id = try? session.driver.stack.accept(listener) { begin(id) }
    case .readable(let id), .writable(let id), .peerFinished(let id):
      serve(id)
    case .closed(let id, let reason):
      close(id, reason)
    case .softError(let id, let error):
      if let client = clients[id] { log(client, "the network reports: \(error.name)") }
    case .retransmissionTrouble(let id):
      if let client = clients[id] { log(client, "does not answer; still trying") }
    case .urgent, .drained, .connected, .datagram, .datagramError, .echoReply, .echoError:
      break
    }
  }

  private mutating func begin(_ id: ConnectionID) {
    guard let tuple = try? session.driver.stack.endpoints(of: id) else { return }
    let client = Visitor(
      endpoint: tuple.remote, since: session.driver.now(), outgoing: options.greetingBytes,
      sourceBytesLeft: options.mode == .source ? options.bytes ?? Serve.defaultBytes : 0)
    clients[id] = client
    log(client, "connected (\(count(clients.count)))")
    serve(id)
    if deadline != nil { finish(id, at: session.driver.now()) }
  }

  /// Moves a client's bytes as far as they go. What it can't take waits, and what we then don't read fills its
  /// window: nothing is lost, and nobody else is held up.
  private mutating func serve(_ id: ConnectionID) {
    guard var client = clients[id] else { return }
    let now = session.driver.now()
    do {
      var goesOn = true
      while goesOn { goesOn = try step(id, &client, at: now) }
    } catch .noMemory {
      stalled.insert(id)
    } catch {
      // Its end is an event of its own, with the reason.
    }
    clients[id] = client
    if client.hasEnded && !client.hasOutgoing && client.sourceBytesLeft == 0 { finish(id, at: now) }
  }

  /// Writes and reads once.
  /// - Returns: whether there may be more to do.
  private mutating func step(_ id: ConnectionID, _ client: inout Visitor, at now: Instant) throws(SocketError)
    -> Bool
  {
    while client.hasOutgoing {
      let taken = try write(client.outgoing, from: client.offset, to: id, at: now)
      if taken == 0 { break }
      client.offset += taken
      client.sent += taken
    }
    if !client.hasOutgoing && client.sourceBytesLeft > 0 { try send(id, &client, at: now) }
    // An echo that was not taken stops the reading; other modes read whatever happens.
    if client.hasEnded || options.mode == .echo && client.hasOutgoing { return false }
    return try read(id, &client, at: now)
  }

  private mutating func write(
    _ bytes: [UInt8], from offset: Int, to id: ConnectionID, at now: Instant
  ) throws(SocketError) -> Int {
    try bytes.withRawSpan { bytes throws(SocketError) in
      try session.driver.stack.write(id, bytes.extracting(droppingFirst: offset), at: now)
    }
  }

  /// Sends of the pattern of source mode as much as is taken, and closes after the last of it.
  private mutating func send(_ id: ConnectionID, _ client: inout Visitor, at now: Instant) throws(SocketError)
  {
    let total = options.bytes ?? Serve.defaultBytes
    while client.sourceBytesLeft > 0 {
      let phase = (total - client.sourceBytesLeft) % SourcePattern.period
      let wanted = min(client.sourceBytesLeft, SourcePattern.bytes.count - phase)
      let taken = try SourcePattern.bytes.withRawSpan { bytes throws(SocketError) in
        try session.driver.stack.write(id, bytes.extracting(phase..<phase + wanted), at: now)
      }
      client.sourceBytesLeft -= taken
      client.sent += taken
      if taken < wanted { return }
    }
    finish(id, &client, at: now)
  }

  private mutating func read(
    _ id: ConnectionID, _ client: inout Visitor, at now: Instant
  ) throws(SocketError) -> Bool {
    let result = try chunk.fill { output throws(SocketError) in
      try session.driver.stack.read(id, into: &output, at: now)
    }
    switch result {
    case .wouldBlock:
      return false
    case .endOfStream:
      client.hasEnded = true
      for line in client.text.lines([], isLast: true) { log(client, "says: \(line)") }
      log(client, "ended its stream after \(ByteCountText.text(client.received))")
      return false
    case .bytes(let count):
      client.received += count
      if options.mode == .log {
        for line in client.text.lines(Array(chunk.bytes)) { log(client, "says: \(line)") }
      } else if options.mode == .echo {
        client.outgoing = Array(chunk.bytes)
        client.offset = 0
      }
      return true
    }
  }

  // MARK: The end of a client

  private mutating func finish(_ id: ConnectionID, at now: Instant) {
    guard var client = clients[id] else { return }
    finish(id, &client, at: now)
    clients[id] = client
  }

  private mutating func finish(_ id: ConnectionID, _ client: inout Visitor, at now: Instant) {
    if client.isFinished { return }
    client.isFinished = true
    // A connection that is over already has told why, or will.
    try? session.driver.stack.finish(id, at: now)
  }

  private mutating func close(_ id: ConnectionID, _ reason: CloseReason) {
    serve(id)
    guard let client = clients.removeValue(forKey: id) else { return }
    let now = session.driver.now()
    session.printStatus(of: id, options.statistics)
    try? session.driver.stack.close(id, at: now)
    switch reason {
    case .finished:
      log(client, "closed: \(summary(client, at: now)) (\(count(clients.count)))")
    case .reset:
      log(client, "reset the connection: \(summary(client, at: now)) (\(count(clients.count)))")
    case .aborted, .refused, .timedOut, .keepAliveTimedOut, .unreachable, .orphaned, .noResources:
      log(client, "\(reason.explanation): \(summary(client, at: now)) (\(count(clients.count)))")
    }
  }

  // MARK: Printing

  private func summary(_ client: Visitor, at now: Instant) -> String {
    "received \(ByteCountText.text(client.received)), sent \(ByteCountText.text(client.sent)) "
      + "in \(ClockText.words(now - client.since))"
  }

  private func count(_ clients: Int) -> String {
    clients == 1 ? "1 client" : "\(clients) clients"
  }

  private func log(_ client: Visitor, _ text: String) {
    let time = session.driver.clock.timeOfDay(session.driver.now())
    session.console.print("\(time) \(client.endpoint) \(text)")
  }
}

/// What source mode sends: 0, 1, …, 250, 0, 1, … A prime period shares no boundary with segments or windows, so
/// that bytes in the wrong place show.
enum SourcePattern {
  static let period = 251
  static let bytes = (0..<period * 256).map { UInt8($0 % period) }
}
