// Holds how bytes from a stranger become lines for a terminal; it does not hold where they are printed.

/// Cuts a stream of bytes into printable lines, however it was cut into segments.
struct MessageText {
  /// The begin of a UTF-8 character whose rest has not come yet.
  private var unfinished: [UInt8] = []
  /// Longer lines are cut: a log is not where a file should end up.
  static let longestLine = 1024

  /// Lines out of what arrived, without their ends. A part of a line is a line: what was said is shown at once.
  /// - Parameters:
  ///   - bytes: what arrived.
  ///   - isLast: whether nothing follows, so that an unfinished character is shown as it is.
  mutating func lines(_ bytes: [UInt8], isLast: Bool = false) -> [String] {
    var text = unfinished + bytes
    unfinished = []
    if !isLast {
      let whole = Self.lengthOfWholeCharacters(text)
      unfinished = Array(text[whole...])
      text.removeSubrange(whole...)
    }
    if text.isEmpty { return [] }
    if text.last == 0x0A { text.removeLast() }
    return text.split(separator: 0x0A, omittingEmptySubsequences: false).map(Self.printable)
  }

  /// One line as it may be shown: control characters, with which a stranger could take over a terminal, are
  /// spelled out, and what is no UTF-8 becomes U+FFFD.
  private static func printable(_ bytes: ArraySlice<UInt8>) -> String {
    var bytes = bytes
    if bytes.last == 0x0D { bytes.removeLast() }
    var shown = bytes.prefix(longestLine)
    if shown.count < bytes.count { shown = shown.prefix(lengthOfWholeCharacters(Array(shown))) }
    var line = ""
    for scalar in String(decoding: shown, as: UTF8.self).unicodeScalars {
      switch scalar.value {
      case 0x09: line += "\t"
      case 0x00..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069:
        line += "\\u{" + String(scalar.value, radix: 16) + "}"
      default: line.unicodeScalars.append(scalar)
      }
    }
    return shown.count < bytes.count ? "\(line)… (\(bytes.count) bytes)" : line
  }

  /// How many bytes there are before a character at the end that is begun but not finished.
  private static func lengthOfWholeCharacters(_ bytes: [UInt8]) -> Int {
    for back in 1...3 where back <= bytes.count {
      let byte = bytes[bytes.count - back]
      if byte & 0xC0 == 0x80 { continue }
      let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
      return length > back ? bytes.count - back : bytes.count
    }
    return bytes.count
  }
}

/// Counts of bytes as people write them.
enum ByteCountText {
  /// Such as "1 byte", "27 bytes", "104857600 bytes (105 MB)".
  static func text(_ count: Int) -> String {
    if count < 10_000 { return count == 1 ? "1 byte" : "\(count) bytes" }
    return "\(count) bytes (\(rounded(count)))"
  }

  private static func rounded(_ count: Int) -> String {
    var (value, unit) = (Double(count), 0)
    let units = ["bytes", "KB", "MB", "GB", "TB", "PB"]
    while value >= 999.5 && unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    let tenths = Int((value * 10).rounded())
    return value < 9.95
      ? "\(tenths / 10).\(tenths % 10) \(units[unit])" : "\(Int(value.rounded())) \(units[unit])"
  }
}
