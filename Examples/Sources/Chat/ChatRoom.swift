// Holds a chat server of NIO's: what somebody says, everybody else hears. It knows nothing of the network below it; the
// tests give it a bad one.

public import NIOCore
import NIOExtras

/// The people of a chat and what they hear. Each connection's channel gets the handlers of `prepare`.
///
/// It lives on one event loop, as all channels of a network of Sockeye's do; with several loops it would take a lock.
public final class ChatRoom: @unchecked Sendable {
  // Belongs to the event loop. In the order of arrival: a set's would be another one in each run.
  private var channels: [any Channel] = []
  private let eventLoop: any EventLoop

  /// - Parameter eventLoop: that of all channels.
  public init(on eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  /// Makes a channel one of the room's.
  public func prepare(_ channel: any Channel) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      try channel.pipeline.syncOperations.addHandlers([
        ByteToMessageHandler(LineBasedFrameDecoder()), ChatHandler(self),
      ])
    }
  }

  func enter(_ channel: any Channel) {
    eventLoop.assertInEventLoop()
    channels.append(channel)
  }

  func leave(_ channel: any Channel) {
    eventLoop.assertInEventLoop()
    channels.removeAll { $0 === channel }
  }

  func tell(_ line: ByteBuffer, from speaker: any Channel) {
    eventLoop.assertInEventLoop()
    var line = line
    line.writeString("\n")
    for channel in channels where channel !== speaker {
      if channel.isWritable {
        channel.writeAndFlush(line, promise: nil)
      } else {
        // Who listens too slowly must not fill the memory of those who don't.
        channel.close(promise: nil)
      }
    }
  }
}

/// One connection of a chat.
private final class ChatHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let room: ChatRoom

  init(_ room: ChatRoom) { self.room = room }

  func channelActive(context: ChannelHandlerContext) { room.enter(context.channel) }

  func channelInactive(context: ChannelHandlerContext) { room.leave(context.channel) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    room.tell(unwrapInboundIn(data), from: context.channel)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
