// Shows what `sockeye demo` refuses and what its finished picture says. The animation is shown by
// PlaybackTests; the terminal is tried by hand.

import ArgumentParser
import Foundation
import SockeyeSimulator
import Testing

@testable import SockeyeCommand

@Suite struct DemoTests {
  @Test(arguments: [
    (["no-such-scenario"], "there is no scenario 'no-such-scenario': expected one of hello, half-close"),
    (["--speed", "0"], "a speed of 0.0 is impossible: expected a number from 0.1 to 100"),
    (["--speed", "nan"], "a speed of nan is impossible"),
    (["--speed", "2", "--instant"], "--speed and --instant exclude each other"),
    (["--speed", "2", "--json"], "--speed and --json exclude each other"),
    (["--seed", "many"], "'many' is invalid"),
  ])
  func wrongArguments(arguments: [String], message: String) {
    let error = #expect(throws: (any Error).self) { try Demo.parse(arguments) }
    #expect(error.map { Demo.message(for: $0) }?.contains(message) == true)
    #expect(error.map { Demo.exitCode(for: $0).rawValue } == 64)
  }

  @Test func everyScenarioIsAccepted() throws {
    for scenario in Scenario.allCases { _ = try Demo.parse([scenario.name]) }
    #expect(Demo.listing.split(separator: "\n").count == Scenario.allCases.count)
  }

  @Test func theDefaultPictureNamesTenStatesAndBothMessages() throws {
    let demo = try Demo.parse([])
    let scenario = try #require(Scenario(name: demo.scenario))
    let picture = DemoPicture.finished(scenario.run(), columns: DemoPicture.pipeColumns, coloured: false)
    let text = String(decoding: picture, as: UTF8.self)
    let words = [
      "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "CLOSE-WAIT", "FIN-WAIT-2",
      "LAST-ACK",
      "TIME-WAIT", "CLOSED", "服务器连接成功!", "客户端发送消息啦!", "2 × MSL = 60 s",
    ]
    for word in words { #expect(text.contains(word), "\(word)") }
    #expect(!text.contains("\u{1B}"))
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
    #expect(readme.contains(text.trimmingCharacters(in: .newlines)), "the README shows this picture")
  }
}
