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

  public private(set) var listener: ListenerID?
  public private(set) var connection: ConnectionID?
  public private(set) var events: [SocketEvent] = []
  public private(set) var observations: [StackObservation] = []
  /// Segments sent and not yet expected, oldest first.
  public private(set) var pending: [SentSegment] = []
  /// Packets sent that are not TCP.
  public private(set) var otherPackets: [[UInt8]] = []
  /// While false, the host is not asked for frames, as when a link is busy.
  public var linkOpen = true

  private var frame = FrameBuffer(capacity: 65_600)
  private var written = 0

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
  private static func taking(_ tcp: TCPConfiguration) -> TCPConfiguration {
    guard tcp.sendBuffer == TCPConfiguration().sendBuffer else { return tcp }
    var tcp = tcp
    tcp.sendBufferCapacity = 1 << 20
    return tcp
  }

  // MARK: The user's calls

  public func listen(
    backlog: Int = 15, fastOpenLimit: Int = 0, tcp: TCPConfiguration? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    attempt(sourceLocation) { () throws(SocketError) in
      listener = try stack.listen(
        on: ListenEndpoint(port: hostPort), backlog: backlog, fastOpenLimit: fastOpenLimit,
        configuration: tcp.map(Self.taking))
    }
    drain()
  }

  /// Active OPEN with octets of the script's text, as many of which as may leave with the SYN.
  public func connect(
    sending count: Int, tcp: TCPConfiguration? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    written = 0
    let bytes = Self.text(at: 1, count)
    attempt(sourceLocation) { () throws(SocketError) in
      let begun = try bytes.withRawSpanThrowing { span throws(SocketError) in
        try stack.connect(
          to: Endpoint(address: peerAddress, port: peerPort), port: hostPort,
          configuration: tcp.map(Self.taking),
          sending: span,
          at: now)
      }
      connection = begun.connection
      written = begun.taken
    }
    drain()
  }

  /// Active OPEN from `hostPort` to the peer's `peerPort`.
  public func connect(tcp: TCPConfiguration? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
    attempt(sourceLocation) { () throws(SocketError) in
      connection = try stack.connect(
        to: Endpoint(address: peerAddress, port: peerPort), port: hostPort,
        configuration: tcp.map(Self.taking),
        at: now)
    }
    drain()
  }

  public func accept(sourceLocation: SourceLocation = #_sourceLocation) {
    guard let listener else {
      Issue.record("nothing listens", sourceLocation: sourceLocation)
      return
    }
    attempt(sourceLocation) { () throws(SocketError) in connection = try stack.accept(listener) }
    if connection == nil { Issue.record("no connection to accept", sourceLocation: sourceLocation) }
    drain()
  }

  /// The octet that stands at a number, in the text of both sides.
  public static func octet(_ number: Int) -> UInt8 { UInt8(truncatingIfNeeded: number &* 31 &+ number >> 8) }

  /// Text that starts at a number.
  public static func text(at number: Int, _ count: Int) -> [UInt8] { (0..<count).map { octet(number + $0) } }

  /// Writes `count` octets of the script's text. Answers how many were taken.
  @discardableResult
  public func write(_ count: Int, urgent: Bool = false, sourceLocation: SourceLocation = #_sourceLocation)
    -> Int
  {
    var taken = 0
    let bytes = Self.text(at: 1 + written, count)
    attempt(sourceLocation) { () throws(SocketError) in
      let id = try need()
      taken =
        urgent
        ? try bytes.withRawSpanThrowing { span throws(SocketError) in try stack.writeUrgent(id, span, at: now)
        }
        : try bytes.withRawSpanThrowing { span throws(SocketError) in try stack.write(id, span, at: now) }
    }
    written += taken
    drain()
    return taken
  }

  /// Reads up to `limit` octets.
  @discardableResult
  public func read(_ limit: Int = 1 << 20, sourceLocation: SourceLocation = #_sourceLocation) -> [UInt8] {
    var all: [UInt8] = []
    attempt(sourceLocation) { () throws(SocketError) in all = try readOrThrow(limit) }
    return all
  }

  /// Reads up to `limit` octets, and throws as the call does.
  public func readOrThrow(_ limit: Int = 1 << 20) throws(SocketError) -> [UInt8] {
    let id = try need()
    var buffer = FrameBuffer(capacity: limit)
    var failure: SocketError?
    buffer.fill { out in
      do throws(SocketError) { _ = try stack.read(id, into: &out, at: now) } catch { failure = error }
    }
    drain()
    if let failure { throw failure }
    return [UInt8](buffer.bytes)
  }

  /// CLOSE of the sending direction.
  public func finish(sourceLocation: SourceLocation = #_sourceLocation) {
    attempt(sourceLocation) { () throws(SocketError) in try stack.finish(need(), at: now) }
    drain()
  }

  /// Closes both directions.
  public func close(sourceLocation: SourceLocation = #_sourceLocation) {
    attempt(sourceLocation) { () throws(SocketError) in try stack.close(need(), at: now) }
    drain()
  }

  public func abort(sourceLocation: SourceLocation = #_sourceLocation) {
    attempt(sourceLocation) { () throws(SocketError) in try stack.abort(need(), at: now) }
    drain()
  }

  /// The connection spoken about, for calls that the script makes itself.
  public func need() throws(SocketError) -> ConnectionID {
    guard let connection else { throw .invalidRemotePort }
    return connection
  }

  /// Lets another connection be the one spoken about.
  public func use(
    _ id: ConnectionID?, hostPort: UInt16, peerPort: UInt16, hostStart: UInt32?, peerStart: UInt32
  ) {
    connection = id
    self.hostPort = hostPort
    self.peerPort = peerPort
    self.hostStart = hostStart
    self.peerStart = peerStart
    written = 0
  }

  /// The connection's state; while nobody has accepted it, what its handshake or its listener told.
  public var state: TCPState {
    guard let connection else { return observedState }
    return stack.state(of: connection)
  }

  private var observedState: TCPState {
    for observation in observations.reversed() {
      if case .stateChanged(let tuple, _, let state) = observation.kind, tuple.local.port == hostPort,
        tuple.remote.port == peerPort
      {
        return state
      }
    }
    return listener == nil ? .closed : .listen
  }

  public var status: ConnectionStatus? {
    guard let connection else { return nil }
    return try? stack.status(of: connection)
  }

  private func attempt(_ sourceLocation: SourceLocation, _ body: () throws(SocketError) -> Void) {
    do { try body() } catch { Issue.record("the call failed: \(error)", sourceLocation: sourceLocation) }
  }

  // MARK: What the peer sends

  /// A segment of the peer.
  ///
  /// - Parameters:
  ///   - flags: tcpdump's letters.
  ///   - seq: counted from the peer's SYN.
  ///   - ack: counted from the host's SYN; nil leaves the field zero.
  ///   - length: how many octets of the script's text.
  ///   - data: other text instead.
  ///   - win: the window field.
  ///   - up: the urgent pointer.
  public func receive(
    _ flags: String, seq: Int, ack: Int? = nil, length: Int = 0, data: [UInt8]? = nil, win: UInt16? = nil,
    up: UInt16 = 0, options: TCPOptions? = nil, reserved: UInt8 = 0, badChecksum: Bool = false
  ) {
    var options = options ?? TCPOptions()
    if options.timestamps == nil, let peerTimestamp { options.timestamps = peerTimestamp }
    let header = TCPHeader(
      sourcePort: peerPort, destinationPort: hostPort,
      sequence: SequenceNumber(peerStart &+ UInt32(truncatingIfNeeded: seq)),
      acknowledgment: SequenceNumber(ack.map { (hostStart ?? 0) &+ UInt32(truncatingIfNeeded: $0) } ?? 0),
      flags: Self.flags(flags), reserved: reserved, window: win ?? peerWindow, urgentPointer: up,
      options: options)
    let payload = data ?? Self.text(at: seq, length)
    receiveSegment(Self.bytes(capacity: 64) { header.write(into: &$0) } + payload, badChecksum: badChecksum)
  }

  /// A segment whose options are given octet by octet; padded with EOL to a multiple of four.
  public func receive(
    _ flags: String, seq: Int, ack: Int? = nil, length: Int = 0, win: UInt16? = nil, rawOptions: [UInt8]
  ) {
    var padded = rawOptions
    while padded.count % 4 != 0 { padded.append(0) }
    let header = TCPHeader(
      sourcePort: peerPort, destinationPort: hostPort,
      sequence: SequenceNumber(peerStart &+ UInt32(truncatingIfNeeded: seq)),
      acknowledgment: SequenceNumber(ack.map { (hostStart ?? 0) &+ UInt32(truncatingIfNeeded: $0) } ?? 0),
      flags: Self.flags(flags), window: win ?? peerWindow)
    var bytes = Self.bytes(capacity: 64) { header.write(into: &$0) }
    bytes[12] = UInt8((20 + padded.count) / 4) << 4 | (bytes[12] & 15)
    receiveSegment(bytes + padded + Self.text(at: seq, length))
  }

  /// A whole TCP segment; its checksum is put in.
  public func receiveSegment(
    _ segment: [UInt8], badChecksum: Bool = false, from: IPAddress? = nil, to: IPAddress? = nil
  ) {
    var segment = segment
    let source = from ?? peerAddress
    let destination = to ?? hostAddress
    if segment.count >= 20 {
      segment[16] = 0
      segment[17] = 0
      let pseudo = PseudoHeader.sum(
        source: source, destination: destination, protocolNumber: IPProtocol.tcp, length: segment.count)
      let sum = segment.withRawSpan { InternetChecksum.finish(InternetChecksum.sum($0, initial: pseudo)) }
      segment[16] = UInt8(sum >> 8)
      segment[17] = UInt8(sum & 0xff)
      if badChecksum { segment[17] ^= 1 }
    }
    receivePacket(
      Self.packet(
        segment, from: source, to: destination, protocolNumber: IPProtocol.tcp, trafficClass: peerMark))
  }

  /// An IP packet around a payload.
  public static func packet(
    _ payload: [UInt8], from source: IPAddress, to destination: IPAddress, protocolNumber: UInt8,
    trafficClass: UInt8 = 0
  ) -> [UInt8] {
    bytes(capacity: 100) { out in
      switch (source, destination) {
      case (.v4(let source), .v4(let destination)):
        IPv4Header(
          source: source, destination: destination, protocolNumber: protocolNumber,
          payloadLength: payload.count, trafficClass: trafficClass
        ).write(into: &out)
      case (.v6(let source), .v6(let destination)):
        IPv6Header(
          source: source, destination: destination, nextHeader: protocolNumber, payloadLength: payload.count,
          trafficClass: trafficClass
        ).write(into: &out)
      case (.v4, .v6), (.v6, .v4): preconditionFailure("one packet, one version")
      }
    } + payload
  }

  /// Any packet; then the host is drained.
  public func receivePacket(_ packet: [UInt8]) {
    packet.withRawSpan { stack.receive($0, on: link, at: now) }
    drain()
  }

  /// The handshake, so that the next octet is 1 on both sides.
  ///
  /// - Parameters:
  ///   - role: `passive`: the peer connects; `active`: the host does.
  ///   - options: of the peer's SYN or SYN,ACK.
  public func establish(
    _ role: Role = .passive, options: TCPOptions = .synchronize(), win: UInt16? = nil,
    tcp: TCPConfiguration? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    switch role {
    case .passive:
      if listener == nil { listen(tcp: tcp, sourceLocation: sourceLocation) }
      receive("S", seq: 0, win: win, options: options)
      let answer = expect("S.", seq: 0, ack: 1, sourceLocation: sourceLocation)
      echoTimestamp(options, answer)
      receive(".", seq: 1, ack: 1, win: win)
      accept(sourceLocation: sourceLocation)
    case .active:
      connect(tcp: tcp, sourceLocation: sourceLocation)
      let first = expect("S", seq: 0, sourceLocation: sourceLocation)
      var options = options
      if let stamp = options.timestamps {
        options.timestamps = TimestampOption(
          value: stamp.value, echo: first?.header.options.timestamps?.value ?? 0)
      }
      receive("S.", seq: 0, ack: 1, win: win, options: options)
      let answer = expect(".", seq: 1, ack: 1, sourceLocation: sourceLocation)
      echoTimestamp(options, answer)
    }
    expectState(.established, sourceLocation: sourceLocation)
    events.removeAll()
  }

  private func echoTimestamp(_ options: TCPOptions, _ answer: SentSegment?) {
    guard let stamp = options.timestamps, let own = answer?.header.options.timestamps else { return }
    peerTimestamp = TimestampOption(value: stamp.value, echo: own.value)
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

  /// Source, destination, protocol and payload of a packet.
  public static func unwrap(_ packet: [UInt8]) -> (IPAddress, IPAddress, UInt8, [UInt8])? {
    packet.withRawSpan { span in
      if packet.first.map({ $0 >> 4 }) == 4, let parsed = try? IPv4Header.parse(span) {
        return (
          .v4(parsed.header.source), .v4(parsed.header.destination), parsed.header.protocolNumber,
          Array(packet[parsed.payload])
        )
      }
      if let parsed = try? IPv6Header.parse(span) {
        return (
          .v6(parsed.header.source), .v6(parsed.header.destination), parsed.protocolNumber,
          Array(packet[parsed.payload])
        )
      }
      return nil
    }
  }

  /// What a strict receiver would find wrong with a segment: RFC 9293 MUST-2, MUST-65, MUST-68, MUST-69, N-6.
  private static func checkStrictly(_ segment: [UInt8], from source: IPAddress, to destination: IPAddress) {
    let valid = segment.withRawSpan {
      TCPHeader.hasValidChecksum($0, source: source, destination: destination)
    }
    if !valid { Issue.record("the host sent a wrong checksum") }
    if segment[12] & 15 != 0 { Issue.record("the host set reserved bits") }
    let end = Int(segment[12] >> 4) * 4
    var index = 20
    while index < end {
      switch segment[index] {
      case 0:
        if segment[index..<end].contains(where: { $0 != 0 }) { Issue.record("octets after EOL are not zero") }
        index = end
      case 1: index += 1
      default:
        guard index + 1 < end, segment[index + 1] >= 2, index + Int(segment[index + 1]) <= end else {
          Issue.record("the host sent an option with a wrong length")
          return
        }
        if segment[index] == 2, segment[13] & 2 == 0 { Issue.record("MSS on a segment without SYN") }
        index += Int(segment[index + 1])
      }
    }
  }

  // MARK: Small things

  static func flags(_ letters: String) -> TCPFlags {
    var flags: TCPFlags = []
    for letter in letters {
      switch letter {
      case "S": flags.insert(.syn)
      case "F": flags.insert(.fin)
      case "R": flags.insert(.rst)
      case "P": flags.insert(.psh)
      case ".": flags.insert(.ack)
      case "U": flags.insert(.urg)
      case "E": flags.insert(.ece)
      case "W": flags.insert(.cwr)
      default: preconditionFailure("no flag is called \(letter)")
      }
    }
    return flags
  }

  public static func bytes(capacity: Int, _ body: (inout OutputRawSpan) -> Void) -> [UInt8] {
    var buffer = FrameBuffer(capacity: capacity)
    buffer.fill { body(&$0) }
    return [UInt8](buffer.bytes)
  }
}

extension TCPOptions {
  /// Options of a peer's SYN.
  public static func synchronize(
    mss: UInt16? = 1460, windowScale: UInt8? = nil, sackPermitted: Bool = false, timestamp: UInt32? = nil
  ) -> TCPOptions {
    var options = TCPOptions()
    options.maximumSegmentSize = mss
    options.windowScale = windowScale
    options.sackPermitted = sackPermitted
    options.timestamps = timestamp.map { TimestampOption(value: $0, echo: 0) }
    return options
  }

  /// Options of a peer's segment with timestamps.
  public static func timestamps(_ value: UInt32, echo: UInt32) -> TCPOptions {
    var options = TCPOptions()
    options.timestamps = TimestampOption(value: value, echo: echo)
    return options
  }
}

extension Array where Element == UInt8 {
  /// `withRawSpan` for a call that throws.
  func withRawSpanThrowing<Result, Failure: Error>(_ body: (RawSpan) throws(Failure) -> Result)
    throws(Failure) -> Result
  {
    var outcome: Swift.Result<Result, Failure>?
    withRawSpan { span in
      do throws(Failure) { outcome = .success(try body(span)) } catch { outcome = .failure(error) }
    }
    return try outcome!.get()
  }
}
