// Holds what the loop keeps of a connection that a task uses: who waits for what, and how the connection ended.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP

/// One connection, in the loop.
final class ConnectionState: ConnectionHandler, @unchecked Sendable {
  let loop: NetworkLoop
  let id: ConnectionID
  let readers: WaitQueue
  let writers: WaitQueue
  let openers: WaitQueue
  let enders: WaitQueue
  let readTurn: Turn
  let writeTurn: Turn
  private(set) var isConnected: Bool
  /// Why the connection is over; nil while it isn't.
  private(set) var end: NetworkError?
  /// It ended, and in order.
  private(set) var hasFinished = false
  /// This side has given it up.
  private(set) var isLeft = false

  init(_ loop: NetworkLoop, _ id: ConnectionID, isConnected: Bool) {
    self.loop = loop
    self.id = id
    self.isConnected = isConnected
    readers = WaitQueue(loop)
    writers = WaitQueue(loop)
    openers = WaitQueue(loop)
    enders = WaitQueue(loop)
    readTurn = Turn(loop)
    writeTurn = Turn(loop)
    loop.handlers.connections[id] = self
  }

  // MARK: News

  func connected() {
    isConnected = true
    openers.wakeAll()
  }

  func readable() { readers.wakeFirst() }
  func peerFinished() { readers.wakeFirst() }
  func writable() { writers.wakeFirst() }

  func closed(_ reason: CloseReason) {
    end = NetworkError(reason)
    hasFinished = reason == .finished
    if isConnected { (hasFinished ? NetworkMetrics.finished : NetworkMetrics.broken).increment() }
    wakeAll()
  }

  func failed(_ error: NetworkError) {
    end = error
    wakeAll()
  }

  private func wakeAll() {
    openers.wakeAll()
    readers.wakeAll()
    writers.wakeAll()
    enders.wakeAll()
  }

  // MARK: Leaving

  /// Gives the connection up in order: what was written is sent, nothing more is read.
  func leave() {
    if isLeft { return }
    isLeft = true
    try? loop.stack.close(id, at: loop.now)
    wakeAll()
  }

  /// Gives the connection up at once.
  func abort() {
    if isLeft, end != nil { return }
    isLeft = true
    try? loop.stack.abort(id, at: loop.now)
    wakeAll()
  }
}
