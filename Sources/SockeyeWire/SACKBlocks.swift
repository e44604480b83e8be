// Holds the blocks of a selective acknowledgment. Which are reported is SockeyeTCP's affair.

/// A range of sequence numbers held by the receiver (RFC 2018 §3): from `left` up to, not with, `right`.
@frozen
public struct SACKBlock: Equatable, Hashable, Sendable {
  public var left: SequenceNumber
  public var right: SequenceNumber

  @inlinable
  public init(left: SequenceNumber, right: SequenceNumber) {
    self.left = left
    self.right = right
  }
}

/// Up to four blocks, which is what 40 bytes of options hold, in place.
@frozen
public struct SACKBlocks: Equatable, Sendable {
  // The edges as two vectors, so that a segment without blocks, as nearly all are, costs two stores and not eight.
  // Lanes not in use are zero, but for an authentication option that lies in them (AuthenticationOption.swift).
  @usableFromInline var lefts: SIMD4<UInt32>
  @usableFromInline var rights: SIMD4<UInt32>
  @usableFromInline var used: UInt8

  /// How many blocks fit.
  @inlinable
  public static var limit: Int { 4 }

  @inlinable
  public init() {
    lefts = .zero
    rights = .zero
    used = 0
  }

  /// The lanes of the third and fourth block. Setting them takes those two blocks away.
  @usableFromInline
  var spareLanes: (UInt32, UInt32, UInt32, UInt32) {
    get { (lefts[2], rights[2], lefts[3], rights[3]) }
    set {
      used = min(used, 2)
      lefts[2] = newValue.0
      rights[2] = newValue.1
      lefts[3] = newValue.2
      rights[3] = newValue.3
    }
  }

  @inlinable
  public var count: Int { Int(used) }

  @inlinable
  public var isEmpty: Bool { used == 0 }

  /// The block at `index`, in the order of the wire.
  /// - Precondition: `index` is below `count`.
  @inlinable
  public subscript(_ index: Int) -> SACKBlock {
    precondition(index >= 0 && index < count, "no such block")
    return SACKBlock(left: SequenceNumber(lefts[index]), right: SequenceNumber(rights[index]))
  }

  /// Puts a block behind the others.
  /// - Returns: false, and nothing changes, when there is no room.
  @inlinable
  @discardableResult
  public mutating func append(_ block: SACKBlock) -> Bool {
    guard count < SACKBlocks.limit else { return false }
    lefts[count] = block.left.rawValue
    rights[count] = block.right.rawValue
    used &+= 1
    return true
  }
}
