// What can go wrong with a packet on the way, and for which packets: rules that a program writes down
// before they strike. Random loss is in Wire.

public import SockeyeBytes
public import SockeyeTrace
import SockeyeWire

/// Which packets a fault is meant for.
public enum PacketKind: Sendable {
  case any
  /// SYN without ACK.
  case synchronize
  case synchronizeAcknowledge
  /// An ACK with nothing else in it.
  case acknowledgment
  /// Any segment with data.
  case data
  /// Any segment with FIN.
  case finish
  case reset
  /// Whatever the closure says.
  case matching(@Sendable (FlightSegment) -> Bool)

  func matches(_ segment: FlightSegment?) -> Bool {
    guard let segment else {
      if case .any = self { return true }
      return false
    }
    let flags = segment.header.flags
    switch self {
    case .any: return true
    case .synchronize: return flags.contains(.syn) && !flags.contains(.ack)
    case .synchronizeAcknowledge: return flags.contains(.syn) && flags.contains(.ack)
    case .acknowledgment:
      return flags.contains(.ack) && flags.isDisjoint(with: [.syn, .fin, .rst]) && segment.payload.isEmpty
    case .data: return !segment.payload.isEmpty
    case .finish: return flags.contains(.fin)
    case .reset: return flags.contains(.rst)
    case .matching(let predicate): return predicate(segment)
    }
  }
}

/// One thing that goes wrong on the wire, for one or several packets of a kind.
///
///     world.wire.faults.append(WireFault(.lose, .synchronize, from: .left))
///     world.wire.faults.append(WireFault(.delay(.milliseconds(50)), .data, from: .left, after: 1))
public struct WireFault: Sendable {
  public enum Effect: Sendable {
    case lose
    /// A second copy arrives so much later than the first.
    case duplicate(after: Interval)
    /// The packet arrives so much later than usual: those behind it overtake it.
    case delay(Interval)
    /// The byte at this offset from the packet's end is inverted, counted from 1; checksums then fail.
    case corrupt(fromEnd: Int)
  }

  public let effect: Effect
  public let kind: PacketKind
  /// The direction: packets sent by this host.
  public let from: HostSide
  /// How many packets of the kind pass before the fault strikes.
  public private(set) var skip: Int
  /// How many it strikes.
  public private(set) var times: Int

  /// - Parameters:
  ///   - effect: what happens.
  ///   - kind: to which packets.
  ///   - from: sent by which host.
  ///   - skip: how many of them pass before.
  ///   - times: how many are struck.
  public init(_ effect: Effect, _ kind: PacketKind, from: HostSide, after skip: Int = 0, times: Int = 1) {
    self.effect = effect
    self.kind = kind
    self.from = from
    self.skip = skip
    self.times = times
  }

  /// Whether the fault strikes this packet; counts it if it is of the kind.
  mutating func strikes(_ segment: FlightSegment?, from side: HostSide) -> Bool {
    guard times > 0, side == from, kind.matches(segment) else { return false }
    if skip > 0 {
      skip -= 1
      return false
    }
    times -= 1
    return true
  }
}
