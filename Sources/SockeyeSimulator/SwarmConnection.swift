// Holds one connection of a random world while it runs: the two applications, what they have written and read, and how they were
// told that it is over. When they act is SwarmRun's affair.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP

/// One application and its end of the connection.
final class SwarmEnd {
  let host: NetworkHost
  let plan: SwarmSide
  /// Where in the pattern its text begins, so that no two texts are the same.
  let base: UInt64
  var id: ConnectionID?
  /// Of which start of the host the identifier is.
  var boots = 0
  var written: UInt64 = 0
  var writes = 0
  var read: UInt64 = 0
  var isConnected = false
  var hasFinished = false
  var peerFinished = false
  /// It gave reading up: ABORT, or CLOSE altogether.
  var hasLeft = false
  var reason: CloseReason?
  /// Its host lost its memory.
  var isLost = false
  var nextWrite = Instant.zero
  var nextRead = Instant.zero

  init(host: NetworkHost, plan: SwarmSide, base: UInt64, opens: Instant) {
    self.host = host
    self.plan = plan
    self.base = base
    nextRead = opens + plan.readDelay
  }

  /// Whether nothing more is to be expected of it.
  var isOver: Bool { reason != nil || isLost }

  /// The connection, if the host still knows it.
  var live: ConnectionID? { reason == nil && !isLost && host.boots == boots ? id : nil }

  /// Octets that it may have written by now.
  var allowance: UInt64 {
    switch plan.rhythm {
    case .free: plan.bytes
    case .alternating(let mine, let peers, let begins):
      min(plan.bytes, (read / UInt64(peers) + (begins ? 1 : 0)) * UInt64(mine))
    }
  }
}

/// One connection.
final class SwarmConnection {
  let number: Int
  let plan: SwarmFlow
  let client: SwarmEnd
  let server: SwarmEnd
  var listener: ListenerID?
  var isOpened = false
  /// Something has happened after which it need not come to the end that its applications wanted.
  var isBroken = false
  /// The octet of the wrong one that a test plants was changed.
  var hasWrongByte = false

  init(number: Int, plan: SwarmFlow, client: NetworkHost, server: NetworkHost, opens: Instant) {
    self.number = number
    self.plan = plan
    // Far enough apart for no part of one text to be one of another.
    self.client = SwarmEnd(
      host: client, plan: plan.clientSide, base: UInt64(number) * 7919, opens: opens)
    self.server = SwarmEnd(
      host: server, plan: plan.serverSide, base: UInt64(number) * 7919 + 32_768, opens: opens)
  }

  /// The port of the server, and of the client where both must be known.
  var port: UInt16 { UInt16(1000 + number) }
  var clientPort: UInt16 { UInt16(3000 + number) }

  func peer(of end: SwarmEnd) -> SwarmEnd { end === client ? server : client }

  /// Whether both ends are over, or never began.
  var isOver: Bool {
    guard isOpened else { return false }
    return client.isOver && (server.isOver || server.id == nil && (isBroken || client.reason != nil))
  }

  /// Whether an end may have ended for this reason, all in order.
  func expects(_ reason: CloseReason, at end: SwarmEnd, _ plan: SwarmPlan) -> Bool {
    let tcp = end.plan.tcp
    switch reason {
    case .finished: return true
    // The rude ones break the connection when they are rude.
    case .aborted, .refused, .orphaned, .noResources: return false
    case .reset:
      // RFC 9293 §3.6.1: whose FIN is not acknowledged within 2 MSL finds nobody in TIME-WAIT any more.
      // The peer has read all, and what it sent was acknowledged before its own end.
      if peer(of: end).reason == .finished, peer(of: end).read == end.plan.bytes { return true }
      // Where a cookie stands for the handshake, only the ACK or text right behind the SYN can bring it back; what comes first
      // of what follows is reset.
      return plan.hosts[self.plan.server].alwaysSendsCookies
    case .timedOut:
      // Retransmissions are at most two minutes apart, and the last one before the network heals may be lost.
      guard let patience = tcp.userTimeout else { return false }
      return patience < plan.heals + .seconds(130)
    case .keepAliveTimedOut:
      guard let keepAlive = tcp.keepAlive else { return false }
      return keepAlive.idle + keepAlive.interval * keepAlive.probes < plan.heals + .seconds(10)
    case .unreachable:
      // IPv6 has no checksum over its header, so that a changed bit may bring an error of a router.
      return self.plan.version == .v6 && plan.changesBits
    }
  }
}

extension SwarmPlan {
  var changesBits: Bool {
    for link in links {
      if link.forward.corruption != .never || link.backward.corruption != .never { return true }
    }
    return false
  }
}
