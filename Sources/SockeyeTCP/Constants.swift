// Numbers that the RFCs fix, each with its source. What a user may choose stands in Configuration.swift.

import SockeyeBytes

enum Constants {
  /// MSS to assume when the peer names none over IPv4 (RFC 9293 §3.7.1 MUST-15).
  static let defaultSegmentSizeIPv4 = 536
  /// The same over IPv6.
  static let defaultSegmentSizeIPv6 = 1220
  /// Ends of records that are remembered at a time.
  static let recordLimit = 256
  /// A peer that announces less is served with this much: tiny segments only multiply work (CVE-2019-11479).
  static let minimumSegmentSize = 48
  /// TCP header without options, octets.
  static let headerLength = 20
  /// The most octets of options that a TCP header has room for.
  static let optionSpace = 40
  /// Largest shift of the window field (RFC 7323 §2.3).
  static let maximumWindowShift: UInt8 = 14
  /// TS.Recent says nothing after so long a silence (RFC 7323 §5.5).
  static let timestampValidity: Interval = .hours(24 * 24)
  /// How much older the timestamp of text that fills a gap may be, milliseconds.
  static let overtakenClock: UInt32 = 500
  /// An ACK is delayed less than this (RFC 9293 §3.8.6.3 MUST-40).
  static let delayedAcknowledgmentLimit: Interval = .milliseconds(499)
  /// How long the sender's silly-window rule may hold data back: 0.1 to 1.0 s (RFC 9293 §3.8.6.2.1).
  static let sillyWindowOverride: Interval = .milliseconds(200)
  /// Duplicate ACKs that show a loss (RFC 5681 §3.2).
  static let duplicateThreshold = 3
  /// PTO before the first sample (RFC 8985 §7.2).
  static let probeTimeoutWithoutSample: Interval = .seconds(1)
  /// How long a peer may hold back the ACK of a single segment: what hosts in use take at most (RFC 8985 §7.2,
  /// TLP.max_ack_delay).
  static let probeAcknowledgmentDelay: Interval = .milliseconds(200)
  /// RTO when data begins after a lost SYN (RFC 6298 §5.7).
  static let timeoutAfterLostSynchronize: Interval = .seconds(3)
  /// Granularity of the retransmission clock (RFC 6298 §2.3).
  static let clockGranularity: Interval = .milliseconds(1)
  /// Separate pieces kept of a stream with holes; more would let a sender of crumbs use memory and time. A queue that
  /// overflows in slow start drops every second segment, so that a large window breaks into hundreds.
  static let reassemblyRanges = 1024
}
