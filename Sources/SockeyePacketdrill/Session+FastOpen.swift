// Holds Fast Open (RFC 7413) as Linux's calls have it: MSG_FASTOPEN, TCP_FASTOPEN and its relatives. Which host may use it is
// in FastOpenSettings, the protocol in the engine.

import Glibc
import SockeyeStack
import SockeyeTCP
import SockeyeWire

extension Session {
  // MARK: Servers

  var fastOpenUse: FastOpenUse {
    flags.fastOpen ?? SystemSettings(use: flags.settings).fastOpenUse ?? .whoeverAsks
  }

  private func fastOpenKeys(of socket: SocketFile) -> FastOpenKeys {
    socket.options.fastOpenKeys ?? flags.fastOpenKeys ?? SystemSettings(use: flags.settings).fastOpenKeys
      ?? .none
  }

  /// What a listener is told of Fast Open beside its configuration.
  func fastOpenChanged(_ socket: SocketFile, _ listener: ListenerID) {
    let use = fastOpenUse
    var limit = socket.options.fastOpenLimit
    if limit == 0, use.isSuperset(of: [.server, .everyListener]) { limit = socket.backlog }
    try? stack.setFastOpenLimit(min(limit, 4096), of: listener)
    if !flags.usesEngineDefaults || socket.options.fastOpenKeys != nil || flags.fastOpenKeys != nil {
      try? stack.setSharedFastOpenCookies(fastOpenKeys(of: socket).cookies, of: listener)
    }
  }

  // MARK: Options

  func setFastOpenKeys(_ socket: SocketFile, _ octets: UnsafeRawBufferPointer) throws(SystemCallError) {
    guard let keys = unsafe FastOpenKeys(octets: octets) else { throw SystemCallError(EINVAL) }
    socket.options.fastOpenKeys = keys
    if let id = socket.listener { fastOpenChanged(socket, id) }
  }

  func fastOpenKeyOctets(of socket: SocketFile) -> [UInt8] { fastOpenKeys(of: socket).octets }

  func setFastOpenOption(_ socket: SocketFile, _ name: Int32, _ value: Int32) throws(SystemCallError) {
    switch name {
    case TCPOption.fastOpen:
      guard value >= 0, socket.connection == nil else { throw SystemCallError(EINVAL) }
      socket.options.fastOpenLimit = Int(value)
    case TCPOption.fastOpenConnect:
      guard 0...1 ~= value else { throw SystemCallError(EINVAL) }
      guard fastOpenUse.contains(.client) else { throw SystemCallError(EOPNOTSUPP) }
      guard socket.isFresh else { throw SystemCallError(EINVAL) }
      socket.options.fastOpenConnect = value != 0
    default:
      guard 0...1 ~= value, socket.connection == nil else { throw SystemCallError(EINVAL) }
      socket.options.fastOpenWithoutCookie = value != 0
    }
    if let id = socket.listener { fastOpenChanged(socket, id) }
  }

  // MARK: Clients

  /// How a connection is configured whose text may leave with the SYN.
  private func fastOpenConfiguration(of socket: SocketFile) -> TCPConfiguration {
    var result = configuration(of: socket)
    result.fastOpen = true
    result.fastOpenWithoutCookie =
      socket.options.fastOpenWithoutCookie || fastOpenUse.contains(.clientWithoutCookie)
    return result
  }

  /// How much text a SYN would take along; nil when it would take none.
  private func fastOpenRoom(_ socket: SocketFile, _ remote: Endpoint) throws(SystemCallError) -> Int? {
    do throws(SocketError) {
      return try stack.fastOpenRoom(
        to: remote.address, from: socket.boundAddress, configuration: fastOpenConfiguration(of: socket),
        at: clock.now)
    } catch { throw SystemCallError(error) }
  }

  /// `connect` after TCP_FASTOPEN_CONNECT: where there is a cookie nothing leaves before something is written.
  /// - Returns: whether that is how it stands; otherwise the SYN is on its way.
  func connectLater(_ socket: SocketFile, _ remote: Endpoint) throws(SystemCallError) -> Bool {
    guard try fastOpenRoom(socket, remote) == nil else {
      socket.laterPeer = remote
      return true
    }
    _ = try unsafe begin(socket, remote, fastOpenConfiguration(of: socket))
    return false
  }

  /// Whether a call that writes opens the connection as well.
  func opensByWriting(_ socket: SocketFile, _ flags: MessageFlags) throws(SystemCallError) -> Bool {
    if socket.laterPeer != nil { return true }
    guard flags.contains(.fastOpen) else { return false }
    guard fastOpenUse.contains(.client) else { throw SystemCallError(EOPNOTSUPP) }
    switch socket.role {
    case .fresh: return true
    case .listening, .datagrams: throw SystemCallError(EOPNOTSUPP)
    case .connection: return false
    }
  }

  /// Linux takes a connection whose writer has waited for its handshake with more text for one that answers soon, and lets
  /// its ACKs wait for text.
  func textFollowsHandshake(_ socket: SocketFile, _ count: Int) {
    guard let id = socket.connection, count > socket.openingRoom, !flags.usesEngineDefaults else { return }
    try? stack.setQuickAcknowledgments(false, of: id, at: clock.now)
  }

  /// Opens a connection with text. One that may not wait takes only what leaves with the SYN.
  /// - Returns: how much of it was taken.
  func open(
    _ socket: SocketFile, _ bytes: UnsafeRawBufferPointer, to remote: Endpoint?, waits: Bool
  ) throws(SystemCallError) -> Int {
    guard let remote = socket.laterPeer ?? remote else { throw SystemCallError(EINVAL) }
    socket.openingRoom = try fastOpenRoom(socket, remote) ?? 0
    let room =
      waits ? socket.options.sendCapacity(SystemSettings(use: flags.settings)) : socket.openingRoom
    let part = unsafe UnsafeRawBufferPointer(rebasing: bytes.prefix(room))
    socket.laterPeer = nil
    return try unsafe begin(socket, remote, fastOpenConfiguration(of: socket), sending: part)
  }
}
