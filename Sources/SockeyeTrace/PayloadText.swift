// How bytes that applications send and read are shown: as text when they are text, as a count otherwise.

/// Payloads for people.
package enum PayloadText {
  /// The bytes as text, or nil when they aren't printable UTF-8.
  package static func text(_ bytes: [UInt8]) -> String? {
    guard !bytes.isEmpty, bytes.count <= 400, let text = String(validating: bytes, as: UTF8.self) else {
      return nil
    }
    for scalar in text.unicodeScalars where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) {
      return nil
    }
    return text
  }

  /// The bytes in quotes, shortened if need be, with their count: “hello” (5 bytes); or the count alone.
  package static func describe(_ bytes: [UInt8], columns: Int = 40) -> String {
    let count = bytes.count == 1 ? "1 byte" : "\(bytes.count) bytes"
    guard let text = text(bytes) else { return count }
    return quote(text, columns: columns) + " (" + count + ")"
  }

  /// The text in quotes, at most `columns` wide with them.
  package static func quote(_ text: String, columns: Int) -> String {
    if DisplayWidth.of(text) + 2 <= columns { return "“" + text + "”" }
    return "“" + DisplayWidth.prefix(of: text, columns: max(columns - 3, 0)) + "…”"
  }
}
