// An input as a sequence of decisions, and bytes for parsers. Holds nothing of any target.

import SockeyeBytes
import SockeyeWire

/// Reads an input from its beginning. What is not there any more is zero.
struct FuzzInput {
  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isEmpty: Bool { offset >= bytes.count }

  mutating func byte() -> UInt8 {
    guard offset < bytes.count else { return 0 }
    offset += 1
    return bytes[offset - 1]
  }

  mutating func word() -> UInt16 {
    let high = byte()
    return UInt16(high) << 8 | UInt16(byte())
  }

  mutating func long() -> UInt32 {
    let high = word()
    return UInt32(high) << 16 | UInt32(word())
  }

  /// One of `choices`, by one byte.
  mutating func pick<Choice>(_ choices: [Choice]) -> Choice { choices[Int(byte()) % choices.count] }

  /// Up to `count` of the bytes that are left.
  mutating func take(_ count: Int) -> [UInt8] {
    let end = min(bytes.count, offset + count)
    defer { offset = end }
    return Array(bytes[offset..<end])
  }

  mutating func rest() -> [UInt8] { take(bytes.count) }
}

/// The bytes that `body` writes.
func written(_ capacity: Int, _ body: (inout OutputRawSpan) -> Void) -> [UInt8] {
  var buffer = FrameBuffer(capacity: capacity)
  buffer.fill { body(&$0) }
  return [UInt8](buffer.bytes)
}

/// The big-endian number of 16 bits at an offset.
func number(_ bytes: [UInt8], _ offset: Int) -> Int { Int(bytes[offset]) << 8 | Int(bytes[offset + 1]) }

/// Puts a checksum that is right over all of `bytes` where the field lies.
func repairChecksum(_ bytes: inout [UInt8], at field: Int, in range: Range<Int>, initial: UInt32 = 0) {
  guard range.upperBound <= bytes.count, field + 2 <= range.upperBound else { return }
  bytes[field] = 0
  bytes[field + 1] = 0
  let sum = InternetChecksum.finish(
    InternetChecksum.sum(bytes.rawSpan.extracting(range), initial: initial))
  bytes[field] = UInt8(sum >> 8)
  bytes[field + 1] = UInt8(sum & 0xff)
}
