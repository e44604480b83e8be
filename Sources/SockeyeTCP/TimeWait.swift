// TIME-WAIT as a record of its own: what is needed to answer a repeated FIN for 2 MSL and to judge a new SYN for
// the same four-tuple (RFC 9293 §3.6.1, RFC 1337, RFC 6191, RFC 1122 §4.2.2.13).

import SockeyeBytes
import SockeyeWire

/// What became of a segment that came for a TIME-WAIT record.
public enum TimeWaitOutcome: Sendable, Equatable {
  case dropped(DropReason)
  /// Send this.
  case reply(SegmentPlan)
  /// A new connection may take the port over: give the SYN to the listener, and start above this number.
  case reopen(minimumInitialSequence: SequenceNumber)
}

/// A connection that is over on both sides and keeps its port for 2 MSL.
public struct TimeWaitRecord: Sendable {
  /// SND.NXT and RCV.NXT, past both FINs.
  public let sendNext: SequenceNumber
  public let receiveNext: SequenceNumber
  private let window: UInt16
  private let windowOctets: Int
  private let usesTimestamps: Bool
  private let timestampOffset: UInt32
  private var timestampRecent: UInt32
  private var challenges = ChallengeLimiter()
  private let lifetime: Interval
  /// When the record may go.
  public private(set) var expiry: Instant

  /// Of a connection in TIME-WAIT.
  init(_ connection: borrowing Connection, at now: Instant) {
    sendNext = connection.send.next
    receiveNext = connection.receive.next
    window = connection.receive.wireWindow
    windowOctets = max(1, connection.receive.window)
    usesTimestamps = connection.agreed.timestamps
    timestampOffset = connection.timestampOffset
    timestampRecent = connection.timestampRecent
    lifetime = connection.configuration.maximumSegmentLifetime * 2
    expiry = now + lifetime
  }

  /// RFC 9293 §3.10.7.4 for TIME-WAIT.
  public mutating func segmentArrived(
    _ header: TCPHeader, payloadLength: Int, at now: Instant
  ) -> TimeWaitOutcome {
    // RFC 1337 §3, fix F1: a RST, whoever sent it, does not end TIME-WAIT early.
    if header.flags.contains(.rst) { return .dropped(.timeWait) }
    if header.flags.contains(.syn), !header.flags.contains(.ack) {
      return synchronizeArrived(header, at: now)
    }
    if header.flags.contains(.syn) { return challenge(.challenge, at: now) }
    if usesTimestamps {
      guard let timestamps = header.options.timestamps else { return .dropped(.missingTimestamp) }
      if Int32(bitPattern: timestamps.value &- timestampRecent) < 0 {
        return challenge(.unacceptable, at: now)
      }
    }
    // RFC 9293 §3.10.7.4, fifth step: inside the window, what acknowledges nothing is dropped.
    let offset = header.sequence - receiveNext
    if !header.flags.contains(.ack), offset >= 0, offset < windowOctets {
      return .dropped(.missingAcknowledgment)
    }
    // The FIN again: our last ACK was lost. Answer, and wait 2 MSL from now (MUST-13).
    if header.flags.contains(.fin), header.flags.contains(.ack),
      header.sequence + (payloadLength + 1) == receiveNext,
      header.acknowledgment <= sendNext
    {
      expiry = now + lifetime
      if let timestamps = header.options.timestamps { timestampRecent = timestamps.value }
      return challenge(.finish, at: now)
    }
    let length = payloadLength + (header.flags.contains(.fin) ? 1 : 0)
    if length == 0, header.flags.contains(.ack), header.sequence == receiveNext,
      header.acknowledgment == sendNext
    {
      return .dropped(.notForState)
    }
    return challenge(.unacceptable, at: now)
  }

  /// RFC 6191 §2 and RFC 1122 §4.2.2.13: only a SYN that is surely younger than the old connection.
  private mutating func synchronizeArrived(_ header: TCPHeader, at now: Instant) -> TimeWaitOutcome {
    let younger: Bool
    switch (usesTimestamps, header.options.timestamps) {
    case (true, .some(let timestamps)):
      let difference = Int32(bitPattern: timestamps.value &- timestampRecent)
      younger = difference > 0 || (difference == 0 && header.sequence > receiveNext)
    case (true, .none), (false, .none):
      younger = header.sequence > receiveNext
    case (false, .some):
      // The new connection would use timestamps, so its segments cannot be taken for old ones.
      younger = true
    }
    guard younger else { return challenge(.challenge, at: now) }
    // MAY-2: the new ISS exceeds what the old connection used.
    return .reopen(minimumInitialSequence: sendNext + 1)
  }

  private mutating func challenge(_ reason: AcknowledgmentReason, at now: Instant) -> TimeWaitOutcome {
    guard challenges.allowChallenge(at: now) else { return .dropped(.rateLimited) }
    return .reply(acknowledgment(reason, at: now))
  }

  /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`.
  public func acknowledgment(_ reason: AcknowledgmentReason, at now: Instant) -> SegmentPlan {
    var options = TCPOptions()
    if usesTimestamps {
      let value = UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000) &+ timestampOffset
      options.timestamps = TimestampOption(value: value, echo: timestampRecent)
    }
    return SegmentPlan(
      sequence: sendNext, acknowledgment: receiveNext, flags: .ack, window: window, options: options,
      purpose: .acknowledgment(reason))
  }
}

extension Connection {
  /// Takes the TIME-WAIT record out of a connection in TIME-WAIT. From here on the connection only keeps what its
  /// user has not read; the record answers the peer. If an ACK was still owed it is returned, to be sent now.
  ///
  /// - Precondition: `state` is TIME-WAIT.
  public mutating func takeTimeWait(at now: Instant) -> (record: TimeWaitRecord, acknowledgment: SegmentPlan?)
  {
    precondition(state == .timeWait, "only TIME-WAIT has a record")
    let record = TimeWaitRecord(self, at: now)
    var owed: SegmentPlan?
    if case .now(let reason) = acknowledgments.duty { owed = record.acknowledgment(reason, at: now) }
    opening = .closed
    closeReason = .finished
    notices.insert(.closed)
    return (record, owed)
  }
}
