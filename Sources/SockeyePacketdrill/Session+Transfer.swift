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
    let portion = portionToWrite(socket, id, of: bytes.count)
    let count = portion.octets
    if count == 0 { return unsafe bytes.isEmpty ? 0 : nil }
    let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<count])
    let isUrgent = flags.contains(.outOfBand) && count == bytes.count
    do throws(SocketError) {
      // The program's buffer lives as long as its call.
      let span = unsafe RawSpan(_unsafeBytes: part)
      let taken =
        isUrgent ? try stack.writeUrgent(id, span, at: clock.now) : try stack.write(id, span, at: clock.now)
      if flags.contains(.endOfRecord), taken == bytes.count { try stack.endRecord(of: id) }
      socket.errors.wrote(taken)
      socket.pushes.wrote(taken, portion)
      return taken
    } catch {
      if case .noMemory = error { return nil }
      throw SystemCallError(error)
    }
  }

  /// What a socket takes now of a call that has `count` octets to write.
  private func portionToWrite(_ socket: SocketFile, _ id: ConnectionID, of count: Int) -> Portion {
    guard let memory = sendMemory(of: socket, id), let room = try? stack.writableCount(id) else {
      return Portion()
    }
    // A call that has waited goes on when the socket is writable again.
    if socket.waitsToWrite, !memory.isWritable { return Portion() }
    let portion = memory.taken(of: min(room, count))
    if portion.octets < count { socket.lacksRoom = true }
    // What is acknowledged leaves no more.
    socket.pushes.forget(before: socket.pushes.written - min(socket.pushes.written, UInt64(memory.queued)))
    return portion
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
    // Whoever only looks sees what lies behind the urgent octet as well.
    let hidden = flags.contains(.peek) && distanceToUrgent(id) == 0 && !socket.readsUrgentInline ? 1 : 0
    if hidden == 0 { passUrgent(socket, id) }
    let readable = readableInOrder(socket, id)
    let isOver = socket.peerFinished || socket.ended != nil || socket.readingShut
    if readable > 0, readable >= least || isOver || socket.pendingError != 0 {
      return try unsafe take(min(readable, room.count), of: id, into: room, flags, skipping: hidden)
    }
    if readable == 0 {
      if let number = socket.takeError() { throw SystemCallError(number) }
      if unsafe isOver || room.isEmpty { return 0 }
      if !socket.isConnected, !socket.isConnecting { throw SystemCallError(ENOTCONN) }
    }
    return nil
  }

  private func take(
    _ count: Int, of id: ConnectionID, into room: UnsafeMutableRawBufferPointer, _ flags: MessageFlags,
    skipping hidden: Int
  ) throws(SystemCallError) -> Int {
    do throws(SocketError) {
      if !flags.contains(.truncate), let base = room.baseAddress {
        try stack.withReadableBytes(id) { first, second in
          let head = max(0, min(count, first.byteCount - hidden))
          let behind = max(0, hidden - first.byteCount)
          // Both pieces together have `hidden` and `count` octets, for which there is room.
          unsafe first.withUnsafeBytes { bytes in
            if head > 0 { unsafe base.copyMemory(from: bytes.baseAddress! + hidden, byteCount: head) }
          }
          unsafe second.withUnsafeBytes { bytes in
            if count > head {
              unsafe (base + head).copyMemory(from: bytes.baseAddress! + behind, byteCount: count - head)
            }
          }
        }
      }
      if !flags.contains(.peek) { try stack.discard(count, of: id, at: clock.now) }
      return count
    } catch { throw SystemCallError(error) }
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
