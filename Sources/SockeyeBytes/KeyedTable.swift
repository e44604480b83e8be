// Holds the hash table used for demultiplexing. It doesn't hash: the caller supplies a keyed hash, since
// strangers choose the keys.

/// An open-addressing table from a key to a small value, with hashes supplied by the caller.
///
/// Linear probing with backward-shift deletion: no tombstones, so lookups don't slow down as entries come
/// and go. The load stays at or below three quarters; storage doubles as needed and holds no reference counts
/// of its own.
@safe
public struct KeyedTable<Key: Equatable, Value>: ~Copyable {
  @usableFromInline
  struct Entry {
    @usableFromInline let key: Key
    @usableFromInline var value: Value

    @inlinable
    init(key: Key, value: Value) {
      self.key = key
      self.value = value
    }
  }

  /// One word a bucket: 0 when it is empty, else 31 bits of the hash below a set bit. They are kept apart
  /// from the entries, so that most probes read one cache line.
  @usableFromInline var tags: UnsafeMutablePointer<UInt32>?
  @usableFromInline var entries: UnsafeMutablePointer<Entry>?
  /// The number of buckets, a power of two, or 0.
  @usableFromInline var buckets: Int

  /// How many entries the table holds.
  @inlinable
  public var count: Int { storedCount }

  @usableFromInline var storedCount: Int
  /// How many entries it may hold.
  public let limit: Int

  /// An empty table without storage.
  /// - Parameter limit: how many entries it may hold; at most 2²⁹.
  @inlinable
  public init(limit: Int) {
    precondition(limit >= 0 && limit <= 1 << 29, "a table's limit lies between 0 and 2^29")
    unsafe tags = nil
    unsafe entries = nil
    buckets = 0
    storedCount = 0
    self.limit = limit
  }

  @inlinable
  deinit {
    guard let tags = unsafe tags, let entries = unsafe entries else { return }
    for bucket in 0..<buckets where unsafe tags[bucket] != 0 {
      unsafe (entries + bucket).deinitialize(count: 1)
    }
    unsafe tags.deallocate()
    unsafe entries.deallocate()
  }

  @inlinable
  static func tag(_ hash: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: hash) | 0x8000_0000
  }

  @inlinable
  static func home(_ tag: UInt32, _ buckets: Int) -> Int {
    Int(truncatingIfNeeded: tag & 0x7fff_ffff) & (buckets &- 1)
  }

  /// The bucket that holds the key.
  @inlinable
  func bucket(of key: Key, hash: UInt64) -> Int? {
    guard let tags = unsafe tags, let entries = unsafe entries else { return nil }
    let tag = Self.tag(hash)
    var bucket = Self.home(tag, buckets)
    // The load is below one, so an empty bucket ends the walk. Buckets are within the storage by the mask.
    while true {
      let found = unsafe tags[bucket]
      if found == 0 { return nil }
      if unsafe found == tag && entries[bucket].key == key { return bucket }
      bucket = (bucket &+ 1) & (buckets &- 1)
    }
  }

  /// The value stored for `key`.
  /// - Parameter hash: the keyed hash of `key`, the same one at each call.
  @inlinable
  public func find(_ key: Key, hash: UInt64) -> Value? {
    guard let bucket = bucket(of: key, hash: hash), let entries = unsafe entries else { return nil }
    return unsafe entries[bucket].value
  }

  /// Stores a value for `key`, in place of the one stored before.
  /// - Returns: false, and nothing changes, when the key is new and the limit is reached.
  @inlinable
  @discardableResult
  public mutating func insert(_ key: Key, _ value: Value, hash: UInt64) -> Bool {
    if let bucket = bucket(of: key, hash: hash), let entries = unsafe entries {
      unsafe entries[bucket].value = value
      return true
    }
    guard count < limit else { return false }
    if (count &+ 1) &* 4 > buckets &* 3 { resize(to: max(8, buckets &* 2)) }
    place(Entry(key: key, value: value), tag: Self.tag(hash))
    storedCount &+= 1
    return true
  }

  /// Takes out the entry of `key`.
  /// - Returns: its value; nil if there was none.
  @inlinable
  @discardableResult
  public mutating func remove(_ key: Key, hash: UInt64) -> Value? {
    guard var hole = bucket(of: key, hash: hash), let tags = unsafe tags, let entries = unsafe entries
    else { return nil }
    let removed = unsafe (entries + hole).move()
    storedCount &-= 1
    let mask = buckets &- 1
    var next = (hole &+ 1) & mask
    // Each follower whose home does not lie cyclically behind the hole moves into it.
    while unsafe tags[next] != 0 {
      let home = unsafe Self.home(tags[next], buckets)
      if (next &- home) & mask >= (next &- hole) & mask {
        unsafe tags[hole] = tags[next]
        unsafe (entries + hole).moveInitialize(from: entries + next, count: 1)
        hole = next
      }
      next = (next &+ 1) & mask
    }
    unsafe tags[hole] = 0
    return removed.value
  }

  /// Calls `body` with each entry, in no particular order.
  @inlinable
  public func forEachEntry<E: Error>(_ body: (Key, Value) throws(E) -> Void) throws(E) {
    guard let tags = unsafe tags, let entries = unsafe entries else { return }
    for bucket in 0..<buckets where unsafe tags[bucket] != 0 {
      try unsafe body(entries[bucket].key, entries[bucket].value)
    }
  }

  @inlinable
  mutating func place(_ entry: Entry, tag: UInt32) {
    guard let tags = unsafe tags, let entries = unsafe entries else { return }
    var bucket = Self.home(tag, buckets)
    while unsafe tags[bucket] != 0 { bucket = (bucket &+ 1) & (buckets &- 1) }
    unsafe tags[bucket] = tag
    unsafe (entries + bucket).initialize(to: entry)
  }

  @inlinable
  mutating func resize(to size: Int) {
    let oldTags = unsafe tags
    let oldEntries = unsafe entries
    let oldBuckets = buckets
    let newTags = UnsafeMutablePointer<UInt32>.allocate(capacity: size)
    unsafe newTags.initialize(repeating: 0, count: size)
    unsafe tags = newTags
    unsafe entries = .allocate(capacity: size)
    buckets = size
    guard let oldTags = unsafe oldTags, let oldEntries = unsafe oldEntries else { return }
    for bucket in 0..<oldBuckets where unsafe oldTags[bucket] != 0 {
      unsafe place((oldEntries + bucket).move(), tag: oldTags[bucket])
    }
    unsafe oldTags.deallocate()
    unsafe oldEntries.deallocate()
  }
}

// The table owns its entries outright.
extension KeyedTable: @unchecked Sendable where Key: Sendable, Value: Sendable {}
