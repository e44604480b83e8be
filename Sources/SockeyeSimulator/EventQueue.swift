// The events of virtual time, earliest first; those of one instant in the order they were added, so that a
// run is the same run every time. Holds no meaning of events: see World.

import SockeyeBytes

/// A binary heap ordered by time, then by order of arrival.
struct EventQueue<Element> {
  fileprivate struct Entry {
    let at: Instant
    let order: UInt64
    let element: Element

    func isBefore(_ other: Entry) -> Bool {
      at == other.at ? order < other.order : at < other.at
    }
  }

  private var heap: [Entry] = []
  private var added: UInt64 = 0

  var isEmpty: Bool { heap.isEmpty }
  var count: Int { heap.count }
  /// When the earliest event happens.
  var earliest: Instant? { heap.first?.at }

  mutating func add(_ element: Element, at: Instant) {
    heap.append(Entry(at: at, order: added, element: element))
    added += 1
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].isBefore(heap[parent]) else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes the earliest event out.
  mutating func next() -> Element? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink()
    }
    return first.element
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < heap.count else { return }
      if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
      guard heap[child].isBefore(heap[parent]) else { return }
      heap.swapAt(child, parent)
      parent = child
    }
  }
}

extension EventQueue.Entry: Sendable where Element: Sendable {}
extension EventQueue: Sendable where Element: Sendable {}
