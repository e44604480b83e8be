// The wire between two hosts: how long a packet takes in each direction, and what becomes of it. Queues,
// rates and shapers are not here yet; they would come between `fate` and the packet's arrival.

public import SockeyeBytes
public import SockeyeTrace

/// What the wire does with one packet.
struct WireVerdict {
  var isLost = false
  /// Offset of the inverted byte.
  var corrupted: Int?
  var extraDelay: Interval = .zero
  /// How much later than the packet its copies arrive.
  var copies: [Interval] = []
}

/// A wire with a delay in each direction, scripted faults and random loss.
public struct Wire: Sendable {
  /// How long packets take from left to right, and from right to left.
  public var delayFromLeft: Interval
  public var delayFromRight: Interval
  /// Scripted faults; each packet meets them in this order.
  public var faults: [WireFault] = []
  /// How many of a million packets are lost at random. The same seed loses the same packets.
  public var lossPerMillion: UInt32 = 0
  /// Octets of the largest packet that gets through; larger ones vanish without a word. Nil: packets of any length do.
  public var maximumPacket: Int?
  private var generator: SeededGenerator

  /// A wire without faults.
  /// - Parameters:
  ///   - delay: one-way delay in both directions.
  ///   - seed: of random faults.
  public init(delay: Interval, seed: UInt64) {
    delayFromLeft = delay
    delayFromRight = delay
    generator = SeededGenerator(seed: seed)
  }

  /// The delay of packets sent by `side`.
  public func delay(from side: HostSide) -> Interval {
    switch side {
    case .left: delayFromLeft
    case .right: delayFromRight
    }
  }

  mutating func judge(_ segment: FlightSegment?, length: Int, from side: HostSide) -> WireVerdict {
    var verdict = WireVerdict()
    for index in faults.indices where faults[index].strikes(segment, from: side) {
      switch faults[index].effect {
      case .lose: verdict.isLost = true
      case .duplicate(let later): verdict.copies.append(later)
      case .delay(let extra): verdict.extraDelay += extra
      case .corrupt(let fromEnd): verdict.corrupted = max(length - fromEnd, 0)
      }
    }
    if let maximumPacket, length > maximumPacket { verdict.isLost = true }
    // Drawn only when asked for, so that a world without random loss is the same whatever its seed.
    if lossPerMillion > 0, UInt32.random(in: 0..<1_000_000, using: &generator) < lossPerMillion {
      verdict.isLost = true
    }
    return verdict
  }
}
