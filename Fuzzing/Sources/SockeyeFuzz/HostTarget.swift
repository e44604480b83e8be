// A whole host that is given raw frames: listeners, UDP sockets and connections are open over both versions, the user's
// calls and the passing of time are part of the input.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeWire

func fuzzHost(_ input: [UInt8]) {
  var input = FuzzInput(input)
  var run = HostRun(settings: input.byte())
  var steps = 0
  while !input.isEmpty, steps < 200 {
    steps += 1
    run.step(&input)
  }
  run.end()
}

private struct HostRun {
  let host: FuzzHost
  var listeners: [ListenerID] = []
  var sockets: [UDPSocketID] = []
  var connections: [ConnectionID] = []
  /// The last packets of the host's, which errors quote and which come back.
  var heard: [SentPacket] = []

  init(settings: UInt8) {
    host = FuzzHost(mtu: settings & 1 == 0 ? 1500 : 1280) {
      $0.memoryBudget = settings & 2 == 0 ? 4 << 20 : 200 << 10
      $0.synCookies = [.automatic, .never, .always, .automatic][Int(settings >> 2 & 3)]
      $0.connectionLimit = 16
      $0.handshakeLimit = settings & 16 == 0 ? 64 : 4
      $0.timeWaitLimit = 4
      $0.reassemblyBytes = 16 << 10
      $0.reassemblyLimit = 4
      $0.datagramQueueBytes = 32 << 10
      $0.socketQueueBytes = 8 << 10
      $0.pathLimit = 4
      $0.tcp.fastOpen = settings & 32 != 0
      $0.tcp.receiveBuffer = BufferBounds(initial: 4_000, maximum: 64_000)
      $0.tcp.sendBuffer = BufferBounds(initial: 4_000, maximum: 64_000)
    }
    if let listener = try? host.stack.listen(
      on: ListenEndpoint(port: 80), backlog: 2, fastOpenLimit: settings & 32 == 0 ? 0 : 2)
    {
      listeners.append(listener)
    }
    if let socket = try? host.stack.bind(ListenEndpoint(port: 53)) { sockets.append(socket) }
    for peer in [FuzzHost.peer.v4, FuzzHost.peer.v6] {
      open(to: Endpoint(address: peer, port: 40_000), from: 8_000)
      establish(with: peer)
    }
    settle()
  }

  /// A connection in ESTABLISHED to port 80, so that an input needs not find out the host's ISN.
  private mutating func establish(with peer: IPAddress) {
    let own = peer.version == .v4 ? FuzzHost.own.v4 : FuzzHost.own.v6
    var options = TCPOptions()
    options.sackPermitted = true
    var header = TCPHeader(
      sourcePort: 50_000, destinationPort: 80, sequence: SequenceNumber(1_000), flags: .syn, window: 60_000,
      options: options)
    host.sent.removeAll()
    host.receive(FuzzHost.packet(header, from: peer, to: own))
    guard let answer = host.sent.last?.header else { return }
    header.flags = .ack
    header.sequence = SequenceNumber(1_001)
    header.acknowledgment = answer.sequence + 1
    header.options = TCPOptions()
    host.receive(FuzzHost.packet(header, from: peer, to: own))
    accept()
  }

  private mutating func open(to remote: Endpoint, from port: UInt16) {
    if let new = try? host.stack.connect(to: remote, port: port, at: host.now) { connections.append(new) }
    settle()
  }

  private mutating func accept() {
    for listener in listeners {
      if let new = (try? host.stack.accept(listener)) ?? nil { connections.append(new) }
    }
    settle()
  }

  /// Takes out what the host has to say.
  private mutating func settle() {
    host.drain()
    heard = (heard + host.sent).suffix(8)
    host.sent.removeAll()
    host.observations.removeAll()
    host.events.removeAll()
  }

  // MARK: Steps

  mutating func step(_ input: inout FuzzInput) {
    switch input.byte() % 12 {
    case 0: raw(&input, repaired: false)
    case 1, 2, 3: raw(&input, repaired: true)
    case 4, 5: reply(&input)
    case 6: error(&input)
    case 7: pieces(&input)
    case 8:
      host.advance(.milliseconds([1, 10, 50, 1_000, 5_000, 31_000, 120_000, 700_000][Int(input.byte() % 8)]))
    case 9: host.advanceToDeadline()
    case 10: call(&input)
    default: datagrams(&input)
    }
    settle()
  }

  private func raw(_ input: inout FuzzInput, repaired: Bool) {
    let flags = input.byte()
    var packet = input.take(Int(input.byte()))
    if repaired { PacketRepair.repair(&packet, addresses: flags & 1 == 0) }
    host.receive(packet)
  }

  /// A packet of the host's comes back with its ends exchanged, a few of its bytes changed.
  private func reply(_ input: inout FuzzInput) {
    guard !heard.isEmpty else { return }
    let old = heard[Int(input.byte()) % heard.count]
    var packet = old.bytes
    let (ends, width) = old.source.version == .v4 ? (12, 4) : (8, 16)
    let pair = Array(packet[ends..<ends + 2 * width])
    packet.replaceSubrange(ends..<ends + 2 * width, with: pair[width...] + pair[..<width])
    if let header = old.header {
      packet = answer(to: header, old, &input)
    } else {
      let changes = input.byte() % 4
      for _ in 0..<changes { packet[Int(input.word()) % packet.count] = input.byte() }
    }
    PacketRepair.repair(&packet, addresses: false)
    host.receive(packet)
  }

  /// A segment of whoever the segment was for, near to what is due.
  private func answer(to old: TCPHeader, _ packet: SentPacket, _ input: inout FuzzInput) -> [UInt8] {
    let flags: [TCPFlags] = [
      .ack, [.syn, .ack], [.ack, .fin], [.ack, .psh], .rst, .syn, [.ack, .rst], .fin,
    ]
    let choice = input.byte()
    let next = old.sequence + old.segmentLength(payload: packet.text.count)
    var header = TCPHeader(
      sourcePort: old.destinationPort, destinationPort: old.sourcePort,
      sequence: old.acknowledgment + Int(Int8(bitPattern: input.byte())),
      acknowledgment: next + Int(Int8(bitPattern: input.byte())), flags: flags[Int(choice % 8)],
      window: input.word())
    if let stamp = old.options.timestamps {
      header.options.timestamps = TimestampOption(value: input.long() % 3, echo: stamp.value)
    }
    if header.flags.contains(.syn) { header.options.maximumSegmentSize = input.word() }
    let text = [UInt8](repeating: 7, count: Int(input.byte()) * (choice & 8 == 0 ? 0 : 5))
    return FuzzHost.packet(header, text: text, from: packet.destination, to: packet.source)
  }

  private func error(_ input: inout FuzzInput) {
    guard !heard.isEmpty else { return }
    let packet = heard[Int(input.byte()) % heard.count]
    host.receive(
      FuzzHost.icmpError(
        quoting: packet, type: input.byte() % 16, code: input.byte() % 16, rest: input.long()))
  }

  /// Fragments of a datagram or a segment, at places and of lengths that the input chooses.
  private func pieces(_ input: inout FuzzInput) {
    let isNew = input.byte() & 1 != 0
    let identification = input.byte() % 4
    let kind = input.pick([IPProtocol.udp, IPProtocol.tcp, IPProtocol.icmp, IPProtocol.icmpv6])
    let count = Int(input.byte() % 8)
    for _ in 0..<count {
      let place = Int(input.word() & 0x1fff)
      let more = input.byte() & 1 != 0
      let text = input.take(Int(input.byte() % 64) * (more ? 8 : 1))
      let packet: [UInt8]
      if isNew {
        let offset = UInt32(place) << 19 | (more ? 1 << 16 : 0)
        let head = [kind, 0] + SegmentsRun.word(offset).prefix(2) + SegmentsRun.word(UInt32(identification))
        packet = FuzzHost.wrap(
          head + text, IPProtocol.ipv6Fragment, from: FuzzHost.peer.v6, to: FuzzHost.own.v6)
      } else {
        packet =
          written(20) {
            IPv4Header(
              source: IPv4Address(10, 0, 0, 2), destination: IPv4Address(10, 0, 0, 1), protocolNumber: kind,
              payloadLength: text.count, identification: UInt16(identification), dontFragment: false,
              moreFragments: more, fragmentOffset: place * 8
            ).write(into: &$0)
          } + text
      }
      host.receive(packet)
    }
  }

  // MARK: The user

  private mutating func call(_ input: inout FuzzInput) {
    let choice = input.byte() % 10
    if choice == 0 { return accept() }
    if choice == 1 {
      let peer = input.byte() & 1 == 0 ? FuzzHost.peer.v4 : FuzzHost.peer.v6
      return open(to: Endpoint(address: peer, port: input.word()), from: UInt16(input.byte()) + 8_000)
    }
    guard !connections.isEmpty else { return }
    let id = connections[Int(input.byte()) % connections.count]
    let now = host.now
    switch choice {
    case 2, 3:
      let text = [UInt8](repeating: 1, count: Int(input.word() % 20_000))
      _ = try? host.stack.write(id, text.rawSpan, at: now)
    case 4, 5:
      var buffer = FrameBuffer(capacity: Int(input.word()) + 1)
      let host = host
      buffer.fill { _ = try? host.stack.read(id, into: &$0, at: now) }
    case 6: try? host.stack.finish(id, at: now)
    case 7, 8:
      // Until then the host keeps what a connection that has ended may still tell.
      if choice == 7 {
        try? host.stack.close(id, at: now)
      } else {
        try? host.stack.abort(id, at: now)
      }
      connections.removeAll { $0 == id }
    default: try? host.stack.setReceiveBuffer(Int(input.word()) + 1, of: id, at: now)
    }
  }

  private mutating func datagrams(_ input: inout FuzzInput) {
    let peer = input.byte() & 1 == 0 ? FuzzHost.peer.v4 : FuzzHost.peer.v6
    let payload = [UInt8](repeating: 2, count: Int(input.word() % 5_000))
    guard let socket = sockets.first else { return }
    let host = host
    switch input.byte() % 3 {
    case 0:
      try? host.stack.send(payload.rawSpan, from: socket, to: Endpoint(address: peer, port: 53), at: host.now)
    case 1:
      try? host.stack.sendEcho(to: peer, identifier: 1, sequence: 1, payload: payload.rawSpan, at: host.now)
    default:
      var buffer = FrameBuffer(capacity: 2_000)
      buffer.fill { _ = try? host.stack.receive(from: socket, into: &$0) }
    }
  }

  /// Everything is closed, and after a while nothing is held any more.
  mutating func end() {
    for listener in listeners { try? host.stack.close(listener, at: host.now) }
    for connection in connections { try? host.stack.abort(connection, at: host.now) }
    for socket in sockets { try? host.stack.close(socket) }
    settle()
    host.advance(.minutes(30))
    settle()
    require(host.stack.memoryUsed <= host.memoryAtRest, "nothing is kept: \(host.stack.memoryUsed)")
  }
}
