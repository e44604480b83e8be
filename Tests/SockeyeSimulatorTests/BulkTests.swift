// Shows that bulk transfers over emulated links arrive whole, repeat bit for bit, and measure what they say they do.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeTrace
import SockeyeWire
import Testing

@testable import SockeyeSimulator

@Suite struct BulkTests {
  private func configuration(
    _ bytes: UInt64 = 1_000_000, _ change: (inout BulkConfiguration) -> Void = { _ in }
  ) -> BulkConfiguration {
    var configuration = BulkConfiguration(bytes: bytes)
    configuration.roundTrip = .milliseconds(20)
    change(&configuration)
    return configuration
  }

  @Test func aCleanLinkIsUsedWell() throws {
    let configuration = configuration(4_000_000) {
      $0.bitsPerSecond = 20_000_000
      $0.roundTrip = .milliseconds(10)
      $0.queue = .limit(.packets(10_000))
    }
    let report = BulkSimulation.run(configuration)
    #expect(report.failure == nil)
    #expect(report.delivered == 4_000_000)
    #expect(report.share >= 900_000 && report.share < 966_000)
    #expect(report.shareOfSecondHalf >= 950_000 && report.shareOfSecondHalf < 966_000)
    #expect(report.spurious == 0 && report.timeouts == 0)
    let status = try #require(report.flows[0].status)
    #expect(status.minimumRoundTrip.map { $0 >= .milliseconds(10) && $0 < .milliseconds(11) } == true)
  }

  /// 100 Mbit/s over 200 ms hold 2.5 MB; both buffers begin at 64 KiB.
  @Test(.requirement("A-47"))
  func buffersThatBeginSmallFillALongPath() throws {
    let bounds = BufferBounds(initial: 65_536, maximum: 8 << 20)
    let report = BulkSimulation.run(
      configuration(16_000_000) {
        $0.roundTrip = .milliseconds(200)
        $0.queue = .limit(.packets(10_000))
        $0.isPaced = false
        $0.sendBuffer = bounds
        $0.receiveBuffer = bounds
      })
    #expect(report.failure == nil && report.retransmitted == 0)
    #expect(report.shareOfSecondHalf >= 930_000, "\(report.shareOfSecondHalf)")
    // Slow start, which nothing but the congestion window holds back, takes eight round trips.
    #expect(report.elapsed < .milliseconds(3_300), "\(report.elapsed)")
    let status = try #require(report.flows[0].status)
    #expect(status.sendBuffer > 2_500_000)
    let times = status.sendingTimes
    #expect(times.peerWindow + times.sendBuffer < .milliseconds(50), "\(times)")
  }

  @Test func aBufferThatStaysSmallHoldsTheFlowBackAndTheSenderKnows() throws {
    let report = BulkSimulation.run(
      configuration(1_000_000) {
        $0.roundTrip = .milliseconds(200)
        $0.isPaced = false
        $0.receiveBuffer = .fixed(65_536)
      })
    // A window a round trip.
    #expect(report.goodput < 65_536 * 8 * 5)
    let times = try #require(report.flows[0].status).sendingTimes
    #expect(times.peerWindow > .seconds(2) && times.peerWindow < times.busy)
  }

  @Test(arguments: CongestionControlAlgorithm.allCases)
  func aLossyPathDeliversAllOfIt(algorithm: CongestionControlAlgorithm) throws {
    let report = BulkSimulation.run(
      configuration {
        $0.flows = [algorithm]
        $0.loss = .percent(2)
        $0.reverseLoss = .percent(2)
        $0.seed = 5
      })
    #expect(report.failure == nil && report.delivered == 1_000_000)
    #expect(report.dataLink.lost > 5 && report.acknowledgmentLink.lost > 5)
    #expect(report.retransmitted >= report.dataLink.lost)
    let statistics = try #require(report.flows[0].status?.statistics)
    #expect(
      statistics.segmentsRetransmitted == report.retransmitted, "the engine and the wire count the same")
    #expect(statistics.bytesAcknowledged == 1_000_000)
  }

  @Test func aPathThatDropsLargePacketsInSilenceDeliversAllOfIt() throws {
    let report = BulkSimulation.run(configuration { $0.pathMTU = 1400 })
    #expect(report.failure == nil && report.delivered == 1_000_000)
    #expect(report.dataLink.tooLarge > 3 && report.timeouts == 3)
    #expect(try #require(report.flows[0].status).segmentSize <= 1400 - 52)
  }

  /// A loss-based algorithm reaches a twentieth of this.
  @Test func bbrKeepsTheRateUnderLossAndTheQueueShort() {
    let report = BulkSimulation.run(
      configuration(8_000_000) {
        $0.flows = [.bbr]
        $0.bitsPerSecond = 20_000_000
        $0.roundTrip = .milliseconds(50)
        $0.loss = .percent(1)
      })
    #expect(report.failure == nil && report.delivered == 8_000_000)
    #expect(report.shareOfSecondHalf >= 800_000)
    #expect(report.dataLink.queueingDelay.mean < .milliseconds(15))
    #expect(report.timeouts == 0)
  }

  @Test func runsRepeatBitForBit() {
    func run(seed: UInt64) -> (report: BulkReport, capture: [UInt8]) {
      let simulation = BulkSimulation(
        configuration(300_000) {
          $0.loss = .percent(3)
          $0.reordering = .percent(5)
          $0.reorderingDelay = .milliseconds(10)
          $0.jitter = .milliseconds(1)
          $0.seed = seed
        }, isCapturing: true)
      var capture: [UInt8] = []
      while simulation.step() { capture += simulation.takeCapture() }
      return (simulation.report(), capture + simulation.takeCapture())
    }
    let first = run(seed: 1)
    let again = run(seed: 1)
    let other = run(seed: 2)
    #expect(first.report == again.report && first.capture == again.capture)
    #expect(first.report != other.report && first.capture != other.capture)
  }

  @Test func watchingChangesNothing() {
    let configuration = configuration { $0.loss = .percent(1) }
    let watched = BulkSimulation(configuration, isRecording: true, isCapturing: true)
    while watched.step() {}
    #expect(watched.report() == BulkSimulation.run(configuration))
    #expect(watched.flowRecordings.count == 1 && watched.capturedCount > 1_000_000)
    let samples = watched.flowRecordings[0].samples.elements
    #expect(samples.count > 50)
    #expect(
      zip(samples, samples.dropFirst()).allSatisfy { $0.at < $1.at && $0.acknowledged <= $1.acknowledged })
    #expect(
      UInt64(watched.flowRecordings[0].retransmissions.elements.count) == watched.report().retransmitted)
  }

  @Test func corruptionNeverReachesTheApplication() {
    let report = BulkSimulation.run(
      configuration {
        $0.corruption = .percent(3)
        $0.seed = 3
      })
    #expect(report.dataLink.corrupted > 10)
    #expect(report.failure == nil && report.delivered == 1_000_000)
    #expect(report.retransmitted >= report.dataLink.corrupted - 1, "at most the SYN or the FIN besides")
  }

  @Test func copiesDoNoHarm() {
    let wide = configuration { $0.queue = .limit(.packets(10_000)) }
    let clean = BulkSimulation.run(wide)
    var doubled = wide
    doubled.duplication = .percent(10)
    let report = BulkSimulation.run(doubled)
    #expect(report.dataLink.duplicated > 30)
    #expect(report.failure == nil && report.delivered == 1_000_000)
    #expect(report.retransmitted == 0)
    #expect(report.elapsed < clean.elapsed + clean.elapsed / 20, "acknowledgments of copies change little")
  }

  @Test func whatIsRetransmittedForHavingBeenOvertakenIsSpurious() {
    let report = BulkSimulation.run(
      configuration {
        $0.reordering = .percent(10)
        $0.reorderingDelay = .milliseconds(10)
        $0.queue = .limit(.packets(10_000))
      })
    #expect(report.failure == nil && report.dataLink.queueDrops == 0 && report.dataLink.reordered > 30)
    // What is late by half a round trip is there before any copy of it.
    #expect(report.spurious == report.retransmitted)
  }

  @Test func aPathThatLosesEverythingEndsTheTransfer() {
    let report = BulkSimulation.run(configuration { $0.loss = .percent(100) })
    #expect(report.failure?.flow == 0)
    #expect(report.failure?.failure == .closed(.timedOut))
    #expect(report.delivered == 0 && report.goodput == 0)
  }

  @Test func virtualTimeHasALimit() {
    let report = BulkSimulation.run(configuration { $0.limit = .milliseconds(50) })
    #expect(report.failure?.failure == .outOfTime)
  }

  @Test func flowsShareABottleneck() {
    let report = BulkSimulation.run(
      configuration(400_000) {
        $0.flows = Array(repeating: $0.flows[0], count: 3)
        $0.bitsPerSecond = 10_000_000
      })
    #expect(report.failure == nil && report.flows.allSatisfy { $0.delivered == 400_000 })
    #expect(report.deliveredTogether.max() == 400_000)
    #expect(report.fairness > 333_333 && report.fairness <= 1_000_000)
    #expect(report.goodput < 9_660_000)
  }

  @Test(arguments: [(20, 20), (50, 10), (100, 10)])
  func twoCubicFlowsShareEvenly(milliseconds: Int, megabits: Int) {
    let report = BulkSimulation.run(
      configuration(UInt64(megabits) * 500_000) {
        $0.flows = [.cubic, .cubic]
        $0.bitsPerSecond = UInt64(megabits) * 1_000_000
        $0.roundTrip = .milliseconds(milliseconds)
      })
    #expect(report.failure == nil && report.timeouts == 0)
    #expect(report.fairness >= 980_000)
  }

  /// A queue of one bandwidth-delay product: the first slow start ends with less lost than half of the window, which is
  /// what path and queue hold and what is lost. Doubling to the end would lose as much as they hold.
  @Test(arguments: [true, false])
  func slowStartDoesNotOvershootByHalfAWindow(isPaced: Bool) {
    let report = BulkSimulation.run(
      configuration(4_000_000) {
        $0.bitsPerSecond = 20_000_000
        $0.roundTrip = .milliseconds(100)
        $0.isPaced = isPaced
      })
    let capacity = UInt64(2 * report.configuration.bandwidthDelayProduct / 1500)
    let lost = report.dataLink.queueDrops
    #expect(report.failure == nil && report.timeouts == 0)
    #expect(lost < (capacity + lost) / 2)
  }

  @Test func theQueueIsWhatWasAskedFor() {
    #expect(configuration().bandwidthDelayProduct == 250_000)
    #expect(configuration().queueLimit == .bytes(250_000))
    #expect(
      configuration { $0.queue = .bandwidthDelay(millionths: 500_000) }.queueLimit == .bytes(125_000))
    #expect(configuration { $0.queue = .bandwidthDelay(millionths: 0) }.queueLimit == .bytes(1500))
    #expect(configuration { $0.queue = .limit(.packets(7)) }.queueLimit == .packets(7))
    var wide = configuration()
    wide.bitsPerSecond = 1_000_000_000_000
    wide.roundTrip = .seconds(60)
    #expect(wide.bandwidthDelayProduct == 7_500_000_000_000)
    #expect(wide.bufferCapacity == 1 << 30)
  }
}

@Suite struct WireTextTests {
  @Test func aCopyOfWhatReachesTheReceiverIsSpurious() throws {
    var text = WireText()
    let first = SequenceNumber(UInt32.max - 1000)
    #expect(text.place(of: first, count: 10) == nil, "no SYN was seen")
    text.synchronize(first - 1)
    func send(_ offset: Int, arrives: Bool) throws -> (isCopy: Bool, isSpurious: Bool) {
      let range = try #require(text.place(of: first + offset, count: 1000))
      #expect(range == UInt64(offset)..<UInt64(offset + 1000))
      let kind = text.count(range)
      if arrives { text.willArrive(range) }
      return kind
    }
    #expect(try send(0, arrives: true) == (false, false))
    #expect(try send(1000, arrives: false) == (false, false))
    #expect(try send(2000, arrives: true) == (false, false))
    #expect(try send(0, arrives: true) == (true, true))
    #expect(try send(500, arrives: false) == (true, false), "half of it is missing")
    #expect(try send(1000, arrives: true) == (true, false))
    #expect(try send(1000, arrives: true) == (true, true))
    text.wasRefused(2000..<3000)
    #expect(try send(2000, arrives: true) == (true, false))
    #expect(text.segments == 8 && text.retransmitted == 5 && text.spurious == 2)
    #expect(text.place(of: first - 1, count: 1) == nil, "before the stream")
  }

  @Test func streamsMayBeLongerThanTheSequenceSpace() throws {
    var text = WireText()
    text.synchronize(SequenceNumber(77))
    var sequence = SequenceNumber(78)
    for step in 0..<6 {
      let range = try #require(text.place(of: sequence, count: 1 << 30))
      #expect(range.lowerBound == UInt64(step) << 30)
      _ = text.count(range)
      sequence += 1 << 30
    }
    let last: Range<UInt64>? = 6_442_449_944..<6_442_450_944
    #expect(text.place(of: sequence - 1000, count: 1000) == last)
  }
}

@Suite struct StreamCoverageTests {
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func behavesLikeASet(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var coverage = StreamCoverage()
    var model: Set<UInt64> = []
    for _ in 0..<500 {
      let start = UInt64(generator.next(below: 60))
      let range = start..<(start + UInt64(generator.next(below: 10)))
      if generator.next(below: 3) == 0 {
        coverage.remove(range)
        model.subtract(range)
      } else {
        let new = UInt64(range.filter { !model.contains($0) }.count)
        #expect(coverage.insert(range) == new)
        model.formUnion(range)
      }
      #expect(Set(coverage.ranges.flatMap { Array($0) }) == model)
      #expect(
        zip(coverage.ranges, coverage.ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound })
      let probe = start..<(start + 4)
      #expect(coverage.contains(probe) == probe.allSatisfy(model.contains))
    }
  }
}

@Suite struct RatioTests {
  @Test func rates() {
    #expect(Ratio.bitsPerSecond(12_500_000, in: .seconds(1)) == 100_000_000)
    #expect(Ratio.bitsPerSecond(1 << 40, in: .seconds(8)) == 1 << 40)
    #expect(Ratio.bitsPerSecond(5, in: .zero) == 0)
  }

  @Test func millionths() {
    #expect(Ratio.millionths(1, of: 3) == 333_333)
    #expect(Ratio.millionths(7, of: 2) == 3_500_000)
    #expect(Ratio.millionths(1 << 58, of: 1 << 59) == 500_000)
    #expect(Ratio.millionths(1, of: 0) == 0)
  }

  @Test func fairness() {
    #expect(Ratio.fairness([5, 5, 5]) == 1_000_000)
    #expect(Ratio.fairness([9, 0, 0]) == 333_333)
    #expect(Ratio.fairness([]) == 1_000_000)
    // (3 + 1)² / (2 × 10) = 0.8
    #expect((799_900...800_100).contains(Ratio.fairness([3 << 40, 1 << 40])))
    #expect(Ratio.fairness(Array(repeating: 1 << 40, count: 256)) == 1_000_000)
  }
}

@Suite struct ThinnedSeriesTests {
  @Test func keepsTheFirstAndAnEvenChoice() {
    var series = ThinnedSeries<Int>(limit: 8)
    for element in 0..<100 { series.append(element) }
    #expect(series.elements.count <= 8 && series.elements.count >= 4)
    #expect(series.elements.first == 0)
    let steps = zip(series.elements, series.elements.dropFirst()).map { $1 - $0 }
    #expect(steps.allSatisfy { $0 <= 2 * series.stride })
  }
}
