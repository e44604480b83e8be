// BBR, version 3 (draft-ietf-ccwg-bbr): its states, what an ACK does to them in which order, Startup and Drain. Probing
// for bandwidth and for the round-trip time, losses, and the window and pace that follow stand in files of their own.

import SockeyeBytes

struct BBR: CongestionControlling, Equatable {
  enum State: Sendable, Equatable {
    case startup, drain
    /// ProbeBW: slower than the path, as fast, as fast without the short-term bounds, and faster.
    case down, cruise, refill, up
    case probeRoundTrip
  }

  /// Percentages and the like (§2.5 to §2.13).
  enum Tuning {
    static let startupPacing = 277
    static let drainPacing = 50
    static let downPacing = 90
    static let upPacing = 125
    static let window = 200
    static let upWindow = 225
    static let probeRoundTripWindow = 50
    /// BBR.PacingMarginPercent.
    static let pacingMargin = 1
    /// BBR.Headroom.
    static let headroom = 15
    /// BBR.LossThresh.
    static let lossThreshold = 2
    /// BBR.Beta.
    static let beta = 70
    /// BBR.MinPipeCwnd, segments.
    static let smallestWindow = 4
    /// BBRStartupFullLossCnt.
    static let startupLosses = 6
    /// BBR.ProbeRTTDuration.
    static let probeRoundTripDuration: Interval = .milliseconds(200)
  }

  var state = State.startup
  var rounds = BBRRounds()
  var bandwidths = BBRBandwidthFilter()
  var fullPipe = BBRFullPipe()
  /// BBR.full_bw_reached: the pipe was full at least once.
  var wasFull = false
  var aggregation = BBRAggregation()
  var roundTrips = BBRRoundTrips()
  var latest = BBRLatestDelivery()
  var probe = BandwidthProbe()
  var roundTripProbe = RoundTripProbe()
  var undo = Undo()

  /// BBR.bw, octets a second.
  var bandwidth: UInt64 = 0
  /// BBR.bw_shortterm and BBR.inflight_shortterm; nil without a bound.
  var bandwidthShortTerm: UInt64?
  var flightShortTerm: Int?
  /// BBR.inflight_longterm.
  var flightLongTerm: Int?
  /// C.pacing_rate, octets a second; zero before the first ACK.
  var pace: UInt64 = 0
  /// C.delivered, octets.
  var delivered: UInt64 = 0
  /// BBR.prior_cwnd: the last good window, octets.
  var priorWindow = 0
  var drainRound: UInt32 = 0
  /// The round in which loss recovery began, and after a timeout what is to be delivered until it is over.
  var recoveryRound: UInt32?
  var recoverUntil: UInt64?
  var restartsFromIdle = false
  /// C.is_cwnd_limited, in this round and the one before.
  private var isWindowFull = false
  private var wasWindowFull = false

  var isWindowLimited: Bool { isWindowFull || wasWindowFull }

  var isProbingBandwidth: Bool {
    switch state {
    case .down, .cruise, .refill, .up: true
    case .startup, .drain, .probeRoundTrip: false
    }
  }

  // MARK: An ACK

  /// UpdateOnACK() (§5.2.3).
  mutating func acknowledged(
    _ sample: AcknowledgmentSample, _ window: inout CongestionWindow, at now: Instant
  ) {
    let signal = BBRSample(sample, minimum: roundTrips.minimum)
    if let prior = signal.priorDelivered {
      delivered = prior + UInt64(signal.delivered)
    } else {
      delivered += UInt64(signal.newlyAcknowledged)
    }
    if let recoverUntil, delivered >= recoverUntil { leaveRecovery(&window) }
    beginPacing(sample.smoothedRoundTrip, window)
    latest.observe(signal, delivered: delivered)
    rounds.observe(signal, delivered: delivered)
    noteWindowUse(signal, window)
    if rounds.isStart { probe.roundsSinceUp += 1 }
    bandwidths.observe(signal)
    adaptToLosses(window)
    aggregation.observe(
      signal, bandwidth: bandwidth, window: window.size, rounds: rounds, isFull: wasFull, at: now)
    fullPipe.observe(signal, isRoundStart: rounds.isStart)
    if fullPipe.isFullNow { wasFull = true }
    updateStartup(signal, window)
    updateDrain(signal, window, at: now)
    updateBandwidthProbe(signal, window, at: now)
    roundTrips.observe(signal.roundTrip, at: now)
    updateRoundTripProbe(signal, &window, at: now)
    latest.advance(signal)
    bandwidth = min(bandwidths.maximum, bandwidthShortTerm ?? .max)
    setPace(gain: pacingGain)
    setWindow(signal, &window)
  }

  private mutating func noteWindowUse(_ signal: BBRSample, _ window: CongestionWindow) {
    if rounds.isStart {
      wasWindowFull = isWindowFull
      isWindowFull = false
    }
    if signal.flightBefore > window.size - window.segment { isWindowFull = true }
  }

  // MARK: Startup and Drain

  /// CheckStartupDone() (§5.3.1).
  private mutating func updateStartup(_ signal: BBRSample, _ window: CongestionWindow) {
    if state == .startup, !wasFull, hasLostMuch(signal) {
      undo.state = .startup
      leaveStartup(window)
    }
    if latest.isRoundStart { latest.forgetEvents() }
    if state == .startup, wasFull { enterDrain() }
  }

  /// CheckStartupHighLoss(): a round of recovery, more lost than is tolerated, and not in one piece (§5.3.1.3).
  private func hasLostMuch(_ signal: BBRSample) -> Bool {
    guard let recoveryRound, rounds.count > recoveryRound, latest.isRoundStart else { return false }
    return latest.lossEvents >= Tuning.startupLosses
      && Self.isTooMuch(lost: signal.lost, of: signal.flightWhenSent)
  }

  /// The path is full, as losses or marks say: what it carried in the last round is what it carries.
  mutating func leaveStartup(_ window: CongestionWindow) {
    wasFull = true
    flightLongTerm = max(volume(gain: 100, window), latest.flight)
  }

  private mutating func enterDrain() {
    state = .drain
    drainRound = rounds.count
  }

  /// CheckDrainDone() (§5.3.2).
  private mutating func updateDrain(
    _ signal: BBRSample, _ window: CongestionWindow, at now: Instant
  ) {
    guard state == .drain else { return }
    if signal.flight <= flight(gain: 100, window) || rounds.count > drainRound &+ 3 {
      startDown(at: now)
    }
  }

  mutating func segmentSizeChanged(_ window: CongestionWindow) {
    // All volumes are octets, and the window has followed.
  }
}
