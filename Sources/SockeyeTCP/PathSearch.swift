// Holds the search for the largest packet that a path takes, as far as it is arithmetic: the bounds, which size to probe
// next and when, and what a probe's fate means (RFC 4821 §7; of RFC 8899 what applies to TCP). It sends nothing and knows
// no segment but the probe; when a probe may leave and how its fate is found out is in Connection+PathSearch.

import SockeyeBytes
import SockeyeWire

/// How a connection looks for what its path takes, beside heeding "packet too big" messages (RFC 4821 §7.2).
public enum PathProbing: UInt8, Sendable, CaseIterable {
  /// By these messages alone. A path that drops large packets without a word stalls the connection for good.
  case off
  /// Packets are as large as the link and the messages say, until text of that size times out over and over
  /// (`TCPConfiguration.reportedRetransmissions`): then smaller ones are sent, and what passes is searched for.
  case blackHole
  /// From the beginning: packets of `TCPConfiguration.pathProbingBase` at first, and what passes is searched for. No
  /// connection stalls, but each begins with small packets.
  case always
}

/// One search. All sizes are octets of whole packets, IP header included.
///
/// It lies in memory of its own, for most connections never search. It belongs to one connection, which is used by one
/// thread at a time, as all of a connection is.
final class PathSearch: @unchecked Sendable {
  /// A segment under way that is larger than the others.
  struct Probe: Equatable {
    let start: SequenceNumber
    let end: SequenceNumber
    let size: Int
    /// It was lost, and its text is being sent again in segments of the usual size.
    var isLost = false
  }

  /// A size that has passed and is looked at for one more window (RFC 4821 §7.6.4).
  struct Verification: Equatable {
    let previous: Int
    let until: SequenceNumber
  }

  /// search_low, which is also eff_pmtu: what is sent.
  private(set) var size: Int
  /// search_high: nothing above it is tried.
  private(set) var limit: Int
  /// What search_low falls to when even that does not pass, and where halving ends (RFC 4821 §7.7).
  private let base: Int
  private let floor: Int

  /// The size to probe next; nil when the search has come to its end.
  private(set) var target: Int?
  private(set) var probe: Probe?
  private(set) var verification: Verification?
  /// Before this no probe leaves.
  private(set) var pauseEnd = Instant.zero
  /// `size` was lowered and nothing was acknowledged since.
  var isUnproven = false
  /// At how many timeouts of one segment `size` was last lowered.
  var timeoutsAtLowering: UInt16 = 0

  /// Steps smaller than this are not worth a probe.
  static let resolution = 8
  /// No path takes less: RFC 1191 §3, RFC 8201 §5.
  static func floor(_ version: IPVersion) -> Int { version == .v4 ? 68 : 1280 }

  /// - Parameters:
  ///   - size: what is sent now.
  ///   - limit: what the link, the peer and ICMP leave.
  ///   - base: the initial search_low.
  init(size: Int, limit: Int, base: Int, version: IPVersion) {
    floor = Self.floor(version)
    self.base = max(base, floor)
    self.size = size
    self.limit = max(limit, size)
    chooseTarget()
  }

  /// Nothing is under way and nothing will be.
  var isOver: Bool { target == nil && probe == nil && verification == nil && !isUnproven }

  // MARK: Which size

  /// What paths commonly take: jumbo frames, FDDI, Ethernet bare and with the headers of tunnels, the least of IPv6
  /// (RFC 4821 §7.3 advises to try such sizes first).
  private static var commonSizes: InlineArray<10, Int> {
    [9000, 4352, 2002, 1500, 1492, 1480, 1450, 1420, 1400, 1280]
  }

  /// `limit` was probed in this search.
  private var isTopProbed = false

  /// The top first, for most paths take what the link takes; then the middle one of the common sizes, then the middle.
  private func chooseTarget() {
    guard limit - size >= Self.resolution else {
      target = nil
      return
    }
    if !isTopProbed {
      target = limit
      return
    }
    let common = Self.commonSizes
    var between = 0
    for index in common.indices where common[index] > size && common[index] < limit { between += 1 }
    var rank = between / 2
    for index in common.indices where common[index] > size && common[index] < limit {
      target = common[index]
      if rank == 0 { return }
      rank -= 1
    }
    target = size + (limit - size + 1) / 2
  }

  // MARK: Probes

  /// A probe of `target` octets left.
  func left(from start: SequenceNumber, to end: SequenceNumber) {
    guard let target else { return }
    if target == limit { isTopProbed = true }
    probe = Probe(start: start, end: end, size: target)
  }

  /// The probe was acknowledged (RFC 4821 §7.6.1). Everything sent before `next` is watched before more is tried.
  func succeeded(next: SequenceNumber) {
    guard let passed = probe, !passed.isLost else { return probeForgotten() }
    verification = Verification(previous: size, until: next)
    size = max(size, passed.size)
    probe = nil
    chooseTarget()
  }

  /// The probe was lost and nothing else was (RFC 4821 §7.6.2).
  /// - Parameter pause: how long to wait for the next.
  func failed(pause: Interval, at now: Instant) {
    guard let lost = probe else { return }
    limit = max(size, min(limit, lost.size - 1))
    probe?.isLost = true
    pauseEnd = now + pause
    chooseTarget()
  }

  /// What became of the probe says nothing (RFC 4821 §7.6.3).
  func inconclusive(pause: Interval, at now: Instant) {
    probe = nil
    pauseEnd = now + pause
  }

  /// A lost probe's text has been repaired.
  func probeForgotten() { probe = nil }

  /// The new size has passed for a window.
  func verified() { verification = nil }

  /// A timeout while the new size was looked at (RFC 4821 §7.8): back to what was before.
  /// - Returns: whether it was.
  func fallBack(pause: Interval, at now: Instant) -> Bool {
    guard let verification else { return false }
    limit = max(verification.previous, size - 1)
    size = verification.previous
    self.verification = nil
    probe = nil
    pauseEnd = now + pause
    chooseTarget()
    return true
  }

  // MARK: Black holes and ICMP

  /// What `size` falls to when text of that size times out over and over; nil when it can't fall (RFC 4821 §7.7).
  var sizeBelow: Int? { Self.size(below: size, base: base, floor: floor) }

  static func size(below size: Int, base: Int, floor: Int) -> Int? {
    let below = size > base ? base : max(floor, size / 2)
    return below < size ? below : nil
  }

  /// Text of `size` octets timed out `timeouts` times, and nobody said that it was too big.
  func blackHoleFound(timeouts: UInt16) {
    guard let below = sizeBelow else { return }
    size = below
    isUnproven = true
    timeoutsAtLowering = timeouts
    probe = nil
    verification = nil
    chooseTarget()
  }

  /// The link, the peer or an ICMP message allows no more than this, or as much as this again. The search begins anew.
  func restart(limit: Int) {
    size = min(size, limit)
    self.limit = limit
    if let outstanding = probe, outstanding.size > limit, !outstanding.isLost { probe = nil }
    verification = nil
    isTopProbed = false
    chooseTarget()
  }

  /// The peer or the host takes no more than this.
  func cap(_ most: Int) {
    if most < limit { restart(limit: max(most, floor)) }
  }
}
