// Holds the calls as C makes them, one for each place of packetdrill's table but those that are variadic in C: arguments
// taken apart, errors turned into -1 and errno. What they do is in Session. Transfers are in EntryPoints+Transfer.

import Glibc
import SockeyeBytes
import SockeyePacketdrillShims
import SockeyeWire

typealias SessionPointer = UnsafeMutableRawPointer?

/// The session behind the pointer that packetdrill hands back; it holds one reference until `free`.
func session(_ pointer: SessionPointer) -> Session {
  guard let pointer = unsafe pointer else { fatalError("packetdrill passes on what it was given") }
  return unsafe Unmanaged<Session>.fromOpaque(pointer).takeUnretainedValue()
}

/// Carries a call out as C has it.
func answering<Number: FixedWidthInteger & SignedInteger>(
  _ body: () throws(SystemCallError) -> Number
) -> Number {
  do throws(SystemCallError) {
    return try body()
  } catch {
    errno = error.number
    return -1
  }
}

func addressBytes(_ address: UnsafeRawPointer?, _ length: UInt32) throws(SystemCallError)
  -> UnsafeRawBufferPointer
{
  guard let address = unsafe address else { throw SystemCallError(EFAULT) }
  return unsafe UnsafeRawBufferPointer(start: address, count: Int(length))
}

/// Tells an address if the program wants it.
func tell(
  _ endpoint: Endpoint, _ family: SocketFamily, _ room: UnsafeMutableRawPointer?,
  _ length: UnsafeMutablePointer<UInt32>?
) {
  if let room = unsafe room, let length = unsafe length {
    unsafe SocketAddress.write(endpoint, family: family, to: room, &length.pointee)
  }
}

// MARK: The session

@_cdecl("sockeye_pd_begin")
public func beginEntry(_ text: UnsafePointer<CChar>?) -> UnsafeMutableRawPointer {
  let words = unsafe text.map { unsafe String(cString: $0) } ?? ""
  var flags: SessionFlags
  do throws(SessionFlags.Unknown) {
    flags = try SessionFlags(parsing: words)
    // What the flags say comes first.
    if !words.contains("mtu=") && !words.contains("local=") {
      flags.takeProgramArguments(CommandLine.arguments)
    }
  } catch {
    // There is no way to fail but this, and a script must not run under other rules than were asked for.
    let message = "sockeye-packetdrill: unknown flag '\(error.word)'\n"
    _ = unsafe message.withCString { unsafe Glibc.write(2, $0, strlen($0)) }
    exit(2)
  }
  return unsafe Unmanaged.passRetained(Session(flags: flags)).toOpaque()
}

@_cdecl("sockeye_pd_free")
public func freeEntry(_ pointer: UnsafeMutableRawPointer?) {
  guard let pointer = unsafe pointer else { return }
  unsafe Unmanaged<Session>.fromOpaque(pointer).takeRetainedValue().end()
}

@_cdecl("sockeye_pd_owns")
public func ownsEntry(_ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32) -> Int32 {
  unsafe session(pointer).owns(descriptor) ? 1 : 0
}

// MARK: Opening

@_cdecl("sockeye_pd_socket")
public func socketEntry(_ pointer: UnsafeMutableRawPointer?, _ domain: Int32, _ type: Int32, _ kind: Int32)
  -> Int32
{
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    try session.answer { () throws(SystemCallError) in
      try session.openSocket(domain: domain, type: type, protocolNumber: kind)
    }
  }
}

@_cdecl("sockeye_pd_bind")
public func bindEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ address: UnsafeRawPointer?, _ length: UInt32
) -> Int32 {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    try session.answer { () throws(SystemCallError) in
      let bytes = try unsafe addressBytes(address, length)
      try session.bind(
        descriptor, to: unsafe SocketAddress.read(bytes, family: try session.socket(descriptor).family))
      return 0
    }
  }
}

@_cdecl("sockeye_pd_listen")
public func listenEntry(_ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ backlog: Int32) -> Int32 {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    try session.answer { () throws(SystemCallError) in
      try session.listen(descriptor, backlog: backlog)
      return 0
    }
  }
}

@_cdecl("sockeye_pd_accept")
public func acceptEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ address: UnsafeMutableRawPointer?,
  _ length: UnsafeMutablePointer<UInt32>?
) -> Int32 {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    let (waits, time, family) = session.monitor.locked {
      let socket = session.files[descriptor] as? SocketFile
      return (socket?.isNonBlocking == false, socket?.options.receiveTimeout, socket?.family ?? .v4)
    }
    let (accepted, peer) = try session.answer(waits: waits, timeout: time, otherwise: EAGAIN) {
      () throws(SystemCallError) in try session.accept(descriptor)
    }
    unsafe tell(peer, family, address, length)
    return accepted
  }
}

@_cdecl("sockeye_pd_connect")
public func connectEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ address: UnsafeRawPointer?, _ length: UInt32
) -> Int32 {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    let (waits, time) = session.monitor.locked {
      let socket = session.files[descriptor] as? SocketFile
      return (socket?.isNonBlocking == false, socket?.options.sendTimeout)
    }
    var hasBegun = false
    try session.answer(waits: waits, timeout: time, otherwise: EINPROGRESS) { () throws(SystemCallError) in
      if hasBegun { return try session.connectionMade(descriptor) }
      hasBegun = true
      let bytes = try unsafe addressBytes(address, length)
      if unsafe SocketAddress.isNone(bytes), try session.socket(descriptor).kind == .stream {
        return try session.disconnect(descriptor)
      }
      let family = try session.socket(descriptor).family
      return try session.connect(descriptor, to: unsafe SocketAddress.read(bytes, family: family))
    }
    return 0
  }
}

// MARK: Closing

@_cdecl("sockeye_pd_close")
public func closeEntry(_ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32) -> Int32 {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    let lingering = try session.answer { () throws(SystemCallError) in try session.close(descriptor) }
    guard let lingering else { return 0 }
    // SO_LINGER: the call returns when the connection has ended, or with the time.
    do throws(SystemCallError) {
      try session.answer(waits: true, timeout: lingering.time, otherwise: EAGAIN) {
        lingering.socket.ended == nil ? nil : ()
      }
    } catch {}
    return 0
  }
}

@_cdecl("sockeye_pd_shutdown")
public func shutdownEntry(_ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ how: Int32) -> Int32 {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    try session.answer { () throws(SystemCallError) in
      try session.shutDown(descriptor, how: how)
      return 0
    }
  }
}

// MARK: Options

@_cdecl("sockeye_pd_setsockopt")
public func setsockoptEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ level: Int32, _ name: Int32,
  _ value: UnsafeRawPointer?, _ length: UInt32
) -> Int32 {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    try session.answer { () throws(SystemCallError) in
      let bytes = try unsafe addressBytes(value, length)
      try unsafe session.setOption(descriptor, level: level, name: name, bytes)
      return 0
    }
  }
}

@_cdecl("sockeye_pd_getsockopt")
public func getsockoptEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ level: Int32, _ name: Int32,
  _ value: UnsafeMutableRawPointer?, _ length: UnsafeMutablePointer<UInt32>?
) -> Int32 {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    let bytes = try session.answer { () throws(SystemCallError) in
      try session.option(descriptor, level: level, name: name)
    }
    guard let length = unsafe length, let value = unsafe value else { throw SystemCallError(EFAULT) }
    let room = unsafe Int(length.pointee)
    guard room >= 0 else { throw SystemCallError(EINVAL) }
    let count = min(room, bytes.count)
    // No more than the program says it has room for.
    unsafe UnsafeMutableRawBufferPointer(start: value, count: count).copyBytes(from: bytes.prefix(count))
    unsafe length.pointee = UInt32(count)
    return 0
  }
}

@_cdecl("sockeye_pd_fcntl")
public func fcntlEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ command: Int32, _ argument: Int
) -> Int32 {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    try session.answer { () throws(SystemCallError) in try session.control(descriptor, command, argument) }
  }
}

@_cdecl("sockeye_pd_ioctl")
public func ioctlEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ request: UInt,
  _ argument: UnsafeMutableRawPointer?
) -> Int32 {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    guard let argument = unsafe argument else { throw SystemCallError(EFAULT) }
    let value = unsafe argument.loadUnaligned(as: Int32.self)
    let result = try session.answer { () throws(SystemCallError) in
      try session.inputOutputControl(descriptor, request, value)
    }
    unsafe argument.storeBytes(of: result, as: Int32.self)
    return 0
  }
}

// MARK: Readiness

/// Milliseconds as poll has them: below zero is for ever.
private func timeout(_ milliseconds: Int32) -> Interval? {
  milliseconds < 0 ? nil : .milliseconds(Int(milliseconds))
}

@_cdecl("sockeye_pd_poll")
public func pollEntry(
  _ pointer: UnsafeMutableRawPointer?, _ entries: UnsafeMutableRawPointer?, _ count: UInt,
  _ milliseconds: Int32
) -> Int32 {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    guard let entries = unsafe entries else { throw SystemCallError(EFAULT) }
    let list = unsafe UnsafeMutableBufferPointer(
      start: entries.assumingMemoryBound(to: pollfd.self), count: Int(count))
    do throws(SystemCallError) {
      return try session.answer(waits: milliseconds != 0, timeout: timeout(milliseconds), otherwise: EAGAIN) {
        unsafe session.poll(list)
      }
    } catch {
      if error.number == EAGAIN { return 0 }
      throw error
    }
  }
}

@_cdecl("sockeye_pd_epoll_create")
public func epollCreateEntry(_ pointer: UnsafeMutableRawPointer?, _ size: Int32) -> Int32 {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    try session.answer { () throws(SystemCallError) in try session.openEventPoll(size: size) }
  }
}

@_cdecl("sockeye_pd_epoll_ctl")
public func epollControlEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ operation: Int32, _ target: Int32,
  _ event: UnsafeRawPointer?
) -> Int32 {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    let change =
      unsafe event.map { unsafe $0.loadUnaligned(as: sockeye_epoll_event.self) } ?? sockeye_epoll_event()
    return try session.answer { () throws(SystemCallError) in
      try session.changeInterest(
        descriptor, operation, target, events: change.events, data: change.data)
      return 0
    }
  }
}

@_cdecl("sockeye_pd_epoll_wait")
public func epollWaitEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ room: UnsafeMutableRawPointer?, _ limit: Int32,
  _ milliseconds: Int32
) -> Int32 {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    guard let room = unsafe room else { throw SystemCallError(EFAULT) }
    do throws(SystemCallError) {
      let events = try session.answer(
        waits: milliseconds != 0, timeout: timeout(milliseconds), otherwise: EAGAIN
      ) { () throws(SystemCallError) in try session.readyEvents(descriptor, limit: Int(limit)) }
      let stride = MemoryLayout<sockeye_epoll_event>.stride
      for (index, event) in events.enumerated() {
        unsafe (room + index * stride).copyMemory(
          from: [event], byteCount: MemoryLayout<sockeye_epoll_event>.size)
      }
      return Int32(events.count)
    } catch {
      if error.number == EAGAIN { return 0 }
      throw error
    }
  }
}

// MARK: Packets and time

@_cdecl("sockeye_pd_netdev_send")
public func netdevSendEntry(_ pointer: UnsafeMutableRawPointer?, _ packet: UnsafeRawPointer?, _ count: Int)
  -> Int32
{
  guard let packet = unsafe packet else { return -1 }
  unsafe session(pointer).receivePacket(Array(UnsafeRawBufferPointer(start: packet, count: count)))
  return 0
}

@_cdecl("sockeye_pd_netdev_receive")
public func netdevReceiveEntry(
  _ pointer: UnsafeMutableRawPointer?, _ room: UnsafeMutableRawPointer?, _ count: UnsafeMutablePointer<Int>?,
  _ time: UnsafeMutablePointer<Int64>?
) -> Int32 {
  guard let room = unsafe room, let count = unsafe count else { return -1 }
  guard let packet = unsafe session(pointer).nextPacket() else {
    unsafe count.pointee = 0
    return 0
  }
  let length = unsafe min(packet.bytes.count, count.pointee)
  // No more than there is room for.
  unsafe UnsafeMutableRawBufferPointer(start: room, count: length).copyBytes(
    from: packet.bytes.prefix(length))
  unsafe count.pointee = length
  unsafe time?.pointee = Int64(packet.at.nanoseconds / 1_000)
  return 0
}

@_cdecl("sockeye_pd_usleep")
public func usleepEntry(_ pointer: UnsafeMutableRawPointer?, _ microseconds: UInt32) -> Int32 {
  unsafe session(pointer).sleep(for: .microseconds(Int(microseconds)))
  return 0
}

@_cdecl("sockeye_pd_gettimeofday")
public func getTimeOfDayEntry(
  _ pointer: UnsafeMutableRawPointer?, _ room: UnsafeMutablePointer<timeval>?,
  _ zone: UnsafeMutableRawPointer?
) -> Int32 {
  let micros = unsafe session(pointer).timeOfDay().nanoseconds / 1_000
  unsafe room?.pointee = timeval(tv_sec: Int(micros / 1_000_000), tv_usec: Int(micros % 1_000_000))
  return 0
}
