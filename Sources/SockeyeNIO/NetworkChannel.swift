// Holds what all channels of a network have in common: their life from registration to the end, the order in which handlers
// hear of it, and the demand for reads. What is read and written is in StreamChannel, ServerChannel and DatagramChannel.

import NIOCore
import SockeyeSockets
import SockeyeStack
import SockeyeTunnel
import Synchronization

/// A channel of a network.
///
/// All variables but those behind `published` and the atomics belong to whoever is in the loop.
class NetworkChannel: Channel, ChannelCore, @unchecked Sendable {
  let network: NetworkEventLoop
  let parent: (any Channel)?
  private let closePromise: EventLoopPromise<Void>
  // Made last: making it looks at the channel.
  private var builtPipeline: ChannelPipeline?

  /// What other threads may ask for.
  struct Published {
    var allocator = ByteBufferAllocator()
    var local: SocketAddress?
    var remote: SocketAddress?
  }

  private let published = Guarded(Published())
  /// The same allocator, for the loop.
  private(set) var loopAllocator = ByteBufferAllocator()
  private let activity = Atomic<Bool>(false)
  let writability = Atomic<Bool>(true)

  /// Where a channel is in its life; it only moves forward.
  enum Phase: Comparable {
    case fresh
    case registered
    /// It counts as active, and its handlers have not heard of it yet.
    case activating
    case active
    case closed
  }

  private(set) var phase = Phase.fresh {
    didSet { activity.store(phase == .activating || phase == .active, ordering: .relaxed) }
  }

  /// Whoever waits for the connection to be established.
  var pendingConnect: EventLoopPromise<Void>?

  // MARK: Reading

  var autoRead = true
  var maxMessagesPerRead: UInt = 4
  var receiveBuffers: NIOPooledRecvBufferAllocator
  /// Somebody asked for a read, and nothing was read since.
  var readPending = false
  /// The demand is in force: switching automatic reads off pauses it.
  private(set) var wantsRead = false
  private var passIsScheduled = false
  private var isInPass = false

  /// - Parameter target: what the channel is to be bound or connected to.
  init(
    _ network: NetworkEventLoop, for target: SocketAddress? = nil, parent: (any Channel)? = nil,
    receiveAllocator: any RecvByteBufferAllocator = AdaptiveRecvByteBufferAllocator()
  ) {
    self.network = network
    self.parent = parent
    closePromise = network.makePromise()
    receiveBuffers = NIOPooledRecvBufferAllocator(
      capacity: Int(maxMessagesPerRead), recvAllocator: receiveAllocator)
    publish(local: target?.unbound)
    builtPipeline = ChannelPipeline(channel: self)
  }

  var loop: NetworkLoop { network.loop }

  // MARK: From any thread

  final var eventLoop: any EventLoop { network }
  final var closeFuture: EventLoopFuture<Void> { closePromise.futureResult }
  final var _channelCore: any ChannelCore { self }
  final var isActive: Bool { activity.load(ordering: .relaxed) }
  final var isWritable: Bool { writability.load(ordering: .relaxed) }
  final var allocator: ByteBufferAllocator { published.withLock { $0.allocator } }
  final var localAddress: SocketAddress? { published.withLock { $0.local } }
  final var remoteAddress: SocketAddress? { published.withLock { $0.remote } }

  final var pipeline: ChannelPipeline {
    guard let builtPipeline else { preconditionFailure("a channel has its pipeline from the start") }
    return builtPipeline
  }

  // MARK: What the kinds of channels do

  /// Gives up what the stack holds for the channel. Calls nobody.
  func releaseSocket() {}

  /// Fails what waits to be written.
  func failWrites(_ error: any Error) {}

  /// Sends what may be sent.
  func flushNow() {}

  /// Marks what was written until now as to be sent.
  func markFlush() {}

  func bufferWrite(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
    promise?.fail(ChannelError.operationUnsupported)
  }

  /// Whether a read would find something.
  var hasReadable: Bool { false }

  /// Reads while there is demand, and tells what was read.
  /// - Returns: whether anything was.
  func readMessages() throws -> Bool { false }

  /// Decides what an error of a read means; closes the channel if it must.
  func readFailed(_ error: any Error) -> ReadPass { .failed }

  /// After handlers have heard that the channel is active.
  func becameActive() {}

  /// Changes an option of this kind of channel.
  /// - Returns: whether it has it.
  func setOwnOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws -> Bool { false }

  /// - Returns: nil for options that this kind of channel has not got.
  func ownOption<Option: ChannelOption>(_ option: Option) throws -> Any? { nil }

  func bind0(to address: SocketAddress, promise: EventLoopPromise<Void>?) {
    promise?.fail(ChannelError.operationUnsupported)
  }

  func connect0(to address: SocketAddress, promise: EventLoopPromise<Void>?) {
    promise?.fail(ChannelError.operationUnsupported)
  }

  func channelRead0(_ data: NIOAny) {}

  // MARK: States

  final var isOpen: Bool { phase != .closed }
  final var isRegistered: Bool { phase != .fresh && phase != .closed }

  final func publish(local: SocketAddress?) { published.withLock { $0.local = local } }
  final func publish(remote: SocketAddress?) { published.withLock { $0.remote = remote } }

  final func publish(allocator: ByteBufferAllocator) {
    loopAllocator = allocator
    published.withLock { $0.allocator = allocator }
  }

  final func localAddress0() throws -> SocketAddress {
    try known(localAddress)
  }

  final func remoteAddress0() throws -> SocketAddress {
    try known(remoteAddress)
  }

  private func known(_ address: SocketAddress?) throws -> SocketAddress {
    guard isOpen else { throw ChannelError.ioOnClosedChannel }
    guard let address else { throw IOError.notConnected("address") }
    return address
  }

  final func register0(promise: EventLoopPromise<Void>?) {
    guard isOpen else { return fail(promise, ChannelError.ioOnClosedChannel) }
    guard !isRegistered else { return fail(promise, ChannelError.inappropriateOperationForState) }
    guard loop.failure == nil else {
      pipeline.syncOperations.fireErrorCaught(EventLoopError.shutdown)
      close0(error: EventLoopError.shutdown, mode: .all, promise: nil)
      return fail(promise, EventLoopError.shutdown)
    }
    phase = .registered
    promise?.succeed(())
    pipeline.syncOperations.fireChannelRegistered()
  }

  final func registerAlreadyConfigured0(promise: EventLoopPromise<Void>?) {
    register0(promise: nil)
    guard isRegistered else { return fail(promise, ChannelError.ioOnClosedChannel) }
    activate(promise)
  }

  /// The channel has become active. Whoever waits for that hears of it before the handlers do, and may close it.
  final func activate(_ promise: EventLoopPromise<Void>?) {
    guard phase == .registered else { return fail(promise, ChannelError.inappropriateOperationForState) }
    phase = .activating
    promise?.succeed(())
    guard phase == .activating else { return }
    phase = .active
    pipeline.syncOperations.fireChannelActive()
    guard isOpen else { return }
    becameActive()
    guard isOpen else { return }
    flushNow()
    readIfNeeded()
    demandRose()
  }

  final func fail(_ promise: EventLoopPromise<Void>?, _ error: any Error) {
    promise?.fail(error)
  }

  // MARK: The end

  func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    guard isOpen else { return fail(promise, ChannelError.alreadyClosed) }
    guard mode == .all else { return fail(promise, ChannelError.operationUnsupported) }
    // The state is settled before anybody is called who might look at it.
    let before = phase
    phase = .closed
    wantsRead = false
    releaseSocket()
    failWrites(error)
    if let connecting = pendingConnect {
      pendingConnect = nil
      connecting.fail(error)
    }
    promise?.succeed(())
    if before == .active { pipeline.syncOperations.fireChannelInactive() }
    if before != .fresh { pipeline.syncOperations.fireChannelUnregistered() }
    network.execute {
      // Handlers may still be on the way through the pipeline until now.
      self.removeHandlers(pipeline: self.pipeline)
      self.closePromise.succeed(())
      self.publish(local: nil)
      self.publish(remote: nil)
    }
  }

  func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) {
    promise?.fail(ChannelError.operationUnsupported)
  }

  final func errorCaught0(error: any Error) {}

  // MARK: Writing

  final func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard isOpen else { return fail(promise, ChannelError.ioOnClosedChannel) }
    bufferWrite(data, promise: promise)
  }

  final func flush0() {
    guard isOpen else { return }
    markFlush()
    if isActive { flushNow() }
  }

  // MARK: The demand for reads

  func read0() {
    guard isOpen else { return }
    readPending = true
    wantsRead = isRegistered
    demandRose()
  }

  /// Automatic reads were switched on or off.
  private func autoReadChanged() {
    guard isRegistered else { return }
    if autoRead { read0() } else { wantsRead = false }
  }

  final func setAutoRead(_ isOn: Bool) {
    let changes = isOn != autoRead
    autoRead = isOn
    if changes { autoReadChanged() }
  }

  /// Asks for the next read by way of the handlers, if reads are automatic.
  final func readIfNeeded() {
    guard isActive, !readPending, autoRead else { return }
    pipeline.syncOperations.read()
  }

  /// What has arrived before it was asked for is not told of again.
  final func demandRose() {
    guard phase == .active, readPending, !isInPass, !passIsScheduled else { return }
    wantsRead = true
    guard hasReadable else { return }
    passIsScheduled = true
    // Never from within the call that asks, which may be deep in the handlers.
    network.execute {
      self.passIsScheduled = false
      self.readable()
    }
  }

  final func stopReading() {
    wantsRead = false
    readPending = false
  }

  /// What came of an attempt to read.
  enum ReadPass {
    case nothing, some, endOfStream, failed
  }

  /// There may be something to read.
  func readable() {
    guard phase == .active, wantsRead else { return }
    readPass()
  }

  @discardableResult
  final func readPass() -> ReadPass {
    guard !isInPass else { return .nothing }
    isInPass = true
    let result = readAndTell()
    isInPass = false
    guard isOpen else { return result }
    if !readPending { wantsRead = false }
    if result == .some, wantsRead { demandRose() }
    return result
  }

  private func readAndTell() -> ReadPass {
    do {
      guard try readMessages() else { return .nothing }
    } catch {
      return readFailed(error)
    }
    if isActive { pipeline.syncOperations.fireChannelReadComplete() }
    readIfNeeded()
    return .some
  }
}
