// Holds random early detection: its settings, and its decision about each packet that arrives at a queue. The queue itself
// is TransmissionQueue's.

import SockeyeBytes

/// What a queue's length is counted in.
public enum QueueUnit: UInt8, Sendable {
  case bytes, packets
}

/// The settings of random early detection (Floyd and Jacobson 1993; gentle: Floyd 2000).
public struct RandomEarlyDetection: Sendable, Equatable {
  public var unit: QueueUnit
  /// Average queues up to this let all pass.
  public var minimum: Int
  /// At this average `probability` of the packets are hit, and twice as far out all.
  public var maximum: Int
  public var probability: Probability
  /// Each packet moves the average by a share of 2^-weightShift towards the queue as it is.
  public var weightShift: UInt8
  /// Whether packets that know congestion notification are marked instead of dropped (RFC 3168 §5).
  public var marks: Bool

  /// - Precondition: 0 <= minimum < maximum <= 2^40, and a shift of at most 16.
  public init(
    unit: QueueUnit, minimum: Int, maximum: Int, probability: Probability = .percent(10),
    weightShift: UInt8 = 9, marks: Bool = false
  ) {
    precondition(0 <= minimum && minimum < maximum, "the thresholds are in order")
    precondition(UInt64(maximum) <= 1 << 40 && weightShift <= 16, "the thresholds are within their bounds")
    self.unit = unit
    self.minimum = minimum
    self.maximum = maximum
    self.probability = probability
    self.weightShift = weightShift
    self.marks = marks
  }

  /// For a queue of a size: from a twelfth of it on, fully at a third, so that twice the maximum still has room.
  public init(for limit: QueueLimit, marks: Bool = false) {
    let (unit, size): (QueueUnit, Int) =
      switch limit {
      case .bytes(let bytes): (.bytes, bytes)
      case .packets(let packets): (.packets, packets)
      }
    let bounded = max(0, min(size, .max >> 8))
    self.init(unit: unit, minimum: bounded / 12, maximum: max(bounded / 3, bounded / 12 + 1), marks: marks)
  }
}

/// The average that random early detection goes by, and its dice.
struct EarlyDetector: Sendable {
  let settings: RandomEarlyDetection
  /// The average queue times 2^16.
  private var average: UInt64 = 0
  /// Packets since the last one that was hit; nil while the average is below the minimum.
  private var sinceLast: UInt64?
  private var generator: SeededGenerator

  init(_ settings: RandomEarlyDetection, seed: UInt64) {
    self.settings = settings
    generator = SeededGenerator(seed: seed)
  }

  /// A packet arrives.
  /// - Parameters:
  ///   - waiting: what waits, in the settings' unit.
  ///   - idlePackets: how many small packets could have been sent since the queue became empty and the link idle.
  /// - Returns: whether the packet is hit.
  mutating func hits(waiting: Int, idlePackets: UInt64) -> Bool {
    if idlePackets > 0 { decay(by: idlePackets) }
    let target = UInt64(waiting) << 16
    average =
      target >= average
      ? average + (target - average) >> UInt64(settings.weightShift)
      : average - (average - target) >> UInt64(settings.weightShift)
    let chance = probability()
    guard chance > 0 else {
      sinceLast = nil
      return false
    }
    if chance >= UInt64(Probability.one) {
      sinceLast = 0
      return true
    }
    // Spread evenly: the longer nobody was hit, the more likely (p_a of the paper).
    let since = (sinceLast ?? 0) + 1
    sinceLast = since
    let one = UInt64(Probability.one)
    let used = min(since - 1, one) * chance
    let isDue = used >= one || chance * one / (one - used) >= one
    if isDue || UInt64(generator.next(below: Probability.one)) < chance * one / (one - used) {
      sinceLast = 0
      return true
    }
    return false
  }

  /// p_b of the paper, in billionths.
  private func probability() -> UInt64 {
    let minimum = UInt64(settings.minimum) << 16
    let maximum = UInt64(settings.maximum) << 16
    let most = UInt64(settings.probability.billionths)
    let one = UInt64(Probability.one)
    if average <= minimum { return 0 }
    if average < maximum { return share(of: most, average - minimum, maximum - minimum) }
    // Gentle: from there to twice the maximum the rest of the way to certainty.
    if average >= 2 * maximum { return one }
    return most + share(of: one - most, average - maximum, maximum)
  }

  /// `whole × part / total` for a part of no more than the total, both below 2^58.
  private func share(of whole: UInt64, _ part: UInt64, _ total: UInt64) -> UInt64 {
    // Room for a product with a billion.
    let shift = UInt64(max(0, 30 - total.leadingZeroBitCount))
    return whole * (part >> shift) / max(1, total >> shift)
  }

  /// The average of a queue that was empty while so many packets could have left.
  private mutating func decay(by packets: UInt64) {
    // (1 - 2^-n)^m in parts of 2^32, by squaring.
    var factor: UInt64 = 1 << 32
    var power: UInt64 = (1 << 32) - (1 << (32 - UInt64(settings.weightShift)))
    var exponent = packets
    while exponent > 0, factor > 0 {
      if exponent & 1 == 1 { factor = EarlyDetector.product(factor, power) }
      power = EarlyDetector.product(power, power)
      exponent >>= 1
    }
    average = (average >> 28) * ((factor << 28) >> 32) + (((average & ((1 << 28) - 1)) * factor) >> 32)
  }

  /// Of two shares of 2^32.
  private static func product(_ left: UInt64, _ right: UInt64) -> UInt64 {
    // Both at most 2^32: one of them gives way for a product of exactly 2^64.
    left == 1 << 32 ? right : right == 1 << 32 ? left : (left * right) >> 32
  }
}
