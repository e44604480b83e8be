// What is always true of a host between two calls, once all frames were taken out. Simulations ask for it in every build; what
// is true of one connection stands in SockeyeTCP.

import SockeyeBytes
import SockeyeTCP

extension Stack {
  /// What should always hold and does not; nil if everything does. It takes time in proportion to the host's records, and is to
  /// be asked when all frames were taken out.
  package func violation() -> StaticString? {
    var charged = listeners.count * MemoryLayout<Listener>.stride + timeWaits.count * TimeWaitEntry.footprint
    var next: UInt32 = 0
    while let key = connections.firstKey(from: next) {
      next = key.index + 1
      charged += ConnectionRecord.footprint + connections[key].charged
      if let violation = connections[key].connection.violation() ?? violation(of: key) { return violation }
    }
    next = 0
    while let key = handshakes.firstKey(from: next) {
      next = key.index + 1
      charged += handshakes[key].charged
      if handshakeDeadlines.deadline(of: key.index) == nil, !readyHandshakes.contains(key.index) {
        return "a handshake has a timer"
      }
    }
    next = 0
    while let key = datagramSockets.firstKey(from: next) {
      next = key.index + 1
      charged += DatagramSocket.footprint + datagramSockets[key].charged
    }
    if charged != budget.used { return "the budget is what the records were charged" }
    return nil
  }

  private func violation(of key: ConnectionKey) -> StaticString? {
    if connections[key].charged != connections[key].connection.bufferedBytes {
      return "a connection is charged what its buffers take"
    }
    if readyConnections.contains(key.index) { return nil }
    guard let deadline = connections[key].connection.nextDeadline(after: now) else { return nil }
    if connections[key].deadline > deadline { return "the host knows of a connection's next deadline" }
    guard let known = connectionDeadlines.deadline(of: key.index), known <= deadline else {
      return "the host comes back at a connection's next deadline"
    }
    return nil
  }
}
