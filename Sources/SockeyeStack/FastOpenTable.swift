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
  private let pause: Interval

  private var entries: Slab<Entry>
  private var index = HashIndex()
  private var expiries = DeadlineHeap()
  private let key: HashKey

  init(key: HashKey, limit: Int, pause: Interval) {
    self.pause = pause
    entries = Slab(limit: max(1, limit))
    self.key = key
  }

  /// What the table takes, octets.
  var allocatedBytes: Int { entries.count * (MemoryLayout<Entry>.stride + 40) }

  /// What a SYN to a server carries; nil: nothing, for it went wrong lately.
  mutating func attempt(
    from local: IPAddress, to remote: IPAddress, needsCookie: Bool, at now: Instant
  ) -> FastOpenAttempt? {
    forgetExpired(at: now)
    guard let key = find(local, remote) else { return FastOpenAttempt(cookie: needsCookie ? .request : nil) }
    if entries[key].pausedUntil > now { return nil }
    let size = entries[key].segmentSize
    if !needsCookie { return FastOpenAttempt(cookie: nil, segmentSize: size) }
    return FastOpenAttempt(cookie: entries[key].cookie ?? .request, segmentSize: size)
  }

  /// Takes note of what came of it. When the table is full, what is nearest to its end is forgotten.
  mutating func note(_ result: FastOpenResult, from local: IPAddress, to remote: IPAddress, at now: Instant) {
    let isWorthAPlace = result.cookie != nil || result.isRefused || result.accepted > 0
    guard let key = isWorthAPlace ? findOrInsert(local, remote) : find(local, remote) else { return }
    if let cookie = result.cookie { entries[key].cookie = cookie }
    // RFC 7413 §4.1.3: the MSS of the last answer.
    if let size = result.segmentSize { entries[key].segmentSize = size }
    if result.isRefused { entries[key].pausedUntil = now + pause }
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
