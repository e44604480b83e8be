// Holds a socket: what it is bound and connected to, what has happened to it, and the options that programs have set.
// It does not hold the calls.

import Glibc
import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeWire

/// A socket of the session.
final class SocketFile: OpenFile {
  enum Kind { case stream, datagram }

  /// What the socket has become.
  enum Role {
    case fresh
    case listening(ListenerID)
    case connection(ConnectionID)
    case datagrams(UDPSocketID)
  }

  let family: SocketFamily
  let kind: Kind
  var role = Role.fresh
  var isNonBlocking: Bool
  var options = SocketOptions()
  /// Where `bind` has put it; port 0 until one was chosen.
  var local: Endpoint?
  /// Whether `bind` has put it there.
  var isBound = false
  /// Whom a datagram socket sends to.
  var remote: Endpoint?
  /// The error that the next call, or SO_ERROR, is told.
  var pendingError: Int32 = 0
  /// What ICMP said last.
  var softError: Int32?
  var isConnecting = false
  var isConnected = false
  var peerFinished = false
  var urgentArrived = false
  var readingShut = false
  var writingShut = false
  var ended: CloseReason?
  /// The last write came with MSG_MORE, and the peer was not heard since.
  var isHeld = false
  /// The last write came with MSG_MORE: what ends with it is not pushed.
  var moreFollows = false
  /// Whom the first write is to connect to (TCP_FASTOPEN_CONNECT).
  var laterPeer: Endpoint?
  /// How much text may have left with the SYN, octets.
  var openingRoom = 0
  /// How many connections may wait at a listener, as `listen` was told.
  var backlog = 0
  /// What has left of text.
  var departures = Departures()
  /// What MSG_ERRQUEUE reads.
  var errors = ErrorQueue()
  /// The most that the memory for text has been allowed, octets.
  var sendLimit = 0
  /// The largest window that the peer has had, octets.
  var largestWindow = 0
  var pushes = PushMarks()
  /// Somebody has found no room for all that he wanted to write, and none since.
  var lacksRoom = false
  /// How often there was room again.
  var roomNews: UInt64 = 0
  /// A call that writes sleeps.
  var waitsToWrite = false
  /// A datagram waits to be received.
  var datagramWaits = false

  init(descriptor: Int32, family: SocketFamily, kind: Kind, isNonBlocking: Bool) {
    self.family = family
    self.kind = kind
    self.isNonBlocking = isNonBlocking
    super.init(descriptor: descriptor)
  }

  var connection: ConnectionID? {
    if case .connection(let id) = role { return id }
    return nil
  }

  var listener: ListenerID? {
    if case .listening(let id) = role { return id }
    return nil
  }

  /// Whether nothing has become of it yet.
  var isFresh: Bool {
    if case .fresh = role { return laterPeer == nil }
    return false
  }

  /// The address it is bound to, if it is to one.
  var boundAddress: IPAddress? { local.flatMap { $0.address.isUnspecified ? nil : $0.address } }

  var datagramSocket: UDPSocketID? {
    if case .datagrams(let id) = role { return id }
    return nil
  }

  /// Makes it what it was before it had a connection.
  func forgetConnection() {
    local = nil
    pendingError = 0
    softError = nil
    ended = nil
    (isConnecting, isConnected, peerFinished, urgentArrived) = (false, false, false, false)
    (readingShut, writingShut, isHeld, moreFollows) = (false, false, false, false)
    departures = Departures()
    errors = ErrorQueue()
    pushes = PushMarks()
    (sendLimit, largestWindow, waitsToWrite, lacksRoom) = (0, 0, false, false)
  }

  /// IP_RECVERR: errors that ICMP tells are told at once.
  var asksForErrors: Bool {
    let level = Int32(family == .v4 ? IPPROTO_IP : IPPROTO_IPV6)
    let name = Int32(family == .v4 ? IP_RECVERR : IPV6_RECVERR)
    return options.notes[.init(level: level, name: name), default: 0] != 0
  }

  /// Takes the error that is to be told, once.
  func takeError() -> Int32? {
    guard pendingError != 0 else { return nil }
    defer { pendingError = 0 }
    return pendingError
  }
}

/// What setsockopt has been told, as far as it is more than a note for getsockopt.
struct SocketOptions {
  /// SO_RCVBUF and SO_SNDBUF as getsockopt tells them: twice what was asked for.
  var receiveBuffer: Int?
  var sendBuffer: Int?
  var noDelay = false
  var cork = false
  var maximumSegmentSize: Int?
  var keepAlive = false
  var keepAliveIdle: Interval?
  var keepAliveInterval: Interval?
  var keepAliveProbes: Int?
  var userTimeout: Interval?
  var synchronizeRetries: Int?
  /// TCP_LINGER2: how long FIN-WAIT-2 lasts without a user.
  var orphanTimeout: Interval?
  var congestionControl: CongestionControlAlgorithm?
  /// SO_LINGER; nil is off.
  var linger: Interval?
  var receiveTimeout: Interval?
  var sendTimeout: Interval?
  var receiveLowWater = 1
  var onlyIPv6 = false
  var timeToLive: UInt8?
  var trafficClass: UInt8?
  var windowClamp: Int?
  var deferAccept: Interval?
  var quickAcknowledgments = true
  var tellsQueue = false
  /// TCP_NOTSENT_LOWAT: a socket with more unsent is not writable.
  var unsentLowWater: Int?
  var timestamping: TimestampingFlags = []
  /// TCP_FASTOPEN: how many connections may begin with text.
  var fastOpenLimit = 0
  var fastOpenConnect = false
  var fastOpenWithoutCookie = false
  var fastOpenKeys: FastOpenKeys?
  /// Options that are remembered and change nothing here, by level and name.
  var notes: [Note: Int32] = [:]

  struct Note: Hashable {
    let level: Int32
    let name: Int32
  }

  /// Keep-alive as it is to be; nil is off.
  func keepAlive(_ system: SystemSettings) -> KeepAlive? {
    guard keepAlive else { return nil }
    var result = system.keepAlive(LinuxDefaults.keepAlive)
    if let keepAliveIdle { result.idle = keepAliveIdle }
    if let keepAliveInterval { result.interval = keepAliveInterval }
    if let keepAliveProbes { result.probes = max(2, keepAliveProbes) }
    return result
  }

  /// How much may be written and not acknowledged, octets. What Linux counts against a small buffer that a program has set
  /// is more than the text: about three fifths are left for that.
  func sendCapacity(_ system: SystemSettings) -> Int {
    if let sendBuffer { return sendBuffer < 1 << 17 ? sendBuffer * 3 / 5 : sendBuffer }
    return system.bufferSizes(receiving: false)?.largest ?? LinuxDefaults.sendBuffer.largest
  }

  func apply(to configuration: inout TCPConfiguration, system: SystemSettings, flags: SessionFlags) {
    configuration.noDelay = noDelay
    if let maximumSegmentSize {
      configuration.maximumSegmentSize = min(
        maximumSegmentSize, configuration.maximumSegmentSize ?? maximumSegmentSize)
    }
    if let receiveBuffer {
      // Half of what is told is for text.
      configuration.receiveBufferCapacity = receiveBuffer / 2
    } else if !flags.usesEngineDefaults, let sizes = system.bufferSizes(receiving: true) {
      configuration.receiveBuffer = BufferBounds(initial: min(65_535, sizes.largest), maximum: sizes.largest)
    }
    if let shift = flags.windowScale {
      configuration.minimumWindowScale = UInt8(shift)
      let most = min(configuration.receiveBuffer.maximum, 65_535 << shift)
      configuration.receiveBuffer = BufferBounds(
        initial: min(configuration.receiveBuffer.initial, most), maximum: most)
    }
    configuration.keepAlive = keepAlive(system)
    if let userTimeout { configuration.userTimeout = userTimeout }
    if let orphanTimeout { configuration.orphanTimeout = orphanTimeout }
    configuration.acceptDeferral = deferAccept
    if let congestionControl { configuration.congestionControl = congestionControl }
    if let synchronizeRetries {
      configuration.connectTimeout = LinuxDefaults.time(
        ofRetries: synchronizeRetries, from: configuration.initialRetransmissionTimeout,
        ceiling: configuration.maximumRetransmissionTimeout)
    }
  }
}
