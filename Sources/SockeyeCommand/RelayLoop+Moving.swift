// Holds how bytes, ends and resets move between the two ends of a relayed connection. Nothing here waits, and what can't
// move now is asked for again by the event that says it can.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTunnel

extension RelayLoop {
  /// Moves a connection's bytes as far as they go, in both directions.
  mutating func move(_ number: UInt64) {
    guard let pair = pairs[number] else { return }
    let now = session.driver.now()
    do {
      try moveToKernel(pair, at: now)
      try moveToStack(pair, at: now)
    } catch let error as SystemError {
      return breakOff(pair, "the program behind: \(error.reason)")
    } catch SocketError.noMemory {
      stalled.insert(number)
    } catch {
      // The connection is over; its event says why.
    }
    if pair.isDone { pair.endSocket(reset: false) }
    if pair.isClosed && pair.isShutDown { leave(pair, "closed", reset: false) }
  }

  /// The stack's bytes are written where they lie, and only what was taken is counted as read: what the program behind
  /// does not take stays in the connection's receive buffer, fills it, and closes the window.
  private mutating func moveToKernel(_ pair: RelayedPair, at now: Instant) throws {
    guard let socket = pair.socket, pair.isSocketConnected, pair.isConnected, !pair.isShutDown else { return }
    let id = pair.connection
    while pair.isWritable {
      let result = try session.driver.stack.withReadableBytes(id) { first, _ in
        // Typed throws stop at this closure's result.
        first.byteCount == 0
          ? Result<Int?, SystemError>.success(nil)
          : Result { () throws(SystemError) in try socket.descriptor.write(first) }
      }
      guard let count = try result.get() else { break }
      if count == 0 {
        pair.isWritable = false
        return
      }
      try session.driver.stack.discard(count, of: id, at: now)
      pair.fromStack += count
    }
    if try session.driver.stack.readableCount(id) > 0 { return }
    let isOver = try chunk.fill { output throws(SocketError) in
      // Nothing is there to be read; what is asked is whether more will come.
      try session.driver.stack.read(id, into: &output, at: now) == .endOfStream
    }
    if isOver {
      pair.isShutDown = true
      socket.finish()
    }
  }

  /// The kernel's bytes go into the send buffer. What it does not take is kept, and nothing more is read before it has
  /// gone: the program behind waits.
  private mutating func moveToStack(_ pair: RelayedPair, at now: Instant) throws {
    guard let socket = pair.socket, pair.isConnected, pair.isSocketConnected, !pair.isFinished else { return }
    while try moveLeftover(pair, at: now) {
      if pair.socketEnded {
        pair.isFinished = true
        try session.driver.stack.finish(pair.connection, at: now)
        return
      }
      guard pair.isReadable else { return }
      switch try chunk.fill({ output throws(SystemError) in try socket.descriptor.read(into: &output) }) {
      case .wouldBlock: pair.isReadable = false
      case .endOfFile: pair.socketEnded = true
      case .bytes(let count):
        let taken = (try? Self.write(chunk, to: pair.connection, of: &session.driver.stack, at: now)) ?? 0
        pair.toStack += taken
        if taken < count { pair.leftover = Array(chunk.bytes.extracting(droppingFirst: taken)) }
      }
    }
  }

  /// - Returns: whether nothing of it is left.
  private mutating func moveLeftover(_ pair: RelayedPair, at now: Instant) throws(SocketError) -> Bool {
    if !pair.hasLeftover { return true }
    let taken = try pair.leftover.withRawSpan { bytes throws(SocketError) in
      try session.driver.stack.write(
        pair.connection, bytes.extracting(droppingFirst: pair.offset), at: now)
    }
    pair.offset += taken
    pair.toStack += taken
    if pair.hasLeftover { return false }
    pair.leftover = []
    pair.offset = 0
    return true
  }

  /// A function of its own, for the compiler takes a loan of `chunk` inside a call of `stack` for one of both.
  private static func write(
    _ chunk: borrowing FrameBuffer, to id: ConnectionID, of stack: inout Stack, at now: Instant
  ) throws(SocketError) -> Int {
    try stack.write(id, chunk.bytes, at: now)
  }
}
