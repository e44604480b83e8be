// Holds the loop that joins a stack, a tunnel and a clock, on the thread that calls it. It does not hold what
// is done with connections: the program does that between two calls of `next(until:)`.

public import SockeyeBytes
public import SockeyeStack
public import SockeyeWire

/// A stack on a tunnel, for a program with one thread.
///
///     var driver = try TunnelDriver(tunnel: tunnel, addresses: [AddressPrefix(parsing: "10.34.1.2/24")!])
///     let listener = try driver.stack.listen(on: ListenEndpoint(port: 3401))
///     while true {
///       switch try driver.next() {
///       case .socket(.acceptable(listener)): …
///       …
///       }
///     }
///
/// The program calls the stack directly, with the times of `now()`; what the stack wants to send because of
/// that goes out at the next `next(until:)`. Packets are given to the stack one at a time, and everything that
/// it sends in answer goes out before the next: acknowledgments that were folded together would starve the
/// peer's fast retransmit.
public struct TunnelDriver: ~Copyable {
  /// The host.
  public var stack: Stack
  /// The tunnel, as the stack knows it.
  public let link: LinkID
  /// Sees packets and observations. Set `stack.observing` for the latter.
  public var observer: (any TunnelObserver)?
  /// Tells the times of everything here; it started when the driver was made.
  public let clock = SystemClock()
  /// Packets that the tunnel lost because the interface was down.
  public private(set) var lostPackets = 0

  private let tunnel: Tunnel
  private var incoming: FrameBuffer
  private var outgoing: FrameBuffer
  /// A packet that the tunnel was too full to take, still in `outgoing`.
  private var held: FrameMetadata?
  private var waiting = Waiting()
  private var occurrences: [TunnelOccurrence] = []
  private var signals: SignalPipe?
  /// How many packets may still be read before other descriptors are looked at again.
  private var packetsLeft = 0
  private static let packetsAtATime = 64

  /// A host with one interface, through which it can reach everything.
  /// - Parameters:
  ///   - tunnel: an interface that is up.
  ///   - configuration: the host's settings; its keys must come from a strong source of randomness.
  ///   - addresses: the host's own addresses, each with what can be reached next to it.
  /// - Throws: `StackError` when an address is impossible.
  public init(
    tunnel: consuming Tunnel, configuration: StackConfiguration = .random(), addresses: [AddressPrefix]
  ) throws(StackError) {
    var stack = Stack(configuration: configuration)
    let interface = InterfaceConfiguration(maximumTransmissionUnit: tunnel.mtu, addresses: addresses)
    let link = try stack.addInterface(interface)
    for text in ["0.0.0.0/0", "::/0"] {
      // Whatever isn't next to us, the computer's kernel may forward.
      if let everything = AddressPrefix(parsing: text) { try stack.addRoute(to: everything, on: link) }
    }
    // Nothing can fail any more.
    self.stack = stack
    self.link = link
    signals = nil
    incoming = FrameBuffer(capacity: tunnel.mtu)
    outgoing = FrameBuffer(capacity: tunnel.mtu)
    waiting.set(tunnel.descriptor, .reading)
    self.tunnel = tunnel
  }

  /// What the system calls the tunnel's interface.
  public var interface: String { tunnel.interface }

  /// The time to give to the stack's calls.
  public func now() -> Instant { clock.now() }

  /// Says what a descriptor of the program's own is waited for from now on; nothing forgets it.
  public mutating func watch(_ descriptor: Descriptor, for interest: DescriptorInterest) {
    waiting.set(descriptor, interest)
    occurrences.removeAll { $0 == .readable(descriptor) && !interest.contains(.reading) }
    occurrences.removeAll { $0 == .writable(descriptor) && !interest.contains(.writing) }
  }

  /// Makes SIGINT, SIGTERM and SIGHUP occurrences instead of the process's end.
  /// - Throws: `SystemError` when the system has no pipe to spare.
  public mutating func watchEndRequests() throws(SystemError) {
    let pipe = try SignalPipe()
    waiting.set(pipe.descriptor, .reading)
    signals = consume pipe
  }

  /// Moves packets and time on until something happens that the program should know.
  /// - Parameter limit: when to return at the latest, with `.timePassed`; nil waits for ever.
  /// - Throws: `TunnelError`, such as `.vanished`. Nothing can be sent any more then.
  public mutating func next(until limit: Instant? = nil) throws(TunnelError) -> TunnelOccurrence {
    while true {
      try drainFrames()
      if let event = stack.nextEvent() { return .socket(event) }
      if !occurrences.isEmpty { return occurrences.removeFirst() }
      let now = now()
      if let deadline = stack.nextDeadline, deadline <= now {
        stack.advance(to: now)
        continue
      }
      if try receiveFrame(at: now) { continue }
      if let limit, limit <= now { return .timePassed }
      if observer?.willWait() == false { return .observerStopped }
      try wait(until: limit, now: now)
    }
  }

  /// Sends what the stack wants to send, as far as the tunnel takes it.
  /// - Throws: `TunnelError`, such as `.vanished`.
  public mutating func drainFrames() throws(TunnelError) {
    while true {
      let metadata: FrameMetadata
      if let held {
        metadata = held
      } else if let next = outgoing.fill({ frame in stack.nextFrame(into: &frame) }) {
        metadata = next
      } else {
        break
      }
      let result = try tunnel.write(outgoing.bytes)
      if result == .full {
        hold(metadata)
        break
      }
      if result == .lost { lostPackets += 1 }
      hold(nil)
      drainObservations()
      observer?.sent(outgoing.bytes, metadata, at: now())
    }
    drainObservations()
  }

  /// Keeps a packet until the tunnel has room; nil is none.
  private mutating func hold(_ metadata: FrameMetadata?) {
    if (held == nil) == (metadata == nil) { return }
    held = metadata
    waiting.set(tunnel.descriptor, metadata == nil ? .reading : [.reading, .writing])
  }

  /// Gives one packet to the stack.
  /// - Returns: whether there was one.
  private mutating func receiveFrame(at now: Instant) throws(TunnelError) -> Bool {
    // A link that is full is not asked for more work: each packet in may want one out.
    if packetsLeft == 0 || held != nil { return false }
    packetsLeft -= 1
    let result = try incoming.fill { frame throws(TunnelError) in try tunnel.read(into: &frame) }
    if result == .empty {
      packetsLeft = 0
      return false
    }
    Self.give(incoming, to: &stack, on: link, at: now)
    drainObservations()
    observer?.received(incoming.bytes, at: now)
    return true
  }

  /// A function of its own, for the compiler takes a loan of `incoming` inside a call of `stack` for one of both.
  private static func give(
    _ packet: borrowing FrameBuffer, to stack: inout Stack, on link: LinkID, at now: Instant
  ) {
    stack.receive(packet.bytes, on: link, at: now)
  }

  private mutating func drainObservations() {
    guard let observer, stack.observing else { return }
    while let observation = stack.nextObservation() { observer.observed(observation) }
  }

  private mutating func wait(until limit: Instant?, now: Instant) throws(TunnelError) {
    var limit = limit
    if let deadline = stack.nextDeadline { limit = min(limit ?? deadline, deadline) }
    let ready: [Waiting.Ready]
    do {
      ready = try waiting.wait(until: limit, now: now)
    } catch {
      throw .system(interface: interface, error)
    }
    for entry in ready {
      if entry.descriptor == tunnel.descriptor {
        if entry.interest.contains(.reading) { packetsLeft = Self.packetsAtATime }
      } else if let request = endRequest(from: entry.descriptor) {
        occurrences.append(.endRequested(request))
      } else {
        if entry.interest.contains(.reading) { occurrences.append(.readable(entry.descriptor)) }
        if entry.interest.contains(.writing) { occurrences.append(.writable(entry.descriptor)) }
      }
    }
  }

  private mutating func endRequest(from descriptor: Descriptor) -> EndRequest? {
    if signals?.descriptor != descriptor { return nil }
    return signals?.next()
  }
}

extension StackConfiguration {
  /// The defaults, with keys from the system's source of randomness.
  public static func random() -> StackConfiguration {
    var source = SystemRandomNumberGenerator()
    return StackConfiguration(keys: StackKeys(from: &source))
  }
}
