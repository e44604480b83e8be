// Holds what a host keeps that takes connections and datagrams for anybody: requests that wait for a decision. What is done
// with them is in Stack+Forwarding.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

typealias OpenRequestKey = Slab<OpenRequest>.Key

/// A connection that somebody asks for, until it is decided what becomes of it.
public struct OpenRequestID: Hashable, Sendable {
  private let index: UInt32
  private let generation: UInt32

  init(_ key: OpenRequestKey) {
    index = key.index
    generation = key.generation
  }

  var key: OpenRequestKey { OpenRequestKey(index: index, generation: generation) }
}

/// What becomes of a connection that somebody asks for.
public enum OpenDecision: UInt8, Sendable, CaseIterable {
  /// The handshake goes on, as with a listener of that address and port.
  case accept
  /// The SYN is answered with a reset: nobody listens there (RFC 9293 §3.10.7.1).
  case reset
  /// The SYN has got lost, so to say. The client sends it again, and is asked about again.
  case ignore
}

/// What forwards: its sockets have no address and port of their own, and take what is for anybody but the host.
public struct Forwarder: Sendable, Hashable {
  /// Where `accept` gives connections. Their local end is the address and port that the client asked for.
  public let listener: ListenerID
  /// Where datagrams come in (`receive`), each with the endpoint it was for, and from where they are sent in any endpoint's
  /// name (`send(_:from:as:to:at:)`).
  public let socket: UDPSocketID
}

/// A SYN that waits for a decision.
struct OpenRequest {
  let tuple: FourTuple
  let header: TCPHeader
  let arrival: Arrival
}

/// The state of a host's forwarder.
final class Forwarding {
  let link: LinkID
  let listener: ListenerKey
  let socket: DatagramSocketKey
  var requests: Slab<OpenRequest>
  /// From the keyed hash of a four-tuple to its request.
  var index = HashIndex()
  /// Requests that the user has not heard of.
  var news: BoundedQueue<OpenRequestKey>
  /// The request that has been granted and whose SYN is looked at again.
  var granted: FourTuple?

  init(link: LinkID, listener: ListenerKey, socket: DatagramSocketKey, limit: Int) {
    self.link = link
    self.listener = listener
    self.socket = socket
    requests = Slab(limit: limit)
    news = BoundedQueue(limit: limit)
  }
}
