// Shows that text takes the columns a terminal gives it, and that drawing keeps columns in line.

import SockeyeTrace
import Testing

@Suite struct DisplayWidthTests {
  @Test(arguments: [
    ("", 0), ("hello", 5), ("服务器连接成功!", 15), ("客户端发送消息啦!", 17), ("한글", 4), ("ｆｕｌｌ", 8),
    ("e\u{301}", 1), ("a\u{200D}b", 2), ("│──▶", 4), ("✗ ✓ ◷ ⋮", 7), ("“”…·", 4), ("日本、", 6), ("🐟", 2),
    ("\u{AD}", 0), ("ก\u{E31}", 1),
  ])
  func width(text: String, columns: Int) {
    #expect(DisplayWidth.of(text) == columns)
  }

  @Test(arguments: [(0, ""), (1, ""), (2, "服"), (3, "服"), (4, "服务"), (5, "服务!"), (9, "服务!")])
  func prefix(columns: Int, text: String) {
    #expect(DisplayWidth.prefix(of: "服务!", columns: columns) == text)
  }

  @Test(arguments: [
    ("one two three", 7, ["one two", "three"]),
    ("one two three", 100, ["one two three"]),
    ("reads “服务器连接成功!” (22 bytes)", 16, ["reads “服务器连", "接成功!” (22", "bytes)"]),
    ("abcdefgh", 3, ["abc", "def", "gh"]),
    ("", 5, [""]),
    ("a b", 1, ["a", "b"]),
  ])
  func wrapping(text: String, columns: Int, lines: [String]) {
    #expect(TextWrapping.wrap(text, columns: columns) == lines)
  }
}

@Suite struct TextCanvasTests {
  private func line(_ canvas: TextCanvas, _ row: Int = 0, coloured: Bool = false) -> String {
    var bytes: [UInt8] = []
    canvas.appendRow(row, coloured: coloured, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func wideCharactersKeepTheirColumns() {
    var canvas = TextCanvas(columns: 10)
    canvas.addRow()
    canvas.put("服务器", row: 0, column: 1)
    canvas.put("|", row: 0, column: 8)
    #expect(line(canvas) == " 服务器 |")
    canvas.put("x", row: 0, column: 2)
    #expect(line(canvas) == "  x务器 |", "half of a wide character can't stay")
    canvas.put("y", row: 0, column: 3)
    #expect(line(canvas) == "  xy 器 |")
  }

  @Test func textIsCutWhereTheRowEnds() {
    var canvas = TextCanvas(columns: 4)
    canvas.addRow()
    #expect(canvas.put("abc服", row: 0, column: 0) == 3)
    #expect(line(canvas) == "abc")
    canvas.put("\u{1B}[2J", row: 0, column: 0)
    #expect(line(canvas) == "·[2J", "a control character never reaches the terminal")
  }

  @Test func linesJoinWhereTheyCross() {
    var canvas = TextCanvas(columns: 5)
    canvas.addRow()
    canvas.horizontal(0..<5, row: 0)
    canvas.connect(.vertical, row: 0, column: 2)
    #expect(line(canvas) == "──┼──")
    canvas.addRow()
    canvas.connect([.left, .down], row: 1, column: 1)
    canvas.connect([.up, .right], row: 1, column: 3)
    #expect(line(canvas, 1) == " ╮ ╰")
  }

  @Test func coloursEndWithTheRow() {
    var canvas = TextCanvas(columns: 5)
    canvas.addRow()
    canvas.put("ab", row: 0, column: 0, style: .strong)
    #expect(line(canvas, coloured: true) == "\u{1B}[0;1mab\u{1B}[0m")
    #expect(line(canvas) == "ab")
  }
}
