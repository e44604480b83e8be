// How programs let virtual time pass: for a while, until something is true, until the wire is quiet. And
// the story that they tell beside it.

public import SockeyeBytes
import SockeyeTrace

extension World {
  /// Lets everything happen up to and including `time`.
  public func run(until time: Instant) {
    while step(until: time) {}
    moveClock(to: time)
  }

  /// Lets everything happen for `interval`.
  public func run(for interval: Interval) {
    run(until: now + interval)
  }

  /// Lets things happen until a condition holds.
  /// - Parameters:
  ///   - limit: how long to wait at most; the clock then stands where the last thing happened.
  ///   - condition: asked after each thing that happened, and before the first.
  /// - Returns: whether the condition holds.
  @discardableResult
  public func run(atMost limit: Interval = .hours(1), until condition: () -> Bool) -> Bool {
    let end = now + limit
    while !condition() {
      guard step(until: end) else { return condition() }
    }
    return true
  }

  /// Lets things happen until nothing has happened for `quiet`: long enough for delayed acknowledgments,
  /// too short for a retransmission timer of a second.
  public func settle(quiet: Interval = .milliseconds(600)) {
    while step(until: now + quiet) {}
  }

  /// Lets things happen until nothing will ever happen again, or `limit` is over.
  public func finish(atMost limit: Interval = .hours(24)) {
    let end = now + limit
    while step(until: end) {}
  }

  /// Writes a sentence into the recording, for whoever watches.
  public func narrate(_ text: String) {
    drainAll()
    record(.narrated(text))
  }
}
