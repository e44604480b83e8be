// Holds `sockeye simulate swarm`: its arguments, and a single world. Several worlds are run by SwarmJobs, in processes of their own;
// what becomes of a failure is in SwarmFailures, what is printed in SwarmText.

import ArgumentParser
import SockeyeBytes
import SockeyeSimulator
import SockeyeTunnel

struct SimulateSwarm: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "swarm",
    abstract: "Run random worlds with random faults, and look for what must never happen.",
    discussion: """
      Each seed makes a world: two to six hosts and up to three routers, links with faults, connections of all kinds, and \
      faults of hosts. While it runs, what applications read must be what was written, no connection may leave the state \
      diagram, no segment may break a rule of the wire, and the engine's invariants are checked. Then the network heals, and \
      every connection must come to its end. A seed that fails is made as small as it can be, and a capture and a ladder of its \
      last moments are written. Documentation/Swarm.md says more.

      Examples:
        sockeye simulate swarm --seeds 1..2000
        sockeye simulate swarm --minutes 60 --seeds 1000000.. --jobs 8 --json
        sockeye simulate swarm --seeds 1..1000000 --shard 3/100
        sockeye simulate swarm --seed 4711
        sockeye simulate swarm --seed 4711 --reduce f2,x0,l3

      Exit status: 0 all is well, 1 a world failed, 64 wrong arguments, 71 the system said no, 73 a file can't be made.
      """)

  @Option(
    help: ArgumentHelp(
      "The seeds, from the first to the last; without a last one until the time is up. (default: 1..2000)",
      valueName: "a..b"), transform: Arguments.seeds)
  var seeds: SeedRange?

  @Option(
    help: ArgumentHelp("Stop after so much time.", valueName: "minutes"), transform: Arguments.minutes)
  var minutes: Int?

  @Option(
    help: ArgumentHelp("How many worlds to run at a time. (default: 2)", valueName: "n"),
    transform: Arguments.jobs)
  var jobs = 2

  @Option(
    help: ArgumentHelp("Run only each so many seeds, from this one on.", valueName: "i/n"),
    transform: Arguments.shard)
  var shard = SeedShare.all

  @Option(help: "Run one world only, and say more about it.")
  var seed: UInt64?

  @Option(
    help: ArgumentHelp("With --seed: leave this out of the world.", valueName: "list"),
    transform: Arguments.reductions)
  var reduce: [SwarmReduction] = []

  @Option(
    help: ArgumentHelp(
      "Where captures and ladders of failures are put. (default: here)", valueName: "directory"))
  var output = "."

  @Flag(help: "Print one JSON object: times in ns.")
  var json = false

  @Flag(help: .hidden)
  var worker = false

  @Option(help: .hidden)
  var after: UInt64?

  func validate() throws {
    if seed != nil, seeds != nil || minutes != nil || shard != .all {
      throw ValidationError("--seed is one world: --seeds, --minutes and --shard are for many")
    }
    if seed == nil, !reduce.isEmpty {
      throw ValidationError("--reduce is for one world: expected --seed, too")
    }
    if let seeds, seeds.last == nil, minutes == nil {
      throw ValidationError("seeds without end need --minutes")
    }
  }

  func run() throws {
    if worker { return try SwarmWorker.run(range, shard, after: after) }
    if let seed { return try runOne(seed) }
    var jobs = SwarmJobs(range, shard, jobs: jobs, end: minutes.map { Instant.zero + Interval.minutes($0) })
    let console = Console(json ? .standardError : .standardOutput)
    let began = SystemClock()
    try jobs.run { failure, seed in
      let report = try SwarmFailures.report(failure, seed: seed, into: output)
      for line in report { console.print(line) }
      console.flush()
    }
    let elapsed = began.now() - Instant.zero
    if json {
      try Descriptor.standardOutput.writeAll(SwarmText.json(jobs.result, elapsed: elapsed))
    } else {
      try Descriptor.standardOutput.writeAll(SwarmText.lines(jobs.result, elapsed: elapsed))
    }
    try end(failures: jobs.result.statistics.failures)
  }

  private var range: SeedRange {
    seeds ?? (minutes == nil ? SeedRange(first: 1, last: 2000) : SeedRange(first: 1, last: nil))
  }

  private func runOne(_ seed: UInt64) throws {
    let plan = SwarmPlan.drawn(from: seed).reduced(by: reduce)
    let outcome = SwarmRun.outcome(of: plan)
    var result = SwarmResult()
    result.add(seed, outcome)
    if json {
      try Descriptor.standardOutput.writeAll(SwarmText.json(result, elapsed: nil))
    } else {
      try Descriptor.standardOutput.writeAll(SwarmText.world(plan) + SwarmText.lines(result, elapsed: nil))
    }
    if let failure = outcome.failure {
      let console = Console(json ? .standardError : .standardOutput)
      let report = try SwarmFailures.report(failure, seed: seed, reductions: reduce, into: output)
      for line in report { console.print(line) }
      console.flush()
    }
    try end(failures: outcome.failure == nil ? 0 : 1)
  }

  private func end(failures: UInt64) throws {
    if failures > 0 {
      throw Failure(
        failures == 1 ? "a world failed" : "\(QuantityText.count(failures)) worlds failed", status: .refused)
    }
  }
}
