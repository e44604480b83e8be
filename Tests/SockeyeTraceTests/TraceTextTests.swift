// Shows what trace lines look like, and that JSON lines are JSON.

import Foundation
import SockeyeSimulator
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import Testing

@Suite struct TraceTextTests {
  private func lines(_ trace: TraceText) -> [String] {
    var trace = trace
    var bytes: [UInt8] = []
    for observation in Sample.observations { trace.append(observation, to: &bytes) }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test func linesLikeTcpdump() {
    #expect(
      lines(TraceText(host: "client")) == [
        "0.000000 client * 10.0.0.1:49152 10.0.0.2:3401: CLOSED -> SYN-SENT",
        "0.000000 client > 10.0.0.1.49152 > 10.0.0.2.3401: Flags [S], seq 0, win 65535, length 0",
        "1.000000 client > 10.0.0.1.49152 > 10.0.0.2.3401: Flags [S], seq 0, win 65535, length 0"
          + " (retransmission 1, RTO 1 s)",
        "1.020000 client < 10.0.0.2.3401 > 10.0.0.1.49152: Flags [S.], seq 0, ack 1, win 65535, length 0",
        "1.020000 client > 10.0.0.1.49152 > 10.0.0.2.3401: Flags [.], ack 1, win 65535, length 0",
        "1.030000 client < 10.0.0.2.3401 > 10.0.0.1.49152: Flags [P.], seq 1:23, ack 1, win 65535, length 22"
          + " (dropped: bad checksum)",
        "1.040000 client < 10.0.0.2.3401 > 10.0.0.1.49152: Flags [P.], seq 1:23, ack 1, win 65535, length 22",
        "1.050000 client * 10.0.0.1:49152 10.0.0.2:3401: connection reset by peer",
      ])
  }

  @Test func absoluteNumbersAndTimersOnRequest() {
    let lines = lines(TraceText(relativeSequenceNumbers: false, showsTimers: true))
    #expect(
      lines[1...3] == [
        "0.000000 > 10.0.0.1.49152 > 10.0.0.2.3401: Flags [S], seq 1000, win 65535, length 0",
        "0.000000 * 10.0.0.1:49152 10.0.0.2:3401: retransmission timer in 1 s",
        "1.000000 * 10.0.0.1:49152 10.0.0.2:3401: retransmission timer fired",
      ])
  }
}

@Suite struct TraceJSONTests {
  private func objects(_ bytes: [UInt8]) throws -> [[String: Any]] {
    try bytes.split(separator: 0x0A).map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
    }
  }

  @Test func observationsAreObjectsWithKeys() throws {
    var bytes: [UInt8] = []
    for observation in Sample.observations { TraceJSON.append(observation, host: "client", to: &bytes) }
    let objects = try objects(bytes)
    #expect(objects.count == Sample.observations.count)
    #expect(objects.allSatisfy { $0["host"] as? String == "client" && $0["time"] is Int })
    #expect(objects[4]["event"] as? String == "segment-sent")
    #expect(objects[4]["purpose"] as? String == "retransmission")
    #expect(objects[4]["reason"] as? String == "retransmission 1, RTO 1 s")
    #expect(objects[4]["seq"] as? Int == 1000)
    #expect(objects[8]["reason"] as? String == "bad checksum")
    #expect(objects[2]["deadline"] as? Int == 1_000_000_000)
  }

  @Test(arguments: Scenario.allCases)
  func everyScenarioIsValidJSON(scenario: Scenario) throws {
    let timeline = scenario.run().timeline
    var bytes: [UInt8] = []
    TraceJSON.append(timeline, to: &bytes)
    let objects = try objects(bytes)
    #expect(objects.count == timeline.entries.count)
    #expect(objects.allSatisfy { $0["event"] is String })
  }

  /// A host with every counter at a number of its own.
  private var counters: (HostStatistics, HostOccupancy) {
    var statistics = HostStatistics()
    statistics.framesReceived = 1
    statistics.ip.martian = 2
    statistics.tcp.cookiesAccepted = 3
    statistics.udp.noPort = 4
    statistics.icmp.suppressed = 5
    return (statistics, Stack(configuration: StackConfiguration(keys: StackKeys(seed: 1))).occupancy)
  }

  @Test func countersAreOneObjectWithAllOfThem() throws {
    let (statistics, occupancy) = counters
    var bytes: [UInt8] = []
    TraceJSON.append(statistics, occupancy, nanoseconds: 7, host: "server", to: &bytes)
    let object = try #require(objects(bytes).first)
    #expect(object["event"] as? String == "statistics")
    #expect(object["host"] as? String == "server")
    #expect(object["time"] as? Int == 7)
    var groups: [String: [String: Any]] = [:]
    for name in ["host-counters", "ip", "tcp", "udp", "icmp"] {
      groups[name] = try #require(object[name] as? [String: Any])
    }
    #expect(groups["host-counters"]?["frames-received"] as? Int == 1)
    #expect(groups["host-counters"]?["memory-budget"] as? Int == 256 << 20)
    #expect(groups["ip"]?["martian"] as? Int == 2)
    #expect(groups["tcp"]?["cookies-accepted"] as? Int == 3)
    #expect(groups["udp"]?["no-port"] as? Int == 4)
    #expect(groups["icmp"]?["suppressed"] as? Int == 5)
    let dropped = try #require(groups["tcp"]?["dropped"] as? [String: Int])
    #expect(dropped.count == DropReason.allCases.count)
    // None is forgotten: as many keys as there are fields.
    #expect(groups["ip"]?.count == Mirror(reflecting: statistics.ip).children.count)
    #expect(groups["tcp"]?.count == Mirror(reflecting: statistics.tcp).children.count)
    #expect(groups["udp"]?.count == Mirror(reflecting: statistics.udp).children.count)
    #expect(groups["icmp"]?.count == Mirror(reflecting: statistics.icmp).children.count)
    let host =
      Mirror(reflecting: statistics).children.count - 4 + Mirror(reflecting: occupancy).children.count
    #expect(groups["host-counters"]?.count == host)
  }

  @Test func countersAreLinesWithoutTheZeroes() throws {
    let (statistics, occupancy) = counters
    var bytes: [UInt8] = []
    StatisticsText.append(statistics, occupancy, to: &bytes)
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    #expect(
      lines == [
        "host:", "    1 frames received", "    268435456 bytes of memory may be used", "ip:",
        "    2 packets with impossible addresses", "tcp:", "    3 SYN cookies that came back", "udp:",
        "    4 datagrams to ports that nobody has bound", "icmp:",
        "    5 messages left out by the rate limit",
      ])
  }

  @Test(arguments: ["quote \" backslash \\ slash /", "line\nbreak\ttab\r\u{0}\u{1F}", "服务器连接成功! 🐟", ""])
  func stringsComeBack(text: String) throws {
    var bytes: [UInt8] = []
    bytes.openJSON()
    bytes.appendJSON("text", text)
    bytes.appendJSON("number", -42)
    bytes.openJSON("inner")
    bytes.appendJSON("yes", true)
    bytes.closeJSON()
    bytes.closeJSON()
    let object = try #require(objects(bytes).first)
    #expect(object["text"] as? String == text)
    #expect(object["number"] as? Int == -42)
    #expect((object["inner"] as? [String: Bool]) == ["yes": true])
  }
}
