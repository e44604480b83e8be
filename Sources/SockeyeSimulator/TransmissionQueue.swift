// Holds a link's queue and transmitter: when a packet begins to be sent, and when it has been. First in, first out.
// Which packets are dropped or marked is decided by LinkEmulator, from the figures here.

import SockeyeBytes

/// What sends one packet after the other at a rate.
struct Transmitter: Sendable {
  private(set) var bitsPerSecond: UInt64?
  /// When it has sent all it was given, and what that is too early by, in nanoseconds / rate: rounding does not add up.
  private(set) var free = Instant.zero
  private var remainder: UInt64 = 0

  /// - Parameter bitsPerSecond: 1...10^15; nil: without limit.
  init(bitsPerSecond: UInt64?) {
    self.bitsPerSecond = bitsPerSecond
    checkRate()
  }

  private func checkRate() {
    precondition(
      bitsPerSecond.map { (1...1_000_000_000_000_000).contains($0) } ?? true, "a rate is above zero")
  }

  /// Packets to come leave at another rate.
  mutating func setRate(_ rate: UInt64?) {
    if rate == bitsPerSecond { return }
    bitsPerSecond = rate
    remainder = 0
    checkRate()
  }

  /// - Returns: when the packet's first bit leaves, and when its last one has left.
  mutating func send(length: Int, at now: Instant) -> (begins: Instant, ends: Instant) {
    if free < now {
      free = now
      remainder = 0
    }
    let begins = free
    if let bitsPerSecond {
      let work = UInt64(length) * 8_000_000_000 + remainder
      free += Interval(nanoseconds: Int64(work / bitsPerSecond))
      remainder = work % bitsPerSecond
    }
    return (begins, free)
  }
}

/// What waits for a transmitter. It remembers lengths and times, no packet.
struct TransmissionQueue: Sendable {
  private struct Waiting {
    let begins: Instant
    let length: Int
  }

  /// Packets that have not begun to be sent. The caller's limit bounds them.
  private var waiting = BoundedQueue<Waiting>(limit: .max)
  private(set) var waitingBytes = 0
  var transmitter: Transmitter

  init(_ transmitter: Transmitter) { self.transmitter = transmitter }

  var waitingPackets: Int { waiting.count }

  /// Lets time pass: what has begun to be sent waits no more.
  mutating func advance(to now: Instant) {
    while let first = waiting.first, first.begins <= now {
      waitingBytes -= first.length
      _ = waiting.popFirst()
    }
  }

  /// Whether a packet of this length would be sent at once.
  func isFree(at now: Instant) -> Bool { transmitter.free <= now && waiting.isEmpty }

  /// Whether more waits than the limit says, or would with a packet of `length` added.
  func exceeds(_ limit: QueueLimit, adding length: Int = 0) -> Bool {
    switch limit {
    case .bytes(let bytes): waitingBytes + length > bytes
    case .packets(let packets): waiting.count + (length > 0 ? 1 : 0) > packets
    }
  }

  /// Puts a packet behind the others.
  /// - Returns: when its first bit leaves, and when its last one has left.
  mutating func add(length: Int, at now: Instant) -> (begins: Instant, ends: Instant) {
    let (begins, ends) = transmitter.send(length: length, at: now)
    if begins > now {
      waiting.append(Waiting(begins: begins, length: length))
      waitingBytes += length
    }
    return (begins, ends)
  }
}
