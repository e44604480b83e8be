// Holds the upper half of sequence numbers (RFC 5925 §6.2), which no segment carries.

import SockeyeStack

/// Counts how often a direction's sequence numbers have gone round (SNE), by the newest one seen.
struct SequenceExtension {
  /// The newest number, with what is above its 32 bits.
  private(set) var newest: UInt64

  /// - Parameter initial: the direction's initial sequence number, whose extension is zero.
  init(initial: SequenceNumber) { newest = UInt64(initial.rawValue) }

  /// The number in full: the one nearest to the newest, so that what was sent before numbers went round and comes after
  /// it, or again, has the extension it had.
  func full(_ sequence: SequenceNumber) -> UInt64 {
    let distance = Int32(bitPattern: sequence.rawValue &- UInt32(truncatingIfNeeded: newest))
    return newest &+ UInt64(bitPattern: Int64(distance))
  }

  /// Takes note of a number that is certain.
  /// - Returns: whether none newer was seen before.
  @discardableResult
  mutating func advance(to full: UInt64) -> Bool {
    guard Int64(bitPattern: full &- newest) >= 0 else { return false }
    newest = full
    return true
  }
}
