// Holds urgent data as BSD's sockets have it (RFC 6093 §2.2): one octet beside the stream, or within it after SO_OOBINLINE.
// What else is read is in Session+Transfer.

import Glibc
import SockeyeBytes
import SockeyeStack
import SockeyeTCP

extension SocketFile {
  /// SO_OOBINLINE: the urgent octet is read with the others.
  var readsUrgentInline: Bool { options.notes[.init(level: SOL_SOCKET, name: SO_OOBINLINE), default: 0] != 0 }
}

extension Session {
  /// How many octets lie between what was read and the urgent one, the last before the mark; nil when none is ahead.
  func distanceToUrgent(_ id: ConnectionID) -> Int? {
    guard let ahead = try? stack.status(of: id).urgentAhead, ahead > 0 else { return nil }
    return ahead - 1
  }

  /// Octets that an ordinary call would read: none beyond the urgent one, and that one only when it is in the stream.
  func readableInOrder(_ socket: SocketFile, _ id: ConnectionID) -> Int {
    let readable = (try? stack.readableCount(id)) ?? 0
    guard let distance = distanceToUrgent(id), distance < readable else { return readable }
    if distance > 0 { return distance }
    return socket.readsUrgentInline ? readable : readable - 1
  }

  /// Passes the urgent octet when it is next and not in the stream.
  func passUrgent(_ socket: SocketFile, _ id: ConnectionID) {
    guard distanceToUrgent(id) == 0, !socket.readsUrgentInline, (try? stack.readableCount(id)) ?? 0 > 0 else {
      return
    }
    try? stack.discard(1, of: id, at: clock.now)
    socket.urgentArrived = false
  }

  /// Whether the urgent octet is here and was not taken.
  func urgentWaits(_ socket: SocketFile, _ id: ConnectionID) -> Bool {
    guard socket.urgentArrived, let distance = distanceToUrgent(id) else { return false }
    return distance < (try? stack.readableCount(id)) ?? 0
  }

  /// MSG_OOB: the urgent octet, once.
  func readUrgent(
    _ socket: SocketFile, _ room: UnsafeMutableRawBufferPointer, _ flags: MessageFlags
  ) throws(SystemCallError) -> Int {
    guard let id = socket.connection, socket.urgentArrived, !socket.readsUrgentInline,
      let place = distanceToUrgent(id)
    else { throw SystemCallError(EINVAL) }
    guard place < (try? stack.readableCount(id)) ?? 0 else { throw SystemCallError(EAGAIN) }
    var octet: UInt8 = 0
    do throws(SocketError) {
      octet = try stack.withReadableBytes(id) { first, second in
        place < first.byteCount
          ? first.byte(at: place) : second.byte(at: place - first.byteCount)
      }
    } catch { throw SystemCallError(error) }
    if room.count > 0 { unsafe room.storeBytes(of: octet, as: UInt8.self) }
    if !flags.contains(.peek) { socket.urgentArrived = false }
    return 1
  }
}
