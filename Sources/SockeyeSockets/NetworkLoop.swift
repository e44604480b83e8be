// Holds the one owner of a stack: what it has to do (jobs, calls, timers, packets, events) and the order in which it does
// it. It does not hold the thread or the simulated network that makes it do so, nor sockets.

import DequeModule
package import SockeyeBytes
package import SockeyeStack
package import SockeyeTCP
package import SockeyeTunnel
import Synchronization

/// The executor of a network's sockets: everything that touches one stack runs here, one thing after the other.
///
/// Actors that say `loop.asUnownedSerialExecutor()` as their executor call sockets without a change of thread.
public final class NetworkLoop: SerialExecutor, @unchecked Sendable {
  // Everything but `inbox`, `owner` and the runner belongs to whoever is in the loop.
  package var stack: Stack
  /// The link to the outside.
  package let link: LinkID
  /// How connections behave that nobody has configured.
  package let connectionDefaults: TCPConfiguration
  package private(set) var timers = LoopTimers()
  /// Who hears of what happens to sockets.
  package var handlers = SocketHandlers()
  /// What sockets hold on to, so that the network goes on.
  weak var life: NetworkLife?
  /// The same for sockets of layers above.
  package var lifeline: (any AnyObject & Sendable)? { life }
  /// Hears of each connection that ends.
  package var connectionEnded: (() -> Void)?
  /// What is open may still come to its end, and nothing new begins.
  package var isShuttingDown = false
  /// Why nothing goes in or out any more.
  package private(set) var failure: NetworkError?
  /// Sees packets and observations.
  package var observer: (any TunnelObserver)?

  private let runner: any LoopRunner
  private let device: any PacketDevice
  private var incoming: FrameBuffer
  private var outgoing: FrameBuffer
  /// A packet that the device was too full to take, still in `outgoing`.
  private var held: FrameMetadata?
  private var isSettled = true

  private let inbox = Guarded(Inbox())
  /// The thread that is in the loop; 0: none.
  private let owner = Atomic<UInt>(0)

  /// What others want done.
  private struct Inbox {
    var work: Deque<Work> = []
    /// Nobody will look into the inbox unless woken.
    var isAsleep = true
  }

  private enum Work {
    case job(UnownedJob)
    case call(@Sendable () -> Void)
  }

  /// Packets given to the stack before other work gets its turn.
  package static let packetsAtATime = 64

  /// A host with one link.
  /// - Throws: `StackError` when an address is impossible.
  package init(
    configuration: StackConfiguration, interface: InterfaceConfiguration, device: any PacketDevice,
    runner: any LoopRunner
  ) throws(StackError) {
    var stack = Stack(configuration: configuration)
    let link = try stack.addInterface(interface)
    for text in ["0.0.0.0/0", "::/0"] {
      // Whatever isn't next to us, the other side may forward.
      if let everything = AddressPrefix(parsing: text) { try stack.addRoute(to: everything, on: link) }
    }
    self.stack = stack
    self.link = link
    connectionDefaults = configuration.tcp
    self.device = device
    self.runner = runner
    incoming = FrameBuffer(capacity: max(interface.maximumTransmissionUnit, 1280))
    outgoing = FrameBuffer(capacity: max(interface.maximumTransmissionUnit, 1280))
  }

  // MARK: From anywhere

  /// The time, as the stack knows it.
  package var now: Instant { runner.now }

  /// Whether that time goes by as the computer's does.
  package var isRealTime: Bool { runner.isRealTime }

  /// Whether the caller is in the loop.
  package var isCurrent: Bool { owner.load(ordering: .relaxed) == SystemThread.current }

  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    add(.job(job))
  }

  public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    unsafe UnownedSerialExecutor(ordinary: self)
  }

  public func checkIsolated() {
    precondition(isCurrent, "not in the network's loop")
  }

  public func isIsolatingCurrentContext() -> Bool? { isCurrent }

  /// Has a function run in the loop, after what was asked for before.
  package func execute(_ call: @escaping @Sendable () -> Void) {
    add(.call(call))
  }

  /// Has the loop take a turn, for its device has something.
  package func wake() {
    let mustWake = inbox.withLock { inbox in
      defer { inbox.isAsleep = false }
      return inbox.isAsleep
    }
    if mustWake { runner.wake(self) }
  }

  private func add(_ work: Work) {
    let mustWake = inbox.withLock { inbox in
      inbox.work.append(work)
      defer { inbox.isAsleep = false }
      return inbox.isAsleep
    }
    if mustWake { runner.wake(self) }
  }

  // MARK: In the loop

  /// Does everything that can be done now.
  /// - Parameter budget: packets taken from the device at most.
  /// - Returns: when there is more to do without anybody asking: now, if the budget was too small; nil for never.
  package func turn(budget: Int = packetsAtATime) -> Instant? {
    owner.store(SystemThread.current, ordering: .relaxed)
    defer { owner.store(0, ordering: .relaxed) }
    var packetsLeft = budget
    repeat {
      runWork()
      runTimers()
      settle()
      while packetsLeft > 0, held == nil, receivePacket() {
        packetsLeft -= 1
        settle()
      }
      if packetsLeft == 0, budget > 0 { break }
    } while !sleepsIfIdle()
    if packetsLeft == 0, budget > 0 {
      inbox.withLock { $0.isAsleep = false }
      return now
    }
    _ = observer?.willWait()
    return nextDeadline
  }

  /// When time alone makes something happen.
  package var nextDeadline: Instant? {
    guard let deadline = failure == nil ? stack.nextDeadline : nil else { return timers.earliest }
    return min(deadline, timers.earliest ?? deadline)
  }

  /// Whether a packet waits for the device to have room.
  package var isHolding: Bool { held != nil }

  /// - Returns: whether nothing has been asked for; then the next one who asks wakes the loop.
  private func sleepsIfIdle() -> Bool {
    inbox.withLock { inbox in
      inbox.isAsleep = inbox.work.isEmpty
      return inbox.isAsleep
    }
  }

  private func runWork() {
    // What is added meanwhile waits until packets and timers had their turn.
    var work = inbox.withLock { inbox in
      var taken: Deque<Work> = []
      swap(&taken, &inbox.work)
      return taken
    }
    while let next = work.popFirst() {
      switch next {
      case .job(let job): unsafe job.runSynchronously(on: asUnownedSerialExecutor())
      case .call(let call): call()
      }
      isSettled = false
    }
  }

  private func runTimers() {
    let now = now
    while let action = timers.next(at: now) {
      action()
      isSettled = false
    }
    if failure == nil, let deadline = stack.nextDeadline, deadline <= now {
      stack.advance(to: now)
      isSettled = false
    }
  }

  /// Runs a function at a time.
  /// - Returns: what `cancel` takes.
  package func schedule(at time: Instant, _ action: @escaping () -> Void) -> LoopTimers.Token {
    timers.add(at: time, action)
  }

  /// - Returns: whether it had not run.
  @discardableResult
  package func cancel(_ token: LoopTimers.Token) -> Bool { timers.cancel(token) }

  // MARK: Packets and events

  /// Sends what the stack wants to send, and tells its news, until there is none of either.
  private func settle() {
    while !isSettled {
      isSettled = true
      drainFrames()
      while let event = stack.nextEvent() {
        dispatch(event)
        isSettled = false
      }
      while let forwarder = handlers.forwarder, let request = stack.nextOpenRequest() {
        forwarder.asked(request)
      }
    }
  }

  /// Tells an event to whom it concerns, who may change the handlers meanwhile.
  private func dispatch(_ event: SocketEvent) {
    switch event {
    case .connected(let id): handlers.connections[id]?.connected()
    case .readable(let id): handlers.connections[id]?.readable()
    case .writable(let id): handlers.connections[id]?.writable()
    case .drained(let id): handlers.connections[id]?.drained()
    case .peerFinished(let id): handlers.connections[id]?.peerFinished()
    case .closed(let id, let reason):
      handlers.connections.removeValue(forKey: id)?.closed(reason)
      connectionEnded?()
    case .acceptable(let id): handlers.listeners[id]?.acceptable()
    case .datagram(let id): handlers.datagrams[id]?.datagramArrived()
    case .datagramError(let id, let error, let destination):
      handlers.datagrams[id]?.datagramFailed(error, destination: destination)
    case .urgent, .retransmissionTrouble, .softError, .echoReply, .echoError: break
    }
  }

  /// Gives a packet that has arrived to the stack, and does what follows from it.
  package func deliver(_ packet: RawSpan) {
    stack.receive(packet, on: link, at: now)
    drainObservations()
    observer?.received(packet, at: now)
    isSettled = false
  }

  /// A function of its own, for the buffer's bytes may not be lent for longer than a call.
  private static func deliver(_ packet: borrowing FrameBuffer, to loop: NetworkLoop) {
    loop.deliver(packet.bytes)
  }

  private static func send(_ packet: borrowing FrameBuffer, to device: any PacketDevice) throws(NetworkError)
    -> Bool
  {
    try device.send(packet.bytes)
  }

  private static func show(
    _ packet: borrowing FrameBuffer, _ metadata: FrameMetadata, to observer: any TunnelObserver,
    at now: Instant
  ) {
    observer.sent(packet.bytes, metadata, at: now)
  }

  private func receivePacket() -> Bool {
    if failure != nil { return false }
    do throws(NetworkError) {
      guard try incoming.fill({ frame throws(NetworkError) in try device.receive(into: &frame) }) else {
        return false
      }
      Self.deliver(incoming, to: self)
      return true
    } catch {
      fail(error)
      return false
    }
  }

  private func drainFrames() {
    if failure != nil { return discardFrames() }
    while true {
      let metadata: FrameMetadata
      if let held {
        metadata = held
      } else if let next = outgoing.fill({ frame in stack.nextFrame(into: &frame) }) {
        metadata = next
      } else {
        break
      }
      held = nil
      do throws(NetworkError) {
        if try !Self.send(outgoing, to: device) {
          held = metadata
          break
        }
      } catch {
        fail(error)
        return
      }
      drainObservations()
      if let observer { Self.show(outgoing, metadata, to: observer, at: now) }
    }
    drainObservations()
  }

  /// A packet that was held may go now.
  package func deviceHasRoom() {
    isSettled = false
  }

  private func discardFrames() {
    held = nil
    while outgoing.fill({ frame in stack.nextFrame(into: &frame) }) != nil {}
  }

  private func drainObservations() {
    guard let observer, stack.observing else { return }
    while let observation = stack.nextObservation() { observer.observed(observation) }
  }

  /// Ends everything: the device is gone.
  package func fail(_ error: NetworkError) {
    guard failure == nil else { return }
    failure = error
    let (connections, listeners, datagrams) = (handlers.connections, handlers.listeners, handlers.datagrams)
    let forwarder = handlers.forwarder
    handlers = SocketHandlers()
    for handler in connections.values { handler.failed(error) }
    for handler in listeners.values { handler.failed(error) }
    for handler in datagrams.values { handler.failed(error) }
    forwarder?.failed(error)
    // Nobody may ever turn this loop again: what waits for its time finds out now, from `failure`.
    while let action = timers.next(at: .distantFuture) { action() }
    isSettled = false
  }
}

/// What makes a loop turn: a thread, or a simulated network.
package protocol LoopRunner: AnyObject, Sendable {
  /// The time.
  var now: Instant { get }
  /// Whether it goes by as the computer's does.
  var isRealTime: Bool { get }
  /// Makes the loop take a turn soon. Called from any thread.
  func wake(_ loop: NetworkLoop)
}

extension LoopRunner {
  package var isRealTime: Bool { true }
}

/// Where packets come from and go to.
package protocol PacketDevice: AnyObject {
  /// Gives the next packet that has arrived.
  /// - Returns: whether there was one.
  func receive(into frame: inout OutputRawSpan) throws(NetworkError) -> Bool
  /// Takes a packet.
  /// - Returns: false when there is no room now; the same packet is offered again later.
  func send(_ packet: RawSpan) throws(NetworkError) -> Bool
}
