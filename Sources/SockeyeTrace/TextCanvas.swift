// A grid of terminal cells to draw on: text with wide characters, lines that join where they cross. Holds
// no idea of what is drawn: see Ladder.

/// A grid that is a fixed number of columns wide and grows downwards.
public struct TextCanvas: Sendable {
  /// One cell: what it shows, or nothing when the wide character to its left covers it.
  private struct Cell: Sendable {
    var glyph = " "
    var style = TextStyle.plain
    var isCovered = false
    /// The arms of a line through this cell: see `Arms`.
    var arms: UInt8 = 0
  }

  /// Where a line leaves a cell.
  public struct Arms: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let left = Arms(rawValue: 1)
    public static let right = Arms(rawValue: 2)
    public static let up = Arms(rawValue: 4)
    public static let down = Arms(rawValue: 8)
    public static let horizontal: Arms = [.left, .right]
    public static let vertical: Arms = [.up, .down]
  }

  public let columns: Int
  private var cells: [Cell] = []

  /// An empty canvas.
  /// - Parameter columns: how wide it is; at least 1.
  public init(columns: Int) {
    self.columns = max(columns, 1)
  }

  /// How many rows there are.
  public var rows: Int { cells.count / columns }

  /// Adds an empty row and answers its number.
  @discardableResult
  public mutating func addRow() -> Int {
    cells.append(contentsOf: repeatElement(Cell(), count: columns))
    return rows - 1
  }

  /// Draws `text` from `column` on, over what is there, cut where the row, or `end`, ends.
  /// - Returns: the column behind the text.
  @discardableResult
  public mutating func put(
    _ text: String, row: Int, column: Int, style: TextStyle = .plain, end: Int? = nil
  ) -> Int {
    let limit = min(end ?? columns, columns)
    var column = column
    for scalar in text.unicodeScalars {
      let width = DisplayWidth.of(scalar)
      if width == 0 {
        if column > 0, column <= limit { joinMark(scalar, row: row, column: column - 1) }
        continue
      }
      if column + width > limit { break }
      if column >= 0 {
        set(String(visible(scalar)), row: row, column: column, style: style)
        if width == 2 {
          set("", row: row, column: column + 1, style: style)
          cells[row * columns + column + 1].isCovered = true
        }
      }
      column += width
    }
    return column
  }

  /// Draws a piece of a line; it joins the lines that are there already.
  public mutating func connect(_ arms: Arms, row: Int, column: Int, style: TextStyle = .plain) {
    guard column >= 0, column < columns else { return }
    let joined = Arms(rawValue: cells[row * columns + column].arms).union(arms)
    set(TextCanvas.lineGlyph(joined), row: row, column: column, style: style)
    cells[row * columns + column].arms = joined.rawValue
  }

  /// Draws a horizontal line over the columns of `range`.
  public mutating func horizontal(_ range: Range<Int>, row: Int, style: TextStyle = .plain) {
    for column in range { connect(.horizontal, row: row, column: column, style: style) }
  }

  /// Adds copies of another canvas's rows, cut or filled up to this one's width.
  public mutating func append(_ other: TextCanvas, rows range: Range<Int>) {
    for row in range {
      let target = addRow()
      for column in 0..<min(columns, other.columns) {
        cells[target * columns + column] = other.cells[row * other.columns + column]
      }
    }
  }

  /// Empties the columns of `range`.
  public mutating func erase(_ range: Range<Int>, row: Int) {
    for column in range { set(" ", row: row, column: column, style: .plain) }
  }

  /// Appends a row's text, without the blanks at its end, and no line break.
  /// - Parameters:
  ///   - coloured: whether to give styles as terminal colours.
  public func appendRow(_ row: Int, coloured: Bool, to sink: inout [UInt8]) {
    let start = row * columns
    var end = start + columns
    while end > start, cells[end - 1].glyph == " ", !cells[end - 1].isCovered { end -= 1 }
    var current = TextStyle.plain
    for index in start..<end where !cells[index].isCovered {
      let cell = cells[index]
      if coloured, cell.style != current {
        current = cell.style
        sink.append(style: current)
      }
      sink.append(text: cell.glyph)
    }
    if coloured, current != .plain { sink.append(style: .plain) }
  }

  private mutating func set(_ glyph: String, row: Int, column: Int, style: TextStyle) {
    guard column < columns else { return }
    let index = row * columns + column
    // Half of a wide character cannot stay.
    if cells[index].isCovered, column > 0 { cells[index - 1].glyph = " " }
    if column + 1 < columns, cells[index + 1].isCovered { cells[index + 1] = Cell() }
    cells[index] = Cell(glyph: glyph, style: style)
  }

  private mutating func joinMark(_ scalar: Unicode.Scalar, row: Int, column: Int) {
    var index = row * columns + column
    if cells[index].isCovered, column > 0 { index -= 1 }
    cells[index].glyph.unicodeScalars.append(scalar)
  }

  /// A control character would move the terminal's cursor: it shows as a middle dot.
  private func visible(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) ? "\u{B7}" : scalar
  }

  private static func lineGlyph(_ arms: Arms) -> String {
    let glyphs = [
      " ", "╴", "╶", "─", "╵", "╯", "╰", "┴", "╷", "╮", "╭", "┬", "│", "┤", "├", "┼",
    ]
    return glyphs[Int(arms.rawValue & 15)]
  }
}

extension Array where Element == UInt8 {
  /// Ends the style before and begins `style` on a terminal.
  package mutating func append(style: TextStyle) {
    append(text: "\u{1B}[0")
    let parameters = style.ansiParameters
    if !parameters.isEmpty {
      append(0x3B)
      append(text: parameters)
    }
    append(0x6D)
  }
}
