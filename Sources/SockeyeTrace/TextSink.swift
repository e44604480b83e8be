// Appending text and numbers to a caller's bytes. Every output of this module (trace lines, JSON lines,
// ladders) is UTF-8 appended to an `[UInt8]`, so that a caller can batch lines and write them in one system
// call. Holds no format of its own: those are in TraceText, TraceJSON and Ladder.

extension Array where Element == UInt8 {
  /// Appends the UTF-8 of `text`.
  @inlinable
  package mutating func append(text: String) {
    append(contentsOf: text.utf8)
  }

  /// Appends `value` in decimal, left-padded with `pad` up to `width` digits.
  package mutating func append(decimal value: UInt64, width: Int = 0, pad: UInt8 = 0x30) {
    let start = count
    var rest = value
    repeat {
      append(0x30 + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    } while rest > 0
    while count - start < width { append(pad) }
    self[start...].reverse()
  }

  /// Appends `value` in decimal with its sign.
  package mutating func append(decimal value: Int) {
    if value < 0 { append(0x2D) }
    append(decimal: UInt64(value.magnitude))
  }
}

/// `value` in decimal, padded with zeros to `width` digits.
package func decimal(_ value: UInt64, width: Int = 0) -> String {
  var bytes: [UInt8] = []
  bytes.append(decimal: value, width: width)
  return String(decoding: bytes, as: UTF8.self)
}
