// HyStart++ (RFC 9406): the end of the first slow start by a rise of the round-trip time, before the queue overflows.
// Sets no window; says how fast it may grow and when to stop.

import SockeyeBytes

struct HyStart: Sendable, Equatable {
  /// RFC 9406 §4.3.
  private enum Tuning {
    static let smallestThreshold: Interval = .milliseconds(4)
    static let largestThreshold: Interval = .milliseconds(16)
    static let thresholdDivisor = 8
    static let samples = 8
    static let growthDivisor = 4
    static let rounds = 5
  }

  private enum Phase: Sendable, Equatable {
    case slowStart
    /// Conservative slow start (CSS): slower, to see whether the rise lasts.
    case conservative(baseline: Interval, roundsLeft: Int)
    case finished
  }
  private var phase = Phase.slowStart
  /// The smallest round-trip times of the last round and of this one.
  private var lastMinimum: Interval?
  private var minimum: Interval?
  private var samples = 0

  /// Slow start is to end where it is.
  var isFinished: Bool { phase == .finished }

  /// By how much growth is slowed down.
  var growthDivisor: Int {
    switch phase {
    case .slowStart, .finished: 1
    case .conservative: Tuning.growthDivisor
    }
  }

  /// A loss or a mark, or ssthresh was set: there is only one first slow start.
  mutating func finish() { phase = .finished }

  /// RFC 9406 §4.2, for each ACK in slow start.
  mutating func observe(_ roundTrip: Interval?, roundEnded: Bool) {
    if roundEnded { nextRound() }
    if let roundTrip {
      minimum = minimum.map { min($0, roundTrip) } ?? roundTrip
      samples += 1
    }
    guard samples >= Tuning.samples, let minimum else { return }
    switch phase {
    case .slowStart:
      guard let lastMinimum else { return }
      let threshold = max(
        Tuning.smallestThreshold,
        min(lastMinimum / Tuning.thresholdDivisor, Tuning.largestThreshold))
      if minimum >= lastMinimum + threshold {
        phase = .conservative(baseline: minimum, roundsLeft: Tuning.rounds)
      }
    case .conservative(let baseline, _):
      // The rise was jitter, not a queue.
      if minimum < baseline { phase = .slowStart }
    case .finished:
      break
    }
  }

  private mutating func nextRound() {
    lastMinimum = minimum
    minimum = nil
    samples = 0
    // The round in which CSS begins counts as its first, however little of it is left.
    if case .conservative(let baseline, let roundsLeft) = phase {
      phase = roundsLeft > 1 ? .conservative(baseline: baseline, roundsLeft: roundsLeft - 1) : .finished
    }
  }
}
