// Holds what the course's server and client do with their channels. It works on any channel, NIO's own included.

import ExampleSupport
import NIOCore

/// Greets a client and prints what it says, until it has said everything.
final class Greeter: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  func channelActive(context: ChannelHandlerContext) {
    say("\(peer(context)) has connected")
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "服务器连接成功!\n")), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    say("\(peer(context)) says: \(String(buffer: unwrapInboundIn(data)))")
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event as? ChannelEvent == .inputClosed {
      say("\(peer(context)) has finished")
      context.close(promise: nil)
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    say("\(peer(context)) is gone: \(error)")
    context.close(promise: nil)
  }

  private func peer(_ context: ChannelHandlerContext) -> String {
    guard let address = context.remoteAddress, let port = address.port else { return "somebody" }
    return "\(address.ipAddress ?? "somewhere"):\(port)"
  }
}

/// Prints what the server says, and answers its greeting with a message.
final class Answerer: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private var message: String?

  init(_ message: String) { self.message = message }

  func channelActive(context: ChannelHandlerContext) {
    say("connected")
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    say("the server says: \(String(buffer: unwrapInboundIn(data)))")
    guard let message else { return }
    self.message = nil
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: message)), promise: nil)
    // Nothing more to say; what the server still has to say arrives all the same.
    context.close(mode: .output, promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    say("the server has finished")
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    say("the server is gone: \(error)")
    context.close(promise: nil)
  }
}
