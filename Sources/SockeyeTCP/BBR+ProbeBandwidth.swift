// ProbeBW: the cycle of sending slower, as fast and faster than the path delivers (draft-ietf-ccwg-bbr §5.3.3), and the
// long-term bound of what may be in flight.

import SockeyeBytes

extension BBR {
  /// Where the cycle stands.
  struct BandwidthProbe: Sendable, Equatable {
    /// The probe is over, and ACKs of what it sent are still coming (BBR.ack_phase is ACKS_PROBE_STOPPING).
    var isStopping = false
    /// ACKs are of what was sent to probe.
    var isSample = false
    /// Octets delivered since the long-term bound last rose, and how many lift it by a segment.
    var acknowledged = 0
    var perIncrement = Int.max
    var upRounds = 0
    var roundsSinceUp = 0
    var wait = Interval.zero
    var cycleBegan = Instant.zero
    /// The last probe met too much loss; and the one after it was cut short for that.
    var wasTooHigh = false
    var wasPrecautionary = false
  }

  mutating func startDown(at now: Instant) {
    latest.reset()
    pickWait(at: now)
    probe.cycleBegan = now
    probe.isStopping = true
    rounds.start(delivered: delivered)
    state = .down
  }

  mutating func startRefill() {
    forgetShortTerm()
    probe.upRounds = 0
    probe.acknowledged = 0
    probe.wasPrecautionary = false
    probe.isStopping = false
    rounds.start(delivered: delivered)
    state = .refill
  }

  private mutating func startUp(_ signal: BBRSample, _ window: CongestionWindow) {
    fullPipe.reset(baseline: signal.rate)
    state = .up
    raiseSlope(window)
  }

  /// PickProbeWait(): 2 to 3 s, and a round more or less, so that flows don't probe in step. What differs between flows
  /// is when they ask and what they have delivered.
  private mutating func pickWait(at now: Instant) {
    let mixed = (now.nanoseconds ^ delivered) &* 0x9e37_79b9_7f4a_7c15
    probe.roundsSinceUp = Int(mixed >> 63)
    probe.wait = .seconds(2) + .milliseconds(Int((mixed >> 32) % 1_000))
  }

  /// UpdateProbeBWCyclePhase().
  mutating func updateBandwidthProbe(
    _ signal: BBRSample, _ window: CongestionWindow, at now: Instant
  ) {
    guard wasFull, !adaptLongTerm(signal, window) else { return }
    switch state {
    case .down:
      if isTimeToProbe(window, at: now) {
        startRefill()
      } else if isTimeToCruise(signal, window) {
        state = .cruise
      }
    case .cruise:
      if isTimeToProbe(window, at: now) { startRefill() }
    case .refill:
      if rounds.isStart {
        probe.isSample = true
        startUp(signal, window)
      }
    case .up:
      if isTimeToGoDown(signal, window) {
        probe.wasTooHigh = false
        startDown(at: now)
      }
    case .startup, .drain, .probeRoundTrip:
      break
    }
  }

  /// IsTimeToProbeBW(): by the clock, or as often as NewReno would on the same path (§5.3.3.5).
  private func isTimeToProbe(_ window: CongestionWindow, at now: Instant) -> Bool {
    now > probe.cycleBegan + probe.wait
      || probe.roundsSinceUp >= min(targetFlight(window) / window.segment, 63)
  }

  private func isTimeToCruise(_ signal: BBRSample, _ window: CongestionWindow) -> Bool {
    if let bound = flightWithHeadroom(window), signal.flight > bound { return false }
    return signal.flight <= flight(gain: 100, of: bandwidths.maximum, window)
  }

  /// IsTimeToGoDown(), with the caution that follows a probe which went too high (§5.3.3.4.2).
  private mutating func isTimeToGoDown(_ signal: BBRSample, _ window: CongestionWindow) -> Bool {
    if probe.wasTooHigh, let bound = flightLongTerm, signal.flightBefore > bound - window.segment {
      probe.wasPrecautionary = true
      return true
    }
    if isWindowLimited, let bound = flightLongTerm, window.size >= bound {
      // It is the bound that holds the rate down, and the bound is rising.
      fullPipe.reset(baseline: signal.rate)
      return false
    }
    return fullPipe.isFullNow
  }

  // MARK: The long-term bound

  /// Part of it is left free for others.
  func flightWithHeadroom(_ window: CongestionWindow) -> Int? {
    flightLongTerm.map {
      let headroom = max(window.segment, Self.percent(Tuning.headroom, of: $0))
      return max($0 - headroom, Tuning.smallestWindow * window.segment)
    }
  }

  private mutating func raiseSlope(_ window: CongestionWindow) {
    probe.perIncrement = max(window.size >> probe.upRounds, window.segment)
    probe.upRounds = min(probe.upRounds + 1, 30)
  }

  /// AdaptLongTermModel(). Answers whether the state has changed by it.
  private mutating func adaptLongTerm(_ signal: BBRSample, _ window: CongestionWindow) -> Bool {
    if probe.isStopping, rounds.isStart {
      probe.isSample = false
      probe.isStopping = false
      if isProbingBandwidth {
        if !signal.isApplicationLimited { bandwidths.advance() }
        if probe.wasPrecautionary, !probe.wasTooHigh {
          startRefill()
          return true
        }
      }
    }
    if Self.isTooMuch(lost: signal.lost, of: signal.flightWhenSent) { return false }
    guard let bound = flightLongTerm else { return false }
    flightLongTerm = max(bound, signal.flightWhenSent)
    if state == .up { raiseLongTerm(signal, window) }
    return false
  }

  /// ProbeInflightLongtermUpward(): by a segment in the first round, two in the second, four in the third.
  private mutating func raiseLongTerm(_ signal: BBRSample, _ window: CongestionWindow) {
    guard let bound = flightLongTerm, isWindowLimited, window.size >= bound else { return }
    probe.acknowledged += signal.newlyAcknowledged
    if probe.acknowledged >= probe.perIncrement {
      let steps = probe.acknowledged / probe.perIncrement
      probe.acknowledged -= steps * probe.perIncrement
      flightLongTerm = min(bound + steps * window.segment, CongestionWindow.limit)
    }
    if rounds.isStart { raiseSlope(window) }
  }
}
