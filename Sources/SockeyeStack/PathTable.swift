// Holds what was learnt of paths: the MTU to destinations whose path takes less than the link, and for how long that is
// believed. Which messages are believed at all is decided in Stack+ICMP, who is told in Stack+Paths.

import SockeyeBytes
import SockeyeWire

/// What is known of one path.
struct PathFinding: Equatable {
  /// Octets.
  let unit: Int
  /// Probing has come to this size: it passes. Otherwise a message said that no more does.
  let isProbed: Bool
  /// More was tried and did not pass.
  let isFinal: Bool
}

/// The MTUs of paths by destination, bounded in number (RFC 1191 §6.2, RFC 8201 §5.2).
struct PathTable: ~Copyable {
  private struct Entry {
    let address: IPAddress
    /// Octets.
    var unit: Int
    /// Probing has come to this size: it passes. Otherwise a message said that no more does.
    var isProbed: Bool
    /// More was tried and did not pass.
    var isFinal: Bool
    /// From when on more may be tried.
    var expiry: Instant

    init(address: IPAddress, _ finding: PathFinding, expiry: Instant) {
      self.address = address
      unit = finding.unit
      isProbed = finding.isProbed
      isFinal = finding.isFinal
      self.expiry = expiry
    }
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

  /// What is known of the path to an address now.
  func finding(for address: IPAddress, at now: Instant) -> PathFinding? {
    guard !isEmpty, let key = find(address), entries[key].expiry > now else { return nil }
    return PathFinding(
      unit: entries[key].unit, isProbed: entries[key].isProbed, isFinal: entries[key].isFinal)
  }

  /// What was known of the path to an address until it grew old.
  func expiredFinding(for address: IPAddress, at now: Instant) -> PathFinding? {
    guard let key = find(address), entries[key].expiry <= now else { return nil }
    return PathFinding(
      unit: entries[key].unit, isProbed: entries[key].isProbed, isFinal: entries[key].isFinal)
  }

  /// The path to an address was found to take no more than `unit` octets. What would be more than is known already says
  /// nothing (RFC 1191 §3). When the table is full, what is nearest to its end is forgotten.
  mutating func learn(_ unit: Int, for address: IPAddress, at now: Instant) {
    if let key = find(address), unit > entries[key].unit, entries[key].expiry > now { return }
    enter(PathFinding(unit: unit, isProbed: false, isFinal: true), for: address, at: now)
  }

  /// Probing has shown that the path to an address takes packets of `unit` octets (RFC 4821 §5.2).
  /// - Parameter isFinal: more was tried and did not pass.
  mutating func found(_ unit: Int, isFinal: Bool, for address: IPAddress, at now: Instant) {
    enter(PathFinding(unit: unit, isProbed: true, isFinal: isFinal), for: address, at: now)
  }

  private mutating func enter(_ finding: PathFinding, for address: IPAddress, at now: Instant) {
    if let key = find(address) {
      entries[key].unit = finding.unit
      entries[key].isProbed = finding.isProbed
      entries[key].isFinal = finding.isFinal
      entries[key].expiry = now + lifetime
      return expiries.set(key.index, now + lifetime)
    }
    if entries.count >= entries.limit, let earliest = expiries.earliest { forget(earliest.id) }
    let expiry = now + lifetime
    guard let key = entries.insert(Entry(address: address, finding, expiry: expiry)) else { return }
    index.insert(key.index, hash: hash(of: address))
    expiries.set(key.index, expiry)
  }

  /// When the next expires; nil when there is none.
  var nextExpiry: Instant? { expiries.earliest?.deadline }

  /// Forgets what is too old. What was found by probing is a start for others for as long again, who then look for more:
  /// a path that dropped large packets without a word most likely still does.
  mutating func forgetExpired(at now: Instant) {
    while let earliest = expiries.earliest, earliest.deadline <= now {
      if let key = entries.key(at: earliest.id), entries[key].isProbed, entries[key].isFinal {
        entries[key].isFinal = false
        entries[key].expiry = now + lifetime
        expiries.set(key.index, now + lifetime)
      } else {
        forget(earliest.id)
      }
    }
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
