// F-RTO (RFC 5682): finds out whether the retransmission timer ran out for nothing, by sending something new instead of
// more copies and looking at what the next ACKs are about. It serves connections on which the echo of a timestamp can't
// tell (RFC 3522, in Connection+Recovery). What follows from the answer is RFC 4015's.

import SockeyeBytes
import SockeyeWire

/// Where F-RTO stands. It is on only in `LossRecovery.Phase.timeout`, and no other copy leaves meanwhile.
enum TimeoutDetection: Sendable, Equatable {
  case off
  /// The oldest segment, up to `end`, has left again; its ACK is waited for (step 2).
  case copySent(end: SequenceNumber)
  /// Up to two new segments, from `new`, may have left; the next ACK decides (step 3).
  case newSent(from: SequenceNumber)
}

extension Connection {
  /// Whether a timeout is looked into: not where the echo of a timestamp does it better, and not in a repair that is
  /// under way, where an ACK may be for a copy that left earlier (RFC 5682 §2.1 (1), §3.1 (1)).
  ///
  /// - Parameter end: one past the segment that the timer sends again.
  func timeoutDetection(copyEnd end: SequenceNumber, again: Bool) -> TimeoutDetection {
    let echoTells = agreed.selectiveAcknowledgments && agreed.timestamps
    guard !echoTells, !again, recovery.isOpen, end < send.next else { return .off }
    return .copySent(end: end)
  }

  /// What an ACK says of a timeout, with SND.UNA moved and nothing else done about the ACK. (RFC 5682 §2.1 and §3.1,
  /// steps 2 and 3.) If it shows that the timeout was for nothing, all that it did is undone.
  ///
  /// - Parameters:
  ///   - highest: one past the last octet that this ACK tells of, by its number or its SACK blocks.
  ///   - isNews: it tells of octets that had not been known to have arrived.
  ///   - sample: the round trip of what it tells of, of a segment that was sent once.
  mutating func timeoutLookedInto(
    highest: SequenceNumber, advance: Int, isNews: Bool, sample: Interval?, at now: Instant
  ) {
    switch recovery.detection {
    case .off: break
    case .copySent(let end):
      // A duplicate ACK without SACK may be about the copy. SACK says what it is about, and is waited out.
      if advance == 0 {
        if !agreed.selectiveAcknowledgments { recovery.stopLookingIntoTimeout() }
      } else if send.unacknowledged < end || !recovery.isBeforeRecoveryPoint(send.unacknowledged) {
        recovery.stopLookingIntoTimeout()
      }
    case .newSent(let new):
      if highest > new || (advance == 0 && !agreed.selectiveAcknowledgments) {
        // What lay between did not arrive: the copies go on in slow start.
        recovery.stopLookingIntoTimeout()
      } else if isNews {
        timeoutWasSpurious(sample: sample, at: now)
      }
    }
  }

  /// With everything else done about an ACK of the copy: two new segments may leave, whatever the congestion window says
  /// (RFC 5682 §2.1 (2b)).
  mutating func sendNewAfterTimeout() {
    guard case .copySent(let end) = recovery.detection, send.unacknowledged >= end else { return }
    guard send.unsent > 0, send.usableWindow >= min(send.unsent, payloadLimit) else {
      recovery.stopLookingIntoTimeout()
      return
    }
    recovery.allowNewAfterTimeout(
      from: send.next, octets: inflight + 2 * payloadLimit - congestion.congestionWindow)
  }

  private mutating func timeoutWasSpurious(sample: Interval?, at now: Instant) {
    statistics.spuriousRecoveries += 1
    scoreboard.repair = nil
    scoreboard.log.forgetLosses()
    send.resend(from: nil, cause: .afterTimeout)
    recovery.end()
    congestion.spuriousLoss(at: now)
    // RFC 4015 §3.3: the path is slower than the timer took it to be.
    if let sample { roundTrip.add(sample, at: now) }
  }
}
