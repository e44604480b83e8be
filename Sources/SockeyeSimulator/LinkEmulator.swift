// Holds one direction of an emulated link: what becomes of each packet, and when it arrives. It has no clock and does no
// I/O, and sees no packet: its user keeps them. What can be set is in LinkConfiguration.

public import SockeyeBytes

/// Why a link dropped a packet.
public enum LinkDropCause: UInt8, Sendable {
  /// The queue was full.
  case queueFull
  /// It got lost on the wire.
  case loss
  /// It was larger than what the link takes.
  case tooLarge
}

/// What becomes of a packet that was given to a link.
public enum LinkVerdict: Sendable, Equatable {
  case dropped(LinkDropCause)
  /// It will arrive so many times.
  case taken(arrivals: Int, isCorrupted: Bool)
}

/// A packet that comes out of a link.
public struct LinkArrival: Sendable, Equatable {
  /// The number under which it was given to the link.
  public let ticket: Int
  public let length: Int
  public let at: Instant
  /// The bit that has changed, counted from the packet's first.
  public let flippedBit: Int?
  /// Whether the link marks it: CE in the IP header (`LinkMark`).
  public let isMarked: Bool
}

/// One direction of a link, emulated packet by packet. The same seed and the same calls give the same fates.
///
///     var link = LinkEmulator(configuration, seed: 1)
///     link.offer(7, length: 1500, at: now)
///     // … at link.nextDeadline:
///     while let arrival = link.nextArrival(at: now) { … }
public struct LinkEmulator: Sendable {
  public let configuration: LinkConfiguration
  public private(set) var statistics = LinkStatistics()
  /// Octets of the largest packet that gets through from now on (`LinkConfiguration.maximumPacket`). May be set at any
  /// time, for paths change while connections live.
  public var maximumPacket: Int?
  private var queue: TransmissionQueue
  private var onTheWire = EventQueue<LinkArrival>()
  private var latestArrival = Instant.zero
  // Each fault has a generator of its own, so that one more fault leaves the others where they strike.
  private var lossDice: FaultDice
  private var duplicationDice: FaultDice
  private var corruptionDice: FaultDice
  private var reorderingDice: FaultDice
  private var jitterDice: SeededGenerator

  /// - Parameters:
  ///   - configuration: what the link is like.
  ///   - seed: of all that is left to chance.
  public init(_ configuration: LinkConfiguration, seed: UInt64) {
    self.configuration = configuration
    maximumPacket = configuration.maximumPacket
    queue = TransmissionQueue(bitsPerSecond: configuration.bitsPerSecond)
    var seeds = SeededGenerator(seed: seed)
    lossDice = FaultDice(configuration.loss, seed: seeds.next())
    duplicationDice = FaultDice(configuration.duplication, seed: seeds.next())
    corruptionDice = FaultDice(configuration.corruption, seed: seeds.next())
    reorderingDice = FaultDice(configuration.reordering, seed: seeds.next())
    jitterDice = SeededGenerator(seed: seeds.next())
  }

  /// Gives a packet to the link.
  /// - Parameters:
  ///   - ticket: by which the caller knows the packet again.
  ///   - length: octets, IP header included, at least 1.
  ///   - knowsCongestion: the packet's ECN field says ECT (RFC 3168 §5), so that it may be marked.
  ///   - now: no earlier than any time given before.
  /// - Returns: what becomes of it. A caller who is no all-knowing simulator should not look.
  @discardableResult
  public mutating func offer(
    _ ticket: Int, length: Int, knowsCongestion: Bool = false, at now: Instant
  ) -> LinkVerdict {
    precondition(length > 0, "a packet has octets")
    statistics.offered += 1
    statistics.offeredBytes += UInt64(length)
    queue.advance(to: now)
    if !queue.isFree(at: now), queue.exceeds(configuration.queueLimit, adding: length) {
      statistics.queueDrops += 1
      return .dropped(.queueFull)
    }
    let isMarked = knowsCongestion && (configuration.markThreshold.map { queue.exceeds($0) } ?? false)
    let (begins, ends) = queue.add(length: length, at: now)
    statistics.longestQueue = max(statistics.longestQueue, queue.waitingBytes)
    statistics.queueingDelay.add(begins - now)
    if isMarked { statistics.marked += 1 }
    return travel(ticket, length: length, isMarked: isMarked, from: ends)
  }

  /// Puts a packet whose last bit has left onto the wire.
  private mutating func travel(
    _ ticket: Int, length: Int, isMarked: Bool, from departure: Instant
  ) -> LinkVerdict {
    if let maximumPacket, length > maximumPacket {
      statistics.tooLarge += 1
      return .dropped(.tooLarge)
    }
    if lossDice.strikes() {
      statistics.lost += 1
      return .dropped(.loss)
    }
    latestArrival = max(latestArrival, departure + configuration.delay + drawJitter())
    var time = latestArrival
    if reorderingDice.strikes() {
      statistics.reordered += 1
      time += configuration.reorderingDelay
    }
    var flippedBit: Int?
    if corruptionDice.strikes() {
      statistics.corrupted += 1
      flippedBit = Int(corruptionDice.generator.next(below: UInt32(clamping: length * 8)))
    }
    let arrival = LinkArrival(
      ticket: ticket, length: length, at: time, flippedBit: flippedBit, isMarked: isMarked)
    onTheWire.add(arrival, at: time)
    var arrivals = 1
    if duplicationDice.strikes() {
      statistics.duplicated += 1
      onTheWire.add(arrival, at: time)
      arrivals = 2
    }
    return .taken(arrivals: arrivals, isCorrupted: flippedBit != nil)
  }

  private mutating func drawJitter() -> Interval {
    let most = UInt64(max(0, configuration.jitter.nanoseconds))
    if most == 0 { return .zero }
    // In steps of a 2^24th: the product has room for a jitter of 18 minutes.
    let steps = UInt64(jitterDice.next(below: 1 << 24))
    return Interval(nanoseconds: Int64((min(most, 1 << 40) * steps) >> 24))
  }

  /// When the next packet arrives; nil when none is on its way.
  public var nextDeadline: Instant? { onTheWire.earliest }

  /// Takes out the packet that arrived first, if one has arrived by `now`.
  public mutating func nextArrival(at now: Instant) -> LinkArrival? {
    guard let earliest = onTheWire.earliest, earliest <= now, let arrival = onTheWire.next() else {
      return nil
    }
    statistics.arrived += 1
    statistics.arrivedBytes += UInt64(arrival.length)
    return arrival
  }
}

/// Decides whether something happens that has a probability.
private struct FaultDice: Sendable {
  let probability: Probability
  var generator: SeededGenerator

  init(_ probability: Probability, seed: UInt64) {
    self.probability = probability
    generator = SeededGenerator(seed: seed)
  }

  mutating func strikes() -> Bool {
    if probability == .never { return false }
    return generator.next(below: Probability.one) < probability.billionths
  }
}
