// Holds UDP (RFC 768, RFC 1122 §4.1): sockets, what arrives for them and what they send.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

extension Stack {
  // MARK: Arrival

  mutating func receiveDatagram(_ bytes: RawSpan, _ arrival: Arrival, packet: RawSpan) {
    guard let parsed = try? UDPHeader.parse(bytes) else { return unreadable(bytes, arrival, .malformed) }
    // RFC 8200 §8.1 wants a checksum for IPv6; the header knows.
    if arrival.checksum == .unverified,
      !parsed.header.hasValidChecksum(bytes, source: arrival.source, destination: arrival.destination)
    {
      return unreadable(bytes, arrival, .badChecksum)
    }
    let content = DatagramRecord.Content.udp(
      sourcePort: parsed.header.sourcePort, destinationPort: parsed.header.destinationPort)
    statistics.udp.datagramsReceived += 1
    let local = Endpoint(address: arrival.destination, port: parsed.header.destinationPort)
    guard let key = datagramTaker(at: local) else {
      statistics.udp.noPort += 1
      if observing { observeDatagram(arrival, content, length: bytes.byteCount, dropped: .noListener) }
      // RFC 1122 §4.1.3.1.
      let code =
        arrival.source.version == .v4 ? ICMPv4Message.portUnreachable : ICMPv6Message.portUnreachable
      return sendUnreachable(code, about: packet, arrival)
    }
    let payload = bytes.extracting(parsed.payload)
    let source = Endpoint(address: arrival.source, port: parsed.header.sourcePort)
    let isKept = keep(payload, from: source, to: local, in: key)
    if observing {
      observeDatagram(arrival, content, length: bytes.byteCount, dropped: isKept ? nil : .noMemory)
    }
  }

  private mutating func unreadable(_ bytes: RawSpan, _ arrival: Arrival, _ reason: DropReason) {
    statistics.udp.malformed += 1
    if observing { observeDatagram(arrival, .other, length: bytes.byteCount, dropped: reason) }
  }

  private mutating func keep(
    _ payload: RawSpan, from source: Endpoint, to local: Endpoint, in key: DatagramSocketKey
  ) -> Bool {
    guard !datagramSockets[key].waiting.isFull, datagramSockets[key].bytes.free >= payload.byteCount,
      budget.hasRoom(payload.byteCount + datagramSockets[key].charged)
    else {
      statistics.udp.overflows += 1
      return false
    }
    _ = datagramSockets[key].bytes.append(payload)
    datagramSockets[key].waiting.append(
      ReceivedDatagram(
        source: source, destination: local.address, destinationPort: local.port, length: payload.byteCount))
    recharge(key)
    datagramNews.append(key.index)
    return true
  }

  private mutating func recharge(_ key: DatagramSocketKey) {
    let allocated = datagramSockets[key].bytes.allocatedBytes
    budget.release(datagramSockets[key].charged)
    budget.charge(allocated)
    datagramSockets[key].charged = allocated
  }

  // MARK: Calls

  /// Binds a UDP socket to an address and port.
  ///
  /// - Parameter endpoint: which of the host's addresses, or all; port 0 lets the host choose one.
  /// - Throws: `addressInUse`, `addressNotAvailable`, `noEphemeralPort`, `tooMany`, `noMemory`.
  public mutating func bind(_ endpoint: ListenEndpoint) throws(SocketError) -> UDPSocketID {
    try checkLocal(endpoint.address)
    var endpoint = endpoint
    if endpoint.port == 0 { endpoint = try freeDatagramEndpoint(at: endpoint.address) }
    guard datagramSocket(holding: endpoint) == nil else { throw .addressInUse(endpoint) }
    let key = try insertDatagramSocket(at: endpoint)
    datagramPorts.insert(key.index, hash: UInt64(endpoint.port))
    return UDPSocketID(key)
  }

  /// Makes a socket, to which no port leads yet.
  mutating func insertDatagramSocket(at endpoint: ListenEndpoint) throws(SocketError) -> DatagramSocketKey {
    guard budget.hasRoom(DatagramSocket.footprint) else { throw .noMemory(budget: budget.limit) }
    guard
      let key = datagramSockets.insert(
        DatagramSocket(
          endpoint: endpoint, timeToLive: configuration.timeToLive, byteLimit: configuration.socketQueueBytes,
          limit: configuration.socketQueueLimit))
    else { throw .tooMany(.datagramSockets, limit: datagramSockets.limit) }
    budget.charge(DatagramSocket.footprint)
    return key
  }

  private mutating func freeDatagramEndpoint(at address: IPAddress?) throws(SocketError) -> ListenEndpoint {
    let nobody = Endpoint(address: .unspecified(address?.version ?? .v4), port: 0)
    let start = ports.draw(local: address ?? nobody.address, remote: nobody)
    for step in 0..<ports.count {
      let endpoint = ListenEndpoint(address: address, port: ports.port(step, from: start))
      if !isBound(endpoint.port) { return endpoint }
    }
    throw .noEphemeralPort(to: nobody)
  }

  private func isBound(_ port: UInt16) -> Bool {
    var cursor = datagramPorts.cursor(for: UInt64(port))
    while let number = datagramPorts.next(&cursor) {
      if let key = datagramSockets.key(at: number), datagramSockets[key].endpoint.port == port { return true }
    }
    return false
  }

  /// Where a UDP socket is bound.
  public func endpoint(of socket: UDPSocketID) throws(SocketError) -> ListenEndpoint {
    guard datagramSockets.contains(socket.key) else { throw .noSuchSocket }
    return datagramSockets[socket.key].endpoint
  }

  /// Queues a datagram. One that is larger than the link's MTU leaves in fragments.
  ///
  /// - Throws: `datagramTooLong` above 65,507 octets (IPv4) or 65,527 (IPv6); `queueFull`, which passes when the
  ///   driver has sent some; why there is no way to the destination.
  public mutating func send(
    _ payload: RawSpan, from socket: UDPSocketID, to remote: Endpoint, at instant: Instant
  ) throws(SocketError) {
    try send(payload, from: socket, in: nil, to: remote, at: instant)
  }

  /// - Parameter name: whose datagram it says to be; nil: the socket's.
  mutating func send(
    _ payload: RawSpan, from socket: UDPSocketID, in name: Endpoint?, to remote: Endpoint, at instant: Instant
  ) throws(SocketError) {
    advance(to: instant)
    guard datagramSockets.contains(socket.key) else { throw .noSuchSocket }
    guard remote.port != 0 else { throw .invalidRemotePort }
    let local = datagramSockets[socket.key].endpoint
    // A wildcard address leaves the choice to the route.
    let address = local.address.flatMap { $0.isUnspecified ? nil : $0 }
    let (link, route) = try path(to: remote.address, from: address)
    let source = name?.address ?? route
    let limit = Self.datagramLimit(remote.address.version)
    guard payload.byteCount <= limit else {
      throw .datagramTooLong(length: payload.byteCount, limit: limit)
    }
    let length = payload.byteCount + OutgoingDatagram.firstLength
    let pseudo = PseudoHeader.sum(
      source: source, destination: remote.address, protocolNumber: IPProtocol.udp, length: length)
    let first = OutgoingDatagram.udp(
      from: name?.port ?? local.port, to: remote.port, payload: payload, pseudoHeader: pseudo)
    let header = PacketHeader(
      source: source, destination: remote.address, protocolNumber: IPProtocol.udp,
      timeToLive: datagramSockets[socket.key].timeToLive, trafficClass: 0)
    guard queue(header, first: first, payload: payload, on: link) else { throw .queueFull }
    statistics.udp.datagramsSent += 1
  }

  /// Octets of data that a datagram can hold (RFC 768, RFC 791 §3.1, RFC 8200 §3).
  private static func datagramLimit(_ version: IPVersion) -> Int {
    switch version {
    case .v4: 65_535 - 20 - OutgoingDatagram.firstLength
    case .v6: 65_535 - OutgoingDatagram.firstLength
    }
  }

  /// Takes the datagram that has waited longest at a socket, its data appended to `destination`.
  /// - Returns: where it came from; nil when none waits.
  public mutating func receive(
    from socket: UDPSocketID, into destination: inout OutputRawSpan
  ) throws(SocketError) -> ReceivedDatagram? {
    let key = socket.key
    guard datagramSockets.contains(key) else { throw .noSuchSocket }
    guard var datagram = datagramSockets[key].waiting.popFirst() else { return nil }
    let taken = min(datagram.length, destination.freeCapacity)
    datagramSockets[key].bytes.copy(from: 0, count: taken, into: &destination)
    datagramSockets[key].bytes.discard(datagram.length)
    datagram.isTruncated = taken < datagram.length
    datagramSockets[key].bytes.releaseIfEmpty()
    recharge(key)
    if !datagramSockets[key].waiting.isEmpty { datagramNews.append(key.index) }
    return datagram
  }

  /// Sets the time to live, or hop limit, of datagrams to come.
  public mutating func setTimeToLive(_ hops: UInt8, of socket: UDPSocketID) throws(SocketError) {
    guard hops > 0 else { throw .invalidTimeToLive }
    guard datagramSockets.contains(socket.key) else { throw .noSuchSocket }
    datagramSockets[socket.key].timeToLive = hops
  }

  /// Frees a UDP socket; what waits in it is lost.
  public mutating func close(_ socket: UDPSocketID) throws(SocketError) {
    guard datagramSockets.contains(socket.key) else { throw .noSuchSocket }
    let record = datagramSockets.remove(socket.key)
    datagramPorts.remove(socket.key.index, hash: UInt64(record.endpoint.port))
    datagramNews.remove(socket.key.index)
    budget.release(DatagramSocket.footprint + record.charged)
  }

  /// Keeps a datagram or message until the driver has room for it.
  /// - Returns: false when there is no room to keep it.
  mutating func queue(_ header: PacketHeader, first: UInt64, payload: RawSpan, on link: LinkID) -> Bool {
    var header = header
    let length = payload.byteCount + OutgoingDatagram.firstLength
    let identification = identifications.next()
    // Anybody on the way may cut it, unless it is small enough for all of them (RFC 6864 §4).
    header.dontFragment = false
    header.identification = UInt16(truncatingIfNeeded: identification)
    return datagrams.append(
      OutgoingDatagram(
        header: header, link: link, unit: pathMTU(towards: header.destination, over: link), first: first,
        length: length, identification: identification),
      payload: payload)
  }
}
