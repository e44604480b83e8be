// Holds the results of a bulk transfer as whole numbers with their units. How they are printed is the tool's affair.

public import SockeyeBytes
public import SockeyeStack
public import SockeyeTCP

/// Why a transfer did not come to its end.
public enum BulkFailure: Sendable, Equatable {
  /// An end of the connection was closed before everything had arrived.
  case closed(CloseReason)
  /// The receiver's application read something else than was written, at this octet of the stream.
  case wrongContent(at: UInt64)
  /// Virtual time was up.
  case outOfTime
  /// Neither host, nor anything on the way, would ever do anything again.
  case stalled
  /// A host refused a call.
  case refused
}

/// What one transfer came to.
public struct BulkFlowReport: Sendable, Equatable {
  public let algorithm: CongestionControlAlgorithm
  /// Octets that the receiver's application has read and found right.
  public let delivered: UInt64
  /// From the call that opened the connection to the last octet read; of a failed one to the end of the run.
  public let elapsed: Interval
  /// Segments with text that the sender has sent, copies included.
  public let segments: UInt64
  /// Segments with text of which something had been sent before.
  public let retransmitted: UInt64
  /// Of these, the ones that were needless: all of their text had reached the receiver, or was on a way on which it
  /// did, when they were sent.
  public let spurious: UInt64
  /// Segments with new text that arrived unharmed and were not taken: the receiver keeps a bounded number of pieces above
  /// a gap (`DropReason.reassemblyFull`), and none with a timestamp of before (RFC 7323 §5.3).
  public let refused: UInt64
  /// How the sender's connection stood at its end, with its own counters.
  public let status: ConnectionStatus?
  public let failure: BulkFailure?

  /// Bits of content a second over the whole transfer: the handshake and slow start count, headers and copies don't.
  public var goodput: UInt64 { Ratio.bitsPerSecond(delivered, in: elapsed) }
  /// Times that the retransmission timer ran out.
  public var timeouts: UInt64 { UInt64(status?.statistics.retransmissionTimeouts ?? 0) }
}

/// What a run came to.
public struct BulkReport: Sendable, Equatable {
  public let configuration: BulkConfiguration
  public let flows: [BulkFlowReport]
  /// The direction of the data, and that of the acknowledgments.
  public let dataLink: LinkStatistics
  public let acknowledgmentLink: LinkStatistics
  /// Segments that the receiving host did not use, by reason; copies are among them.
  public let receiverDrops: DropCounters
  /// From the opening of the connections to the last octet read.
  public let elapsed: Interval
  /// From the arrival of half of all octets, in whatever order, to the last octet read: what a transfer without end would
  /// come to, if the first half was enough to get there.
  public let secondHalf: Interval
  /// What each transfer had delivered when the first of them was done.
  public let deliveredTogether: [UInt64]

  /// Octets that all receivers have read.
  public var delivered: UInt64 { flows.reduce(0) { $0 + $1.delivered } }
  /// Bits of content a second, all transfers together, over the whole run: handshakes and slow start count, headers and
  /// copies don't.
  public var goodput: UInt64 { Ratio.bitsPerSecond(delivered, in: elapsed) }
  /// The goodput of the second half.
  public var goodputOfSecondHalf: UInt64 { Ratio.bitsPerSecond(delivered - delivered / 2, in: secondHalf) }
  /// The goodput's share of the link's rate, in millionths. Headers alone keep it under 0.966 (1448 of 1500 octets).
  public var share: UInt64 { Ratio.millionths(goodput, of: configuration.bitsPerSecond) }
  public var shareOfSecondHalf: UInt64 {
    Ratio.millionths(goodputOfSecondHalf, of: configuration.bitsPerSecond)
  }
  public var segments: UInt64 { flows.reduce(0) { $0 + $1.segments } }
  public var retransmitted: UInt64 { flows.reduce(0) { $0 + $1.retransmitted } }
  public var spurious: UInt64 { flows.reduce(0) { $0 + $1.spurious } }
  public var refused: UInt64 { flows.reduce(0) { $0 + $1.refused } }
  public var timeouts: UInt64 { flows.reduce(0) { $0 + $1.timeouts } }
  /// Jain's index of what each transfer had delivered when the first was done, in millionths.
  public var fairness: UInt64 { Ratio.fairness(deliveredTogether) }
  /// The first transfer that failed, counted from 0, and why.
  public var failure: (flow: Int, failure: BulkFailure)? {
    for (number, flow) in flows.enumerated() {
      if let failure = flow.failure { return (number, failure) }
    }
    return nil
  }
}
