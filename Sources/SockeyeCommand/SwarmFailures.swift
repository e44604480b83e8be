// Holds what is done about a world that fails: it is made smaller, and captures and a ladder are written. How worlds are made smaller
// is in SwarmShrinker.

import SockeyeBytes
import SockeyeSimulator
import SockeyeTrace
import SockeyeTunnel

enum SwarmFailures {
  /// Makes a failed world smaller and writes its files.
  /// - Returns: lines for people.
  static func report(
    _ failure: SwarmFailure, seed: UInt64, reductions: [SwarmReduction] = [], into directory: String
  ) throws -> [String] {
    var lines = ["seed \(seed): \(failure.kind.name) at \(QuantityText.time(failure.at)): \(failure.text)"]
    let plan = SwarmPlan.drawn(from: seed).reduced(by: reductions)
    var last = failure
    let more = SwarmShrinker.shrink(plan) { smaller, tried in
      if failure.kind == .crash { return crashes(seed, reductions + tried) }
      guard let found = SwarmRun.outcome(of: smaller).failure, found.kind == failure.kind else {
        return false
      }
      last = found
      return true
    }
    let all = reductions + more
    lines.append("  reproduce: sockeye simulate swarm --seed \(seed)\(option(reductions))")
    if !more.isEmpty {
      let small = plan.reduced(by: more)
      lines.append("  smaller:   sockeye simulate swarm --seed \(seed)\(option(all))")
      lines.append("             \(SwarmText.size(of: small)): \(last.text)")
    }
    if failure.kind != .crash {
      lines += try write(plan.reduced(by: more), last, seed: seed, into: directory).map { "  wrote \($0)" }
    }
    return lines
  }

  private static func option(_ reductions: [SwarmReduction]) -> String {
    reductions.isEmpty ? "" : " --reduce " + reductions.map(\.text).joined(separator: ",")
  }

  static func explanation(_ ending: ChildProcess.Ending) -> String {
    switch ending {
    case .exited(let status): "the process ended with status \(status)"
    case .signalled(let number): "the process was ended by signal \(number)"
    }
  }

  /// Whether a world ends the process that runs it.
  private static func crashes(_ seed: UInt64, _ reductions: [SwarmReduction]) -> Bool {
    let list = reductions.map(\.text).joined(separator: ",")
    let arguments = ["simulate", "swarm", "--seed", "\(seed)", "--json", "--reduce", list]
    guard let child = try? ChildProcess(arguments: arguments) else { return false }
    if case .signalled = child.wait() { return true }
    return false
  }

  /// Runs the world once more and writes what happened.
  private static func write(
    _ plan: SwarmPlan, _ failure: SwarmFailure, seed: UInt64, into directory: String
  ) throws -> [String] {
    let run = SwarmRun(plan)
    let flow = failure.flow ?? plan.flows.firstIndex { !$0.isDropped } ?? 0
    guard plan.flows.indices.contains(flow) else { return [] }
    let recorder = SwarmRecorder(run, flow: flow)
    while run.step() {}
    _ = run.finish()
    let name = directory + "/swarm-\(seed)"
    var text = Array((SwarmText.world(plan) + "\n\(failure.kind.name): \(failure.text)\n\n").utf8)
    Ladder(recorder.timeline(), columns: 120).append(to: &text, coloured: false)
    var written = [name + ".txt"]
    try write(text, to: name + ".txt")
    for (number, capture) in recorder.takeCaptures().enumerated() {
      written.append(name + "-\(number).pcapng")
      try write(capture, to: name + "-\(number).pcapng")
    }
    return written
  }

  private static func write(_ bytes: [UInt8], to path: String) throws {
    do throws(SystemError) {
      let file = try OutputFile(path: path)
      try file.descriptor.writeAll(bytes)
    } catch {
      throw Failure("\(path): \(error.reason)", status: .cannotCreate)
    }
  }
}
