// Shows how a connection's standing is printed, for people and for programs.

import Foundation
import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeTrace
import SockeyeWire
import Testing

@Suite struct ConnectionTextTests {
  /// A connection whose peer takes 2000 octets of 3000 and closes its window for two seconds.
  private func talk() -> Conversation {
    let talk = Conversation()
    talk.establish(
      options: .synchronize(mss: 1000, windowScale: 2, sackPermitted: true), win: 500)
    talk.write(3_000)
    talk.advance(.milliseconds(50))
    talk.receive(".", seq: 1, ack: 2_001, win: 0)
    talk.advance(.seconds(2))
    return talk
  }

  @Test func jsonHasAllThatIsKnown() throws {
    let talk = talk()
    let status = try #require(talk.status)
    var bytes: [UInt8] = []
    let ends = try talk.stack.endpoints(of: talk.need())
    TraceJSON.append(status, ends, nanoseconds: talk.now.nanoseconds, host: "", to: &bytes)
    #expect(bytes.last == 0x0A && bytes.count { $0 == 0x0A } == 1)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    #expect(object["event"] as? String == "connection")
    #expect(object["local"] as? String == "10.0.0.1:80" && object["remote"] as? String == "10.0.0.2:40000")
    #expect(object["state"] as? String == "ESTABLISHED" && object["phase"] as? String == "open")
    #expect(object["limit"] as? String == "peer's window")
    #expect(object["send-window"] as? Int == 0 && object["unsent"] as? Int ?? 0 > 0)
    #expect(object["sack"] as? Bool == true && object["timestamps"] as? Bool == false)
    let times = try #require(object["sending-times"] as? [String: Int])
    #expect(times["peer-window"] == 2_050_000_000 && times["busy"] == 2_050_000_000)
    // One key for each part, and one for each counter.
    #expect(times.count == Mirror(reflecting: status.sendingTimes).children.count + 1)
    let counters = try #require(object["counters"] as? [String: Int])
    #expect(counters.count == Mirror(reflecting: status.statistics).children.count)
    #expect(counters["window-probes"] == Int(status.statistics.windowProbes))
    // What is not known, the pace of a connection without pacing and the urgent mark, is not there.
    let known = Mirror(reflecting: status).children.count
    #expect(object["pacing-rate"] == nil)
    #expect(object.count >= known && object.count <= known + 3)
  }

  @Test func linesNameWhatMatters() throws {
    let talk = talk()
    var bytes: [UInt8] = []
    StatisticsText.append(try #require(talk.status), try talk.stack.endpoints(of: talk.need()), to: &bytes)
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.hasPrefix("10.0.0.1:80 > 10.0.0.2:40000:\n    ESTABLISHED, cubic (open), SACK"))
    let words = [
      "window scales 2 (peer) and ", "timeout 1 s", "cwnd ", "peer's window 0, ours ", "path MTU 1500",
      "busy 2.05 s, limited by peer's window 2.05 s\n", " segments sent\n", " bytes acknowledged\n",
    ]
    for word in words { #expect(text.contains(word), "\(word) in \(text)") }
    #expect(!text.contains("    0 "), "what is zero is not printed")
  }
}
