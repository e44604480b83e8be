// The script language's half that the host's user speaks: OPEN, SEND, RECEIVE, CLOSE, ABORT. The peer's half is in
// Conversation+Peer.

import SockeyeBytes
public import SockeyeStack
public import SockeyeTCP
import SockeyeWire
public import Testing

extension Conversation {
  public func listen(
    backlog: Int = 15, fastOpenLimit: Int = 0, tcp: TCPConfiguration? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    attempt(sourceLocation) { () throws(SocketError) in
      listener = try stack.listen(
        on: ListenEndpoint(port: hostPort), backlog: backlog, fastOpenLimit: fastOpenLimit,
        configuration: tcp.map(Self.taking))
    }
    drain()
  }

  /// Active OPEN with octets of the script's text, as many of which as may leave with the SYN.
  public func connect(
    sending count: Int, tcp: TCPConfiguration? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    written = 0
    let bytes = Self.text(at: 1, count)
    attempt(sourceLocation) { () throws(SocketError) in
      let begun = try bytes.withRawSpanThrowing { span throws(SocketError) in
        try stack.connect(
          to: Endpoint(address: peerAddress, port: peerPort), port: hostPort,
          configuration: tcp.map(Self.taking),
          sending: span,
          at: now)
      }
      connection = begun.connection
      written = begun.taken
    }
    drain()
  }

  /// Active OPEN from `hostPort` to the peer's `peerPort`.
  public func connect(tcp: TCPConfiguration? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
    attempt(sourceLocation) { () throws(SocketError) in
      connection = try stack.connect(
        to: Endpoint(address: peerAddress, port: peerPort), port: hostPort,
        configuration: tcp.map(Self.taking),
        at: now)
    }
    drain()
  }

  public func accept(sourceLocation: SourceLocation = #_sourceLocation) {
    guard let listener else {
      Issue.record("nothing listens", sourceLocation: sourceLocation)
      return
    }
    attempt(sourceLocation) { () throws(SocketError) in connection = try stack.accept(listener) }
    if connection == nil { Issue.record("no connection to accept", sourceLocation: sourceLocation) }
    drain()
  }

  /// The octet that stands at a number, in the text of both sides.
  public static func octet(_ number: Int) -> UInt8 { UInt8(truncatingIfNeeded: number &* 31 &+ number >> 8) }

  /// Text that starts at a number.
  public static func text(at number: Int, _ count: Int) -> [UInt8] { (0..<count).map { octet(number + $0) } }

  /// Writes `count` octets of the script's text. Answers how many were taken.
  @discardableResult
  public func write(_ count: Int, urgent: Bool = false, sourceLocation: SourceLocation = #_sourceLocation)
    -> Int
  {
    var taken = 0
    let bytes = Self.text(at: 1 + written, count)
    attempt(sourceLocation) { () throws(SocketError) in
      let id = try need()
      taken =
        urgent
        ? try bytes.withRawSpanThrowing { span throws(SocketError) in try stack.writeUrgent(id, span, at: now)
        }
        : try bytes.withRawSpanThrowing { span throws(SocketError) in try stack.write(id, span, at: now) }
    }
    written += taken
    drain()
    return taken
  }

  /// Reads up to `limit` octets.
  @discardableResult
  public func read(_ limit: Int = 1 << 20, sourceLocation: SourceLocation = #_sourceLocation) -> [UInt8] {
    var all: [UInt8] = []
    attempt(sourceLocation) { () throws(SocketError) in all = try readOrThrow(limit) }
    return all
  }

  /// Reads up to `limit` octets, and throws as the call does.
  public func readOrThrow(_ limit: Int = 1 << 20) throws(SocketError) -> [UInt8] {
    let id = try need()
    var buffer = FrameBuffer(capacity: limit)
    var failure: SocketError?
    buffer.fill { out in
      do throws(SocketError) { _ = try stack.read(id, into: &out, at: now) } catch { failure = error }
    }
    drain()
    if let failure { throw failure }
    return [UInt8](buffer.bytes)
  }

  /// CLOSE of the sending direction.
  public func finish(sourceLocation: SourceLocation = #_sourceLocation) {
    attempt(sourceLocation) { () throws(SocketError) in try stack.finish(need(), at: now) }
    drain()
  }

  /// Closes both directions.
  public func close(sourceLocation: SourceLocation = #_sourceLocation) {
    attempt(sourceLocation) { () throws(SocketError) in try stack.close(need(), at: now) }
    drain()
  }

  public func abort(sourceLocation: SourceLocation = #_sourceLocation) {
    attempt(sourceLocation) { () throws(SocketError) in try stack.abort(need(), at: now) }
    drain()
  }

  /// The connection spoken about, for calls that the script makes itself.
  public func need() throws(SocketError) -> ConnectionID {
    guard let connection else { throw .invalidRemotePort }
    return connection
  }

  /// Lets another connection be the one spoken about.
  public func use(
    _ id: ConnectionID?, hostPort: UInt16, peerPort: UInt16, hostStart: UInt32?, peerStart: UInt32
  ) {
    connection = id
    self.hostPort = hostPort
    self.peerPort = peerPort
    self.hostStart = hostStart
    self.peerStart = peerStart
    written = 0
  }

  /// The connection's state; while nobody has accepted it, what its handshake or its listener told.
  public var state: TCPState {
    guard let connection else { return observedState }
    return stack.state(of: connection)
  }

  private var observedState: TCPState {
    for observation in observations.reversed() {
      if case .stateChanged(let tuple, _, let state) = observation.kind, tuple.local.port == hostPort,
        tuple.remote.port == peerPort
      {
        return state
      }
    }
    return listener == nil ? .closed : .listen
  }

  public var status: ConnectionStatus? {
    guard let connection else { return nil }
    return try? stack.status(of: connection)
  }

  private func attempt(_ sourceLocation: SourceLocation, _ body: () throws(SocketError) -> Void) {
    do { try body() } catch { Issue.record("the call failed: \(error)", sourceLocation: sourceLocation) }
  }
}
