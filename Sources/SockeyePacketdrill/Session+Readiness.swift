// Holds poll and epoll: what a socket is ready for, and who waits to be told.

import Glibc
import SockeyePacketdrillShims
import SockeyeStack
import SockeyeTCP

/// Events of poll(2) and epoll(7), whose numbers are the same.
struct Readiness: OptionSet, Equatable {
  let rawValue: UInt32
  static let input = Readiness(rawValue: 0x1)
  static let urgent = Readiness(rawValue: 0x2)
  static let output = Readiness(rawValue: 0x4)
  static let error = Readiness(rawValue: 0x8)
  static let hangUp = Readiness(rawValue: 0x10)
  static let invalid = Readiness(rawValue: 0x20)
  static let normalInput = Readiness(rawValue: 0x40)
  static let normalOutput = Readiness(rawValue: 0x100)
  static let peerHangUp = Readiness(rawValue: 0x2000)
  static let oneShot = Readiness(rawValue: 1 << 30)
  static let edge = Readiness(rawValue: 1 << 31)
  /// Told whether they were asked for or not.
  static let always: Readiness = [.error, .hangUp]
}

/// A set of files and what of them is waited for.
final class EventPoll: OpenFile {
  struct Interest {
    let descriptor: Int32
    var events: Readiness
    var data: UInt64
    /// What has been told, for those who want to hear of changes only: the readiness and the state behind it.
    var told: (Readiness, UInt64)?
    var isOver = false
  }

  var interests: [Interest] = []

  func forget(_ descriptor: Int32) { interests.removeAll { $0.descriptor == descriptor } }
}

extension Session {
  /// What a socket is ready for.
  func readiness(of socket: SocketFile) -> Readiness {
    var result: Readiness = []
    if socket.pendingError != 0 || !socket.errors.messages.isEmpty { result.insert(.error) }
    switch socket.role {
    case .fresh:
      if socket.kind == .stream, socket.laterPeer != nil {
        result.formUnion([.output, .normalOutput])
      } else if socket.kind == .stream {
        result.formUnion([.output, .normalOutput, .hangUp])
      }
      if socket.kind == .datagram { result.formUnion([.output, .normalOutput]) }
    case .listening(let id):
      if ((try? stack.waitingCount(of: id)) ?? 0) > 0 { result.formUnion([.input, .normalInput]) }
    case .datagrams:
      result.formUnion([.output, .normalOutput])
      if socket.datagramWaits { result.formUnion([.input, .normalInput]) }
    case .connection(let id): result.formUnion(readiness(of: socket, id))
    }
    return result
  }

  private func readiness(of socket: SocketFile, _ id: ConnectionID) -> Readiness {
    var result: Readiness = []
    let isOver = socket.ended != nil
    let ends = socket.peerFinished || socket.readingShut || isOver
    if socket.isConnecting && !socket.isConnected && !isOver { return [] }
    let readable = readableInOrder(socket, id)
    if ends || readable >= socket.options.receiveLowWater { result.formUnion([.input, .normalInput]) }
    if ends { result.insert(.peerHangUp) }
    if isOver || (ends && socket.writingShut) { result.insert(.hangUp) }
    if socket.writingShut || isOver || isWritable(socket, id) { result.formUnion([.output, .normalOutput]) }
    if urgentWaits(socket, id) { result.insert(.urgent) }
    return result
  }

  private func isWritable(_ socket: SocketFile, _ id: ConnectionID) -> Bool {
    let result = sendMemory(of: socket, id)?.isWritable ?? false
    if result, socket.lacksRoom { socket.roomNews += 1 }
    socket.lacksRoom = !result
    return result
  }

  // MARK: poll

  /// - Returns: how many entries have something to tell; nil when none has.
  func poll(_ entries: UnsafeMutableBufferPointer<pollfd>) -> Int32? {
    var count: Int32 = 0
    for index in entries.indices {
      let entry = unsafe entries[index]
      var found: Readiness = []
      if entry.fd >= 0 {
        if let socket = files[entry.fd] as? SocketFile {
          let asked = Readiness(rawValue: UInt32(UInt16(bitPattern: entry.events)))
          found = readiness(of: socket).intersection(asked.union(.always))
        } else {
          found = .invalid
        }
      }
      unsafe entries[index].revents = Int16(bitPattern: UInt16(truncatingIfNeeded: found.rawValue))
      if !found.isEmpty { count += 1 }
    }
    return count > 0 ? count : nil
  }

  // MARK: epoll

  func openEventPoll(size: Int32) throws(SystemCallError) -> Int32 {
    guard size > 0 else { throw SystemCallError(EINVAL) }
    let file = EventPoll(descriptor: try newDescriptor())
    files[file.descriptor] = file
    return file.descriptor
  }

  private func eventPoll(_ descriptor: Int32) throws(SystemCallError) -> EventPoll {
    guard let file = files[descriptor] else { throw SystemCallError(EBADF) }
    guard let poll = file as? EventPoll else { throw SystemCallError(EINVAL) }
    return poll
  }

  func changeInterest(
    _ descriptor: Int32, _ operation: Int32, _ target: Int32, events: UInt32, data: UInt64
  ) throws(SystemCallError) {
    let poll = try eventPoll(descriptor)
    _ = try socket(target)
    let place = poll.interests.firstIndex { $0.descriptor == target }
    let interest = EventPoll.Interest(descriptor: target, events: Readiness(rawValue: events), data: data)
    switch operation {
    case 1:  // EPOLL_CTL_ADD
      if place != nil { throw SystemCallError(EEXIST) }
      poll.interests.append(interest)
    case 2:  // EPOLL_CTL_DEL
      guard let place else { throw SystemCallError(ENOENT) }
      poll.interests.remove(at: place)
    case 3:  // EPOLL_CTL_MOD
      guard let place else { throw SystemCallError(ENOENT) }
      poll.interests[place] = interest
    default: throw SystemCallError(EINVAL)
    }
  }

  /// - Returns: what there is to tell, at most `limit`; nil when there is nothing.
  func readyEvents(_ descriptor: Int32, limit: Int) throws(SystemCallError) -> [sockeye_epoll_event]? {
    let poll = try eventPoll(descriptor)
    guard limit > 0 else { throw SystemCallError(EINVAL) }
    var result: [sockeye_epoll_event] = []
    for index in poll.interests.indices where result.count < limit {
      let interest = poll.interests[index]
      guard !interest.isOver, let socket = files[interest.descriptor] as? SocketFile else { continue }
      let found = readiness(of: socket).intersection(interest.events.union(.always))
      let state = progress(of: socket)
      if found.isEmpty {
        poll.interests[index].told = nil
        continue
      }
      if interest.events.contains(.edge) {
        if let told = interest.told, told == (found, state) { continue }
        poll.interests[index].told = (found, state)
      }
      if interest.events.contains(.oneShot) { poll.interests[index].isOver = true }
      result.append(sockeye_epoll_event(events: found.rawValue, data: interest.data))
    }
    return result.isEmpty ? nil : result
  }

  /// A number that changes when something new has happened to a socket.
  private func progress(of socket: SocketFile) -> UInt64 {
    switch socket.role {
    case .fresh, .datagrams: return socket.datagramWaits ? 1 : 0
    case .listening(let id): return UInt64((try? stack.waitingCount(of: id)) ?? 0)
    case .connection(let id):
      guard let statistics = try? stack.status(of: id).statistics else { return 0 }
      // Room to write is news only to who had none.
      return statistics.bytesReceived &* 3 &+ socket.roomNews &+ (socket.peerFinished ? 1 : 0)
        &+ (socket.ended == nil ? 0 : 2) &+ socket.errors.count
    }
  }
}
