// Holds a session of packetdrill: the host, its clock, its open files and the packets that wait to be taken. What the
// calls do is in the extensions beside this file, how time passes in Session+Time.

import Glibc
import SockeyeBytes
import SockeyePacketdrillShims
import SockeyeStack
import SockeyeTCP
import SockeyeWire

/// One host under test, driven by packetdrill's calls as a driver's loop would drive it.
///
/// packetdrill has two threads: the script's, which makes the ordinary calls and moves packets and time, and one for calls
/// that are written as blocking. Everything here happens with the monitor held.
final class Session: @unchecked Sendable {
  let flags: SessionFlags
  let monitor = Monitor()
  var clock: SessionClock
  var stack: Stack
  let link: LinkID
  /// Files by descriptor. The descriptors are the kernel's own, for packetdrill closes what a script leaves open.
  var files: [Int32: OpenFile] = [:]
  /// Sockets by the connection that they have.
  var sockets: [ConnectionID: SocketFile] = [:]
  /// Packets that left and that packetdrill has not taken, oldest first.
  var packets: [SentPacket] = []
  private var frame = FrameBuffer(capacity: 65_600)

  /// Calls that sleep.
  var blocked: [BlockedCall] = []
  /// Threads whose blocking call is done and that have not asked for the time since; it stands still for them.
  var owingThreads: Set<UInt> = []
  /// Whether a blocking call was answered since the script last slept.
  var hasAnswered = false
  /// Whether what happens now happens by itself.
  var isTimePassing = false
  /// The thread of the script.
  let mainThread = Monitor.currentThread

  /// A packet and when it left.
  struct SentPacket {
    let at: Instant
    var bytes: [UInt8]
    /// Whose segment it is, as far as a socket knows the connection.
    let connection: ConnectionID?
  }

  /// The host has the addresses that packetdrill's local side has unless told otherwise, and all that scripts bind to.
  init(flags: SessionFlags) {
    self.flags = flags
    clock = SessionClock(flags.clock)
    var configuration = StackConfiguration(keys: StackKeys(seed: 1))
    // A kernel remembers nothing of one script in the next, and answers all segments that scripts send.
    configuration.resetsPerSecond = 1_000_000
    // Linux gives a server up for Fast Open only when it has gone wrong several times.
    if !flags.usesEngineDefaults { configuration.fastOpenPause = .zero }
    var stack = Stack(configuration: configuration)
    do {
      link = try stack.addInterface(
        InterfaceConfiguration(
          maximumTransmissionUnit: flags.maximumTransmissionUnit,
          addresses: flags.localAddresses.map { AddressPrefix(host: $0) }))
      for everything in ["0.0.0.0/0", "::/0"] {
        if let prefix = AddressPrefix(parsing: everything) { try stack.addRoute(to: prefix, on: link) }
      }
    } catch {
      fatalError("the flags describe no interface that can be: \(error)")
    }
    self.stack = stack
    self.stack.advance(to: clock.now)
  }

  /// Gives everything up, as the end of a process does.
  func end() {
    let left = monitor.locked {
      let descriptors = Array(files.keys)
      files.removeAll()
      sockets.removeAll()
      return descriptors
    }
    for descriptor in left { _ = Glibc.close(descriptor) }
  }

  // MARK: What follows a change

  /// To be called after each call, packet and step of time: takes out what the host sends and says, and lets blocked calls
  /// see whether they can go on.
  func settle() {
    drain()
    retryBlockedCalls()
  }

  /// Takes out what the host sends and says.
  func drain() {
    let now = clock.now
    let first = packets.count
    while let metadata = frame.fill({ frame in stack.nextFrame(into: &frame) }) {
      packets.append(SentPacket(at: now, bytes: Array(copying: frame.bytes), connection: metadata.connection))
    }
    guard packets.count > first else { return drainEvents() }
    for packet in packets[first...] {
      if let id = packet.connection { sockets[id]?.departures.note(packet.bytes) }
    }
    if flags.pushesBursts {
      pushFullBuffers(from: first)
      Bursts.push(
        &packets, from: first, limit: { pieceLimit(of: $0.connection) }, endsPiece: { bufferEnd($0) != nil })
    }
    if !isTimePassing {
      for index in first..<packets.count {
        // More is to come of what was written with MSG_MORE; only what had to wait too long is pushed.
        guard let id = packets[index].connection, sockets[id]?.moreFollows == true else { continue }
        Bursts.setPush(&packets[index], to: false)
      }
    }
    drainEvents()
  }

  /// Pushes what ends where a buffer does that Linux would have pushed.
  private func pushFullBuffers(from first: Int) {
    for index in first..<packets.count where bufferEnd(packets[index]) == true {
      Bursts.setPush(&packets[index], to: true)
    }
  }

  /// Whether a packet's text ends where a buffer does, and is pushed there; nil: none does.
  private func bufferEnd(_ packet: SentPacket) -> Bool? {
    guard let id = packet.connection, let socket = sockets[id],
      let distance = socket.departures.distance(of: packet.bytes), distance >= 0,
      let unsent = try? stack.status(of: id).unsent
    else { return nil }
    let left = Int(socket.pushes.written) - unsent
    guard left >= distance else { return nil }
    return socket.pushes.end(at: UInt64(left - distance))
  }

  private func drainEvents() {
    while let event = stack.nextEvent() { take(event) }
    errorQueuesProgress()
  }

  /// How many segments of a connection Linux would hand to its link in one piece.
  private func pieceLimit(of connection: ConnectionID?) -> Int {
    let least = SystemSettings(use: flags.settings).leastPiece
    guard let connection, let status = try? stack.status(of: connection) else { return least }
    var roundTrips: (Int64, Int64)?
    if let smoothed = status.smoothedRoundTrip, let minimum = status.minimumRoundTrip {
      roundTrips = (smoothed.nanoseconds, minimum.nanoseconds)
    }
    return Bursts.pieceLimit(
      segmentSize: status.segmentSize, window: status.congestionWindow,
      isSlowStart: status.congestionWindow < status.slowStartThreshold / 2, roundTrips: roundTrips,
      least: least)
  }

  private func take(_ event: SocketEvent) {
    switch event {
    case .connected(let id): sockets[id]?.isConnected = true
    case .peerFinished(let id): sockets[id]?.peerFinished = true
    case .urgent(let id): sockets[id]?.urgentArrived = true
    case .softError(let id, let error): softErrorArrived(id, error.errorNumber)
    case .closed(let id, let reason): ended(id, reason)
    case .datagram(let id): datagramSocket(id)?.datagramWaits = true
    case .datagramError(let id, let error, _): datagramSocket(id)?.pendingError = error.errorNumber
    case .acceptable, .readable, .writable, .drained, .retransmissionTrouble, .echoReply, .echoError: break
    }
  }

  private func datagramSocket(_ id: UDPSocketID) -> SocketFile? {
    for case let socket as SocketFile in files.values where socket.datagramSocket == id { return socket }
    return nil
  }

  /// What ICMP tells of a connection that is being made ends it on Linux, whatever it is; on one that there is it is told only
  /// to who has asked (IP_RECVERR).
  private func softErrorArrived(_ id: ConnectionID, _ number: Int32) {
    guard let socket = sockets[id] else { return }
    socket.softError = number
    if socket.isConnecting, !socket.isConnected, !flags.usesEngineDefaults {
      socket.pendingError = number
      try? stack.abort(id, at: clock.now)
    } else if socket.asksForErrors {
      socket.pendingError = number
    }
  }

  private func ended(_ id: ConnectionID, _ reason: CloseReason) {
    guard let socket = sockets[id] else { return }
    let wasWaiting = socket.isConnecting
    // Linux tells of a refusal only who has asked.
    let reason: CloseReason = reason == .refused && !wasWaiting ? .reset : reason
    socket.ended = reason
    socket.isConnecting = false
    // What ended an attempt to connect at once was not told as a soft error.
    if reason == .unreachable, socket.softError == nil, let error = try? stack.softError(of: id) {
      socket.softError = error.errorNumber
    }
    guard let number = reason.errorNumber, reason != .aborted else { return }
    // POSIX: a reset after the peer's FIN breaks the pipe and takes nothing back, unless nothing more was to be written.
    socket.pendingError =
      reason == .reset && socket.peerFinished && !socket.writingShut
      ? EPIPE : (socket.softError ?? number).forEnd(reason, wasWaiting)
  }

  // MARK: Files

  /// The socket of a descriptor.
  /// - Throws: EBADF when there is none, ENOTSOCK when it is something else.
  func socket(_ descriptor: Int32) throws(SystemCallError) -> SocketFile {
    guard let file = files[descriptor] else {
      throw SystemCallError(fcntl(descriptor, F_GETFD) < 0 ? EBADF : ENOTSOCK)
    }
    guard let socket = file as? SocketFile else { throw SystemCallError(ENOTSOCK) }
    return socket
  }

  func owns(_ descriptor: Int32) -> Bool { monitor.locked { files[descriptor] is SocketFile } }

  /// A descriptor of the kernel's that does nothing but be open.
  func newDescriptor() throws(SystemCallError) -> Int32 {
    let descriptor = sockeye_new_descriptor()
    guard descriptor >= 0 else { throw SystemCallError(errno) }
    return descriptor
  }

  // MARK: Settings

  /// How a new connection or listener is configured; the system's settings count as they are now.
  func configuration(of socket: SocketFile) -> TCPConfiguration {
    var result = flags.usesEngineDefaults ? TCPConfiguration() : LinuxDefaults.configuration
    let system = SystemSettings(use: flags.settings)
    system.apply(to: &result)
    if let algorithm = flags.congestionControl { result.congestionControl = algorithm }
    if let use = flags.congestionNotification { result.explicitCongestionNotification = use }
    result.maximumSegmentSize = flags.maximumSegmentSize
    // Of listeners; a connection of ours has it when its call asks for it.
    let fastOpen = fastOpenUse
    result.fastOpen = fastOpen.contains(.server) && socket.connection == nil
    result.fastOpenWithoutCookie =
      fastOpen.contains(.serverWithoutCookie) || socket.options.fastOpenWithoutCookie
    socket.options.apply(to: &result, system: system, flags: flags)
    return result
  }
}

/// What a descriptor stands for.
class OpenFile {
  let descriptor: Int32

  init(descriptor: Int32) { self.descriptor = descriptor }
}

extension Int32 {
  /// What ICMP told is why an attempt to connect failed or a connection timed out, and nothing else.
  fileprivate func forEnd(_ reason: CloseReason, _ wasConnecting: Bool) -> Int32 {
    switch reason {
    case .timedOut, .keepAliveTimedOut, .unreachable: self
    case .reset, .refused, .aborted, .finished, .orphaned, .noResources: reason.errorNumber ?? self
    }
  }
}

extension SessionFlags {
  /// The addresses of the host from the beginning.
  var localAddresses: [IPAddress] {
    var result = addresses
    // What a connection comes from when its socket isn't bound: an address in each of packetdrill's local networks.
    let usual: [IPAddress?] = [
      IPAddress(parsing: "192.168.0.2"),
      maximumTransmissionUnit >= 1280 ? IPAddress(parsing: "fd3d:fa7b:d17d::2") : nil,
    ]
    for case let address? in usual where !result.contains(where: { $0.version == address.version }) {
      result.append(address)
    }
    return result
  }
}

extension Array where Element == UInt8 {
  init(copying bytes: RawSpan) {
    self = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
  }
}
