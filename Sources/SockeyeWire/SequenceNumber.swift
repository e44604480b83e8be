// Holds the modular arithmetic of TCP sequence numbers. What is in a window is SockeyeTCP's affair.

/// A TCP sequence number: a point on a circle of 2³² (RFC 9293 §3.4).
///
/// The comparisons say which of two points less than 2³¹ apart comes first. That is no total order — of three
/// points each can come "before" the next — so the type is not `Comparable`.
@frozen
public struct SequenceNumber: Equatable, Hashable, Sendable {
  /// The number as it is on the wire.
  public var rawValue: UInt32

  @inlinable
  public init(_ rawValue: UInt32) {
    self.rawValue = rawValue
  }

  @inlinable
  public static func == (left: SequenceNumber, right: SequenceNumber) -> Bool {
    left.rawValue == right.rawValue
  }

  /// The point `distance` further on the circle.
  @inlinable
  public static func + (sequence: SequenceNumber, distance: Int) -> SequenceNumber {
    SequenceNumber(sequence.rawValue &+ UInt32(truncatingIfNeeded: distance))
  }

  /// The point `distance` back on the circle.
  @inlinable
  public static func - (sequence: SequenceNumber, distance: Int) -> SequenceNumber {
    SequenceNumber(sequence.rawValue &- UInt32(truncatingIfNeeded: distance))
  }

  @inlinable
  public static func += (sequence: inout SequenceNumber, distance: Int) {
    sequence = sequence + distance
  }

  @inlinable
  public static func -= (sequence: inout SequenceNumber, distance: Int) {
    sequence = sequence - distance
  }

  /// How far `left` lies after `right`, between -2³¹ and 2³¹ - 1; negative when it lies before.
  @inlinable
  public static func - (left: SequenceNumber, right: SequenceNumber) -> Int {
    Int(Int32(bitPattern: left.rawValue &- right.rawValue))
  }

  @inlinable
  public static func < (left: SequenceNumber, right: SequenceNumber) -> Bool {
    Int32(bitPattern: left.rawValue &- right.rawValue) < 0
  }

  @inlinable
  public static func <= (left: SequenceNumber, right: SequenceNumber) -> Bool {
    Int32(bitPattern: left.rawValue &- right.rawValue) <= 0
  }

  @inlinable
  public static func > (left: SequenceNumber, right: SequenceNumber) -> Bool {
    Int32(bitPattern: left.rawValue &- right.rawValue) > 0
  }

  @inlinable
  public static func >= (left: SequenceNumber, right: SequenceNumber) -> Bool {
    Int32(bitPattern: left.rawValue &- right.rawValue) >= 0
  }

  /// Whether this point lies before the other.
  @inlinable
  public func isBefore(_ other: SequenceNumber) -> Bool { self < other }

  /// Whether this point lies after the other.
  @inlinable
  public func isAfter(_ other: SequenceNumber) -> Bool { self > other }

  /// The one of two points that lies further on.
  @inlinable
  public static func later(_ left: SequenceNumber, _ right: SequenceNumber) -> SequenceNumber {
    left < right ? right : left
  }

  /// The one of two points that lies further back.
  @inlinable
  public static func earlier(_ left: SequenceNumber, _ right: SequenceNumber) -> SequenceNumber {
    right < left ? right : left
  }
}

extension SequenceNumber: CustomStringConvertible {
  public var description: String { "\(rawValue)" }
}
