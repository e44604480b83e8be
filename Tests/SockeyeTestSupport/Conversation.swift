// The script language of the project's tests: a host of ours, a peer made by hand, and a clock. What the peer sends
// goes in with `receive`, what the host sends is read with `expect` and `expectNothing`, and `advance` lets time pass.
//
//     let talk = Conversation()
//     talk.listen()
//     talk.receive("S", seq: 0)
//     talk.expect("S.", seq: 0, ack: 1)
//     talk.receive(".", seq: 1, ack: 1)
//     talk.expectState(.established)
//
// Flags are tcpdump's letters: S SYN, F FIN, R RST, P PSH, U URG, E ECE, W CWR, and a dot for ACK. Numbers count from
// each side's own SYN, whose number is 0, so that a connection's first octet is 1 on both sides. Every segment that the
// host sends is checked as a strict receiver would: checksum, option lengths, padding, reserved bits, and its text
// against what was written.

public import SockeyeBytes
public import SockeyeStack
public import SockeyeTCP
public import SockeyeWire
public import Testing

/// A segment that the host under test sent.
public struct SentSegment: Sendable {
  public let at: Instant
  public let header: TCPHeader
  public let payload: [UInt8]
  public let purpose: SegmentPurpose?
  /// The IP packet.
  public let packet: [UInt8]
  public let source: IPAddress
  public let destination: IPAddress

  /// The ECN field of the IP header (RFC 3168 §5).
  public var mark: UInt8 {
    switch source {
    case .v4: packet[1] & 3
    case .v6: packet[1] >> 4 & 3
    }
  }
}

public final class Conversation {
  public enum Role: Sendable { case active, passive }

  // The two ends.
  public var stack: Stack
  public let link: LinkID
  public let hostAddress: IPAddress
  public let peerAddress: IPAddress
  /// The ports of the connection that is being talked about.
  public var hostPort: UInt16 = 80
  public var peerPort: UInt16 = 40_000
  public private(set) var now: Instant

  /// The peer's ISN; its numbers are told from here.
  public var peerStart: UInt32
  /// The host's ISN, once it is known.
  public var hostStart: UInt32?
  /// The window that the peer's segments carry unless they say otherwise.
  public var peerWindow: UInt16 = 65_535
  /// Given to each segment of the peer that names none; set it after agreeing on timestamps.
  public var peerTimestamp: TimestampOption?
  /// The ECN field of the peer's packets as they arrive: 2 is ECT(0), 3 CE.
  public var peerMark: UInt8 = 0

  public internal(set) var listener: ListenerID?
  public internal(set) var connection: ConnectionID?
  public internal(set) var events: [SocketEvent] = []
  public private(set) var observations: [StackObservation] = []
  /// Segments sent and not yet expected, oldest first.
  public private(set) var pending: [SentSegment] = []
  /// Packets sent that are not TCP.
  public private(set) var otherPackets: [[UInt8]] = []
  /// While false, the host is not asked for frames, as when a link is busy.
  public var linkOpen = true

  private var frame = FrameBuffer(capacity: 65_600)
  var written = 0

  /// - Parameters:
  ///   - version: IPv4 or IPv6.
  ///   - mtu: of the link, octets.
  ///   - tcp: how the host's connections are configured.
  ///   - peerStart: the peer's ISN.
  ///   - startTime: what the clock says when the script begins.
  public init(
    _ version: IPVersion = .v4, mtu: Int = 1500, tcp: TCPConfiguration = TCPConfiguration(),
    peerStart: UInt32 = 1_000, startTime: Interval = .seconds(1000), seed: UInt64 = 1,
    configure: (inout StackConfiguration) -> Void = { _ in }
  ) {
    var configuration = StackConfiguration(keys: StackKeys(seed: seed))
    configuration.tcp = Self.taking(tcp)
    configure(&configuration)
    stack = Stack(configuration: configuration)
    stack.observing = true
    let prefix: AddressPrefix
    switch version {
    case .v4:
      hostAddress = IPAddress(parsing: "10.0.0.1")!
      peerAddress = IPAddress(parsing: "10.0.0.2")!
      prefix = AddressPrefix(parsing: "10.0.0.1/24")!
    case .v6:
      hostAddress = IPAddress(parsing: "fd00::1")!
      peerAddress = IPAddress(parsing: "fd00::2")!
      prefix = AddressPrefix(parsing: "fd00::1/64")!
    }
    do {
      link = try stack.addInterface(InterfaceConfiguration(maximumTransmissionUnit: mtu, addresses: [prefix]))
    } catch {
      fatalError("the test's interface: \(error)")
    }
    self.peerStart = peerStart
    now = Instant.zero + startTime
    if let starts = Self.starts { beginAt(starts) }
  }

  /// Where the ISNs of both sides are to lie in conversations that name none; see `PastZeroTrait`.
  @TaskLocal static var starts: (host: UInt32, peer: UInt32)?

  private func beginAt(_ starts: (host: UInt32, peer: UInt32)) {
    peerStart = starts.peer
    now =
      Self.starting(hostAt: starts.host, peerAt: starts.peer, version: hostAddress.version).now
  }

  /// A script in which the host's ISN is `hostStart`: the clock starts when the ISN's clock says so (RFC 6528). For
  /// numbers that pass zero on the way.
  public static func starting(
    hostAt hostStart: UInt32, peerAt peerStart: UInt32, _ role: Role = .passive, version: IPVersion = .v4,
    mtu: Int = 1500, tcp: TCPConfiguration = TCPConfiguration()
  ) -> Conversation {
    $starts.withValue(nil) {
      begin(hostAt: hostStart, peerAt: peerStart, role, version: version, mtu: mtu, tcp: tcp)
    }
  }

  private static func begin(
    hostAt hostStart: UInt32, peerAt peerStart: UInt32, _ role: Role, version: IPVersion, mtu: Int,
    tcp: TCPConfiguration
  ) -> Conversation {
    let probe = Conversation(version, mtu: mtu, tcp: tcp, peerStart: peerStart)
    switch role {
    case .active: probe.connect()
    case .passive:
      probe.listen()
      probe.receive("S", seq: 0)
    }
    let found = probe.takeSent().first?.header.sequence.rawValue ?? 0
    let ticks = Int64(hostStart &- found)
    let wait = Interval(nanoseconds: ticks * 4_000)
    return Conversation(
      version, mtu: mtu, tcp: tcp, peerStart: peerStart, startTime: .seconds(1000) + wait)
  }

  /// What a script writes is taken at once, unless it says how large the buffer is.
  static func taking(_ tcp: TCPConfiguration) -> TCPConfiguration {
    guard tcp.sendBuffer == TCPConfiguration().sendBuffer else { return tcp }
    var tcp = tcp
    tcp.sendBufferCapacity = 1 << 20
    return tcp
  }

  // MARK: What the host sends

  /// The next segment that the host has sent, which must be this one.
  ///
  /// - Parameters:
  ///   - flags: all of them, PSH included.
  ///   - seq: counted from the host's SYN.
  ///   - ack: counted from the peer's SYN.
  ///   - length: of the text, octets.
  ///   - within: lets so much time pass until a segment leaves.
  @discardableResult
  public func expect(
    _ flags: String, seq: Int? = nil, ack: Int? = nil, length: Int? = nil, win: UInt16? = nil,
    up: UInt16? = nil, within limit: Interval? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) -> SentSegment? {
    if pending.isEmpty, let limit { advanceUntilSomething(limit) }
    guard !pending.isEmpty else {
      Issue.record(
        "nothing was sent; expected [\(flags)] seq \(text(seq)) ack \(text(ack))",
        sourceLocation: sourceLocation)
      return nil
    }
    let segment = pending.removeFirst()
    let header = segment.header
    if hostStart == nil, header.flags.contains(.syn) { hostStart = header.sequence.rawValue }
    var wrong: [String] = []
    if header.flags != Self.flags(flags) { wrong.append("flags") }
    let relative = Int(Int32(bitPattern: header.sequence.rawValue &- (hostStart ?? 0)))
    if let seq, seq != relative { wrong.append("seq") }
    let acknowledged = Int(Int32(bitPattern: header.acknowledgment.rawValue &- peerStart))
    if let ack, ack != acknowledged { wrong.append("ack") }
    if let length, length != segment.payload.count { wrong.append("length") }
    if let win, win != header.window { wrong.append("win") }
    if let up, up != header.urgentPointer { wrong.append("up") }
    if !wrong.isEmpty {
      Issue.record(
        """
        sent \(header.flags) seq \(relative) ack \(acknowledged) length \(segment.payload.count) win \(header.window) \
        up \(header.urgentPointer); expected [\(flags)] seq \(text(seq)) ack \(text(ack)) length \(text(length)); \
        wrong: \(wrong.joined(separator: ", "))
        """, sourceLocation: sourceLocation)
    }
    let first = relative + (header.flags.contains(.syn) ? 1 : 0)
    if !segment.payload.isEmpty, segment.payload != Self.text(at: first, segment.payload.count) {
      Issue.record("the text at \(relative) is not what was written", sourceLocation: sourceLocation)
    }
    return segment
  }

  /// Nothing has been sent, and nothing is for this long.
  public func expectNothing(for interval: Interval = .zero, sourceLocation: SourceLocation = #_sourceLocation)
  {
    if interval > .zero { advance(interval) }
    for segment in pending {
      Issue.record(
        "sent \(describe(segment)); expected nothing", sourceLocation: sourceLocation)
    }
    pending.removeAll()
  }

  /// Forgets what was sent so far, and answers it.
  @discardableResult
  public func takeSent() -> [SentSegment] {
    let taken = pending
    pending.removeAll()
    return taken
  }

  /// Forgets the packets that are not TCP, and answers them.
  @discardableResult
  public func takeOtherPackets() -> [[UInt8]] {
    let taken = otherPackets
    otherPackets.removeAll()
    return taken
  }

  public func expectState(_ expected: TCPState, sourceLocation: SourceLocation = #_sourceLocation) {
    if state != expected {
      Issue.record("the state is \(state.name); expected \(expected.name)", sourceLocation: sourceLocation)
    }
  }

  /// An event of this kind came since the last call that took events.
  public func expectEvent(
    _ name: String, sourceLocation: SourceLocation = #_sourceLocation, _ matches: (SocketEvent) -> Bool
  ) {
    if let index = events.firstIndex(where: matches) {
      events.remove(at: index)
    } else {
      Issue.record("no event \(name) among \(events)", sourceLocation: sourceLocation)
    }
  }

  /// Events so far, which are forgotten.
  @discardableResult
  public func takeEvents() -> [SocketEvent] {
    let taken = events
    events.removeAll()
    return taken
  }

  /// Observations so far, which are forgotten.
  @discardableResult
  public func takeObservations() -> [StackObservation] {
    let taken = observations
    observations.removeAll()
    return taken
  }

  /// The reasons why arriving segments were dropped, so far.
  public var drops: [DropReason] {
    observations.compactMap { observation in
      if case .segmentDropped(_, let reason) = observation.kind { reason } else { nil }
    }
  }

  /// A segment in numbers counted from the SYNs.
  public func describe(_ segment: SentSegment) -> String {
    let relative = Int(Int32(bitPattern: segment.header.sequence.rawValue &- (hostStart ?? 0)))
    let acknowledged = Int(Int32(bitPattern: segment.header.acknowledgment.rawValue &- peerStart))
    return
      "\(segment.header.flags) seq \(relative) ack \(acknowledged) length \(segment.payload.count) win \(segment.header.window)"
  }

  /// A sent segment's number, counted from the host's SYN.
  public func sequence(of segment: SentSegment) -> Int {
    Int(Int32(bitPattern: segment.header.sequence.rawValue &- (hostStart ?? 0)))
  }

  /// A sent segment's ACK number, counted from the peer's SYN.
  public func acknowledgment(of segment: SentSegment) -> Int {
    Int(Int32(bitPattern: segment.header.acknowledgment.rawValue &- peerStart))
  }

  private func text(_ number: Int?) -> String { number.map { "\($0)" } ?? "any" }

  // MARK: Time

  /// Lets time pass, timer by timer.
  public func advance(_ interval: Interval) { advance(to: now + interval) }

  public func advance(to end: Instant) {
    var idle = 0
    while let deadline = stack.nextDeadline, deadline <= end {
      // A deadline that does not move keeps a driver busy for nothing.
      idle = deadline <= now ? idle + 1 : 0
      if idle > 1000 {
        Issue.record("the host asks to be woken without end")
        break
      }
      now = max(now, deadline)
      stack.advance(to: now)
      drain()
    }
    now = max(now, end)
    stack.advance(to: now)
    drain()
  }

  private func advanceUntilSomething(_ limit: Interval) {
    let end = now + limit
    while pending.isEmpty, let deadline = stack.nextDeadline, deadline <= end {
      now = max(now, deadline)
      stack.advance(to: now)
      drain()
    }
    if pending.isEmpty { now = max(now, end) }
  }

  /// Takes everything out of the host: frames, events, observations.
  public func drain() {
    var frames = 0
    while linkOpen {
      frames += 1
      if frames > 50_000 {
        Issue.record("the host sends without end")
        linkOpen = false
      }
      var metadata: FrameMetadata?
      frame.fill { metadata = stack.nextFrame(into: &$0) }
      guard let metadata else { break }
      sent([UInt8](frame.bytes), metadata)
    }
    while let event = stack.nextEvent() { events.append(event) }
    while let observation = stack.nextObservation() { observations.append(observation) }
  }

  private func sent(_ packet: [UInt8], _ metadata: FrameMetadata) {
    guard let (source, destination, protocolNumber, payload) = Self.unwrap(packet) else {
      Issue.record("the host sent a malformed packet")
      return
    }
    guard protocolNumber == IPProtocol.tcp else {
      otherPackets.append(packet)
      return
    }
    Self.checkStrictly(payload, from: source, to: destination)
    payload.withRawSpan { span in
      guard let parsed = try? TCPHeader.parse(span) else {
        Issue.record("the host sent a malformed segment")
        return
      }
      pending.append(
        SentSegment(
          at: now, header: parsed.header, payload: Array(payload[parsed.payload]), purpose: metadata.purpose,
          packet: packet, source: source, destination: destination))
    }
  }
}
