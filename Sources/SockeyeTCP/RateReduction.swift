// Holds proportional rate reduction (RFC 9937): how much may leave for each ACK while losses are repaired, so that the
// window comes down to ssthresh evenly. It finds no loss and sets no ssthresh.

import SockeyeBytes

struct RateReduction: Sendable, Equatable {
  /// RecoverFS: octets in the network when recovery began.
  private var flightAtStart = 1
  /// prr_delivered and prr_out, octets.
  private var delivered = 0
  private var out = 0
  /// What may be in flight now, octets: inflight + SndCnt as of the last ACK.
  private(set) var window = 0

  /// Recovery begins.
  mutating func begin(flight: Int) {
    flightAtStart = max(flight, 1)
    delivered = 0
    out = 0
    window = 0
  }

  /// An ACK came during recovery (RFC 9937 §6).
  ///
  /// - Parameters:
  ///   - octets: DeliveredData.
  ///   - inflight: octets believed to be in the network after this ACK.
  ///   - threshold: ssthresh, octets.
  ///   - isSafe: SND.UNA advanced and no further loss was found.
  mutating func acknowledged(_ octets: Int, inflight: Int, threshold: Int, isSafe: Bool, segmentSize: Int) {
    if octets > 0 { delivered += octets }
    var count: Int
    if inflight > threshold {
      count =
        Int(clamping: (Int64(delivered) * Int64(threshold) + Int64(flightAtStart) - 1) / Int64(flightAtStart))
        - out
    } else {
      count = max(delivered - out, octets)
      if isSafe { count += segmentSize }
      count = min(count, threshold - inflight)
    }
    count = max(count, 0)
    // The first copy leaves whatever the arithmetic says.
    if out == 0 { count = max(count, segmentSize) }
    window = inflight + count
  }

  /// More is taken for lost between two ACKs; how much may leave stays the same.
  mutating func lost(_ octets: Int, segmentSize: Int, inflight: Int) {
    window -= octets
    if out == 0 { window = max(window, inflight + segmentSize) }
  }

  /// Octets left, new or again.
  mutating func sent(_ octets: Int) { out += octets }
}
