// Holds how programs open UDP sockets as NIO channels.

public import NIOCore
public import SockeyeSockets

/// Opens UDP sockets on a network, as NIO's `DatagramBootstrap` does on the system's.
///
/// Their handlers read and write `AddressedEnvelope<ByteBuffer>`.
public final class NetworkDatagramBootstrap {
  private let eventLoop: NetworkEventLoop
  private var initializer: @Sendable (any Channel) -> EventLoopFuture<Void>
  private var options = ChannelOptions.Storage()

  /// A bootstrap whose channels run on a network's event loop.
  public init(eventLoop: NetworkEventLoop) {
    self.eventLoop = eventLoop
    initializer = { $0.eventLoop.makeSucceededVoidFuture() }
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

  /// Prepares each channel before it is registered.
  public func channelInitializer(_ handler: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>)
    -> Self
  {
    initializer = handler
    return self
  }

  /// Sets an option of each channel; `operationUnsupported` fails it for options that the stack has not got.
  public func channelOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> Self {
    options.append(key: option, value: value)
    return self
  }

  /// Binds a socket to an address. `0.0.0.0` and `::` stand for all of a version; port 0 lets the network choose.
  /// - Returns: the channel, active; or why there is none, such as an `IOError` of `EADDRINUSE`.
  public func bind(to address: SocketAddress) -> EventLoopFuture<any Channel> {
    open(address, { $0.eventLoop.makeSucceededFuture($0) }, { $0.bind(to: address) })
  }

  /// Binds a socket to an address in text form.
  public func bind(host: String, port: Int) -> EventLoopFuture<any Channel> {
    do {
      return bind(to: try SocketAddress(ipAddress: host, port: port))
    } catch {
      return eventLoop.makeFailedFuture(error)
    }
  }

  /// Opens a socket that hears and writes to one peer alone.
  /// - Returns: the channel, active.
  public func connect(to address: SocketAddress) -> EventLoopFuture<any Channel> {
    open(address, { $0.eventLoop.makeSucceededFuture($0) }, { $0.connect(to: address) })
  }

  /// Opens a socket that hears and writes to one peer alone, whose address is in text form.
  public func connect(host: String, port: Int) -> EventLoopFuture<any Channel> {
    do {
      return connect(to: try SocketAddress(ipAddress: host, port: port))
    } catch {
      return eventLoop.makeFailedFuture(error)
    }
  }

  /// Binds a socket to an address.
  /// - Parameters:
  ///   - address: the network's own; unspecified stands for all of a version, and port 0 lets the network choose.
  ///   - channelInitializer: prepares the channel, after the bootstrap's own initializer.
  /// - Returns: what the initializer makes of the channel, such as an `NIOAsyncChannel`.
  public func bind<Output: Sendable>(
    to address: SocketAddress,
    channelInitializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Output>
  ) async throws -> Output {
    try await open(address, channelInitializer, { $0.bind(to: address) }).get()
  }

  /// Opens a socket that hears and writes to one peer alone.
  /// - Parameters:
  ///   - address: the peer.
  ///   - channelInitializer: prepares the channel, after the bootstrap's own initializer.
  /// - Returns: what the initializer makes of the channel, such as an `NIOAsyncChannel`.
  public func connect<Output: Sendable>(
    to address: SocketAddress,
    channelInitializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Output>
  ) async throws -> Output {
    try await open(address, channelInitializer, { $0.connect(to: address) }).get()
  }

  private func open<Output: Sendable>(
    _ target: SocketAddress,
    _ channelInitializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Output>,
    _ start: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
  ) -> EventLoopFuture<Output> {
    let initializer = initializer
    return DatagramChannel(eventLoop, for: target).setUp(
      options,
      initializer: { channel in
        initializer(channel).hop(to: channel.eventLoop).flatMap { channelInitializer(channel) }
      }, start: start)
  }
}

@available(*, unavailable)
extension NetworkDatagramBootstrap: Sendable {}
