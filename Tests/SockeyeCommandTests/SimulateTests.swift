// Shows how the arguments of `sockeye simulate bulk` are read, what it refuses, and what it prints.

import ArgumentParser
import Foundation
import SockeyeBytes
import SockeyeSimulator
import SockeyeTCP
import Testing

@testable import SockeyeCommand

@Suite struct SimulateTests {
  private func parse(_ arguments: String) throws -> SimulateBulk {
    try SimulateBulk.parse(arguments.split(separator: " ").map(String.init))
  }

  @Test func everyOptionArrivesInTheConfiguration() throws {
    let configuration = try parse(
      "--bytes 50MB --rtt 100ms --rate 1.5gbit --queue 2.5bdp --loss 1% --reverse-loss 0.002 --reorder 5%:50ms "
        + "--duplicate 0.1% --corrupt 2% --jitter 3 --path-mtu 1400 --ecn --flows 3,newreno --seed 7 "
        + "--send-buffer 64KiB:1MiB --receive-buffer 200kB"
    ).simulated
    var expected = BulkConfiguration(bytes: 50_000_000)
    expected.roundTrip = .milliseconds(100)
    expected.bitsPerSecond = 1_500_000_000
    expected.queue = .bandwidthDelay(millionths: 2_500_000)
    expected.loss = .percent(1)
    expected.reverseLoss = Probability(billionths: 2_000_000)
    expected.reordering = .percent(5)
    expected.reorderingDelay = .milliseconds(50)
    expected.duplication = Probability(billionths: 1_000_000)
    expected.corruption = .percent(2)
    expected.jitter = .milliseconds(3)
    expected.pathMTU = 1400
    expected.marksCongestion = true
    expected.flows = [.newReno, .newReno, .newReno]
    expected.seed = 7
    expected.sendBuffer = BufferBounds(initial: 65_536, maximum: 1 << 20)
    expected.receiveBuffer = .fixed(200_000)
    #expect(configuration == expected)
  }

  @Test func faultsWithMoreToThemArriveInTheConfiguration() throws {
    let configuration = try parse(
      "--burst-loss 1%:25%:80% --drop data:3 --drop syn:1-2 --corrupt-repaired 1% --truncate 2% --jitter 5ms "
        + "--jitter-distribution pareto --path-mtu-change none@9s --path-mtu-change 1400@5s --outage 6s+2s "
        + "--outage 7s+2s --one-way-outage 1s+1s --flap 10s:500ms --aqm codel:4ms:80ms --ecn"
    ).simulated
    #expect(
      configuration.burstLoss
        == BurstLoss(begins: .percent(1), ends: .percent(25), lossWhenBad: .percent(80)))
    #expect(
      configuration.scriptedLosses == [ScriptedLoss(.data, from: 3), ScriptedLoss(.synchronize, count: 2)])
    #expect(configuration.repairedCorruption == .percent(1) && configuration.truncation == .percent(2))
    #expect(configuration.jitterDistribution == .pareto)
    func second(_ count: Int) -> Instant { .zero + .seconds(count) }
    let both = [
      LinkChange(.maximumPacket(1400), at: second(5)), LinkChange(.down, at: second(6)),
      LinkChange(.up, at: second(9)), LinkChange(.maximumPacket(nil), at: second(9)),
    ]
    #expect(configuration.acknowledgmentLink.changes == both)
    #expect(
      configuration.dataLink.changes == [LinkChange(.down, at: second(1)), LinkChange(.up, at: second(2))]
        + both)
    #expect(configuration.dataLink.flapping == LinkFlapping(up: .seconds(10), down: .milliseconds(500)))
    #expect(
      configuration.dataLink.discipline
        == .controlledDelay(
          ControlledDelay(target: .milliseconds(4), interval: .milliseconds(80), marks: true)))
    #expect(
      try parse("--aqm red --queue 120p").simulated.dataLink.discipline
        == .randomEarlyDetection(RandomEarlyDetection(unit: .packets, minimum: 10, maximum: 40)))
  }

  @Test(arguments: [
    "--burst-loss 1%", "--drop data", "--drop text:1", "--drop data:0", "--drop data:3-2",
    "--jitter-distribution flat",
    "--path-mtu-change 1400", "--path-mtu-change 20@1s", "--outage 5s", "--outage 5s+0s", "--flap 1s",
    "--flap 0s:1s",
    "--aqm fq", "--aqm codel:5ms",
  ])
  func faultsThatMakeNoSenseAreRefused(arguments: String) {
    #expect(throws: (any Error).self) { try parse(arguments) }
  }

  @Test func withoutOptionsItIsWhatTheHelpSays() throws {
    let configuration = try parse("").simulated
    var expected = BulkConfiguration(bytes: 50_000_000)
    expected.roundTrip = .milliseconds(100)
    expected.bitsPerSecond = 100_000_000
    #expect(configuration == expected)
  }

  @Test func aBufferIsASizeOrTwoOrTheEnginesOwn() throws {
    #expect(try Arguments.receiveBuffer("auto") == TCPConfiguration().receiveBuffer)
    #expect(try Arguments.sendBuffer("auto") == TCPConfiguration().sendBuffer)
    for wrong in ["", "0", "2MiB:1MiB", "1:2:3", "2GiB", "64KiB:", "big"] {
      #expect(throws: ValidationError.self) { try Arguments.sendBuffer(wrong) }
    }
  }

  @Test func everyAlgorithmHasAName() throws {
    for algorithm in CongestionControlAlgorithm.allCases {
      #expect(try parse("--congestion \(algorithm.name)").simulated.flows == [algorithm])
      #expect(try parse("--flows 2,\(algorithm.name)").simulated.flows == [algorithm, algorithm])
    }
  }

  @Test(
    arguments: [
      ("100mbit", 100_000_000), ("100Mbit/s", 100_000_000), ("1.25kbit", 1250), ("1tbit", 1_000_000_000_000),
      ("5000", 5000),
    ] as [(String, UInt64)])
  func rates(text: String, rate: UInt64) throws { #expect(try Arguments.rate(text) == rate) }

  @Test(arguments: [("100ms", 100_000), ("1.5s", 1_500_000), ("250us", 250), ("250µs", 250), ("5", 5000)])
  func times(text: String, microseconds: Int) throws {
    #expect(try Arguments.time(text) == .microseconds(microseconds))
  }

  @Test(
    arguments: [
      ("1%", 10_000_000), ("0.01", 10_000_000), ("100%", 1_000_000_000), ("0", 0), ("0.000001%", 10),
      (".5", 500_000_000),
    ] as [(String, UInt32)])
  func shares(text: String, billionths: UInt32) throws {
    // A point needs a digit before it.
    if text.first == "." {
      #expect(throws: ValidationError.self) { try Arguments.probability(text) }
    } else {
      #expect(try Arguments.probability(text).billionths == billionths)
    }
  }

  @Test func queues() throws {
    #expect(try Arguments.queue("1bdp") == .bandwidthDelay(millionths: 1_000_000))
    #expect(try Arguments.queue("0.25BDP") == .bandwidthDelay(millionths: 250_000))
    #expect(try Arguments.queue("100p") == .limit(.packets(100)))
    #expect(try Arguments.queue("64KiB") == .limit(.bytes(65_536)))
  }

  @Test(arguments: [
    "--bytes 0", "--bytes 2TiB", "--rate 0", "--rate 100", "--rate fast", "--rate -1mbit", "--rate 1e9",
    "--rtt 0", "--rtt 2min", "--rtt 61s", "--rtt nan", "--queue bdp", "--queue 0p", "--queue 0",
    "--queue -1bdp", "--loss 101%", "--loss 1.1", "--loss -1%", "--loss %", "--loss 0.0000001%",
    "--reorder 5%",
    "--reorder 5%:", "--reorder :5ms", "--reorder 5%:5ms:5ms", "--jitter long", "--flows 0", "--flows 257",
    "--flows 2,", "--flows 2,none", "--flows ,newreno", "--congestion none", "--seed x", "--seed -1", "extra",
  ])
  func wrongArguments(arguments: String) {
    let error = #expect(throws: (any Error).self) { try parse(arguments) }
    #expect(error.map { SimulateBulk.exitCode(for: $0).rawValue } == 64)
    let message = error.map { SimulateBulk.message(for: $0) } ?? ""
    let words = ["expected", "Unexpected", "invalid", "Missing value"]
    #expect(words.contains { message.contains($0) }, "\(message)")
  }

  @Test func theGroupKnowsItsCommands() throws {
    #expect(try Sockeye.parseAsRoot(["simulate", "bulk", "--bytes", "1MB"]) is SimulateBulk)
  }

  private func report() throws -> BulkReport {
    BulkSimulation.run(try parse("--bytes 200kB --rtt 10ms --loss 1% --flows 2").simulated)
  }

  @Test func jsonIsOneObjectWithTheFiguresOfTheReport() throws {
    let report = try report()
    let line = BulkText.json(report)
    #expect(line.last == 0x0A && line.filter { $0 == 0x0A }.count == 1)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
    #expect(object["goodput"] as? Int == Int(report.goodput))
    #expect(object["delivered"] as? Int == 400_000)
    #expect(object["loss"] as? Double == 0.01)
    let share = try #require(object["share"] as? Double)
    #expect(abs(share - Double(report.goodput) / 100_000_000) < 0.00001)
    let flows = try #require(object["flows"] as? [[String: Any]])
    #expect(flows.count == 2 && flows.allSatisfy { $0["failure"] == nil })
    #expect(flows.map { $0["retransmitted"] as? Int } == report.flows.map { Int($0.retransmitted) })
    #expect((object["data-link"] as? [String: Any])?["lost"] as? Int == Int(report.dataLink.lost))
    let sender = try #require(flows[0]["sender"] as? [String: Any])
    #expect((sender["counters"] as? [String: Any])?["bytes-acknowledged"] as? Int == 200_000)
    let times = try #require(sender["sending-times"] as? [String: Int])
    #expect(times["busy"] ?? 0 > 0 && times["congestion-window"] ?? 0 > 0)
  }

  @Test func linesNameWhatWasMeasured() throws {
    let text = BulkText.lines(try report())
    let words = [
      "2 × 200 kB", "100 Mbit/s", "round trip 10 ms", "loss 1 %", "goodput", "of the rate", "retransmitted",
      "spurious", "timeouts", "queueing delay", "99 % within", "Jain's index", "flow 2",
    ]
    for word in words { #expect(text.contains(word), "\(word)") }
  }

  @Test func whatTheReceiverDroppedIsNamed() throws {
    let report = BulkSimulation.run(try parse("--bytes 200kB --rtt 10ms --corrupt 5% --seed 2").simulated)
    #expect(report.receiverDrops[.badChecksum] > 0)
    #expect(BulkText.lines(report).contains("\(report.receiverDrops[.badChecksum]) bad checksum"))
    let object = try JSONSerialization.jsonObject(with: Data(BulkText.json(report))) as? [String: Any]
    let drops = try #require(object?["receiver-drops"] as? [String: Any])
    #expect(drops["bad checksum"] as? Int == Int(report.receiverDrops[.badChecksum]))
  }

  @Test func failuresHaveAStatusAndASentence() {
    #expect(SimulateBulk.status(of: .closed(.timedOut)) == .timedOut)
    #expect(SimulateBulk.status(of: .wrongContent(at: 3)) == .software)
    #expect(BulkText.explanation(.wrongContent(at: 3)).contains("byte 3"))
  }
}

@Suite struct QuantityTextTests {
  @Test(
    arguments: [
      (0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (1_250_000, "1.25 MB"), (12_349, "12.3 kB"),
      (123_456_789, "123 MB"), (50_000_000_000, "50 GB"),
    ] as [(UInt64, String)])
  func sizes(bytes: UInt64, text: String) { #expect(QuantityText.size(bytes) == text) }

  @Test(
    arguments: [
      (0, "0 %"), (10_000, "1 %"), (941_234, "94.1 %"), (345, "0.03 %"), (1_000_000, "100 %"),
      (99_999, "10 %"),
    ] as [(UInt64, String)])
  func percents(millionths: UInt64, text: String) { #expect(QuantityText.percent(millionths) == text) }

  @Test(arguments: [(0, "0 ms"), (450, "450 ns"), (37_700_000, "37.7 ms"), (1_460_000_000, "1.46 s")])
  func times(nanoseconds: Int, text: String) {
    #expect(QuantityText.time(.nanoseconds(nanoseconds)) == text)
  }

  @Test func counts() {
    #expect(QuantityText.count(7) == "7")
    #expect(QuantityText.count(34_990) == "34,990")
    #expect(QuantityText.count(1_234_567) == "1,234,567")
    #expect(QuantityText.decimal(768_345, of: 1_000_000, places: 4) == "0.7683")
    #expect(QuantityText.decimal(5, of: 1, places: 2) == "5.00")
  }
}
