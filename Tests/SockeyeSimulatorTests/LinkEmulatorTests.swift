// Shows that an emulated link keeps to its rate, its delay, its order and its queue's bound, that faults come as often as
// they should, and that the same seed gives the same fates.

import SockeyeBytes
import SockeyeWire
import Testing

@testable import SockeyeSimulator

@Suite struct LinkEmulatorTests {
  private func configuration(_ change: (inout LinkConfiguration) -> Void = { _ in }) -> LinkConfiguration {
    var configuration = LinkConfiguration(delay: .milliseconds(20))
    configuration.bitsPerSecond = 12_000_000
    configuration.queueLimit = .packets(1_000_000)
    change(&configuration)
    return configuration
  }

  /// Everything that comes out of a link into which nothing more goes.
  private func drained(_ link: inout LinkEmulator) -> [LinkArrival] {
    var arrivals: [LinkArrival] = []
    while let next = link.nextDeadline {
      #expect(link.nextArrival(at: next - .nanoseconds(1)) == nil, "nothing arrives before its time")
      while let arrival = link.nextArrival(at: next) { arrivals.append(arrival) }
    }
    return arrivals
  }

  private func milliseconds(_ count: Int) -> Instant { .zero + .milliseconds(count) }

  @Test func aPacketTakesItsLengthOverTheRateAndTheDelay() {
    var link = LinkEmulator(configuration(), seed: 1)
    // 1500 bytes at 12 Mbit/s: 1 ms.
    link.offer(1, length: 1500, at: milliseconds(0))
    link.offer(2, length: 750, at: milliseconds(0))
    link.offer(3, length: 1500, at: milliseconds(10))
    let arrivals = drained(&link)
    #expect(arrivals.map(\.ticket) == [1, 2, 3])
    #expect(
      arrivals.map(\.at) == [milliseconds(21), milliseconds(21) + .microseconds(500), milliseconds(31)])
    #expect(link.statistics.queueingDelay.maximum == .milliseconds(1), "the second waited for the first")
  }

  @Test(arguments: [1000, 1_234_567, 7, 999_999_999_937] as [UInt64])
  func roundingDoesNotAddUp(rate: UInt64) throws {
    var link = LinkEmulator(configuration { $0.bitsPerSecond = rate }, seed: 1)
    let count = 1000
    for ticket in 0..<count { link.offer(ticket, length: 1499, at: .zero) }
    let arrivals = drained(&link)
    #expect(arrivals.map(\.ticket) == Array(0..<count), "first in, first out")
    let exact = UInt64(count * 1499 * 8) * 1_000_000 / rate * 1000
    let last = try #require(arrivals.last).at - .milliseconds(20)
    #expect(last.nanoseconds >= exact && last.nanoseconds <= exact + 1000)
  }

  @Test func anUnlimitedRateTakesNoTime() {
    var link = LinkEmulator(configuration { $0.bitsPerSecond = nil }, seed: 1)
    for ticket in 0..<10 { link.offer(ticket, length: 1500, at: .zero) }
    #expect(drained(&link).map(\.at) == Array(repeating: milliseconds(20), count: 10))
  }

  @Test func whatArrivesAtAFullQueueIsDropped() {
    var byPackets = LinkEmulator(configuration { $0.queueLimit = .packets(3) }, seed: 1)
    var byBytes = LinkEmulator(configuration { $0.queueLimit = .bytes(4500) }, seed: 1)
    for ticket in 0..<6 {
      // One is being sent, three wait.
      let verdict: LinkVerdict =
        ticket < 4 ? .taken(arrivals: 1, isCorrupted: false) : .dropped(.queueFull)
      #expect(byPackets.offer(ticket, length: 1500, at: .zero) == verdict)
      #expect(byBytes.offer(ticket, length: 1500, at: .zero) == verdict)
    }
    #expect(byBytes.statistics.longestQueue == 4500)
    #expect(byPackets.statistics.queueDrops == 2 && byPackets.statistics.offered == 6)
    // A millisecond later one more has begun to be sent; a short one does not fit the packets.
    #expect(byBytes.offer(6, length: 1501, at: milliseconds(1)) == .dropped(.queueFull))
    #expect(byBytes.offer(7, length: 1500, at: milliseconds(1)) == .taken(arrivals: 1, isCorrupted: false))
    #expect(byPackets.offer(8, length: 40, at: milliseconds(1)) == .taken(arrivals: 1, isCorrupted: false))
    #expect(byPackets.offer(9, length: 40, at: milliseconds(1)) == .dropped(.queueFull))
    #expect(drained(&byBytes).map(\.ticket) == [0, 1, 2, 3, 7])
  }

  @Test func aFreeLinkTakesWhatItsQueueWouldNot() {
    var link = LinkEmulator(configuration { $0.queueLimit = .bytes(100) }, seed: 1)
    #expect(link.offer(0, length: 1500, at: .zero) == .taken(arrivals: 1, isCorrupted: false))
    #expect(link.offer(1, length: 1500, at: .zero) == .dropped(.queueFull))
    #expect(link.offer(2, length: 1500, at: milliseconds(1)) == .taken(arrivals: 1, isCorrupted: false))
  }

  @Test func whatIsTooLargeVanishesFromWhenItIsSaid() {
    var link = LinkEmulator(configuration { $0.maximumPacket = 1400 }, seed: 1)
    #expect(link.offer(0, length: 1400, at: .zero) == .taken(arrivals: 1, isCorrupted: false))
    #expect(link.offer(1, length: 1401, at: .zero) == .dropped(.tooLarge))
    link.maximumPacket = 1280
    #expect(link.offer(2, length: 1400, at: .zero) == .dropped(.tooLarge))
    link.maximumPacket = nil
    #expect(link.offer(3, length: 1500, at: .zero) == .taken(arrivals: 1, isCorrupted: false))
    #expect(link.statistics.tooLarge == 2 && link.statistics.lost == 0)
    #expect(drained(&link).map(\.ticket) == [0, 3])
  }

  @Test func marksComeWhenMoreWaitsThanTheThreshold() {
    var link = LinkEmulator(configuration { $0.markThreshold = .packets(2) }, seed: 1)
    for ticket in 0..<6 { link.offer(ticket, length: 1500, knowsCongestion: ticket != 4, at: .zero) }
    #expect(drained(&link).map(\.isMarked) == [false, false, false, false, false, true])
    #expect(link.statistics.marked == 1)
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func faultsComeAsOftenAsTheyShould(seed: UInt64) {
    var link = LinkEmulator(
      configuration {
        $0.loss = .percent(10)
        $0.duplication = .percent(5)
        $0.corruption = .percent(20)
        $0.reordering = .percent(50)
      }, seed: seed)
    let count = 20_000
    for ticket in 0..<count { link.offer(ticket, length: 1500, at: .zero) }
    let arrivals = drained(&link)
    let statistics = link.statistics
    // Five standard deviations: sqrt(n p (1 - p)).
    #expect(abs(Int(statistics.lost) - 2000) < 5 * 43)
    #expect(abs(Int(statistics.duplicated) - 900) < 5 * 30)
    #expect(abs(Int(statistics.corrupted) - 3600) < 5 * 54)
    #expect(abs(Int(statistics.reordered) - 9000) < 5 * 68)
    #expect(arrivals.count == count - Int(statistics.lost) + Int(statistics.duplicated))
    #expect(arrivals.allSatisfy { $0.flippedBit.map { (0..<12_000).contains($0) } ?? true })
    #expect(Set(arrivals.compactMap(\.flippedBit)).count > 2000, "any bit can change")
  }

  @Test func certaintyIsCertain() {
    var link = LinkEmulator(configuration { $0.loss = .percent(100) }, seed: 1)
    for ticket in 0..<100 { #expect(link.offer(ticket, length: 40, at: .zero) == .dropped(.loss)) }
    #expect(link.nextDeadline == nil)
  }

  @Test func aReorderedPacketIsOvertakenByThoseBehindIt() throws {
    var link = LinkEmulator(
      configuration {
        $0.reordering = .percent(10)
        $0.reorderingDelay = .milliseconds(5)
      }, seed: 4)
    for ticket in 0..<200 { link.offer(ticket, length: 1500, at: .zero) }
    for arrival in drained(&link) {
      let inOrder = milliseconds(21 + arrival.ticket)
      #expect(arrival.at == inOrder || arrival.at == inOrder + .milliseconds(5))
    }
    #expect(link.statistics.reordered > 5)
  }

  @Test func jitterDelaysWithoutOvertaking() {
    var link = LinkEmulator(configuration { $0.jitter = .milliseconds(8) }, seed: 2)
    for ticket in 0..<500 { link.offer(ticket, length: 1500, at: .zero) }
    let arrivals = drained(&link)
    #expect(arrivals.map(\.ticket) == Array(0..<500))
    let extra = arrivals.map { $0.at - milliseconds(21 + $0.ticket) }
    #expect(extra.allSatisfy { $0 >= .zero && $0 < .milliseconds(8) })
    #expect(Set(extra.map(\.nanoseconds)).count > 100)
  }

  @Test func theSameSeedGivesTheSameFates() {
    func fates(seed: UInt64, reordering: Int = 10) -> [LinkArrival] {
      var link = LinkEmulator(
        configuration {
          $0.loss = .percent(10)
          $0.duplication = .percent(10)
          $0.corruption = .percent(10)
          $0.reordering = .percent(reordering)
          $0.reorderingDelay = .milliseconds(3)
          $0.jitter = .milliseconds(1)
        }, seed: seed)
      for ticket in 0..<1000 { link.offer(ticket, length: 1500, at: .zero) }
      return drained(&link)
    }
    #expect(fates(seed: 1) == fates(seed: 1))
    #expect(fates(seed: 1) != fates(seed: 2))
    let lost = Set(0..<1000).subtracting(fates(seed: 1).map(\.ticket))
    let lostWithout = Set(0..<1000).subtracting(fates(seed: 1, reordering: 0).map(\.ticket))
    #expect(lost == lostWithout, "one fault leaves the others where they strike")
  }
}

@Suite struct LinkMarkTests {
  private func packet(trafficClass: UInt8, version: IPVersion) -> [UInt8] {
    var buffer = FrameBuffer(capacity: 60)
    switch version {
    case .v4:
      let header = IPv4Header(
        source: IPv4Address(rawValue: 0x0A00_0001), destination: IPv4Address(rawValue: 0x0A00_0002),
        protocolNumber: IPProtocol.tcp, payloadLength: 0, trafficClass: trafficClass)
      buffer.fill { header.write(into: &$0) }
    case .v6:
      let header = IPv6Header(
        source: IPv6Address(high: 1, low: 2), destination: IPv6Address(high: 1, low: 3),
        nextHeader: IPProtocol.tcp, payloadLength: 0, trafficClass: trafficClass)
      buffer.fill { header.write(into: &$0) }
    }
    return [UInt8](buffer.bytes)
  }

  private func knowsCongestion(_ packet: [UInt8]) -> Bool { LinkMark.knowsCongestion(packet.rawSpan) }

  private let marking = LinkArrival(ticket: 0, length: 40, at: .zero, flippedBit: nil, isMarked: true)

  @Test(arguments: [IPVersion.v4, .v6])
  func congestionExperiencedIsSetAndNothingElse(version: IPVersion) throws {
    for field in [1, 2] as [UInt8] {
      var packet = packet(trafficClass: 0xB8 | field, version: version)
      #expect(knowsCongestion(packet))
      LinkMark.apply(marking, to: &packet)
      switch version {
      case .v4:
        let header = try IPv4Header.parse(packet.rawSpan).header
        #expect(header.trafficClass == 0xBB && header.timeToLive == 64)
      case .v6:
        let header = try IPv6Header.parse(packet.rawSpan).header
        #expect(header.trafficClass == 0xBB)
      }
    }
    #expect(!knowsCongestion(packet(trafficClass: 0xB8, version: version)))
  }

  @Test func aBitIsFlippedWhereItShouldBe() {
    var bytes: [UInt8] = [0, 0, 0]
    for bit in [0, 15, 17] {
      let arrival = LinkArrival(ticket: 0, length: 3, at: .zero, flippedBit: bit, isMarked: false)
      LinkMark.apply(arrival, to: &bytes)
    }
    #expect(bytes == [0x80, 0x01, 0x40])
  }
}

@Suite struct DelayHistogramTests {
  @Test func meanAndPercentiles() {
    var histogram = DelayHistogram()
    #expect(histogram.mean == .zero && histogram.percentile(99) == .zero)
    for count in 1...1000 { histogram.add(.microseconds(count)) }
    #expect(histogram.mean == .nanoseconds(500_500))
    #expect(histogram.maximum == .milliseconds(1))
    #expect(histogram.percentile(100) == .milliseconds(1))
    for percent in [1, 50, 99] {
      let exact = Int64(percent) * 10_000
      let found = histogram.percentile(percent).nanoseconds
      #expect(found >= exact && found <= exact + exact / 62)
    }
  }

  @Test func smallAndHugeDelays() {
    var histogram = DelayHistogram()
    histogram.add(.nanoseconds(3))
    histogram.add(.nanoseconds(-5))
    histogram.add(.hours(5))
    #expect(histogram.percentile(33) == .zero)
    #expect(histogram.percentile(66) == .nanoseconds(3))
    #expect(histogram.maximum.nanoseconds == (1 << 40) - 1)
    #expect(histogram.percentile(100) == histogram.maximum)
  }
}
