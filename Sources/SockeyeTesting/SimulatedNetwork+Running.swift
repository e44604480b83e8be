// Holds how time passes in a simulated network: by hand, and for the time of a function.

import SockeyeBytes
import SockeyeSockets
import SockeyeTunnel

/// A test that came to no end.
public enum SimulationError: Error, Sendable, Equatable {
  /// Nothing is under way that could ever end the wait: no packet, no timer, no other task.
  case stalled(after: Duration, seed: UInt64)
  /// It was not over when the time was.
  case timeLimit(Duration, seed: UInt64)
}

extension SimulatedNetwork {
  // MARK: By hand

  /// Lets time pass, and everything happen that happens in it. For tests without tasks, such as those of event loops;
  /// inside of `run`, sleep on `clock`.
  public func advance(by duration: Duration) {
    let limit = now + Interval(duration)
    advance(to: limit) { false }
  }

  /// Lets everything happen that happens without any time.
  public func settle() { advance(by: .zero) }

  /// Lets time pass until a condition holds.
  /// - Parameters:
  ///   - limit: how long at most.
  ///   - condition: looked at after each thing that happens.
  /// - Returns: whether it holds.
  @discardableResult
  public func advance(atMost limit: Duration, until condition: () -> Bool) -> Bool {
    if condition() { return true }
    advance(to: now + Interval(limit), until: condition)
    return condition()
  }

  private func advance(to limit: Instant, until condition: () -> Bool) {
    while true {
      if let work = ready.next() {
        perform(work)
      } else if let next = nextDeadline, next <= limit {
        setTime(max(now, next))
        deliverWhatIsDue()
      } else {
        return setTime(max(now, limit))
      }
      if condition() { return }
    }
  }

  private func perform(_ work: ReadyWork.Work) {
    switch work {
    case .loop(let loop):
      // What it has left to do it does in its next turn, after the others.
      if let next = loop.turn(), next <= now { ready.add(loop) }
    case .job(let job, let executor): unsafe job.runSynchronously(on: executor.asUnownedTaskExecutor())
    }
  }

  // MARK: For the time of a function

  /// Runs a function in virtual time: its task, and the tasks that it begins in groups and with `async let`, run on the
  /// network's thread, and time passes whenever all of them wait. (`Task { }` begins elsewhere unless it is given
  /// `executorPreference: network.executor`.)
  /// - Parameters:
  ///   - limit: how much virtual time it may take.
  ///   - body: what to run.
  /// - Returns: what the function returns.
  /// - Throws: what the function throws; `SimulationError` when it came to no end. The seed is printed in both cases.
  public func run<Result: Sendable>(
    limit: Duration = .seconds(3600), _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    let outcome = Outcome<Result>()
    let task = Task(executorPreference: executor) {
      do {
        outcome.set(.success(try await body()))
      } catch {
        outcome.set(.failure(error))
      }
    }
    let end = now + Interval(limit)
    let failure: SimulationError? = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let pump: @Sendable () -> Void = {
          continuation.resume(returning: self.pump(until: end, limit: limit, task, outcome))
        }
        do {
          try SystemThread.start(pump)
        } catch {
          preconditionFailure("no thread for a simulated network: \(error)")
        }
      }
    } onCancel: {
      task.cancel()
    }
    do {
      if let failure { throw failure }
      return try outcome.get()
    } catch {
      print("The simulated network of this test has seed \(seed).")
      throw error
    }
  }

  /// Does what there is to do until the task is over.
  private func pump<Result>(
    until end: Instant, limit: Duration, _ task: Task<Void, Never>, _ outcome: Outcome<Result>
  ) -> SimulationError? {
    var failure: SimulationError?
    while !outcome.isSet {
      if let work = ready.next() {
        perform(work)
      } else if failure == nil, let next = nextDeadline {
        if next <= end {
          setTime(max(now, next))
          deliverWhatIsDue()
        } else {
          failure = .timeLimit(limit, seed: seed)
          task.cancel()
        }
      } else if !ready.waitForOthers(seconds: failure == nil ? 2 : 1) {
        // Others had real time to do something; cancelled, the task has a last chance to end.
        if failure != nil { return failure }
        failure = .stalled(after: elapsed, seed: seed)
        task.cancel()
      }
    }
    return failure
  }
}

/// What a task ends with.
private final class Outcome<Value: Sendable>: Sendable {
  private let result = Guarded<Result<Value, any Error>?>(nil)

  var isSet: Bool { result.withLock { $0 != nil } }

  func set(_ new: Result<Value, any Error>) { result.withLock { $0 = new } }

  func get() throws -> Value {
    guard let result = result.withLock({ $0 }) else { preconditionFailure("the task is not over") }
    return try result.get()
  }
}
