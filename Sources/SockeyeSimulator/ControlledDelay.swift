// Holds CoDel: its settings, and the queue that it manages, from whose head it drops. Links without it use TransmissionQueue,
// which knows a packet's departure at once; here it is known when the packet leaves.

public import SockeyeBytes

/// The settings of CoDel (RFC 8289 §4).
public struct ControlledDelay: Sendable, Equatable {
  /// The wait that is acceptable. RFC 8289 §4.4: 5 ms.
  public var target: Interval
  /// For how long there may be more; about the worst round trip. RFC 8289 §4.3: 100 ms.
  public var interval: Interval
  /// Whether packets that know congestion notification are marked instead of dropped.
  public var marks: Bool

  public init(
    target: Interval = .milliseconds(5), interval: Interval = .milliseconds(100), marks: Bool = false
  ) {
    self.target = target
    self.interval = interval
    self.marks = marks
  }
}

/// A packet in a queue that CoDel manages.
struct QueuedPacket: Sendable {
  let ticket: Int
  let length: Int
  let knowsCongestion: Bool
  let since: Instant
}

/// A queue and its transmitter under CoDel.
struct ControlledQueue: Sendable {
  enum Departure: Sendable {
    case dropped(QueuedPacket)
    case sent(QueuedPacket, begins: Instant, ends: Instant, isMarked: Bool)
  }

  private let settings: ControlledDelay
  var transmitter: Transmitter
  private var waiting = BoundedQueue<QueuedPacket>(limit: .max)
  private(set) var waitingBytes = 0
  // RFC 8289 §5.3.
  private var firstAbove: Instant?
  private var isDropping = false
  private var dropNext = Instant.zero
  private var count: UInt64 = 0
  private var lastCount: UInt64 = 0
  /// As much as this may always wait, so that the link does not run dry (RFC 8289 §5.5, an MTU).
  private static let spared = 1500

  init(_ settings: ControlledDelay, _ transmitter: Transmitter) {
    self.settings = settings
    self.transmitter = transmitter
  }

  var waitingPackets: Int { waiting.count }

  /// When the next packet leaves; nil when none waits.
  var nextDeparture: Instant? {
    waiting.first.map { max(transmitter.free, $0.since) }
  }

  /// Whether more would wait than the limit says with a packet of `length` added. A free link takes any.
  func exceeds(_ limit: QueueLimit, adding length: Int, at now: Instant) -> Bool {
    if waiting.isEmpty, transmitter.free <= now { return false }
    switch limit {
    case .bytes(let bytes): return waitingBytes + length > bytes
    case .packets(let packets): return waiting.count + 1 > packets
    }
  }

  mutating func append(_ packet: QueuedPacket) {
    waiting.append(packet)
    waitingBytes += packet.length
  }

  /// What leaves the queue next, if its time has come.
  mutating func next(by now: Instant) -> Departure? {
    guard let time = nextDeparture, time <= now, let packet = pop() else { return nil }
    let isLate = waitedTooLong(packet, at: time)
    if isDropping {
      if !isLate {
        isDropping = false
      } else if time >= dropNext {
        count += 1
        dropNext += spacing
        return hit(packet, at: time)
      }
    } else if isLate {
      isDropping = true
      // Where dropping ended only lately it goes on at the rate it had (RFC 8289 §5.4).
      let delta = count > lastCount ? count - lastCount : 0
      count = delta > 1 && time - dropNext < settings.interval * 16 ? delta : 1
      lastCount = count
      dropNext = time + spacing
      return hit(packet, at: time)
    }
    return send(packet, at: time, isMarked: false)
  }

  private mutating func pop() -> QueuedPacket? {
    guard let packet = waiting.popFirst() else { return nil }
    waitingBytes -= packet.length
    return packet
  }

  /// Whether packets have waited for longer than the target for a whole interval.
  private mutating func waitedTooLong(_ packet: QueuedPacket, at time: Instant) -> Bool {
    if time - packet.since < settings.target || waitingBytes <= ControlledQueue.spared {
      firstAbove = nil
      return false
    }
    guard let since = firstAbove else {
      firstAbove = time + settings.interval
      return false
    }
    return time >= since
  }

  /// The control law: interval / sqrt(count).
  private var spacing: Interval {
    let root = DelayDraw.squareRoot(min(count, 1 << 31) << 32)
    let nanoseconds = min(UInt64(max(0, settings.interval.nanoseconds)), 1 << 40)
    return Interval(nanoseconds: Int64((nanoseconds << 16) / max(1, root)))
  }

  private mutating func hit(_ packet: QueuedPacket, at time: Instant) -> Departure {
    settings.marks && packet.knowsCongestion
      ? send(packet, at: time, isMarked: true) : .dropped(packet)
  }

  private mutating func send(_ packet: QueuedPacket, at time: Instant, isMarked: Bool) -> Departure {
    let (begins, ends) = transmitter.send(length: packet.length, at: time)
    return .sent(packet, begins: begins, ends: ends, isMarked: isMarked)
  }
}
