// Holds what becomes of a connection that was allowed: another one to where the client wanted to go, and everything carried
// from one to the other.

import ExampleSupport
import NIOCore
import NIOPosix
import SockeyeSockets
import SockeyeStack
import Synchronization

/// Connects to where a client wanted to go and carries both directions. Each side's end, in order or not, becomes the
/// other's.
func relay(_ client: TCPConnection) async {
  // The client's connection has its destination for a local end.
  let name = "\(client.peer) > \(client.local)"
  let carried = Carried()
  do {
    let outside = try await connect(to: client.local)
    try await outside.executeThenClose { inbound, outbound in
      try await withThrowingTaskGroup { group in
        group.addTask {
          for try await chunk in client.chunks {
            carried.out.add(chunk.count, ordering: .relaxed)
            try await outbound.write(ByteBuffer(bytes: chunk))
          }
          outbound.finish()
        }
        group.addTask {
          for try await buffer in inbound {
            carried.back.add(buffer.readableBytes, ordering: .relaxed)
            try await client.write(Array(buffer.readableBytesView))
          }
          try await client.finish()
        }
        try await group.waitForAll()
      }
    }
    say("closed \(name): \(carried)")
  } catch {
    // Whatever broke outside, the client's connection breaks, too.
    await client.abort()
    say("broken \(name): \(carried), \(error)")
  }
}

/// Connects by the system's own sockets.
private func connect(to destination: Endpoint) async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
  try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .channelOption(.allowRemoteHalfClosure, value: true)
    .connect(host: "\(destination.address)", port: Int(destination.port)) { channel in
      channel.eventLoop.makeCompletedFuture {
        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
          wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
      }
    }
}

/// How much a connection has carried.
private final class Carried: CustomStringConvertible, Sendable {
  let out = Atomic<Int>(0)
  let back = Atomic<Int>(0)

  var description: String {
    "\(out.load(ordering: .relaxed)) octets out, \(back.load(ordering: .relaxed)) back"
  }
}
