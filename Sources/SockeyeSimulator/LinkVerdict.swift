// Holds what a link answers: what becomes of a packet that is given to it, and what comes out. How that is decided is in
// LinkEmulator.

public import SockeyeBytes

/// Why a link dropped a packet.
public enum LinkDropCause: UInt8, Sendable, CaseIterable {
  /// The queue was full.
  case queueFull
  /// The queue was not full but long (`QueueDiscipline`).
  case early
  /// It got lost on the wire.
  case loss
  /// A script says so (`ScriptedLoss`).
  case scripted
  /// It was larger than what the link takes.
  case tooLarge
  /// The link was down.
  case outage

  /// What happened to the packet, in a few words.
  public var explanation: String {
    switch self {
    case .queueFull: "dropped by a full queue"
    case .early: "dropped by a queue that grew long"
    case .loss: "lost on the way"
    case .scripted: "lost on the way, as the script says"
    case .tooLarge: "too large for the path"
    case .outage: "lost, for the link is down"
    }
  }
}

/// What becomes of a packet that was given to a link.
public enum LinkVerdict: Sendable, Equatable {
  case dropped(LinkDropCause)
  /// It will arrive so many times. Corrupted: not as it was sent.
  case taken(arrivals: Int, isCorrupted: Bool)
  /// It waits, and what becomes of it is decided when it leaves: it comes out of `LinkEmulator.nextArrival` or
  /// `LinkEmulator.nextDrop`.
  case queued
}

/// A packet that a link dropped after it had been queued.
public struct LinkDrop: Sendable, Equatable {
  public let ticket: Int
  public let cause: LinkDropCause
}

/// A packet that comes out of a link.
public struct LinkArrival: Sendable, Equatable {
  /// The number under which it was given to the link.
  public let ticket: Int
  /// Octets, those that were cut off not counted.
  public let length: Int
  public let at: Instant
  /// The bit that has changed, counted from the packet's first.
  public let flippedBit: Int?
  /// Whether the link marks it: CE in the IP header (`LinkMark`).
  public let isMarked: Bool
  /// Checksums are made right after the bit has changed (`LinkDamage`).
  public var isRepaired = false
  /// The packet has lost its end.
  public var isTruncated = false
  /// A copy of it comes right behind.
  public var hasCopyBehind = false

  /// Whether the packet is the one that was sent, but for a mark.
  public var isIntact: Bool { flippedBit == nil && !isTruncated }
}
