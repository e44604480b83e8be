// Holds virtual time as Swift's clocks tell it.

import SockeyeBytes
import SockeyeSockets
import SockeyeTunnel

/// Tells the virtual time of a simulated network, and sleeps in it.
///
///     try await network.clock.sleep(for: .seconds(30))
public struct SimulatedClock: Clock {
  /// A point in virtual time.
  public struct Instant: InstantProtocol {
    /// Since the network was made.
    public let elapsed: Swift.Duration

    public func advanced(by duration: Swift.Duration) -> Instant { Instant(elapsed: elapsed + duration) }
    public func duration(to other: Instant) -> Swift.Duration { other.elapsed - elapsed }
    public static func < (one: Instant, other: Instant) -> Bool { one.elapsed < other.elapsed }
  }

  private let network: SimulatedNetwork

  init(_ network: SimulatedNetwork) {
    self.network = network
  }

  public var now: Instant { Instant(elapsed: network.elapsed) }
  public var minimumResolution: Swift.Duration { .nanoseconds(1) }

  public func sleep(until deadline: Instant, tolerance: Swift.Duration?) async throws {
    try Task.checkCancellation()
    let ready = network.ready
    let time = SockeyeBytes.Instant.zero + Interval(deadline.elapsed)
    let sleeper = Guarded<Sleeper>(Sleeper())
    let slept = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
        let isCancelled = sleeper.withLock { sleeper in
          if sleeper.isCancelled { return true }
          sleeper.continuation = continuation
          sleeper.token = ready.addSleeper(until: time) { continuation.resume(returning: true) }
          return false
        }
        if isCancelled { continuation.resume(returning: false) }
      }
    } onCancel: {
      let continuation = sleeper.withLock { sleeper -> CheckedContinuation<Bool, Never>? in
        sleeper.isCancelled = true
        guard let token = sleeper.token, ready.removeSleeper(token) else { return nil }
        return sleeper.continuation
      }
      continuation?.resume(returning: false)
    }
    if !slept { throw CancellationError() }
  }

  private struct Sleeper {
    var isCancelled = false
    var token: LoopTimers.Token?
    var continuation: CheckedContinuation<Bool, Never>?
  }
}
