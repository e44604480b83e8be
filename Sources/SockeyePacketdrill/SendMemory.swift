// Holds how much text Linux takes from a program: it counts what its buffers cost and not what is in them, and fills the
// last one that it has begun. It does not hold the text.

import SockeyeStack
import SockeyeTCP

/// What a call hands over, and where buffers end within it.
struct Portion {
  struct End {
    /// Octets of the portion before it.
    let place: Int
    let isPushed: Bool
  }

  var octets = 0
  var ends: [End] = []
}

/// A socket's memory for text that was written and not acknowledged, as Linux accounts for it.
struct SendMemory {
  /// The limit, octets (SO_SNDBUF as getsockopt tells it).
  var limit: Int
  /// TCP_NOTSENT_LOWAT: no buffer is begun while so much waits to leave.
  var unsentLimit: Int?
  /// Written and not acknowledged, and the part of it that has not left.
  var queued: Int
  var unsent: Int
  /// What the windows let leave now.
  var sendable: Int
  var segmentSize: Int
  /// How much one buffer holds.
  var piece: Int
  /// How much was written since something was last pushed, and how much may be without that a full buffer is.
  var sincePush: Int
  var pushLimit: Int

  /// What a buffer costs beside its text.
  private static let overhead = 960

  /// What is taken of a call that writes `count`.
  func taken(of count: Int) -> Portion {
    var ends: [Portion.End] = []
    var sincePush = sincePush
    var (taken, queued, unsent, sendable) = (0, queued, unsent, sendable)
    var room = unsent % piece == 0 ? 0 : piece - unsent % piece
    while taken < count {
      if room == 0 {
        guard cost(queued) < limit, unsentLimit.map({ unsent < $0 }) ?? true else { break }
        room = piece
      }
      let part = min(room, count - taken)
      taken += part
      queued += part
      unsent += part
      room -= part
      sincePush += part
      guard room == 0 else { continue }
      let isPushed = sincePush > pushLimit
      if isPushed { sincePush = 0 }
      // A full buffer leaves as far as the windows allow; what is left of it has room again.
      let leaving = min(sendable, unsent) / segmentSize * segmentSize
      unsent -= leaving
      sendable -= leaving
      if leaving > 0, unsent % piece != 0 {
        room = piece - unsent % piece
      } else {
        ends.append(Portion.End(place: taken, isPushed: isPushed))
      }
    }
    // What waits for room is pushed as it is, and so is what a call ends with.
    if taken > 0 { ends.append(Portion.End(place: taken, isPushed: true)) }
    return Portion(octets: taken, ends: ends)
  }

  /// Whether Linux calls the socket writable: a third of the memory is free.
  var isWritable: Bool {
    cost(queued) * 3 <= limit * 2 && unsentLimit.map { unsent * 2 < $0 } ?? true
  }

  private func cost(_ octets: Int) -> Int { octets + (octets + piece - 1) / piece * Self.overhead }

  /// The largest buffer: no more than half of the largest window that the peer has had, in whole segments.
  static func piece(segmentSize: Int, largestWindow: Int) -> Int {
    // What is no more than the smallest MSS is not halved.
    let bound = largestWindow > 536 ? largestWindow / 2 : largestWindow
    return max(1, min(65_215, bound) / segmentSize) * segmentSize
  }

  /// What Linux lets a buffer grow to for a window of so many segments: for twice of them with all that they cost while the
  /// window isn't full, and for little more than their text while it is.
  static func grown(segments: Int, segmentSize: Int, isFull: Bool) -> Int {
    let cost =
      isFull ? segmentSize + 280 : (1 << (Int.bitWidth - (segmentSize + 639).leadingZeroBitCount)) + 256
    return 2 * max(10, segments) * cost
  }
}

extension Session {
  /// What a socket's memory for text looks like now.
  func sendMemory(of socket: SocketFile, _ id: ConnectionID) -> SendMemory? {
    guard let status = try? stack.status(of: id), let sender = try? stack.transmissionStatus(of: id) else {
      return nil
    }
    let segment = max(1, status.segmentSize)
    socket.largestWindow = max(socket.largestWindow, status.sendWindow)
    let room = min(status.congestionWindow - status.inFlight, status.sendWindow - status.outstanding)
    return SendMemory(
      limit: sendLimit(
        of: socket, segments: sender.window / segment, segmentSize: segment,
        isFull: !socket.lacksRoom || status.inFlight + segment > status.congestionWindow),
      unsentLimit: unsentLimit(of: socket),
      queued: status.outstanding + status.unsent, unsent: status.unsent, sendable: max(0, room),
      segmentSize: segment,
      piece: SendMemory.piece(segmentSize: segment, largestWindow: socket.largestWindow),
      sincePush: Int(socket.pushes.written - socket.pushes.last), pushLimit: socket.largestWindow / 2)
  }

  /// The limit grows with the congestion window as long as no program has set it.
  private func sendLimit(of socket: SocketFile, segments: Int, segmentSize: Int, isFull: Bool) -> Int {
    if let size = socket.options.sendBuffer { return size }
    let sizes = SystemSettings(use: flags.settings).bufferSizes(receiving: false) ?? LinuxDefaults.sendBuffer
    let grown = SendMemory.grown(segments: segments, segmentSize: segmentSize, isFull: isFull)
    socket.sendLimit = max(socket.sendLimit, max(sizes.initial, min(grown, sizes.largest)))
    return socket.sendLimit
  }

  private func unsentLimit(of socket: SocketFile) -> Int? {
    socket.options.unsentLowWater ?? SystemSettings(use: flags.settings).unsentLowWater
  }
}
