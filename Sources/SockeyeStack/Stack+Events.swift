// Holds how news reaches the user: one event at a time, and no more of them kept than there are sockets.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

extension Stack {
  /// Takes out the next event, if there is one.
  public mutating func nextEvent() -> SocketEvent? {
    if !listenerNews.isEmpty, let event = nextListenerEvent() { return event }
    if !connectionNews.isEmpty, let event = nextConnectionEvent() { return event }
    if !datagramNews.isEmpty, let event = nextDatagramEvent() { return event }
    return otherNews.isEmpty ? nil : otherNews.popFirst()
  }

  private mutating func nextListenerEvent() -> SocketEvent? {
    while let index = listenerNews.first {
      listenerNews.remove(index)
      if let key = listeners.key(at: index), !listeners[key].waiting.isEmpty {
        return .acceptable(ListenerID(key))
      }
    }
    return nil
  }

  private mutating func nextConnectionEvent() -> SocketEvent? {
    while let index = connectionNews.first {
      guard let key = connections.key(at: index) else {
        connectionNews.remove(index)
        continue
      }
      // Most news is this.
      if connections[key].takeOnlyReadable() {
        connectionNews.remove(index)
        return .readable(ConnectionID(key))
      }
      guard let notice = connections[key].nextNews() else {
        connectionNews.remove(index)
        continue
      }
      if connections[key].news.isEmpty { connectionNews.remove(index) }
      if let event = event(of: notice, key) { return event }
    }
    return nil
  }

  private mutating func event(of notice: Notices, _ key: ConnectionKey) -> SocketEvent? {
    let id = ConnectionID(key)
    switch notice {
    case .connected: return .connected(id)
    case .urgent: return .urgent(id)
    case .readable: return .readable(id)
    case .writable: return .writable(id)
    case .drained: return .drained(id)
    case .peerFinished: return .peerFinished(id)
    // RFC 9293 §3.9.1.8 SHLD-20: reports of trouble that may pass are made only to a user who wants them.
    case .retransmissionTrouble: return connections[key].reportsSoftErrors ? .retransmissionTrouble(id) : nil
    case .softError:
      guard connections[key].reportsSoftErrors, let error = connections[key].softError else { return nil }
      return .softError(id, error)
    case .closed:
      let reason = connections[key].connection.closeReason ?? .finished
      releaseIfDone(key)
      return .closed(id, reason)
    default:
      assertionFailure("a set of one piece of news")
      return nil
    }
  }

  private mutating func nextDatagramEvent() -> SocketEvent? {
    while let index = datagramNews.first {
      datagramNews.remove(index)
      if let key = datagramSockets.key(at: index), !datagramSockets[key].waiting.isEmpty {
        return .datagram(UDPSocketID(key))
      }
    }
    return nil
  }
}

extension ConnectionRecord {
  /// Takes out the news that there is something to read, if that is all there is and the user is to hear it.
  @inline(__always)
  mutating func takeOnlyReadable() -> Bool {
    guard news == .readable, case .user = ownership else { return false }
    news = []
    return true
  }

  /// Takes out the piece of news that is told next, if the user is to hear any. The end is told last.
  mutating func nextNews() -> Notices? {
    switch ownership {
    case .user: break
    case .leaving: news.formIntersection(.closed)
    // Kept until somebody has accepted the connection.
    case .listener: return nil
    case .nobody: return nil
    }
    if news.isEmpty { return nil }
    let before = news.subtracting(.closed).rawValue
    let next = before == 0 ? .closed : Notices(rawValue: before & (~before &+ 1))
    news.remove(next)
    return next
  }
}
