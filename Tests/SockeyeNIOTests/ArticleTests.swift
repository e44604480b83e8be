// The code of the getting-started article, compiled and run, and a check that the article shows this very text.

import Foundation
import NIOCore
import SockeyeNIO
import SockeyeSockets
import SockeyeSocketsTestSupport
import Testing

// example: nio
/// Sends everything back in capital letters.
final class Shouter: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let text = String(buffer: unwrapInboundIn(data)).uppercased()
    context.write(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
  }

  func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
}

/// Listens on a port of a network.
func shout(on network: Network, address: String, port: Int) async throws -> any Channel {
  try await NetworkServerBootstrap(network: network)
    .childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Shouter()) }
    }
    .bind(host: address, port: port).get()
}

/// Sends a text, and returns the first answer.
func ask(_ network: Network, _ text: String, of address: String, port: Int) async throws -> String? {
  let bootstrap = NetworkClientBootstrap(network: network).connectTimeout(.minutes(1))
  let client = try await bootstrap.connect(host: address, port: port) { channel in
    channel.eventLoop.makeCompletedFuture {
      try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
    }
  }
  return try await client.executeThenClose { inbound, outbound in
    try await outbound.write(ByteBuffer(string: text))
    for try await answer in inbound { return String(buffer: answer) }
    return nil
  }
}
// end of example

@Suite("the article's code")
struct ArticleTests {
  @Test("the answer comes")
  func answer() async throws {
    let pair = try Neighbours()
    let server = try await shout(on: pair.server, address: "10.1.0.2", port: 7)
    #expect(try await ask(pair.client, "hello", of: "10.1.0.2", port: 7) == "HELLO")
    try await server.close()
  }

  @Test("the article shows this very text")
  func article() throws {
    let here = URL(fileURLWithPath: #filePath)
    let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let source = try String(contentsOf: here, encoding: .utf8)
    let article = try String(
      contentsOf: root.appendingPathComponent("Sources/SockeyeNIO/SockeyeNIO.docc/GettingStarted.md"),
      encoding: .utf8)
    let start = try #require(source.range(of: "// example: nio\n"))
    let rest = source[start.upperBound...]
    let end = try #require(rest.range(of: "// end of example"))
    #expect(article.contains("```swift\n\(rest[..<end.lowerBound])```"))
  }
}
