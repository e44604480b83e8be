// Holds NIO's WebSocket, server and client, on channels of a simulated network: the upgrade from HTTP/1, messages in order over a
// link that loses packets, ping and pong, and the closing handshake.

import NIOCore
import NIOHTTP1
import NIOWebSocket
import SockeyeNIO
import SockeyeTesting
import SockeyeTunnel
import Testing

@Suite("NIO's WebSocket in virtual time")
struct WebSocketTests {
  @Test("messages come back in order over a bad link, and both ends close", arguments: [1, 2, 3] as [UInt64])
  func echo(seed: UInt64) throws {
    let world = SimulatedNetwork(seed: seed)
    let (client, server) = (world.addHost("client"), world.addHost("server"))
    world.link(client, server, delay: .milliseconds(80), loss: 0.05)
    let address = "\(server.addresses[0])"
    let serverUpgrader = NIOWebSocketServerUpgrader(
      maxFrameSize: 1 << 16,
      shouldUpgrade: { channel, head in
        channel.eventLoop.makeSucceededFuture(head.uri == "/echo" ? HTTPHeaders() : nil)
      },
      upgradePipelineHandler: { channel, _ in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(EchoSocket())
        }
      })
    _ = NetworkServerBootstrap(network: server.network).childChannelInitializer { channel in
      channel.pipeline.configureHTTPServerPipeline(
        withServerUpgrade: (upgraders: [serverUpgrader], completionHandler: { _ in }))
    }.bind(host: address, port: 80)
    world.advance(by: .zero)

    let messages = ["first", String(repeating: "long ", count: 10_000), "last"]
    let heard = Guarded<[String]>([])
    let clientUpgrader = NIOWebSocketClientUpgrader(
      maxFrameSize: 1 << 16,
      upgradePipelineHandler: { channel, _ in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Talker(messages, heard))
        }
      })
    let connected = NetworkClientBootstrap(network: client.network).channelInitializer { channel in
      channel.pipeline.addHTTPClientHandlers(
        withClientUpgrade: (upgraders: [clientUpgrader], completionHandler: { _ in }))
    }.connect(host: address, port: 80)
    let isClosed = Guarded(false)
    connected.whenSuccess { channel in
      let headers: HTTPHeaders = ["host": address, "content-length": "0"]
      let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/echo", headers: headers)
      channel.write(HTTPClientRequestPart.head(head), promise: nil)
      channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
      channel.closeFuture.whenSuccess { isClosed.withLock { $0 = true } }
    }
    world.advance(by: .seconds(120))
    #expect(heard.withLock { $0 } == messages + ["pong", "closed"])
    #expect(isClosed.withLock { $0 })
  }
}

/// The client's end: sends all messages and a ping, closes when the answers are there, and notes what comes.
private final class Talker: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  private let messages: [String]
  private let heard: Guarded<[String]>

  init(_ messages: [String], _ heard: Guarded<[String]>) {
    self.messages = messages
    self.heard = heard
  }

  func handlerAdded(context: ChannelHandlerContext) {
    for message in messages { send(.text, ByteBuffer(string: message), context) }
    send(.ping, ByteBuffer(string: "?"), context)
    context.flush()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    switch frame.opcode {
    case .text: note(String(buffer: frame.unmaskedData))
    case .pong:
      note("pong")
      var code = ByteBuffer()
      code.write(webSocketErrorCode: .normalClosure)
      send(.connectionClose, code, context)
      context.flush()
    case .connectionClose:
      note("closed")
      context.close(promise: nil)
    default: note("\(frame.opcode)")
    }
  }

  private func note(_ text: String) { heard.withLock { $0.append(text) } }

  private func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer, _ context: ChannelHandlerContext) {
    let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: [1, 2, 3, 4], data: data)
    context.write(wrapOutboundOut(frame), promise: nil)
  }
}

/// The server's end: sends back what it gets.
private final class EchoSocket: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    let opcode = frame.opcode == .ping ? .pong : frame.opcode
    let answer = WebSocketFrame(fin: true, opcode: opcode, data: frame.unmaskedData)
    context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
    if frame.opcode == .connectionClose { context.close(mode: .output, promise: nil) }
  }
}
