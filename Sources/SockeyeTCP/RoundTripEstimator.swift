// SRTT, RTTVAR and the RTO (RFC 6298). Knows no segment; which samples are fit (Karn's rule) is decided by
// whoever calls.

import SockeyeBytes

/// The retransmission timeout of RFC 6298.
public struct RoundTripEstimator: Sendable, Equatable {
  private enum State: Equatable {
    case noSample
    case measured(smoothed: Interval, variation: Interval)
  }
  private var state: State = .noSample
  /// The RTO before back-off.
  private var base: Interval
  private let floor: Interval
  private let ceiling: Interval
  /// How often the RTO was doubled since the last fit sample.
  private(set) var backoffs: UInt8 = 0
  /// The smallest sample of the last minutes (RFC 8985 §6.2 step 1): a path that has become longer shows in time.
  public private(set) var minimum: Interval?
  /// When the minimum was measured, and the smallest sample since.
  private var minimumAt = Instant.zero
  private var minimumSince = Interval(nanoseconds: .max)
  /// After so long the minimum makes room for what was measured since.
  private static let minimumValidity: Interval = .minutes(5)

  /// G.
  private let granularity: Interval

  init(
    initial: Interval, floor: Interval, ceiling: Interval,
    granularity: Interval = Constants.clockGranularity
  ) {
    self.granularity = granularity
    self.base = max(initial, .milliseconds(1))
    self.floor = floor
    self.ceiling = ceiling
  }

  /// SRTT, nil before the first sample.
  public var smoothed: Interval? {
    switch state {
    case .noSample: nil
    case .measured(let smoothed, _): smoothed
    }
  }

  /// RTTVAR, nil before the first sample.
  public var variation: Interval? {
    switch state {
    case .noSample: nil
    case .measured(_, let variation): variation
    }
  }

  /// The RTO in force, back-off included.
  // Inlined: a call would first copy the estimator.
  @inline(__always)
  public var timeout: Interval {
    let doubled = base.nanoseconds &<< Int64(min(backoffs, 20))
    return min(Interval(nanoseconds: doubled), ceiling)
  }

  /// Takes one sample of the round-trip time (RFC 6298 §2.2, §2.3). A fit sample also ends the back-off
  /// (§5.7, last paragraph).
  mutating func add(_ sample: Interval, at now: Instant) {
    let sample = max(sample, Interval(nanoseconds: 1))
    noteMinimum(sample, at: now)
    switch state {
    case .noSample:
      state = .measured(smoothed: sample, variation: sample / 2)
    case .measured(let smoothed, let variation):
      let error = sample > smoothed ? sample - smoothed : smoothed - sample
      // RTTVAR first, with the old SRTT (RFC 6298 §2.3).
      let newVariation = (variation * 3 + error) / 4
      state = .measured(smoothed: (smoothed * 7 + sample) / 8, variation: newVariation)
    }
    backoffs = 0
    if case .measured(let smoothed, let variation) = state {
      base = min(max(smoothed + max(granularity, variation * 4), floor), ceiling)
    }
  }

  /// A measured round trip that does not enter SRTT.
  @inline(__always)
  mutating func noteMinimum(_ sample: Interval, at now: Instant) {
    if let minimum, minimum < sample {
      if sample < minimumSince { minimumSince = sample }
      guard now - minimumAt > Self.minimumValidity else { return }
      self.minimum = minimumSince
    } else {
      minimum = max(sample, Interval(nanoseconds: 1))
    }
    minimumAt = now
    minimumSince = Interval(nanoseconds: .max)
  }

  /// RFC 6298 §5.5: the timer ran out.
  mutating func backOff() {
    if backoffs < 20 { backoffs += 1 }
  }

  /// RFC 6298 §5.7: the SYN had to be sent again, so data starts with three seconds, unless a sample was
  /// taken meanwhile.
  mutating func beginDataAfterLostSynchronize() {
    guard case .noSample = state else { return }
    backoffs = 0
    base = max(base, Constants.timeoutAfterLostSynchronize)
  }

  /// Ends the back-off where the peer has shown to be alive and nothing was lost, as after a closed window.
  mutating func endBackOff() { backoffs = 0 }
}
