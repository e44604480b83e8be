// Holds the first thing that anybody does with a channel: an echo, over a wire in memory.

import NIOCore
import SockeyeNIO
import SockeyeSockets
import SockeyeSocketsTestSupport
import Testing

@Suite("NIO channels of a network")
struct EchoTests {
  @Test("a client and a server of NIO's talk, and both channels close")
  func echo() async throws {
    let pair = try Neighbours()
    let server = try await NetworkServerBootstrap(network: pair.server).childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Echo()) }
    }.bind(host: "10.1.0.2", port: 7).get()
    let answer = pair.client.eventLoop.makePromise(of: String.self)
    let client = try await pair.patientClient.channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Caller(answer)) }
    }.connect(host: "10.1.0.2", port: 7).get()
    #expect(try await answer.futureResult.get() == "hello")
    try await client.closeFuture.get()
    try await server.close()
  }

  @Test("datagrams go there and back")
  func datagrams() async throws {
    let pair = try Neighbours()
    let server = try await NetworkDatagramBootstrap(network: pair.server).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Mirror()) }
    }.bind(host: "10.1.0.2", port: 7).get()
    let answer = pair.client.eventLoop.makePromise(of: String.self)
    let client = try await NetworkDatagramBootstrap(network: pair.client).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(Listener(answer))
      }
    }.connect(host: "10.1.0.2", port: 7).get()
    try await client.writeAndFlush(ByteBuffer(string: "hello"))
    #expect(try await answer.futureResult.get() == "hello")
    try await client.close()
    try await server.close()
  }
}

/// Sends back what comes.
private final class Echo: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.write(data, promise: nil) }
  func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
}

/// Says hello, keeps the answer, and hangs up.
private final class Caller: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer
  private let answer: EventLoopPromise<String>

  init(_ answer: EventLoopPromise<String>) { self.answer = answer }

  func channelActive(context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "hello")), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    answer.succeed(String(buffer: unwrapInboundIn(data)))
    context.close(promise: nil)
  }
}

/// Sends datagrams back to where they came from.
private final class Mirror: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>
  typealias OutboundOut = AddressedEnvelope<ByteBuffer>

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.writeAndFlush(data, promise: nil) }
}

/// Keeps the first datagram.
private final class Listener: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>
  private let answer: EventLoopPromise<String>

  init(_ answer: EventLoopPromise<String>) { self.answer = answer }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    answer.succeed(String(buffer: unwrapInboundIn(data).data))
  }
}
