// The scripts that lead into the eleven states, and what is required of the connection whatever comes.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeWire

extension SegmentsRun {
  /// The first bytes choose the state, the version and the settings.
  init(_ input: inout FuzzInput) {
    let place = Int(input.byte()) % 13
    let settings = input.word()
    let isNew = settings & 1 != 0
    var tcp = TCPConfiguration()
    tcp.receiveBuffer = settings & 2 == 0 ? .fixed(10_000) : BufferBounds(initial: 2_000, maximum: 1 << 20)
    tcp.sendBuffer = settings & 4 == 0 ? .fixed(20_000) : BufferBounds(initial: 4_000, maximum: 1 << 18)
    tcp.timestamps = settings & 8 == 0
    tcp.selectiveAcknowledgments = settings & 16 == 0
    tcp.congestionControl = [.cubic, .newReno, .bbr, .cubic][Int(settings >> 5 & 3)]
    tcp.noDelay = settings & 128 != 0
    if settings & 256 != 0 { tcp.explicitCongestionNotification = .requested }
    if settings & 512 != 0 { tcp.pathProbing = .always }
    if settings & 1024 != 0 {
      tcp.keepAlive = KeepAlive(idle: .seconds(10), interval: .seconds(1), probes: 3)
    }
    if settings & 2048 != 0 { tcp.delayedAcknowledgment = .zero }
    let configuration = tcp
    largestBuffer = tcp.receiveBuffer.maximum
    host = FuzzHost(mtu: settings & 4096 == 0 ? 1500 : 9000) {
      $0.tcp = configuration
      $0.memoryBudget = 8 << 20
      $0.synCookies = .never
    }
    peer = isNew ? FuzzHost.peer.v6 : FuzzHost.peer.v4
    own = isNew ? FuzzHost.own.v6 : FuzzHost.own.v4
    enter(place, peerOptions: input.byte())
    check()
  }

  private mutating func enter(_ place: Int, peerOptions: UInt8) {
    var options = TCPOptions()
    options.maximumSegmentSize = peerOptions & 1 == 0 ? 1_000 : 536
    if peerOptions & 2 == 0 { options.windowScale = 2 }
    options.sackPermitted = peerOptions & 4 == 0
    if peerOptions & 8 == 0 { options.timestamps = TimestampOption(value: stampValue, echo: 0) }
    usesStamps = peerOptions & 8 == 0
    switch place {
    case 0: break
    case 1: listen()
    case 2: connect()
    case 3, 4:
      if place == 3 { listen() } else { connect() }
      say(.syn, 0, 0, options)
    default:
      listen()
      say(.syn, 0, 0, options)
      say(.ack, 1, 1)
      acceptOne()
      if place < 12 { close(into: place) } else { transfer() }
    }
  }

  /// 5 ESTABLISHED, 6 FIN-WAIT-1, 7 FIN-WAIT-2, 8 CLOSE-WAIT, 9 CLOSING, 10 LAST-ACK, 11 TIME-WAIT.
  private mutating func close(into place: Int) {
    if place == 8 || place == 10 { say([.ack, .fin], 1, 1) }
    if [6, 7, 9, 10, 11].contains(place) { finish() }
    if place == 7 || place == 11 { say(.ack, 1, 2) }
    if place == 9 { say([.ack, .fin], 1, 1) }
    if place == 11 { say([.ack, .fin], 1, 2) }
    let expected: [TCPState] = [
      .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck, .timeWait,
    ]
    require(state == expected[place - 5], "the script leads into \(expected[place - 5]), not \(state)")
  }

  /// ESTABLISHED, with data on the way in both directions and a hole in what came.
  private mutating func transfer() {
    guard let connection else { return }
    let text = Self.text(at: 1, 15_000)
    wrote = (try? host.stack.write(connection, text.rawSpan, at: host.now)) ?? 0
    host.drain()
    look(afterReset: false)
    say(.ack, 501, 1, text: 500)
  }

  private mutating func listen() {
    listener = try? host.stack.listen(on: ListenEndpoint(port: 80), backlog: 4)
    host.drain()
    look(afterReset: false)
  }

  private mutating func connect() {
    connection = try? host.stack.connect(to: Endpoint(address: peer, port: 40_000), port: 80, at: host.now)
    host.drain()
    look(afterReset: false)
  }

  private mutating func finish() {
    guard let connection else { return }
    try? host.stack.finish(connection, at: host.now)
    host.drain()
    look(afterReset: false)
  }

  /// A segment of a peer that follows the rules.
  private mutating func say(
    _ flags: TCPFlags, _ sequence: Int, _ acknowledgment: Int, _ options: TCPOptions = TCPOptions(),
    text: Int = 0
  ) {
    var options = options
    if usesStamps { options.timestamps = TimestampOption(value: stampValue, echo: stampEcho) }
    let header = TCPHeader(
      sourcePort: 40_000, destinationPort: 80, sequence: SequenceNumber(peerStart &+ UInt32(sequence)),
      acknowledgment: SequenceNumber(hostStart &+ UInt32(acknowledgment)), flags: flags, window: 30_000,
      options: options)
    host.receive(FuzzHost.packet(header, text: Self.text(at: sequence, text), from: peer, to: own))
    answered = max(answered, acknowledgment)
    look(afterReset: false)
  }

  // MARK: What the host did

  /// Looks at what was sent, and learns the numbers from it.
  mutating func look(afterReset: Bool) {
    for observation in host.observations {
      if case .stateChanged(let tuple, let from, let to) = observation.kind {
        require(Self.isInDiagram(from, to), "\(from) to \(to) is in the diagram")
        if tuple.local.port == 80 { observed = to }
      }
    }
    host.observations.removeAll()
    for packet in host.sent {
      guard let header = packet.header, packet.destination == peer else { continue }
      require(!(afterReset && header.flags.contains(.rst)), "a RST is not answered with a RST")
      if header.flags.contains(.syn), hostStart != header.sequence.rawValue {
        hostStart = header.sequence.rawValue
        (acknowledged, edge, sentEnd, answered) = (1, 1, 0, 0)
      }
      learn(header, Array(packet.bytes[packet.text]))
    }
    lastPackets = (lastPackets + host.sent).suffix(8)
    host.sent.removeAll()
    host.events.removeAll()
  }

  private mutating func learn(_ header: TCPHeader, _ text: [UInt8]) {
    if let stamp = header.options.timestamps { stampEcho = stamp.value }
    if header.flags.contains(.rst) { return }
    let start = Int(Int32(bitPattern: header.sequence.rawValue &- hostStart))
    let first = start + (header.flags.contains(.syn) ? 1 : 0)
    require(text == Self.text(at: first, text.count), "the text at \(first) is what was written")
    require(start + text.count <= wrote + 2, "nothing is sent that was not written")
    sentEnd = max(sentEnd, start + header.segmentLength(payload: text.count))
    guard header.flags.contains(.ack) else { return }
    if header.flags.contains(.syn) { shift = Int(header.options.windowScale ?? 0) }
    let number = Int(Int32(bitPattern: header.acknowledgment.rawValue &- peerStart))
    let scale = header.flags.contains(.syn) || !usesScale ? 0 : shift
    acknowledged = max(acknowledged, number)
    edge = max(edge, number + Int(header.window) << scale)
  }

  /// Scaling is in effect when both SYNs had the option; the host's status says so.
  private var usesScale: Bool {
    guard let connection, let status = try? host.stack.status(of: connection) else { return false }
    return status.usesWindowScaling
  }

  // MARK: What is required

  /// What must be so before a segment for `verify` to say what must be so after it.
  struct Expectation {
    var state: TCPState
    /// RCV.NXT, counted from the peer's SYN; nil when it cannot be known from outside.
    var next: Int?
    var sequence: Int
  }

  func expectation(_ flags: TCPFlags, _ sequence: Int) -> Expectation {
    Expectation(state: state, next: receiveNext, sequence: sequence)
  }

  /// RCV.NXT as the user sees it: what was read, what can be read, and the FIN.
  private var receiveNext: Int? {
    guard let connection, !gaveUp, let readable = try? host.stack.readableCount(connection) else {
      return nil
    }
    switch state {
    case .established, .finWait1, .finWait2: return 1 + read + readable
    case .closeWait, .closing, .lastAck, .timeWait: return 2 + read + readable
    case .closed, .listen, .synSent, .synReceived: return nil
    }
  }

  /// RFC 5961 §3.2 and §4.2, RFC 1337: which RST ends a connection, and that no SYN does.
  func verify(_ before: Expectation, _ flags: TCPFlags) {
    guard before.state.isSynchronized, let next = before.next else { return }
    if flags.contains(.rst) {
      let ends = before.sequence == next && before.state != .timeWait
      require(
        (state == .closed) == ends,
        "a RST at \(before.sequence), RCV.NXT \(next), \(before.state) to \(state)")
    } else if flags.contains(.syn), before.state != .timeWait {
      require(state == before.state, "a SYN changes nothing in \(before.state)")
    }
  }

  mutating func check() {
    look(afterReset: false)
    if let status = connection.flatMap({ try? host.stack.status(of: $0) }) {
      require(
        status.outstanding >= 0 && status.unsent >= 0 && status.inFlight >= 0,
        "counts are counts: \(status.outstanding) \(status.unsent) \(status.inFlight) in \(status.state)")
      require(status.outstanding + status.unsent <= wrote + 2, "no more than was written is held")
      // A buffer that is told to hold less keeps what it has promised.
      largestBuffer = max(largestBuffer, status.receiveBuffer)
      require(status.readable <= largestBuffer, "no more than the buffer holds can be read")
    }
    // An ended connection that the user has let go of makes room for the next.
    if let id = connection, gaveUp, host.stack.state(of: id) == .closed { connection = nil }
  }

  /// Everything is let go of, and after a while nothing is held any more.
  mutating func end() {
    host.linkOpen = true
    host.drain()
    if let listener { try? host.stack.close(listener, at: host.now) }
    if let connection { try? host.stack.abort(connection, at: host.now) }
    host.drain()
    look(afterReset: false)
    host.advance(.minutes(20))
    require(host.stack.memoryUsed <= host.memoryAtRest, "nothing is kept of the connection")
  }

  /// RFC 9293 §3.3.2, figure 5, and its notes; any state may end.
  static func isInDiagram(_ from: TCPState, _ to: TCPState) -> Bool {
    let next: [TCPState]
    switch from {
    case .closed: next = [.listen, .synSent]
    case .listen: next = [.synReceived]
    case .synSent: next = [.synReceived, .established]
    case .synReceived: next = [.established, .finWait1, .listen]
    case .established: next = [.finWait1, .closeWait]
    case .finWait1: next = [.finWait2, .closing, .timeWait]
    case .finWait2, .closing: next = [.timeWait]
    case .closeWait: next = [.lastAck]
    case .lastAck, .timeWait: next = []
    }
    return to == .closed || next.contains(to)
  }
}
