// Holds how the sending side of a connection stands, segment by segment, for whoever watches one. It is put together when it
// is asked for, and nothing is kept for it. What takes no walk over the segments is in ConnectionStatus.swift.

import SockeyeBytes
import SockeyeWire

/// What a sender makes of what it hears (RFC 5681, RFC 8985), finer than `RecoveryPhase`.
public enum RepairPhase: UInt8, Sendable, CaseIterable {
  /// Nothing is wrong.
  case open
  /// The peer holds text behind a gap, or has sent duplicate ACKs, and nothing is taken for lost yet.
  case disorder
  /// The window shrank because the path marked packets (RFC 3168), and what was sent then is still outstanding.
  case reduced
  /// Fast recovery.
  case recovery
  /// The retransmission timer ran out.
  case loss
}

/// The sending side of a connection.
public struct TransmissionStatus: Sendable, Equatable {
  public var phase: RepairPhase
  /// Octets that may be in flight now: cwnd, or during recovery what rate reduction allows (RFC 9937).
  public var window: Int
  /// Segments that are outstanding; and of these, those the peer holds, those taken for lost, and those sent more than once
  /// that are neither. For a peer without SACK they are reckoned from octets and duplicate ACKs.
  public var outstandingSegments: Int
  public var heldSegments: Int
  public var lostSegments: Int
  public var repeatedSegments: Int
  /// Retransmission timeouts, probes of a closed window and keep-alive probes since the peer last answered.
  public var timeoutsInARow: Int
  public var windowProbes: Int
  public var keepAliveProbes: Int
  /// When text last left, nil before; and when the peer was last heard.
  public var lastSentAt: Instant?
  public var lastHeardAt: Instant
}

extension Connection {
  /// How the sending side stands. Takes time in proportion to the segments outstanding.
  public borrowing func transmissionStatus(at now: Instant) -> TransmissionStatus {
    var held = 0
    var lost = 0
    var repeated = 0
    for index in 0..<scoreboard.log.count {
      let marks = scoreboard.log[index].marks
      if marks.contains(.sacked) {
        held += 1
      } else if marks.contains(.lost) {
        lost += 1
      } else if marks.contains(.retransmitted) {
        repeated += 1
      }
    }
    let isSelective = agreed.selectiveAcknowledgments
    let reckoned = (send.flight + payloadLimit - 1) / payloadLimit
    if !isSelective { held = min(recovery.duplicates, max(0, reckoned - 1)) }
    return TransmissionStatus(
      phase: repairPhase, window: windowInForce(at: now),
      outstandingSegments: isSelective ? scoreboard.log.count : reckoned, heldSegments: held,
      lostSegments: lost, repeatedSegments: repeated, timeoutsInARow: Int(timers.retransmissions),
      windowProbes: Int(timers.windowProbes), keepAliveProbes: Int(timers.keepAliveProbes),
      lastSentAt: lastDataSentAt == .zero ? nil : lastDataSentAt, lastHeardAt: timers.heardAt)
  }

  private var repairPhase: RepairPhase {
    switch recovery.phase {
    case .fast: .recovery
    case .timeout: .loss
    case .open where isReduced: .reduced
    case .open: scoreboard.log.sackedSegments > 0 || recovery.duplicates > 0 ? .disorder : .open
    }
  }

  private var isReduced: Bool {
    guard let mark = marks.reducedBefore else { return false }
    return send.unacknowledged < mark
  }

  private func windowInForce(at now: Instant) -> Int {
    switch recovery.phase {
    case .fast: sendingWindow(at: now)
    case .open, .timeout: congestion.congestionWindow
    }
  }
}
