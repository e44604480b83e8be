// Holds a first-in-first-out queue with a bound.

/// A first-in-first-out ring of values that refuses more than its bound. Storage grows up to the bound.
public struct BoundedQueue<Element> {
  @usableFromInline var storage: [Element?] = []
  @usableFromInline var head = 0
  @usableFromInline var used = 0

  /// How many elements wait.
  @inlinable
  public var count: Int { used }
  /// How many elements may wait.
  public let limit: Int

  /// An empty queue.
  /// - Parameter limit: how many elements may wait.
  @inlinable
  public init(limit: Int) {
    precondition(limit >= 0, "a limit is never negative")
    self.limit = limit
  }

  @inlinable
  public var isEmpty: Bool { used == 0 }

  /// Whether the next `append` would be refused.
  @inlinable
  public var isFull: Bool { count >= limit }

  /// The element that waits longest.
  @inlinable
  public var first: Element? { count == 0 ? nil : storage[head] }

  /// Puts an element behind the others.
  /// - Returns: false, and the element is not taken, when the queue is full.
  @inlinable
  @discardableResult
  public mutating func append(_ element: Element) -> Bool {
    guard count < limit else { return false }
    if count == storage.count { grow() }
    let tail = head &+ count
    storage[tail >= storage.count ? tail &- storage.count : tail] = element
    used &+= 1
    return true
  }

  /// Takes out the element that waits longest.
  @inlinable
  public mutating func popFirst() -> Element? {
    guard count > 0 else { return nil }
    let element = storage[head]
    storage[head] = nil
    head = head &+ 1 == storage.count ? 0 : head &+ 1
    used &-= 1
    return element
  }

  /// Takes all elements out; the storage stays.
  @inlinable
  public mutating func removeAll() {
    while popFirst() != nil {}
  }

  /// Takes out every element for which `condition` holds; the others keep their order.
  @inlinable
  public mutating func removeAll<E: Error>(where condition: (Element) throws(E) -> Bool) throws(E) {
    for _ in 0..<count {
      guard let element = popFirst() else { return }
      if try !condition(element) { append(element) }
    }
  }

  @usableFromInline
  mutating func grow() {
    let size = min(max(4, storage.count * 2), limit)
    var larger: [Element?] = []
    larger.reserveCapacity(size)
    for offset in 0..<count { larger.append(storage[(head + offset) % storage.count]) }
    while larger.count < size { larger.append(nil) }
    storage = larger
    head = 0
  }
}

extension BoundedQueue: Sendable where Element: Sendable {}
