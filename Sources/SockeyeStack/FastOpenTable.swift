// Holds what was learnt of servers that do Fast Open: their cookies and segment sizes, and where it went wrong
// (RFC 7413 §4.1.3). Who uses it is in Stack+FastOpen.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

/// Cookies by the two addresses, bounded in number and age.
struct FastOpenTable: ~Copyable {
  private struct Entry {
    let local: IPAddress
    let remote: IPAddress
    var cookie: FastOpenCookie?
    /// MSS, octets.
    var segmentSize: Int?
    /// Until when it is not tried.
    var pausedUntil = Instant.zero

    init(local: IPAddress, remote: IPAddress) {
      self.local = local
      self.remote = remote
    }
  }

  /// What was not renewed for so long is forgotten.
  static var lifetime: Interval { .hours(24) }
  /// How long nothing is tried after a failure.
  static var pause: Interval { .minutes(10) }

  private var entries: Slab<Entry>
  private var index = HashIndex()
  private var expiries = DeadlineHeap()
  private let key: HashKey

  init(key: HashKey, limit: Int) {
    entries = Slab(limit: max(1, limit))
    self.key = key
  }

  /// What the table takes, octets.
  var allocatedBytes: Int { entries.count * (MemoryLayout<Entry>.stride + 40) }

  /// What a SYN to a server carries: a cookie, or the request of one; nil: nothing, for it went wrong lately.
  mutating func attempt(
    from local: IPAddress, to remote: IPAddress, at now: Instant
  ) -> (cookie: FastOpenCookie, segmentSize: Int?)? {
    forgetExpired(at: now)
    guard let key = find(local, remote) else { return (.request, nil) }
    if entries[key].pausedUntil > now { return nil }
    guard let cookie = entries[key].cookie else { return (.request, nil) }
    return (cookie, entries[key].segmentSize)
  }

  /// Takes note of what came of it. When the table is full, what is nearest to its end is forgotten.
  mutating func note(_ result: FastOpenResult, from local: IPAddress, to remote: IPAddress, at now: Instant) {
    guard result.cookie != nil || result.isRefused, let key = findOrInsert(local, remote) else { return }
    if let cookie = result.cookie {
      entries[key].cookie = cookie
      entries[key].segmentSize = result.segmentSize
    }
    if result.isRefused { entries[key].pausedUntil = now + Self.pause }
    expiries.set(key.index, now + Self.lifetime)
  }

  private mutating func findOrInsert(_ local: IPAddress, _ remote: IPAddress) -> Slab<Entry>.Key? {
    if let key = find(local, remote) { return key }
    if entries.count >= entries.limit, let earliest = expiries.earliest { forget(earliest.id) }
    guard let key = entries.insert(Entry(local: local, remote: remote)) else { return nil }
    index.insert(key.index, hash: hash(local, remote))
    return key
  }

  private mutating func forgetExpired(at now: Instant) {
    while let earliest = expiries.earliest, earliest.deadline <= now { forget(earliest.id) }
  }

  private mutating func forget(_ number: UInt32) {
    expiries.remove(number)
    guard let key = entries.key(at: number) else { return }
    index.remove(number, hash: hash(entries[key].local, entries[key].remote))
    _ = entries.remove(key)
  }

  private func find(_ local: IPAddress, _ remote: IPAddress) -> Slab<Entry>.Key? {
    if entries.count == 0 { return nil }
    var cursor = index.cursor(for: hash(local, remote))
    while let number = index.next(&cursor) {
      if let key = entries.key(at: number), entries[key].remote == remote, entries[key].local == local {
        return key
      }
    }
    return nil
  }

  private func hash(_ local: IPAddress, _ remote: IPAddress) -> UInt64 {
    var hash = SipHash(key: key)
    local.absorb(into: &hash)
    remote.absorb(into: &hash)
    return hash.finish()
  }
}
