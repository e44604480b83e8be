// Holds a sender by hand for tests of congestion control: it keeps so many octets in flight as the test says and tells
// the algorithm of one ACK after the other.

import SockeyeBytes
import SockeyeWire

@testable import SockeyeTCP

struct AckClock {
  var control: CongestionControl
  var now = Instant.zero + .seconds(1)
  var roundTrip: Interval = .milliseconds(100)
  /// Octets to an ACK.
  var each = 1_000
  private var unacknowledged = SequenceNumber(0xffff_0000)

  init(_ algorithm: CongestionControlAlgorithm, segment: Int = 1_000, synchronizeLost: Bool = false) {
    control = CongestionControl(algorithm, segmentSize: segment, synchronizeLost: synchronizeLost)
  }

  var window: Int { control.congestionWindow }
  var threshold: Int { control.slowStartThreshold }

  /// One ACK.
  mutating func acknowledge(
    _ octets: Int? = nil, flight: Int? = nil, roundTrip measured: Interval? = nil, recovering: Bool = false
  ) {
    let octets = octets ?? each
    let flight = flight ?? window
    unacknowledged += octets
    control.acknowledged(
      AcknowledgmentSample(
        newlyAcknowledged: octets, flightBefore: flight, flight: max(0, flight - octets),
        roundTrip: measured ?? roundTrip, smoothedRoundTrip: roundTrip, acknowledgment: unacknowledged,
        next: unacknowledged + max(0, flight - octets), isRecovering: recovering),
      at: now)
  }

  /// One round trip with `flight` octets outstanding all the while, a whole window unless the test says less. Its ACKs
  /// come one after the other over the round trip.
  mutating func round(flight: Int? = nil, roundTrip measured: Interval? = nil) {
    let count = max(1, (flight ?? window) / each)
    let begin = now
    for index in 1...count {
      now = begin + Interval(nanoseconds: roundTrip.nanoseconds * Int64(index) / Int64(count))
      acknowledge(flight: flight, roundTrip: measured)
    }
  }

  /// A loss with the whole window outstanding, and its repair a round trip later.
  mutating func lose() {
    control.lossDetected(flight: window, at: now)
    now += roundTrip
    control.recoveryEnded(flight: window, at: now)
  }

  /// Slow start up to `octets`, then a loss.
  mutating func lose(at octets: Int) {
    while window < octets { acknowledge() }
    lose()
  }
}
