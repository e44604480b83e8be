// Holds the structure over many deadlines that yields the earliest. What a deadline is for isn't known here.

/// An indexed heap of deadlines: one deadline an identifier, O(log n) to set and remove, O(1) to see the
/// first.
///
/// Identifiers are dense small numbers that the caller chooses, such as a slab's indices: the heap keeps four
/// bytes for each up to the largest one used.
public struct DeadlineHeap: ~Copyable, Sendable {
  @usableFromInline
  struct Entry: BitwiseCopyable, Sendable {
    @usableFromInline let deadline: Instant
    @usableFromInline let id: UInt32

    @inlinable
    init(deadline: Instant, id: UInt32) {
      self.deadline = deadline
      self.id = id
    }

    /// Ties go to the smaller identifier, so that the order doesn't depend on history.
    @inlinable
    func isBefore(_ other: Entry) -> Bool {
      deadline < other.deadline || (deadline == other.deadline && id < other.id)
    }
  }

  /// A four-ary heap: the children of i are 4i+1 to 4i+4.
  @usableFromInline var heap = Row<Entry>()
  /// For each identifier, its place in the heap plus one; 0 when it has no deadline.
  private var places = Row<UInt32>()

  public init() {}

  /// How many identifiers have a deadline.
  public var count: Int { heap.count }

  /// The first deadline and whose it is; nil when there is none.
  @inlinable
  public var earliest: (id: UInt32, deadline: Instant)? {
    heap.isEmpty ? nil : (heap[0].id, heap[0].deadline)
  }

  /// Whether `popDue` would find something.
  @inlinable
  public func isDue(at now: Instant) -> Bool {
    !heap.isEmpty && heap[0].deadline <= now
  }

  /// The deadline of `id`, if it has one.
  public func deadline(of id: UInt32) -> Instant? {
    guard let place = place(of: id) else { return nil }
    return heap[place].deadline
  }

  /// Gives `id` a deadline, in place of the one it had.
  public mutating func set(_ id: UInt32, _ deadline: Instant) {
    let entry = Entry(deadline: deadline, id: id)
    if let place = place(of: id) {
      let old = heap[place]
      if entry.isBefore(old) { siftUp(entry, from: place) } else { siftDown(entry, from: place) }
      return
    }
    while places.count <= Int(id) { places.append(0) }
    heap.append(entry)
    siftUp(entry, from: heap.count &- 1)
  }

  /// Takes the deadline of `id` away; nothing happens when it has none.
  public mutating func remove(_ id: UInt32) {
    guard let place = place(of: id) else { return }
    places[Int(id)] = 0
    let last = heap.removeLast()
    guard place < heap.count else { return }
    if place > 0 && last.isBefore(heap[(place &- 1) / 4]) {
      siftUp(last, from: place)
    } else {
      siftDown(last, from: place)
    }
  }

  /// Takes away and returns the identifier with the earliest deadline, if that is not after `now`.
  public mutating func popDue(at now: Instant) -> UInt32? {
    guard isDue(at: now) else { return nil }
    let id = heap[0].id
    remove(id)
    return id
  }

  private func place(of id: UInt32) -> Int? {
    guard Int(id) < places.count, places[Int(id)] != 0 else { return nil }
    return Int(places[Int(id)] &- 1)
  }

  private mutating func put(_ entry: Entry, at place: Int) {
    heap[place] = entry
    places[Int(entry.id)] = UInt32(truncatingIfNeeded: place &+ 1)
  }

  private mutating func siftUp(_ entry: Entry, from place: Int) {
    var place = place
    while place > 0 {
      let parent = (place &- 1) / 4
      guard entry.isBefore(heap[parent]) else { break }
      put(heap[parent], at: place)
      place = parent
    }
    put(entry, at: place)
  }

  private mutating func siftDown(_ entry: Entry, from place: Int) {
    var place = place
    while true {
      let firstChild = place &* 4 &+ 1
      guard firstChild < heap.count else { break }
      var least = firstChild
      for child in firstChild..<min(firstChild &+ 4, heap.count) where heap[child].isBefore(heap[least]) {
        least = child
      }
      guard heap[least].isBefore(entry) else { break }
      put(heap[least], at: place)
      place = least
    }
    put(entry, at: place)
  }
}
