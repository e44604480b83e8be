// Holds the two stages on which a comparison is played: channels of NIO's own on the computer's loopback, and channels of
// two networks on a wire in memory. What is played stands in the files of cases.

import NIOCore
import NIOPosix
import SockeyeNIO
import SockeyeSockets
import SockeyeSocketsTestSupport
import SockeyeTunnel

/// Where clients and servers meet.
protocol Stage: Sendable {
  /// The server's address.
  var host: String { get }
  var clientLoop: any EventLoop { get }
  var serverLoop: any EventLoop { get }

  func bind(
    port: Int, server: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>,
    child: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
  ) -> EventLoopFuture<any Channel>

  func connect(
    to address: SocketAddress, timeout: TimeAmount?,
    _ client: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
  ) -> EventLoopFuture<any Channel>

  /// A datagram socket of the client or the server.
  func datagrams(
    ofServer: Bool, connectedTo peer: SocketAddress?,
    _ channel: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
  ) -> EventLoopFuture<any Channel>

  /// An address from which no answer to a SYN comes.
  func deafAddress() async throws -> SocketAddress

  func end() async throws
}

/// NIO's own sockets on the loopback.
final class SystemStage: Stage {
  let host = "127.0.0.1"
  private let clients = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private let servers = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  var clientLoop: any EventLoop { clients.next() }
  var serverLoop: any EventLoop { servers.next() }

  func bind(
    port: Int, server: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>,
    child: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
  ) -> EventLoopFuture<any Channel> {
    ServerBootstrap(group: servers).serverChannelInitializer(server).childChannelInitializer(child)
      .bind(host: host, port: port)
  }

  func connect(
    to address: SocketAddress, timeout: TimeAmount?,
    _ client: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
  ) -> EventLoopFuture<any Channel> {
    let bootstrap = ClientBootstrap(group: clients).channelInitializer(client)
    return (timeout.map { bootstrap.connectTimeout($0) } ?? bootstrap).connect(to: address)
  }

  func datagrams(
    ofServer: Bool, connectedTo peer: SocketAddress?,
    _ channel: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
  ) -> EventLoopFuture<any Channel> {
    let bootstrap = DatagramBootstrap(group: ofServer ? servers : clients).channelInitializer(channel)
    return peer.map { bootstrap.connect(to: $0) } ?? bootstrap.bind(host: host, port: 0)
  }

  func deafAddress() async throws -> SocketAddress {
    // A listener whose queue is full ignores SYNs.
    let listener = try await ServerBootstrap(group: servers).serverChannelOption(.backlog, value: 1)
      .serverChannelOption(.autoRead, value: false).bind(host: host, port: 0).get()
    guard let address = listener.localAddress else { throw ChannelError.unknownLocalAddress }
    for _ in 0..<4 {
      ClientBootstrap(group: clients).connect(to: address).whenFailure { _ in }
    }
    // A connection that is ignored shows that the queue is full.
    let probe = ClientBootstrap(group: clients).connectTimeout(.milliseconds(100)).connect(to: address)
    _ = try? await probe.get()
    return address
  }

  func end() async throws {
    try await clients.shutdownGracefully()
    try await servers.shutdownGracefully()
  }
}

/// Two networks on a wire.
final class NetworkStage: Stage {
  let host = "10.1.0.2"
  private let neighbours: Guarded<Neighbours?>
  let clientLoop: any EventLoop
  let serverLoop: any EventLoop

  init(_ pair: Neighbours) {
    neighbours = Guarded(pair)
    clientLoop = pair.client.eventLoop
    serverLoop = pair.server.eventLoop
  }

  convenience init() throws { self.init(try Neighbours()) }

  private var pair: Neighbours { neighbours.withLock { $0! } }

  /// Lets the networks go.
  func forget() { neighbours.withLock { $0 = nil } }

  func bind(
    port: Int, server: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>,
    child: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
  ) -> EventLoopFuture<any Channel> {
    NetworkServerBootstrap(network: pair.server).serverChannelInitializer(server).childChannelInitializer(
      child
    )
    .bind(host: host, port: port)
  }

  func connect(
    to address: SocketAddress, timeout: TimeAmount?,
    _ client: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
  ) -> EventLoopFuture<any Channel> {
    let bootstrap = pair.patientClient.channelInitializer(client)
    return (timeout.map { bootstrap.connectTimeout($0) } ?? bootstrap).connect(to: address)
  }

  func datagrams(
    ofServer: Bool, connectedTo peer: SocketAddress?,
    _ channel: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
  ) -> EventLoopFuture<any Channel> {
    let bootstrap = NetworkDatagramBootstrap(network: ofServer ? pair.server : pair.client)
      .channelInitializer(channel)
    return peer.map { bootstrap.connect(to: $0) }
      ?? bootstrap.bind(host: ofServer ? host : "10.1.0.1", port: 0)
  }

  func deafAddress() async throws -> SocketAddress {
    try SocketAddress(ipAddress: "10.1.0.99", port: 9)
  }

  func end() async throws {
    try await clientLoop.shutdownGracefully()
    try await serverLoop.shutdownGracefully()
  }
}

extension Neighbours {
  /// Opens connections, with more patience than NIO's ten seconds: a busy machine may keep a test waiting.
  var patientClient: NetworkClientBootstrap {
    NetworkClientBootstrap(network: client).connectTimeout(.minutes(10))
  }
}
