// Two hosts, a wire and virtual time. World moves packets and time and records what happens; what programs
// do with it is in World+Running and Socket, what can go wrong on the way in Wire.

public import SockeyeBytes
import SockeyeStack
import SockeyeTCP
public import SockeyeTrace
public import SockeyeWire

/// Two hosts, each with a stack of its own, joined by a wire. Nothing in it reads a clock or draws a random
/// number that does not come from its seed: the same program with the same seed gives the same run, bit for
/// bit.
///
///     let world = World("a handshake", left: client, right: server, seed: 1)
///     let listener = world.listen(.right, port: 80)
///     let socket = world.connect(.left, to: world.endpoint(.right, port: 80))
///     world.settle()
public final class World {
  enum Event {
    /// A flight arrives: its number.
    case arrival(Int)
  }

  /// Virtual time.
  public private(set) var now: Instant
  /// The wire; faults may be added at any time.
  public var wire: Wire
  /// Everything that has happened.
  public internal(set) var timeline: Timeline
  /// Whether a host that received something lets its program act before it sends anything: then an answer
  /// and an acknowledgment can leave as one segment. Otherwise acknowledgments leave first.
  public var actsBeforeSending = false
  let left: Host
  let right: Host
  private var queue = EventQueue<Event>()
  private var generator: SeededGenerator
  /// Steps at one instant after which something must be wrong with a stack's deadlines.
  private static let stepLimit = 100_000
  private var stepsAtThisInstant = 0

  /// A world whose hosts have just started.
  /// - Parameters:
  ///   - title: of the recording.
  ///   - left: drawn at the left.
  ///   - right: drawn at the right.
  ///   - delay: the wire's one-way delay.
  ///   - seed: of keys and random faults.
  ///   - start: where virtual time begins.
  public init(
    _ title: String, left: HostConfiguration, right: HostConfiguration,
    delay: Interval = .milliseconds(20), seed: UInt64, start: Instant = .zero
  ) {
    generator = SeededGenerator(seed: seed)
    now = start
    wire = Wire(delay: delay, seed: generator.next())
    self.left = Host(.left, left, seed: generator.next())
    self.right = Host(.right, right, seed: generator.next())
    timeline = Timeline(
      title: title, left: Timeline.HostLabel(name: left.name, address: left.address.address),
      right: Timeline.HostLabel(name: right.name, address: right.address.address), start: start)
    self.left.stack.advance(to: start)
    self.right.stack.advance(to: start)
  }

  func host(_ side: HostSide) -> Host {
    switch side {
    case .left: left
    case .right: right
    }
  }

  /// An endpoint at a host's address.
  public func endpoint(_ side: HostSide, port: UInt16) -> Endpoint {
    Endpoint(address: host(side).configuration.address.address, port: port)
  }

  // MARK: Time

  /// When the next thing happens; nil when nothing ever will, unless a program acts.
  public var nextDeadline: Instant? {
    var earliest = queue.earliest
    for side in HostSide.allCases {
      let host = host(side)
      guard host.isAlive, !host.isHandmade, let deadline = host.stack.nextDeadline else { continue }
      earliest = min(earliest ?? deadline, deadline)
    }
    return earliest
  }

  /// Whether a packet is on its way.
  public var hasPacketsInFlight: Bool { !queue.isEmpty }

  /// Lets the next thing happen, if it happens by `limit`: one packet arrives, or one host's clock runs to
  /// its next deadline.
  /// - Returns: whether something happened.
  @discardableResult
  public func step(until limit: Instant) -> Bool {
    drainAll()
    guard let next = nextDeadline, next <= limit else { return false }
    countStep(next)
    now = max(now, next)
    if let arrival = queue.earliest, arrival <= now, case .arrival(let flight) = queue.next() {
      arrive(flight)
    } else {
      for side in HostSide.allCases {
        let host = host(side)
        guard host.isAlive, !host.isHandmade, let deadline = host.stack.nextDeadline, deadline <= now else {
          continue
        }
        host.stack.advance(to: now)
        collect(host)
        break
      }
    }
    if !actsBeforeSending { drainAll() }
    return true
  }

  /// Moves the clock forward without letting anything happen in between.
  /// - Precondition: nothing is due before `time`.
  func moveClock(to time: Instant) {
    assert(nextDeadline.map { $0 >= time } ?? true, "something is due earlier")
    now = max(now, time)
  }

  private func countStep(_ at: Instant) {
    if at > now { stepsAtThisInstant = 0 }
    stepsAtThisInstant += 1
    precondition(stepsAtThisInstant < World.stepLimit, "a host's deadline does not move on")
  }

  // MARK: Packets

  /// Sends what both hosts want to send.
  func drainAll() {
    for side in HostSide.allCases { drain(host(side)) }
  }

  /// Records what a host has observed, then puts its packets onto the wire, then gathers its events.
  func drain(_ host: Host) {
    guard host.isAlive, !host.isHandmade else { return }
    collect(host)
    while let (packet, purpose) = host.nextPacket() {
      collect(host)
      transmit(packet, from: host.side, purpose: purpose)
    }
    collect(host)
  }

  /// Moves a host's observations into the timeline and its events to where programs look for them.
  private func collect(_ host: Host) {
    while let observation = host.stack.nextObservation() {
      record(.observed(host.side, observation))
    }
    while let event = host.stack.nextEvent() { host.news.note(event) }
  }

  /// Puts a packet onto the wire.
  func transmit(_ packet: [UInt8], from side: HostSide, purpose: SegmentPurpose?) {
    let segment = FlightSegment(packet: packet)
    let verdict = wire.judge(segment, length: packet.count, from: side)
    let arrival = now + wire.delay(from: side) + verdict.extraDelay
    var fate = Flight.Fate.delivered
    if let offset = verdict.corrupted { fate = .corrupted(offset: offset) }
    if verdict.isLost || !host(side.other).isAlive { fate = .lost }
    let number = timeline.flights.count
    depart(
      Flight(
        number: number, from: side, packet: packet, departure: now, arrival: arrival, fate: fate,
        extraDelay: verdict.extraDelay, segment: segment, purpose: purpose))
    for later in verdict.copies {
      depart(
        Flight(
          number: timeline.flights.count, from: side, packet: packet, departure: now,
          arrival: arrival + later,
          fate: .copy(of: number), extraDelay: .zero, segment: segment, purpose: purpose))
    }
  }

  private func depart(_ flight: Flight) {
    timeline.flights.append(flight)
    record(.departed(flight.number))
    if flight.fate != .lost { queue.add(.arrival(flight.number), at: flight.arrival) }
  }

  private func arrive(_ number: Int) {
    let flight = timeline.flights[number]
    let host = host(flight.from.other)
    guard host.isAlive else {
      timeline.flights[number].fate = .lost
      return
    }
    record(.arrived(number))
    if host.isHandmade {
      host.received.append(flight)
      return
    }
    var packet = flight.packet
    if case .corrupted(let offset) = flight.fate { packet[offset] ^= 0xFF }
    packet.withRawSpan { host.stack.receive($0, on: host.link, at: now) }
    let first = timeline.entries.count
    collect(host)
    timeline.flights[number].verdict = verdict(from: first)
  }

  /// What the host thought of the packet it has just been given.
  private func verdict(from first: Int) -> DropReason? {
    for entry in timeline.entries[first...] {
      guard case .observed(_, let observation) = entry.kind else { continue }
      switch observation.kind {
      case .segmentDropped(_, let reason), .datagramDropped(_, let reason), .packetDropped(_, _, let reason):
        return reason
      case .segmentReceived, .segmentSent, .datagramSent, .datagramReceived, .stateChanged, .timerArmed,
        .timerCancelled, .timerFired, .connectionClosed:
        continue
      }
    }
    return nil
  }

  func record(_ kind: TimelineEntry.Kind) {
    timeline.entries.append(TimelineEntry(at: now, kind: kind))
  }

  // MARK: Power

  /// Takes a host's power away: it neither sends nor receives, and what is on its way to it gets lost.
  public func kill(_ side: HostSide) {
    drainAll()
    record(.died(side))
    host(side).isAlive = false
  }

  /// Starts a host again; it remembers no connection.
  public func restart(_ side: HostSide) {
    host(side).restart(seed: generator.next())
    host(side).stack.advance(to: now)
    record(.restarted(side))
  }
}
