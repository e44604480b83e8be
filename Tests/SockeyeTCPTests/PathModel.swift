// Holds a path for tests of congestion control alone: one bottleneck behind a queue, and a sender with all the data in
// the world that numbers its segments and obeys the algorithm. No TCP: what is lost is sent again under a new number.

import SockeyeBytes
import SockeyeWire

@testable import SockeyeTCP

struct PathModel {
  var control: CongestionControl
  let segment: Int
  /// Octets a second at the bottleneck.
  var rate: Int
  /// The round-trip time of an empty path.
  var propagation: Interval
  /// Octets that can wait.
  var queue: Int
  /// Octets a second that the application writes; nil: as much as the window takes.
  var applicationRate: Int?
  /// The sender spreads its segments at the algorithm's rate.
  var isPaced = false
  /// The ACKs tell how long the round trip took.
  var measuresRoundTrips = true
  /// One segment in so many is lost at random.
  var randomLoss: Int?
  /// Segments to lose from now on, whatever the queue.
  var segmentsToLose = 0

  private(set) var now = Instant.zero + .seconds(1)
  private(set) var sent = 0
  private(set) var delivered = 0
  private(set) var lost = 0
  private(set) var flight = 0
  private(set) var isRecovering = false
  private(set) var smoothedRoundTrip: Interval?
  /// The last one measured, and the sum of all.
  private(set) var roundTrip = Interval.zero
  private(set) var roundTripSum = Interval.zero
  private var random = SeededGenerator(seed: 1)
  private var outstanding: [Packet] = []
  private var number = 0
  private var recoverUpTo = 0
  private var busyUntil = Instant.zero
  private var mayLeaveAt = Instant.zero
  /// C.first_send_time, C.delivered_time and C.app_limited of the delivery-rate sampler.
  private var firstSentAt = Instant.zero
  private var deliveredAt = Instant.zero
  private var limitedUntil = 0
  /// What the application has written and was not sent, and until when.
  private var unsent = 0
  private var writtenUntil = Instant.zero + .seconds(1)

  private struct Packet {
    var number: Int
    var sentAt: Instant
    /// When its ACK arrives; nil when it is lost on the way.
    var acknowledgedAt: Instant?
    /// How the sampler stood when it left.
    var delivered: Int
    var deliveredAt: Instant
    var firstSentAt: Instant
    var isApplicationLimited: Bool
    var flight: Int
    var lost: Int
  }

  init(
    _ control: CongestionControl, segment: Int = 1_000, rate: Int, propagation: Interval, queue: Int
  ) {
    self.control = control
    self.segment = segment
    self.rate = rate
    self.propagation = propagation
    self.queue = queue
  }

  /// Octets in flight that fill the path without a queue.
  var bandwidthDelayProduct: Int { Int(Int64(rate) * propagation.nanoseconds / 1_000_000_000) }

  /// Lets time pass until the condition holds, which is looked at after each ACK. Answers whether it came to hold.
  @discardableResult
  mutating func run(for time: Interval, until condition: (borrowing PathModel) -> Bool = { _ in false })
    -> Bool
  {
    let end = now + time
    while true {
      sendAllowed()
      let acknowledgment = outstanding.first { $0.acknowledgedAt != nil }?.acknowledgedAt
      var next = acknowledgment ?? (now + .seconds(1))
      if isPaced, hasRoom, hasText { next = min(next, max(mayLeaveAt, now + .nanoseconds(1))) }
      if !hasText, let applicationRate {
        next = min(next, now + duration(of: segment - unsent, at: applicationRate) + .nanoseconds(1))
      }
      if next > end {
        now = end
        return condition(self)
      }
      now = next
      write()
      if next == acknowledgment {
        acknowledge()
        if condition(self) { return true }
      } else if acknowledgment == nil, !outstanding.isEmpty, !(hasText && isPaced && hasRoom), hasText {
        timeOut()
      }
    }
  }

  // MARK: Sending

  private var hasRoom: Bool { flight + segment <= control.congestionWindow }

  private var hasText: Bool { applicationRate == nil || unsent >= segment }

  private mutating func write() {
    if let applicationRate {
      let written = Int((now - writtenUntil).nanoseconds * Int64(applicationRate) / 1_000_000_000)
      unsent += written
      writtenUntil += duration(of: written, at: applicationRate)
    } else {
      writtenUntil = now
    }
  }

  private mutating func sendAllowed() {
    while hasRoom {
      guard hasText else {
        limitedUntil = max(delivered + flight, 1)
        return
      }
      if isPaced {
        guard mayLeaveAt <= now else { return }
        if let pace = control.pacingRate(smoothedRoundTrip: smoothedRoundTrip) {
          mayLeaveAt = max(mayLeaveAt, now) + duration(of: segment, at: pace)
        }
      }
      sendOne()
    }
  }

  private func duration(of octets: Int, at rate: Int) -> Interval {
    Interval(nanoseconds: Int64(octets) * 1_000_000_000 / Int64(max(rate, 1)))
  }

  private mutating func sendOne() {
    if flight == 0 {
      if limitedUntil > 0 { control.resumed(at: now) }
      firstSentAt = now
      deliveredAt = now
    }
    flight += segment
    var packet = Packet(
      number: number, sentAt: now, delivered: delivered, deliveredAt: deliveredAt, firstSentAt: firstSentAt,
      isApplicationLimited: limitedUntil > 0, flight: flight, lost: lost)
    number += 1
    sent += segment
    if applicationRate != nil { unsent -= segment }
    if !isDropped() {
      busyUntil = max(busyUntil, now) + duration(of: segment, at: rate)
      packet.acknowledgedAt = busyUntil + propagation
    }
    outstanding.append(packet)
  }

  private mutating func isDropped() -> Bool {
    if segmentsToLose > 0 {
      segmentsToLose -= 1
      return true
    }
    if let randomLoss, Int.random(in: 0..<randomLoss, using: &random) == 0 { return true }
    let waiting = max(Int64(0), (busyUntil - now).nanoseconds) * Int64(rate) / 1_000_000_000
    return Int(waiting) > queue
  }

  // MARK: Hearing

  private mutating func acknowledge() {
    guard let index = outstanding.firstIndex(where: { $0.acknowledgedAt != nil }) else { return }
    let packet = outstanding.remove(at: index)
    let before = flight
    let measured = now - packet.sentAt
    let sample = measuresRoundTrips ? measured : nil
    roundTrip = measured
    roundTripSum += measured
    smoothedRoundTrip = smoothedRoundTrip.map { ($0 * 7 + measured) / 8 } ?? measured
    flight -= segment
    delivered += segment
    let newlyLost = findLosses(before: packet.number)
    let rate = sampleRate(packet)
    if isRecovering, (outstanding.first?.number ?? number) >= recoverUpTo {
      isRecovering = false
      control.recoveryEnded(flight: flight, at: now)
    }
    control.acknowledged(
      AcknowledgmentSample(
        newlyAcknowledged: segment, flightBefore: before, flight: flight, roundTrip: sample,
        smoothedRoundTrip: smoothedRoundTrip, acknowledgment: sequence(outstanding.first?.number ?? number),
        next: sequence(number), newlyLost: newlyLost, isRecovering: isRecovering, deliveryRate: rate),
      at: now)
  }

  /// The sampler of draft-ietf-ccwg-bbr §4.1.2.
  private mutating func sampleRate(_ packet: Packet) -> DeliveryRateSample {
    deliveredAt = now
    firstSentAt = packet.sentAt
    if control.isLimitingItself { limitedUntil = max(delivered + flight, 1) }
    if delivered > limitedUntil { limitedUntil = 0 }
    return DeliveryRateSample(
      delivered: delivered - packet.delivered,
      interval: max(packet.sentAt - packet.firstSentAt, deliveredAt - packet.deliveredAt),
      isApplicationLimited: packet.isApplicationLimited, priorDelivered: UInt64(packet.delivered),
      flightWhenSent: packet.flight, lost: lost - packet.lost)
  }

  /// What was sent three segments before one that arrived is lost.
  private mutating func findLosses(before number: Int) -> Int {
    var octets = 0
    while let first = outstanding.first, first.acknowledgedAt == nil, first.number + 3 <= number {
      if !isRecovering { beginRecovery() }
      outstanding.removeFirst()
      octets += segment
      flight -= segment
      lost += segment
      control.segmentLost(
        LostSegment(
          octets: segment, flightWhenSent: first.flight, lostSinceSent: lost - first.lost,
          isApplicationLimited: first.isApplicationLimited),
        at: now)
    }
    return octets
  }

  private mutating func beginRecovery() {
    isRecovering = true
    recoverUpTo = number
    control.lossDetected(flight: flight, at: now)
  }

  private mutating func timeOut() {
    control.timedOut(flight: flight, again: false, at: now)
    lost += flight
    flight = 0
    outstanding = []
    isRecovering = false
  }

  private func sequence(_ number: Int) -> SequenceNumber {
    SequenceNumber(UInt32(truncatingIfNeeded: number * segment))
  }
}
