// Holds what was learnt of paths: the MTU to destinations whose path takes less than the link, and for how long that is
// believed. Which messages are believed at all is decided in Stack+ICMP, who is told in Stack+Paths.

import SockeyeBytes
import SockeyeWire

/// The MTUs of paths by destination, bounded in number (RFC 1191 §6.2, RFC 8201 §5.2).
struct PathTable: ~Copyable {
  private struct Entry {
    let address: IPAddress
    /// Octets.
    var unit: Int
    /// From when on more may be tried.
    var expiry: Instant
  }

  private var entries: Slab<Entry>
  private var index = HashIndex()
  private var expiries = DeadlineHeap()
  private let key: HashKey
  private let lifetime: Interval

  /// - Parameters:
  ///   - key: for the table that strangers fill.
  ///   - limit: how many destinations are remembered.
  ///   - lifetime: how long what was learnt is believed.
  init(key: HashKey, limit: Int, lifetime: Interval) {
    entries = Slab(limit: max(1, limit))
    self.key = key
    self.lifetime = lifetime
  }

  var isEmpty: Bool { entries.count == 0 }
  /// What the table takes, octets.
  var allocatedBytes: Int { entries.count * (MemoryLayout<Entry>.stride + 40) }

  /// What the path to an address takes; nil when nothing was learnt, or when it is too long ago.
  func unit(for address: IPAddress, at now: Instant) -> Int? {
    guard !isEmpty, let key = find(address), entries[key].expiry > now else { return nil }
    return entries[key].unit
  }

  /// Whether more than was learnt may be tried towards an address again.
  func isExpired(_ address: IPAddress, at now: Instant) -> Bool {
    guard let key = find(address) else { return false }
    return entries[key].expiry <= now
  }

  /// The path to an address was found to take no more than `unit` octets. What would be more than is known already says
  /// nothing (RFC 1191 §3). When the table is full, what is nearest to its end is forgotten.
  mutating func learn(_ unit: Int, for address: IPAddress, at now: Instant) {
    if let key = find(address) {
      guard unit <= entries[key].unit || entries[key].expiry <= now else { return }
      entries[key].unit = unit
      entries[key].expiry = now + lifetime
      return expiries.set(key.index, now + lifetime)
    }
    if entries.count >= entries.limit, let earliest = expiries.earliest { forget(earliest.id) }
    let expiry = now + lifetime
    guard let key = entries.insert(Entry(address: address, unit: unit, expiry: expiry)) else { return }
    index.insert(key.index, hash: hash(of: address))
    expiries.set(key.index, expiry)
  }

  /// When the next expires; nil when there is none.
  var nextExpiry: Instant? { expiries.earliest?.deadline }

  mutating func forgetExpired(at now: Instant) {
    while let earliest = expiries.earliest, earliest.deadline <= now { forget(earliest.id) }
  }

  private mutating func forget(_ number: UInt32) {
    expiries.remove(number)
    guard let key = entries.key(at: number) else { return }
    index.remove(number, hash: hash(of: entries[key].address))
    _ = entries.remove(key)
  }

  private func find(_ address: IPAddress) -> Slab<Entry>.Key? {
    var cursor = index.cursor(for: hash(of: address))
    while let number = index.next(&cursor) {
      if let key = entries.key(at: number), entries[key].address == address { return key }
    }
    return nil
  }

  private func hash(of address: IPAddress) -> UInt64 {
    var hash = SipHash(key: key)
    address.absorb(into: &hash)
    return hash.finish()
  }
}
