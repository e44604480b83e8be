// Shows how what strangers send becomes lines for a terminal.

import Testing

@testable import SockeyeCommand

@Suite struct MessageTextTests {
  @Test(arguments: [
    ("hello", ["hello"]), ("hello\n", ["hello"]), ("a\r\nb\r\n", ["a", "b"]), ("\n", [""]),
    ("a\n\nb", ["a", "", "b"]),
    ("客户端发送消息啦!\n", ["客户端发送消息啦!"]), ("tab\there", ["tab\there"]), ("", []),
    ("\u{1b}[2J", ["\\u{1b}[2J"]), ("a\u{7}\u{9b}b", ["a\\u{7}\\u{9b}b"]), ("x\u{202e}y", ["x\\u{202e}y"]),
  ])
  func lines(text: String, lines: [String]) {
    var message = MessageText()
    #expect(message.lines(Array(text.utf8)) == lines)
  }

  @Test func aCharacterMayComeInPieces() {
    var message = MessageText()
    var lines: [String] = []
    for byte in "消息".utf8 { lines += message.lines([byte]) }
    #expect(lines == ["消", "息"])
  }

  @Test func whatIsNoTextIsReplaced() {
    var message = MessageText()
    #expect(message.lines([0x61, 0xFF, 0x62]) == ["a\u{FFFD}b"])
    #expect(message.lines([0xE6, 0xB6]) == [])
    #expect(message.lines([], isLast: true) == ["\u{FFFD}"])
    // Continuation bytes without a beginning are not waited for.
    #expect(message.lines([0x80, 0x80, 0x80, 0x80]).count == 1)
  }

  @Test func aLongLineIsCutBetweenCharacters() {
    var message = MessageText()
    let line = message.lines(Array(String(repeating: "消", count: 1000).utf8))
    #expect(line == [String(repeating: "消", count: 341) + "… (3000 bytes)"])
  }

  @Test(arguments: [
    (0, "0 bytes"), (1, "1 byte"), (9999, "9999 bytes"), (10_000, "10000 bytes (10 KB)"),
    (100_000_000, "100000000 bytes (100 MB)"), (1_234_567, "1234567 bytes (1.2 MB)"),
    (999_999, "999999 bytes (1.0 MB)"),
  ])
  func counts(bytes: Int, text: String) {
    #expect(ByteCountText.text(bytes) == text)
  }
}
