// Holds a TCP connection as tasks use it: reading, writing and the ways to end it. Its settings are in
// TCPConnection+Options; how it comes about is in Network and TCPListener.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
public import SockeyeWire

/// A TCP connection.
///
///     try await connection.write("GET / HTTP/1.0\r\n\r\n")
///     try await connection.finish()
///     for try await chunk in connection.chunks { … }
///
/// Calls may come from any task. Reads of several tasks are served one after the other, and so are writes; a write's
/// octets stay together. A cancelled task's call ends with `NetworkError.cancelled`, and the connection lives on.
///
/// A connection that nobody refers to any more is closed as `close()` does. Where that must happen at a certain point,
/// use `Network.withConnection(to:)`.
public actor TCPConnection {
  /// Keeps the network going.
  private let life: NetworkLife?
  let state: ConnectionState
  let loop: NetworkLoop
  /// The other end.
  public nonisolated let peer: Endpoint
  /// This end.
  public nonisolated let local: Endpoint

  public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  init(_ state: ConnectionState, local: Endpoint, peer: Endpoint) {
    self.state = state
    life = state.loop.life
    loop = state.loop
    self.local = local
    self.peer = peer
  }

  deinit {
    let state = state
    loop.execute { state.leave() }
  }

  // MARK: Reading

  /// Reads what has come, and waits for something if nothing has.
  /// - Parameter limit: octets at most, at least 1.
  /// - Returns: at least one octet; nil when the peer has finished and all it sent has been read.
  /// - Throws: how the connection ended, `.cancelled`, or `.closed` after `close`.
  public func read(upTo limit: Int = 64 << 10) async throws(NetworkError) -> [UInt8]? {
    var bytes: [UInt8] = []
    return try await read(into: &bytes, upTo: limit) == 0 ? nil : bytes
  }

  /// Reads what has come and appends it, and waits for something if nothing has.
  /// - Parameters:
  ///   - buffer: what is appended to; its storage is used again.
  ///   - limit: octets at most, at least 1.
  /// - Returns: how many octets were appended; 0 when the peer has finished and all it sent has been read.
  /// - Throws: as `read(upTo:)`.
  public func read(into buffer: inout [UInt8], upTo limit: Int = 64 << 10) async throws(NetworkError) -> Int {
    precondition(limit > 0, "a read asks for an octet at least")
    guard await state.readTurn.take() else { throw .cancelled() }
    defer { state.readTurn.give() }
    while true {
      if let count = try readNow(into: &buffer, upTo: limit) { return count }
      guard await state.readers.wait() else { throw .cancelled() }
    }
  }

  /// - Returns: nil when nothing is here yet.
  private func readNow(into buffer: inout [UInt8], upTo limit: Int) throws(NetworkError) -> Int? {
    if state.isLeft { throw .closed }
    let available: Int
    do throws(SocketError) {
      available = try loop.stack.readableCount(state.id)
    } catch {
      return try endOfReading(NetworkError(error))
    }
    let result: ReadResult
    do throws(SocketError) {
      result = try append(min(limit, available), to: &buffer)
    } catch {
      return try endOfReading(NetworkError(error))
    }
    switch result {
    case .bytes(let count): return count
    case .endOfStream: return 0
    case .wouldBlock: return nil
    }
  }

  private func append(_ count: Int, to buffer: inout [UInt8]) throws(SocketError) -> ReadResult {
    var frame = FrameBuffer(capacity: count)
    let (id, now) = (state.id, loop.now)
    let result = try frame.fill { output throws(SocketError) in
      try loop.stack.read(id, into: &output, at: now)
    }
    let bytes = frame.bytes
    unsafe bytes.withUnsafeBytes { bytes in unsafe buffer.append(contentsOf: bytes) }
    return result
  }

  private func endOfReading(_ error: NetworkError) throws(NetworkError) -> Int? {
    if state.hasFinished { return 0 }
    throw state.end ?? error
  }

  // MARK: Writing

  /// Writes all octets: waits until the connection has taken the last of them. They are sent, and sent again as needed,
  /// without further ado.
  /// - Throws: how the connection ended; `.closed` after `finish` or `close`; `.noBuffers`; `.cancelled`, with the octets
  ///   that were taken before.
  public func write(_ bytes: [UInt8]) async throws(NetworkError) {
    try await write([bytes])
  }

  /// Writes a text in UTF-8.
  public func write(_ text: String) async throws(NetworkError) {
    try await write([Array(text.utf8)])
  }

  /// Writes several pieces, with nothing of other tasks in between. What fits leaves in common segments.
  public func write(_ pieces: [[UInt8]]) async throws(NetworkError) {
    guard await state.writeTurn.take() else { throw .cancelled(written: 0) }
    defer { state.writeTurn.give() }
    var written = 0
    for piece in pieces {
      var offset = 0
      while true {
        let taken = try writeNow(piece, from: offset)
        offset += taken
        written += taken
        if offset == piece.count { break }
        guard await state.writers.wait() else { throw .cancelled(written: written) }
      }
    }
  }

  private func writeNow(_ piece: [UInt8], from offset: Int) throws(NetworkError) -> Int {
    if let end = state.end { throw end }
    if state.isLeft { throw .closed }
    do throws(SocketError) {
      return try loop.stack.write(
        state.id, unsafe piece.span.bytes.extracting(droppingFirst: offset), at: loop.now)
    } catch {
      throw NetworkError(error)
    }
  }

  // MARK: Ending

  /// Says that nothing more will be written; reading goes on (half-close, RFC 9293 §3.6). What was written before is
  /// sent first; the call does not wait for that.
  /// - Throws: how the connection ended, or `.closed` when it was called before.
  public func finish() throws(NetworkError) {
    do throws(SocketError) {
      try loop.stack.finish(state.id, at: loop.now)
    } catch {
      throw state.end ?? NetworkError(error)
    }
  }

  /// Closes both directions: what was written is sent, then a FIN; what still comes is answered with a reset. Does not
  /// wait. Calls that wait end with `.closed`.
  public func close() {
    state.leave()
  }

  /// Resets the connection: what was written and not acknowledged is lost.
  public func abort() {
    state.abort()
  }

  /// Waits until the connection is over in both directions.
  /// - Throws: how it ended, if not in order; `.cancelled`.
  public func waitForEnd() async throws(NetworkError) {
    while state.end == nil {
      guard await state.enders.wait() else { throw .cancelled() }
    }
    if !state.hasFinished, let end = state.end { throw end }
  }

  // MARK: Chunks

  /// What the peer sends, as it comes, until it has finished.
  public nonisolated var chunks: SocketSequence<[UInt8]> { chunks(upTo: 64 << 10) }

  /// The same in pieces of at most so many octets. Reads happen as pieces are asked for; until then the peer has to wait.
  public nonisolated func chunks(upTo limit: Int) -> SocketSequence<[UInt8]> {
    SocketSequence { () async throws(NetworkError) in try await self.read(upTo: limit) }
  }
}

extension TCPConnection: CustomStringConvertible {
  public nonisolated var description: String { "\(local) > \(peer)" }
}
