// Holds the user's calls on a connection: SEND, RECEIVE, CLOSE, ABORT, STATUS (RFC 9293 §3.10.2 to §3.10.6) and
// settings. How it is opened stands in Stack+Opening.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

/// What a read has given.
public enum ReadResult: Sendable, Equatable {
  /// So many octets were appended.
  case bytes(Int)
  /// Nothing is here yet; `SocketEvent.readable` follows.
  case wouldBlock
  /// The peer has finished, and all it sent has been read.
  case endOfStream
}

extension Stack {
  // MARK: SEND

  /// Queues bytes to be sent, as many as there is room for.
  ///
  /// - Returns: how many were taken. When it is fewer than offered, `SocketEvent.writable` follows.
  /// - Throws: `noSuchConnection`; `connection` with `.closing` after `finish`, or with the reason of its end;
  ///   `noMemory` when the host's budget is used up, which passes.
  public mutating func write(
    _ id: ConnectionID, _ bytes: RawSpan, at instant: Instant
  ) throws(SocketError) -> Int {
    try send(id, bytes, isUrgent: false, at: instant)
  }

  /// Queues bytes and marks them as urgent. New programs should not (RFC 9293 §3.8.5 SHLD-13).
  public mutating func writeUrgent(
    _ id: ConnectionID, _ bytes: RawSpan, at instant: Instant
  ) throws(SocketError) -> Int {
    try send(id, bytes, isUrgent: true, at: instant)
  }

  /// Has what is written from now on begin a segment of its own, as MSG_EOR does on other hosts. The stream is the same.
  public mutating func endRecord(of id: ConnectionID) throws(SocketError) {
    connections[try known(id)].connection.endRecord()
  }

  private mutating func send(
    _ id: ConnectionID, _ bytes: RawSpan, isUrgent: Bool, at instant: Instant
  ) throws(SocketError) -> Int {
    let key = try enter(id, at: instant)
    let octets = min(bytes.byteCount, connections[key].connection.writableCount)
    guard octets == 0 || hasRoomForData(octets, of: key) else { throw .noMemory(budget: budget.limit) }
    prepare(key)
    let taken: Int
    do throws(ConnectionError) {
      taken =
        isUrgent
        ? try connections[key].connection.writeUrgent(bytes, at: now)
        : try connections[key].connection.write(bytes, at: now)
    } catch {
      throw .connection(error)
    }
    settle(key)
    return taken
  }

  /// Octets that `write` would take now.
  public func writableCount(_ id: ConnectionID) throws(SocketError) -> Int {
    try connections[known(id)].connection.writableCount
  }

  // MARK: RECEIVE

  /// Moves bytes that have arrived in order to the caller.
  /// - Throws: `noSuchConnection`; `connection` with the reason when the connection failed and nothing is left, or
  ///   with `.readingClosed` after `close`.
  public mutating func read(
    _ id: ConnectionID, into destination: inout OutputRawSpan, at instant: Instant
  ) throws(SocketError) -> ReadResult {
    let key = try enter(id, at: instant)
    prepare(key)
    let count: Int
    do throws(ConnectionError) {
      count = try connections[key].connection.read(into: &destination, at: now)
    } catch {
      throw .connection(error)
    }
    if count > 0 { settle(key) }
    if count > 0 || destination.freeCapacity == 0 && connections[key].connection.readableCount > 0 {
      return .bytes(count)
    }
    return connections[key].connection.isAtEndOfStream ? .endOfStream : .wouldBlock
  }

  /// Octets that can be read now.
  public func readableCount(_ id: ConnectionID) throws(SocketError) -> Int {
    try connections[known(id)].connection.readableCount
  }

  /// Lends what has arrived in order, in at most two pieces, without a copy; `discard` takes it.
  public func withReadableBytes<Result>(
    _ id: ConnectionID, _ body: (RawSpan, RawSpan) -> Result
  ) throws(SocketError) -> Result {
    try connections[known(id)].connection.withReadableBytes(body)
  }

  /// Takes octets that were read where they lay.
  /// - Precondition: so many can be read.
  public mutating func discard(
    _ count: Int, of id: ConnectionID, at instant: Instant
  ) throws(SocketError) {
    let key = try enter(id, at: instant)
    prepare(key)
    connections[key].connection.discard(count, at: now)
    settle(key)
  }

  // MARK: CLOSE and ABORT

  /// CLOSE of the RFC: a FIN follows what was written; reading goes on (half-close).
  /// - Throws: `connection` with `.closing` when it was called before, or with the reason of the connection's end.
  public mutating func finish(_ id: ConnectionID, at instant: Instant) throws(SocketError) {
    let key = try enter(id, at: instant)
    prepare(key)
    do throws(ConnectionError) {
      try connections[key].connection.finish(at: now)
    } catch {
      throw .connection(error)
    }
    settle(key)
  }

  /// Gives a connection up in order: a FIN follows what was written, and nothing more is read. Data that is unread
  /// or still comes is answered with a reset (RFC 9293 §3.6.1 SHLD-3).
  ///
  /// The only event that follows is `SocketEvent.closed`, unless it came before; with it the identifier ends.
  public mutating func close(_ id: ConnectionID, at instant: Instant) throws(SocketError) {
    let key = try enter(id, at: instant)
    prepare(key)
    connections[key].connection.close(at: now)
    leave(key)
  }

  /// ABORT: everything queued is dropped, and the peer gets a reset where it could have a connection.
  ///
  /// The only event that follows is `SocketEvent.closed`, unless it came before; with it the identifier ends.
  public mutating func abort(_ id: ConnectionID, at instant: Instant) throws(SocketError) {
    let key = try enter(id, at: instant)
    prepare(key)
    connections[key].connection.abort(at: now)
    leave(key)
  }

  /// Aborts a connection that has no user.
  mutating func abort(_ key: ConnectionKey) {
    prepare(key)
    connections[key].connection.abort(at: now)
    settle(key)
  }

  private mutating func leave(_ key: ConnectionKey) {
    connections[key].ownership = .leaving
    // Of all news only the end still matters.
    connections[key].news.formIntersection(.closed)
    settle(key)
    // The record may have gone with its last piece of news taken.
    if connections.contains(key) { releaseIfDone(key) }
  }

  // MARK: STATUS

  /// The connection's state; CLOSED when there is no such connection.
  public func state(of id: ConnectionID) -> TCPState {
    guard connections.contains(id.key) else { return .closed }
    // A record of its own has taken over, if it still lives.
    if let record = connections[id.key].timeWait, timeWaits.contains(record) { return .timeWait }
    return connections[id.key].connection.state
  }

  /// STATUS (RFC 9293 §3.10.6), as of the latest time that the host was told.
  public func status(of id: ConnectionID) throws(SocketError) -> ConnectionStatus {
    var status = try connections[known(id)].connection.status(at: now)
    status.state = state(of: id)
    return status
  }

  /// How the sending side of a connection stands, segment by segment. Takes time in proportion to the segments
  /// outstanding.
  public func transmissionStatus(of id: ConnectionID) throws(SocketError) -> TransmissionStatus {
    try connections[known(id)].connection.transmissionStatus(at: now)
  }

  /// Both ends of a connection.
  public func endpoints(of id: ConnectionID) throws(SocketError) -> FourTuple {
    try connections[known(id)].envelope.tuple
  }

  /// The last soft error, whether or not it was told (RFC 9293 §3.9.2.2 SHLD-25).
  public func softError(of id: ConnectionID) throws(SocketError) -> PathError? {
    try connections[known(id)].softError
  }

  /// Why the connection ended; nil while it has not.
  public func closeReason(of id: ConnectionID) throws(SocketError) -> CloseReason? {
    try connections[known(id)].connection.closeReason
  }

  // MARK: Settings

  /// Switches keep-alive on, off or to other times (RFC 9293 §3.8.4).
  public mutating func setKeepAlive(
    _ keepAlive: KeepAlive?, of id: ConnectionID, at instant: Instant
  ) throws(SocketError) {
    let key = try enter(id, at: instant)
    do throws(ConfigurationError) {
      try connections[key].connection.setKeepAlive(keepAlive)
    } catch {
      throw .configuration(error)
    }
    readyConnections.append(key.index)
  }

  /// Switches the Nagle algorithm off or on (RFC 9293 §3.7.4 MUST-17).
  public mutating func setNoDelay(
    _ noDelay: Bool, of id: ConnectionID, at instant: Instant
  ) throws(SocketError) {
    let key = try enter(id, at: instant)
    connections[key].connection.setNoDelay(noDelay)
    readyConnections.append(key.index)
  }

  /// Fixes the size of the receive buffer, which is not tuned any more; what the peer was promised is kept.
  ///
  /// - Parameter octets: no more than the window scale that was agreed can tell of counts (RFC 7323 §2.3).
  public mutating func setReceiveBuffer(
    _ octets: Int, of id: ConnectionID, at instant: Instant
  ) throws(SocketError) {
    let key = try enter(id, at: instant)
    do throws(ConfigurationError) {
      try connections[key].connection.setReceiveBuffer(octets)
    } catch {
      throw .configuration(error)
    }
    settle(key)
  }

  /// Fixes the size of the send buffer, which is not tuned any more; what was written stays.
  public mutating func setSendBuffer(
    _ octets: Int, of id: ConnectionID, at instant: Instant
  ) throws(SocketError) {
    let key = try enter(id, at: instant)
    do throws(ConfigurationError) {
      try connections[key].connection.setSendBuffer(octets)
    } catch {
      throw .configuration(error)
    }
    settle(key)
  }

  /// Holds back what does not fill a segment until the cork is drawn, for at most 200 ms; see `Connection.setCork`.
  public mutating func setCork(
    _ isCorked: Bool, of id: ConnectionID, at instant: Instant
  ) throws(SocketError) {
    let key = try enter(id, at: instant)
    connections[key].connection.setCork(isCorked)
    readyConnections.append(key.index)
  }

  /// Has the next ACKs of data leave at once, or lets them wait again; see `Connection.setQuickAcknowledgments`.
  public mutating func setQuickAcknowledgments(
    _ isQuick: Bool, of id: ConnectionID, at instant: Instant
  ) throws(SocketError) {
    let key = try enter(id, at: instant)
    connections[key].connection.setQuickAcknowledgments(isQuick)
    readyConnections.append(key.index)
  }

  /// Sets how long data may stay unacknowledged, R2; nil: for ever (RFC 9293 §3.8.3 MUST-21).
  public mutating func setUserTimeout(
    _ timeout: Interval?, of id: ConnectionID, at instant: Instant
  ) throws(SocketError) {
    let key = try enter(id, at: instant)
    do throws(ConfigurationError) {
      try connections[key].connection.setUserTimeout(timeout)
    } catch {
      throw .configuration(error)
    }
    readyConnections.append(key.index)
  }

  /// Sets how long an attempt to connect goes on, from its beginning; nil: for ever (RFC 9293 §3.8.3 MUST-23).
  public mutating func setConnectTimeout(
    _ timeout: Interval?, of id: ConnectionID, at instant: Instant
  ) throws(SocketError) {
    let key = try enter(id, at: instant)
    do throws(ConfigurationError) {
      try connections[key].connection.setConnectTimeout(timeout)
    } catch {
      throw .configuration(error)
    }
    readyConnections.append(key.index)
  }

  /// Sets how long a connection waits for the peer's FIN after `close`.
  public mutating func setOrphanTimeout(
    _ timeout: Interval, of id: ConnectionID, at instant: Instant
  ) throws(SocketError) {
    let key = try enter(id, at: instant)
    do throws(ConfigurationError) {
      try connections[key].connection.setOrphanTimeout(timeout)
    } catch {
      throw .configuration(error)
    }
    readyConnections.append(key.index)
  }

  /// Sets the time to live, or hop limit, of all packets to come (RFC 9293 §3.9.2 MUST-49).
  public mutating func setTimeToLive(_ hops: UInt8, of id: ConnectionID) throws(SocketError) {
    guard hops > 0 else { throw .invalidTimeToLive }
    let key = try known(id)
    connections[key].envelope.timeToLive = hops
  }

  /// Sets the same for the connections a listener opens from now on.
  public mutating func setTimeToLive(_ hops: UInt8, of listener: ListenerID) throws(SocketError) {
    guard hops > 0 else { throw .invalidTimeToLive }
    guard listeners.contains(listener.key) else { throw .noSuchListener }
    listeners[listener.key].timeToLive = hops
  }

  /// Sets the Differentiated Services codepoint, 0...63, of all packets to come (RFC 9293 §3.9.1.9 MUST-48, SHLD-21).
  public mutating func setDifferentiatedServices(
    _ codepoint: UInt8, of id: ConnectionID
  ) throws(SocketError) {
    guard codepoint < 64 else { throw .invalidCodepoint(codepoint) }
    let key = try known(id)
    // RFC 9293 §3.9.1.9 SHLD-22: unchanged; the two ECN bits are not the user's.
    connections[key].envelope.trafficClass = codepoint << 2 | connections[key].envelope.trafficClass & 3
  }

  /// Sets the same for the connections a listener opens from now on.
  public mutating func setDifferentiatedServices(
    _ codepoint: UInt8, of listener: ListenerID
  ) throws(SocketError) {
    guard codepoint < 64 else { throw .invalidCodepoint(codepoint) }
    guard listeners.contains(listener.key) else { throw .noSuchListener }
    listeners[listener.key].trafficClass = codepoint << 2 | listeners[listener.key].trafficClass & 3
  }

  /// Whether trouble that may pass, soft errors and repeated retransmissions, is told as events (RFC 9293 §3.9.1.8
  /// SHLD-20); `softError(of:)` knows the last error anyhow. Urgent data and the end are always told.
  public mutating func setReportsSoftErrors(_ reports: Bool, of id: ConnectionID) throws(SocketError) {
    let key = try known(id)
    connections[key].reportsSoftErrors = reports
  }

  // MARK: Entering

  /// A connection the user knows.
  private func known(_ id: ConnectionID) throws(SocketError) -> ConnectionKey {
    guard connections.contains(id.key), connections[id.key].ownership.isKnown else { throw .noSuchConnection }
    return id.key
  }

  private mutating func enter(_ id: ConnectionID, at instant: Instant) throws(SocketError) -> ConnectionKey {
    advance(to: instant)
    return try known(id)
  }
}
