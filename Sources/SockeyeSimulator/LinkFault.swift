// Holds faults of a link that have more to them than a probability: bursts of loss, losses by script, changes at a time,
// a link that goes down and up. When they strike is LinkEmulator's affair.

public import SockeyeBytes

/// Loss in bursts (Gilbert 1960, Elliott 1963): the link is good or bad, changes from packet to packet, and loses more
/// while it is bad.
///
///     configuration.burstLoss = BurstLoss(begins: .percent(1), ends: .percent(25))
public struct BurstLoss: Sendable, Equatable {
  /// A good link becomes bad with the next packet.
  public var begins: Probability
  /// A bad link becomes good with the next packet; the mean burst has the inverse of it packets.
  public var ends: Probability
  /// What a bad link loses.
  public var lossWhenBad: Probability
  /// What a good one loses.
  public var lossWhenGood: Probability

  public init(
    begins: Probability, ends: Probability, lossWhenBad: Probability = .percent(100),
    lossWhenGood: Probability = .never
  ) {
    self.begins = begins
    self.ends = ends
    self.lossWhenBad = lossWhenBad
    self.lossWhenGood = lossWhenGood
  }
}

/// Packets that are lost because of what they are: "the third data segment", "the first two SYNs".
///
///     configuration.scriptedLosses = [ScriptedLoss(.data, from: 3)]
public struct ScriptedLoss: Sendable, Equatable {
  /// A packet counts when it has all of these traits.
  public var traits: PacketTraits
  /// The first of them that is lost, counted from 1.
  public var from: Int
  /// How many are lost.
  public var count: Int

  public init(_ traits: PacketTraits, from: Int = 1, count: Int = 1) {
    self.traits = traits
    self.from = max(1, from)
    self.count = max(0, count)
  }
}

/// What becomes different about a link.
public struct LinkChange: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    /// Whatever is given to the link from now on is lost; what is on the wire arrives.
    case down
    case up
    /// `LinkConfiguration.maximumPacket`.
    case maximumPacket(Int?)
    /// `LinkConfiguration.bitsPerSecond`, for packets that are given to the link from now on.
    case bitsPerSecond(UInt64?)
    /// `LinkConfiguration.delay`. Packets on the wire aren't overtaken.
    case delay(Interval)
  }

  public var at: Instant
  public var kind: Kind

  public init(_ kind: Kind, at: Instant) {
    self.at = at
    self.kind = kind
  }
}

/// A link that is up for a while, then down for a while, and so on.
public struct LinkFlapping: Sendable, Equatable {
  public var up: Interval
  public var down: Interval
  /// Until when; nil: for ever.
  public var until: Instant?

  /// - Precondition: both times are above zero.
  public init(up: Interval, down: Interval, until: Instant? = nil) {
    precondition(up > .zero && down > .zero, "a link that flaps is up for a while and down for a while")
    self.up = up
    self.down = down
    self.until = until
  }

  func isDown(at now: Instant) -> Bool {
    if let until, now >= until { return false }
    let period = UInt64((up + down).nanoseconds)
    return now.nanoseconds % period >= UInt64(up.nanoseconds)
  }
}
