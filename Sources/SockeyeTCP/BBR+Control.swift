// What follows from BBR's model: the pace, and the volume that may be in flight (draft-ietf-ccwg-bbr §5.6).

import SockeyeBytes

extension BBR {
  /// A part of so many octets, in percent.
  static func percent(_ percent: Int, of octets: Int) -> Int {
    Int(clamping: Int64(octets) * Int64(percent) / 100)
  }

  /// The table of §5.6.1, percent.
  var pacingGain: Int {
    switch state {
    case .startup: Tuning.startupPacing
    case .drain: Tuning.drainPacing
    case .down: Tuning.downPacing
    case .cruise, .refill, .probeRoundTrip: 100
    case .up: Tuning.upPacing
    }
  }

  private var windowGain: Int {
    switch state {
    case .startup, .drain, .down, .cruise, .refill: Tuning.window
    case .up: Tuning.upWindow
    case .probeRoundTrip: Tuning.probeRoundTripWindow
    }
  }

  // MARK: Pace

  /// InitPacingRate(): before there is a rate, the initial window in a round trip. A millisecond until it is measured.
  mutating func beginPacing(_ roundTrip: Interval?, _ window: CongestionWindow) {
    guard let roundTrip, bandwidth == 0, pace == 0 else { return }
    pace = Self.firstPace(roundTrip, window)
  }

  private static func firstPace(_ roundTrip: Interval?, _ window: CongestionWindow) -> UInt64 {
    let nanoseconds = UInt64(max(roundTrip?.nanoseconds ?? 1_000_000, 1_000))
    return UInt64(window.initial) * UInt64(Tuning.startupPacing) * 10_000_000 / nanoseconds
  }

  /// SetPacingRateWithGain(): a little less than the rate, and never slower while the path was not filled.
  mutating func setPace(gain: Int) {
    let rate = bandwidth * UInt64(gain) / 100 * UInt64(100 - Tuning.pacingMargin) / 100
    if rate > pace || (wasFull && rate > 0) { pace = rate }
  }

  func pacingRate(_ roundTrip: Interval?, _ window: CongestionWindow) -> Int {
    Int(clamping: pace > 0 ? pace : Self.firstPace(roundTrip, window))
  }

  // MARK: Volume

  /// BDPMultiple(): what the path holds without a queue, times a gain in percent.
  func volume(gain: Int, of rate: UInt64? = nil, _ window: CongestionWindow) -> Int {
    guard let minimum = roundTrips.minimum else { return window.initial }
    let product = BBRRoundTrips.volume(rate ?? bandwidth, over: minimum)
    return min(Self.percent(gain, of: product), CongestionWindow.limit)
  }

  /// QuantizationBudget(): a send quantum is two segments here, since segments leave one by one, and three quanta keep
  /// a receiver going that acknowledges in lumps.
  private func withBudget(_ octets: Int, _ window: CongestionWindow) -> Int {
    let least = max(octets, 6 * window.segment)
    return state == .up ? least + 2 * window.segment : least
  }

  /// Inflight().
  func flight(gain: Int, of rate: UInt64? = nil, _ window: CongestionWindow) -> Int {
    withBudget(volume(gain: gain, of: rate, window), window)
  }

  /// TargetInflight(): the bandwidth-delay product, unless congestion cut the window.
  func targetFlight(_ window: CongestionWindow) -> Int {
    min(volume(gain: 100, window), window.size)
  }

  /// SetCwnd().
  mutating func setWindow(_ signal: BBRSample, _ window: inout CongestionWindow) {
    let most = withBudget(volume(gain: windowGain, window) + aggregation.maximum, window)
    var octets = window.size
    if wasFull {
      octets = min(octets + signal.newlyAcknowledged, most)
    } else if octets < most || delivered < UInt64(window.initial) {
      octets += signal.newlyAcknowledged
    }
    octets = max(octets, Tuning.smallestWindow * window.segment)
    if state == .probeRoundTrip { octets = min(octets, roundTripWindow(window)) }
    window.set(to: octets)
    boundWindow(&window)
  }

  /// BoundCwndForModel().
  func boundWindow(_ window: inout CongestionWindow) {
    var bound = CongestionWindow.limit
    switch state {
    case .down, .refill, .up: bound = flightLongTerm ?? bound
    case .cruise, .probeRoundTrip: bound = flightWithHeadroom(window) ?? bound
    case .startup, .drain: break
    }
    bound = max(min(bound, flightShortTerm ?? bound), Tuning.smallestWindow * window.segment)
    window.set(to: min(window.size, bound))
  }
}
