// Holds the client behind `sockeye connect`: bytes from standard input to the connection and from there to
// standard output, each at the speed of the slower side. It does not hold its options (`Connect`).

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeTunnel
import SockeyeWire

/// One connection, joined to standard input and output.
struct Client: ~Copyable {
  private var session: Session
  private let remote: Endpoint
  private let connection: ConnectionID
  private let statistics: StatisticsForm?
  /// What was read from the input, and how much of it the connection has taken.
  private var upward = FrameBuffer(capacity: 1 << 16)
  private var taken = 0
  /// What was read from the connection, and how much of it the output has taken.
  private var downward = FrameBuffer(capacity: 1 << 16)
  private var shown = 0
  private var isConnected = false
  /// The input is at its end, or there is none.
  private var inputEnded = false
  private var isFinished = false
  /// The peer's stream is over, and all of it was read.
  private var peerEnded = false
  private var closed: CloseReason?
  /// The stack was out of memory: it passes, but tells nobody when.
  private var isStalled = false
  private static let stallRetry = Interval.milliseconds(20)

  /// A pipe that is writable takes this much at least (PIPE_BUF of Linux); more might make us wait, and with us
  /// the stack.
  private static let outputPiece = 4096

  init(_ session: consuming Session, _ options: Connect) throws {
    var session = session
    remote = Endpoint(address: options.host, port: options.port)
    statistics = options.statistics
    var configuration = TCPConfiguration()
    if let timeout = options.timeout { configuration.connectTimeout = timeout }
    do {
      connection = try session.driver.stack.connect(
        to: remote, configuration: configuration, at: session.driver.now())
    } catch {
      throw Self.failure(error, remote)
    }
    if let message = options.message {
      let bytes = Array(message.utf8)
      upward = FrameBuffer(capacity: max(1, bytes.count))
      upward.fill { output in bytes.withRawSpan { output.append(bytes: $0) } }
      inputEnded = true
    }
    self.session = session
  }

  mutating func run() throws(Failure) {
    do {
      try talk()
    } catch {
      // Whatever it was: the peer should learn that we are gone, as far as that can still be sent.
      try? session.driver.stack.abort(connection, at: session.driver.now())
      try? session.driver.drainFrames()
      session.watcher.flush()
      throw error
    }
  }

  private mutating func talk() throws(Failure) {
    while true {
      if closed != nil && shown == downward.count { break }
      if isFinished && peerEnded && shown == downward.count { break }
      switch try session.next(until: isStalled ? session.driver.now() + Self.stallRetry : nil) {
      case .socket(let event): try handle(event)
      case .readable: try readInput()
      case .writable: try writeOutput()
      case .timePassed, .observerStopped: break
      case .endRequested(let request): throw ending(request)
      }
      move()
    }
    session.printStatus(of: connection, statistics)
    session.printStatistics(statistics)
    try session.finish()
    switch closed {
    case nil, .finished: return
    case .some(let reason): throw Self.failure(reason, remote)
    }
  }

  private mutating func handle(_ event: SocketEvent) throws(Failure) {
    switch event {
    case .connected: isConnected = true
    case .closed(_, let reason): closed = reason
    case .retransmissionTrouble: session.console.print("sockeye: \(remote) does not answer; still trying")
    case .softError(_, let error): try report(error)
    case .readable, .writable, .peerFinished, .urgent, .drained, .acceptable, .datagram, .datagramError,
      .echoReply, .echoError:
      break
    }
  }
}

extension Client {
  /// The stack goes on trying whatever routers say (RFC 9293 section 3.9.2.2 MUST-56), and leaves it to its user
  /// to give up. A person who waits for a first answer wants to know at once.
  private func report(_ error: PathError) throws(Failure) {
    if !isConnected {
      throw Failure("\(remote) can't be reached: \(error.name)", status: .unreachable)
    }
    session.console.print("sockeye: the network reports: \(error.name)")
  }

  /// Moves bytes as far as they go, and says what to wait for next.
  private mutating func move() {
    let now = session.driver.now()
    isStalled = false
    do {
      if isConnected { try send(at: now) }
      try receive(at: now)
    } catch .noMemory {
      isStalled = true
    } catch {
      // The connection is over; its event says why.
    }
    let wantsInput = isConnected && !inputEnded && taken == upward.count && closed == nil
    session.driver.watch(.standardInput, for: wantsInput ? .reading : [])
    session.driver.watch(.standardOutput, for: shown < downward.count ? .writing : [])
  }

  private mutating func send(at now: Instant) throws(SocketError) {
    while taken < upward.count {
      let count = try Self.write(upward, from: taken, to: connection, of: &session.driver.stack, at: now)
      if count == 0 { return }
      taken += count
    }
    if inputEnded && !isFinished {
      isFinished = true
      try session.driver.stack.finish(connection, at: now)
    }
  }

  /// Reads from the connection only when the output has taken all there was before: what we don't read fills
  /// the window, and the peer waits.
  private mutating func receive(at now: Instant) throws(SocketError) {
    if peerEnded || shown < downward.count { return }
    shown = 0
    let connection = connection
    let result = try downward.fill { output throws(SocketError) in
      try session.driver.stack.read(connection, into: &output, at: now)
    }
    if result == .endOfStream { peerEnded = true }
  }

  private mutating func readInput() throws(Failure) {
    taken = 0
    do {
      let result = try upward.fill { output throws(SystemError) in
        try Descriptor.standardInput.read(into: &output)
      }
      if result == .endOfFile { inputEnded = true }
    } catch {
      throw Failure("can't read standard input: \(error.reason)", status: .inputOutput)
    }
  }

  private mutating func writeOutput() throws(Failure) {
    let end = min(shown + Self.outputPiece, downward.count)
    do {
      shown += try Descriptor.standardOutput.write(downward.bytes.extracting(shown..<end))
    } catch {
      let problem =
        error.isBrokenPipe ? "nobody reads the output any more" : "can't write the output: \(error.reason)"
      throw Failure("\(problem); connection aborted", status: .inputOutput)
    }
  }

  private func ending(_ request: EndRequest) -> Failure {
    switch request {
    case .interrupt: Failure("interrupted; connection aborted", status: .interrupted)
    case .terminate, .hangUp: Failure("told to end; connection aborted", status: .terminated)
    }
  }

  private static func write(
    _ buffer: borrowing FrameBuffer, from offset: Int, to connection: ConnectionID, of stack: inout Stack,
    at now: Instant
  ) throws(SocketError) -> Int {
    try stack.write(connection, buffer.bytes.extracting(droppingFirst: offset), at: now)
  }

  private static func failure(_ error: SocketError, _ remote: Endpoint) -> Failure {
    switch error {
    case .noRoute: Failure("\(remote): \(error.explanation)", status: .unreachable)
    default: Failure("can't connect to \(remote): \(error.explanation)", status: .usage)
    }
  }

  private static func failure(_ reason: CloseReason, _ remote: Endpoint) -> Failure {
    switch reason {
    case .refused: Failure("\(remote) refused the connection", status: .refused)
    case .reset: Failure("\(remote) reset the connection", status: .reset)
    case .timedOut, .keepAliveTimedOut, .orphaned:
      Failure("\(remote): \(reason.explanation)", status: .timedOut)
    case .unreachable: Failure("\(remote) can't be reached", status: .unreachable)
    case .finished, .aborted, .noResources: Failure("\(remote): \(reason.explanation)", status: .software)
    }
  }
}
