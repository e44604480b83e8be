// Holds everything that loss recovery with SACK remembers: the log of what is outstanding, RACK's state, the rate
// reduction, the tail-loss probe, and what was sent again and may have been needless. It takes in what an ACK says;
// what follows from it is decided in Connection+Recovery.

import SockeyeBytes
import SockeyeWire

/// A tail-loss probe that is not accounted for yet (RFC 8985 §7.4).
struct TailLossProbe: Sendable, Equatable {
  /// TLP.end_seq: SND.NXT when it left.
  let end: SequenceNumber
  /// TLP.is_retrans.
  let isCopy: Bool
}

/// One repair, and what is needed to notice that it was needless.
struct Repair: Sendable, Equatable {
  /// SND.UNA and SND.NXT when it began.
  let begin: SequenceNumber
  let recover: SequenceNumber
  /// The retransmission timer began it, and not a segment that was overdue.
  let afterTimeout: Bool
  /// One past the first copy, and the timestamp that it carried (RFC 3522 §3.2).
  var firstEnd: SequenceNumber?
  var firstStamp: UInt32?
  /// Copies that left and that no D-SACK has shown to be needless.
  var copies = 0
}

/// What an ACK said.
struct AcknowledgedDelivery {
  /// Octets that the peer holds and had not been known to hold, counted as RFC 9937 §6.1 counts DeliveredData.
  var octets = 0
  /// From the sending of the latest segment that it delivers and that was sent once.
  var roundTrip: Interval?
  /// The peer has told of a segment that came twice (RFC 2883).
  var duplicate: SACKBlock?
}

struct Scoreboard: ~Copyable {
  var log = TransmissionLog()
  var rack = RackDetector()
  var reduction = RateReduction()
  var rate = DeliveryRate()
  var probe: TailLossProbe?
  /// A round trip was measured since the last probe (RFC 8985 §7.3).
  var sampledSinceProbe = true
  /// The latest repair.
  var repair: Repair?

  /// Takes in the ACK number and the SACK blocks.
  ///
  /// - Parameters:
  ///   - acknowledgment: SND.UNA, which has moved by `advance` octets.
  ///   - blocks: as the segment has them.
  ///   - saidWith: the segment's own ACK number, which lies below SND.UNA when another has overtaken it.
  ///   - isOlderThanCopy: whether the segment's echo proves that it answers an earlier copy than the one sent then.
  @inline(__always)
  mutating func take(
    _ acknowledgment: SequenceNumber, advance: Int, _ blocks: SACKBlocks, saidWith: SequenceNumber,
    next: SequenceNumber, minimum: Interval?, at now: Instant, isOlderThanCopy: (Instant) -> Bool
  ) -> AcknowledgedDelivery {
    var delivery = AcknowledgedDelivery()
    var sackedBefore = log.sackedOctets
    if advance > 0 {
      while let record = log.takeFirst(acknowledgedBy: acknowledgment) {
        if record.marks.contains(.sacked) { continue }
        let isCopy = record.marks.contains(.retransmitted)
        delivered(record, &delivery, isAmbiguous: isCopy && isOlderThanCopy(record.sentAt), minimum, at: now)
      }
      log.trim(upTo: acknowledgment)
      rack.acknowledged(acknowledgment)
      // What was said to be held and yet isn't acknowledged with what is before it was thrown away (RFC 2018 §8).
      if log.sackedSegments > 0, log[0].marks.contains(.sacked) {
        log.forgetSacks()
        sackedBefore = 0
      }
    }
    if !blocks.isEmpty {
      if Self.isDuplicate(blocks, acknowledgment: saidWith) { delivery.duplicate = blocks[0] }
      takeBlocks(blocks, acknowledgment: acknowledgment, next: next, &delivery, minimum, at: now)
    }
    delivery.octets = advance + log.sackedOctets - sackedBefore
    return delivery
  }

  private mutating func takeBlocks(
    _ blocks: SACKBlocks, acknowledgment: SequenceNumber, next: SequenceNumber,
    _ delivery: inout AcknowledgedDelivery, _ minimum: Interval?, at now: Instant
  ) {
    // From below, so that what one ACK tells is not taken for reordering.
    var after = acknowledgment
    for _ in 0..<blocks.count {
      var lowest: SACKBlock?
      for index in 0..<blocks.count {
        let block = blocks[index]
        // Only what was sent and is not acknowledged can be held; anything else is a mistake or an attack.
        guard block.left > after, block.right > block.left, block.right <= next else { continue }
        if let known = lowest, known.left <= block.left { continue }
        lowest = block
      }
      guard let block = lowest else { return }
      after = block.left
      for index in log.indices(from: block.left, to: block.right) where !log[index].marks.contains(.sacked) {
        let record = log[index]
        delivered(record, &delivery, isAmbiguous: false, minimum, at: now)
        log.markSacked(index)
      }
    }
  }

  @inline(__always)
  private mutating func delivered(
    _ record: TransmissionLog.Record, _ delivery: inout AcknowledgedDelivery, isAmbiguous: Bool,
    _ minimum: Interval?, at now: Instant
  ) {
    let roundTrip = now - record.sentAt
    var isAmbiguous = isAmbiguous
    if record.marks.contains(.retransmitted) {
      if let minimum, roundTrip < minimum { isAmbiguous = true }
    } else {
      delivery.roundTrip = roundTrip
    }
    rack.delivered(record, isAmbiguous: isAmbiguous, at: now)
    rate.segmentDelivered(record)
  }

  /// RFC 2883 §4: the first block tells of a duplicate when it is acknowledged already, or lies inside of the second.
  static func isDuplicate(_ blocks: SACKBlocks, acknowledgment: SequenceNumber) -> Bool {
    guard !blocks.isEmpty else { return false }
    let first = blocks[0]
    guard first.left < first.right else { return false }
    if first.right <= acknowledgment { return true }
    return blocks.count > 1 && first.left >= blocks[1].left && first.right <= blocks[1].right
  }
}
