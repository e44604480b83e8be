// ProbeRTT: now and then little enough in flight for a moment that the queue empties and the round-trip time of the path
// itself shows (draft-ietf-ccwg-bbr §5.3.4); and what begins anew after idleness (§5.4).

import SockeyeBytes

extension BBR {
  struct RoundTripProbe: Sendable, Equatable {
    /// When it may end; nil until little enough is in flight.
    var doneAt: Instant?
    var isRoundDone = false
  }

  /// What the sender measures now says nothing of the path's rate.
  var isLimitingItself: Bool { state == .probeRoundTrip }

  /// CheckProbeRTT().
  mutating func updateRoundTripProbe(
    _ signal: BBRSample, _ window: inout CongestionWindow, at now: Instant
  ) {
    if state != .probeRoundTrip, roundTrips.isExpired, !restartsFromIdle {
      saveWindow(window)
      state = .probeRoundTrip
      roundTripProbe = RoundTripProbe()
      probe.isStopping = true
      rounds.start(delivered: delivered)
    }
    if state == .probeRoundTrip { continueRoundTripProbe(signal, &window, at: now) }
    if signal.delivered > 0 { restartsFromIdle = false }
  }

  /// HandleProbeRTT(): 200 ms, and a round.
  private mutating func continueRoundTripProbe(
    _ signal: BBRSample, _ window: inout CongestionWindow, at now: Instant
  ) {
    if roundTripProbe.doneAt == nil {
      guard signal.flight <= roundTripWindow(window) else { return }
      roundTripProbe.doneAt = now + Tuning.probeRoundTripDuration
      rounds.start(delivered: delivered)
      return
    }
    if rounds.isStart { roundTripProbe.isRoundDone = true }
    if roundTripProbe.isRoundDone { endRoundTripProbe(&window, at: now) }
  }

  private mutating func endRoundTripProbe(_ window: inout CongestionWindow, at now: Instant) {
    guard let doneAt = roundTripProbe.doneAt, now > doneAt else { return }
    roundTrips.probeEnded(at: now)
    restoreWindow(&window)
    forgetShortTerm()
    guard wasFull else {
      state = .startup
      return
    }
    // What is in flight is below the bandwidth-delay product already.
    startDown(at: now)
    state = .cruise
  }

  /// BBR.probe_rtt_cwnd.
  func roundTripWindow(_ window: CongestionWindow) -> Int {
    max(volume(gain: Tuning.probeRoundTripWindow, window), Tuning.smallestWindow * window.segment)
  }

  /// HandleRestartFromIdle(): nothing was in flight for want of something to send, and now a segment leaves.
  mutating func resumed(_ window: inout CongestionWindow, at now: Instant) {
    restartsFromIdle = true
    aggregation.restart(at: now)
    if isProbingBandwidth {
      setPace(gain: 100)
    } else if state == .probeRoundTrip {
      endRoundTripProbe(&window, at: now)
    }
  }
}
