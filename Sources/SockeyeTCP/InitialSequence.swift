// Initial sequence numbers and timestamp offsets (RFC 6528, RFC 7323 §5.4). The key comes from whoever owns the
// host's entropy.

import SockeyeBytes
import SockeyeWire

/// ISN = M + F(local address, local port, remote address, remote port, secret key), where M ticks every 4 µs
/// (RFC 9293 §3.4.1 MUST-8, SHLD-1).
public struct InitialSequenceGenerator: Sendable {
  private let key: HashKey
  private let offsetKey: HashKey

  /// - Parameters:
  ///   - key: A secret from a strong source, new with each start of the host (MUST-9).
  ///   - offsetKey: Another, for timestamp offsets.
  public init(key: HashKey, offsetKey: HashKey) {
    self.key = key
    self.offsetKey = offsetKey
  }

  public func initialSequence(for tuple: FourTuple, at now: Instant) -> SequenceNumber {
    let clock = UInt32(truncatingIfNeeded: now.nanoseconds / 4_000)
    return SequenceNumber(clock &+ UInt32(truncatingIfNeeded: tuple.hash(with: key)))
  }

  /// What is added to the millisecond clock of a connection's timestamps, so that they do not tell how long
  /// the host has been up.
  public func timestampOffset(for tuple: FourTuple) -> UInt32 {
    UInt32(truncatingIfNeeded: tuple.hash(with: offsetKey))
  }
}
