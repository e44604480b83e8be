// Questions about a recording, answered from what engines observed and what the wire carried, never from
// drawn text.

public import SockeyeBytes
import SockeyeStack
public import SockeyeTCP
public import SockeyeTrace

extension Timeline {
  /// The states a host's connections and listeners came to, in order.
  public func states(of side: HostSide) -> [TCPState] {
    var result: [TCPState] = []
    for entry in entries {
      if case .observed(side, let observation) = entry.kind,
        case .stateChanged(_, _, let to) = observation.kind
      {
        result.append(to)
      }
    }
    return result
  }

  /// When a host's connections and listeners came to their states.
  public func stateTimes(of side: HostSide) -> [Instant] {
    var result: [Instant] = []
    for entry in entries {
      if case .observed(side, let observation) = entry.kind, case .stateChanged = observation.kind {
        result.append(entry.at)
      }
    }
    return result
  }

  /// Everything both hosts came to, in order of time.
  public var states: [TCPState] {
    var result: [TCPState] = []
    for entry in entries {
      if case .observed(_, let observation) = entry.kind, case .stateChanged(_, _, let to) = observation.kind
      {
        result.append(to)
      }
    }
    return result
  }

  /// The packets a host sent, copies made by the network left out.
  public func sent(by side: HostSide) -> [Flight] {
    flights.filter { flight in
      if case .copy = flight.fate { return false }
      return flight.from == side
    }
  }

  /// The packets of a kind that a host sent.
  public func sent(by side: HostSide, _ kind: PacketKind) -> [Flight] {
    sent(by: side).filter { kind.matches($0.segment) }
  }

  /// The retransmissions a host sent, and what caused them.
  public func retransmissions(by side: HostSide) -> [RetransmissionCause] {
    sent(by: side).compactMap { flight in
      if case .retransmission(_, _, let cause) = flight.purpose { return cause }
      return nil
    }
  }

  /// Why a host left arriving segments unused, in order.
  public func drops(at side: HostSide) -> [DropReason] {
    var result: [DropReason] = []
    for entry in entries {
      guard case .observed(side, let observation) = entry.kind else { continue }
      switch observation.kind {
      case .segmentDropped(_, let reason), .datagramDropped(_, let reason), .packetDropped(_, _, let reason):
        result.append(reason)
      case .segmentSent, .segmentReceived, .datagramSent, .datagramReceived, .stateChanged, .timerArmed,
        .timerCancelled, .timerFired, .connectionClosed:
        continue
      }
    }
    return result
  }

  /// How a host's connections ended, in order.
  public func closeReasons(of side: HostSide) -> [CloseReason] {
    var result: [CloseReason] = []
    for entry in entries {
      if case .observed(side, let observation) = entry.kind,
        case .connectionClosed(_, let reason) = observation.kind
      {
        result.append(reason)
      }
    }
    return result
  }

  /// All bytes a host's applications read, in order.
  public func read(by side: HostSide) -> [UInt8] {
    var result: [UInt8] = []
    for entry in entries {
      if case .application(side, .read(let bytes)) = entry.kind { result += bytes }
    }
    return result
  }

  /// When a host's timers of a kind fired.
  public func firings(of timer: TimerKind, at side: HostSide) -> Int {
    var result = 0
    for entry in entries {
      if case .observed(side, let observation) = entry.kind, case .timerFired(_, timer) = observation.kind {
        result += 1
      }
    }
    return result
  }
}
