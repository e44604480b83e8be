// Holds forwarding: a host that takes TCP connections and UDP datagrams for any address, as transparent proxies, VPNs and
// gateways of virtual machines do. The sockets behind it are those of Stack+Opening and Stack+Datagrams.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

extension Stack {
  // MARK: Calls

  /// Begins to take what a link brings for any unicast address that is not the host's own. What is for the host's own
  /// addresses goes to its listeners and sockets as ever; those on all addresses get nothing that is for others.
  ///
  /// `nextOpenRequest` tells of each connection that somebody asks for, before anything is answered; `answer(_:with:at:)`
  /// decides. Datagrams come to the forwarder's socket.
  ///
  /// - Parameters:
  ///   - link: where packets for anybody come from. One link of a host can forward.
  ///   - backlog: how many connections may wait to be accepted; 16 times as many handshakes may be under way.
  ///   - requestLimit: how many SYNs may wait for a decision; those that come beyond are dropped, and clients send them again.
  ///   - configuration: that of the connections; nil: the host's.
  /// - Throws: `addressInUse` when the host forwards already; as `listen` and `bind`.
  public mutating func openForwarder(
    on link: LinkID, backlog: Int = 128, requestLimit: Int = 1024, configuration: TCPConfiguration? = nil
  ) throws(SocketError) -> Forwarder {
    precondition(interfaces.contains(link) && link != .loopback, "packets come from a link of this host")
    let nowhere = ListenEndpoint(port: 0)
    guard forwarding == nil else { throw .addressInUse(nowhere) }
    guard requestLimit >= 1, requestLimit <= 1 << 16 else { throw .invalidBacklog(requestLimit) }
    let listener = try insertListener(
      at: nowhere, backlog: backlog, fastOpenLimit: 0, configuration: try validated(configuration))
    let socket: DatagramSocketKey
    do throws(SocketError) {
      socket = try insertDatagramSocket(at: nowhere)
    } catch {
      removeListener(listener)
      throw error
    }
    forwarding = Forwarding(link: link, listener: listener, socket: socket, limit: requestLimit)
    lastAdmitted = nil
    return Forwarder(listener: ListenerID(listener), socket: UDPSocketID(socket))
  }

  /// Takes nothing more for others. Connections that were accepted stay.
  public mutating func closeForwarder(at instant: Instant) {
    guard let forwarding else { return }
    self.forwarding = nil
    lastAdmitted = nil
    try? close(ListenerID(forwarding.listener), at: instant)
    try? close(UDPSocketID(forwarding.socket))
  }

  /// Takes out the next connection that somebody asks for and that the user has not heard of. The driver looks after each
  /// frame, as for events.
  public mutating func nextOpenRequest() -> OpenRequestID? {
    forwarding?.news.popFirst().map { OpenRequestID($0) }
  }

  /// Who asks for a connection, and with whom: the local end is the address and port that was asked for.
  /// - Throws: `noSuchConnection` when it has been decided.
  public func endpoints(of request: OpenRequestID) throws(SocketError) -> FourTuple {
    guard let forwarding, forwarding.requests.contains(request.key) else { throw .noSuchConnection }
    return forwarding.requests[request.key].tuple
  }

  /// Decides what becomes of a connection that somebody asks for. Every request must be answered; until then it takes one
  /// of `requestLimit` places.
  /// - Throws: `noSuchConnection` when it has been decided.
  public mutating func answer(
    _ request: OpenRequestID, with decision: OpenDecision, at instant: Instant
  ) throws(SocketError) {
    advance(to: instant)
    guard let forwarding, forwarding.requests.contains(request.key) else { throw .noSuchConnection }
    let record = forwarding.requests.remove(request.key)
    forwarding.index.remove(request.key.index, hash: record.tuple.hash(with: configuration.keys.tables))
    let (tuple, header) = (record.tuple, record.header)
    switch decision {
    case .accept:
      // The SYN is looked at as if it had come just now: what its four-tuple leads to may have changed.
      forwarding.granted = tuple
      segmentArrived(tuple, header, RawSpan(), record.arrival)
      forwarding.granted = nil
    case .reset:
      refuse(
        SegmentPlan.reset(answering: header, payloadLength: 0), tuple, record.arrival,
        timeToLive: configuration.timeToLive, trafficClass: 0)
    case .ignore:
      break
    }
  }

  /// Queues a datagram in the name of any endpoint, the host's own or another's.
  /// - Throws: as `send(_:from:to:at:)`; `versionMismatch`.
  public mutating func send(
    _ payload: RawSpan, from socket: UDPSocketID, as local: Endpoint, to remote: Endpoint, at instant: Instant
  ) throws(SocketError) {
    guard local.address.version == remote.address.version else {
      throw .versionMismatch(local: local.address, remote: remote.address)
    }
    try send(payload, from: socket, in: local, to: remote, at: instant)
  }

  /// Answers a datagram of the forwarder's socket with "port unreachable" in the name of whom it was for
  /// (RFC 1122 §4.1.3.1, RFC 4443 §3.1); only so many a second.
  public mutating func refuse(_ datagram: ReceivedDatagram, beginning payload: RawSpan, at instant: Instant) {
    advance(to: instant)
    guard let forwarding else { return }
    let arrival = Arrival(
      source: datagram.source.address, destination: datagram.destination, protocolNumber: IPProtocol.udp,
      timeToLive: configuration.timeToLive, trafficClass: 0, link: forwarding.link, checksum: .verified)
    sendUnreachable(datagram: datagram, beginning: payload, arrival)
  }

  // MARK: Arrival

  /// Whether a packet for somebody else is taken.
  func forwards(_ destination: IPAddress, from link: LinkID) -> Bool {
    guard let forwarding else { return false }
    return forwarding.link == link && !destination.isNobody
  }

  /// The listener for a segment: one of the host's own for its own addresses, the forwarder's for others.
  func taker(of tuple: FourTuple) -> ListenerKey? {
    if let forwarding, !interfaces.owns(tuple.local.address) { return forwarding.listener }
    return listener(at: tuple.local)
  }

  /// The socket for a datagram, likewise.
  func datagramTaker(at local: Endpoint) -> DatagramSocketKey? {
    if let forwarding, !interfaces.owns(local.address) { return forwarding.socket }
    return datagramSocket(at: local)
  }

  /// Whether a SYN has to wait until the user has decided about it. If so, it is kept, or dropped when too many wait.
  mutating func mustAsk(
    at listener: ListenerKey, _ tuple: FourTuple, _ header: TCPHeader, _ arrival: Arrival
  ) -> Bool {
    guard let forwarding, listener == forwarding.listener, forwarding.granted != tuple else { return false }
    let hash = tuple.hash(with: configuration.keys.tables)
    var cursor = forwarding.index.cursor(for: hash)
    while let number = forwarding.index.next(&cursor) {
      // The same SYN again: it is asked about already.
      if let key = forwarding.requests.key(at: number), forwarding.requests[key].tuple == tuple {
        return true
      }
    }
    guard let key = forwarding.requests.insert(OpenRequest(tuple: tuple, header: header, arrival: arrival))
    else {
      statistics.tcp.synchronizesDropped += 1
      return true
    }
    forwarding.index.insert(key.index, hash: hash)
    forwarding.news.append(key)
    return true
  }

}
