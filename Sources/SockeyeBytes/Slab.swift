// Holds the slab: elements that stay where they are until removed. What they mean is its users' affair.

/// Storage for `~Copyable` elements that stay at their place until removed, named by index and generation.
///
/// Elements lie in chunks that are allocated as the slab fills and never move, so an element is mutated in
/// place, and growth never copies. A key of a removed element never names its successor.
@safe
public struct Slab<Element: ~Copyable>: ~Copyable {
  /// Names an element for as long as it lives.
  @frozen
  public struct Key: Hashable, Sendable {
    /// The place in the slab: dense, reused after removal.
    public let index: UInt32
    /// Which of the place's successive elements is meant; always odd.
    public let generation: UInt32

    /// A key from its parts, such as a driver passes through an integer.
    @inlinable
    public init(index: UInt32, generation: UInt32) {
      self.index = index
      self.generation = generation
    }

    @inlinable
    public static func == (left: Key, right: Key) -> Bool {
      left.index == right.index && left.generation == right.generation
    }
  }

  /// Beside each element: its generation (odd while it lives) and, while free, the next free place.
  @usableFromInline
  struct Place {
    @usableFromInline var generation: UInt32
    @usableFromInline var nextFree: UInt32

    @inlinable
    init(generation: UInt32, nextFree: UInt32) {
      self.generation = generation
      self.nextFree = nextFree
    }
  }

  @usableFromInline static var endOfList: UInt32 { .max }

  /// The chunks of elements; elements never move.
  @usableFromInline var chunks: UnsafeMutablePointer<UnsafeMutablePointer<Element>>?
  /// All places in a row, apart from the elements: to see whether a key lives takes one load.
  @usableFromInline var places: UnsafeMutablePointer<Place>?
  @usableFromInline var chunkCount: Int
  @usableFromInline var chunkCapacity: Int
  /// How many places there are: those of all chunks.
  @usableFromInline var placeCount: UInt32
  @usableFromInline let chunkShift: Int
  @usableFromInline var firstFree: UInt32
  @usableFromInline var living: Int

  /// How many elements live in the slab.
  @inlinable
  public var count: Int { living }
  /// How many elements may live in it at a time.
  public let limit: Int

  /// An empty slab without storage.
  /// - Parameter limit: how many elements it may hold; at most 2³² - 2.
  @inlinable
  public init(limit: Int) {
    precondition(limit >= 0 && UInt64(limit) < UInt64(UInt32.max), "the limit fits a 32-bit index")
    self.limit = limit
    var shift = 0
    while shift < 6 && 1 << shift < limit { shift += 1 }
    chunkShift = shift
    unsafe chunks = nil
    unsafe places = nil
    chunkCount = 0
    chunkCapacity = 0
    placeCount = 0
    firstFree = Self.endOfList
    living = 0
  }

  @inlinable
  deinit {
    guard let chunks = unsafe chunks, let places = unsafe places else { return }
    for index in 0..<placeCount where unsafe places[Int(index)].generation & 1 == 1 {
      unsafe elementAddress(index).deinitialize(count: 1)
    }
    for chunkIndex in 0..<chunkCount { unsafe chunks[chunkIndex].deallocate() }
    unsafe chunks.deallocate()
    unsafe places.deallocate()
  }

  /// Takes an element in.
  /// - Returns: its key; nil, and the element is gone, when the limit is reached.
  @inlinable
  public mutating func insert(_ element: consuming Element) -> Key? {
    guard count < limit else { return nil }
    if firstFree == Self.endOfList { addChunk() }
    let index = firstFree
    let place = unsafe placeAddress(index)
    firstFree = unsafe place.pointee.nextFree
    unsafe place.pointee.generation &+= 1
    unsafe elementAddress(index).initialize(to: element)
    living &+= 1
    return Key(index: index, generation: unsafe place.pointee.generation)
  }

  /// Whether the key's element still lives here.
  // This and what it calls are inlined always: a connection is looked up some forty times a segment.
  @inlinable
  @inline(__always)
  public func contains(_ key: Key) -> Bool {
    guard key.index < placeCount else { return false }
    return unsafe placeAddress(key.index).pointee.generation == key.generation && key.generation & 1 == 1
  }

  /// The element, in place.
  /// - Precondition: `contains(key)`.
  @inlinable
  public subscript(_ key: Key) -> Element {
    @inline(__always)
    unsafeAddress {
      precondition(contains(key), "the key's element has been removed")
      return unsafe UnsafePointer(elementAddress(key.index))
    }
    @inline(__always)
    unsafeMutableAddress {
      precondition(contains(key), "the key's element has been removed")
      return unsafe elementAddress(key.index)
    }
  }

  /// Takes an element out.
  /// - Precondition: `contains(key)`.
  @inlinable
  public mutating func remove(_ key: Key) -> Element {
    precondition(contains(key), "the key's element has been removed")
    let place = unsafe placeAddress(key.index)
    unsafe place.pointee.generation &+= 1
    unsafe place.pointee.nextFree = firstFree
    firstFree = key.index
    living &-= 1
    return unsafe elementAddress(key.index).move()
  }

  /// The key of the living element at `index`, if there is one.
  @inlinable
  @inline(__always)
  public func key(at index: UInt32) -> Key? {
    guard index < placeCount else { return nil }
    let generation = unsafe placeAddress(index).pointee.generation
    return generation & 1 == 1 ? Key(index: index, generation: generation) : nil
  }

  /// The first living element's key whose index is not below `index`: to walk the slab while changing it.
  @inlinable
  public func firstKey(from index: UInt32) -> Key? {
    var candidate = index
    while candidate < placeCount {
      if let key = key(at: candidate) { return key }
      candidate &+= 1
    }
    return nil
  }

  /// Calls `body` with each living element's key, in the order of their places.
  @inlinable
  public func forEachKey<E: Error>(_ body: (Key) throws(E) -> Void) throws(E) {
    var next: UInt32 = 0
    while let key = firstKey(from: next) {
      try body(key)
      next = key.index &+ 1
    }
  }

  /// - Precondition: `index` is below `placeCount`.
  @inlinable
  @inline(__always)
  @unsafe
  func placeAddress(_ index: UInt32) -> UnsafeMutablePointer<Place> {
    unsafe places.unsafelyUnwrapped + Int(truncatingIfNeeded: index)
  }

  /// - Precondition: `index` is below `placeCount`.
  @inlinable
  @inline(__always)
  @unsafe
  func elementAddress(_ index: UInt32) -> UnsafeMutablePointer<Element> {
    let index = Int(truncatingIfNeeded: index)
    return unsafe chunks.unsafelyUnwrapped[index &>> chunkShift] + (index & ((1 &<< chunkShift) &- 1))
  }

  @inlinable
  mutating func addChunk() {
    let size = 1 << chunkShift
    if chunkCount == chunkCapacity {
      let capacity = max(4, chunkCapacity * 2)
      let moreChunks = UnsafeMutablePointer<UnsafeMutablePointer<Element>>.allocate(capacity: capacity)
      let morePlaces = UnsafeMutablePointer<Place>.allocate(capacity: capacity * size)
      if let chunks = unsafe chunks, let places = unsafe places {
        unsafe moreChunks.moveInitialize(from: chunks, count: chunkCount)
        unsafe morePlaces.moveInitialize(from: places, count: Int(placeCount))
        unsafe chunks.deallocate()
        unsafe places.deallocate()
      }
      unsafe chunks = moreChunks
      unsafe places = morePlaces
      chunkCapacity = capacity
    }
    let base = placeCount
    for offset in 0..<UInt32(truncatingIfNeeded: size) {
      let next = Int(offset) + 1 < size ? base &+ offset &+ 1 : Self.endOfList
      // The room was allocated above, for all places of `chunkCapacity` chunks.
      unsafe (places.unsafelyUnwrapped + Int(base &+ offset)).initialize(
        to: Place(generation: 0, nextFree: next))
    }
    unsafe (chunks.unsafelyUnwrapped + chunkCount).initialize(to: .allocate(capacity: size))
    chunkCount += 1
    placeCount = base &+ UInt32(truncatingIfNeeded: size)
    firstFree = base
  }
}

// The slab owns its elements outright; sending it sends them.
extension Slab: @unchecked Sendable where Element: Sendable, Element: ~Copyable {}
