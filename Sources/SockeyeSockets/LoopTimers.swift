// Holds what is to be done at a time, earliest first, and in the order of asking at the same time.

import HeapModule
package import SockeyeBytes

/// Functions that wait for their time.
package struct LoopTimers {
  /// Names one of them.
  package struct Token: Hashable, Sendable {
    fileprivate let number: UInt64
  }

  private struct Entry: Comparable {
    let time: Instant
    let number: UInt64

    static func < (one: Entry, other: Entry) -> Bool {
      (one.time, one.number) < (other.time, other.number)
    }
  }

  private var heap = Heap<Entry>()
  private var actions: [UInt64: () -> Void] = [:]
  private var latest: UInt64 = 0

  package init() {}

  package var isEmpty: Bool { actions.isEmpty }

  /// When the first of them is due.
  package var earliest: Instant? { heap.min?.time }

  package mutating func add(at time: Instant, _ action: @escaping () -> Void) -> Token {
    latest += 1
    heap.insert(Entry(time: time, number: latest))
    actions[latest] = action
    return Token(number: latest)
  }

  package mutating func cancel(_ token: Token) -> Bool {
    guard actions.removeValue(forKey: token.number) != nil else { return false }
    // Its place in the heap goes when it comes to the top, or when such places outnumber the others.
    if heap.count > 64, heap.count > 2 * actions.count {
      heap = Heap(heap.unordered.filter { actions[$0.number] != nil })
    }
    dropCancelled()
    return true
  }

  private mutating func dropCancelled() {
    while let first = heap.min, actions[first.number] == nil { heap.removeMin() }
  }

  /// Takes out the next one that is due.
  package mutating func next(at now: Instant) -> (() -> Void)? {
    guard let first = heap.min, first.time <= now else { return nil }
    heap.removeMin()
    let action = actions.removeValue(forKey: first.number)
    dropCancelled()
    return action
  }
}
