// Holds what a random world is to be: hosts, links, connections, faults. How one is drawn from a seed is in SwarmPlan+Drawing,
// how it is run in SwarmRun, how it is made smaller in SwarmReduction.

public import SockeyeBytes
public import SockeyeTCP
import SockeyeWire

/// A host of a random world.
public struct SwarmHost: Sendable, Equatable {
  /// Octets of its budget.
  public var memoryBudget = 64 << 20
  /// Whether its stack tells of each change of state. Not all do, for one that does takes the longer way for each segment.
  public var isObserved = true
  /// SYN cookies for every SYN.
  public var alwaysSendsCookies = false
}

/// A link of a random world, between two nodes: hosts count from 0, routers follow.
public struct SwarmLink: Sendable, Equatable {
  public var first: Int
  public var second: Int
  public var maximumTransmissionUnit = 1500
  /// What it is like until the network heals, and from then on.
  public var forward: LinkConfiguration
  public var backward: LinkConfiguration
  public var healed: LinkConfiguration
}

/// When an application may write.
public enum SwarmRhythm: Sendable, Equatable {
  /// Whenever there is room.
  case free
  /// So much for each so much that the peer has sent; whoever begins is one turn ahead.
  case alternating(mine: Int, peers: Int, begins: Bool)
}

/// How an application ends its direction.
public enum SwarmEnding: Sendable, Equatable {
  /// CLOSE when everything is written; reading goes on.
  case finish
  /// The same once the peer has finished, too.
  case finishAfterPeer
  /// ABORT when so much is written.
  case abort(after: UInt64)
  /// CLOSE with reading given up when everything is written.
  case leave
}

/// One application.
public struct SwarmSide: Sendable, Equatable {
  /// Octets that it writes.
  public var bytes: UInt64
  /// Octets of a write, and the time between two of them.
  public var piece = 65_536
  public var pause = Interval.zero
  public var rhythm = SwarmRhythm.free
  /// Octets of a read, zero: all there is; the time between two of them, and before the first.
  public var readPiece = 0
  public var readPause = Interval.zero
  public var readDelay = Interval.zero
  /// Each so many writes are urgent; zero: none.
  public var urgentEvery = 0
  public var ending = SwarmEnding.finish
  public var tcp = TCPConfiguration()
}

/// How a connection begins.
public enum SwarmOpening: UInt8, Sendable {
  case connect
  /// Both call each other at the same moment.
  case simultaneous
  /// With the first text on the SYN if the client has a cookie (RFC 7413).
  case fastOpen
}

/// A connection of a random world with the applications at both ends.
public struct SwarmFlow: Sendable, Equatable {
  public var client: Int
  public var server: Int
  public var version: IPVersion
  /// The link by whose address the server is called.
  public var serverLink: Int
  public var opens: Interval
  public var opening = SwarmOpening.connect
  public var clientSide: SwarmSide
  public var serverSide: SwarmSide
  /// Taken out of the world.
  public var isDropped = false
}

/// Something that befalls a host or a link for a while. What befalls single packets is in `LinkConfiguration`.
public struct SwarmFault: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    case pause(host: Int)
    /// Its power goes, and comes back with the fault's end.
    case crash(host: Int)
    /// Its clock goes at so many thousandths of the world's, for good.
    case drift(host: Int, thousandths: UInt64)
    /// Nothing passes; nil: in both directions.
    case partition(link: Int, LinkDirection?)
    /// Routers find the link to take less.
    case smallerPackets(link: Int, octets: Int)
  }

  public var kind: Kind
  public var begins: Interval
  public var lasts: Interval
  public var isDropped = false

  /// The kind's name.
  public var name: String {
    switch kind {
    case .pause: "pause"
    case .crash: "crash"
    case .drift: "drift"
    case .partition(_, nil): "partition"
    case .partition: "one-way partition"
    case .smallerPackets: "smaller MTU"
    }
  }
}

/// A random world.
public struct SwarmPlan: Sendable, Equatable {
  public var seed: UInt64
  /// The world's time at its beginning: timestamps and sequence numbers may wrap soon after.
  public var start = Instant.zero
  public var hosts: [SwarmHost] = []
  public var routers = 0
  public var links: [SwarmLink] = []
  public var flows: [SwarmFlow] = []
  public var faults: [SwarmFault] = []
  /// When all faults are over.
  public var heals = Interval.seconds(20)
  /// For how long after that there may be connections.
  public var patience = Interval.minutes(40)
  /// Links repair what they corrupt, so that nothing is demanded but that the engine stays sound.
  public var repairsCorruption = false
  /// For tests of the swarm itself: an octet that applications read is changed, once.
  public var plantsWrongByte = false

  init(seed: UInt64) { self.seed = seed }

  /// Octets that all applications want to write.
  public var bytes: UInt64 {
    var sum: UInt64 = 0
    for flow in flows where !flow.isDropped { sum += flow.clientSide.bytes + flow.serverSide.bytes }
    return sum
  }
}
