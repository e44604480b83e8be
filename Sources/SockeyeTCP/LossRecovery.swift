// Whether losses are being repaired; and, for a peer without SACK, finding a loss by duplicate ACKs and repairing it
// (RFC 5681 §3.2, RFC 6582). Sets no congestion window; tells the algorithm, and adds the inflation of fast recovery to
// what may be sent. With SACK, losses are found and repaired in Connection+Recovery.

import SockeyeWire

struct LossRecovery: Sendable, Equatable {
  enum Phase: Sendable, Equatable {
    case open
    /// Fast recovery until `recover` is acknowledged.
    case fast(recover: SequenceNumber)
    /// After a timeout everything below `recover` is sent again in slow start.
    case timeout(recover: SequenceNumber)
  }
  private(set) var phase: Phase = .open
  /// Whether the timeout is being looked into (RFC 5682).
  private(set) var detection: TimeoutDetection = .off
  private(set) var duplicates = 0
  /// Octets beyond the congestion window, for segments that duplicate ACKs show to have left the network.
  private(set) var inflation = 0
  /// The segment at SND.UNA is to be sent again at once.
  private(set) var retransmitNow: RetransmissionCause?
  /// Duplicate ACKs for data up to here show no new loss (RFC 6582 §3.2, "careful" variant).
  private var highestRecovery: SequenceNumber?

  var isOpen: Bool { phase == .open }
  var isFast: Bool {
    if case .fast = phase { return true }
    return false
  }

  /// Octets that may be sent beyond the congestion window now. Before recovery, limited transmit allows a new
  /// segment for each of the first two duplicates (RFC 3042 §2).
  func allowance(segmentSize: Int) -> Int {
    switch phase {
    case .open: min(duplicates, 2) * segmentSize
    case .fast, .timeout: inflation
    }
  }

  /// Whether the copies of a repair wait for the answer to what was sent instead (RFC 5682).
  var holdsCopies: Bool { detection != .off }

  /// Whether something below the recovery point is still to be acknowledged.
  func isBeforeRecoveryPoint(_ acknowledgment: SequenceNumber) -> Bool {
    switch phase {
    case .open: false
    case .fast(let recover), .timeout(let recover): acknowledgment < recover
    }
  }

  /// New segments may leave to look into a timeout, as many octets beyond the congestion window.
  mutating func allowNewAfterTimeout(from next: SequenceNumber, octets: Int) {
    detection = .newSent(from: next)
    inflation = max(0, octets)
  }

  /// The copies of a repair go on, if they waited.
  mutating func stopLookingIntoTimeout() {
    guard detection != .off else { return }
    detection = .off
    inflation = 0
  }

  /// A duplicate ACK. Answers whether recovery begins with it.
  mutating func duplicate(
    unacknowledged: SequenceNumber, next: SequenceNumber, segmentSize: Int
  ) -> Bool {
    switch phase {
    case .open:
      duplicates += 1
      guard duplicates == Constants.duplicateThreshold else { return false }
      // RFC 6582 §3.2 (2): still repairing the last loss, so these may come from needless retransmissions.
      if let mark = highestRecovery, !(unacknowledged > mark) { return false }
      phase = .fast(recover: next)
      highestRecovery = next
      inflation = Constants.duplicateThreshold * segmentSize
      retransmitNow = .fastRetransmit
      return true
    case .fast(let recover):
      duplicates += 1
      // No more than what was outstanding can have left (RFC 5681 §3.2): a peer that forges duplicates gains nothing.
      // What was sent since then for duplicates is not counted, or each would make room for another.
      inflation = min(inflation + segmentSize, max(0, recover - unacknowledged))
      return false
    case .timeout:
      return false
    }
  }

  /// What an ACK of new data does to a recovery.
  enum Progress: Equatable { case none, partial, ended }

  mutating func advanced(to acknowledgment: SequenceNumber, by octets: Int, segmentSize: Int) -> Progress {
    duplicates = 0
    retransmitNow = nil
    switch phase {
    case .open:
      if let mark = highestRecovery, acknowledgment > mark { highestRecovery = nil }
      return .none
    case .fast(let recover):
      guard acknowledgment >= recover else {
        // RFC 6582 §3.2 (3), partial ACK: the next hole; deflate by what was acknowledged, add one segment back.
        inflation = max(0, inflation - octets) + (octets >= segmentSize ? segmentSize : 0)
        retransmitNow = .partialAcknowledgment
        return .partial
      }
      phase = .open
      inflation = 0
      return .ended
    case .timeout(let recover):
      guard acknowledgment >= recover else { return .partial }
      stopLookingIntoTimeout()
      // Slow start goes on as with any ACK; only fast recovery has an inflated window to give back (RFC 5681 §3.1).
      phase = .open
      return .none
    }
  }

  /// Losses were found by other means than duplicate ACKs; everything below `recover` was sent before.
  mutating func begin(recover: SequenceNumber) {
    phase = .fast(recover: recover)
    highestRecovery = recover
  }

  /// Recovery is over, or was needless.
  mutating func end() {
    phase = .open
    detection = .off
    inflation = 0
    duplicates = 0
  }

  /// The retransmission timer ran out.
  ///
  /// - Parameter detection: how it is looked into whether it did so for nothing.
  mutating func timedOut(next: SequenceNumber, detection: TimeoutDetection) {
    phase = .timeout(recover: next)
    self.detection = detection
    highestRecovery = next
    duplicates = 0
    inflation = 0
    retransmitNow = nil
  }

  /// What was asked for has been sent.
  mutating func retransmitted() { retransmitNow = nil }
}
