// Holds `sockeye demo`: its arguments and which of the pictures is shown. The scenarios are in
// SockeyeSimulator, the pictures in SockeyeTrace, and the animation's loop in DemoAnimation.

import ArgumentParser
import SockeyeSimulator
import SockeyeTrace
import SockeyeTunnel

struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Show two hosts, each a TCP/IP stack of our own, and every segment between them.",
    discussion: """
      In a terminal the demo moves: packets travel between the hosts as virtual time passes, and long \
      silences pass in a blink. Into a pipe, or with --instant, the finished picture is printed at once. \
      NO_COLOR is respected.

      Examples:
        sockeye demo                              a connection's whole life
        sockeye demo --list                       what else there is to see
        sockeye demo lost-final-ack --speed 2     twice as fast
        sockeye demo keep-alive --instant         the finished picture at once
        sockeye demo lost-data --json | jq .      every event as a line of JSON
        sockeye demo lost-syn --pcap syn.pcapng   a capture for Wireshark

      Exit status: 0 done, 64 wrong arguments, 70 a scenario broke its promise, 73 a file can't be made, \
      74 writing failed, 130 Ctrl-C.
      """)

  @Argument(help: "What to show; --list names all scenarios.")
  var scenario = "hello"

  @Flag(name: .long, help: "List the scenarios and end.")
  var list = false

  @Option(name: .long, help: "How much faster or slower than normal the animation runs, from 0.1 to 100.")
  var speed: Double?

  @Flag(name: .long, help: "Print the finished picture at once.")
  var instant = false

  @Flag(name: .long, help: "Print one JSON object a line and event instead of a picture.")
  var json = false

  @Option(
    name: .long,
    help: "Also write a pcapng file: what the left host, usually the client, sends and receives.")
  var pcap: String?

  @Option(
    name: .long,
    help: "Choose other initial sequence numbers and ports; the same seed gives the same run, bit for bit.")
  var seed: UInt64 = 1

  func validate() throws {
    if Scenario(name: scenario) == nil {
      let names = Scenario.allCases.map(\.name).joined(separator: ", ")
      throw ValidationError("there is no scenario '\(scenario)': expected one of \(names)")
    }
    if let speed {
      guard speed >= 0.1, speed <= 100 else {
        throw ValidationError("a speed of \(speed) is impossible: expected a number from 0.1 to 100")
      }
      if instant || json {
        throw ValidationError(
          "--speed and \(instant ? "--instant" : "--json") exclude each other: expected one of them")
      }
    }
  }

  func run() throws {
    if list {
      try Descriptor.standardOutput.writeAll(Self.listing)
      return
    }
    guard let scenario = Scenario(name: scenario) else { return }
    let run = scenario.run(seed: seed)
    if let pcap { try writeCapture(run.timeline, to: pcap) }
    if json {
      var lines: [UInt8] = []
      TraceJSON.append(run.timeline, to: &lines)
      try Descriptor.standardOutput.writeAll(lines.rawSpan)
    } else {
      try show(run)
    }
    if !run.isAsPromised {
      throw Failure("the scenario '\(scenario.name)' did not come out as promised", status: .software)
    }
  }

  private func show(_ run: ScenarioRun) throws {
    let terminal = Terminal(.standardOutput)
    if let terminal, terminal.canMoveCursor, !instant {
      var animation = try DemoAnimation(run, terminal: terminal, speed: speed ?? 1)
      if let request = try animation.play() { throw Interruption(request) }
    }
    let columns = terminal?.size?.columns ?? DemoPicture.pipeColumns
    let picture = DemoPicture.finished(run, columns: columns, coloured: terminal?.showsColours ?? false)
    try Descriptor.standardOutput.writeAll(picture.rawSpan)
  }

  private func writeCapture(_ timeline: Timeline, to path: String) throws {
    var bytes: [UInt8] = []
    TimelineCapture.append(timeline, vantage: .left, to: &bytes)
    let file: OutputFile
    do {
      file = try OutputFile(path: path)
    } catch {
      throw Failure("can't make \(path): \(error)", status: .cannotCreate)
    }
    do {
      try file.descriptor.writeAll(bytes.rawSpan)
    } catch {
      throw Failure("can't write \(path): \(error)", status: .inputOutput)
    }
  }

  /// All scenarios, a line each.
  static var listing: String {
    let width = Scenario.allCases.map(\.name.utf8.count).max() ?? 0
    var text = ""
    for scenario in Scenario.allCases {
      let gap = String(repeating: " ", count: width + 2 - scenario.name.utf8.count)
      text += scenario.name + gap + scenario.summary + "\n"
    }
    return text
  }
}
