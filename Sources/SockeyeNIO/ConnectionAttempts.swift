// Holds how a host with several addresses is connected to: one address after the other, and the next while the one before
// still tries. Each attempt is its owner's.

import NIOCore
import SockeyeSockets

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
  private var error: any Error
  private var nextAttempt: Scheduled<Void>?

  private let delay = TimeAmount(Network.connectionAttemptDelay)

  /// - Parameters:
  ///   - addresses: at least one, the best first.
  ///   - timeout: for all of them together.
  init(
    _ eventLoop: NetworkEventLoop, _ addresses: [SocketAddress], _ timeout: TimeAmount,
    _ attempt: @escaping Attempt
  ) {
    self.eventLoop = eventLoop
    error = ChannelError.connectTimeout(timeout)
    self.addresses = addresses[...]
    self.timeout = timeout
    self.attempt = attempt
    promise = eventLoop.makePromise()
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
