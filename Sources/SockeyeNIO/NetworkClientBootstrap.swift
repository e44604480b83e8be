// Holds how programs open TCP connections as NIO channels. How several addresses of a name are tried is in
// ConnectionAttempts.

public import NIOCore
public import SockeyeSockets

/// Opens TCP connections on a network, as NIO's `ClientBootstrap` does on the system's sockets.
///
///     let channel = try await NetworkClientBootstrap(network: network)
///       .channelInitializer { channel in
///         channel.eventLoop.makeCompletedFuture {
///           try channel.pipeline.syncOperations.addHandler(LineHandler())
///         }
///       }
///       .connect(host: "10.1.0.2", port: 80).get()
public final class NetworkClientBootstrap: NIOClientTCPBootstrapProtocol {
  private let eventLoop: NetworkEventLoop
  private var initializer: @Sendable (any Channel) -> EventLoopFuture<Void>
  private var handlers: (@Sendable () -> [any ChannelHandler])?
  private var options: ChannelOptions.Storage
  private var timeout = TimeAmount.seconds(10)
  private var localAddress: SocketAddress?
  private var resolver: any Resolver = SystemResolver()

  /// A bootstrap whose channels run on a network's event loop.
  public init(eventLoop: NetworkEventLoop) {
    self.eventLoop = eventLoop
    initializer = { $0.eventLoop.makeSucceededVoidFuture() }
    options = ChannelOptions.Storage()
    options.append(key: .tcpOption(.tcp_nodelay), value: 1)
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

  /// Prepares each channel before it is registered. Whatever the function's future waits for, connecting waits for.
  public func channelInitializer(_ handler: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>)
    -> Self
  {
    initializer = handler
    return self
  }

  /// Handlers in front of those of the initializer.
  /// - Precondition: called once at most.
  public func protocolHandlers(_ handlers: @escaping @Sendable () -> [any ChannelHandler]) -> Self {
    precondition(self.handlers == nil, "protocol handlers can only be set once")
    self.handlers = handlers
    return self
  }

  /// Sets an option of each channel; `operationUnsupported` fails the connection for options that the stack has not got.
  public func channelOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> Self {
    options.append(key: option, value: value)
    return self
  }

  /// How long connecting may take; 10 s if not set.
  public func connectTimeout(_ timeout: TimeAmount) -> Self {
    self.timeout = timeout
    return self
  }

  /// Which of the network's addresses to connect from. Port 0 lets the network choose.
  public func bind(to address: SocketAddress) -> Self {
    localAddress = address
    return self
  }

  /// How the addresses of a name are found; the computer's own way if not set. Addresses in text form need no resolver.
  public func resolver(_ resolver: some Resolver) -> Self {
    self.resolver = resolver
    return self
  }

  // MARK: Connecting

  /// Connects to an address.
  /// - Returns: the channel, active; or why there is none: `IOError` as of the system's sockets, or
  ///   `ChannelError.connectTimeout`.
  public func connect(to address: SocketAddress) -> EventLoopFuture<any Channel> {
    attempt { $0.eventLoop.makeSucceededFuture($0) }(address).result
  }

  /// Connects to the first address of a host that answers (RFC 8305 §5).
  public func connect(host: String, port: Int) -> EventLoopFuture<any Channel> {
    connect(host, port, attempt { $0.eventLoop.makeSucceededFuture($0) })
  }

  /// Fails with `operationUnsupported`: a network has no files.
  public func connect(unixDomainSocketPath: String) -> EventLoopFuture<any Channel> {
    eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
  }

  /// Connects to an address.
  /// - Parameters:
  ///   - address: whom to connect to.
  ///   - channelInitializer: prepares the channel, after the bootstrap's own initializer.
  /// - Returns: what the initializer makes of the channel, such as an `NIOAsyncChannel`.
  public func connect<Output: Sendable>(
    to address: SocketAddress,
    channelInitializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Output>
  ) async throws -> Output {
    try await attempt(channelInitializer)(address).result.get()
  }

  /// Connects to the first address of a host that answers (RFC 8305 §5).
  /// - Parameters:
  ///   - host: an address in text form, or a name that the resolver knows.
  ///   - port: of the service.
  ///   - channelInitializer: prepares each channel, after the bootstrap's own initializer.
  /// - Returns: what the initializer makes of the channel, such as an `NIOAsyncChannel`.
  public func connect<Output: Sendable>(
    host: String, port: Int,
    channelInitializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Output>
  ) async throws -> Output {
    try await connect(host, port, attempt(channelInitializer)).get()
  }

  private func connect<Output: Sendable>(
    _ host: String, _ port: Int, _ attempt: @escaping ConnectionAttempts<Output>.Attempt
  ) -> EventLoopFuture<Output> {
    if let address = try? SocketAddress(ipAddress: host, port: port) { return attempt(address).result }
    let (eventLoop, timeout, resolver) = (eventLoop, timeout, resolver)
    return eventLoop.makeFutureWithTask {
      try await resolver.addresses(of: host).interleaved.map { address in
        SocketAddress(address, port: UInt16(truncatingIfNeeded: port))
      }
    }.flatMap { addresses in
      if addresses.isEmpty {
        return eventLoop.makeFailedFuture(NetworkError.unknownHost(host))
      }
      return ConnectionAttempts(eventLoop, addresses, timeout, attempt).start()
    }
  }

  /// A function that makes one channel and connects it.
  private func attempt<Output: Sendable>(
    _ channelInitializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Output>
  ) -> ConnectionAttempts<Output>.Attempt {
    let (eventLoop, options, timeout, localAddress) = (eventLoop, options, timeout, localAddress)
    let (initializer, handlers) = (initializer, handlers)
    return { address in
      let channel = StreamChannel(eventLoop, for: address)
      let result = channel.setUp(options) { channel in
        let isBound = localAddress.map { channel.bind(to: $0) } ?? eventLoop.makeSucceededVoidFuture()
        return isBound.flatMap { initializer(channel).hop(to: eventLoop) }.flatMapThrowing {
          guard let handlers else { return }
          try channel.pipeline.syncOperations.addHandlers(handlers(), position: .first)
        }.flatMap { channelInitializer(channel) }
      } start: { channel in
        Self.connect(channel, to: address, within: timeout)
      }
      return (channel, result)
    }
  }

  private static func connect(
    _ channel: any Channel, to address: SocketAddress, within timeout: TimeAmount
  ) -> EventLoopFuture<Void> {
    let promise = channel.eventLoop.makePromise(of: Void.self)
    channel.connect(to: address, promise: promise)
    let timer = channel.eventLoop.scheduleTask(in: timeout) {
      promise.fail(ChannelError.connectTimeout(timeout))
      channel.close(promise: nil)
    }
    promise.futureResult.whenComplete { _ in timer.cancel() }
    return promise.futureResult
  }
}

@available(*, unavailable)
extension NetworkClientBootstrap: Sendable {}

extension NetworkChannel {
  /// Brings a new channel up: options, what the program wants to do with it, registration, and then its start.
  /// - Returns: what the program made of the channel. When any of it fails, the channel is closed.
  func setUp<Output: Sendable>(
    _ options: ChannelOptions.Storage,
    initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Output>,
    start: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
  ) -> EventLoopFuture<Output> {
    guard network.inEventLoop else {
      return network.flatSubmit { self.setUp(options, initializer: initializer, start: start) }
    }
    return options.applyAllChannelOptions(to: self).flatMap {
      initializer(self).hop(to: self.network)
    }.flatMap { output in
      self.register().flatMap { start(self) }.map { output }
    }.flatMapError { error in
      self.close0(error: error, mode: .all, promise: nil)
      return self.network.makeFailedFuture(error)
    }
  }
}
