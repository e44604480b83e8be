// Holds a BBR that tests tell of one ACK after another, in whatever state they want it. No path: what an ACK says is what
// the test says.

import SockeyeBytes
import SockeyeWire

@testable import SockeyeTCP

struct BBRStep {
  var bbr = BBR()
  var window = CongestionWindow(segment: 1_000, synchronizeLost: false)
  var now = Instant.zero + .seconds(100)

  /// 1,000,000 octets a second and 50 ms hold 50,000 octets, and as many are in flight.
  /// - Parameter state: any but Startup is one of a path that was filled.
  init(_ state: BBR.State, window octets: Int = 50_000) {
    bbr.state = state
    bbr.wasFull = state != .startup
    bbr.delivered = 1_000_000
    bbr.probe.cycleBegan = now
    bbr.probe.wait = .seconds(3)
    bbr.rounds.start(delivered: .max)
    window.set(to: octets)
    acknowledge(flight: octets)
    bbr.rounds.start(delivered: bbr.delivered)
    window.set(to: octets)
  }

  var state: BBR.State { bbr.state }

  /// - Parameters:
  ///   - octets: what is acknowledged.
  ///   - rate: at which it was delivered, octets a second.
  ///   - flight: after the ACK; nil: what fills the window.
  ///   - sentInto: what was in flight when it had left; nil: the window.
  ///   - lost: since it left.
  ///   - newlyLost: by this ACK.
  mutating func acknowledge(
    _ octets: Int = 1_000, rate: Int = 1_000_000, flight: Int? = nil, sentInto: Int? = nil, lost: Int = 0,
    newlyLost: Int = 0, roundTrip: Interval = .milliseconds(50), isApplicationLimited: Bool = false
  ) {
    now += Interval(nanoseconds: Int64(octets) * 1_000_000_000 / Int64(rate))
    let delivered = max(octets, rate / 20)
    let sample = DeliveryRateSample(
      delivered: delivered, interval: Interval(nanoseconds: Int64(delivered) * 1_000_000_000 / Int64(rate)),
      isApplicationLimited: isApplicationLimited,
      priorDelivered: bbr.delivered + UInt64(octets) - UInt64(delivered),
      flightWhenSent: sentInto ?? window.size, lost: lost)
    tell(octets, flight: flight, newlyLost: newlyLost, roundTrip: roundTrip, sample)
  }

  /// An ACK that gives no rate.
  mutating func acknowledgeWithoutRate(_ octets: Int) { tell(octets, flight: nil, newlyLost: 0, nil) }

  private mutating func tell(
    _ octets: Int, flight: Int?, newlyLost: Int, roundTrip: Interval? = nil, _ sample: DeliveryRateSample?
  ) {
    let flight = flight ?? max(0, window.size - octets - newlyLost)
    bbr.acknowledged(
      AcknowledgmentSample(
        newlyAcknowledged: octets, flightBefore: flight + octets, flight: flight, roundTrip: roundTrip,
        smoothedRoundTrip: roundTrip, acknowledgment: SequenceNumber(0), next: SequenceNumber(0),
        newlyLost: newlyLost, isApplicationLimited: sample?.isApplicationLimited ?? false,
        deliveryRate: sample),
      &window, at: now)
  }

  /// One ACK of a whole round trip.
  mutating func round(
    rate: Int = 1_000_000, flight: Int? = nil, lost: Int = 0, newlyLost: Int = 0,
    isApplicationLimited: Bool = false
  ) {
    acknowledge(
      rate / 20, rate: rate, flight: flight ?? window.size, lost: lost, newlyLost: newlyLost,
      isApplicationLimited: isApplicationLimited)
  }

  /// A segment that left into so much is taken for lost.
  mutating func lose(_ octets: Int = 1_000, of flight: Int = 50_000, isApplicationLimited: Bool = false) {
    bbr.segmentLost(
      LostSegment(
        octets: 1_000, flightWhenSent: flight, lostSinceSent: octets,
        isApplicationLimited: isApplicationLimited),
      window, at: now)
  }

  // MARK: What else an algorithm is told

  mutating func lossDetected(flight: Int = 50_000) { bbr.lossDetected(flight: flight, &window, at: now) }

  mutating func timedOut(flight: Int, again: Bool = false) {
    bbr.timedOut(flight: flight, again: again, &window, at: now)
  }

  mutating func recoveryEnded() { bbr.recoveryEnded(flight: 20_000, &window, at: now) }

  mutating func spuriousLoss() { bbr.spuriousLoss(&window, at: now) }

  mutating func resumed(after pause: Interval = .zero) { bbr.resumed(&window, at: now + pause) }
}
