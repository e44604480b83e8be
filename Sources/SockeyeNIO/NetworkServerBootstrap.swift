// Holds how programs take TCP connections as NIO channels.

public import NIOCore
public import SockeyeSockets

/// Listens for TCP connections on a network, as NIO's `ServerBootstrap` does on the system's sockets.
///
///     let server = try await NetworkServerBootstrap(network: network)
///       .childChannelInitializer { channel in
///         channel.pipeline.configureHTTPServerPipeline().flatMap { channel.pipeline.addHandler(Site()) }
///       }
///       .bind(host: "10.1.0.2", port: 80).get()
public final class NetworkServerBootstrap {
  private let eventLoop: NetworkEventLoop
  private var serverInitializer: @Sendable (any Channel) -> EventLoopFuture<Void>
  private var childInitializer: @Sendable (any Channel) -> EventLoopFuture<Void>
  private var serverOptions = ChannelOptions.Storage()
  private var childOptions = ChannelOptions.Storage()

  /// A bootstrap whose channels run on a network's event loop.
  public init(eventLoop: NetworkEventLoop) {
    self.eventLoop = eventLoop
    serverInitializer = { $0.eventLoop.makeSucceededVoidFuture() }
    childInitializer = { $0.eventLoop.makeSucceededVoidFuture() }
    serverOptions.append(key: .tcpOption(.tcp_nodelay), value: 1)
  }

  /// A bootstrap whose channels run on a network's event loop.
  public convenience init(network: Network) {
    self.init(eventLoop: network.eventLoop)
  }

  /// For programs that get their event loops from elsewhere.
  /// - Returns: nil when the group's loops are not a network's.
  public convenience init?(validatingGroup group: any EventLoopGroup) {
    guard let eventLoop = group.next() as? NetworkEventLoop else { return nil }
    self.init(eventLoop: eventLoop)
  }

  // MARK: Settings

  /// Prepares the listener's channel. Handlers it adds see the channels of connections as they come.
  public func serverChannelInitializer(
    _ initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
  ) -> Self {
    serverInitializer = initializer
    return self
  }

  /// Prepares each connection's channel before it is registered.
  public func childChannelInitializer(
    _ initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
  ) -> Self {
    childInitializer = initializer
    return self
  }

  /// Sets an option of the listener. Socket options hold for its connections, too.
  public func serverChannelOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> Self {
    serverOptions.append(key: option, value: value)
    return self
  }

  /// Sets an option of each connection.
  public func childChannelOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> Self {
    childOptions.append(key: option, value: value)
    return self
  }

  // MARK: Listening

  /// Listens on an address. `0.0.0.0` and `::` stand for all of a version; port 0 lets the network choose.
  /// - Returns: the listener's channel, active; or why there is none, such as an `IOError` of `EADDRINUSE`.
  public func bind(to address: SocketAddress) -> EventLoopFuture<any Channel> {
    let channel = ServerChannel(eventLoop, for: address)
    let initializer = serverInitializer
    let acceptor = acceptor
    return channel.setUp(serverOptions) { channel in
      initializer(channel).hop(to: channel.eventLoop).flatMapThrowing {
        try channel.pipeline.syncOperations.addHandler(acceptor(), name: "AcceptHandler")
        return channel
      }
    } start: {
      $0.bind(to: address)
    }
  }

  /// Listens on an address in text form.
  public func bind(host: String, port: Int) -> EventLoopFuture<any Channel> {
    do {
      return bind(to: try SocketAddress(ipAddress: host, port: port))
    } catch {
      return eventLoop.makeFailedFuture(error)
    }
  }

  /// Listens on an address.
  /// - Parameters:
  ///   - address: the network's own; unspecified stands for all of a version, and port 0 lets the network choose.
  ///   - serverBackPressureStrategy: how many connections may wait in the sequence.
  ///   - childChannelInitializer: prepares each connection's channel, after the bootstrap's own initializer.
  /// - Returns: a sequence of what the initializer makes of each connection.
  public func bind<Output: Sendable>(
    to address: SocketAddress,
    serverBackPressureStrategy: NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark? = nil,
    childChannelInitializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Output>
  ) async throws -> NIOAsyncChannel<Output, Never> {
    let channel = ServerChannel(eventLoop, for: address)
    let initializer = serverInitializer
    let acceptor = acceptor
    return try await channel.setUp(serverOptions) { channel in
      initializer(channel).hop(to: channel.eventLoop).flatMapThrowing {
        try channel.pipeline.syncOperations.addHandler(acceptor(), name: "AcceptHandler")
        return try NIOAsyncChannel<Output, Never>._wrapAsyncChannelWithTransformations(
          wrappingChannelSynchronously: channel, backPressureStrategy: serverBackPressureStrategy
        ) { child in
          child.eventLoop.flatSubmit { childChannelInitializer(child) }
        }
      }
    } start: {
      $0.bind(to: address)
    }.get()
  }

  /// Listens on an address in text form.
  /// - Returns: a sequence of what the initializer makes of each connection.
  public func bind<Output: Sendable>(
    host: String, port: Int,
    serverBackPressureStrategy: NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark? = nil,
    childChannelInitializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Output>
  ) async throws -> NIOAsyncChannel<Output, Never> {
    try await bind(
      to: try SocketAddress(ipAddress: host, port: port),
      serverBackPressureStrategy: serverBackPressureStrategy, childChannelInitializer: childChannelInitializer
    )
  }

  private var acceptor: @Sendable () -> AcceptHandler {
    let (options, initializer) = (childOptions, childInitializer)
    return { AcceptHandler(options, initializer) }
  }
}

@available(*, unavailable)
extension NetworkServerBootstrap: Sendable {}

/// Prepares the channels of connections, and closes the listener when the program winds down.
private final class AcceptHandler: ChannelInboundHandler {
  typealias InboundIn = any Channel
  typealias InboundOut = any Channel

  private let options: ChannelOptions.Storage
  private let initializer: @Sendable (any Channel) -> EventLoopFuture<Void>

  init(
    _ options: ChannelOptions.Storage,
    _ initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
  ) {
    self.options = options
    self.initializer = initializer
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let child = unwrapInboundIn(data)
    let initializer = initializer
    let loopBound = context.loopBound
    // All channels of a network have one event loop.
    options.applyAllChannelOptions(to: child).flatMap {
      initializer(child)
    }.hop(to: context.eventLoop).flatMapThrowing {
      let context = loopBound.value
      guard context.channel.isActive else { throw ChannelError.ioOnClosedChannel }
      context.fireChannelRead(Self.wrapInboundOut(child))
    }.whenFailure { error in
      child.close(promise: nil)
      loopBound.value.fireErrorCaught(error)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ChannelShouldQuiesceEvent {
      let loopBound = context.loopBound
      context.channel.close().whenFailure { loopBound.value.fireErrorCaught($0) }
    }
    context.fireUserInboundEventTriggered(event)
  }
}
