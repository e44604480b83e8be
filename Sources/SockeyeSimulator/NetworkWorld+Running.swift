// How time passes in a world of any number of hosts: what happens next, one thing at a time. What becomes of packets is in
// NetworkWorld+Packets.

public import SockeyeBytes
import SockeyeStack

extension NetworkWorld {
  /// Things at one instant after which a stack's deadline must be wrong.
  static let stepLimit = 1_000_000

  /// What happens next.
  private enum Source {
    case action
    case link(NetworkLink, LinkDirection)
    case host(NetworkHost)
  }

  /// When the next thing happens; nil when nothing ever will unless somebody acts.
  ///
  /// It sends what hosts want to send first, so that what callers did counts.
  public var nextDeadline: Instant? {
    drainAll()
    return next()?.at
  }

  /// Actions first, then links, then hosts, each in the order in which they came into the world.
  private func next() -> (at: Instant, source: Source)? {
    var best = Instant.distantFuture
    var source: Source?
    if let at = actions.earliest, at < best {
      best = at
      source = .action
    }
    for link in links {
      if let at = link.forward.nextDeadline, at < best {
        best = at
        source = .link(link, .forward)
      }
      if let at = link.backward.nextDeadline, at < best {
        best = at
        source = .link(link, .backward)
      }
    }
    for host in hosts {
      if let at = host.deadline(), at < best {
        best = at
        source = .host(host)
      }
    }
    return source.map { (best, $0) }
  }

  /// Lets the next thing happen, if it happens by `limit`: one packet arrives, one host's clock runs to its deadline, or one
  /// scheduled action is taken. Hosts have sent what they want to send when it returns.
  /// - Returns: whether something happened.
  @discardableResult
  public func step(until limit: Instant = .distantFuture) -> Bool {
    drainAll()
    guard let (at, source) = next(), at <= limit else { return false }
    if at > now { stepsAtThisInstant = 0 }
    stepsAtThisInstant += 1
    precondition(stepsAtThisInstant < NetworkWorld.stepLimit, "a host's deadline does not move on")
    now = max(now, at)
    switch source {
    case .action: actions.next()?(self)
    case .link(let link, let direction): arrive(link, direction)
    case .host(let host): host.stack.advance(to: host.clock.time(at: now))
    }
    drainAll()
    return true
  }

  /// Lets everything happen up to and including `time`, and moves the clock there.
  public func run(until time: Instant) {
    while step(until: time) {}
    now = max(now, time)
  }

  /// Lets everything happen for a while.
  public func run(for interval: Interval) { run(until: now + interval) }

  /// Lets things happen until a condition holds, for as long as `limit`.
  /// - Parameter condition: asked before the first thing that happens and after each.
  /// - Returns: whether it holds.
  @discardableResult
  public func run(atMost limit: Interval, until condition: () -> Bool) -> Bool {
    let end = now + limit
    while !condition() {
      guard step(until: end) else { return condition() }
    }
    return true
  }

  /// Has something done at a time; things of one time are done in the order in which they were scheduled.
  /// - Parameter action: acts on the world and its hosts.
  public func schedule(at time: Instant, _ action: @escaping (NetworkWorld) -> Void) {
    actions.add(action, at: time)
  }
}
