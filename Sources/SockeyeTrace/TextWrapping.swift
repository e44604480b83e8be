// Breaks a sentence into lines of a given number of columns: at spaces where there are some, between East
// Asian characters, or anywhere when a word is too long.

/// Line breaking for remarks.
package enum TextWrapping {
  /// The lines of `text`, each at most `columns` columns wide; at least one, possibly empty.
  package static func wrap(_ text: String, columns: Int) -> [String] {
    let columns = max(columns, 2)
    var lines: [String] = []
    var line = ""
    var lineWidth = 0
    for word in words(text) {
      let width = DisplayWidth.of(word)
      if lineWidth + width > columns, lineWidth > 0 {
        lines.append(trimmed(line))
        line = ""
        lineWidth = 0
      }
      if lineWidth == 0, word == " " { continue }
      if width <= columns {
        line += word
        lineWidth += width
        continue
      }
      var rest = word
      while !rest.isEmpty {
        let piece = DisplayWidth.prefix(of: rest, columns: columns)
        line = piece
        lineWidth = DisplayWidth.of(piece)
        rest = String(rest.unicodeScalars.dropFirst(piece.unicodeScalars.count))
        if !rest.isEmpty { lines.append(line) }
      }
    }
    if lineWidth > 0 || lines.isEmpty { lines.append(trimmed(line)) }
    return lines
  }

  /// Words, single spaces, and single wide characters with what follows them closely, such as a quotation
  /// mark.
  private static func words(_ text: String) -> [String] {
    var result: [String] = []
    var word = ""
    for scalar in text.unicodeScalars {
      let isWide = DisplayWidth.of(scalar) == 2
      if isWide || scalar == " " {
        if !word.isEmpty { result.append(word) }
        word = isWide ? String(scalar) : ""
        if !isWide { result.append(" ") }
      } else {
        word.unicodeScalars.append(scalar)
      }
    }
    if !word.isEmpty { result.append(word) }
    return result
  }

  private static func trimmed(_ line: String) -> String {
    var scalars = line.unicodeScalars
    while scalars.last == " " { scalars.removeLast() }
    return String(scalars)
  }
}
