// Holds a network's loop as SwiftNIO knows loops: where tasks and timers run. It does not hold the loop's work, which is
// NetworkLoop's, nor channels.

public import Dispatch
public import NIOCore
import SockeyeBytes
public import SockeyeSockets
import Synchronization

/// The event loop of a network: the thread that owns its stack.
///
/// Handlers of the network's channels run here, without a hop to or from the stack. Its time is the network's, so that in a
/// simulated network timers of handlers run in virtual time: use `eventLoop.now`, not `NIODeadline.now()`.
///
/// A network has one event loop, `Network.eventLoop`. The network goes on as long as one of its channels is open.
public final class NetworkEventLoop: EventLoop, Sendable {
  package let loop: NetworkLoop
  /// Whoever ends the loop; it must not be kept alive by its loop.
  private let network: WeakNetwork
  /// Held by channels with their loop: while there are any, the network does not end by itself.
  private let lifeline: (any AnyObject & Sendable)?
  /// What the deadline of NIO's clock was at the loop's time zero, nanoseconds.
  private let origin: UInt64
  /// Hears of connections that no channel stands for any more.
  let departed = DepartedConnection()

  init(_ network: Network) {
    loop = network.loop
    self.network = WeakNetwork(network)
    lifeline = loop.lifeline
    // Programs that take deadlines from NIO's own clock mean the same moments.
    let elapsed = loop.now.nanoseconds
    origin = loop.isRealTime ? NIODeadline.now().uptimeNanoseconds &- elapsed : 0
  }

  // MARK: Tasks

  public var inEventLoop: Bool { loop.isCurrent }

  public func execute(_ task: @escaping @Sendable () -> Void) {
    loop.execute(task)
  }

  public var executor: any SerialExecutor { loop }

  public func enqueue(_ job: consuming ExecutorJob) {
    loop.enqueue(job)
  }

  // MARK: Time

  /// The network's time. For networks in real time it is the time of `NIODeadline.now()`.
  public var now: NIODeadline { .uptimeNanoseconds(origin &+ loop.now.nanoseconds) }

  private func instant(of deadline: NIODeadline) -> Instant {
    let nanoseconds = deadline.uptimeNanoseconds
    return Instant(nanoseconds: nanoseconds < origin ? 0 : nanoseconds - origin)
  }

  @discardableResult
  public func scheduleTask<T>(deadline: NIODeadline, _ task: @escaping @Sendable () throws -> T) -> Scheduled<
    T
  > {
    let promise = makePromise(of: T.self)
    let timer = LoopTimer(loop) { [loop] in
      guard loop.failure == nil else { return promise.fail(EventLoopError.shutdown) }
      do {
        // Sent to nobody: timers run in the loop.
        let result = try task()
        promise.assumeIsolatedUnsafeUnchecked().succeed(result)
      } catch {
        promise.fail(error)
      }
    }
    timer.start(at: instant(of: deadline))
    return Scheduled(promise: promise) { timer.cancel() }
  }

  @discardableResult
  public func scheduleTask<T>(in delay: TimeAmount, _ task: @escaping @Sendable () throws -> T) -> Scheduled<
    T
  > {
    scheduleTask(deadline: now + delay, task)
  }

  @discardableResult
  public func scheduleCallback(
    in delay: TimeAmount, handler: some (NIOScheduledCallbackHandler & Sendable)
  ) -> NIOScheduledCallback {
    // The default would ask NIO's own clock.
    scheduleCallback(at: now + delay, handler: handler)
  }

  // MARK: The end

  /// Shuts the loop's network down: channels are closed, connections reset.
  public func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void)
  {
    guard let network = network.value else {
      return loop.execute { [loop] in
        loop.fail(.closed)
        queue.async { callback(nil) }
      }
    }
    Task {
      await network.shutDown(grace: .zero)
      queue.async { callback(nil) }
    }
  }
}

extension NetworkEventLoop: CustomStringConvertible {
  public var description: String { "NetworkEventLoop(\(ObjectIdentifier(loop)))" }
}

extension Network {
  /// The event loop of the network's NIO channels: the thread that owns the stack. It is the same one at each call.
  public var eventLoop: NetworkEventLoop {
    companion.withLock { companion in
      if let eventLoop = companion as? NetworkEventLoop { return eventLoop }
      let eventLoop = NetworkEventLoop(self)
      companion = eventLoop
      return eventLoop
    }
  }
}

private final class WeakNetwork: @unchecked Sendable {
  // Set once, and read by whoever wants to end the network.
  private(set) weak var value: Network?

  init(_ value: Network) { self.value = value }
}

/// Something to be done at a time, which any thread may cancel.
final class LoopTimer: @unchecked Sendable {
  private let loop: NetworkLoop
  private let isOver = Atomic<Bool>(false)
  // Both belong to whoever is in the loop.
  private var token: LoopTimers.Token?
  private var action: (() -> Void)?

  init(_ loop: NetworkLoop, _ action: @escaping () -> Void) {
    self.loop = loop
    self.action = action
  }

  func start(at time: Instant) {
    if loop.isCurrent { startNow(at: time) } else { loop.execute { self.startNow(at: time) } }
  }

  private func startNow(at time: Instant) {
    if isOver.load(ordering: .relaxed) { return forget() }
    // After the network's end nobody would come back at that time.
    if loop.failure != nil { return run() }
    token = loop.schedule(at: time) { self.run() }
  }

  private func run() {
    guard !isOver.exchange(true, ordering: .relaxed) else { return forget() }
    let action = action
    forget()
    action?()
  }

  func cancel() {
    guard !isOver.exchange(true, ordering: .relaxed) else { return }
    if loop.isCurrent { cancelNow() } else { loop.execute { self.cancelNow() } }
  }

  private func cancelNow() {
    if let token { loop.cancel(token) }
    forget()
  }

  private func forget() {
    token = nil
    action = nil
  }
}
