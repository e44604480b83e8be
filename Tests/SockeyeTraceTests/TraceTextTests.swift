// Shows what trace lines look like, and that JSON lines are JSON.

import Foundation
import SockeyeSimulator
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
