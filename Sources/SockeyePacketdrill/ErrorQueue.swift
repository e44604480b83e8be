// Holds what a socket's error queue tells (MSG_ERRQUEUE): that text written without a copy is done with, and when text
// left and was acknowledged. It does not hold the control messages, which EntryPoints+Messages makes of it.

import Glibc
import SockeyeBytes
import SockeyeStack
import SockeyeTCP

/// One message of an error queue, struct sock_extended_err and what comes with it.
struct QueuedError: Equatable {
  var number: Int32
  var origin: UInt8
  var code: UInt8 = 0
  var information: UInt32
  var data: UInt32
  /// SCM_TIMESTAMPING; nil: none.
  var stamp: Instant?
  /// Whether the message has a packet with it, for which nobody has room.
  var hasPacket = false
}

/// What of SO_TIMESTAMPING changes anything here.
struct TimestampingFlags: OptionSet {
  let rawValue: Int32
  static let sent = TimestampingFlags(rawValue: 1 << 1)
  static let numbered = TimestampingFlags(rawValue: 1 << 7)
  static let scheduled = TimestampingFlags(rawValue: 1 << 8)
  static let acknowledged = TimestampingFlags(rawValue: 1 << 9)
  static let withoutPacket = TimestampingFlags(rawValue: 1 << 11)
  static let all = TimestampingFlags(rawValue: (1 << 18) - 1)
}

/// What a socket's queue is to tell and has to tell. Octets are counted from the first that was written.
struct ErrorQueue {
  private enum Kind {
    case withoutCopy(UInt32)
    case stamps(TimestampingFlags, key: UInt32)
  }

  private struct Awaited {
    let end: UInt64
    var kind: Kind
  }

  /// Messages to be read, oldest first.
  private(set) var messages: [QueuedError] = []
  private var awaited: [Awaited] = []
  private var written: UInt64 = 0
  private var callsWithoutCopy: UInt32 = 0
  /// Where SOF_TIMESTAMPING_OPT_ID counts from.
  private var keyBase: UInt64 = 0
  /// How many messages there have been, for those who wait for changes.
  private(set) var count: UInt64 = 0

  private enum Origin {
    static let timestamping: UInt8 = 4
    static let zeroCopy: UInt8 = 5
  }

  mutating func take() -> QueuedError? { messages.isEmpty ? nil : messages.removeFirst() }

  /// So many octets were taken from a program.
  mutating func wrote(_ octets: Int) { written += UInt64(octets) }

  /// Keys count from what is written now on.
  mutating func beginNumbering() { keyBase = written }

  /// A call that wrote something is over.
  mutating func callEnded(withoutCopy: Bool, stamps: TimestampingFlags) {
    if withoutCopy {
      awaited.append(Awaited(end: written, kind: .withoutCopy(callsWithoutCopy)))
      callsWithoutCopy += 1
    }
    let told = stamps.intersection([.sent, .scheduled, .acknowledged, .numbered, .withoutPacket])
    if !told.intersection([.sent, .scheduled, .acknowledged]).isEmpty {
      let key = stamps.contains(.numbered) ? UInt32(truncatingIfNeeded: written - keyBase &- 1) : 0
      awaited.append(Awaited(end: written, kind: .stamps(told, key: key)))
    }
  }

  var isWaiting: Bool { !awaited.isEmpty }

  /// Tells what has come about.
  /// - Parameters:
  ///   - unsent: octets that were written and have not left.
  ///   - outstanding: octets that have left and were not acknowledged.
  mutating func progressed(unsent: Int, outstanding: Int, at now: Instant) {
    let left = written - min(written, UInt64(unsent))
    let acknowledged = left - min(left, UInt64(outstanding))
    for index in awaited.indices {
      let end = awaited[index].end
      switch awaited[index].kind {
      case .withoutCopy(let call):
        if end <= acknowledged { toldWithoutCopy(call) }
      case .stamps(var flags, let key):
        if end <= left {
          if flags.contains(.scheduled) { tellStamp(1, key, flags, now) }
          if flags.contains(.sent) { tellStamp(0, key, flags, now) }
          flags.subtract([.scheduled, .sent])
        }
        if end <= acknowledged, flags.contains(.acknowledged) { tellStamp(2, key, flags, now) }
        awaited[index].kind = .stamps(flags, key: key)
      }
    }
    awaited.removeAll { entry in
      switch entry.kind {
      case .withoutCopy: entry.end <= acknowledged
      case .stamps(let flags, _):
        entry.end <= acknowledged || flags.isDisjoint(with: [.scheduled, .sent, .acknowledged])
      }
    }
  }

  /// Calls one behind the other are told of in one message. Nothing is sent without a copy here, and the message says so.
  private mutating func toldWithoutCopy(_ call: UInt32) {
    count += 1
    if let last = messages.indices.last, messages[last].origin == Origin.zeroCopy,
      messages[last].data &+ 1 == call
    {
      messages[last].data = call
      return
    }
    messages.append(
      QueuedError(number: 0, origin: Origin.zeroCopy, code: 1, information: call, data: call, stamp: nil))
  }

  private mutating func tellStamp(_ what: UInt32, _ key: UInt32, _ flags: TimestampingFlags, _ now: Instant) {
    count += 1
    messages.append(
      QueuedError(
        number: ENOMSG, origin: Origin.timestamping, information: what, data: key, stamp: now,
        hasPacket: !flags.contains(.withoutPacket)))
  }
}

extension Session {
  /// Lets the error queues of all sockets that wait for something know how far their text has come.
  func errorQueuesProgress() {
    for (id, socket) in sockets where socket.errors.isWaiting {
      let status = try? stack.status(of: id)
      socket.errors.progressed(
        unsent: status?.unsent ?? 0, outstanding: status?.outstanding ?? 0, at: clock.now)
    }
  }

  /// The next message of a socket's error queue.
  func nextError(_ descriptor: Int32) throws(SystemCallError) -> QueuedError {
    let socket = try socket(descriptor)
    guard let message = socket.errors.take() else { throw SystemCallError(EAGAIN) }
    return message
  }
}
