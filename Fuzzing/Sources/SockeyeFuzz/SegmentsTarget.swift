// A connection in each of its states, and what an input makes of it: segments around the edges of the windows, the user's
// calls, time, ICMP. The script that leads into the state is in SegmentsScript.swift.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeWire

func fuzzSegments(_ input: [UInt8]) {
  var input = FuzzInput(input)
  var run = SegmentsRun(&input)
  var steps = 0
  while !input.isEmpty, steps < 200 {
    steps += 1
    run.step(&input)
    run.check()
  }
  run.end()
}

/// What the two ends know of each other.
struct SegmentsRun {
  let host: FuzzHost
  let peer: IPAddress
  let own: IPAddress
  var connection: ConnectionID?
  var listener: ListenerID?
  /// The peer's ISN; a stream's octet is known by its distance from here.
  let peerStart: UInt32 = 0xffff_ff00
  var hostStart: UInt32 = 0
  /// The highest that the host has acknowledged, and the right edge that it has promised, counted from the peer's SYN.
  var acknowledged = 1
  var edge = 1
  /// One past the highest that the host has sent, and the highest that the peer has acknowledged.
  var sentEnd = 0
  var answered = 0
  var shift = 0
  var stampValue: UInt32 = 5_000
  var stampEcho: UInt32 = 0
  var usesStamps = false
  /// What the receive buffer held at most, octets.
  var largestBuffer = 0
  /// Octets that the user has read and written.
  var read = 0
  var wrote = 0
  /// The user has given up reading, so that what has arrived cannot be told any more.
  var gaveUp = false
  static func octet(_ number: Int) -> UInt8 { UInt8(truncatingIfNeeded: number &* 31 &+ number >> 8) }

  static func text(at number: Int, _ count: Int) -> [UInt8] { (0..<count).map { octet(number + $0) } }

  var state: TCPState { connection.map { host.stack.state(of: $0) } ?? observed }

  /// While nobody has accepted the connection, its state is what was observed last.
  var observed = TCPState.closed

  // MARK: Steps

  mutating func step(_ input: inout FuzzInput) {
    switch input.byte() % 16 {
    case 0...8: segment(&input)
    case 9:
      host.advance(.milliseconds([1, 10, 45, 250, 1_000, 4_000, 65_000, 600_000][Int(input.byte() % 8)]))
    case 10: host.advanceToDeadline()
    case 11: write(Int(input.word() % 6_000), urgent: input.byte() % 8 == 7)
    case 12: readText(Int(input.word()))
    case 13: call(&input)
    case 14: error(&input)
    default:
      host.linkOpen = input.byte() % 4 != 0
      host.drain()
    }
  }

  private mutating func segment(_ input: inout FuzzInput) {
    let common: [TCPFlags] = [
      .ack, [.ack, .psh], [.ack, .fin], [.ack, .rst], .rst, .syn, [.syn, .ack], [.ack, .urg, .psh],
      [.ack, .ece],
      [.ack, .cwr], [.fin, .psh, .urg], [],
    ]
    let choice = Int(input.byte())
    let flags = choice < 192 ? common[choice % common.count] : TCPFlags(rawValue: input.byte())
    var sequence = input.pick([acknowledged, acknowledged, edge, 0, acknowledged + 1_000]) + delta(&input)
    let acknowledgment =
      input.pick([sentEnd, sentEnd, answered, answered + 536, 0, sentEnd + 70_000]) + delta(&input)
    let length = input.pick([0, 0, 0, 1, 2, 100, 536, 1_000, 4_000])
    let window = input.pick([65_535, 0, 1, 500, 4_000, UInt16(input.byte())])
    if flags.contains(.syn), begins { sequence = 0 }
    let header = TCPHeader(
      sourcePort: 40_000, destinationPort: 80,
      sequence: SequenceNumber(peerStart &+ UInt32(truncatingIfNeeded: sequence)),
      acknowledgment: SequenceNumber(hostStart &+ UInt32(truncatingIfNeeded: acknowledgment)), flags: flags,
      window: window, urgentPointer: flags.contains(.urg) ? UInt16(input.byte()) : 0)
    let before = expectation(flags, sequence)
    let text = Self.text(at: sequence + (flags.contains(.syn) ? 1 : 0), length)
    host.receive(
      FuzzHost.packet(
        header, rawOptions: options(&input), text: text, from: peer, to: own, trafficClass: input.byte() & 3))
    if flags.contains(.ack), acknowledgment <= sentEnd { answered = max(answered, acknowledgment) }
    look(afterReset: flags.contains(.rst))
    verify(before, flags)
  }

  /// Whether a SYN now begins a connection: then the peer's stream must begin where `peerStart` says.
  private var begins: Bool {
    switch state {
    case .closed, .listen, .synSent, .timeWait: true
    case .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck: false
    }
  }

  private func delta(_ input: inout FuzzInput) -> Int { Int(Int8(bitPattern: input.byte())) }

  private mutating func options(_ input: inout FuzzInput) -> [UInt8] {
    var bytes: [UInt8] = []
    let choice = input.byte()
    if choice & 0xe0 == 0xe0 { return input.take(Int(choice & 7) * 4).padded() }
    if usesStamps != (choice & 0x10 != 0) {
      stampValue &+= UInt32(choice & 1)
      let value = choice & 8 == 0 ? stampValue : stampValue &+ UInt32(truncatingIfNeeded: delta(&input) * 8)
      bytes += [1, 1, 8, 10] + Self.word(value) + Self.word(stampEcho)
    }
    let blocks = Int(choice & 6) / 2
    if blocks > 0 {
      bytes += [1, 1, 5, UInt8(2 + 8 * blocks)]
      for _ in 0..<blocks {
        let left = answered + Int(input.byte()) * 64 + delta(&input)
        let right = left + Int(input.byte()) * 32
        bytes += Self.word(hostStart &+ UInt32(truncatingIfNeeded: left))
        bytes += Self.word(hostStart &+ UInt32(truncatingIfNeeded: right))
      }
    }
    return bytes
  }

  static func word(_ number: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * $0)) }
  }

  // MARK: The user

  mutating func acceptOne() {
    guard connection == nil, let listener, let new = try? host.stack.accept(listener) else { return }
    connection = new
    (read, wrote, gaveUp) = (0, 0, false)
  }

  private mutating func write(_ count: Int, urgent: Bool) {
    acceptOne()
    guard let connection else { return }
    let text = Self.text(at: wrote + 1, count)
    let taken =
      urgent
      ? try? host.stack.writeUrgent(connection, text.rawSpan, at: host.now)
      : try? host.stack.write(connection, text.rawSpan, at: host.now)
    wrote += taken ?? 0
    host.drain()
    look(afterReset: false)
  }

  mutating func readText(_ limit: Int) {
    acceptOne()
    guard let connection else { return }
    var buffer = FrameBuffer(capacity: max(1, limit))
    let (stack, now) = (host, host.now)
    buffer.fill { _ = try? stack.stack.read(connection, into: &$0, at: now) }
    let bytes = [UInt8](buffer.bytes)
    require(bytes == Self.text(at: read + 1, bytes.count), "what is read is what was sent")
    read += bytes.count
    host.drain()
    look(afterReset: false)
  }

  private mutating func call(_ input: inout FuzzInput) {
    acceptOne()
    guard let connection else { return }
    let now = host.now
    switch input.byte() % 12 {
    case 0, 1, 2: try? host.stack.finish(connection, at: now)
    case 3:
      try? host.stack.close(connection, at: now)
      gaveUp = true
    case 4:
      try? host.stack.abort(connection, at: now)
      gaveUp = true
    case 5: try? host.stack.setNoDelay(input.byte() & 1 == 0, of: connection, at: now)
    case 6: try? host.stack.setCork(input.byte() & 1 == 0, of: connection, at: now)
    case 7:
      let keepAlive = KeepAlive(idle: .seconds(Int(input.byte()) + 1), interval: .seconds(1), probes: 3)
      try? host.stack.setKeepAlive(keepAlive, of: connection, at: now)
    case 8: try? host.stack.setReceiveBuffer(Int(input.word()) + 1, of: connection, at: now)
    case 9: try? host.stack.setSendBuffer(Int(input.word()) + 1, of: connection, at: now)
    case 10: try? host.stack.setUserTimeout(.seconds(Int(input.byte()) + 100), of: connection, at: now)
    default: try? host.stack.setQuickAcknowledgments(input.byte() & 1 == 0, of: connection, at: now)
    }
    host.drain()
    look(afterReset: false)
  }

  /// An ICMP error about one of the last packets.
  private mutating func error(_ input: inout FuzzInput) {
    guard !lastPackets.isEmpty else { return }
    let packet = lastPackets[Int(input.byte()) % lastPackets.count]
    let isOld = packet.source.version == .v4
    let types: [UInt8] = isOld ? [3, 3, 11, 12, 4] : [2, 1, 3, 4]
    let type = input.pick(types)
    let codes: [UInt8] = [4, 0, 1, 2, 3, 5]
    let code = input.pick(codes)
    let rest = UInt32(input.word())
    host.receive(
      FuzzHost.icmpError(quoting: packet, type: type, code: isOld || type != 2 ? code : 0, rest: rest))
    look(afterReset: false)
  }

  var lastPackets: [SentPacket] = []
}

extension Array where Element == UInt8 {
  /// Padded with EOL to a multiple of four.
  func padded() -> [UInt8] { self + [UInt8](repeating: 0, count: (4 - count % 4) % 4) }
}
