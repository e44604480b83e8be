// The interface between the engine and the algorithms that set the congestion window, and the closed list
// of these algorithms. Finding losses and repairing them is LossRecovery's; an algorithm only hears of it.

import SockeyeBytes

/// The algorithms there are.
public enum CongestionControlAlgorithm: UInt8, Sendable, CaseIterable {
  /// RFC 5681 and RFC 6582.
  case newReno

  public var name: String {
    switch self {
    case .newReno: "newreno"
    }
  }
}

/// What an ACK of new data tells a congestion-control algorithm.
public struct AcknowledgmentSample: Sendable {
  /// Octets newly acknowledged.
  public var newlyAcknowledged: Int
  /// Octets outstanding before this ACK.
  public var flightBefore: Int
  /// The round-trip time measured by this ACK, when it gave a fit sample.
  public var roundTrip: Interval?
}

/// What every algorithm does. Windows are octets; the caller never sends more than `congestionWindow` allows.
protocol CongestionControlling: Sendable {
  var congestionWindow: Int { get }
  var slowStartThreshold: Int { get }
  /// New data was acknowledged outside of recovery.
  mutating func acknowledged(_ sample: AcknowledgmentSample, at now: Instant)
  /// A loss was found by duplicate ACKs; recovery begins.
  mutating func lossDetected(flight: Int, at now: Instant)
  /// Recovery is over.
  mutating func recoveryEnded(flight: Int, at now: Instant)
  /// The retransmission timer ran out; `again` when it did so before for the same segment.
  mutating func timedOut(flight: Int, again: Bool, at now: Instant)
  /// Nothing was sent for longer than an RTO (RFC 5681 §4.1).
  mutating func restartedAfterIdle()
  /// The segment size changed.
  mutating func segmentSizeChanged(to size: Int)
}

/// The algorithm in use: a closed enum, so that every call is dispatched statically.
struct CongestionControl: Sendable {
  private enum Algorithm: Sendable {
    case newReno(NewReno)
  }
  private var algorithm: Algorithm

  init(_ kind: CongestionControlAlgorithm, segmentSize: Int, synchronizeLost: Bool) {
    switch kind {
    case .newReno:
      algorithm = .newReno(NewReno(segmentSize: segmentSize, synchronizeLost: synchronizeLost))
    }
  }

  var congestionWindow: Int {
    switch algorithm {
    case .newReno(let state): state.congestionWindow
    }
  }

  var slowStartThreshold: Int {
    switch algorithm {
    case .newReno(let state): state.slowStartThreshold
    }
  }

  /// The window to use after a silence longer than an RTO: RW = min(IW, cwnd) (RFC 5681 §4.1).
  var restartWindow: Int {
    switch algorithm {
    case .newReno(let state): min(state.initialWindow, state.congestionWindow)
    }
  }

  @inline(__always)
  private mutating func update(_ body: (inout NewReno) -> Void) {
    switch algorithm {
    case .newReno(var state):
      body(&state)
      algorithm = .newReno(state)
    }
  }

  mutating func acknowledged(_ sample: AcknowledgmentSample, at now: Instant) {
    update { $0.acknowledged(sample, at: now) }
  }

  mutating func lossDetected(flight: Int, at now: Instant) {
    update { $0.lossDetected(flight: flight, at: now) }
  }

  mutating func recoveryEnded(flight: Int, at now: Instant) {
    update { $0.recoveryEnded(flight: flight, at: now) }
  }

  mutating func timedOut(flight: Int, again: Bool, at now: Instant) {
    update { $0.timedOut(flight: flight, again: again, at: now) }
  }

  mutating func restartedAfterIdle() { update { $0.restartedAfterIdle() } }

  mutating func segmentSizeChanged(to size: Int) { update { $0.segmentSizeChanged(to: size) } }
}
