// Holds NIO's channels on simulated networks: virtual time, loss, partitions, and the same again from the same seed.

import NIOCore
import SockeyeNIO
import SockeyeTesting
import SockeyeTunnel
import Testing

@Suite("NIO channels in virtual time")
struct SimulatedTests {
  /// Sends text to a server that sends it back, over a link of 80 ms that loses every tenth packet.
  /// - Returns: when how much had come back, milliseconds and octets.
  private func echo(seed: UInt64) throws -> [[Int]] {
    let world = SimulatedNetwork(seed: seed)
    let (client, server) = (world.addHost("client"), world.addHost("server"))
    world.link(client, server, delay: .milliseconds(80), loss: 0.1)
    let address = "\(server.addresses[0])"
    _ = NetworkServerBootstrap(network: server.network).childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(EchoHandler()) }
    }.bind(host: address, port: 7)
    world.advance(by: .zero)
    let progress = Guarded<[[Int]]>([])
    _ = NetworkClientBootstrap(network: client.network).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(Sender(octets: 100_000, progress))
      }
    }.connect(host: address, port: 7)
    world.advance(by: .seconds(120))
    return progress.withLock { $0 }
  }

  @Test("a seed gives the same run, down to the time of each read", arguments: [1, 2, 3] as [UInt64])
  func deterministic(seed: UInt64) throws {
    let first = try echo(seed: seed)
    #expect(first.last?.last == 100_000)
    #expect(first.first?[0] ?? 0 >= 320)
    #expect(try echo(seed: seed) == first)
  }

  @Test("a partition is noticed by whoever connects, in the bootstrap's time")
  func partition() throws {
    let world = SimulatedNetwork(seed: 1)
    let (client, server) = (world.addHost("client"), world.addHost("server"))
    let link = world.link(client, server, delay: .milliseconds(80))
    link.cut()
    let outcome = Guarded<(String, NIODeadline)?>(nil)
    let eventLoop = client.network.eventLoop
    let start = eventLoop.now
    NetworkClientBootstrap(network: client.network).connectTimeout(.seconds(7))
      .connect(host: "\(server.addresses[0])", port: 7).whenFailure { error in
        outcome.withLock { $0 = (described(error), eventLoop.now) }
      }
    world.advance(by: .seconds(60))
    let told = try #require(outcome.withLock { $0 })
    #expect(told.0 == "Connect timeout (7 s)")
    #expect(told.1 - start == .seconds(7))
  }
}

/// Sends so much, and notes when how much has come back.
private final class Sender: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let octets: Int
  private let progress: Guarded<[[Int]]>
  private var count = 0

  init(octets: Int, _ progress: Guarded<[[Int]]>) {
    self.octets = octets
    self.progress = progress
  }

  func channelActive(context: ChannelHandlerContext) {
    context.writeAndFlush(NIOAny(ByteBuffer(repeating: 1, count: octets)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    count += unwrapInboundIn(data).readableBytes
    let milliseconds = Int(context.eventLoop.now.uptimeNanoseconds / 1_000_000)
    progress.withLock { $0.append([milliseconds, count]) }
  }
}
