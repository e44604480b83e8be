// What a host's stack has told and its program has not yet acted on, kept by what programs ask for, so that it grows
// with the number of connections and not with time.

import SockeyeStack

/// The news of one host.
struct HostNews {
  private(set) var readable: Set<ConnectionID> = []
  private(set) var peerFinished: Set<ConnectionID> = []
  private(set) var closed: [ConnectionID: CloseReason] = [:]

  mutating func note(_ event: SocketEvent) {
    switch event {
    case .readable(let id): readable.insert(id)
    case .peerFinished(let id): peerFinished.insert(id)
    case .closed(let id, let reason): closed[id] = reason
    case .connected, .acceptable, .urgent, .writable, .drained, .retransmissionTrouble, .softError, .datagram,
      .datagramError, .echoReply, .echoError:
      // Programs ask the stack itself.
      break
    }
  }

  /// What there is has been read.
  mutating func forgetReadable(_ id: ConnectionID) { readable.remove(id) }
}
