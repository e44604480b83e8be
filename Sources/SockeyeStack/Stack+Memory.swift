// Holds how the host's byte budget is shared by the buffers of its connections: who may take more, what a fair share is,
// and who gives back first when memory is short. How a buffer finds its size is SockeyeTCP's affair.

import SockeyeBytes
import SockeyeTCP

extension Stack {
  /// The least that a buffer is to hold, however little memory there is: a few segments, so that nobody comes to a stand.
  private static var leastBuffer: Int { 4_096 }
  /// How many quiet connections are looked at whenever one is served while memory is short.
  private static var reclaimed: Int { 4 }

  /// What all connections' buffers may take together, octets.
  private var bufferBudget: Int {
    let records =
      connections.count * ConnectionRecord.footprint + handshakeOctets
      + timeWaits.count * TimeWaitEntry.footprint
    return max(0, budget.limit - records)
  }

  /// What each buffer may hold while memory is short, octets: an equal part for everybody who holds anything, half of it
  /// for each direction.
  private var fairShare: Int { max(Self.leastBuffer, bufferBudget / 2 / (bufferedCount + 1)) }

  /// What the receive buffer of a new connection may hold at first, octets. What is promised to all of them together is
  /// little more than there is, for most of them will not use it.
  var firstBuffer: Int { max(Self.leastBuffer, 2 * min(bufferBudget / (connections.count + 1), 1 << 29)) }

  /// Whether the budget allows a connection to take in so many more octets.
  ///
  /// A buffer grows to at most twice its size, so this is on the safe side of the budget.
  @inline(__always)
  func hasRoomForData(_ octets: Int, of key: ConnectionKey) -> Bool {
    let needed = octets + connections[key].charged
    return budget.hasPlenty(for: needed) || isShareOfReserve(needed)
  }

  /// The last of the memory is for those who hold no more than their share.
  @inline(never)
  private func isShareOfReserve(_ octets: Int) -> Bool {
    // What the tables beside take is not charged one by one, and a ring begins with more than what it is given.
    octets <= fairShare && budget.hasRoom(octets + 2 * Self.leastBuffer + memoryUsed - budget.used)
  }

  // MARK: While memory is short

  /// A connection has been served: it keeps no more than it needs, and is to take no more than its share. Quiet ones
  /// give back first.
  @inline(never)
  mutating func press(_ key: ConnectionKey) {
    reclaimFromQuiet()
    connections[key].isPressed = true
    connections[key].connection.limitBuffers(to: fairShare)
    connections[key].connection.releaseIdleBuffers()
  }

  /// Memory has come back.
  @inline(never)
  mutating func relieve(_ key: ConnectionKey) {
    connections[key].isPressed = false
    connections[key].connection.liftBufferLimit()
  }

  /// Looks at those that have waited longest to be looked at.
  private mutating func reclaimFromQuiet() {
    for _ in 0..<Self.reclaimed {
      guard let index = bufferedConnections.first, let key = connections.key(at: index) else { return }
      if !connections[key].isBusy { giveBack(key) }
      if connections[key].charged == 0 { forgetBuffers(index) } else { bufferedConnections.rotate() }
    }
  }

  /// A quiet connection gives back what its buffers don't need.
  mutating func giveBack(_ key: ConnectionKey) {
    let before = connections[key].charged
    connections[key].connection.releaseIdleBuffers()
    connections[key].charged = connections[key].connection.bufferedBytes
    budget.release(before - connections[key].charged)
  }

  /// A connection's buffers take no memory any more.
  mutating func forgetBuffers(_ index: UInt32) {
    guard bufferedConnections.contains(index) else { return }
    bufferedConnections.remove(index)
    bufferedCount -= 1
  }
}
