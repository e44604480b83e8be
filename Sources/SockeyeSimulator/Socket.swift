// Listeners and sockets as programs use them in a world: each call acts on a host's stack at the world's
// time, is written into the recording, and lets the host send what it now wants to send.

import SockeyeBytes
public import SockeyeStack
public import SockeyeTCP
public import SockeyeTrace
public import SockeyeWire

extension World {
  /// Listens on all addresses of a host.
  /// - Returns: nil when the host's stack refuses; the refusal is in the recording.
  @discardableResult
  public func listen(
    _ side: HostSide, port: UInt16, backlog: Int = 15, configuration: TCPConfiguration? = nil
  ) -> Listener? {
    record(.application(side, .listen(port: port)))
    do throws(SocketError) {
      let id = try host(side).stack.listen(
        on: ListenEndpoint(port: port), backlog: backlog, configuration: configuration)
      drainAll()
      return Listener(world: self, side: side, id: id)
    } catch {
      record(.application(side, .failed(error)))
      return nil
    }
  }

  /// Begins to open a connection.
  /// - Parameter port: the local port; 0 lets the stack choose.
  /// - Returns: nil when the host's stack refuses; the refusal is in the recording.
  @discardableResult
  public func connect(
    _ side: HostSide, to remote: Endpoint, port: UInt16 = 0, configuration: TCPConfiguration? = nil
  ) -> Socket? {
    record(.application(side, .connect(to: remote)))
    do throws(SocketError) {
      let id = try host(side).stack.connect(
        to: remote, port: port, configuration: configuration, at: now)
      let socket = Socket(world: self, side: side, id: id)
      if !actsBeforeSending { drainAll() }
      return socket
    } catch {
      record(.application(side, .failed(error)))
      return nil
    }
  }
}

/// A listener of a world's host.
public struct Listener {
  let world: World
  public let side: HostSide
  public let id: ListenerID

  /// Takes a connection whose handshake is complete; nil when none waits.
  public func accept() -> Socket? {
    guard let connection = try? world.host(side).stack.accept(id) else { return nil }
    let socket = Socket(world: world, side: side, id: connection)
    if let remote = socket.endpoints?.remote { world.record(.application(side, .accept(from: remote))) }
    world.drainAll()
    return socket
  }
}

/// A connection of a world's host.
public struct Socket {
  let world: World
  public let side: HostSide
  public let id: ConnectionID

  private var host: Host { world.host(side) }

  /// The state of its connection; CLOSED when there is none any more.
  public var state: TCPState { host.stack.state(of: id) }
  /// The two ends; nil when the socket was given back.
  public var endpoints: FourTuple? { try? host.stack.endpoints(of: id) }

  /// Whether the stack has told that the connection is over.
  public var isClosed: Bool { closeReason != nil }

  /// Why the connection is over, if it is.
  public var closeReason: CloseReason? { host.news.closed[id] }

  /// Whether there is something to read.
  public var isReadable: Bool { host.news.readable.contains(id) }

  /// Whether the peer has closed its direction.
  public var isPeerFinished: Bool { host.news.peerFinished.contains(id) }

  /// Writes text; what the stack does not take is lost to the program, and the recording shows what it took.
  @discardableResult
  public func write(_ text: String) -> Int { write(Array(text.utf8)) }

  /// Writes bytes.
  /// - Returns: how many the stack took.
  @discardableResult
  public func write(_ bytes: [UInt8]) -> Int {
    world.record(.application(side, .write(bytes)))
    return attempt { () throws(SocketError) -> Int in
      try host.stack.write(id, bytes.rawSpan, at: world.now)
    } ?? 0
  }

  /// Reads what there is.
  /// - Parameter limit: bytes at most.
  @discardableResult
  public func read(atMost limit: Int = 1 << 20) -> [UInt8] {
    var buffer = FrameBuffer(capacity: limit)
    let result = attempt(drains: false) { () throws(SocketError) -> ReadResult in
      try buffer.fill { (output: inout OutputRawSpan) throws(SocketError) -> ReadResult in
        try host.stack.read(id, into: &output, at: world.now)
      }
    }
    host.news.forgetReadable(id)
    let bytes = [UInt8](buffer.bytes)
    switch result {
    case .bytes: world.record(.application(side, .read(bytes)))
    case .endOfStream: world.record(.application(side, .endOfStream))
    case .wouldBlock, nil: break
    }
    if !world.actsBeforeSending { world.drainAll() }
    return bytes
  }

  /// Closes this direction: the peer gets a FIN after everything written before.
  public func finish() {
    world.record(.application(side, .finish))
    attempt { () throws(SocketError) in try host.stack.finish(id, at: world.now) }
  }

  /// Closes this direction and gives up reading.
  public func close() {
    world.record(.application(side, .close))
    attempt { () throws(SocketError) in try host.stack.close(id, at: world.now) }
  }

  /// Ends the connection at once: the peer gets a RST.
  public func abort() {
    world.record(.application(side, .abort))
    attempt { () throws(SocketError) in try host.stack.abort(id, at: world.now) }
  }

  /// Writes down that the program has learned how the connection ended.
  public func learn() {
    if let reason = closeReason { world.record(.application(side, .closed(reason))) }
  }

  @discardableResult
  private func attempt<Result>(drains: Bool = true, _ body: () throws(SocketError) -> Result) -> Result? {
    do throws(SocketError) {
      let result = try body()
      if drains { world.drainAll() }
      return result
    } catch {
      world.record(.application(side, .failed(error)))
      return nil
    }
  }
}
