// Holds recvmsg, sendfile, pipes and splice as C makes them: what comes with control data, or goes from one file to
// another. Plain reading and writing are in EntryPoints+Transfer.

import Glibc
import SockeyeBytes
import SockeyePacketdrillShims
import SockeyeTCP

@_cdecl("sockeye_pd_recvmsg")
public func receiveMessageEntry(
  _ pointer: UnsafeMutableRawPointer?, _ descriptor: Int32, _ message: UnsafeMutableRawPointer?,
  _ flags: Int32
) -> Int {
  answering { () throws(SystemCallError) in
    guard let message = unsafe message?.assumingMemoryBound(to: msghdr.self) else {
      throw SystemCallError(EFAULT)
    }
    if flags & MessageFlags.errorQueue.rawValue != 0 {
      let session = unsafe session(pointer)
      let error = try session.answer { () throws(SystemCallError) in try session.nextError(descriptor) }
      let family = session.monitor.locked { (session.files[descriptor] as? SocketFile)?.family ?? .v4 }
      unsafe tell(error, family, in: message)
      return 0
    }
    let taken = try unsafe scattered(message.pointee.msg_iov, Int(message.pointee.msg_iovlen)) {
      unsafe get(
        pointer, descriptor, $0, $1, flags, from: message.pointee.msg_name, &message.pointee.msg_namelen)
    }
    guard taken >= 0 else { return taken }
    unsafe message.pointee.msg_flags = flags & MessageFlags.outOfBand.rawValue
    let session = unsafe session(pointer)
    var used = 0
    if let queue = session.monitor.locked({ session.queueToTell(descriptor) }) {
      var value = queue
      used = unsafe sockeye_append_control(message, used, TCPOption.tcp, TCPOption.queue, &value, 4)
    }
    unsafe message.pointee.msg_controllen = used
    return taken
  }
}

/// Makes the control messages of a message of an error queue: when it was, and what (ip(7), IP_RECVERR).
private func tell(_ error: QueuedError, _ family: SocketFamily, in message: UnsafeMutablePointer<msghdr>) {
  unsafe message.pointee.msg_flags = MessageFlags.errorQueue.rawValue
  if error.hasPacket { unsafe message.pointee.msg_flags |= MessageFlags.truncate.rawValue }
  var used = 0
  if let stamp = error.stamp {
    let time = Int(stamp.nanoseconds)
    // The software's stamp, one that is no longer in use, and the hardware's.
    let stamps = [time / 1_000_000_000, time % 1_000_000_000, 0, 0, 0, 0]
    used = unsafe stamps.withUnsafeBytes {
      unsafe sockeye_append_control(message, used, SOL_SOCKET, SO_TIMESTAMPING, $0.baseAddress, $0.count)
    }
  }
  // struct sock_extended_err, and no offender behind it.
  var octets = [UInt8](repeating: 0, count: family == .v4 ? 32 : 44)
  for (place, value) in [(0, UInt32(bitPattern: error.number)), (8, error.information), (12, error.data)] {
    for index in 0..<4 { octets[place + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
  }
  (octets[4], octets[6]) = (error.origin, error.code)
  let level = Int32(family == .v4 ? IPPROTO_IP : IPPROTO_IPV6)
  let type = Int32(family == .v4 ? IP_RECVERR : IPV6_RECVERR)
  used = unsafe octets.withUnsafeBytes {
    unsafe sockeye_append_control(message, used, level, type, $0.baseAddress, $0.count)
  }
  unsafe message.pointee.msg_controllen = used
}

extension Session {
  /// How much is left to be read, for those who want it told with each message (TCP_INQ).
  fileprivate func queueToTell(_ descriptor: Int32) -> Int32? {
    guard let socket = files[descriptor] as? SocketFile, socket.options.tellsQueue,
      let id = socket.connection,
      let readable = try? stack.readableCount(id)
    else { return nil }
    // Linux counts the end of the stream as one more.
    return Int32(clamping: readable + (socket.peerFinished && readable == 0 ? 1 : 0))
  }
}

// MARK: Pipes

@_cdecl("sockeye_pd_pipe")
public func pipeEntry(_ pointer: UnsafeMutableRawPointer?, _ ends: UnsafeMutablePointer<Int32>?) -> Int32 {
  // Nothing of a pipe is under test: the kernel's serves.
  unsafe Glibc.pipe(ends)
}

@_cdecl("sockeye_pd_splice")
public func spliceEntry(
  _ pointer: UnsafeMutableRawPointer?, _ source: Int32, _ sourceOffset: UnsafeMutablePointer<Int64>?,
  _ destination: Int32, _ destinationOffset: UnsafeMutablePointer<Int64>?, _ count: Int, _ flags: UInt32
) -> Int {
  answering { () throws(SystemCallError) in
    // packetdrill passes where the script says NULL the address of a zero.
    guard unsafe sourceOffset.map({ unsafe $0.pointee == 0 }) ?? true,
      unsafe destinationOffset.map({ unsafe $0.pointee == 0 }) ?? true
    else { throw SystemCallError(ESPIPE) }
    guard count >= 0 else { throw SystemCallError(EINVAL) }
    let session = unsafe session(pointer)
    // Nothing goes past the urgent octet.
    if session.monitor.locked({ session.isAtUrgent(source) }) { return 0 }
    // A pipe holds no more without waiting.
    var bytes = [UInt8](repeating: 0, count: min(count, 65_536))
    let nonBlocking: Int32 = flags & 2 != 0 ? MessageFlags.dontWait.rawValue : 0
    let taken = unsafe bytes.withUnsafeMutableBytes {
      unsafe get(pointer, source, $0.baseAddress, $0.count, nonBlocking)
    }
    guard taken > 0 else { return taken }
    return unsafe bytes.withUnsafeBytes {
      unsafe put(pointer, destination, $0.baseAddress, taken, nonBlocking)
    }
  }
}

extension Session {
  /// Whether the urgent octet is what would be read next, and is not in the stream.
  fileprivate func isAtUrgent(_ descriptor: Int32) -> Bool {
    guard let socket = files[descriptor] as? SocketFile, let id = socket.connection else { return false }
    return distanceToUrgent(id) == 0 && !socket.readsUrgentInline
  }
}

// MARK: sendfile

@_cdecl("sockeye_pd_sendfile")
public func sendFileEntry(
  _ pointer: UnsafeMutableRawPointer?, _ destination: Int32, _ source: Int32,
  _ offset: UnsafeMutablePointer<Int64>?, _ count: Int
) -> Int {
  answering { () throws(SystemCallError) in
    var bytes = [UInt8](repeating: 0, count: max(0, min(count, 16 << 20)))
    // The file is the kernel's; where it is read is moved by what was taken, no further.
    let size = bytes.count
    let read = unsafe bytes.withUnsafeMutableBytes { buffer in
      if let offset = unsafe offset {
        return unsafe pread(source, buffer.baseAddress, size, Int(offset.pointee))
      }
      return unsafe Glibc.read(source, buffer.baseAddress, size)
    }
    guard read >= 0 else { throw SystemCallError(errno) }
    let taken = unsafe bytes.withUnsafeBytes { unsafe put(pointer, destination, $0.baseAddress, read, 0) }
    if let offset = unsafe offset {
      if taken > 0 { unsafe offset.pointee += Int64(taken) }
    } else {
      _ = lseek(source, max(0, taken) - read, SEEK_CUR)
    }
    return taken
  }
}
