// Holds the byte ring of a connection's send and receive buffers. Which bytes beyond the readable ones
// have been stored is not remembered here: the receive buffer's reassembly keeps those ranges.

/// A bounded ring of bytes. Offsets count from the first unread byte.
///
/// Storage is allocated on the first store, grows geometrically up to the capacity, and may be given back
/// when nothing or little is held. In steady state nothing is allocated, and a byte is moved by growth only a few times
/// on average, as long as the capacity itself grows by a quarter at a time.
///
///     |<--------- count: readable -------->|<-- stored out of order, with holes -->|   free   |
///     0                                                                         extent     capacity
@safe
public struct ByteRing: ~Copyable, @unchecked Sendable {
  /// Nil exactly when `allocatedBytes` is 0. Owned by the ring alone, freed in deinit.
  @usableFromInline var storage: UnsafeMutableRawPointer?
  /// The size of the storage in bytes.
  public internal(set) var allocatedBytes: Int
  /// Where in the storage the first unread byte lies.
  @usableFromInline var head: Int

  /// The bound on `extent`, in bytes.
  public internal(set) var capacity: Int
  /// Bytes that can be read, without a hole.
  public internal(set) var count: Int
  /// The end of the furthest byte held, readable or stored out of order. Never less than `count`.
  public internal(set) var extent: Int

  /// The smallest storage that is allocated, unless the capacity is smaller.
  @usableFromInline static var smallestAllocation: Int { 1024 }

  /// An empty ring without storage.
  /// - Parameter capacity: the bound on the bytes held.
  public init(capacity: Int) {
    precondition(capacity >= 0, "a capacity is never negative")
    unsafe storage = nil
    allocatedBytes = 0
    head = 0
    count = 0
    extent = 0
    self.capacity = capacity
  }

  deinit {
    unsafe storage?.deallocate()
  }

  /// Bytes that can still be appended.
  @inlinable
  public var free: Int { capacity &- count }

  /// Changes the bound; it is never set below what is held.
  public mutating func setCapacity(_ capacity: Int) {
    self.capacity = max(capacity, extent)
  }

  /// Appends as much of `bytes` as fits behind the readable ones. Bytes stored out of order at the same
  /// offsets are replaced.
  /// - Returns: how many bytes were taken.
  public mutating func append(_ bytes: RawSpan) -> Int {
    let taken = min(bytes.byteCount, free)
    guard taken > 0 else { return 0 }
    place(bytes.extracting(first: taken), at: count)
    count &+= taken
    return taken
  }

  /// Stores bytes out of order; they become readable by `commit`.
  /// - Precondition: `offset` is not below `count`, and the bytes fit in the capacity.
  public mutating func store(_ bytes: RawSpan, at offset: Int) {
    precondition(
      offset >= count && offset <= capacity && bytes.byteCount <= capacity &- offset,
      "stored bytes must lie between the readable ones and the capacity")
    guard !bytes.isEmpty else { return }
    place(bytes, at: offset)
  }

  /// Copies bytes behind the readable ones and sums them in the same pass. They become readable by `commit`, when the sum
  /// is right, or are forgotten by `forgetStored`.
  /// - Returns: their partial sum as `InternetChecksum.sum` would return it.
  /// - Precondition: the bytes fit, and nothing is stored out of order.
  public mutating func storeAndSum(_ bytes: RawSpan) -> UInt32 {
    let length = bytes.byteCount
    precondition(length <= free && extent == count, "the bytes must fit behind the readable ones")
    let end = count &+ length
    if end > allocatedBytes { grow(toHold: end) }
    guard length > 0, let storage = unsafe storage else { return 0 }
    let start = position(of: count)
    let first = min(length, allocatedBytes &- start)
    extent = end
    return unsafe bytes.withUnsafeBytes { source in
      guard let from = source.baseAddress else { return 0 }
      // As in `place`.
      let sum = unsafe SummingLoops.copyAndSum(from, to: storage + start, count: first)
      let joined = InternetChecksum.joining(0, native: sum)
      guard first < length else { return joined }
      let rest = unsafe SummingLoops.copyAndSum(from + first, to: storage, count: length &- first)
      return InternetChecksum.combine(
        joined, InternetChecksum.joining(0, native: rest), bOffsetIsOdd: first & 1 == 1)
    }
  }

  /// Makes `n` stored bytes that follow the readable ones readable.
  /// - Precondition: they have been stored.
  public mutating func commit(_ n: Int) {
    precondition(n >= 0 && n <= extent &- count, "only stored bytes can be committed")
    count &+= n
  }

  /// Forgets all bytes stored out of order.
  public mutating func forgetStored() {
    extent = count
  }

  /// Moves as many readable bytes as there are, or as `out` has room for, out of the ring.
  /// - Returns: how many bytes were moved.
  @_lifetime(out: copy out)
  public mutating func read(into out: inout OutputRawSpan) -> Int {
    let moved = min(count, out.freeCapacity)
    copy(from: 0, count: moved, into: &out)
    discard(moved)
    return moved
  }

  /// Drops bytes from the front.
  /// - Precondition: `n` is at most `count`.
  public mutating func discard(_ n: Int) {
    precondition(n >= 0 && n <= count, "only readable bytes can be dropped")
    count &-= n
    extent &-= n
    head = extent == 0 ? 0 : position(of: n)
  }

  /// Copies readable bytes and leaves them in the ring.
  /// - Precondition: the bytes are readable, and `out` has room for them.
  @_lifetime(out: copy out)
  public func copy(from offset: Int, count length: Int, into out: inout OutputRawSpan) {
    checkReadable(offset, length)
    precondition(length <= out.freeCapacity, "no room for the bytes")
    guard length > 0, let storage = unsafe storage else { return }
    let start = position(of: offset)
    let first = min(length, allocatedBytes &- start)
    unsafe out.withUnsafeMutableBytes { buffer, written in
      guard let base = buffer.baseAddress else { return }
      // Both pieces lie within the storage, and their sum within the room checked above.
      let target = unsafe base + written
      unsafe target.copyMemory(from: storage + start, byteCount: first)
      unsafe (target + first).copyMemory(from: storage, byteCount: length &- first)
      written &+= length
    }
  }

  /// Copies readable bytes, leaves them in the ring, and sums them in the same pass.
  /// - Returns: their partial sum as `InternetChecksum.sum` would return it.
  /// - Precondition: the bytes are readable, and `out` has room for them.
  @_lifetime(out: copy out)
  public func copyAndSum(
    from offset: Int, count length: Int, into out: inout OutputRawSpan
  ) -> UInt32 {
    checkReadable(offset, length)
    precondition(length <= out.freeCapacity, "no room for the bytes")
    guard length > 0, let storage = unsafe storage else { return 0 }
    let start = position(of: offset)
    let first = min(length, allocatedBytes &- start)
    return unsafe out.withUnsafeMutableBytes { buffer, written in
      guard let base = buffer.baseAddress else { return 0 }
      // As in `copy`.
      let target = unsafe base + written
      written &+= length
      let sum = unsafe SummingLoops.copyAndSum(storage + start, to: target, count: first)
      let joined = InternetChecksum.joining(0, native: sum)
      guard first < length else { return joined }
      let rest = unsafe SummingLoops.copyAndSum(storage, to: target + first, count: length &- first)
      return InternetChecksum.combine(
        joined, InternetChecksum.joining(0, native: rest), bOffsetIsOdd: first & 1 == 1)
    }
  }

  /// Lends the readable bytes in at most two pieces; the second may be empty.
  public func withReadableBytes<R: ~Copyable, E: Error>(
    _ body: (RawSpan, RawSpan) throws(E) -> R
  ) throws(E) -> R {
    guard count > 0, let storage = unsafe storage else { return try body(RawSpan(), RawSpan()) }
    let first = min(count, allocatedBytes &- head)
    // Both pieces lie within the storage, which lives as long as self, and have been written.
    let front = unsafe UnsafeRawBufferPointer(start: storage + head, count: first)
    let back = unsafe UnsafeRawBufferPointer(start: storage, count: count &- first)
    return unsafe try body(RawSpan(_unsafeBytes: front), RawSpan(_unsafeBytes: back))
  }

  /// Gives the storage back when nothing is held, readable or stored.
  public mutating func releaseIfEmpty() {
    guard extent == 0 else { return }
    unsafe storage?.deallocate()
    unsafe storage = nil
    allocatedBytes = 0
    head = 0
  }

  /// Gives most of the storage back when less than a quarter of it is in use. Room for as much again as is held stays, so
  /// that whoever trims and grows in turn moves no more than was stored in between.
  public mutating func trim() {
    guard extent > 0 else { return releaseIfEmpty() }
    let size = max(2 * extent, min(ByteRing.smallestAllocation, capacity))
    if extent < allocatedBytes / 4, size < allocatedBytes { move(toStorageOf: size) }
  }

  @inline(__always)
  func checkReadable(_ offset: Int, _ length: Int) {
    precondition(
      offset >= 0 && length >= 0 && offset <= count && length <= count &- offset,
      "only readable bytes can be copied")
  }

  /// Where in the storage the byte at `offset` lies. The offset is at most the size of the storage.
  @inline(__always)
  func position(of offset: Int) -> Int {
    let position = head &+ offset
    return position >= allocatedBytes ? position &- allocatedBytes : position
  }

  /// Copies bytes into the storage at `offset`, which the caller has checked against the capacity.
  private mutating func place(_ bytes: RawSpan, at offset: Int) {
    let end = offset &+ bytes.byteCount
    if end > allocatedBytes { grow(toHold: end) }
    guard let storage = unsafe storage else { return }
    let start = position(of: offset)
    let first = min(bytes.byteCount, allocatedBytes &- start)
    unsafe bytes.withUnsafeBytes { source in
      guard let from = source.baseAddress else { return }
      // Both pieces lie within the storage: it holds `end` bytes, and `start` is within it.
      unsafe (storage + start).copyMemory(from: from, byteCount: first)
      unsafe storage.copyMemory(from: from + first, byteCount: source.count &- first)
    }
    extent = max(extent, end)
  }

  /// Moves everything held into a larger storage.
  private mutating func grow(toHold needed: Int) {
    var size = max(allocatedBytes, ByteRing.smallestAllocation)
    while size < needed {
      let (doubled, overflow) = size.multipliedReportingOverflow(by: 2)
      size = overflow ? needed : doubled
    }
    move(toStorageOf: max(min(size, capacity), needed))
  }

  /// - Precondition: `size` is no less than `extent`, and not zero.
  private mutating func move(toStorageOf size: Int) {
    let larger = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    if let storage = unsafe storage {
      let first = min(extent, allocatedBytes &- head)
      // Holes between stored ranges are copied along; nobody reads them before they are stored.
      unsafe larger.copyMemory(from: storage + head, byteCount: first)
      unsafe (larger + first).copyMemory(from: storage, byteCount: extent &- first)
      unsafe storage.deallocate()
    }
    unsafe storage = larger
    allocatedBytes = size
    head = 0
  }
}
