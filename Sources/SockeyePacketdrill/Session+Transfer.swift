// Holds what is written to and read from sockets. Messages with several buffers and control data are taken apart in
// EntryPoints; which options change what is in Session+Options.

import Glibc
import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeWire

/// MSG_ flags of one call.
struct MessageFlags: OptionSet {
  let rawValue: Int32
  static let outOfBand = MessageFlags(rawValue: 0x1)
  static let peek = MessageFlags(rawValue: 0x2)
  static let truncate = MessageFlags(rawValue: 0x20)
  static let dontWait = MessageFlags(rawValue: 0x40)
  static let endOfRecord = MessageFlags(rawValue: 0x80)
  static let waitAll = MessageFlags(rawValue: 0x100)
  static let noSignal = MessageFlags(rawValue: 0x4000)
  static let more = MessageFlags(rawValue: 0x8000)
  static let errorQueue = MessageFlags(rawValue: 0x2000)
  static let zeroCopy = MessageFlags(rawValue: 0x400_0000)
  static let fastOpen = MessageFlags(rawValue: 0x2000_0000)
}

extension Session {
  // MARK: Writing

  /// Writes as much as the socket takes now.
  ///
  /// - Parameters:
  ///   - bytes: what is left to be written.
  ///   - written: how much the same call has written before.
  /// - Returns: how much was taken; nil when nothing could be and the call may wait.
  func write(
    _ socket: SocketFile, _ bytes: UnsafeRawBufferPointer, _ flags: MessageFlags
  ) throws(SystemCallError) -> Int? {
    if let number = socket.takeError() { throw SystemCallError(number) }
    guard let id = socket.connection else { throw SystemCallError(socket.listener == nil ? EPIPE : EPIPE) }
    if socket.writingShut || socket.ended != nil { throw SystemCallError(EPIPE) }
    if socket.isConnecting && !socket.isConnected { return nil }
    let room = roomToWrite(socket, id)
    var count = min(bytes.count, room)
    // What does not fit waits, and with it what fills no segment.
    if count < bytes.count, let status = try? stack.status(of: id),
      status.outstanding + status.unsent > 0 || count >= status.segmentSize
    {
      count -= count % status.segmentSize
    }
    if count == 0 { return unsafe bytes.isEmpty ? 0 : nil }
    let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<count])
    let isUrgent = flags.contains(.outOfBand) && count == bytes.count
    do throws(SocketError) {
      // The program's buffer lives as long as its call.
      let span = unsafe RawSpan(_unsafeBytes: part)
      return isUrgent
        ? try stack.writeUrgent(id, span, at: clock.now) : try stack.write(id, span, at: clock.now)
    } catch {
      if case .noMemory = error { return nil }
      throw SystemCallError(error)
    }
  }

  /// Octets that a socket takes now: what its buffer may hold less what it holds.
  func roomToWrite(_ socket: SocketFile, _ id: ConnectionID) -> Int {
    guard let status = try? stack.status(of: id), let room = try? stack.writableCount(id) else { return 0 }
    let limit = socket.options.sendCapacity(SystemSettings(use: flags.settings))
    return min(room, max(0, limit - status.outstanding - status.unsent))
  }

  // MARK: Reading

  /// Reads what there is.
  ///
  /// - Parameters:
  ///   - room: for so much; without a base address what is read is dropped (MSG_TRUNC).
  ///   - least: no fewer octets than this are worth an answer while more may come.
  /// - Returns: how much was read, zero at the end of the stream; nil when the call may wait.
  func read(
    _ socket: SocketFile, _ room: UnsafeMutableRawBufferPointer, least: Int, _ flags: MessageFlags
  ) throws(SystemCallError) -> Int? {
    guard let id = socket.connection else {
      // Until something is written there is nothing to come.
      if socket.laterPeer != nil { return nil }
      if let number = socket.takeError() { throw SystemCallError(number) }
      throw SystemCallError(ENOTCONN)
    }
    if flags.contains(.outOfBand) { return try unsafe readUrgent(socket, room, flags) }
    let readable = (try? stack.readableCount(id)) ?? 0
    let isOver = socket.peerFinished || socket.ended != nil || socket.readingShut
    if readable > 0, readable >= least || isOver || socket.pendingError != 0 {
      return try unsafe take(min(readable, room.count), of: id, into: room, flags)
    }
    if readable == 0 {
      if let number = socket.takeError() { throw SystemCallError(number) }
      if unsafe isOver || room.isEmpty { return 0 }
      if !socket.isConnected, !socket.isConnecting { throw SystemCallError(ENOTCONN) }
    }
    return nil
  }

  private func take(
    _ count: Int, of id: ConnectionID, into room: UnsafeMutableRawBufferPointer, _ flags: MessageFlags
  ) throws(SystemCallError) -> Int {
    do throws(SocketError) {
      if !flags.contains(.truncate), let base = room.baseAddress {
        try stack.withReadableBytes(id) { first, second in
          let head = min(count, first.byteCount)
          // Both pieces together have `count` octets, for which there is room.
          unsafe first.withUnsafeBytes { bytes in
            if head > 0 { unsafe base.copyMemory(from: bytes.baseAddress!, byteCount: head) }
          }
          unsafe second.withUnsafeBytes { bytes in
            if count > head {
              unsafe (base + head).copyMemory(from: bytes.baseAddress!, byteCount: count - head)
            }
          }
        }
      }
      if !flags.contains(.peek) { try stack.discard(count, of: id, at: clock.now) }
      return count
    } catch { throw SystemCallError(error) }
  }

  /// MSG_OOB: the last octet before the urgent mark, once, as BSD's sockets have it (RFC 6093 §2.2). The stream keeps it.
  private func readUrgent(
    _ socket: SocketFile, _ room: UnsafeMutableRawBufferPointer, _ flags: MessageFlags
  ) throws(SystemCallError) -> Int {
    guard let id = socket.connection, let status = try? stack.status(of: id), socket.urgentArrived,
      status.urgentAhead > 0, room.count > 0
    else { throw SystemCallError(EINVAL) }
    let place = status.urgentAhead - 1
    guard place < status.readable else { throw SystemCallError(EAGAIN) }
    var octet: UInt8 = 0
    do throws(SocketError) {
      octet = try stack.withReadableBytes(id) { first, second in
        place < first.byteCount
          ? first.byte(at: place) : second.byte(at: place - first.byteCount)
      }
    } catch { throw SystemCallError(error) }
    unsafe room.storeBytes(of: octet, as: UInt8.self)
    if !flags.contains(.peek) { socket.urgentArrived = false }
    return 1
  }

  // MARK: Datagrams

  func bindDatagrams(_ socket: SocketFile, _ endpoint: Endpoint) throws(SystemCallError) {
    let takesBoth = endpoint.address.isUnspecified && socket.family == .v6 && !socket.options.onlyIPv6
    do throws(SocketError) {
      let id = try stack.bind(
        ListenEndpoint(address: takesBoth ? nil : endpoint.address, port: endpoint.port))
      socket.role = .datagrams(id)
      socket.local = Endpoint(address: endpoint.address, port: try stack.endpoint(of: id).port)
    } catch { throw SystemCallError(error) }
  }

  func connectDatagrams(_ socket: SocketFile, _ remote: Endpoint) throws(SystemCallError) {
    if socket.datagramSocket == nil {
      try bindDatagrams(
        socket, Endpoint(address: .unspecified(socket.family == .v4 ? .v4 : .v6), port: 0))
    }
    socket.remote = remote
    socket.isConnected = true
  }

  func send(
    _ socket: SocketFile, _ bytes: UnsafeRawBufferPointer, to remote: Endpoint?
  ) throws(SystemCallError) -> Int {
    if let number = socket.takeError() { throw SystemCallError(number) }
    guard let remote = remote ?? socket.remote else { throw SystemCallError(EDESTADDRREQ) }
    if socket.datagramSocket == nil {
      try bindDatagrams(
        socket, Endpoint(address: .unspecified(socket.family == .v4 ? .v4 : .v6), port: 0))
    }
    guard let id = socket.datagramSocket else { throw SystemCallError(ENOTCONN) }
    do throws(SocketError) {
      // The program's buffer lives as long as its call.
      try unsafe stack.send(RawSpan(_unsafeBytes: bytes), from: id, to: remote, at: clock.now)
      return bytes.count
    } catch { throw SystemCallError(error) }
  }

  /// - Returns: nil when nothing is there.
  func receiveDatagram(
    _ socket: SocketFile, _ room: UnsafeMutableRawBufferPointer
  ) throws(SystemCallError) -> (Int, Endpoint)? {
    if let number = socket.takeError() { throw SystemCallError(number) }
    guard let id = socket.datagramSocket else { return nil }
    do throws(SocketError) {
      var output = unsafe OutputRawSpan(buffer: room, initializedCount: 0)
      // If there are more, the stack says so again.
      socket.datagramWaits = false
      guard let datagram = try stack.receive(from: id, into: &output) else { return nil }
      return (unsafe output.finalize(for: room), datagram.source)
    } catch { throw SystemCallError(error) }
  }
}
