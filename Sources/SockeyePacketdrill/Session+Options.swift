// Holds getsockopt, setsockopt, fcntl and ioctl. What TCP_INFO says is put together in Session+Information.

import Glibc
import SockeyeBytes
import SockeyePacketdrillShims
import SockeyeStack
import SockeyeTCP

/// Names of TCP's options, as Linux numbers them; the C library knows only some.
enum TCPOption {
  static let noDelay: Int32 = 1
  static let maximumSegment: Int32 = 2
  static let cork: Int32 = 3
  static let keepIdle: Int32 = 4
  static let keepInterval: Int32 = 5
  static let keepCount: Int32 = 6
  static let synchronizeCount: Int32 = 7
  static let linger2: Int32 = 8
  static let deferAccept: Int32 = 9
  static let windowClamp: Int32 = 10
  static let information: Int32 = 11
  static let quickAcknowledgment: Int32 = 12
  static let congestion: Int32 = 13
  static let userTimeout: Int32 = 18
  static let fastOpen: Int32 = 23
  static let timestamp: Int32 = 24
  static let unsentLowWater: Int32 = 25
  static let congestionInformation: Int32 = 26
  static let fastOpenConnect: Int32 = 30
  static let fastOpenKey: Int32 = 33
  static let fastOpenNoCookie: Int32 = 34
  static let queue: Int32 = 36
  static let tcp = Int32(IPPROTO_TCP)
}

extension Session {
  // MARK: setsockopt

  /// - Parameter bytes: the value as the program has it.
  func setOption(
    _ descriptor: Int32, level: Int32, name: Int32, _ bytes: UnsafeRawBufferPointer
  ) throws(SystemCallError) {
    let socket = try socket(descriptor)
    if level == TCPOption.tcp, name == TCPOption.congestion {
      return try setCongestionControl(
        socket, unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
    }
    if level == TCPOption.tcp, name == TCPOption.fastOpenKey {
      return try unsafe setFastOpenKeys(socket, bytes)
    }
    if level == SOL_SOCKET, name == SO_LINGER { return try unsafe setLinger(socket, bytes) }
    if level == SOL_SOCKET, name == SO_RCVTIMEO || name == SO_SNDTIMEO {
      guard bytes.count >= MemoryLayout<timeval>.size else { throw SystemCallError(EINVAL) }
      let time = unsafe bytes.loadUnaligned(as: timeval.self)
      let interval = Interval.seconds(time.tv_sec) + .microseconds(Int(time.tv_usec))
      let timeout = interval == .zero ? nil : interval
      if name == SO_RCVTIMEO {
        socket.options.receiveTimeout = timeout
      } else {
        socket.options.sendTimeout = timeout
      }
      return
    }
    let value = try unsafe number(
      bytes, mayBeShort: level == Int32(IPPROTO_IP) || level == Int32(IPPROTO_IPV6))
    defer { optionsChanged(socket) }
    switch level {
    case SOL_SOCKET: try setSocketOption(socket, name, value)
    case TCPOption.tcp:
      guard socket.kind == .stream else { throw SystemCallError(ENOPROTOOPT) }
      try setTCPOption(socket, name, value)
    case Int32(IPPROTO_IP), Int32(IPPROTO_IPV6): try setInternetOption(socket, level, name, value)
    default: throw SystemCallError(ENOPROTOOPT)
    }
  }

  /// What is set for a listener is set for its connections to come.
  private func optionsChanged(_ socket: SocketFile) {
    if let id = socket.listener { try? stack.setConfiguration(configuration(of: socket), of: id) }
  }

  private func number(
    _ bytes: UnsafeRawBufferPointer, mayBeShort: Bool
  ) throws(SystemCallError) -> Int32 {
    if bytes.count >= 4 { return unsafe bytes.loadUnaligned(as: Int32.self) }
    guard mayBeShort, bytes.count >= 1 else { throw SystemCallError(EINVAL) }
    return unsafe Int32(bytes.loadUnaligned(as: UInt8.self))
  }

  private func setLinger(_ socket: SocketFile, _ bytes: UnsafeRawBufferPointer) throws(SystemCallError) {
    guard bytes.count >= MemoryLayout<linger>.size else { throw SystemCallError(EINVAL) }
    let value = unsafe bytes.loadUnaligned(as: linger.self)
    socket.options.linger = value.l_onoff == 0 ? nil : .seconds(Int(value.l_linger))
  }

  private func setSocketOption(_ socket: SocketFile, _ name: Int32, _ value: Int32) throws(SystemCallError) {
    switch name {
    case SO_RCVBUF, SO_RCVBUFFORCE:
      let size = max(2304, 2 * max(0, Int(value)))
      socket.options.receiveBuffer = size
      if let id = socket.connection { try? stack.setReceiveBuffer(size / 2, of: id, at: clock.now) }
    case SO_SNDBUF, SO_SNDBUFFORCE: socket.options.sendBuffer = max(4608, 2 * max(0, Int(value)))
    case SO_RCVLOWAT: socket.options.receiveLowWater = max(1, Int(value))
    case SO_KEEPALIVE:
      socket.options.keepAlive = value != 0
      try keepAliveChanged(socket)
    case SO_ERROR, SO_TYPE, SO_ACCEPTCONN, SO_DOMAIN, SO_PROTOCOL: throw SystemCallError(ENOPROTOOPT)
    case SO_REUSEADDR, SO_REUSEPORT, SO_OOBINLINE, SO_PRIORITY, SO_MARK, SO_DONTROUTE, SO_BROADCAST, SO_DEBUG,
      SO_NO_CHECK, SO_BUSY_POLL, SO_MAX_PACING_RATE, SO_TIMESTAMP, SO_TIMESTAMPNS, SO_RXQ_OVFL, SO_PASSCRED,
      SO_INCOMING_CPU, SO_LOCK_FILTER:
      socket.options.notes[.init(level: SOL_SOCKET, name: name)] = value
    case SO_ZEROCOPY:
      guard 0...1 ~= value else { throw SystemCallError(EINVAL) }
      socket.options.notes[.init(level: SOL_SOCKET, name: name)] = value
    case SO_TIMESTAMPING:
      let wanted = TimestampingFlags(rawValue: value)
      guard wanted.isSubset(of: .all) else { throw SystemCallError(EINVAL) }
      if wanted.contains(.numbered), !socket.options.timestamping.contains(.numbered) {
        guard socket.kind == .datagram || socket.connection != nil else { throw SystemCallError(EINVAL) }
        socket.errors.beginNumbering()
      }
      socket.options.timestamping = wanted
    default: throw SystemCallError(ENOPROTOOPT)
    }
  }

  private func setTCPOption(_ socket: SocketFile, _ name: Int32, _ value: Int32) throws(SystemCallError) {
    func check(_ range: ClosedRange<Int32>) throws(SystemCallError) {
      guard range.contains(value) else { throw SystemCallError(EINVAL) }
    }
    switch name {
    case TCPOption.noDelay:
      socket.options.noDelay = value != 0
      guard let id = socket.connection else { return }
      try? stack.setNoDelay(value != 0, of: id, at: clock.now)
      if value != 0, socket.options.cork || socket.isHeld {
        // What waits behind the cork leaves, and the cork stays.
        try? stack.setCork(false, of: id, at: clock.now)
        drain()
        try? stack.setCork(true, of: id, at: clock.now)
      }
    case TCPOption.cork:
      socket.options.cork = value != 0
      if let id = socket.connection { try? stack.setCork(value != 0, of: id, at: clock.now) }
    case TCPOption.maximumSegment:
      if value != 0 { try check(88...32_767) }
      socket.options.maximumSegmentSize = value == 0 ? nil : Int(value)
    case TCPOption.keepIdle:
      try check(1...32_767)
      socket.options.keepAliveIdle = .seconds(Int(value))
      try keepAliveChanged(socket)
    case TCPOption.keepInterval:
      try check(1...32_767)
      socket.options.keepAliveInterval = .seconds(Int(value))
      try keepAliveChanged(socket)
    case TCPOption.keepCount:
      try check(1...127)
      socket.options.keepAliveProbes = Int(value)
      try keepAliveChanged(socket)
    case TCPOption.synchronizeCount:
      try check(1...127)
      socket.options.synchronizeRetries = Int(value)
      if let id = socket.connection {
        try? stack.setConnectTimeout(configuration(of: socket).connectTimeout, of: id, at: clock.now)
      }
    case TCPOption.linger2:
      socket.options.orphanTimeout = value < 0 ? .zero : value == 0 ? nil : .seconds(Int(value))
      if let id = socket.connection {
        try? stack.setOrphanTimeout(configuration(of: socket).orphanTimeout, of: id, at: clock.now)
      }
    case TCPOption.deferAccept: socket.options.deferAccept = value <= 0 ? nil : .seconds(Int(value))
    case TCPOption.windowClamp: socket.options.windowClamp = value <= 0 ? nil : Int(value)
    case TCPOption.quickAcknowledgment:
      socket.options.quickAcknowledgments = value != 0
      if let id = socket.connection { try? stack.setQuickAcknowledgments(value != 0, of: id, at: clock.now) }
    case TCPOption.userTimeout:
      try check(0...Int32.max)
      socket.options.userTimeout = value == 0 ? nil : .milliseconds(Int(value))
      if let id = socket.connection {
        try? stack.setUserTimeout(configuration(of: socket).userTimeout, of: id, at: clock.now)
      }
    case TCPOption.unsentLowWater:
      socket.options.unsentLowWater = value == 0 ? nil : Int(UInt32(bitPattern: value))
    case TCPOption.queue: socket.options.tellsQueue = value != 0
    case TCPOption.fastOpen, TCPOption.fastOpenConnect, TCPOption.fastOpenNoCookie:
      try setFastOpenOption(socket, name, value)
    case TCPOption.timestamp: socket.options.notes[.init(level: TCPOption.tcp, name: name)] = value
    default: throw SystemCallError(ENOPROTOOPT)
    }
  }

  private func setInternetOption(
    _ socket: SocketFile, _ level: Int32, _ name: Int32, _ value: Int32
  ) throws(SystemCallError) {
    switch (level, name) {
    case (Int32(IPPROTO_IPV6), Int32(IPV6_V6ONLY)): socket.options.onlyIPv6 = value != 0
    case (Int32(IPPROTO_IP), Int32(IP_TTL)), (Int32(IPPROTO_IPV6), Int32(IPV6_UNICAST_HOPS)):
      guard (1...255).contains(value) || value == -1 else { throw SystemCallError(EINVAL) }
      let hops = value == -1 ? 64 : UInt8(value)
      socket.options.timeToLive = hops
      if let id = socket.connection { try? stack.setTimeToLive(hops, of: id) }
      if let id = socket.listener { try? stack.setTimeToLive(hops, of: id) }
      if let id = socket.datagramSocket { try? stack.setTimeToLive(hops, of: id) }
    case (Int32(IPPROTO_IP), Int32(IP_TOS)), (Int32(IPPROTO_IPV6), Int32(IPV6_TCLASS)):
      // The two bits of congestion notification are TCP's.
      let service = UInt8(truncatingIfNeeded: value) & 0xfc
      socket.options.trafficClass = service
      if let id = socket.connection { try? stack.setDifferentiatedServices(service >> 2, of: id) }
      if let id = socket.listener { try? stack.setDifferentiatedServices(service >> 2, of: id) }
    default: socket.options.notes[.init(level: level, name: name)] = value
    }
  }

  private func setCongestionControl(_ socket: SocketFile, _ name: String) throws(SystemCallError) {
    guard let algorithm = CongestionControlAlgorithm(linuxName: name) else { throw SystemCallError(ENOENT) }
    if let id = socket.connection, let current = try? stack.status(of: id).congestionControl,
      current != algorithm
    {
      // The engine chooses when a connection is opened, and keeps to it.
      throw SystemCallError(EOPNOTSUPP)
    }
    socket.options.congestionControl = algorithm
  }

  private func keepAliveChanged(_ socket: SocketFile) throws(SystemCallError) {
    guard let id = socket.connection else { return }
    let system = SystemSettings(use: flags.settings)
    do throws(SocketError) {
      try stack.setKeepAlive(socket.options.keepAlive(system), of: id, at: clock.now)
    } catch { throw SystemCallError(error) }
  }

  // MARK: getsockopt

  /// The value of an option, as it lies in memory.
  func option(_ descriptor: Int32, level: Int32, name: Int32) throws(SystemCallError) -> [UInt8] {
    let socket = try socket(descriptor)
    switch (level, name) {
    case (TCPOption.tcp, TCPOption.information):
      guard socket.kind == .stream else { throw SystemCallError(ENOPROTOOPT) }
      return bytes(of: information(of: socket))
    case (TCPOption.tcp, TCPOption.congestion):
      return Array(congestionControl(of: socket).linuxName.utf8) + [UInt8](repeating: 0, count: 16)
    case (SOL_SOCKET, SO_LINGER):
      let time = socket.options.linger
      return bytes(
        of: linger(l_onoff: time == nil ? 0 : 1, l_linger: Int32((time?.nanoseconds ?? 0) / 1_000_000_000)))
    case (SOL_SOCKET, SO_RCVTIMEO), (SOL_SOCKET, SO_SNDTIMEO):
      let time = name == SO_RCVTIMEO ? socket.options.receiveTimeout : socket.options.sendTimeout
      let micros = Int((time?.nanoseconds ?? 0) / 1_000)
      return bytes(of: timeval(tv_sec: micros / 1_000_000, tv_usec: micros % 1_000_000))
    case (TCPOption.tcp, TCPOption.fastOpenKey): return fastOpenKeyOctets(of: socket)
    // Nothing that an algorithm tells of itself beside what TCP_INFO has.
    case (TCPOption.tcp, TCPOption.congestionInformation): return []
    case (SOL_SOCKET, SO_MEMINFO): return memoryInformation(of: socket)
    default: break
    }
    switch level {
    case SOL_SOCKET: return bytes(of: try socketOption(socket, name))
    case TCPOption.tcp:
      guard socket.kind == .stream else { throw SystemCallError(ENOPROTOOPT) }
      return bytes(of: try tcpOption(socket, name))
    case Int32(IPPROTO_IP), Int32(IPPROTO_IPV6): return bytes(of: internetOption(socket, level, name))
    default: throw SystemCallError(EOPNOTSUPP)
    }
  }

  /// Nine numbers: received, its limit, written, its limit, reserved, queued, options, backlog, drops; octets but the last.
  private func memoryInformation(of socket: SocketFile) -> [UInt8] {
    let status = socket.connection.flatMap { try? stack.status(of: $0) }
    let written = Int32(clamping: (status?.outstanding ?? 0) + (status?.unsent ?? 0))
    let received = Int32(clamping: status?.readable ?? 0)
    let limits = (try? (socketOption(socket, SO_RCVBUF), socketOption(socket, SO_SNDBUF))) ?? (0, 0)
    return [received, limits.0, written, limits.1, 0, written, 0, 0, 0].flatMap { bytes(of: $0) }
  }

  private func congestionControl(of socket: SocketFile) -> CongestionControlAlgorithm {
    if let id = socket.connection, let status = try? stack.status(of: id) {
      return status.congestionControl
    }
    return configuration(of: socket).congestionControl
  }

  private func socketOption(_ socket: SocketFile, _ name: Int32) throws(SystemCallError) -> Int32 {
    let system = SystemSettings(use: flags.settings)
    switch name {
    case SO_ERROR: return socket.takeError() ?? 0
    case SO_TYPE: return socket.kind == .stream ? Int32(SOCK_STREAM.rawValue) : Int32(SOCK_DGRAM.rawValue)
    case SO_DOMAIN: return socket.family.number
    case SO_PROTOCOL: return Int32(socket.kind == .stream ? IPPROTO_TCP : IPPROTO_UDP)
    case SO_ACCEPTCONN: return socket.listener == nil ? 0 : 1
    case SO_RCVBUF:
      return Int32(
        clamping: socket.options.receiveBuffer ?? system.bufferSizes(receiving: true)?.initial
          ?? LinuxDefaults.receiveBuffer.initial)
    case SO_SNDBUF:
      return Int32(
        clamping: socket.options.sendBuffer ?? system.bufferSizes(receiving: false)?.initial
          ?? LinuxDefaults.sendBuffer.initial)
    case SO_RCVLOWAT: return Int32(socket.options.receiveLowWater)
    case SO_KEEPALIVE: return socket.options.keepAlive ? 1 : 0
    case SO_TIMESTAMPING: return socket.options.timestamping.rawValue
    case SO_SNDLOWAT: return 1
    case SO_REUSEADDR, SO_REUSEPORT, SO_OOBINLINE, SO_PRIORITY, SO_MARK, SO_DONTROUTE, SO_BROADCAST, SO_DEBUG,
      SO_NO_CHECK, SO_BUSY_POLL, SO_MAX_PACING_RATE, SO_ZEROCOPY, SO_TIMESTAMP, SO_TIMESTAMPNS, SO_RXQ_OVFL,
      SO_PASSCRED, SO_INCOMING_CPU, SO_LOCK_FILTER:
      return socket.options.notes[.init(level: SOL_SOCKET, name: name), default: 0]
    default: throw SystemCallError(ENOPROTOOPT)
    }
  }

  private func tcpOption(_ socket: SocketFile, _ name: Int32) throws(SystemCallError) -> Int32 {
    func seconds(_ interval: Interval?, _ otherwise: Int64 = 0) -> Int32 {
      Int32(clamping: interval.map { $0.nanoseconds / 1_000_000_000 } ?? otherwise)
    }
    let usual = SystemSettings(use: flags.settings).keepAlive(LinuxDefaults.keepAlive)
    let options = socket.options
    switch name {
    case TCPOption.noDelay: return options.noDelay ? 1 : 0
    case TCPOption.cork: return options.cork ? 1 : 0
    case TCPOption.maximumSegment:
      if let id = socket.connection, let status = try? stack.status(of: id) {
        return Int32(status.segmentSize)
      }
      return Int32(options.maximumSegmentSize ?? 536)
    case TCPOption.keepIdle: return seconds(options.keepAliveIdle ?? usual.idle)
    case TCPOption.keepInterval: return seconds(options.keepAliveInterval ?? usual.interval)
    case TCPOption.keepCount: return Int32(options.keepAliveProbes ?? usual.probes)
    case TCPOption.synchronizeCount: return Int32(options.synchronizeRetries ?? 5)
    case TCPOption.linger2: return seconds(options.orphanTimeout ?? configuration(of: socket).orphanTimeout)
    case TCPOption.deferAccept: return LinuxDefaults.deferral(ofSeconds: seconds(options.deferAccept))
    case TCPOption.windowClamp: return Int32(clamping: options.windowClamp ?? 0)
    case TCPOption.quickAcknowledgment: return options.quickAcknowledgments ? 1 : 0
    case TCPOption.userTimeout:
      return Int32(clamping: (options.userTimeout?.nanoseconds ?? 0) / 1_000_000)
    case TCPOption.unsentLowWater: return Int32(bitPattern: UInt32(clamping: options.unsentLowWater ?? 0))
    case TCPOption.queue: return options.tellsQueue ? 1 : 0
    case TCPOption.fastOpen: return Int32(clamping: options.fastOpenLimit)
    case TCPOption.fastOpenConnect: return options.fastOpenConnect ? 1 : 0
    case TCPOption.fastOpenNoCookie: return options.fastOpenWithoutCookie ? 1 : 0
    case TCPOption.timestamp: return options.notes[.init(level: TCPOption.tcp, name: name), default: 0]
    default: throw SystemCallError(ENOPROTOOPT)
    }
  }

  private func internetOption(_ socket: SocketFile, _ level: Int32, _ name: Int32) -> Int32 {
    switch (level, name) {
    case (Int32(IPPROTO_IPV6), Int32(IPV6_V6ONLY)): return socket.options.onlyIPv6 ? 1 : 0
    case (Int32(IPPROTO_IP), Int32(IP_TTL)), (Int32(IPPROTO_IPV6), Int32(IPV6_UNICAST_HOPS)):
      return Int32(socket.options.timeToLive ?? 64)
    case (Int32(IPPROTO_IP), Int32(IP_TOS)), (Int32(IPPROTO_IPV6), Int32(IPV6_TCLASS)):
      return Int32(socket.options.trafficClass ?? 0)
    default: return socket.options.notes[.init(level: level, name: name), default: 0]
    }
  }

  private func bytes<Value: BitwiseCopyable>(of value: Value) -> [UInt8] {
    var value = value
    return unsafe withUnsafeBytes(of: &value) { unsafe Array($0) }
  }

  // MARK: fcntl, ioctl

  func control(_ descriptor: Int32, _ command: Int32, _ argument: Int) throws(SystemCallError) -> Int32 {
    guard let socket = files[descriptor] as? SocketFile else {
      let result = sockeye_kernel_fcntl(descriptor, command, argument)
      if result < 0 { throw SystemCallError(errno) }
      return result
    }
    switch command {
    case F_GETFL: return O_RDWR | (socket.isNonBlocking ? O_NONBLOCK : 0)
    case F_SETFL:
      socket.isNonBlocking = Int32(truncatingIfNeeded: argument) & O_NONBLOCK != 0
      return 0
    case F_GETFD: return sockeye_kernel_fcntl(descriptor, F_GETFD, 0)
    case F_SETFD: return sockeye_kernel_fcntl(descriptor, F_SETFD, argument)
    default: throw SystemCallError(EINVAL)
    }
  }

  /// What SIOCINQ, SIOCOUTQ and their relatives count.
  /// - Parameter value: what the program passed.
  func inputOutputControl(_ descriptor: Int32, _ request: UInt, _ value: Int32) throws(SystemCallError)
    -> Int32
  {
    let socket = try socket(descriptor)
    let status = socket.connection.flatMap { try? stack.status(of: $0) }
    switch request {
    case 0x5421:  // FIONBIO
      socket.isNonBlocking = value != 0
      return value
    case 0x541b:  // SIOCINQ, FIONREAD
      if socket.listener != nil { throw SystemCallError(EINVAL) }
      // The octets before the urgent one, if that isn't in the stream.
      guard let id = socket.connection else { return 0 }
      if !socket.readsUrgentInline, distanceToUrgent(id) == 0 { return 0 }
      return Int32(readableInOrder(socket, id))
    case 0x5411:  // SIOCOUTQ, TIOCOUTQ
      if socket.listener != nil { throw SystemCallError(EINVAL) }
      return Int32(status.map { $0.outstanding + $0.unsent } ?? 0)
    case 0x894b:  // SIOCOUTQNSD
      if socket.listener != nil { throw SystemCallError(EINVAL) }
      return Int32(status?.unsent ?? 0)
    case 0x8905:  // SIOCATMARK
      return status?.urgentAhead == 1 ? 1 : 0
    default: throw SystemCallError(ENOTTY)
    }
  }
}
