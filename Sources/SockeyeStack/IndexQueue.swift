// Holds a first-in, first-out queue of small indices in which each index stands at most once and can be
// taken out from the middle. It does not hold what the indices stand for.

import SockeyeBytes

/// A queue of slab indices: each at most once, O(1) to append, take and remove.
///
/// It is the stack's way of remembering which connections have something to send or to tell, without a scan
/// over all of them and without an allocation a segment: the links grow only when a larger index is first seen.
struct IndexQueue: ~Copyable {
  /// The neighbours of a queued index; for one that is not queued, `previous` is `absent`.
  struct Links: BitwiseCopyable {
    var previous: UInt32
    var next: UInt32
  }

  /// Stands for "no neighbour on this side".
  private static var end: UInt32 { .max }
  /// Stands for "not in the queue". No slab is large enough to reach either mark.
  private static var absent: UInt32 { .max - 1 }

  private var links = Row<Links>()
  private var head = IndexQueue.end
  private var tail = IndexQueue.end

  /// The index that has waited longest.
  var first: UInt32? { head == Self.end ? nil : head }

  /// The index that came last.
  var last: UInt32? { tail == Self.end ? nil : tail }

  var isEmpty: Bool { head == Self.end }

  @inline(__always)
  func contains(_ index: UInt32) -> Bool {
    Int(index) < links.count && links[Int(index)].previous != Self.absent
  }

  /// Puts an index at the end, unless it is queued already.
  mutating func append(_ index: UInt32) {
    while links.count <= Int(index) {
      links.append(Links(previous: Self.absent, next: Self.end))
    }
    guard links[Int(index)].previous == Self.absent else { return }
    links[Int(index)] = Links(previous: tail, next: Self.end)
    if tail == Self.end {
      head = index
    } else {
      links[Int(tail)].next = index
    }
    tail = index
  }

  /// Takes an index out, wherever it stands; one that is not queued is left alone.
  mutating func remove(_ index: UInt32) {
    guard contains(index) else { return }
    let around = links[Int(index)]
    if around.previous == Self.end {
      head = around.next
    } else {
      links[Int(around.previous)].next = around.next
    }
    if around.next == Self.end {
      tail = around.previous
    } else {
      links[Int(around.next)].previous = around.previous
    }
    links[Int(index)].previous = Self.absent
  }

  /// Lets the first index wait behind all others.
  mutating func rotate() {
    guard head != tail else { return }
    let index = head
    remove(index)
    append(index)
  }
}
