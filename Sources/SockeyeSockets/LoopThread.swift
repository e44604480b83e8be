// Holds the thread that turns a loop: it waits for the tunnel, for whoever wants something, and for the time.

package import SockeyeBytes
package import SockeyeTunnel
import Synchronization

/// A thread for one loop. It ends when `stop` was called and nobody uses the loop any more.
package final class LoopThread: LoopRunner {
  private let clock = SystemClock()
  private let wakeUp: WakeUp
  private let isStopping = Atomic<Bool>(false)
  private let hasEnded = Guarded(false)

  /// - Throws: `NetworkError` when the system has no descriptor to spare.
  package init() throws(NetworkError) {
    do {
      wakeUp = try WakeUp()
    } catch {
      throw .tunnel(.system(interface: "", error))
    }
  }

  package var now: Instant { clock.now() }

  package func wake(_ loop: NetworkLoop) {
    let hasEnded = hasEnded.withLock { $0 }
    if !hasEnded { return wakeUp.signal() }
    // Sockets that outlive their network: their last calls still must come to an end.
    let attempt: Void? = try? SystemThread.start { [loop] in self.finish(loop) }
    if attempt == nil { finish(loop) }
  }

  /// Does what is left for a loop that has no thread any more.
  private func finish(_ loop: NetworkLoop) {
    hasEnded.withLock { _ in _ = loop.turn(budget: 0) }
  }

  /// Begins to turn the loop.
  /// - Parameter descriptor: what is readable when packets are there and writable when there is room; nil when the
  ///   device wakes the loop itself.
  package func start(_ loop: NetworkLoop, descriptor: Descriptor?) throws(NetworkError) {
    do {
      let waiting = try Waiter(wakeUp: wakeUp, device: descriptor)
      try SystemThread.start { [self] in run(loop, waiting) }
    } catch {
      throw .tunnel(.system(interface: "", error))
    }
  }

  /// Lets the thread end after what is under way.
  package func stop() {
    isStopping.store(true, ordering: .releasing)
    wakeUp.signal()
  }

  private func run(_ loop: NetworkLoop, _ waiter: Waiter) {
    while true {
      let deadline = loop.turn()
      if isStopping.load(ordering: .acquiring) { break }
      if let error = waiter.wait(until: deadline, now: now, forRoom: loop.isHolding) { loop.fail(error) }
      if waiter.foundRoom { loop.deviceHasRoom() }
    }
    // Whoever asked between the last turn and now is heard; who asks later gets a thread for it.
    hasEnded.withLock { hasEnded in
      hasEnded = true
      _ = loop.turn(budget: 0)
    }
  }
}

/// What the thread waits with. Used by the thread alone.
private final class Waiter: @unchecked Sendable {
  private var poller: Poller
  private let wakeUp: WakeUp
  private let device: Descriptor?
  private var waitsForRoom = false
  private(set) var foundRoom = false

  init(wakeUp: WakeUp, device: Descriptor?) throws(SystemError) {
    self.wakeUp = wakeUp
    self.device = device
    poller = try Poller()
    try poller.set(wakeUp.descriptor, .reading)
    if let device { try poller.set(device, .reading) }
  }

  func wait(until deadline: Instant?, now: Instant, forRoom: Bool) -> NetworkError? {
    foundRoom = false
    do throws(SystemError) {
      if let device, forRoom != waitsForRoom {
        // A link that is full is not asked for more work: each packet in may want one out.
        try poller.set(device, forRoom ? .writing : .reading)
        waitsForRoom = forRoom
      }
      var isCalled = false
      var found = false
      let (wake, device) = (wakeUp.descriptor, device)
      try poller.wait(until: deadline, now: now) { descriptor, interest in
        if descriptor == wake { isCalled = true }
        if descriptor == device, interest.contains(.writing) { found = true }
      }
      foundRoom = found
      if isCalled { wakeUp.clear() }
      return nil
    } catch {
      return .tunnel(.system(interface: "", error))
    }
  }
}
