// The interface between the engine and the algorithms that set the congestion window, and the closed list
// of these algorithms. Finding losses and repairing them is LossRecovery's; an algorithm only hears of it.

import SockeyeBytes

/// The algorithms there are.
public enum CongestionControlAlgorithm: UInt8, Sendable, CaseIterable {
  /// RFC 5681 and RFC 6582.
  case newReno
  /// RFC 9438.
  case cubic
  /// BBR version 3 (draft-ietf-ccwg-bbr). With a peer without SACK it is CUBIC.
  case bbr

  public var name: String {
    switch self {
    case .newReno: "newreno"
    case .cubic: "cubic"
    case .bbr: "bbr"
    }
  }
}

/// What every algorithm does. All windows are octets, and stand in `CongestionWindow`.
protocol CongestionControlling: Sendable {
  /// Data was delivered.
  mutating func acknowledged(
    _ sample: AcknowledgmentSample, _ window: inout CongestionWindow, at now: Instant)
  /// A loss was found by ACKs; recovery begins.
  mutating func lossDetected(flight: Int, _ window: inout CongestionWindow, at now: Instant)
  /// Recovery is over.
  mutating func recoveryEnded(flight: Int, _ window: inout CongestionWindow, at now: Instant)
  /// The retransmission timer ran out; `again` when it did so before for the same segment.
  mutating func timedOut(flight: Int, again: Bool, _ window: inout CongestionWindow, at now: Instant)
  /// The last loss or timeout was none.
  mutating func spuriousLoss(_ window: inout CongestionWindow, at now: Instant)
  /// The path marked instead of dropping (RFC 3168).
  mutating func congestionExperienced(flight: Int, _ window: inout CongestionWindow, at now: Instant)
  /// The segment size has changed; the window has followed.
  mutating func segmentSizeChanged(_ window: CongestionWindow)
  /// A segment was taken for lost.
  mutating func segmentLost(_ segment: LostSegment, _ window: CongestionWindow, at now: Instant)
  /// Nothing was in the network for want of something to send, and now a segment leaves.
  mutating func resumed(_ window: inout CongestionWindow, at now: Instant)
}

extension CongestionControlling {
  // To an algorithm without a model of the path one loss is as good as another, and a pause is none.
  mutating func segmentLost(_ segment: LostSegment, _ window: CongestionWindow, at now: Instant) {}
  mutating func resumed(_ window: inout CongestionWindow, at now: Instant) {}
}

/// The algorithm in use: one of a closed list, so that every call is dispatched statically. Their states lie side by
/// side, for to take one out of an enum and put it back with each ACK costs more than the algorithm. BBR's, which is
/// large, has memory of its own while it is in use.
struct CongestionControl: Sendable {
  /// BBR's state. It belongs to one connection, which is used by one thread at a time, as all of a connection is.
  private final class Model: @unchecked Sendable {
    var state = BBR()
  }

  private enum Algorithm: UInt8, Sendable { case newReno, cubic, bbr }
  private let algorithm: Algorithm
  private var newReno = NewReno()
  private var cubic = Cubic()
  private var model: Model?
  private var window: CongestionWindow

  /// - Parameters:
  ///   - segmentSize: SMSS, octets.
  ///   - synchronizeLost: The SYN or SYN,ACK had to be sent again (RFC 5681 §3.1).
  ///   - growthLimit: `TCPConfiguration.slowStartLimit`.
  ///   - reducesFromWindow: `TCPConfiguration.reducesFromWindow`.
  init(
    _ kind: CongestionControlAlgorithm, segmentSize: Int, synchronizeLost: Bool, growthLimit: Int? = 2,
    reducesFromWindow: Bool = false
  ) {
    window = CongestionWindow(
      segment: segmentSize, synchronizeLost: synchronizeLost, growthLimit: growthLimit,
      reducesFromWindow: reducesFromWindow)
    switch kind {
    case .newReno: algorithm = .newReno
    case .cubic: algorithm = .cubic
    case .bbr:
      algorithm = .bbr
      model = Model()
    }
  }

  /// The algorithm in use.
  var kind: CongestionControlAlgorithm {
    switch algorithm {
    case .newReno: .newReno
    case .cubic: .cubic
    case .bbr: .bbr
    }
  }

  /// BBR's model of the path, while BBR is in use.
  var bbr: BBR? { model?.state }

  /// SMSS, octets.
  var segmentSize: Int { window.segment }

  /// cwnd, octets: the caller never has more in the network.
  var congestionWindow: Int { window.size }

  /// ssthresh, octets.
  var slowStartThreshold: Int { window.threshold }

  /// IW, octets.
  var initialWindow: Int { window.initial }

  /// RW, octets: the window to use after a silence longer than an RTO (RFC 5681 §4.1).
  var restartWindow: Int {
    switch algorithm {
    case .newReno, .cubic: window.restartSize
    case .bbr: window.size
    }
  }

  /// Octets a second at which segments leave, if the caller spreads them; nil: as fast as the window allows.
  func pacingRate(smoothedRoundTrip: Interval?) -> Int? {
    switch algorithm {
    case .newReno, .cubic: smoothedRoundTrip.map { window.pacingRate(smoothedRoundTrip: $0) }
    case .bbr: model?.state.pacingRate(smoothedRoundTrip, window)
    }
  }

  /// The algorithm sets its window in recovery too; otherwise ssthresh is what recovery reduces the flight to (RFC 9937).
  var setsWindowInRecovery: Bool {
    switch algorithm {
    case .newReno, .cubic: false
    case .bbr: true
    }
  }

  /// The algorithm holds the sender back to look at the path: what is sent now counts as application-limited.
  var isLimitingItself: Bool {
    switch algorithm {
    case .newReno, .cubic: false
    case .bbr: model?.state.isLimitingItself ?? false
    }
  }

  /// Data was delivered, in or out of recovery. Call it once for each ACK, before the segments that it lets go.
  mutating func acknowledged(_ sample: AcknowledgmentSample, at now: Instant) {
    switch algorithm {
    case .newReno: newReno.acknowledged(sample, &window, at: now)
    case .cubic: cubic.acknowledged(sample, &window, at: now)
    case .bbr: model?.state.acknowledged(sample, &window, at: now)
    }
  }

  /// A loss was found by ACKs, the first of a recovery: cwnd and ssthresh fall.
  ///
  /// - Parameter flight: FlightSize without what limited transmit sent (RFC 5681 §3.2).
  mutating func lossDetected(flight: Int, at now: Instant) {
    switch algorithm {
    case .newReno: newReno.lossDetected(flight: flight, &window, at: now)
    case .cubic: cubic.lossDetected(flight: flight, &window, at: now)
    case .bbr: model?.state.lossDetected(flight: flight, &window, at: now)
    }
  }

  /// Everything that was outstanding when recovery began is acknowledged.
  mutating func recoveryEnded(flight: Int, at now: Instant) {
    switch algorithm {
    case .newReno: newReno.recoveryEnded(flight: flight, &window, at: now)
    case .cubic: cubic.recoveryEnded(flight: flight, &window, at: now)
    case .bbr: model?.state.recoveryEnded(flight: flight, &window, at: now)
    }
  }

  /// The retransmission timer ran out; `again` when it did so before for the same segment.
  mutating func timedOut(flight: Int, again: Bool, at now: Instant) {
    switch algorithm {
    case .newReno: newReno.timedOut(flight: flight, again: again, &window, at: now)
    case .cubic: cubic.timedOut(flight: flight, again: again, &window, at: now)
    case .bbr: model?.state.timedOut(flight: flight, again: again, &window, at: now)
    }
  }

  /// The loss or timeout told last was none: all is as it was before, unless the window has grown beyond that
  /// meanwhile (RFC 4015 §3.2, RFC 9438 §4.9.2).
  mutating func spuriousLoss(at now: Instant) {
    switch algorithm {
    case .newReno: newReno.spuriousLoss(&window, at: now)
    case .cubic: cubic.spuriousLoss(&window, at: now)
    case .bbr: model?.state.spuriousLoss(&window, at: now)
    }
  }

  /// The path marked a segment instead of dropping it (RFC 3168 §6.1.2). The caller tells it once a round trip.
  mutating func congestionExperienced(flight: Int, at now: Instant) {
    switch algorithm {
    case .newReno: newReno.congestionExperienced(flight: flight, &window, at: now)
    case .cubic: cubic.congestionExperienced(flight: flight, &window, at: now)
    case .bbr: model?.state.congestionExperienced(flight: flight, &window, at: now)
    }
  }

  /// Nothing was sent for longer than an RTO (RFC 5681 §4.1), and now something is.
  mutating func restartedAfterIdle() {
    switch algorithm {
    case .newReno, .cubic: window.restart()
    case .bbr: break
    }
  }

  /// Nothing was in the network for want of something to send, and now a segment leaves.
  mutating func resumed(at now: Instant) {
    switch algorithm {
    case .newReno, .cubic: break
    case .bbr: model?.state.resumed(&window, at: now)
    }
  }

  /// A segment was taken for lost. Call it for each, before the ACK that told is given to `acknowledged`.
  mutating func segmentLost(_ segment: LostSegment, at now: Instant) {
    switch algorithm {
    case .newReno, .cubic: break
    case .bbr: model?.state.segmentLost(segment, window, at: now)
    }
  }

  /// SMSS is `size` octets now.
  /// - Parameter isSending: the connection is open, and what it may have in the network has been found out.
  mutating func segmentSizeChanged(to size: Int, whileSending isSending: Bool = true) {
    guard size != window.segment else { return }
    if isSending, size > window.segment {
      window.segmentGrew(to: size)
    } else {
      window.segmentSizeChanged(to: size)
    }
    switch algorithm {
    case .newReno: newReno.segmentSizeChanged(window)
    case .cubic: cubic.segmentSizeChanged(window)
    case .bbr: model?.state.segmentSizeChanged(window)
    }
  }
}
