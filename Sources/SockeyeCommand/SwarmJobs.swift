// Holds how many worlds are run at a time: each job is a process of its own, so that a trap ends one world and not the search. What a
// child prints is SwarmWorker's side of the same file.

import SockeyeBytes
import SockeyeSimulator
import SockeyeTunnel

/// What came of many worlds.
struct SwarmResult {
  var statistics = SwarmStatistics()
  var failures: [(seed: UInt64, failure: SwarmFailure)] = []
  /// The same for the same worlds, in whatever order they were run.
  var digest: UInt64 = 0

  mutating func add(_ seed: UInt64, _ outcome: SwarmOutcome) {
    statistics.add(outcome.statistics)
    digest = digest &+ outcome.contribution(of: seed)
    if let failure = outcome.failure { failures.append((seed, failure)) }
  }
}

/// What a child tells of a world, a line each: "b" and the seed as it begins; "e", the seed and numbers as it ends; "f" and words in
/// between when it fails.
enum SwarmWorker {
  static func run(_ range: SeedRange, _ share: SeedShare, after: UInt64?) throws {
    var index: UInt64 = 0
    while let seed = range.seed(index, of: share) {
      index += 1
      if let after, seed <= after { continue }
      try Descriptor.standardOutput.writeAll("b \(seed)\n")
      let outcome = SwarmRun.outcome(of: .drawn(from: seed))
      try Descriptor.standardOutput.writeAll(line(seed, outcome))
    }
  }

  static func line(_ seed: UInt64, _ outcome: SwarmOutcome) -> String {
    var text = ""
    if let failure = outcome.failure {
      text += "f \(failure.kind.rawValue) \(failure.at.nanoseconds) \(failure.flow ?? -1) \(failure.text)\n"
    }
    let sums = outcome.statistics
    let numbers = [
      sums.failures, UInt64(sums.virtualTime.nanoseconds), sums.packets, sums.bytes, sums.connections,
      sums.brokenConnections,
    ]
    let faults = SwarmFaultCounts.Kind.allCases.map { sums.faults[$0] }
    let words = ([outcome.digest] + numbers + faults).map { "\($0)" }
    return text + "e \(seed) " + words.joined(separator: " ") + "\n"
  }

  /// Reads what `line` writes.
  static func outcome(_ words: [Substring], _ failure: SwarmFailure?) -> (
    seed: UInt64, outcome: SwarmOutcome
  )? {
    let kinds = SwarmFaultCounts.Kind.allCases
    let numbers = words.dropFirst().compactMap { UInt64($0) }
    guard words.first == "e", numbers.count == 8 + kinds.count else { return nil }
    var sums = SwarmStatistics()
    sums.worlds = 1
    sums.failures = numbers[2]
    sums.virtualTime = Interval(nanoseconds: Int64(clamping: numbers[3]))
    sums.packets = numbers[4]
    sums.bytes = numbers[5]
    sums.connections = numbers[6]
    sums.brokenConnections = numbers[7]
    for (kind, number) in zip(kinds, numbers[8...]) { sums.faults[kind] = number }
    return (numbers[0], SwarmOutcome(failure: failure, digest: numbers[1], statistics: sums))
  }

  static func failure(_ line: Substring) -> SwarmFailure? {
    let words = line.split(separator: " ", maxSplits: 4)
    guard words.count == 5, words[0] == "f", let kind = UInt8(words[1]).flatMap(SwarmFailure.Kind.init),
      let at = Int64(words[2]), let flow = Int(words[3])
    else { return nil }
    return SwarmFailure(
      kind, String(words[4]), at: Interval(nanoseconds: at), flow: flow < 0 ? nil : flow)
  }
}

/// The jobs of a swarm.
struct SwarmJobs {
  private struct Job {
    let share: SeedShare
    var child: ChildProcess
    var unread: [UInt8] = []
    /// The world that is being run, and what was found wrong with it.
    var seed: UInt64?
    var failure: SwarmFailure?
  }

  private let range: SeedRange
  private let shares: [SeedShare]
  private let end: Instant?
  private let clock = SystemClock()
  private var jobs: [Job] = []
  private(set) var result = SwarmResult()

  /// - Parameters:
  ///   - range: all seeds.
  ///   - share: those of them that are ours.
  ///   - jobs: how many are run at a time.
  ///   - end: when to stop, counted from now.
  init(_ range: SeedRange, _ share: SeedShare, jobs: Int, end: Instant?) {
    self.range = range
    self.end = end
    shares = (0..<jobs).map { share.part(UInt64($0), of: UInt64(jobs)) }
  }

  /// Runs all worlds.
  /// - Parameter failed: told of each failure and its seed, at once.
  mutating func run(_ failed: (SwarmFailure, UInt64) throws -> Void) throws {
    for share in shares { jobs.append(Job(share: share, child: try start(share, after: nil))) }
    while !jobs.isEmpty {
      let now = clock.now()
      if let end, now >= end {
        for job in jobs { job.child.stop() }
        return
      }
      try ChildProcess.waitForOutput(of: jobs.map(\.child), atMost: end.map { $0 - now } ?? .hours(1))
      for index in jobs.indices.reversed() {
        guard try takeIn(index, failed) else { continue }
        try ended(index, failed)
      }
    }
  }

  private func start(_ share: SeedShare, after: UInt64?) throws -> ChildProcess {
    var arguments = ["simulate", "swarm", "--worker", "--shard", "\(share.index)/\(share.count)"]
    arguments += ["--seeds", "\(range.first).." + (range.last.map { "\($0)" } ?? "")]
    // The child need not know the time: it is stopped.
    if range.last == nil { arguments += ["--minutes", "1000000"] }
    if let after { arguments += ["--after", "\(after)"] }
    do throws(SystemError) {
      return try ChildProcess(arguments: arguments)
    } catch {
      throw Failure("\(error)", status: .system)
    }
  }

  /// Reads what a child has printed.
  /// - Returns: whether it has ended.
  private mutating func takeIn(_ index: Int, _ failed: (SwarmFailure, UInt64) throws -> Void) throws -> Bool {
    var frame = FrameBuffer(capacity: 1 << 16)
    while true {
      let output = jobs[index].child.output
      let found = frame.fill { output.readOnce(into: &$0) }
      switch found {
      case .bytes: jobs[index].unread += frame.copy
      case .wouldBlock: return false
      case .endOfFile: return true
      }
      while let newline = jobs[index].unread.firstIndex(of: 0x0A) {
        let line = String(decoding: jobs[index].unread[..<newline], as: UTF8.self)
        jobs[index].unread.removeFirst(newline + 1)
        try take(line[...], of: index, failed)
      }
    }
  }

  private mutating func take(
    _ line: Substring, of index: Int, _ failed: (SwarmFailure, UInt64) throws -> Void
  ) throws {
    let words = line.split(separator: " ")
    switch words.first {
    case "b": jobs[index].seed = words.count > 1 ? UInt64(words[1]) : nil
    case "f": jobs[index].failure = SwarmWorker.failure(line)
    case "e":
      guard let (seed, outcome) = SwarmWorker.outcome(words, jobs[index].failure) else { return }
      jobs[index].failure = nil
      jobs[index].seed = nil
      result.add(seed, outcome)
      if let failure = outcome.failure { try failed(failure, seed) }
    default: break
    }
  }

  /// A child has ended: all its worlds are run, or one of them has ended it.
  private mutating func ended(_ index: Int, _ failed: (SwarmFailure, UInt64) throws -> Void) throws {
    let ending = jobs[index].child.wait()
    guard ending != .exited(0), let seed = jobs[index].seed else {
      if ending != .exited(0) { throw Failure("a job ended before its time", status: .software) }
      jobs.remove(at: index)
      return
    }
    let failure = SwarmFailure(.crash, SwarmFailures.explanation(ending), at: .zero)
    result.statistics.worlds += 1
    result.statistics.failures += 1
    result.failures.append((seed, failure))
    let share = jobs[index].share
    jobs[index] = Job(share: share, child: try start(share, after: seed))
    try failed(failure, seed)
  }
}

extension Descriptor {
  /// Reads once; an error is an end.
  fileprivate func readOnce(into output: inout OutputRawSpan) -> ReadResult {
    (try? read(into: &output)) ?? .endOfFile
  }
}

extension FrameBuffer {
  fileprivate var copy: [UInt8] { unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) } }
}
