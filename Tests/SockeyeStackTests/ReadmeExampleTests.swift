// The README's library example, compiled and run, and a check that the README shows this very text.

import Foundation
import SockeyeStack
import Testing

// example
/// Two hosts in one process: the client says hello, and what the server reads is returned.
func sayHello() throws -> String {
  let now = Instant.zero
  var server = Stack(configuration: StackConfiguration(keys: StackKeys(seed: 1)))
  var client = Stack(configuration: StackConfiguration(keys: StackKeys(seed: 2)))
  let serverLink = try server.addInterface(
    InterfaceConfiguration(addresses: [AddressPrefix(parsing: "10.0.0.1/24")!]))
  let clientLink = try client.addInterface(
    InterfaceConfiguration(addresses: [AddressPrefix(parsing: "10.0.0.2/24")!]))

  let listener = try server.listen(on: ListenEndpoint(port: 3401))
  let connection = try client.connect(to: Endpoint(parsing: "10.0.0.1:3401")!, at: now)
  _ = try [UInt8]("hello".utf8).withRawSpan { try client.write(connection, $0, at: now) }

  // The driver's work: carry frames until neither side has one. A real one also waits for `nextDeadline`.
  var frame = FrameBuffer(capacity: 1500)
  var carried = true
  while carried {
    carried = false
    while frame.fill({ client.nextFrame(into: &$0) }) != nil {
      server.receive(frame.bytes, on: serverLink, at: now)
      carried = true
    }
    while frame.fill({ server.nextFrame(into: &$0) }) != nil {
      client.receive(frame.bytes, on: clientLink, at: now)
      carried = true
    }
  }

  guard let accepted = try server.accept(listener) else { return "" }
  var text = FrameBuffer(capacity: 1024)
  _ = try text.fill { try server.read(accepted, into: &$0, at: now) }
  return String(decoding: [UInt8](text.bytes), as: UTF8.self)
}
// end of example

@Suite struct ReadmeExampleTests {
  @Test func theExampleRuns() throws {
    #expect(try sayHello() == "hello")
  }

  @Test func theReadmeShowsThisText() throws {
    let here = URL(fileURLWithPath: #filePath)
    let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let source = try String(contentsOf: here, encoding: .utf8)
    let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
    let start = try #require(source.range(of: "// example\n"))
    let end = try #require(source.range(of: "// end of example"))
    #expect(readme.contains(source[start.upperBound..<end.lowerBound]))
  }
}
