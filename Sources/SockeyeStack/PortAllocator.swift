// Holds how ephemeral ports are drawn. Whether a port is free is for the tables of connections and sockets to say.

import SockeyeBytes
import SockeyeWire

/// Draws ephemeral ports that nobody outside can foretell (RFC 6056 §3.3, A-10).
///
/// Each draw begins at a keyed hash of both ends and of a counter, so that neither one destination's ports nor
/// the host's as a whole form a sequence, and goes on with the next port while a port is taken.
struct PortAllocator {
  private let key: HashKey
  private let lowest: Int
  /// How many ports there are to choose from.
  let count: Int
  private var draws: UInt64 = 0

  init(key: HashKey, range: ClosedRange<UInt16>) {
    self.key = key
    // Port 0 is nobody's.
    lowest = max(1, Int(range.lowerBound))
    count = max(1, Int(range.upperBound) - lowest + 1)
  }

  /// Where to begin looking for a port towards a remote end; with `port(_:from:)` for each step from there.
  mutating func draw(local: IPAddress, remote: Endpoint) -> Int {
    draws &+= 1
    var hash = SipHash(key: key)
    local.absorb(into: &hash)
    remote.address.absorb(into: &hash)
    hash.absorb(UInt64(remote.port))
    hash.absorb(draws)
    return Int(hash.finish() % UInt64(count))
  }

  /// The port a number of steps behind the first one drawn.
  func port(_ step: Int, from start: Int) -> UInt16 {
    UInt16(truncatingIfNeeded: lowest + (start + step) % count)
  }
}

extension IPAddress {
  /// Takes the address into a keyed hash.
  func absorb(into hash: inout SipHash) {
    switch self {
    case .v4(let address):
      hash.absorb(UInt64(address.rawValue))
    case .v6(let address):
      hash.absorb(address.high)
      hash.absorb(address.low)
    }
  }
}
