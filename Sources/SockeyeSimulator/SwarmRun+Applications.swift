// What the applications of a random world do: open, write, read and compare, close. They act on news of their stack, and at times
// of their own. What becomes of the run is SwarmRun's affair.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeWire

extension SwarmRun {
  // MARK: Opening

  func listen(_ connection: SwarmConnection) {
    if connection.plan.opening == .simultaneous { return }
    let host = connection.server.host
    let isFast = connection.plan.opening == .fastOpen
    let listener = try? host.stack.listen(
      on: ListenEndpoint(port: connection.port), fastOpenLimit: isFast ? 16 : 0,
      configuration: connection.plan.serverSide.tcp)
    guard let listener else { return fail(.ending, "a host refuses to listen", connection.number) }
    connection.listener = listener
    connectionOf[host.number][listener] = connection
  }

  func open(_ connection: SwarmConnection) {
    guard !connection.isOpened else { return }
    let isSimultaneous = connection.plan.opening == .simultaneous
    let ends = isSimultaneous ? [connection.client, connection.server] : [connection.client]
    for end in ends where end.host.condition != .running {
      // Who would call has no power to do so, or nobody to call from.
      tasks.add(.open(connection.number), at: world.now + .milliseconds(500))
      return
    }
    connection.isOpened = true
    for end in ends { call(from: end, of: connection, isSimultaneous) }
  }

  private func call(from end: SwarmEnd, of connection: SwarmConnection, _ isSimultaneous: Bool) {
    let stack = end.host
    let isClient = end === connection.client
    let remote = isClient ? serverEndpoint(connection) : clientEndpoint(connection)
    let port = isSimultaneous ? isClient ? connection.clientPort : connection.port : 0
    let source =
      isSimultaneous
      ? isClient ? clientEndpoint(connection).address : serverEndpoint(connection).address : nil
    do throws(SocketError) {
      let id = try stack.stack.connect(
        to: remote, from: source, port: port, configuration: end.plan.tcp, at: world.time(at: stack))
      adopt(id, end)
      // What is written now may leave with the SYN.
      if connection.plan.opening == .fastOpen { write(end, of: connection) }
    } catch {
      // Memory passes; a simultaneous open is one only if both begin.
      if isSimultaneous { connection.isBroken = true }
      connection.isOpened = isSimultaneous
      if isSimultaneous { end.isLost = true }
      tasks.add(.open(connection.number), at: world.now + .seconds(1))
    }
  }

  private func adopt(_ id: ConnectionID, _ end: SwarmEnd) {
    end.id = id
    end.boots = end.host.boots
    owners[end.host.number][id] = end
  }

  func serverEndpoint(_ connection: SwarmConnection) -> Endpoint {
    let flow = connection.plan
    for port in connection.server.host.ports where port.link == flow.serverLink {
      if let address = port.address(flow.version) { return Endpoint(address: address, port: connection.port) }
    }
    return world.endpoint(connection.server.host, port: connection.port, flow.version)
  }

  /// Where the client calls from when the server must know: on the link that both are on, or its first.
  private func clientEndpoint(_ connection: SwarmConnection) -> Endpoint {
    let flow = connection.plan
    for port in connection.client.host.ports where port.link == flow.serverLink {
      if let address = port.address(flow.version) {
        return Endpoint(address: address, port: connection.clientPort)
      }
    }
    return world.endpoint(connection.client.host, port: connection.clientPort, flow.version)
  }

  // MARK: News

  /// Lets a host's applications act on what their stack tells.
  func takeNews(of host: NetworkHost) {
    guard host.condition == .running else { return }
    while let event = host.stack.nextEvent() {
      switch event {
      case .acceptable(let listener): accept(at: listener, host)
      case .connected(let id): act(on: id, host) { $0.isConnected = true }
      case .readable(let id), .writable(let id), .urgent(let id): act(on: id, host) { _ in }
      case .peerFinished(let id): act(on: id, host) { $0.peerFinished = true }
      case .closed(let id, let reason): closed(id, reason, host)
      case .drained, .retransmissionTrouble, .softError, .datagram, .datagramError, .echoReply, .echoError:
        break
      }
    }
  }

  private func act(on id: ConnectionID, _ host: NetworkHost, _ note: (SwarmEnd) -> Void) {
    guard let end = owners[host.number][id] else { return }
    note(end)
    act(end, of: connection(of: end))
  }

  private func connection(of end: SwarmEnd) -> SwarmConnection {
    for connection in connections where connection.client === end || connection.server === end {
      return connection
    }
    preconditionFailure("an end belongs to a connection")
  }

  private func accept(at listener: ListenerID, _ host: NetworkHost) {
    guard let connection = connectionOf[host.number][listener] else { return }
    while let id = try? host.stack.accept(listener) {
      // RFC 7413 §6.1: the text of a SYN may be delivered twice, each time with a connection of its own.
      guard connection.server.id == nil else {
        if connection.plan.opening != .fastOpen, !connection.isBroken, !plan.repairsCorruption {
          fail(.ending, "a second connection came of one", connection.number)
        }
        try? host.stack.abort(id, at: world.time(at: host))
        continue
      }
      adopt(id, connection.server)
      connection.server.isConnected = true
      act(connection.server, of: connection)
    }
  }

  private func closed(_ id: ConnectionID, _ reason: CloseReason, _ host: NetworkHost) {
    guard let end = owners[host.number].removeValue(forKey: id) else { return }
    let connection = connection(of: end)
    // The last of what came can still be read.
    if reason == .finished { read(end, of: connection, isLast: true) }
    end.reason = reason
    if !end.hasLeft { try? host.stack.close(id, at: world.time(at: host)) }
    defer { act(connection.peer(of: end), of: connection) }
    if connection.isBroken || plan.repairsCorruption { return }
    guard connection.expects(reason, at: end, plan) else {
      return fail(
        .ending, "\(describe(end, of: connection)) ended: \(reason.explanation); \(describe(connection))",
        connection.number)
    }
    if reason != .finished {
      connection.isBroken = true
    } else if end.read != connection.peer(of: end).plan.bytes || end.written != end.plan.bytes {
      fail(
        .ending, "\(describe(end, of: connection)) ended too early; \(describe(connection))",
        connection.number)
    }
  }

  // MARK: Acting

  /// Reads, writes and closes as the plan says; comes back when it is time for more.
  func act(_ end: SwarmEnd, of connection: SwarmConnection) {
    guard end.host.condition == .running, end.live != nil else { return }
    read(end, of: connection, isLast: false)
    write(end, of: connection)
    finishIfDone(end, of: connection)
  }

  private func comeBack(at time: Instant, _ end: SwarmEnd, _ connection: SwarmConnection) {
    tasks.add(.act(connection.number, isClient: end === connection.client), at: time)
  }

  func write(_ end: SwarmEnd, of connection: SwarmConnection) {
    guard let id = end.live, !end.hasFinished, !end.hasLeft else { return }
    while end.written < end.allowance {
      if !isHealed, world.now < end.nextWrite { return }
      let offered = Int(
        min(UInt64(min(end.plan.piece, BulkPattern.longestPiece)), end.allowance - end.written))
      let start = BulkPattern.start(of: end.base + end.written)
      end.writes += 1
      let isUrgent = end.plan.urgentEvery > 0 && end.writes % end.plan.urgentEvery == 0
      let now = world.time(at: end.host)
      let taken: Int
      do throws(SocketError) {
        let bytes = pattern.bytes
        let piece = bytes.rawSpan.extracting(start..<(start + offered))
        taken =
          isUrgent
          ? try end.host.stack.writeUrgent(id, piece, at: now) : try end.host.stack.write(id, piece, at: now)
      } catch .noMemory {
        return comeBack(at: world.now + .milliseconds(200), end, connection)
      } catch {
        // The end of the connection is told as news.
        return
      }
      end.written += UInt64(taken)
      if taken < offered { return }
      if !isHealed, end.plan.pause > .zero, end.written < end.plan.bytes {
        end.nextWrite = world.now + end.plan.pause
        return comeBack(at: end.nextWrite, end, connection)
      }
    }
  }

  private func read(_ end: SwarmEnd, of connection: SwarmConnection, isLast: Bool) {
    guard let id = end.live, !end.hasLeft else { return }
    let isPatient = !isHealed && !isLast && !connection.isBroken
    if isPatient, world.now < end.nextRead {
      if (try? end.host.stack.readableCount(id)).map({ $0 > 0 }) == true {
        comeBack(at: end.nextRead, end, connection)
        // Once is enough until then.
        return
      }
      return
    }
    let most = isPatient && end.plan.readPiece > 0 ? end.plan.readPiece : Int.max
    let place = end.read + connection.peer(of: end).base
    let pattern = self.pattern
    let result = try? end.host.stack.withReadableBytes(id) { front, back in
      let first = min(front.byteCount, most)
      let second = min(back.byteCount, most - first)
      let isRight =
        pattern.matches(front.extracting(first: first), at: place)
        && pattern.matches(back.extracting(first: second), at: place + UInt64(first))
      return (count: first + second, isRight: isRight)
    }
    guard let result, result.count > 0 else { return }
    try? end.host.stack.discard(result.count, of: id, at: world.time(at: end.host))
    end.read += UInt64(result.count)
    let isTooMuch = end.read > connection.peer(of: end).written
    let isWrong = !result.isRight || isTooMuch || plan.plantsWrongByte && end.read > 10_000
    if isWrong, !plan.repairsCorruption {
      fail(
        .content,
        "\(describe(end, of: connection)) read something else than was written, by octet \(end.read)",
        connection.number)
    }
    if isPatient, end.plan.readPause > .zero { end.nextRead = world.now + end.plan.readPause }
    if isPatient, most < Int.max || end.plan.readPause > .zero {
      comeBack(at: max(end.nextRead, world.now + .microseconds(50)), end, connection)
    }
  }

  private func finishIfDone(_ end: SwarmEnd, of connection: SwarmConnection) {
    guard let id = end.live, !end.hasFinished, !end.hasLeft else { return }
    let now = world.time(at: end.host)
    if case .abort(let after) = end.plan.ending, end.written >= after, end.isConnected {
      connection.isBroken = true
      end.hasLeft = true
      try? end.host.stack.abort(id, at: now)
      return
    }
    // CLOSE before the handshake is done would call the connection off (RFC 9293 §3.10.4).
    guard end.written == end.plan.bytes, end.isConnected else { return }
    switch end.plan.ending {
    case .finish: break
    case .finishAfterPeer: if !end.peerFinished { return }
    case .leave:
      connection.isBroken = true
      end.hasLeft = true
      end.hasFinished = true
      try? end.host.stack.close(id, at: now)
      return
    case .abort: return
    }
    end.hasFinished = true
    try? end.host.stack.finish(id, at: now)
  }
}
