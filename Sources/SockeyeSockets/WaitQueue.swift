// Holds waiting in a loop: tasks that wait until something may have changed, and tasks that take turns. It does not hold
// what they wait for.

import DequeModule

/// Tasks that wait for the same thing, in the order in which they came. Used in the loop alone, save for `cancel`.
final class WaitQueue: @unchecked Sendable {
  private var waiting: Deque<(number: UInt64, continuation: CheckedContinuation<Bool, Never>)> = []
  private var latest: UInt64 = 0
  private unowned let loop: NetworkLoop

  init(_ loop: NetworkLoop) {
    self.loop = loop
  }

  var isEmpty: Bool { waiting.isEmpty }

  /// Waits until it is this task's turn to look again.
  /// - Returns: false when the task was cancelled.
  func wait(isolation: isolated (any Actor)? = #isolation) async -> Bool {
    if Task.isCancelled { return false }
    latest += 1
    let number = latest
    let loop = loop
    return await withTaskCancellationHandler(
      operation: {
        // Named, the actor is the closure's own too: it does not leave the loop.
        _ = isolation
        return await withCheckedContinuation(isolation: isolation) { continuation in
          assert(loop.isCurrent, "waiting begins in the loop")
          waiting.append((number, continuation))
        }
      },
      // It comes to the loop after the task has begun to wait there.
      onCancel: { loop.execute { self.cancel(number) } }, isolation: isolation)
  }

  private func cancel(_ number: UInt64) {
    guard let place = waiting.firstIndex(where: { $0.number == number }) else { return }
    waiting.remove(at: place).continuation.resume(returning: false)
  }

  /// Lets the first one look.
  func wakeFirst() {
    if let first = waiting.popFirst() { first.continuation.resume(returning: true) }
  }

  /// Lets all look.
  func wakeAll() {
    while !waiting.isEmpty { wakeFirst() }
  }
}

/// A thing that one task has at a time, and the others get in the order in which they asked.
final class Turn: @unchecked Sendable {
  private var isTaken = false
  private let others: WaitQueue

  init(_ loop: NetworkLoop) {
    others = WaitQueue(loop)
  }

  /// Waits for the turn.
  /// - Returns: false when the task was cancelled before it had it.
  func take(isolation: isolated (any Actor)? = #isolation) async -> Bool {
    if Task.isCancelled { return false }
    guard isTaken else {
      isTaken = true
      return true
    }
    // Given by the one before, who leaves it taken.
    return await others.wait()
  }

  func give() {
    if others.isEmpty {
      isTaken = false
    } else {
      others.wakeFirst()
    }
  }
}
