// Holds what a run of a random world comes to: a verdict, a digest, and what it was made of. How it is printed is the tool's
// affair.

public import SockeyeBytes

/// What was wrong with a run.
public struct SwarmFailure: Sendable, Equatable {
  public enum Kind: UInt8, Sendable, CaseIterable {
    /// An application read something else than was written.
    case content
    /// A connection made a move that RFC 9293 §3.3.2 does not have.
    case state
    /// Something that always holds of the engine did not.
    case invariant
    /// A host held more than its budget.
    case budget
    /// A segment broke a rule of sequence numbers, acknowledgments or windows.
    case wire
    /// A connection ended with an error for which there was no reason.
    case ending
    /// A connection did not end though the network had healed.
    case liveness
    /// Connections were over and a host's tables were not empty.
    case leak
    /// Things happened over and over without time passing, or without end.
    case livelock
    /// The process that ran the world ended.
    case crash

    public var name: String {
      switch self {
      case .content: "wrong content"
      case .state: "wrong state"
      case .invariant: "broken invariant"
      case .budget: "over budget"
      case .wire: "broken rule of the wire"
      case .ending: "wrong ending"
      case .liveness: "no ending"
      case .leak: "leak"
      case .livelock: "livelock"
      case .crash: "crash"
      }
    }
  }

  public let kind: Kind
  public let text: String
  /// The world's time since its beginning.
  public let at: Interval
  /// The connection it is about.
  public let flow: Int?

  public init(_ kind: Kind, _ text: String, at: Interval, flow: Int? = nil) {
    self.kind = kind
    self.text = text
    self.at = at
    self.flow = flow
  }
}

/// Sums over worlds.
public struct SwarmStatistics: Sendable, Equatable {
  public var worlds: UInt64 = 0
  public var failures: UInt64 = 0
  public var virtualTime = Interval.zero
  /// Packets that hosts and routers sent, and octets that applications read and found right.
  public var packets: UInt64 = 0
  public var bytes: UInt64 = 0
  public var connections: UInt64 = 0
  /// Of these, those whose applications or hosts did not let them come to their end.
  public var brokenConnections: UInt64 = 0
  /// How often each fault struck.
  public var faults = SwarmFaultCounts()

  public init() {}

  public mutating func add(_ other: SwarmStatistics) {
    worlds += other.worlds
    failures += other.failures
    virtualTime += other.virtualTime
    packets += other.packets
    bytes += other.bytes
    connections += other.connections
    brokenConnections += other.brokenConnections
    faults.add(other.faults)
  }
}

/// How often each fault struck.
public struct SwarmFaultCounts: Sendable, Equatable {
  public enum Kind: UInt8, Sendable, CaseIterable {
    case loss, scriptedLoss, queueFull, earlyDrop, tooLarge, outage
    case duplication, reordering, corruption, repairedCorruption, truncation, mark
    case pause, crash, drift, partition, smallerUnit

    public var name: String {
      switch self {
      case .loss: "loss"
      case .scriptedLoss: "scripted-loss"
      case .queueFull: "queue-full"
      case .earlyDrop: "early-drop"
      case .tooLarge: "too-large"
      case .outage: "outage"
      case .duplication: "duplication"
      case .reordering: "reordering"
      case .corruption: "corruption"
      case .repairedCorruption: "repaired-corruption"
      case .truncation: "truncation"
      case .mark: "mark"
      case .pause: "pause"
      case .crash: "crash"
      case .drift: "drift"
      case .partition: "partition"
      case .smallerUnit: "smaller-mtu"
      }
    }
  }

  private var counts = [UInt64](repeating: 0, count: Kind.allCases.count)

  public init() {}

  public subscript(kind: Kind) -> UInt64 {
    get { counts[Int(kind.rawValue)] }
    set { counts[Int(kind.rawValue)] = newValue }
  }

  mutating func add(_ other: SwarmFaultCounts) {
    for kind in Kind.allCases { self[kind] += other[kind] }
  }

  mutating func add(_ link: LinkStatistics) {
    self[.loss] += link.lost
    self[.scriptedLoss] += link.scriptedLosses
    self[.queueFull] += link.queueDrops
    self[.earlyDrop] += link.earlyDrops
    self[.tooLarge] += link.tooLarge
    self[.outage] += link.outageDrops
    self[.duplication] += link.duplicated
    self[.reordering] += link.reordered
    self[.corruption] += link.corrupted
    self[.repairedCorruption] += link.repairedCorruptions
    self[.truncation] += link.truncated
    self[.mark] += link.marked
  }

  mutating func add(_ fault: SwarmFault) {
    switch fault.kind {
    case .pause: self[.pause] += 1
    case .crash: self[.crash] += 1
    case .drift: self[.drift] += 1
    case .partition: self[.partition] += 1
    case .smallerPackets: self[.smallerUnit] += 1
    }
  }
}

/// What a run of a random world came to.
public struct SwarmOutcome: Sendable, Equatable {
  public let failure: SwarmFailure?
  /// Of all packets and their times: the same seed gives the same (`RunDigest`).
  public let digest: UInt64
  public let statistics: SwarmStatistics

  public init(failure: SwarmFailure?, digest: UInt64, statistics: SwarmStatistics) {
    self.failure = failure
    self.digest = digest
    self.statistics = statistics
  }

  /// What this world adds to the digest of many: their sum modulo 2⁶⁴ is the same in whatever order they were run.
  public func contribution(of seed: UInt64) -> UInt64 {
    var mixer = SeededGenerator(seed: seed ^ digest)
    return mixer.next()
  }
}
