// Holds what can be done now in a simulated network, in the order in which it became ready, who sleeps until when, and what
// time it is; and what becomes of loops that outlive their network.

import DequeModule
import Dispatch
import SockeyeBytes
package import SockeyeSockets
import SockeyeTunnel
import Synchronization

/// Loops to turn, jobs of tasks to run, and sleepers. Others than the network's thread may add to it.
package final class ReadyWork: Sendable {
  enum Work {
    case loop(NetworkLoop)
    case job(UnownedJob, SimulatedExecutor)
  }

  private struct State {
    var work: Deque<Work> = []
    var sleepers = LoopTimers()
    /// The network is gone: nobody comes for work any more.
    var isOver = false
  }

  private let state = Guarded(State())
  private let added = DispatchSemaphore(value: 0)
  private let time = Atomic<UInt64>(0)
  /// Held, whatever its value, by whoever turns loops of a network that is gone. (Nothing at all, `()`, would have the
  /// address of its owner, in whose use the thread sanitizer then sees races.)
  private let ending = Guarded(false)

  /// The virtual time.
  var now: Instant { Instant(nanoseconds: time.load(ordering: .relaxed)) }

  func setTime(_ now: Instant) { time.store(now.nanoseconds, ordering: .relaxed) }

  package func add(_ loop: NetworkLoop) { add(.loop(loop)) }

  func add(_ work: Work) {
    let isOver = state.withLock { state in
      if !state.isOver { state.work.append(work) }
      return state.isOver
    }
    if isOver { finish(work) } else { added.signal() }
  }

  func next() -> Work? { state.withLock { $0.work.popFirst() } }

  /// Waits, in real time, for somebody else to add something.
  /// - Returns: whether somebody did.
  func waitForOthers(seconds: Double) -> Bool {
    let limit = DispatchTime.now() + seconds
    while state.withLock({ $0.work.isEmpty }) {
      if added.wait(timeout: limit) == .timedOut { return false }
    }
    return true
  }

  // MARK: The end

  /// The network is gone, and time stands still. Loops do what is left for them; tasks that preferred this thread rest.
  func end() {
    ending.withLock { _ in
      while let loop = nextToEnd() { _ = loop.turn(budget: 0) }
    }
  }

  private func nextToEnd() -> NetworkLoop? {
    state.withLock { state in
      while let work = state.work.popFirst() {
        if case .loop(let loop) = work { return loop }
      }
      state.isOver = true
      return nil
    }
  }

  /// Sockets that outlive their network: their last calls still must come to an end.
  private func finish(_ work: Work) {
    guard case .loop(let loop) = work else { return }
    let turn: @Sendable () -> Void = { self.ending.withLock { _ in _ = loop.turn(budget: 0) } }
    // Whoever asks may be anywhere.
    let attempt: Void? = try? SystemThread.start(turn)
    if attempt == nil { turn() }
  }

  // MARK: Sleepers

  var nextSleeper: Instant? { state.withLock { $0.sleepers.earliest } }

  func addSleeper(until time: Instant, _ wake: @escaping @Sendable () -> Void) -> LoopTimers.Token {
    state.withLock { $0.sleepers.add(at: time, wake) }
  }

  /// - Returns: whether it was still asleep.
  func removeSleeper(_ token: LoopTimers.Token) -> Bool { state.withLock { $0.sleepers.cancel(token) } }

  func wakeSleepers(at now: Instant) {
    while let wake = state.withLock({ $0.sleepers.next(at: now) }) { wake() }
  }
}

/// Runs tasks on the thread of a simulated network, one job after the other in the order in which they became ready.
public final class SimulatedExecutor: TaskExecutor {
  private let ready: ReadyWork

  init(_ ready: ReadyWork) {
    self.ready = ready
  }

  public func enqueue(_ job: consuming ExecutorJob) {
    ready.add(.job(UnownedJob(job), self))
  }
}
