// Holds how a host with several addresses is connected to: one address after the other, and the next while the one before
// still tries. Each attempt is its owner's.

import Dispatch
import NIOCore

/// Attempts to connect to the addresses of one host (RFC 8305 §5). Used in its event loop alone.
final class ConnectionAttempts<Output: Sendable>: @unchecked Sendable {
  /// Makes a channel, and connects it.
  typealias Attempt = @Sendable (SocketAddress) -> (channel: any Channel, result: EventLoopFuture<Output>)

  private let eventLoop: NetworkEventLoop
  private let attempt: Attempt
  private let timeout: TimeAmount
  private var addresses: ArraySlice<SocketAddress>
  private let promise: EventLoopPromise<Output>
  /// The channels that still try.
  private var underWay: [ObjectIdentifier: any Channel] = [:]
  private var isOver = false
  private var error: any Error = ChannelError.unknownLocalAddress
  private var nextAttempt: Scheduled<Void>?

  /// RFC 8305 §5: "Connection Attempt Delay".
  private let delay = TimeAmount.milliseconds(250)

  init(
    _ eventLoop: NetworkEventLoop, _ addresses: [SocketAddress], _ timeout: TimeAmount,
    _ attempt: @escaping Attempt
  ) {
    self.eventLoop = eventLoop
    self.addresses = Self.interleaved(addresses)[...]
    self.timeout = timeout
    self.attempt = attempt
    promise = eventLoop.makePromise()
  }

  /// Addresses of the two versions by turns, the first one's version first (RFC 8305 §4).
  private static func interleaved(_ addresses: [SocketAddress]) -> [SocketAddress] {
    guard let first = addresses.first else { return [] }
    let preferred = addresses.filter { $0.protocol == first.protocol }
    let others = addresses.filter { $0.protocol != first.protocol }
    var result: [SocketAddress] = []
    for index in 0..<max(preferred.count, others.count) {
      if index < preferred.count { result.append(preferred[index]) }
      if index < others.count { result.append(others[index]) }
    }
    return result
  }

  func start() -> EventLoopFuture<Output> {
    let timer = eventLoop.scheduleTask(in: timeout) { self.fail(ChannelError.connectTimeout(self.timeout)) }
    promise.futureResult.whenComplete { _ in timer.cancel() }
    tryNext()
    return promise.futureResult
  }

  private func tryNext() {
    nextAttempt?.cancel()
    nextAttempt = nil
    guard !isOver else { return }
    guard let address = addresses.popFirst() else {
      if underWay.isEmpty { fail(error) }
      return
    }
    let (channel, result) = attempt(address)
    underWay[ObjectIdentifier(channel)] = channel
    result.whenComplete { self.ended($0, ObjectIdentifier(channel)) }
    if !isOver, !addresses.isEmpty { nextAttempt = eventLoop.scheduleTask(in: delay) { self.tryNext() } }
  }

  private func ended(_ result: Result<Output, any Error>, _ channel: ObjectIdentifier) {
    underWay[channel] = nil
    if isOver { return }
    switch result {
    case .success(let output):
      giveUp()
      promise.succeed(output)
    case .failure(let error):
      self.error = error
      tryNext()
    }
  }

  private func fail(_ error: any Error) {
    if isOver { return }
    giveUp()
    promise.fail(error)
  }

  /// Those that still try are for nobody any more.
  private func giveUp() {
    isOver = true
    nextAttempt?.cancel()
    let losers = underWay.values
    underWay = [:]
    for channel in losers { channel.close(promise: nil) }
  }
}

/// Asks the computer for the addresses of a name, on a thread that may wait.
@Sendable
func systemResolver(_ host: String, _ port: Int, _ eventLoop: any EventLoop) -> EventLoopFuture<
  [SocketAddress]
> {
  DispatchQueue.global().asyncWithFuture(eventLoop: eventLoop) {
    [try SocketAddress.makeAddressResolvingHost(host, port: port)]
  }
}
