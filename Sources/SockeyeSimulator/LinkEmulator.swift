// Holds one direction of an emulated link: what becomes of each packet, and when it arrives. It has no clock and does no
// I/O, and sees no packet: its user keeps them. What can be set is in LinkConfiguration.

public import SockeyeBytes

/// One direction of a link, emulated packet by packet. The same seed and the same calls give the same fates.
///
///     var link = LinkEmulator(configuration, seed: 1)
///     link.offer(7, length: 1500, at: now)
///     // … at link.nextDeadline:
///     while let arrival = link.nextArrival(at: now) { … }
///     while let drop = link.nextDrop() { … }
public struct LinkEmulator: Sendable {
  public private(set) var configuration: LinkConfiguration
  public internal(set) var statistics = LinkStatistics()
  /// Octets of the largest packet that gets through from now on (`LinkConfiguration.maximumPacket`). May be set at any
  /// time, for paths change while connections live.
  public var maximumPacket: Int?
  /// Whether everything that is given to the link is lost from now on. May be set at any time.
  public var isDown = false
  private var queue: TransmissionQueue
  /// In place of `queue` where packets are dropped as they leave.
  private var controlled: ControlledQueue?
  private var detector: EarlyDetector?
  private var onTheWire = EventQueue<LinkArrival>()
  private var drops = BoundedQueue<LinkDrop>(limit: .max)
  private var latestArrival = Instant.zero
  private var nextChange = 0
  private var dice: LinkDice

  /// - Parameters:
  ///   - configuration: what the link is like.
  ///   - seed: of all that is left to chance.
  public init(_ configuration: LinkConfiguration, seed: UInt64) {
    self.configuration = configuration
    maximumPacket = configuration.maximumPacket
    let transmitter = Transmitter(bitsPerSecond: configuration.bitsPerSecond)
    queue = TransmissionQueue(transmitter)
    dice = LinkDice(configuration, seed: seed)
    adoptDiscipline(transmitter)
  }

  private mutating func adoptDiscipline(_ transmitter: Transmitter) {
    switch configuration.discipline {
    case .dropTail: detector = nil
    case .randomEarlyDetection(let settings): detector = EarlyDetector(settings, seed: dice.detectionSeed)
    case .controlledDelay(let settings):
      detector = nil
      controlled = ControlledQueue(settings, transmitter)
    }
  }

  /// Makes the link another one from now on. What waits and what is on the wire keeps its order and its time; chance goes on
  /// where it was.
  public mutating func reconfigure(_ new: LinkConfiguration, at now: Instant) {
    advance(to: now)
    let old = configuration
    configuration = new
    maximumPacket = new.maximumPacket
    nextChange = 0
    isDown = false
    dice.adopt(new)
    setRate(new.bitsPerSecond)
    // A queue that CoDel manages stays where it is until the link is made anew: its packets have no departures yet.
    if old.discipline != new.discipline, controlled == nil { adoptDiscipline(queue.transmitter) }
    applyChanges(at: now)
  }

  private mutating func setRate(_ rate: UInt64?) {
    configuration.bitsPerSecond = rate
    queue.transmitter.setRate(rate)
    controlled?.transmitter.setRate(rate)
  }

  // MARK: In

  /// Gives a packet to the link of which only little is known; see the other `offer`.
  @discardableResult
  public mutating func offer(
    _ ticket: Int, length: Int, knowsCongestion: Bool = false, at now: Instant
  ) -> LinkVerdict {
    offer(ticket, length: length, traits: knowsCongestion ? .knowsCongestion : [], at: now)
  }

  /// What this link must know of a packet.
  public func traits(of packet: RawSpan) -> PacketTraits {
    if !configuration.scriptedLosses.isEmpty { return PacketTraits(of: packet) }
    return LinkMark.knowsCongestion(packet) ? .knowsCongestion : []
  }

  /// Gives a packet to the link.
  /// - Parameters:
  ///   - ticket: by which the caller knows the packet again.
  ///   - length: octets, IP header included, at least 1.
  ///   - traits: what is known of the packet (`PacketTraits(of:)`): losses by script and marks go by it.
  ///   - now: no earlier than any time given before.
  /// - Returns: what becomes of it. A caller who is no all-knowing simulator should not look.
  @discardableResult
  public mutating func offer(
    _ ticket: Int, length: Int, traits: PacketTraits, at now: Instant
  ) -> LinkVerdict {
    precondition(length > 0, "a packet has octets")
    statistics.offered += 1
    statistics.offeredBytes += UInt64(length)
    advance(to: now)
    if isDown || configuration.flapping?.isDown(at: now) == true {
      statistics.outageDrops += 1
      return .dropped(.outage)
    }
    if dice.strikesByScript(traits) {
      statistics.scriptedLosses += 1
      return .dropped(.scripted)
    }
    let knowsCongestion = traits.contains(.knowsCongestion)
    if controlled != nil { return enqueue(ticket, length: length, knowsCongestion: knowsCongestion, at: now) }
    if !queue.isFree(at: now), queue.exceeds(configuration.queueLimit, adding: length) {
      statistics.queueDrops += 1
      return .dropped(.queueFull)
    }
    var isMarked = knowsCongestion && (configuration.markThreshold.map { queue.exceeds($0) } ?? false)
    if detectorHits(at: now) {
      guard knowsCongestion, detector?.settings.marks == true else {
        statistics.earlyDrops += 1
        return .dropped(.early)
      }
      isMarked = true
    }
    let (begins, ends) = queue.add(length: length, at: now)
    statistics.longestQueue = max(statistics.longestQueue, queue.waitingBytes)
    statistics.queueingDelay.add(begins - now)
    if isMarked { statistics.marked += 1 }
    return travel(ticket, length: length, isMarked: isMarked, from: ends)
  }

  private mutating func detectorHits(at now: Instant) -> Bool {
    guard let settings = detector?.settings else { return false }
    let waiting = settings.unit == .bytes ? queue.waitingBytes : queue.waitingPackets
    let idle = idlePackets(at: now)
    return detector?.hits(waiting: waiting, idlePackets: idle) ?? false
  }

  /// How many packets of 1000 octets could have been sent since the link had nothing to send.
  private func idlePackets(at now: Instant) -> UInt64 {
    let free = queue.transmitter.free
    guard queue.waitingPackets == 0, free < now else { return 0 }
    guard let rate = queue.transmitter.bitsPerSecond else { return .max }
    return (now.nanoseconds - free.nanoseconds) / max(1, 8_000_000_000_000 / rate)
  }

  private mutating func enqueue(
    _ ticket: Int, length: Int, knowsCongestion: Bool, at now: Instant
  ) -> LinkVerdict {
    if controlled?.exceeds(configuration.queueLimit, adding: length, at: now) == true {
      statistics.queueDrops += 1
      return .dropped(.queueFull)
    }
    controlled?.append(
      QueuedPacket(ticket: ticket, length: length, knowsCongestion: knowsCongestion, since: now))
    leaveQueue(by: now)
    statistics.longestQueue = max(statistics.longestQueue, controlled?.waitingBytes ?? 0)
    return .queued
  }

  /// Puts a packet whose last bit has left onto the wire.
  private mutating func travel(
    _ ticket: Int, length: Int, isMarked: Bool, from departure: Instant
  ) -> LinkVerdict {
    if let maximumPacket, length > maximumPacket {
      statistics.tooLarge += 1
      return .dropped(.tooLarge)
    }
    if dice.loses() {
      statistics.lost += 1
      return .dropped(.loss)
    }
    let jitter = dice.delays.draw(configuration.jitterDistribution, scale: configuration.jitter)
    latestArrival = max(latestArrival, departure + configuration.delay + jitter)
    var time = latestArrival
    if dice.reordering.strikes() {
      statistics.reordered += 1
      time += configuration.reorderingDelay
    }
    let damage = dice.damage(length: length)
    statistics.count(damage)
    var arrival = LinkArrival(
      ticket: ticket, length: damage.length, at: time, flippedBit: damage.flippedBit, isMarked: isMarked,
      isRepaired: damage.isRepaired, isTruncated: damage.length < length)
    let isDoubled = dice.duplication.strikes()
    arrival.hasCopyBehind = isDoubled
    onTheWire.add(arrival, at: time)
    if isDoubled {
      statistics.duplicated += 1
      arrival.hasCopyBehind = false
      onTheWire.add(arrival, at: time)
    }
    return .taken(arrivals: isDoubled ? 2 : 1, isCorrupted: !arrival.isIntact)
  }

  // MARK: Time

  /// Lets time pass: what is scheduled happens, and what may leave the queue leaves.
  private mutating func advance(to now: Instant) {
    applyChanges(at: now)
    queue.advance(to: now)
    leaveQueue(by: now)
  }

  private mutating func leaveQueue(by now: Instant) {
    while let departure = controlled?.next(by: now) {
      switch departure {
      case .dropped(let packet):
        statistics.earlyDrops += 1
        drops.append(LinkDrop(ticket: packet.ticket, cause: .early))
      case .sent(let packet, let begins, let ends, let isMarked):
        statistics.queueingDelay.add(begins - packet.since)
        if isMarked { statistics.marked += 1 }
        let verdict = travel(packet.ticket, length: packet.length, isMarked: isMarked, from: ends)
        if case .dropped(let cause) = verdict { drops.append(LinkDrop(ticket: packet.ticket, cause: cause)) }
      }
    }
  }

  private mutating func applyChanges(at now: Instant) {
    while nextChange < configuration.changes.count, configuration.changes[nextChange].at <= now {
      switch configuration.changes[nextChange].kind {
      case .down: isDown = true
      case .up: isDown = false
      case .maximumPacket(let octets): maximumPacket = octets
      case .bitsPerSecond(let rate): setRate(rate)
      case .delay(let delay): configuration.delay = delay
      }
      nextChange += 1
    }
  }

  // MARK: Out

  /// When the next packet arrives, or leaves a queue whose packets have no arrival yet; nil when none is on its way.
  public var nextDeadline: Instant? {
    if !drops.isEmpty { return .zero }
    guard let departure = controlled?.nextDeparture else { return onTheWire.earliest }
    return min(departure, onTheWire.earliest ?? departure)
  }

  /// Takes out the packet that arrived first, if one has arrived by `now`.
  public mutating func nextArrival(at now: Instant) -> LinkArrival? {
    leaveQueue(by: now)
    guard let earliest = onTheWire.earliest, earliest <= now, let arrival = onTheWire.next() else {
      return nil
    }
    statistics.arrived += 1
    statistics.arrivedBytes += UInt64(arrival.length)
    return arrival
  }

  /// Takes out a packet that was dropped after the link had taken it (`LinkVerdict.queued`).
  public mutating func nextDrop() -> LinkDrop? { drops.popFirst() }
}
