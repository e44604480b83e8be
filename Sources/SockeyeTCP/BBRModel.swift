// What BBR knows of a path, estimator by estimator: rounds, bandwidth, the smallest round trip, aggregation, whether the
// pipe is full, and what was delivered lately (draft-ietf-ccwg-bbr §5.5). What is done about it is BBR's.

import SockeyeBytes

/// What one ACK says, as the draft's RS. Rates are octets a second, volumes octets.
struct BBRSample: Sendable, Equatable {
  /// The widest rate that is told apart: with it no product of a rate and a time leaves 64 bits.
  static let fastest: UInt64 = 1 << 37

  var rate: UInt64 = 0
  var delivered = 0
  /// Nil on an ACK without a delivery-rate sample.
  var priorDelivered: UInt64?
  var isApplicationLimited = false
  var flightWhenSent = 0
  var lost = 0
  var newlyAcknowledged: Int
  var newlyLost: Int
  /// C.inflight after the ACK, and before it.
  var flight: Int
  var flightBefore: Int
  var roundTrip: Interval?

  /// - Parameter minimum: The smallest round-trip time; what was measured over less gives no rate.
  init(_ sample: AcknowledgmentSample, minimum: Interval?) {
    newlyAcknowledged = sample.newlyAcknowledged
    newlyLost = sample.newlyLost
    flight = sample.flight
    flightBefore = sample.flight + sample.newlyAcknowledged + sample.newlyLost
    roundTrip = sample.roundTrip
    guard let measured = sample.deliveryRate else { return }
    delivered = measured.delivered
    priorDelivered = measured.priorDelivered
    isApplicationLimited = measured.isApplicationLimited
    flightWhenSent = measured.flightWhenSent
    lost = measured.lost
    guard measured.interval > .zero, measured.interval >= minimum ?? .zero else { return }
    let octets = UInt64(max(measured.delivered, 0)) * 1_000_000_000
    rate = min(octets / UInt64(measured.interval.nanoseconds), Self.fastest)
  }
}

/// Round trips counted by packets: one ends when something that was sent after its beginning is delivered (§5.5.1).
struct BBRRounds: Sendable, Equatable {
  private(set) var count: UInt32 = 0
  /// This ACK began a round.
  private(set) var isStart = false
  private var next: UInt64 = 0

  mutating func observe(_ sample: BBRSample, delivered: UInt64) {
    isStart = sample.priorDelivered.map { $0 >= next } ?? false
    if isStart {
      count &+= 1
      next = delivered
    }
  }

  mutating func start(delivered: UInt64) { next = delivered }
}

/// BBR.max_bw: the highest rate of this cycle of probing and the one before it (§5.5.5).
struct BBRBandwidthFilter: Sendable, Equatable {
  private var current: UInt64 = 0
  private var previous: UInt64 = 0

  var maximum: UInt64 { max(current, previous) }

  mutating func observe(_ sample: BBRSample) {
    // A rate that the application set is a lower bound and no more.
    guard sample.rate > 0, sample.rate >= maximum || !sample.isApplicationLimited else { return }
    current = max(current, sample.rate)
  }

  mutating func advance() {
    // A cycle without a sample takes nothing away.
    guard current > 0 else { return }
    previous = current
    current = 0
  }
}

/// Whether more speed still brings more bandwidth (§5.3.1.2).
struct BBRFullPipe: Sendable, Equatable {
  private(set) var isFullNow = false
  private var baseline: UInt64 = 0
  private var count = 0

  mutating func reset(baseline: UInt64 = 0) { self = BBRFullPipe(baseline: baseline) }

  init(baseline: UInt64 = 0) { self.baseline = baseline }

  /// Three rounds that bring less than a quarter more fill it.
  mutating func observe(_ sample: BBRSample, isRoundStart: Bool) {
    guard !isFullNow, isRoundStart, !sample.isApplicationLimited, sample.rate > 0 else { return }
    if sample.rate >= baseline + baseline / 4 {
      reset(baseline: sample.rate)
      return
    }
    count += 1
    isFullNow = count >= 3
  }
}

/// BBR.extra_acked: by how much ACKs come in lumps (§5.5.9).
struct BBRAggregation: Sendable, Equatable {
  private var began = Instant.zero
  private var delivered = 0
  /// The filter's window is two halves of five rounds each, or of one while the pipe was never full.
  private var recent = 0
  private var older = 0
  private var halfBegan: UInt32 = 0

  var maximum: Int { max(recent, older) }

  mutating func restart(at now: Instant) { began = now }

  mutating func observe(
    _ sample: BBRSample, bandwidth: UInt64, window: Int, rounds: BBRRounds, isFull: Bool, at now: Instant
  ) {
    var expected = BBRRoundTrips.volume(bandwidth, over: now - began)
    if delivered <= expected {
      delivered = 0
      began = now
      expected = 0
    }
    delivered = min(delivered + sample.newlyAcknowledged, CongestionWindow.limit)
    if rounds.count &- halfBegan >= (isFull ? 5 : 1) {
      older = recent
      recent = 0
      halfBegan = rounds.count
    }
    recent = max(recent, min(delivered - expected, window))
  }
}

/// BBR.min_rtt, and when it is time to look for a smaller one (§5.3.4.3).
struct BBRRoundTrips: Sendable, Equatable {
  /// BBR.MinRTTFilterLen and BBR.ProbeRTTInterval.
  private static let validity: Interval = .seconds(10)
  private static let probeInterval: Interval = .seconds(5)

  /// BBR.min_rtt; nil before the first sample.
  private(set) var minimum: Interval?
  private var minimumAt = Instant.zero
  /// The smallest of the last probing interval.
  private var probed: Interval?
  private var probedAt = Instant.zero
  /// BBR.probe_rtt_expired.
  private(set) var isExpired = false

  mutating func observe(_ sample: Interval?, at now: Instant) {
    isExpired = probed != nil && now > probedAt + Self.probeInterval
    if let sample, isExpired || sample < probed ?? Interval(nanoseconds: .max) {
      probed = sample
      probedAt = now
    }
    guard let probed else { return }
    if probed < minimum ?? Interval(nanoseconds: .max) || now > minimumAt + Self.validity {
      minimum = probed
      minimumAt = probedAt
    }
  }

  /// The next probe is an interval from now.
  mutating func probeEnded(at now: Instant) { probedAt = now }

  /// Octets that a rate brings in a time, at most the widest window.
  static func volume(_ rate: UInt64, over time: Interval) -> Int {
    // A minute is far beyond any window's worth; 2³⁷ octets a second for 2²⁶ µs stay within 64 bits.
    let microseconds = UInt64(min(max(time.nanoseconds / 1_000, 0), 60_000_000))
    return Int(min(min(rate, BBRSample.fastest) * microseconds / 1_000_000, UInt64(CongestionWindow.limit)))
  }
}

/// What a round delivered, and whether it lost something (§5.5.10.3).
struct BBRLatestDelivery: Sendable, Equatable {
  private(set) var bandwidth: UInt64 = 0
  private(set) var flight = 0
  /// This ACK ends a round in which losses are counted.
  private(set) var isRoundStart = false
  private(set) var isLossInRound = false
  /// ACKs that found losses in this round: as many separate holes at least.
  private(set) var lossEvents = 0
  private var roundDelivered: UInt64 = 0

  mutating func observe(_ sample: BBRSample, delivered: UInt64) {
    isRoundStart = false
    bandwidth = max(bandwidth, sample.rate)
    flight = max(flight, sample.delivered)
    if sample.newlyLost > 0 { lossEvents += 1 }
    if let prior = sample.priorDelivered, prior >= roundDelivered {
      roundDelivered = delivered
      isRoundStart = true
    }
  }

  /// The first loss of a round begins a round of its own. Answers whether it is the first.
  mutating func noteLoss(delivered: UInt64) -> Bool {
    if isLossInRound { return false }
    roundDelivered = delivered
    isLossInRound = true
    return true
  }

  mutating func forgetLoss() { isLossInRound = false }
  mutating func forgetEvents() { lossEvents = 0 }

  /// The next round begins with what this ACK says.
  mutating func advance(_ sample: BBRSample) {
    guard isRoundStart else { return }
    bandwidth = sample.rate
    flight = sample.delivered
  }

  /// ResetCongestionSignals().
  mutating func reset() {
    isLossInRound = false
    bandwidth = 0
    flight = 0
  }
}
