// Holds how sockets come, are bound, listen, accept and connect, and how they go. What is written and read through them is
// in Session+Transfer.

import Glibc
import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeWire

extension Session {
  // MARK: socket, bind

  func openSocket(domain: Int32, type: Int32, protocolNumber: Int32) throws(SystemCallError) -> Int32 {
    guard let family = SocketFamily(domain) else { throw SystemCallError(EAFNOSUPPORT) }
    let flags = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let kind: SocketFile.Kind
    // Linux knows ten types.
    guard 0...10 ~= type & ~flags else { throw SystemCallError(EINVAL) }
    switch type & ~flags {
    case Int32(SOCK_STREAM.rawValue):
      guard protocolNumber == 0 || protocolNumber == Int32(IPPROTO_TCP) else {
        throw SystemCallError(EPROTONOSUPPORT)
      }
      kind = .stream
    case Int32(SOCK_DGRAM.rawValue):
      guard protocolNumber == 0 || protocolNumber == Int32(IPPROTO_UDP) else {
        throw SystemCallError(EPROTONOSUPPORT)
      }
      kind = .datagram
    default: throw SystemCallError(EPROTONOSUPPORT)
    }
    let socket = SocketFile(
      descriptor: try newDescriptor(), family: family, kind: kind,
      isNonBlocking: type & Int32(SOCK_NONBLOCK.rawValue) != 0)
    files[socket.descriptor] = socket
    return socket.descriptor
  }

  func bind(_ descriptor: Int32, to endpoint: Endpoint) throws(SystemCallError) {
    let socket = try socket(descriptor)
    guard case .fresh = socket.role, socket.local == nil else { throw SystemCallError(EINVAL) }
    if !endpoint.address.isUnspecified { try own(endpoint.address) }
    if socket.kind == .datagram { return try bindDatagrams(socket, endpoint) }
    if endpoint.port != 0, isTaken(endpoint, by: socket) { throw SystemCallError(EADDRINUSE) }
    socket.isBound = true
    socket.local = endpoint.port == 0 ? Endpoint(address: endpoint.address, port: freePort()) : endpoint
  }

  /// Scripts bind to the address that packetdrill has drawn; the host has it from then on.
  private func own(_ address: IPAddress) throws(SystemCallError) {
    guard !address.isMulticast else { throw SystemCallError(EADDRNOTAVAIL) }
    do throws(StackError) {
      try stack.addAddress(AddressPrefix(host: address), to: link)
    } catch {
      switch error {
      case .duplicateAddress: break
      default: throw SystemCallError(EADDRNOTAVAIL)
      }
    }
  }

  private func isTaken(_ endpoint: Endpoint, by socket: SocketFile) -> Bool {
    for case let other as SocketFile in files.values where other !== socket && other.kind == .stream {
      guard let local = other.local, local.port == endpoint.port,
        local.address == endpoint.address || local.address.isUnspecified || endpoint.address.isUnspecified
      else { continue }
      let reuses = SocketOptions.Note(level: SOL_SOCKET, name: SO_REUSEADDR)
      let bothReuse =
        other.options.notes[reuses, default: 0] != 0 && socket.options.notes[reuses, default: 0] != 0
      if other.listener != nil || !bothReuse { return true }
    }
    return false
  }

  private func freePort() -> UInt16 {
    var port: UInt16 = 32_768
    while files.values.contains(where: { ($0 as? SocketFile)?.local?.port == port }) { port += 1 }
    return port
  }

  // MARK: listen, accept

  func listen(_ descriptor: Int32, backlog: Int32) throws(SystemCallError) {
    let socket = try socket(descriptor)
    guard socket.kind == .stream else { throw SystemCallError(EOPNOTSUPP) }
    if socket.listener != nil { return }
    guard socket.isFresh else { throw SystemCallError(EINVAL) }
    let any = IPAddress.unspecified(socket.family == .v4 ? .v4 : .v6)
    let local = socket.local ?? Endpoint(address: any, port: freePort())
    // A socket of IPv6 that is bound to no address takes IPv4 too, unless it was told otherwise.
    let takesBoth = local.address.isUnspecified && socket.family == .v6 && !socket.options.onlyIPv6
    let endpoint = ListenEndpoint(address: takesBoth ? nil : local.address, port: local.port)
    // Linux has room for one connection more than it is told.
    let room = min(max(0, Int(backlog)), 4096) + 1
    do throws(SocketError) {
      let listener = try stack.listen(on: endpoint, backlog: room, configuration: configuration(of: socket))
      if let hops = socket.options.timeToLive { try stack.setTimeToLive(hops, of: listener) }
      if let service = socket.options.trafficClass {
        try stack.setDifferentiatedServices(service >> 2, of: listener)
      }
      socket.role = .listening(listener)
      socket.local = local
      socket.backlog = max(0, Int(backlog))
      fastOpenChanged(socket, listener)
    } catch { throw SystemCallError(error) }
  }

  /// - Parameter flags: SOCK_NONBLOCK, as accept4(2) has it.
  /// - Returns: the new socket and whom it is connected to.
  func accept(_ descriptor: Int32) throws(SystemCallError) -> (Int32, Endpoint)? {
    let socket = try socket(descriptor)
    guard socket.kind == .stream else { throw SystemCallError(EOPNOTSUPP) }
    guard let listener = socket.listener else { throw SystemCallError(EINVAL) }
    do throws(SocketError) {
      guard let id = try stack.accept(listener) else { return nil }
      let tuple = try stack.endpoints(of: id)
      let new = SocketFile(
        descriptor: try openDescriptor(), family: socket.family, kind: .stream, isNonBlocking: false)
      new.options = socket.options
      new.local = tuple.local
      new.role = .connection(id)
      new.isConnected = true
      // What the user of a listener has not seen happen.
      switch stack.state(of: id) {
      case .closeWait, .lastAck, .closing, .timeWait: new.peerFinished = true
      default: break
      }
      files[new.descriptor] = new
      sockets[id] = new
      if let reason = try stack.closeReason(of: id) {
        new.ended = reason
        new.pendingError = reason.errorNumber ?? 0
      }
      return (new.descriptor, tuple.remote)
    } catch { throw SystemCallError(error) }
  }

  /// The same as `newDescriptor` where errors of the engine are thrown.
  private func openDescriptor() throws(SocketError) -> Int32 {
    guard let descriptor = try? newDescriptor() else { throw .tooMany(.connections, limit: files.count) }
    return descriptor
  }

  // MARK: connect

  /// - Returns: whether there is a connection; nil while it is under way.
  func connect(_ descriptor: Int32, to remote: Endpoint) throws(SystemCallError) -> Void? {
    let socket = try socket(descriptor)
    if socket.kind == .datagram {
      try connectDatagrams(socket, remote)
      return ()
    }
    switch socket.role {
    case .listening: throw SystemCallError(EISCONN)
    case .datagrams: throw SystemCallError(EOPNOTSUPP)
    case .connection:
      if socket.ended != nil, !socket.isConnected {
        // The attempt is told to have failed, and the next one begins anew.
        let number = socket.takeError() ?? ECONNABORTED
        forgetAttempt(socket)
        throw SystemCallError(number)
      }
      if let number = socket.takeError() { throw SystemCallError(number) }
      if socket.isConnecting {
        guard socket.isConnected else { throw SystemCallError(EALREADY) }
        socket.isConnecting = false
        return ()
      }
      throw SystemCallError(socket.ended == nil ? EISCONN : ECONNABORTED)
    case .fresh: break
    }
    if socket.laterPeer != nil { throw SystemCallError(EISCONN) }
    if socket.options.fastOpenConnect, fastOpenUse.contains(.client) {
      return try connectLater(socket, remote) ? () : nil
    }
    var configuration = configuration(of: socket)
    configuration.fastOpen = false
    _ = try unsafe begin(socket, remote, configuration)
    return nil
  }

  /// Begins a connection.
  /// - Returns: how much of the text was taken.
  func begin(
    _ socket: SocketFile, _ remote: Endpoint, _ configuration: TCPConfiguration,
    sending text: UnsafeRawBufferPointer? = nil
  ) throws(SystemCallError) -> Int {
    do throws(SocketError) {
      let nothing = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
      // The program's buffer lives as long as its call.
      let span = unsafe RawSpan(_unsafeBytes: text ?? nothing)
      let (id, taken) = try stack.connect(
        to: remote, from: socket.boundAddress, port: socket.local?.port ?? 0, configuration: configuration,
        sending: span, at: clock.now)
      socket.role = .connection(id)
      socket.isConnecting = true
      socket.local = try stack.endpoints(of: id).local
      sockets[id] = socket
      if let hops = socket.options.timeToLive { try stack.setTimeToLive(hops, of: id) }
      if let service = socket.options.trafficClass {
        try stack.setDifferentiatedServices(service >> 2, of: id)
      }
      return taken
    } catch { throw SystemCallError(error) }
  }

  /// `connect` to no address at all: the connection is reset, and the socket can be used again.
  func disconnect(_ descriptor: Int32) throws(SystemCallError) {
    let socket = try socket(descriptor)
    socket.laterPeer = nil
    guard let id = socket.connection else { return }
    sockets[id] = nil
    try? stack.abort(id, at: clock.now)
    try? stack.close(id, at: clock.now)
    socket.role = .fresh
    socket.forgetConnection()
  }

  /// What has become of the attempt to connect; nil while it goes on.
  func connectionMade(_ descriptor: Int32) throws(SystemCallError) -> Void? {
    let socket = try socket(descriptor)
    if socket.isConnected {
      socket.isConnecting = false
      return ()
    }
    guard socket.pendingError != 0 || socket.ended != nil else { return nil }
    let number = socket.takeError() ?? ECONNABORTED
    forgetAttempt(socket)
    throw SystemCallError(number)
  }

  /// Makes a socket whose attempt to connect has failed one that can try again, from where it was bound to.
  private func forgetAttempt(_ socket: SocketFile) {
    let bound = socket.isBound ? socket.local : nil
    if let id = socket.connection {
      sockets[id] = nil
      try? stack.close(id, at: clock.now)
    }
    socket.role = .fresh
    socket.forgetConnection()
    socket.local = bound
  }

  // MARK: close, shutdown

  /// Gives a descriptor up.
  /// - Returns: the socket whose end SO_LINGER wants to be waited for, and how long.
  func close(_ descriptor: Int32) throws(SystemCallError) -> (socket: SocketFile, time: Interval)? {
    guard let file = files.removeValue(forKey: descriptor) else {
      guard Glibc.close(descriptor) == 0 else { throw SystemCallError(errno) }
      return nil
    }
    for case let other as EventPoll in files.values { other.forget(descriptor) }
    _ = Glibc.close(descriptor)
    guard let socket = file as? SocketFile else { return nil }
    switch socket.role {
    case .fresh: break
    case .listening(let id): try? stack.close(id, at: clock.now)
    case .datagrams(let id): try? stack.close(id)
    case .connection(let id):
      let linger = socket.options.linger
      if linger == .zero {
        sockets[id] = nil
        try? stack.abort(id, at: clock.now)
        return nil
      }
      try? stack.close(id, at: clock.now)
      guard let linger, socket.ended == nil else {
        sockets[id] = nil
        return nil
      }
      return (socket, linger)
    }
    return nil
  }

  func shutDown(_ descriptor: Int32, how: Int32) throws(SystemCallError) {
    let socket = try socket(descriptor)
    guard how >= 0, how <= 2 else { throw SystemCallError(EINVAL) }
    let (reading, writing) = (how != Int32(SHUT_WR), how != Int32(SHUT_RD))
    switch socket.role {
    case .fresh: throw SystemCallError(ENOTCONN)
    case .datagrams: guard socket.remote != nil else { throw SystemCallError(ENOTCONN) }
    case .listening(let id):
      // Linux takes a listener whose reading side is shut out of service.
      guard reading else { return }
      try? stack.close(id, at: clock.now)
      socket.role = .fresh
    case .connection(let id):
      guard socket.ended == nil, stack.state(of: id) != .closed else { throw SystemCallError(ENOTCONN) }
      if reading { socket.readingShut = true }
      guard writing, !socket.writingShut else { return }
      socket.writingShut = true
      if socket.isConnecting, !socket.isConnected {
        // Nothing is there yet to be finished in order.
        try? stack.abort(id, at: clock.now)
      } else {
        try? stack.finish(id, at: clock.now)
      }
    }
  }
}
