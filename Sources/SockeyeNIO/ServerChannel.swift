// Holds the channel of a TCP listener: it reads connections.

import NIOCore
import SockeyeSockets
import SockeyeStack

/// A TCP listener. What it reads is channels of connections; the end of its pipeline registers and activates them.
final class ServerChannel: NetworkChannel, @unchecked Sendable {
  private var id: ListenerID?
  private var backlog: CInt = 128
  private var settings = StreamSettings()

  init(_ network: NetworkEventLoop, for target: SocketAddress) {
    super.init(network, for: target)
    writability.store(false, ordering: .relaxed)
  }

  override func bind0(to address: SocketAddress, promise: EventLoopPromise<Void>?) {
    guard isOpen else { return fail(promise, ChannelError.ioOnClosedChannel) }
    guard isRegistered else { return fail(promise, ChannelError.inappropriateOperationForState) }
    do {
      try listen(on: address)
    } catch {
      return fail(promise, error)
    }
    activate(promise)
  }

  private func listen(on address: SocketAddress) throws {
    guard id == nil else { throw IOError.invalidArgument("bind") }
    if loop.isShuttingDown { throw EventLoopError.shutdown }
    guard let endpoint = address.listenEndpoint else { throw IOError.unsupportedAddress("bind") }
    do throws(SocketError) {
      let id = try loop.stack.listen(
        on: endpoint, backlog: min(max(1, Int(backlog)), 1 << 16),
        configuration: settings.configuration(loop.connectionDefaults))
      self.id = id
      loop.handlers.listeners[id] = self
      publish(local: try loop.stack.endpoint(of: id).socketAddress)
    } catch {
      throw IOError(error, "bind")
    }
  }

  override func releaseSocket() {
    guard let id else { return }
    self.id = nil
    loop.handlers.listeners[id] = nil
    try? loop.stack.close(id, at: loop.now)
  }

  // MARK: Accepting

  override var hasReadable: Bool {
    guard let id else { return false }
    return (try? loop.stack.waitingCount(of: id)) ?? 0 > 0
  }

  override func readMessages() throws -> Bool {
    var hasRead = false
    for _ in 0..<maxMessagesPerRead {
      guard isOpen, let id else { return hasRead }
      let accepted: ConnectionID?
      do throws(SocketError) {
        accepted = try loop.stack.accept(id)
      } catch {
        throw IOError(error, "accept")
      }
      guard let accepted else { return hasRead }
      readPending = false
      hasRead = true
      let child = StreamChannel(network, accepted: accepted, parent: self, settings: settings)
      pipeline.syncOperations.fireChannelRead(NIOAny(child))
    }
    return hasRead
  }

  override func readFailed(_ error: any Error) -> ReadPass {
    pipeline.syncOperations.fireErrorCaught(error)
    close0(error: error, mode: .all, promise: nil)
    return .failed
  }

  override func channelRead0(_ data: NIOAny) {
    let child = unwrapData(data, as: StreamChannel.self)
    // After whatever the handlers that passed it on still do.
    network.execute {
      child.register().flatMapThrowing {
        guard child.isOpen else { throw ChannelError.ioOnClosedChannel }
        child.activate(nil)
      }.whenFailure { _ in child.close(promise: nil) }
    }
  }

  // MARK: Options

  override func setOwnOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws -> Bool {
    switch option {
    case is ChannelOptions.Types.BacklogOption: backlog = try cast(value)
    case let option as ChannelOptions.Types.SocketOption:
      // What is set here is so for the connections to come.
      guard try settings.set(option, to: Int(try cast(value) as SocketOptionValue)) else { return false }
      if let id {
        do throws(SocketError) {
          try loop.stack.setConfiguration(settings.configuration(loop.connectionDefaults), of: id)
        } catch {
          throw IOError(error, "setsockopt")
        }
      }
    default: return false
    }
    return true
  }

  override func ownOption<Option: ChannelOption>(_ option: Option) throws -> Any? {
    switch option {
    case is ChannelOptions.Types.BacklogOption: backlog
    case let option as ChannelOptions.Types.SocketOption: settings.value(of: option, loop.connectionDefaults)
    default: nil
    }
  }
}

extension ServerChannel: ListenerHandler {
  func acceptable() { readable() }

  func failed(_ error: NetworkError) {
    close0(error: EventLoopError.shutdown, mode: .all, promise: nil)
  }
}

extension ServerChannel: CustomStringConvertible {
  var description: String {
    "ServerChannel { active = \(isActive), localAddress = \(localAddress.debugDescription) }"
  }
}
