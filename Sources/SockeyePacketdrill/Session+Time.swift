// Holds how time passes and packets move: the calls that packetdrill's script thread makes between system calls, and calls
// that sleep until something has changed.

import SockeyeBytes
import SockeyeStack

/// A system call that sleeps.
final class BlockedCall {
  let deadline: Instant?
  /// Whether it has looked at the state of things since they last changed.
  var hasLooked = true

  init(deadline: Instant?) { self.deadline = deadline }
}

extension Session {
  // MARK: Calls that may sleep

  /// Tries `attempt` until it has an answer.
  ///
  /// - Parameters:
  ///   - waits: whether to sleep between attempts; without it a call that would block fails with `otherwise`.
  ///   - timeout: how long to sleep at most; nil is for ever.
  ///   - otherwise: the error when there is no answer.
  func answer<Result>(
    waits: Bool, timeout: Interval? = nil, otherwise: Int32,
    _ attempt: () throws(SystemCallError) -> Result?
  ) throws(SystemCallError) -> Result {
    try monitor.locked { () throws(SystemCallError) -> Result in
      advance()
      defer { callEnds() }
      if let result = try attempt() { return result }
      guard waits else { throw SystemCallError(otherwise) }
      settle()
      let call = BlockedCall(deadline: timeout.map { clock.now + $0 })
      if Monitor.currentThread == mainThread { return try wait(call, otherwise, attempt) }
      // Whoever sleeps will not ask for the time.
      if owingThreads.remove(Monitor.currentThread) != nil { monitor.changed() }
      blocked.append(call)
      defer { blocked.removeAll { $0 === call } }
      while true {
        monitor.wait()
        if call.hasLooked { continue }
        let result = try attempt()
        drain()
        call.hasLooked = true
        monitor.changed()
        if let result { return result }
        if let deadline = call.deadline, deadline <= clock.now { throw SystemCallError(otherwise) }
      }
    }
  }

  /// The script's own thread sleeps: nobody else lets time pass.
  private func wait<Result>(
    _ call: BlockedCall, _ otherwise: Int32, _ attempt: () throws(SystemCallError) -> Result?
  ) throws(SystemCallError) -> Result {
    while true {
      var due = nextDue
      if let deadline = call.deadline { due = min(due ?? deadline, deadline) }
      guard let due else { throw SystemCallError(otherwise) }
      pass(until: due)
      if let result = try attempt() { return result }
      if let deadline = call.deadline, deadline <= clock.now { throw SystemCallError(otherwise) }
    }
  }

  /// A call that never sleeps.
  func answer<Result>(_ body: () throws(SystemCallError) -> Result) throws(SystemCallError) -> Result {
    try monitor.locked { () throws(SystemCallError) -> Result in
      advance()
      defer { callEnds() }
      return try body()
    }
  }

  /// What a call has changed is taken note of, and the time stands still until the thread of a blocking call has asked.
  private func callEnds() {
    let thread = Monitor.currentThread
    if thread != mainThread {
      owingThreads.insert(thread)
      hasAnswered = true
    }
    settle()
  }

  func retryBlockedCalls() {
    guard Monitor.currentThread == mainThread, !blocked.isEmpty else { return }
    for call in blocked { call.hasLooked = false }
    monitor.changed()
    while blocked.contains(where: { !$0.hasLooked }) { monitor.wait() }
  }

  // MARK: The clock

  /// Lets the stack know what time it is.
  private func advance() { stack.advance(to: clock.now) }

  func timeOfDay() -> Instant {
    monitor.locked {
      if owingThreads.remove(Monitor.currentThread) != nil { monitor.changed() }
      return clock.ask()
    }
  }

  /// What is next to happen by itself.
  private var nextDue: Instant? {
    var earliest = stack.nextDeadline
    for call in blocked {
      if let deadline = call.deadline { earliest = min(earliest ?? deadline, deadline) }
    }
    return earliest
  }

  /// Lets time pass.
  func sleep(for interval: Interval) {
    monitor.locked {
      giveWay()
      let end = clock.now + interval
      repeat { pass(until: min(nextDue ?? end, end)) } while clock.now < end
    }
  }

  /// A thread whose call was answered goes on to tell the script's so, which must be out of its way meanwhile; in real time
  /// it is while it sleeps.
  private func giveWay() {
    waitForOwing()
    guard hasAnswered else { return }
    hasAnswered = false
    guard clock.kind == .virtual else { return }
    let end = Monitor.monotonic + 1_000_000
    while Monitor.monotonic < end { _ = monitor.wait(untilMonotonic: end) }
  }

  /// Waits for an instant, or moves there, and lets happen what is due.
  private func pass(until instant: Instant) {
    waitForOwing()
    switch clock.kind {
    case .virtual:
      // A time that has come already must not be waited for again and again.
      if instant <= clock.now { _ = clock.ask() } else { clock.move(to: instant) }
    case .real:
      // Woken before, when another thread's call has changed something.
      if clock.now < instant { monitor.wait(untilMonotonic: clock.monotonic(at: instant)) }
    }
    isTimePassing = true
    advance()
    settle()
    isTimePassing = false
  }

  /// A thread whose call was answered reads the time at which it was; until then it must not change. One that has gone
  /// without asking is not waited for long.
  private func waitForOwing() {
    let limit = Monitor.monotonic + 1_000_000_000
    while !owingThreads.isEmpty {
      if !monitor.wait(untilMonotonic: limit), Monitor.monotonic >= limit { owingThreads.removeAll() }
    }
  }

  // MARK: Packets

  /// Takes a packet for the host.
  func receivePacket(_ bytes: [UInt8]) {
    monitor.locked {
      advance()
      bytes.withRawSpan { stack.receive($0, on: link, at: clock.now) }
      releaseHeld()
      settle()
    }
  }

  /// MSG_MORE holds text back until the peer is heard again; from then on Nagle's rule decides, as on Linux.
  private func releaseHeld() {
    for socket in sockets.values where socket.isHeld {
      guard let id = socket.connection else { continue }
      socket.isHeld = false
      try? stack.setCork(socket.options.cork, of: id, at: clock.now)
    }
  }

  /// The next packet that leaves the host; waits for it as long as there is anything to wait for.
  func nextPacket() -> SentPacket? {
    monitor.locked {
      let end = clock.now + Self.patience
      while packets.isEmpty {
        waitForOwing()
        if !packets.isEmpty { break }
        guard let due = nextDue, due <= end else {
          // Whatever is to come, a call of another thread must bring it, and in virtual time none does by itself.
          return nil
        }
        pass(until: due)
      }
      return packets.removeFirst()
    }
  }

  /// How long a packet is waited for: longer than anything but an idle connection is quiet.
  private static var patience: Interval { .hours(4) }
}
