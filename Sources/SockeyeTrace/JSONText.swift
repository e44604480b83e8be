// A JSON encoder just large enough for one flat object a line (RFC 8259): keys, strings, integers,
// decimals, booleans, nested objects, arrays. It keeps no state: a comma is due exactly when the last byte
// written does not open an object or array. Holds no schema: the keys are in TraceJSON.

extension Array where Element == UInt8 {
  /// Opens an object, as a value of `key` if one is given.
  package mutating func openJSON(_ key: String? = nil) {
    if let key { appendJSONKey(key) } else { separateJSON() }
    append(0x7B)
  }

  /// Closes the object opened last.
  package mutating func closeJSON() {
    append(0x7D)
  }

  package mutating func appendJSON(_ key: String, _ value: String) {
    appendJSONKey(key)
    appendJSONString(value)
  }

  package mutating func appendJSON(_ key: String, _ value: UInt64) {
    appendJSONKey(key)
    append(decimal: value)
  }

  package mutating func appendJSON(_ key: String, _ value: Int) {
    appendJSONKey(key)
    append(decimal: value)
  }

  package mutating func appendJSON(_ key: String, _ value: Bool) {
    appendJSONKey(key)
    append(text: value ? "true" : "false")
  }

  /// A number with six decimals.
  package mutating func appendJSON(_ key: String, millionths value: UInt64) {
    appendJSONKey(key)
    append(decimal: value / 1_000_000)
    append(0x2E)
    append(decimal: value % 1_000_000, width: 6)
  }

  /// A number with nine decimals.
  package mutating func appendJSON(_ key: String, billionths value: UInt32) {
    appendJSONKey(key)
    append(decimal: UInt64(value / 1_000_000_000))
    append(0x2E)
    append(decimal: UInt64(value % 1_000_000_000), width: 9)
  }

  /// Opens an array.
  package mutating func openJSONArray(_ key: String) {
    appendJSONKey(key)
    append(0x5B)
  }

  /// Closes the array opened last.
  package mutating func closeJSONArray() {
    append(0x5D)
  }

  private mutating func appendJSONKey(_ key: String) {
    separateJSON()
    appendJSONString(key)
    append(0x3A)
  }

  /// A comma, unless this is the first member of its object or array, or the first value of its line.
  private mutating func separateJSON() {
    switch last {
    case nil, 0x7B, 0x5B, 0x3A, 0x0A: return
    case .some: append(0x2C)
    }
  }

  /// A string in quotes. RFC 8259 §7: the quote, the backslash and control characters below U+0020 are
  /// escaped; the rest is the string's own UTF-8.
  private mutating func appendJSONString(_ value: String) {
    append(0x22)
    for byte in value.utf8 {
      switch byte {
      case 0x22, 0x5C:
        append(0x5C)
        append(byte)
      case 0x0A: append(text: "\\n")
      case 0x0D: append(text: "\\r")
      case 0x09: append(text: "\\t")
      case 0..<0x20:
        append(text: "\\u00")
        append(0x30 + byte >> 4)
        let low = byte & 0xF
        append(low < 10 ? 0x30 + low : 0x57 + low)
      case _: append(byte)
      }
    }
    append(0x22)
  }
}
