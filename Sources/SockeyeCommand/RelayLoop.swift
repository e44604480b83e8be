// Holds the loop behind `sockeye relay`: who comes, who goes, and the end of it all. How bytes move between the two ends
// of a connection stands in RelayLoop+Moving.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeTunnel
import SockeyeWire

/// Carries connections between a stack and the kernel until it is told to end.
struct RelayLoop: ~Copyable {
  var session: Session
  let options: Relay
  /// One of the two takes the connections.
  private let listener: ListenerID?
  private var kernelListener: StreamSocket?
  private let readiness: ReadinessSet
  private static let listenerToken: UInt64 = 0

  var pairs: [UInt64: RelayedPair] = [:]
  private var numbers: [ConnectionID: UInt64] = [:]
  private var lastNumber = listenerToken
  var chunk = FrameBuffer(capacity: 1 << 16)
  /// Pairs that could not go on because the stack is out of memory. It passes, but tells nobody when.
  var stalled: Set<UInt64> = []
  /// Clients wait because there are as many connections as may be, or the system has no socket to spare.
  private var clientsWait = false
  private static let stallRetry = Interval.milliseconds(20)
  /// When connections that have not ended are cut off, once the relay was told to end.
  private var deadline: Instant?
  private static let patience = Interval.seconds(1)

  init(_ session: consuming Session, _ options: Relay) throws {
    let socket = try Self.open(options)
    let readiness = try Self.watch(socket)
    var session = session
    listener = try Self.listen(options, of: &session.driver.stack)
    session.driver.watch(readiness.descriptor, for: .reading)
    kernelListener = socket
    self.readiness = readiness
    self.session = session
    self.options = options
  }

  private static func listen(_ options: Relay, of stack: inout Stack) throws(Failure) -> ListenerID? {
    guard let port = options.listen else { return nil }
    do {
      return try stack.listen(
        on: ListenEndpoint(port: port), backlog: options.backlog, configuration: options.tcp)
    } catch {
      throw Failure("the stack can't listen: \(error.explanation)", status: .system)
    }
  }

  private static func open(_ options: Relay) throws(Failure) -> StreamSocket? {
    guard let local = options.local else { return nil }
    do {
      return try StreamSocket.listening(on: local, backlog: options.backlog)
    } catch {
      throw Failure("can't listen on \(local): \(error.reason)", status: .system)
    }
  }

  private static func watch(_ listener: StreamSocket?) throws(Failure) -> ReadinessSet {
    do {
      let set = try ReadinessSet()
      if let listener { try set.add(listener.descriptor, token: listenerToken) }
      return set
    } catch {
      throw Failure("can't wait for sockets: \(error)", status: .system)
    }
  }

  mutating func run() throws(Failure) {
    do {
      try relayUntilTold()
    } catch {
      // Whatever it was: peers should learn that we are gone, as far as that can still be sent.
      for pair in pairs.values { try? session.driver.stack.abort(pair.connection, at: session.driver.now()) }
      try? session.driver.drainFrames()
      throw error
    }
  }

  private mutating func relayUntilTold() throws(Failure) {
    sayHello()
    while deadline == nil || !pairs.isEmpty {
      switch try session.next(until: nextLook()) {
      case .socket(let event): handle(event)
      case .readable: try takeChanges()
      case .endRequested:
        if deadline != nil { cutOff() }
        end()
      case .timePassed: lookAgain()
      case .writable, .observerStopped: break
      }
    }
    session.printStatistics(options.statistics)
    try session.finish()
  }

  /// When to look after connections even if nothing happens.
  private func nextLook() -> Instant? {
    let waits = !stalled.isEmpty || clientsWait && pairs.count < options.connections
    let retry = waits ? session.driver.now() + Self.stallRetry : nil
    guard let deadline, let retry else { return deadline ?? retry }
    return min(deadline, retry)
  }

  private mutating func lookAgain() {
    if let deadline, deadline <= session.driver.now() { cutOff() }
    let again = stalled
    stalled.removeAll()
    for number in again { move(number) }
    if clientsWait { welcome() }
  }

  // MARK: The beginning and the end

  private func sayHello() {
    let ours = session.addresses.ours.map { "\($0.address)" }
    let host = session.addresses.host.map { "\($0.address)" }
    session.console.print(
      "\(session.driver.interface): the stack is \(ours.joined(separator: ", ")); "
        + "this computer is \(host.joined(separator: ", "))")
    let place = options.listen.map { "port \($0) of the stack" } ?? options.local.map { "\($0)" } ?? ""
    session.console.print("listening on \(place), for \(options.to)")
  }

  /// Takes no more clients, and gives those that are there a moment.
  private mutating func end() {
    if deadline != nil { return }
    deadline = session.driver.now() + Self.patience
    let count = pairs.isEmpty ? "" : ": \(Self.count(pairs.count)) may still end"
    session.console.print("stopping\(count)")
    if let listener { try? session.driver.stack.close(listener, at: session.driver.now()) }
    kernelListener = nil
    clientsWait = false
  }

  private mutating func cutOff() {
    for pair in Array(pairs.values) { breakOff(pair, "cut off: it did not end within \(Self.patience)") }
  }

  // MARK: Who comes

  /// Takes clients as long as some wait and there is room for them.
  private mutating func welcome() {
    let waited = clientsWait
    clientsWait = false
    if deadline != nil { return }
    while true {
      if pairs.count >= options.connections {
        clientsWait = true
        return
      }
      do {
        guard try kernelListener == nil ? acceptFromStack() : acceptFromKernel() else { return }
      } catch {
        // Most often too many open files (EMFILE): clients wait until some are closed.
        if !waited { session.console.print("clients wait: \(error)") }
        clientsWait = true
        return
      }
    }
  }

  /// - Returns: whether there was one.
  private mutating func acceptFromStack() throws(SystemError) -> Bool {
    guard let listener, let id = try? session.driver.stack.accept(listener) else { return false }
    let now = session.driver.now()
    guard let ends = try? session.driver.stack.endpoints(of: id) else { return true }
    do {
      let socket = try StreamSocket.connecting(to: options.to)
      try begin(id, socket, client: ends.remote, isConnected: true)
    } catch {
      try? session.driver.stack.abort(id, at: now)
      log(ends.remote, "can't go on to \(options.to): \(error.reason)")
    }
    return true
  }

  private mutating func acceptFromKernel() throws(SystemError) -> Bool {
    guard let (socket, client) = try kernelListener?.accept() else { return false }
    let now = session.driver.now()
    do {
      let id = try session.driver.stack.connect(to: options.to, configuration: options.tcp, at: now)
      do {
        try begin(id, socket, client: client, isConnected: false)
      } catch {
        try? session.driver.stack.abort(id, at: now)
        socket.resetAtEnd()
        log(client, "can't go on to \(options.to): \(error)")
      }
    } catch {
      socket.resetAtEnd()
      log(client, "can't go on to \(options.to): \(error.explanation)")
    }
    return true
  }

  private mutating func begin(
    _ id: ConnectionID, _ socket: StreamSocket, client: Endpoint, isConnected: Bool
  ) throws(SystemError) {
    lastNumber += 1
    try readiness.add(socket.descriptor, token: lastNumber)
    pairs[lastNumber] = RelayedPair(
      number: lastNumber, connection: id, socket: socket, client: client, since: session.driver.now(),
      isConnected: isConnected)
    numbers[id] = lastNumber
    log(client, "connected (\(Self.count(pairs.count)))")
  }

  // MARK: What happens

  private mutating func takeChanges() throws(Failure) {
    do {
      var changes: [ReadinessSet.Change]
      repeat {
        changes = try readiness.take()
        for change in changes { take(change) }
      } while changes.count == ReadinessSet.changesAtATime
    } catch {
      throw Failure("\(error)", status: .system)
    }
  }

  private mutating func take(_ change: ReadinessSet.Change) {
    if change.token == Self.listenerToken { return welcome() }
    guard let pair = pairs[change.token] else { return }
    if change.isReadable { pair.isReadable = true }
    if change.isWritable { pair.isWritable = true }
    if change.hasFailed || !pair.isSocketConnected, let error = pair.socket?.takeError() {
      let place = pair.isSocketConnected ? "the program behind" : "\(options.to)"
      return breakOff(pair, "\(place): \(error.reason)")
    }
    if change.isWritable { pair.isSocketConnected = true }
    move(pair.number)
  }

  private mutating func handle(_ event: SocketEvent) {
    switch event {
    case .acceptable:
      welcome()
    case .connected(let id):
      if let number = numbers[id] {
        pairs[number]?.isConnected = true
        move(number)
      }
    case .readable(let id), .writable(let id), .peerFinished(let id):
      if let number = numbers[id] { move(number) }
    case .closed(let id, let reason):
      if let number = numbers[id], let pair = pairs[number] { close(pair, reason) }
    case .softError(let id, let error):
      if let pair = numbers[id].flatMap({ pairs[$0] }) {
        log(pair.client, "the network reports: \(error.name)")
      }
    case .retransmissionTrouble(let id):
      if let pair = numbers[id].flatMap({ pairs[$0] }) { log(pair.client, "no answer; still trying") }
    case .urgent, .drained, .datagram, .datagramError, .echoReply, .echoError:
      break
    }
  }

  // MARK: Who goes

  /// The stack's connection is over.
  private mutating func close(_ pair: RelayedPair, _ reason: CloseReason) {
    // What came before the end belongs to the program behind, even if it is slow to take it.
    if reason == .finished, !pair.isShutDown {
      pair.isClosed = true
      return move(pair.number)
    }
    leave(pair, reason == .finished ? "closed" : reason.explanation, reset: reason != .finished)
  }

  /// Ends both ends by a reset.
  mutating func breakOff(_ pair: RelayedPair, _ text: String) {
    try? session.driver.stack.abort(pair.connection, at: session.driver.now())
    leave(pair, text, reset: true)
  }

  mutating func leave(_ pair: RelayedPair, _ text: String, reset: Bool) {
    let now = session.driver.now()
    session.printStatus(of: pair.connection, options.statistics)
    pair.endSocket(reset: reset)
    pairs[pair.number] = nil
    numbers[pair.connection] = nil
    stalled.remove(pair.number)
    // After an abort there is nothing to close any more.
    try? session.driver.stack.close(pair.connection, at: now)
    let summary =
      "\(ByteCountText.text(pair.fromStack)) from the stack, \(ByteCountText.text(pair.toStack)) to it, "
      + "in \(ClockText.words(now - pair.since))"
    log(pair.client, "\(text): \(summary) (\(Self.count(pairs.count)))")
    if clientsWait { welcome() }
  }

  // MARK: Printing

  private static func count(_ number: Int) -> String {
    number == 1 ? "1 connection" : "\(number) connections"
  }

  private func log(_ client: Endpoint, _ text: String) {
    let time = session.driver.clock.timeOfDay(session.driver.now())
    session.console.print("\(time) \(client) \(text)")
  }
}
