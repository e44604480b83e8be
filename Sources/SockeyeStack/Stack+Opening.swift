// Holds OPEN, passive and active (RFC 9293 §3.10.1): listen, accept, connect. What is done with a connection
// afterwards is in Stack+Sockets.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

extension Stack {
  // MARK: Passive

  /// Passive OPEN: takes connections to an address and port, until the listener is closed.
  ///
  /// A listener on an address is preferred to one on all addresses. A connection under way from the same port
  /// is no hindrance (RFC 9293 §3.9.1.1 MUST-42).
  ///
  /// - Parameters:
  ///   - endpoint: which of the host's addresses, or all; port 0 lets the host choose one.
  ///   - backlog: how many connections may wait to be accepted; 16 times as many handshakes may be under way, and
  ///     what comes beyond is answered with SYN cookies (`StackConfiguration.synCookies`).
  ///   - fastOpenLimit: how many connections may begin with the text of their SYN and have their handshake under way, if
  ///     the configuration allows that at all; what comes beyond gets a plain handshake (RFC 7413 §5.1). Such a connection
  ///     can be accepted, read and written while it is in SYN-RECEIVED; `SocketEvent.connected` tells of its end.
  ///   - configuration: that of the connections; nil: the host's.
  /// - Throws: `addressInUse`, `addressNotAvailable`, `invalidBacklog`, `configuration`, `tooMany`, `noMemory`.
  public mutating func listen(
    on endpoint: ListenEndpoint, backlog: Int = 15, fastOpenLimit: Int = 0,
    configuration: TCPConfiguration? = nil
  ) throws(SocketError) -> ListenerID {
    guard backlog >= 1, backlog <= 1 << 16 else { throw .invalidBacklog(backlog) }
    guard fastOpenLimit >= 0, fastOpenLimit <= 1 << 16 else { throw .invalidBacklog(fastOpenLimit) }
    try checkLocal(endpoint.address)
    let settings = try validated(configuration)
    var endpoint = endpoint
    if endpoint.port == 0 { endpoint = try freeListenEndpoint(at: endpoint.address) }
    // RFC 9293 §3.9.1.1 MUST-41: what is there is left as it is.
    guard listener(holding: endpoint) == nil else { throw .addressInUse(endpoint) }
    let key = try insertListener(
      at: endpoint, backlog: backlog, fastOpenLimit: fastOpenLimit, configuration: settings)
    listenerPorts.insert(key.index, hash: UInt64(endpoint.port))
    if observing { observeListener(endpoint, from: .closed, to: .listen) }
    return ListenerID(key)
  }

  /// Makes a listener, to which no port leads yet.
  mutating func insertListener(
    at endpoint: ListenEndpoint, backlog: Int, fastOpenLimit: Int, configuration settings: TCPConfiguration
  ) throws(SocketError) -> ListenerKey {
    guard backlog >= 1, backlog <= 1 << 16 else { throw .invalidBacklog(backlog) }
    let footprint = MemoryLayout<Listener>.stride
    guard budget.hasRoom(footprint) else { throw .noMemory(budget: budget.limit) }
    guard
      let key = listeners.insert(
        Listener(
          endpoint: endpoint, configuration: settings, backlog: backlog, fastOpenLimit: fastOpenLimit,
          timeToLive: self.configuration.timeToLive, trafficClass: 0))
    else { throw .tooMany(.listeners, limit: listeners.limit) }
    budget.charge(footprint)
    return key
  }

  mutating func removeListener(_ key: ListenerKey) {
    let record = listeners.remove(key)
    listenerPorts.remove(key.index, hash: UInt64(record.endpoint.port))
    listenerNews.remove(key.index)
    budget.release(MemoryLayout<Listener>.stride)
    if observing { observeListener(record.endpoint, from: .listen, to: .closed) }
  }

  private mutating func freeListenEndpoint(at address: IPAddress?) throws(SocketError) -> ListenEndpoint {
    let nobody = Endpoint(address: .unspecified(address?.version ?? .v4), port: 0)
    let start = ports.draw(local: address ?? nobody.address, remote: nobody)
    for step in 0..<ports.count {
      let port = ports.port(step, from: start)
      if !isListening(on: port) { return ListenEndpoint(address: address, port: port) }
    }
    throw .noEphemeralPort(to: nobody)
  }

  /// Where a listener listens.
  public func endpoint(of listener: ListenerID) throws(SocketError) -> ListenEndpoint {
    guard listeners.contains(listener.key) else { throw .noSuchListener }
    return listeners[listener.key].endpoint
  }

  /// Changes how the connections of a listener are configured, those whose handshake begins from now on.
  /// - Throws: `noSuchListener`, `configuration`; then nothing has changed.
  public mutating func setConfiguration(
    _ configuration: TCPConfiguration, of listener: ListenerID
  ) throws(SocketError) {
    guard listeners.contains(listener.key) else { throw .noSuchListener }
    listeners[listener.key].configuration = try validated(configuration)
  }

  /// Connections of a listener that wait to be accepted.
  public func waitingCount(of listener: ListenerID) throws(SocketError) -> Int {
    guard listeners.contains(listener.key) else { throw .noSuchListener }
    return listeners[listener.key].waiting.count
  }

  /// Takes over the connection that has waited longest at a listener.
  /// - Returns: nil when none waits.
  public mutating func accept(_ listener: ListenerID) throws(SocketError) -> ConnectionID? {
    guard listeners.contains(listener.key) else { throw .noSuchListener }
    guard let key = listeners[listener.key].waiting.popFirst() else { return nil }
    connections[key].ownership = .user
    // That it is connected the user knows by now.
    connections[key].news.subtract([.connected, .writable])
    if !connections[key].news.isEmpty { connectionNews.append(key.index) }
    if !listeners[listener.key].waiting.isEmpty { listenerNews.append(listener.key.index) }
    return ConnectionID(key)
  }

  /// CLOSE of a listener (RFC 9293 §3.10.4): handshakes under way are forgotten, and connections that nobody has
  /// accepted are reset. Accepted ones stay.
  public mutating func close(_ listener: ListenerID, at instant: Instant) throws(SocketError) {
    advance(to: instant)
    guard listeners.contains(listener.key) else { throw .noSuchListener }
    var next: UInt32 = 0
    while let key = handshakes.firstKey(from: next) {
      next = key.index + 1
      if handshakes[key].listener == listener.key { endHandshake(key, as: .closed) }
    }
    while let key = listeners[listener.key].waiting.popFirst() {
      connections[key].ownership = .nobody
      abort(key)
    }
    if forwarding?.listener == listener.key { forwarding = nil }
    removeListener(listener.key)
  }

  // MARK: Active

  /// Active OPEN: begins a connection. `SocketEvent.connected` or `.closed` says how it ends.
  ///
  /// - Parameters:
  ///   - remote: whom to connect to.
  ///   - address: which of the host's addresses to use; nil lets the route decide (RFC 9293 §3.9.1.1 MUST-44).
  ///   - port: the local port; 0 lets the host choose one that cannot be guessed (RFC 6056).
  ///   - configuration: nil: the host's.
  /// - Throws: why no connection can be begun; nothing has been sent then.
  public mutating func connect(
    to remote: Endpoint, from address: IPAddress? = nil, port: UInt16 = 0,
    configuration: TCPConfiguration? = nil, at instant: Instant
  ) throws(SocketError) -> ConnectionID {
    let key = try open(to: remote, from: address, port: port, configuration: configuration, at: instant)
    settle(key)
    return ConnectionID(key)
  }

  /// Active OPEN with text for the peer. Where `TCPConfiguration.fastOpen` allows it and the peer has given a cookie
  /// before, as much of it as fits leaves with the SYN, and the peer may get that part twice (RFC 7413 §6.1); otherwise
  /// it waits for the handshake, as what is written after `connect` does.
  ///
  /// - Parameter text: what is to be sent first.
  /// - Returns: the connection, and how many octets were taken into its send buffer.
  /// - Throws: as `connect` without text.
  public mutating func connect(
    to remote: Endpoint, from address: IPAddress? = nil, port: UInt16 = 0,
    configuration: TCPConfiguration? = nil, sending text: RawSpan, at instant: Instant
  ) throws(SocketError) -> (connection: ConnectionID, taken: Int) {
    let key = try open(to: remote, from: address, port: port, configuration: configuration, at: instant)
    // A connection that has just begun takes what its buffer and the host's budget hold.
    let room = hasRoomForData(text.byteCount, of: key)
    let taken = room ? (try? connections[key].connection.write(text, at: now)) ?? 0 : 0
    settle(key)
    return (ConnectionID(key), taken)
  }

  private mutating func open(
    to remote: Endpoint, from address: IPAddress?, port: UInt16, configuration: TCPConfiguration?,
    at instant: Instant
  ) throws(SocketError) -> ConnectionKey {
    advance(to: instant)
    let settings = try validated(configuration)
    guard remote.port != 0 else { throw .invalidRemotePort }
    let (link, source) = try path(to: remote.address, from: address)
    let local = Endpoint(address: source, port: try port == 0 ? freePort(from: source, to: remote) : port)
    let tuple = FourTuple(local: local, remote: remote)
    // RFC 9293 §3.10.1: TIME-WAIT counts as a connection that exists.
    guard flow(tuple) == nil else { throw .connectionExists(tuple) }
    guard budget.hasRoom(ConnectionRecord.footprint) else { throw .noMemory(budget: budget.limit) }
    let path = pathForConnection(towards: remote.address, over: link)
    let authenticator = newAuthenticator(for: tuple)
    if authenticator == nil, settings.requiresAuthentication { throw .noKeys(for: remote) }
    var parameters = OpenParameters(
      configuration: settings, version: tuple.version,
      initialSequence: initialSequences.initialSequence(for: tuple, at: now),
      timestampOffset: initialSequences.timestampOffset(for: tuple), pathMTU: path.limit,
      receiveMTU: interfaces.maximumTransmissionUnit(of: link))
    parameters.provenPathMTU = path.proven
    if authenticator != nil { parameters.addedOptions = AuthenticationOption.length }
    authenticator?.begin(at: parameters.initialSequence)
    parameters.receiveAllowance = firstBuffer
    prepareFastOpen(&parameters, from: source, to: remote.address)
    let envelope = Envelope(
      tuple: tuple, link: link, timeToLive: self.configuration.timeToLive, trafficClass: 0,
      flowKey: self.configuration.keys.identification)
    guard
      let key = connections.insert(
        ConnectionRecord(
          connection: Connection(opening: parameters, at: now), envelope: envelope, ownership: .user,
          pathMTU: path.limit, authenticator: authenticator))
    else { throw .tooMany(.connections, limit: connections.limit) }
    timersBefore = ArmedTimers()
    begin(key)
    statistics.tcp.activeOpens += 1
    return key
  }

  /// The link to a destination and the address to send from.
  mutating func path(to remote: IPAddress, from address: IPAddress?) throws(SocketError) -> (
    LinkID, IPAddress
  ) {
    // RFC 9293 §3.9.1.1 MUST-46.
    switch interfaces.classify(remote) {
    case .multicast, .broadcast, .unspecified: throw .invalidRemoteAddress(remote)
    case .local, .foreign: break
    }
    if remote.isNobody { throw .invalidRemoteAddress(remote) }
    try checkLocal(address)
    if let address, address.version != remote.version {
      throw .versionMismatch(local: address, remote: remote)
    }
    // What the host sends to itself comes from the address it goes to, unless one is asked for.
    if interfaces.owns(remote) { return (.loopback, address ?? remote) }
    guard let route = routeTable.route(to: remote) else {
      statistics.ip.noRoute += 1
      throw .noRoute(to: remote)
    }
    if let address {
      // Nobody outside can answer a loopback address.
      guard !address.isLoopback else { throw .noRoute(to: remote) }
      return (route.link, address)
    }
    guard let source = interfaces.source(towards: remote, by: route) else { throw .noRoute(to: remote) }
    return (route.link, source)
  }

  /// An ephemeral port with which the four-tuple is new (RFC 6056 §3.3; A-42).
  private mutating func freePort(from address: IPAddress, to remote: Endpoint) throws(SocketError) -> UInt16 {
    let start = ports.draw(local: address, remote: remote)
    for step in 0..<ports.count {
      let port = ports.port(step, from: start)
      // Ports of services are left to them (RFC 6056 §3.2).
      if isListening(on: port) { continue }
      let tuple = FourTuple(local: Endpoint(address: address, port: port), remote: remote)
      if flow(tuple) == nil { return port }
    }
    throw .noEphemeralPort(to: remote)
  }

  // MARK: Checks

  /// A local address must be the host's own, or stand for all of a version.
  func checkLocal(_ address: IPAddress?) throws(SocketError) {
    guard let address, !address.isUnspecified else { return }
    guard interfaces.owns(address) else { throw .addressNotAvailable(address) }
  }

  func validated(_ configuration: TCPConfiguration?) throws(SocketError) -> TCPConfiguration {
    let settings = configuration ?? self.configuration.tcp
    do throws(ConfigurationError) {
      try settings.validate()
    } catch {
      throw .configuration(error)
    }
    return settings
  }
}
