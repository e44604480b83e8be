// Holds the channel of a TCP connection: how it comes about, how it ends in one direction or both, and what it does about the
// stack's news. Reading and writing are in StreamChannel+Transfer, options in StreamChannel+Options.

import NIOCore
import SockeyeBytes
import SockeyeSockets
import SockeyeStack
import SockeyeTCP
import SockeyeWire

/// A TCP connection.
final class StreamChannel: NetworkChannel, @unchecked Sendable {
  /// Nil before connecting and after the end.
  private(set) var id: ConnectionID?
  /// Why the stack says that the connection is over.
  private var end: CloseReason?
  /// No byte follows those that have arrived.
  private var peerHasFinished = false
  private var networkShutsDown = false
  private(set) var inputClosed = false
  private(set) var outputClosed = false
  var allowRemoteHalfClosure = false

  var writes = PendingWrites<StreamWrite>()
  /// Set by closing the output while writes are pending: it closes after them.
  var outputClosing: OutputClosing?
  var isFlushing = false
  /// The stack took a write only in part, and says when it takes more.
  var waitsForRoom = false
  var writeSpinCount: UInt = 16

  var settings = StreamSettings()
  var connectTimeout: TimeAmount?
  private var connectTimer: Scheduled<Void>?
  private var localEndpoint = ListenEndpoint(port: 0)

  /// Whoever waits for the output to close.
  struct OutputClosing {
    var promises: [EventLoopPromise<Void>] = []
  }

  /// A channel that is not connected.
  init(_ network: NetworkEventLoop, for target: SocketAddress) {
    super.init(network, for: target)
  }

  /// The channel of a connection that a listener has accepted.
  init(_ network: NetworkEventLoop, accepted id: ConnectionID, parent: any Channel, settings: StreamSettings)
  {
    self.id = id
    self.settings = settings
    super.init(network, parent: parent)
    loop.handlers.connections[id] = self
    publishAddresses()
  }

  private func publishAddresses() {
    guard let id, let tuple = try? loop.stack.endpoints(of: id) else { return }
    publish(local: SocketAddress(tuple.local))
    publish(remote: SocketAddress(tuple.remote))
  }

  // MARK: What the extensions hold

  override var hasReadable: Bool { hasBytes }
  override func readMessages() throws -> Bool { try readBytes() }
  override func readFailed(_ error: any Error) -> ReadPass { readingFailed(error) }
  override func bufferWrite(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
    append(data, promise: promise)
  }
  override func markFlush() { writes.markFlush() }
  override func flushNow() { sendFlushed() }
  override func failWrites(_ error: any Error) { dropWrites(error) }

  override func setOwnOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws -> Bool {
    try setStreamOption(option, value: value)
  }

  override func ownOption<Option: ChannelOption>(_ option: Option) throws -> Any? {
    try streamOption(option)
  }

  override func read0() {
    if !inputClosed { super.read0() }
  }

  override func readable() {
    if inputClosed { discardInput() } else { super.readable() }
  }

  // MARK: Connecting

  override func bind0(to address: SocketAddress, promise: EventLoopPromise<Void>?) {
    guard isOpen else { return fail(promise, ChannelError.ioOnClosedChannel) }
    guard let endpoint = address.listenEndpoint else {
      return fail(promise, IOError.unsupportedAddress("bind"))
    }
    guard id == nil, localEndpoint.address == nil else {
      return fail(promise, IOError.invalidArgument("bind"))
    }
    localEndpoint = endpoint
    publish(local: address)
    promise?.succeed(())
  }

  override func connect0(to address: SocketAddress, promise: EventLoopPromise<Void>?) {
    guard isOpen else { return fail(promise, ChannelError.ioOnClosedChannel) }
    guard pendingConnect == nil else { return fail(promise, ChannelError.connectPending) }
    guard isRegistered else { return fail(promise, ChannelError.inappropriateOperationForState) }
    pendingConnect = promise ?? network.makePromise()
    do {
      try beginConnecting(to: address)
    } catch {
      close0(error: error, mode: .all, promise: nil)
    }
  }

  private func beginConnecting(to address: SocketAddress) throws {
    guard id == nil else { throw IOError.alreadyConnected("connect") }
    if loop.isShuttingDown { throw EventLoopError.shutdown }
    guard let peer = address.endpoint else { throw IOError.unsupportedAddress("connect") }
    let from = localEndpoint.address.flatMap { $0.isUnspecified ? nil : $0 }
    do throws(SocketError) {
      let id = try loop.stack.connect(
        to: peer, from: from, port: localEndpoint.port,
        configuration: settings.configuration(loop.connectionDefaults), at: loop.now)
      self.id = id
      loop.handlers.connections[id] = self
      publish(local: SocketAddress(try loop.stack.endpoints(of: id).local))
    } catch {
      throw IOError(error, "connect")
    }
    guard let connectTimeout else { return }
    connectTimer = network.scheduleTask(in: connectTimeout) {
      guard self.pendingConnect != nil else { return }
      self.close0(error: ChannelError.connectTimeout(connectTimeout), mode: .all, promise: nil)
    }
  }

  override func becameActive() {
    waitsForRoom = false
    if networkShutsDown { shutdownBegins() }
    // The news that came before the handlers were ready for it is told in a moment.
    guard peerHasFinished || end != nil else { return }
    network.execute {
      if let end = self.end { self.connectionEnded(end) } else { self.readToEnd() }
    }
  }

  // MARK: Closing

  override func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    guard isOpen else { return fail(promise, ChannelError.alreadyClosed) }
    switch mode {
    case .all:
      connectTimer?.cancel()
      connectTimer = nil
      super.close0(error: error, mode: .all, promise: promise)
    case .output: closeOutput(error: error, promise: promise)
    case .input: closeInput(error: error, promise: promise)
    }
  }

  private func closeOutput(error: any Error, promise: EventLoopPromise<Void>?) {
    if outputClosed { return fail(promise, ChannelError.outputClosed) }
    // The last direction takes the connection with it.
    if inputClosed { return close0(error: error, mode: .all, promise: promise) }
    var closing = outputClosing ?? OutputClosing()
    if let promise { closing.promises.append(promise) }
    outputClosing = closing
    if writes.isEmpty { finishOutput() }
  }

  /// Has a FIN follow what was written, all of which the stack has taken.
  func finishOutput() {
    guard let closing = outputClosing, writes.isEmpty else { return }
    outputClosing = nil
    do throws(SocketError) {
      guard let id else { throw .noSuchConnection }
      try loop.stack.finish(id, at: loop.now)
      outputClosed = true
      for promise in closing.promises { promise.succeed(()) }
    } catch {
      let error = id == nil ? IOError.notConnected("shutdown") : IOError(error, "shutdown")
      for promise in closing.promises { promise.fail(error) }
    }
    pipeline.fireUserInboundEventTriggered(ChannelEvent.outputClosed)
  }

  private func closeInput(error: any Error, promise: EventLoopPromise<Void>?) {
    if inputClosed { return fail(promise, ChannelError.inputClosed) }
    if outputClosed { return close0(error: error, mode: .all, promise: promise) }
    guard id != nil, isActive else { return fail(promise, IOError.notConnected("shutdown")) }
    inputClosed = true
    stopReading()
    promise?.succeed(())
    pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    // As of the system's sockets: an input that is shut is at its end, with what follows from that.
    network.execute { self.peerFinished() }
  }

  override func releaseSocket() {
    guard let id else { return }
    self.id = nil
    // The stack still has something to do: its last news is for nobody.
    loop.handlers.connections[id] = end == nil ? network.departed : nil
    if settings.resetsOnClose {
      try? loop.stack.abort(id, at: loop.now)
    } else {
      try? loop.stack.close(id, at: loop.now)
    }
  }
}

// MARK: News

extension StreamChannel: ConnectionHandler {
  func connected() {
    guard let promise = pendingConnect else { return }
    pendingConnect = nil
    connectTimer?.cancel()
    connectTimer = nil
    publishAddresses()
    // As of the system's sockets: what is flushed before all handlers have heard that the channel is active leaves
    // afterwards.
    waitsForRoom = true
    activate(promise)
  }

  func peerFinished() {
    if peerHasFinished { return }
    peerHasFinished = true
    if phase == .active { readToEnd() }
  }

  func closed(_ reason: CloseReason) {
    end = reason
    if phase == .active || pendingConnect != nil { connectionEnded(reason) }
  }

  func shutdownBegins() {
    networkShutsDown = true
    if phase == .active { pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
  }

  func failed(_ error: NetworkError) {
    end = end ?? .aborted
    close0(error: EventLoopError.shutdown, mode: .all, promise: nil)
  }

  /// Reads all there is and what comes after it, whether or not anybody asked: nobody will tell of it again.
  private func readToEnd() {
    while isActive {
      switch readPass() {
      case .some: continue
      case .nothing, .endOfStream, .failed: return
      }
    }
  }

  private func connectionEnded(_ reason: CloseReason) {
    guard isOpen else { return }
    if isActive { readToEnd() }
    switch reason {
    case .aborted, .orphaned: close0(error: EventLoopError.shutdown, mode: .all, promise: nil)
    case .finished: close0(error: ChannelError.eof, mode: .all, promise: nil)
    case .reset, .refused, .timedOut, .keepAliveTimedOut, .unreachable, .noResources:
      close0(error: IOError(reason), mode: .all, promise: nil)
    }
  }

  /// Marks the input as closed by the peer's FIN.
  func inputEnded() {
    if inputClosed { return }
    if outputClosed { return close0(error: ChannelError.eof, mode: .all, promise: nil) }
    inputClosed = true
    stopReading()
    pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
  }
}

extension StreamChannel: CustomStringConvertible {
  var description: String {
    "StreamChannel { active = \(isActive), localAddress = \(localAddress.debugDescription), "
      + "remoteAddress = \(remoteAddress.debugDescription) }"
  }
}

/// Stands in for channels that have closed while their connections still end in the stack.
final class DepartedConnection: ConnectionHandler, Sendable {
  func connected() {}
  func readable() {}
  func writable() {}
  func peerFinished() {}
  func closed(_ reason: CloseReason) {}
  func failed(_ error: NetworkError) {}
}
