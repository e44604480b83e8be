// Holds what an emulated link is to be: its rate, delay, queue and faults, with their units. What becomes of a packet
// is LinkEmulator's.

public import SockeyeBytes

/// A probability in billionths: exact, and the same on every machine.
public struct Probability: Sendable, Equatable {
  static let one: UInt32 = 1_000_000_000
  /// 0 is never, a billion is always.
  public let billionths: UInt32

  /// - Parameter billionths: more than a billion is a billion.
  public init(billionths: UInt32) {
    self.billionths = min(billionths, Probability.one)
  }

  /// It never happens.
  public static var never: Probability { Probability(billionths: 0) }

  /// - Parameter share: how many of a hundred.
  public static func percent(_ share: Int) -> Probability {
    Probability(billionths: UInt32(clamping: max(0, min(share, 100)) * 10_000_000))
  }
}

/// How much may wait for a link. The packet that is being sent does not wait any more.
public enum QueueLimit: Sendable, Equatable {
  case bytes(Int)
  case packets(Int)
}

/// Which packets a link's queue turns away or marks, and when.
public enum QueueDiscipline: Sendable, Equatable {
  /// What finds the queue full is dropped; what finds it long may be marked (`LinkConfiguration.markThreshold`).
  case dropTail
  /// Random early detection (Floyd and Jacobson 1993, with the gentle slope of Floyd 2000): the more waits on the
  /// average, the more arrivals are dropped or marked.
  case randomEarlyDetection(RandomEarlyDetection)
  /// CoDel (RFC 8289): packets that leave after having waited for too long, one after the other, are dropped or marked.
  case controlledDelay(ControlledDelay)
}

/// How the jitter of a link is spread. Drawn in whole numbers, so that it is the same on every machine.
public enum DelayDistribution: UInt8, Sendable, CaseIterable {
  /// Evenly from nothing to the jitter.
  case uniform
  /// Around half of the jitter with a standard deviation of a sixth, cut off at nothing and at the jitter.
  case normal
  /// Mostly little, sometimes very much: Pareto's distribution of shape 3, shifted so that it begins at nothing; the
  /// mean is half of the jitter, and 64 times the jitter is the most.
  case pareto
}

/// One direction of a link. Packets wait in a queue, are sent at the rate, and then are on the wire, where they can get
/// lost, changed, doubled or held up.
///
///     var configuration = LinkConfiguration(delay: .milliseconds(50))
///     configuration.bitsPerSecond = 100_000_000
///     configuration.queueLimit = .packets(100)
///     configuration.loss = .percent(1)
public struct LinkConfiguration: Sendable, Equatable {
  /// Bits a second, IP headers counted and nothing below them; nil: packets take no time to send, and none waits.
  public var bitsPerSecond: UInt64? = nil
  /// Time on the wire.
  public var delay: Interval
  /// More time on the wire, spread as `jitterDistribution` says. Packets don't overtake each other by it.
  public var jitter: Interval = .zero
  public var jitterDistribution = DelayDistribution.uniform
  /// What arrives at a full queue is dropped. A link that is free takes a packet of any length.
  public var queueLimit: QueueLimit = .bytes(1 << 20)
  /// What is done to packets before the queue is full.
  public var discipline = QueueDiscipline.dropTail
  /// With drop-tail, a packet of a transport that knows congestion notification gets the CE mark when more than this waits before it
  /// (RFC 3168 §5); nil: none does.
  public var markThreshold: QueueLimit? = nil
  /// Octets of the largest packet that gets through, IP header included; larger ones vanish without a word, as behind a
  /// router whose "packet too big" messages are filtered. Nil: packets of any length do.
  public var maximumPacket: Int? = nil
  /// Packets lost on the wire.
  public var loss: Probability = .never
  /// Packets lost in bursts, beside those of `loss`.
  public var burstLoss: BurstLoss? = nil
  /// Packets that are lost because they are what they are, in this order.
  public var scriptedLosses: [ScriptedLoss] = []
  /// Packets that arrive twice, the copy right behind the packet.
  public var duplication: Probability = .never
  /// Packets in which one bit changes; checksums are left as they are, and so are wrong.
  public var corruption: Probability = .never
  /// Packets in which one bit changes and all checksums are repaired, so that nobody below the application can tell
  /// (`LinkDamage`).
  public var repairedCorruption: Probability = .never
  /// Packets that lose an end of random length.
  public var truncation: Probability = .never
  /// Packets that take `reorderingDelay` more time, so that those behind overtake them.
  public var reordering: Probability = .never
  public var reorderingDelay: Interval = .zero
  /// What changes at which time, in order of time.
  public var changes: [LinkChange] = []
  /// The link goes down and up by itself.
  public var flapping: LinkFlapping? = nil

  /// A link without faults and of unlimited rate.
  public init(delay: Interval) {
    self.delay = delay
  }
}
