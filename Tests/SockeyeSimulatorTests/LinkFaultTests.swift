// Shows the faults of an emulated link that have more to them than a probability: distributions of delay, bursts, scripts,
// changes at a time, flapping, repaired corruption, truncation, and the queues that drop early.

import SockeyeBytes
import SockeyeTrace
import SockeyeWire
import Testing

@testable import SockeyeSimulator

@Suite struct LinkFaultTests {
  private func link(
    rate: UInt64? = nil, seed: UInt64 = 1, _ change: (inout LinkConfiguration) -> Void = { _ in }
  ) -> LinkEmulator {
    var configuration = LinkConfiguration(delay: .milliseconds(20))
    configuration.bitsPerSecond = rate
    configuration.queueLimit = .packets(1_000_000)
    change(&configuration)
    return LinkEmulator(configuration, seed: seed)
  }

  private func drained(_ link: inout LinkEmulator) -> [LinkArrival] {
    var arrivals: [LinkArrival] = []
    while let next = link.nextDeadline {
      while let arrival = link.nextArrival(at: next) { arrivals.append(arrival) }
      while link.nextDrop() != nil {}
    }
    return arrivals
  }

  private func seconds(_ count: Int) -> Instant { .zero + .seconds(count) }

  // MARK: Delay

  /// Delays of packets so far apart that none has to wait for another.
  private func delays(_ distribution: DelayDistribution) -> [Int64] {
    var link = link {
      $0.delay = .zero
      $0.jitter = .milliseconds(10)
      $0.jitterDistribution = distribution
    }
    return (0..<20_000).compactMap { number in
      let sent = seconds(number)
      link.offer(number, length: 100, at: sent)
      return link.nextArrival(at: .distantFuture).map { ($0.at - sent).nanoseconds }
    }
  }

  @Test(arguments: DelayDistribution.allCases)
  func theMeanOfEachDistributionIsHalfTheJitter(distribution: DelayDistribution) {
    let delays = delays(distribution)
    let mean = delays.reduce(0, +) / Int64(delays.count)
    #expect(abs(mean - 5_000_000) < 200_000, "\(mean)")
    #expect(delays.allSatisfy { $0 >= 0 })
  }

  @Test func distributionsHaveTheShapeTheyAreNamedFor() {
    func share(_ distribution: DelayDistribution, below limit: Int64) -> Int {
      delays(distribution).count { $0 < limit } / 200
    }
    // Within a sixth of the jitter of the middle: a third of even delays, and a standard deviation each way of normal ones.
    let middle = { (distribution: DelayDistribution) in
      share(distribution, below: 6_666_667) - share(distribution, below: 3_333_333)
    }
    #expect((32...35).contains(middle(.uniform)))
    #expect((66...70).contains(middle(.normal)))
    // F(x) = 1 - (1 + x)^-3: a half is below 0.26 of the jitter, 98 % below 2.68 times it.
    #expect((48...52).contains(share(.pareto, below: 2_600_000)))
    #expect((97...99).contains(share(.pareto, below: 26_800_000)))
    let longest = delays(.pareto).max() ?? 0
    #expect(longest > 60_000_000 && longest <= 640_000_000, "the tail is long, and has an end")
  }

  @Test func rootsAreWholeNumbersRoundedDown() {
    for number in [0, 1, 7, 8, 26, 27, 1_000_000, 1_000_001, 999_999] as [UInt64] {
      let root = DelayDraw.cubeRoot(number)
      #expect(root * root * root <= number && (root + 1) * (root + 1) * (root + 1) > number)
      let square = DelayDraw.squareRoot(number)
      #expect(square * square <= number && (square + 1) * (square + 1) > number)
    }
    #expect(DelayDraw.squareRoot(.max) == 0xFFFF_FFFF && DelayDraw.cubeRoot(1 << 60) == 1 << 20)
  }

  // MARK: Loss

  @Test func burstsBeginEndAndLoseAsOftenAsTheyShould() {
    var link = link {
      $0.burstLoss = BurstLoss(begins: .percent(2), ends: .percent(20), lossWhenBad: .percent(90))
    }
    var bursts: [Int] = []
    var run = 0
    for ticket in 0..<50_000 {
      if link.offer(ticket, length: 100, at: .zero) == .dropped(.loss) {
        run += 1
      } else if run > 0 {
        bursts.append(run)
        run = 0
      }
    }
    // Bad for p / (p + r) = 1/11 of the time.
    #expect((3600...4600).contains(Int(link.statistics.lost)), "\(link.statistics.lost)")
    let mean = 100 * bursts.reduce(0, +) / bursts.count
    #expect((300...420).contains(mean), "one packet after the other, not here and there: \(mean)")
  }

  @Test func aScriptLosesThePacketsItNames() {
    var link = link {
      $0.scriptedLosses = [ScriptedLoss(.data, from: 3), ScriptedLoss(.synchronize, count: 2)]
    }
    let traits: [PacketTraits] = [
      [.tcp, .synchronize], [.tcp, .synchronize], [.tcp, .synchronize], [.tcp, .data],
      [.tcp, .acknowledgment],
      [.tcp, .data], [.tcp, .data, .finish], [.tcp, .data],
    ]
    var lost: [Int] = []
    for (ticket, traits) in traits.enumerated()
    where link.offer(ticket, length: 100, traits: traits, at: .zero) == .dropped(.scripted) {
      lost.append(ticket)
    }
    #expect(lost == [0, 1, 6])
    #expect(link.statistics.scriptedLosses == 3 && link.statistics.lost == 0)
  }

  @Test(
    arguments: [
      (TCPFlags.syn, 0, [.tcp, .synchronize]), ([.syn, .ack], 0, [.tcp, .synchronizeAcknowledge]),
      (.ack, 0, [.tcp, .acknowledgment]), ([.ack, .psh], 5, [.tcp, .data]),
      ([.ack, .fin], 0, [.tcp, .finish]),
      ([.ack, .fin], 1, [.tcp, .finish, .data]), (.rst, 0, [.tcp, .reset]),
    ] as [(TCPFlags, Int, PacketTraits)])
  func whatAPacketIsCanBeRead(flags: TCPFlags, length: Int, traits: PacketTraits) throws {
    for version in [IPVersion.v4, .v6] {
      let packet = packet(version, flags: flags, payload: Array(repeating: 7, count: length))
      let read = PacketTraits(of: packet.rawSpan)
      #expect(read == traits)
    }
    let stub: [UInt8] = [0x45, 0]
    let read = PacketTraits(of: stub.rawSpan)
    #expect(read == [])
  }

  // MARK: Changes in time

  @Test func whatIsScheduledHappensThen() {
    var link = link {
      $0.changes = [
        LinkChange(.down, at: seconds(1)), LinkChange(.up, at: seconds(2)),
        LinkChange(.maximumPacket(500), at: seconds(3)), LinkChange(.maximumPacket(nil), at: seconds(4)),
        LinkChange(.delay(.milliseconds(50)), at: seconds(5)),
        LinkChange(.bitsPerSecond(8000), at: seconds(6)),
      ]
    }
    let verdicts = (0...6).map { link.offer($0, length: 1000, at: seconds($0)) }
    let taken = LinkVerdict.taken(arrivals: 1, isCorrupted: false)
    #expect(
      verdicts == [taken, .dropped(.outage), taken, .dropped(.tooLarge), taken, taken, taken])
    #expect(
      drained(&link).map(\.at) == [
        seconds(0) + .milliseconds(20), seconds(2) + .milliseconds(20), seconds(4) + .milliseconds(20),
        seconds(5) + .milliseconds(50), seconds(7) + .milliseconds(50),
      ])
  }

  @Test func aFlappingLinkIsUpAndDownByTurns() {
    var link = link {
      $0.flapping = LinkFlapping(up: .seconds(3), down: .seconds(1), until: seconds(12))
    }
    let lost = (0..<20).filter { link.offer($0, length: 100, at: seconds($0)) == .dropped(.outage) }
    #expect(lost == [3, 7, 11])
    link.isDown = true
    #expect(link.offer(20, length: 100, at: seconds(20)) == .dropped(.outage))
    link.isDown = false
    #expect(link.offer(21, length: 100, at: seconds(21)) != .dropped(.outage))
  }

  @Test func aLinkCanBeMadeAnotherOne() {
    var link = link { $0.loss = .percent(100) }
    #expect(link.offer(0, length: 100, at: .zero) == .dropped(.loss))
    link.reconfigure(LinkConfiguration(delay: .milliseconds(1)), at: seconds(1))
    link.offer(1, length: 100, at: seconds(1))
    #expect(drained(&link).map(\.at) == [seconds(1) + .milliseconds(1)])
  }

  // MARK: Damage

  private func packet(_ version: IPVersion, flags: TCPFlags = .ack, payload: [UInt8] = []) -> [UInt8] {
    let addresses: (String, String) = version == .v4 ? ("10.0.0.1", "10.0.0.2") : ("fd00::1", "fd00::2")
    guard let source = IPAddress(parsing: addresses.0), let destination = IPAddress(parsing: addresses.1)
    else { return [] }
    let header = TCPHeader(
      sourcePort: 1, destinationPort: 2, sequence: SequenceNumber(3), flags: flags, window: 4)
    return HandmadePeer.packet(header, payload: payload, from: source, to: destination)
  }

  @Test(arguments: [IPVersion.v4, .v6])
  func repairedCorruptionPassesEveryChecksum(version: IPVersion) throws {
    let original = packet(version, payload: Array("hello".utf8))
    var link = link { $0.repairedCorruption = .percent(100) }
    var changedPayloads = 0
    for ticket in 0..<500 {
      link.offer(ticket, length: original.count, at: .zero)
      let next = link.nextArrival(at: .distantFuture)
      let arrival = try #require(next)
      #expect(!arrival.isIntact && arrival.isRepaired)
      var changed = original
      LinkMark.apply(arrival, to: &changed)
      #expect(changed != original || (arrival.flippedBit.map { isChecksum($0 / 8, version) } ?? false))
      guard let segment = FlightSegment(packet: changed) else { continue }
      let start = segment.payload.lowerBound - segment.header.headerLength
      let isValid = TCPHeader.hasValidChecksum(
        changed.rawSpan.extracting(start..<segment.payload.upperBound), source: segment.source.address,
        destination: segment.destination.address)
      #expect(isValid)
      if changed[segment.payload] != original.suffix(5) { changedPayloads += 1 }
    }
    #expect(changedPayloads > 10)
    #expect(link.statistics.repairedCorruptions == 500 && link.statistics.corrupted == 0)
  }

  private func isChecksum(_ offset: Int, _ version: IPVersion) -> Bool {
    switch version {
    case .v4: [10, 11, 36, 37].contains(offset)
    case .v6: [56, 57].contains(offset)
    }
  }

  @Test func aTruncatedPacketLosesItsEnd() throws {
    var link = link { $0.truncation = .percent(100) }
    var lengths: Set<Int> = []
    for ticket in 0..<200 {
      link.offer(ticket, length: 60, at: .zero)
      let next = link.nextArrival(at: .distantFuture)
      let arrival = try #require(next)
      var packet = Array(UInt8(0)..<60)
      LinkMark.apply(arrival, to: &packet)
      #expect(packet == Array(UInt8(0)..<UInt8(arrival.length)) && (1..<60).contains(packet.count))
      lengths.insert(packet.count)
    }
    #expect(lengths.count > 40 && link.statistics.truncated == 200)
  }

  // MARK: Queues that drop early

  /// Twice as many packets as the link sends, for ten seconds: 1 ms each.
  private func overloaded(_ discipline: QueueDiscipline, knowsCongestion: Bool = false) -> (
    link: LinkEmulator, drops: Int
  ) {
    var link = link(rate: 12_000_000) {
      $0.queueLimit = .packets(100)
      $0.discipline = discipline
    }
    var drops = 0
    for ticket in 0..<20_000 {
      let now = Instant.zero + .microseconds(500 * ticket)
      if case .dropped = link.offer(ticket, length: 1500, knowsCongestion: knowsCongestion, at: now) {
        drops += 1
      }
      while link.nextArrival(at: now) != nil {}
      while link.nextDrop() != nil { drops += 1 }
    }
    return (link, drops)
  }

  @Test func randomEarlyDetectionKeepsTheQueueBetweenItsThresholds() {
    let red = RandomEarlyDetection(unit: .packets, minimum: 10, maximum: 40, weightShift: 6)
    let (link, drops) = overloaded(.randomEarlyDetection(red))
    let statistics = link.statistics
    #expect(statistics.queueDrops == 0)
    #expect(statistics.earlyDrops == UInt64(drops) && drops > 9000)
    // Half of all must go, which gentle detection reaches 44 % of the way from the maximum to its double.
    #expect((50_000_000...66_000_000).contains(statistics.queueingDelay.percentile(50).nanoseconds))
  }

  @Test func randomEarlyDetectionLetsAShortQueueAlone() {
    var link = link(rate: 12_000_000) {
      $0.discipline = .randomEarlyDetection(RandomEarlyDetection(for: .packets(120)))
    }
    // Bursts of nine, ten milliseconds apart: the minimum is a queue of ten on the average.
    for ticket in 0..<9000 {
      let verdict = link.offer(ticket, length: 1500, at: .zero + .milliseconds(ticket / 9 * 10))
      #expect(verdict != .dropped(.early))
    }
    #expect(link.statistics.earlyDrops == 0)
  }

  @Test func bothMarkPacketsThatKnowCongestionInstead() {
    let red = RandomEarlyDetection(unit: .bytes, minimum: 15_000, maximum: 60_000, marks: true)
    let byRed = overloaded(.randomEarlyDetection(red), knowsCongestion: true).link.statistics
    #expect(byRed.earlyDrops == 0 && byRed.marked > 1000 && byRed.queueDrops > 9000)
    let byDelay = overloaded(.controlledDelay(ControlledDelay(marks: true)), knowsCongestion: true)
    #expect(byDelay.link.statistics.earlyDrops == 0 && byDelay.link.statistics.marked > 100)
  }

  @Test func controlledDelayDropsMoreAndMoreOftenWhileTheQueueStands() {
    var link = link(rate: 12_000_000) { $0.discipline = .controlledDelay(ControlledDelay()) }
    var times: [Instant] = []
    for ticket in 0..<2100 {
      let now = Instant.zero + .microseconds(950 * ticket)
      #expect(link.offer(ticket, length: 1500, at: now) == .queued)
      while link.nextArrival(at: now) != nil {}
      while link.nextDrop() != nil { times.append(now) }
    }
    #expect(times.count > 5)
    // 5 ms of queue stand after 0.1 s; the first drop comes an interval later, the next after interval / sqrt(1).
    #expect(times[0] > .zero + .milliseconds(190) && times[0] < .zero + .milliseconds(260))
    let gaps = zip(times.dropFirst(), times).map { ($0 - $1).nanoseconds / 1_000_000 }
    #expect((98...103).contains(gaps[0]) && (68...73).contains(gaps[1]) && (55...61).contains(gaps[2]))
  }

  @Test func controlledDelayLosesNoPacketFromSight() {
    var link = link(rate: 12_000_000) {
      $0.queueLimit = .packets(50)
      $0.discipline = .controlledDelay(ControlledDelay())
      $0.loss = .percent(5)
      $0.duplication = .percent(5)
    }
    var open: Set<Int> = []
    for ticket in 0..<5000 {
      let now = Instant.zero + .microseconds(700 * ticket)
      if link.offer(ticket, length: 1500, at: now) == .queued { open.insert(ticket) }
    }
    while let next = link.nextDeadline {
      while let drop = link.nextDrop() { #expect(open.remove(drop.ticket) != nil) }
      while let arrival = link.nextArrival(at: next) {
        if !arrival.hasCopyBehind { #expect(open.remove(arrival.ticket) != nil) }
      }
    }
    #expect(open.isEmpty && link.statistics.earlyDrops > 0 && link.statistics.duplicated > 50)
  }
}
