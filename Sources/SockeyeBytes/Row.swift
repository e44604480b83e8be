// Holds a growable row of plain values. What they mean is its users' affair.

/// A growable row of plain values that belongs to its holder alone: an array without a reference count, so that a
/// store has no count to look at.
@safe
public struct Row<Element: BitwiseCopyable>: ~Copyable, @unchecked Sendable {
  /// Nil exactly when `capacity` is 0. Owned by the row alone, freed in deinit; the first `count` are initialized.
  @usableFromInline var storage: UnsafeMutablePointer<Element>?
  @usableFromInline var used: Int
  @usableFromInline var capacity: Int

  /// An empty row without storage.
  @inlinable
  public init() {
    unsafe storage = nil
    used = 0
    capacity = 0
  }

  @inlinable
  deinit {
    unsafe storage?.deallocate()
  }

  @inlinable
  public var count: Int { used }

  @inlinable
  public var isEmpty: Bool { used == 0 }

  /// The value at `index`.
  /// - Precondition: `index` is at least 0 and below `count`.
  @inlinable
  public subscript(_ index: Int) -> Element {
    @inline(__always)
    unsafeAddress {
      precondition(index >= 0 && index < used, "no such place in the row")
      // There is storage, since something is in it.
      return unsafe UnsafePointer(storage.unsafelyUnwrapped + index)
    }
    @inline(__always)
    unsafeMutableAddress {
      precondition(index >= 0 && index < used, "no such place in the row")
      return unsafe storage.unsafelyUnwrapped + index
    }
  }

  /// Puts a value behind the others.
  @inlinable
  public mutating func append(_ element: Element) {
    if used == capacity { grow() }
    unsafe (storage.unsafelyUnwrapped + used).initialize(to: element)
    used &+= 1
  }

  /// Takes the last value out.
  /// - Precondition: there is one.
  @inlinable
  public mutating func removeLast() -> Element {
    precondition(used > 0, "nothing is in the row")
    used &-= 1
    return unsafe storage.unsafelyUnwrapped[used]
  }

  @usableFromInline
  mutating func grow() {
    let size = max(4, capacity * 2)
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: size)
    if let storage = unsafe storage {
      unsafe larger.moveInitialize(from: storage, count: used)
      unsafe storage.deallocate()
    }
    unsafe storage = larger
    capacity = size
  }
}
