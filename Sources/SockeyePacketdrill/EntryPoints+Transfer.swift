// Holds the calls that read and write, as C makes them: all of them are one of two, with buffers and control data around
// them. Descriptors that are none of ours, a pipe's for one, are the kernel's affair.

import Glibc
import SockeyeBytes
import SockeyePacketdrillShims
import SockeyeTCP
import SockeyeWire

// MARK: Writing

extension Session {
  /// Writes all of the bytes, as far as the socket may wait.
  func writeAll(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, _ flags: MessageFlags, to remote: Endpoint?
  ) throws(SystemCallError) -> Int {
    let socket = try monitor.locked { () throws(SystemCallError) in try self.socket(descriptor) }
    let waits = !socket.isNonBlocking && !flags.contains(.dontWait)
    let time = socket.options.sendTimeout
    if socket.kind == .datagram {
      if flags.contains(.fastOpen) { throw SystemCallError(EOPNOTSUPP) }
      return try answer { () throws(SystemCallError) in try unsafe send(socket, bytes, to: remote) }
    }
    var written = 0
    var isOpening = false
    do throws(SystemCallError) {
      try answer(waits: waits, timeout: time, otherwise: EAGAIN) { () throws(SystemCallError) -> Void? in
        if !isOpening, try opensByWriting(socket, flags) {
          isOpening = true
          written = try unsafe open(socket, bytes, to: remote, waits: waits)
          socket.errors.wrote(written)
          if waits { return nil }
          if written == 0 { throw SystemCallError(EINPROGRESS) }
          callWrote(socket, written, flags)
          return ()
        }
        if isOpening, try connectionMade(descriptor) == nil { return nil }
        if isOpening { textFollowsHandshake(socket, bytes.count) }
        if flags.contains(.fastOpen), socket.isConnecting, !socket.isConnected, !waits {
          throw SystemCallError(EALREADY)
        }
        isOpening = false
        hold(socket, flags.contains(.more))
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
        guard let count = try unsafe write(socket, rest, flags) else {
          socket.waitsToWrite = waits
          return nil
        }
        written += count
        let isDone = written == bytes.count
        socket.waitsToWrite = waits && !isDone
        if isDone || !waits { callWrote(socket, written, flags) }
        return isDone ? () : nil
      }
    } catch {
      if isOpening { throw error }
      // What was taken is told; the error is told by the next call.
      if written > 0, error.number == EAGAIN { return written }
      if written > 0 {
        socket.pendingError = error.number == EPIPE ? 0 : error.number
        return written
      }
      throw error
    }
    return written
  }

  /// What a call that wrote has to be told of later.
  private func callWrote(_ socket: SocketFile, _ written: Int, _ flags: MessageFlags) {
    guard written > 0 else { return }
    let mayGoWithoutCopy = SocketOptions.Note(level: SOL_SOCKET, name: SO_ZEROCOPY)
    socket.errors.callEnded(
      withoutCopy: flags.contains(.zeroCopy) && socket.options.notes[mayGoWithoutCopy, default: 0] != 0,
      stamps: socket.options.timestamping)
  }

  /// MSG_MORE holds back like a cork until something is written without it.
  private func hold(_ socket: SocketFile, _ more: Bool) {
    socket.moreFollows = more
    guard let id = socket.connection, socket.isHeld != more else { return }
    socket.isHeld = more
    try? stack.setCork(more || socket.options.cork, of: id, at: clock.now)
  }

  /// Reads into one buffer.
  func readInto(
    _ descriptor: Int32, _ room: UnsafeMutableRawBufferPointer, _ flags: MessageFlags
  ) throws(SystemCallError) -> (count: Int, source: Endpoint?) {
    let socket = try monitor.locked { () throws(SystemCallError) in try self.socket(descriptor) }
    let waits = !socket.isNonBlocking && !flags.contains(.dontWait)
    let time = socket.options.receiveTimeout
    if socket.kind == .datagram {
      return try answer(waits: waits, timeout: time, otherwise: EAGAIN) { () throws(SystemCallError) in
        try unsafe receiveDatagram(socket, room).map { ($0.0, $0.1) }
      }
    }
    var taken = 0
    let whole = flags.contains(.waitAll) && waits && !flags.contains(.peek)
    let least = min(socket.options.receiveLowWater, max(1, room.count))
    do throws(SystemCallError) {
      try answer(waits: waits, timeout: time, otherwise: EAGAIN) { () throws(SystemCallError) -> Void? in
        while true {
          let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: room[taken...])
          guard let count = try unsafe read(socket, rest, least: taken == 0 ? least : 1, flags) else {
            return nil
          }
          taken += count
          if !whole || count == 0 || taken == room.count { return () }
          // What is read in one go ends before the urgent octet.
          if let id = socket.connection, distanceToUrgent(id) == 0 { return () }
        }
      }
    } catch {
      if taken == 0 { throw error }
    }
    return (taken, nil)
  }
}

/// Whether the descriptor is the kernel's own.
func isForeign(_ session: Session, _ descriptor: Int32) -> Bool {
  session.monitor.locked { session.files[descriptor] == nil } && Glibc.fcntl(descriptor, F_GETFD) >= 0
}

func put(
  _ pointer: SessionPointer, _ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ flags: Int32,
  to address: UnsafeRawPointer? = nil, _ length: UInt32 = 0
) -> Int {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    guard unsafe bytes != nil || count == 0 else { throw SystemCallError(EFAULT) }
    let buffer = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
    if isForeign(session, descriptor) {
      let result = unsafe Glibc.write(descriptor, bytes, count)
      if result < 0 { throw SystemCallError(errno) }
      return result
    }
    var remote: Endpoint?
    if unsafe address != nil {
      let family = try session.monitor.locked { () throws(SystemCallError) in
        try session.socket(descriptor).family
      }
      let bytes = try unsafe addressBytes(address, length)
      if flags & MessageFlags.fastOpen.rawValue != 0, unsafe SocketAddress.isNone(bytes) {
        throw SystemCallError(EOPNOTSUPP)
      }
      remote = try unsafe SocketAddress.read(bytes, family: family)
    }
    return try unsafe session.writeAll(descriptor, buffer, MessageFlags(rawValue: flags), to: remote)
  }
}

@_cdecl("sockeye_pd_write")
public func writeEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int
) -> Int { unsafe put(pointer, descriptor, bytes, count, 0) }

@_cdecl("sockeye_pd_send")
public func sendEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int,
  _ flags: Int32
) -> Int { unsafe put(pointer, descriptor, bytes, count, flags) }

@_cdecl("sockeye_pd_sendto")
public func sendToEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int,
  _ flags: Int32, _ address: UnsafeRawPointer?, _ length: UInt32
) -> Int { unsafe put(pointer, descriptor, bytes, count, flags, to: address, length) }

/// The bytes of several buffers, one behind the other.
private func gathered(_ buffers: UnsafePointer<iovec>?, _ count: Int) throws(SystemCallError) -> [UInt8] {
  guard count >= 0, count <= 1024 else { throw SystemCallError(EINVAL) }
  var bytes: [UInt8] = []
  for index in 0..<count {
    guard let part = unsafe buffers?[index] else { throw SystemCallError(EFAULT) }
    guard unsafe part.iov_base != nil || part.iov_len == 0 else { throw SystemCallError(EFAULT) }
    guard unsafe part.iov_len <= Int(Int32.max) else { throw SystemCallError(EINVAL) }
    unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(start: part.iov_base, count: Int(part.iov_len)))
  }
  return bytes
}

@_cdecl("sockeye_pd_writev")
public func writeVectorEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ buffers: UnsafeRawPointer?, _ count: Int32
) -> Int {
  answering { () throws(SystemCallError) in
    let bytes = try unsafe gathered(buffers?.assumingMemoryBound(to: iovec.self), Int(count))
    return unsafe passingOn(bytes) { unsafe put(pointer, descriptor, $0, $1, 0) }
  }
}

@_cdecl("sockeye_pd_sendmsg")
public func sendMessageEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ message: UnsafeRawPointer?, _ flags: Int32
) -> Int {
  answering { () throws(SystemCallError) in
    guard let message = unsafe message?.assumingMemoryBound(to: msghdr.self) else {
      throw SystemCallError(EFAULT)
    }
    let bytes = try unsafe gathered(message.pointee.msg_iov, Int(message.pointee.msg_iovlen))
    return unsafe passingOn(bytes) {
      unsafe put(
        pointer, descriptor, $0, $1, flags, to: message.pointee.msg_name, message.pointee.msg_namelen)
    }
  }
}

private func passingOn(_ bytes: [UInt8], _ call: (UnsafeRawPointer?, Int) -> Int) -> Int {
  unsafe bytes.withUnsafeBytes { unsafe call($0.baseAddress, $0.count) }
}

// MARK: Reading

func get(
  _ pointer: SessionPointer, _ descriptor: Int32, _ room: UnsafeMutableRawPointer?, _ count: Int,
  _ flags: Int32,
  from address: UnsafeMutableRawPointer? = nil, _ length: UnsafeMutablePointer<UInt32>? = nil
) -> Int {
  let session = unsafe session(pointer)
  return answering { () throws(SystemCallError) in
    let flags = MessageFlags(rawValue: flags)
    guard unsafe room != nil || count == 0 || flags.contains(.truncate) else { throw SystemCallError(EFAULT) }
    if isForeign(session, descriptor) {
      let result = unsafe Glibc.read(descriptor, room, count)
      if result < 0 { throw SystemCallError(errno) }
      return result
    }
    let buffer = unsafe UnsafeMutableRawBufferPointer(start: room, count: unsafe room == nil ? 0 : count)
    let (taken, source) = try unsafe session.readInto(descriptor, buffer, flags)
    if let source {
      let family = session.monitor.locked { (session.files[descriptor] as? SocketFile)?.family ?? .v4 }
      unsafe tell(source, family, address, length)
    } else {
      unsafe length?.pointee = 0
    }
    return taken
  }
}

@_cdecl("sockeye_pd_read")
public func readEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ room: UnsafeMutableRawPointer?, _ count: Int
) -> Int { unsafe get(pointer, descriptor, room, count, 0) }

@_cdecl("sockeye_pd_recv")
public func receiveEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ room: UnsafeMutableRawPointer?, _ count: Int,
  _ flags: Int32
) -> Int { unsafe get(pointer, descriptor, room, count, flags) }

@_cdecl("sockeye_pd_recvfrom")
public func receiveFromEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ room: UnsafeMutableRawPointer?, _ count: Int,
  _ flags: Int32, _ address: UnsafeMutableRawPointer?, _ length: UnsafeMutablePointer<UInt32>?
) -> Int { unsafe get(pointer, descriptor, room, count, flags, from: address, length) }

/// Reads into several buffers.
func scattered(
  _ buffers: UnsafeMutablePointer<iovec>?, _ count: Int, _ read: (UnsafeMutableRawPointer?, Int) -> Int
) throws(SystemCallError) -> Int {
  guard count >= 0, count <= 1024 else { throw SystemCallError(EINVAL) }
  var total = 0
  for index in 0..<count {
    guard let part = unsafe buffers?[index] else { throw SystemCallError(EFAULT) }
    guard unsafe part.iov_base != nil || part.iov_len == 0 else { throw SystemCallError(EFAULT) }
    guard unsafe part.iov_len <= Int(Int32.max) else { throw SystemCallError(EINVAL) }
    unsafe total += Int(part.iov_len)
  }
  var bytes = [UInt8](repeating: 0, count: total)
  let taken = unsafe bytes.withUnsafeMutableBytes { unsafe read($0.baseAddress, total) }
  var place = 0
  for index in 0..<count where place < taken {
    guard let part = unsafe buffers?[index] else { break }
    let size = unsafe min(Int(part.iov_len), taken - place)
    // Each part's share of what was read is no longer than the part.
    unsafe UnsafeMutableRawBufferPointer(start: part.iov_base, count: size).copyBytes(
      from: bytes[place..<(place + size)])
    place += size
  }
  return taken
}

@_cdecl("sockeye_pd_readv")
public func readVectorEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ buffers: UnsafeMutableRawPointer?,
  _ count: Int32
) -> Int {
  answering { () throws(SystemCallError) in
    try unsafe scattered(buffers?.assumingMemoryBound(to: iovec.self), Int(count)) {
      unsafe get(pointer, descriptor, $0, $1, 0)
    }
  }
}
