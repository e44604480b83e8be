// The code of the getting-started articles, compiled and run, and a check that the articles show this very text.

import Foundation
import SockeyeSockets
import SockeyeTesting
import SockeyeWire
import Testing

// example: sockets
/// Answers each line that a client sends with the same line, backwards.
func serve(_ network: Network, port: UInt16) async throws {
  let listener = try await network.listen(port: port)
  try await withThrowingDiscardingTaskGroup { group in
    for try await connection in listener {
      group.addTask {
        for try await chunk in connection.chunks {
          try await connection.write(chunk.reversed())
        }
        try await connection.finish()
      }
    }
  }
}

/// Sends a text, and returns the whole answer.
func ask(_ network: Network, _ server: Endpoint, _ text: String) async throws -> String {
  try await network.withConnection(to: server) { connection in
    try await connection.write(text)
    try await connection.finish()
    var answer: [UInt8] = []
    for try await chunk in connection.chunks { answer += chunk }
    return String(decoding: answer, as: UTF8.self)
  }
}
// end of example

@Suite("the articles' code")
struct ArticleTests {
  // example: testing
  @Test("the answer comes, even if every tenth packet is lost")
  func lossyAnswer() async throws {
    let network = SimulatedNetwork(seed: 1)
    let client = network.addHost("client")
    let server = network.addHost("server")
    network.link(client, server, delay: .milliseconds(80), loss: 0.1)

    let answer = try await network.run {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await serve(server.network, port: 7) }
        // The server begins to listen before time passes.
        try await network.clock.sleep(for: .milliseconds(1))
        let answer = try await ask(client.network, server.endpoint(port: 7), "hello")
        group.cancelAll()
        return answer
      }
    }
    #expect(answer == "olleh")
  }
  // end of example

  @Test(
    "the articles show this very text",
    arguments: [
      ("sockets", "SockeyeSockets"), ("testing", "SockeyeTesting"),
    ])
  func articles(example: String, target: String) throws {
    let here = URL(fileURLWithPath: #filePath)
    let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let source = try String(contentsOf: here, encoding: .utf8)
    let article = try String(
      contentsOf: root.appendingPathComponent("Sources/\(target)/\(target).docc/GettingStarted.md"),
      encoding: .utf8)
    let marker = "// example: \(example)\n"
    let start = try #require(source.range(of: marker))
    let rest = source[start.upperBound...]
    let end = try #require(rest.range(of: "// end of example"))
    let text = rest[..<end.lowerBound].split(separator: "\n", omittingEmptySubsequences: false)
    // The article shows it without the indentation of a suite.
    let indent = text.first.map { $0.prefix { $0 == " " }.count } ?? 0
    let shown = text.map { String($0.dropFirst($0.isEmpty ? 0 : indent)) }.joined(separator: "\n")
    #expect(article.contains(shown.trimmingCharacters(in: .newlines)))
  }
}
