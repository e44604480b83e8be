// Holds what can be done now in a simulated network, in the order in which it became ready, and who sleeps until when.

import DequeModule
import Dispatch
import SockeyeBytes
package import SockeyeSockets
import SockeyeTunnel

/// Loops to turn, jobs of tasks to run, and sleepers. Others than the network's thread may add to it.
package final class ReadyWork: Sendable {
  enum Work {
    case loop(NetworkLoop)
    case job(UnownedJob, SimulatedExecutor)
  }

  private struct State {
    var work: Deque<Work> = []
    var sleepers = LoopTimers()
  }

  private let state = Guarded(State())
  private let added = DispatchSemaphore(value: 0)

  package func add(_ loop: NetworkLoop) { add(.loop(loop)) }

  func add(_ work: Work) {
    state.withLock { $0.work.append(work) }
    added.signal()
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
