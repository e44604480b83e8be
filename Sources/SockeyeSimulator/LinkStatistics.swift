// Holds what a link counts: packets by fate, and how long they waited, in a histogram of fixed size.

public import SockeyeBytes

/// What one direction of a link has done.
public struct LinkStatistics: Sendable, Equatable {
  /// Packets given to the link, and their octets.
  public internal(set) var offered: UInt64 = 0
  public internal(set) var offeredBytes: UInt64 = 0
  /// Arrivals, copies counted, and their octets.
  public internal(set) var arrived: UInt64 = 0
  public internal(set) var arrivedBytes: UInt64 = 0
  /// Packets that found the queue full.
  public internal(set) var queueDrops: UInt64 = 0
  /// Packets that found the queue long (`QueueDiscipline`) and were not marked.
  public internal(set) var earlyDrops: UInt64 = 0
  /// Packets lost by script (`ScriptedLoss`), and while the link was down.
  public internal(set) var scriptedLosses: UInt64 = 0
  public internal(set) var outageDrops: UInt64 = 0
  /// Packets lost on the wire, in bursts or not.
  public internal(set) var lost: UInt64 = 0
  /// Packets larger than what the link takes.
  public internal(set) var tooLarge: UInt64 = 0
  public internal(set) var duplicated: UInt64 = 0
  /// Packets in which a bit changed, checksums left as they were.
  public internal(set) var corrupted: UInt64 = 0
  /// Packets in which a bit changed and checksums were repaired.
  public internal(set) var repairedCorruptions: UInt64 = 0
  public internal(set) var truncated: UInt64 = 0
  public internal(set) var reordered: UInt64 = 0
  /// Packets that got the CE mark.
  public internal(set) var marked: UInt64 = 0
  /// The most octets that ever waited.
  public internal(set) var longestQueue = 0
  /// How long packets waited before they were sent; those dropped by the queue don't count.
  public internal(set) var queueingDelay = DelayHistogram()
}

/// How often which delay was seen, to within 1.6 % of the delay. It takes the same memory however much it counts.
public struct DelayHistogram: Sendable, Equatable {
  /// Delays of 2^40 ns, 18 minutes, and more count as just below that.
  private static let largest: UInt64 = (1 << 40) - 1
  /// Each power of two is cut into so many classes, 2^6.
  private static let classBits: UInt64 = 6
  private var classes = [UInt64](repeating: 0, count: DelayHistogram.index(of: DelayHistogram.largest) + 1)
  private var sum: UInt64 = 0
  public private(set) var count: UInt64 = 0
  public private(set) var maximum: Interval = .zero

  public init() {}

  /// Counts one delay; a negative one counts as zero.
  public mutating func add(_ delay: Interval) {
    let value = min(UInt64(max(0, delay.nanoseconds)), DelayHistogram.largest)
    classes[DelayHistogram.index(of: value)] += 1
    sum += value
    count += 1
    maximum = max(maximum, Interval(nanoseconds: Int64(value)))
  }

  /// The mean; zero when nothing was counted.
  public var mean: Interval { count == 0 ? .zero : Interval(nanoseconds: Int64(sum / count)) }

  /// The delay that `percent` of all don't exceed, at most 1.6 % too large; zero when nothing was counted.
  /// - Parameter percent: 0...100.
  public func percentile(_ percent: Int) -> Interval {
    let rank = (count * UInt64(max(0, min(percent, 100))) + 99) / 100
    var seen: UInt64 = 0
    for (index, number) in classes.enumerated() {
      seen += number
      if seen >= max(rank, 1) {
        return min(maximum, Interval(nanoseconds: Int64(DelayHistogram.upperEdge(of: index))))
      }
    }
    return .zero
  }

  private static func index(of value: UInt64) -> Int {
    if value < 1 << classBits { return Int(value) }
    let exponent = UInt64(63 - value.leadingZeroBitCount)
    let step = (value >> (exponent - classBits)) & ((1 << classBits) - 1)
    return Int(((exponent - classBits + 1) << classBits) + step)
  }

  /// The largest delay of a class.
  private static func upperEdge(of index: Int) -> UInt64 {
    let index = UInt64(index)
    if index < 1 << classBits { return index }
    let shift = (index >> classBits) - 1
    let step = index & ((1 << classBits) - 1)
    return (((1 << classBits) + step + 1) << shift) - 1
  }
}
