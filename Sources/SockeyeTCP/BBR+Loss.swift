// What losses and marks do to BBR's model of the path, and how it is undone (draft-ietf-ccwg-bbr §5.5.10, §5.5.11).

import SockeyeBytes

extension BBR {
  /// What was before the losses, should they turn out to be none.
  struct Undo: Sendable, Equatable {
    /// Something has been saved since the last recovery ended.
    var isSaved = false
    /// The state that losses ended: Startup or ProbeBW_UP.
    var state: State?
    var bandwidthShortTerm: UInt64?
    var flightShortTerm: Int?
    var flightLongTerm: Int?
  }

  /// IsInflightTooHigh(): more than two of a hundred.
  static func isTooMuch(lost: Int, of flight: Int) -> Bool {
    Int64(lost) * 100 > Int64(flight) * Int64(Tuning.lossThreshold)
  }

  // MARK: Losses

  /// HandleLostPacket().
  mutating func segmentLost(_ segment: LostSegment, _ window: CongestionWindow, at now: Instant) {
    noteLoss(window)
    guard probe.isSample,
      Self.isTooMuch(lost: segment.lostSinceSent, of: segment.flightWhenSent)
    else { return }
    flightWasTooHigh(
      Self.flightAtLoss(segment), isApplicationLimited: segment.isApplicationLimited, window, at: now)
  }

  private mutating func noteLoss(_ window: CongestionWindow) {
    if latest.noteLoss(delivered: delivered) { save(window) }
  }

  /// InflightAtLoss(): how much was in flight when losses passed the threshold, somewhere within the segment.
  private static func flightAtLoss(_ segment: LostSegment) -> Int {
    let flight = Int64(segment.flightWhenSent - segment.octets)
    let lost = Int64(segment.lostSinceSent - segment.octets)
    let threshold = Int64(Tuning.lossThreshold)
    let prefix = (threshold * flight - 100 * lost) / (100 - threshold)
    return Int(clamping: flight + min(max(prefix, 0), Int64(segment.octets)))
  }

  /// HandleInflightTooHigh(): once for each probe.
  private mutating func flightWasTooHigh(
    _ flight: Int, isApplicationLimited: Bool, _ window: CongestionWindow, at now: Instant
  ) {
    probe.wasTooHigh = true
    probe.isSample = false
    if !isApplicationLimited {
      flightLongTerm = max(flight, Self.percent(Tuning.beta, of: targetFlight(window)))
    }
    if state == .up {
      undo.state = .up
      startDown(at: now)
    }
  }

  /// UpdateCongestionSignals(): once a round that lost something, unless the loss was asked for by probing.
  mutating func adaptToLosses(_ window: CongestionWindow) {
    guard latest.isRoundStart else { return }
    if latest.isLossInRound {
      switch state {
      case .startup, .refill, .up: break
      case .drain, .down, .cruise, .probeRoundTrip: lowerShortTerm(window)
      }
    }
    latest.forgetLoss()
  }

  private mutating func lowerShortTerm(_ window: CongestionWindow) {
    let bandwidth = bandwidthShortTerm ?? bandwidths.maximum
    // What was delivered was paced a little below the estimate; that is our doing and not the path's.
    let measured = latest.bandwidth * 100 / UInt64(100 - Tuning.pacingMargin)
    bandwidthShortTerm = max(measured, bandwidth * UInt64(Tuning.beta) / 100)
    let flight = flightShortTerm ?? window.size
    // As much was in flight as was delivered, and what was lost: up to the threshold that is no reason to send less.
    let carried = Int(clamping: Int64(latest.flight) * 100 / Int64(100 - Tuning.lossThreshold))
    flightShortTerm = max(carried, Self.percent(Tuning.beta, of: flight))
  }

  mutating func forgetShortTerm() {
    bandwidthShortTerm = nil
    flightShortTerm = nil
  }

  /// A mark counts as a loss: in Startup it says that the path is full, in a probe that it went too high, otherwise
  /// that less is to be sent from the end of the round on (§3.7 leaves the size of the answer open).
  mutating func congestionExperienced(flight: Int, _ window: inout CongestionWindow, at now: Instant) {
    _ = latest.noteLoss(delivered: delivered)
    if state == .startup {
      if !wasFull { leaveStartup(window) }
    } else if probe.isSample {
      flightWasTooHigh(flight, isApplicationLimited: false, window, at: now)
    }
    // It is no mistake that could turn out later.
    undo = Undo(
      isSaved: undo.isSaved, bandwidthShortTerm: bandwidthShortTerm, flightShortTerm: flightShortTerm,
      flightLongTerm: flightLongTerm)
  }

  // MARK: Recovery

  mutating func lossDetected(flight: Int, _ window: inout CongestionWindow, at now: Instant) {
    save(window)
    if recoveryRound == nil { recoveryRound = rounds.count }
  }

  /// OnEnterRTO() (§5.6.4.4). Nobody tells when what was outstanding is repaired, so it is counted.
  mutating func timedOut(flight: Int, again: Bool, _ window: inout CongestionWindow, at now: Instant) {
    save(window)
    if recoveryRound == nil { recoveryRound = rounds.count }
    if !again { recoverUntil = delivered + UInt64(max(flight, 0)) }
    window.set(to: window.segment)
  }

  mutating func recoveryEnded(flight: Int, _ window: inout CongestionWindow, at now: Instant) {
    leaveRecovery(&window)
    boundWindow(&window)
  }

  mutating func leaveRecovery(_ window: inout CongestionWindow) {
    recoveryRound = nil
    recoverUntil = nil
    undo.isSaved = false
    restoreWindow(&window)
  }

  /// SaveStateUponLoss(), once for a recovery: the first reaction must not take away what the second one has to undo.
  private mutating func save(_ window: CongestionWindow) {
    saveWindow(window)
    guard !undo.isSaved else { return }
    undo = Undo(
      isSaved: true, bandwidthShortTerm: bandwidthShortTerm, flightShortTerm: flightShortTerm,
      flightLongTerm: flightLongTerm)
  }

  /// SaveCwnd(): the window is a good one unless recovery or ProbeRTT has cut it.
  mutating func saveWindow(_ window: CongestionWindow) {
    let isGood = recoveryRound == nil && state != .probeRoundTrip
    priorWindow = isGood ? window.size : max(priorWindow, window.size)
  }

  mutating func restoreWindow(_ window: inout CongestionWindow) {
    window.set(to: max(window.size, priorWindow))
  }

  /// HandleSpuriousLossDetection().
  mutating func spuriousLoss(_ window: inout CongestionWindow, at now: Instant) {
    leaveRecovery(&window)
    latest.forgetLoss()
    fullPipe.reset()
    bandwidthShortTerm = Self.wider(bandwidthShortTerm, undo.bandwidthShortTerm)
    flightShortTerm = Self.wider(flightShortTerm, undo.flightShortTerm)
    flightLongTerm = Self.wider(flightLongTerm, undo.flightLongTerm)
    let ended = undo.state
    undo.state = nil
    if ended == .startup, state != .startup {
      wasFull = false
      if state != .probeRoundTrip { state = .startup }
    } else if ended == .up, state != .up, state != .probeRoundTrip {
      startRefill()
    }
  }

  /// The wider of two bounds, where nil is none.
  private static func wider<Bound: Comparable>(_ left: Bound?, _ right: Bound?) -> Bound? {
    guard let left, let right else { return nil }
    return max(left, right)
  }
}
