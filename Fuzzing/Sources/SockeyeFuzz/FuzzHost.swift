// A host under test with a clock, and what is required of every host whatever it is given: what it sends is well formed,
// it comes to rest, it asks to be woken later and not at once for ever, and it keeps to its budget.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeWire

/// A packet of the host's, taken apart.
struct SentPacket {
  let bytes: [UInt8]
  let source: IPAddress
  let destination: IPAddress
  let protocolNumber: UInt8
  let payload: Range<Int>
  /// Of a packet that is TCP and whole.
  let header: TCPHeader?
  /// The text of the segment.
  let text: Range<Int>
}

final class FuzzHost {
  static let own = (v4: IPAddress(parsing: "10.0.0.1")!, v6: IPAddress(parsing: "fd00::1")!)
  static let peer = (v4: IPAddress(parsing: "10.0.0.2")!, v6: IPAddress(parsing: "fd00::2")!)

  var stack: Stack
  let link: LinkID
  let mtu: Int
  let budget: Int
  /// What a host holds that nobody talks to, octets, and room for what it learns of paths.
  let memoryAtRest: Int
  private(set) var now = Instant.zero + .seconds(1000)
  /// What was sent since this was last emptied.
  var sent: [SentPacket] = []
  var events: [SocketEvent] = []
  var observations: [StackObservation] = []
  var linkOpen = true
  private var frame = FrameBuffer(capacity: 65_600)

  init(mtu: Int, configure: (inout StackConfiguration) -> Void) {
    var configuration = StackConfiguration(keys: StackKeys(seed: 1))
    configure(&configuration)
    budget = configuration.memoryBudget
    stack = Stack(configuration: configuration)
    stack.observing = true
    self.mtu = mtu
    let prefixes = [AddressPrefix(parsing: "10.0.0.1/24")!, AddressPrefix(parsing: "fd00::1/64")!]
    do {
      link = try stack.addInterface(InterfaceConfiguration(maximumTransmissionUnit: mtu, addresses: prefixes))
    } catch {
      fatalError("the interface: \(error)")
    }
    memoryAtRest = stack.memoryUsed + (8 << 10)
  }

  func receive(_ packet: [UInt8]) {
    stack.receive(packet.rawSpan, on: link, at: now)
    drain()
  }

  /// Lets time pass, timer by timer, but no more than so many of them.
  func advance(_ interval: Interval) {
    let end = now + interval
    var woken = 0
    while let deadline = stack.nextDeadline, deadline <= end {
      woken += 1
      // A window probe or a keep-alive a millisecond is the most that any setting here allows.
      require(woken < 20_000, "the host is woken without end")
      wake(at: deadline)
    }
    now = end
    stack.advance(to: now)
    drain()
  }

  /// Goes to the next deadline if it is not years away.
  func advanceToDeadline() {
    guard let deadline = stack.nextDeadline, deadline - now < .hours(3) else { return }
    wake(at: deadline)
  }

  private func wake(at deadline: Instant) {
    now = max(now, deadline)
    stack.advance(to: now)
    drain()
    // Once woken at a time and drained, there is nothing left to do at that time.
    var idle = 0
    while linkOpen, let next = stack.nextDeadline, next <= now {
      idle += 1
      require(idle < 50, "a deadline does not move on")
      stack.advance(to: now)
      drain()
    }
  }

  /// Takes out frames, events and observations.
  func drain() {
    var frames = 0
    while linkOpen {
      var metadata: FrameMetadata?
      frame.fill { metadata = stack.nextFrame(into: &$0) }
      guard let metadata else { break }
      frames += 1
      require(frames < 5_000, "the host sends without end")
      require(metadata.length == frame.count && frame.count <= mtu, "a frame fits the link")
      let packet = Self.takeApart([UInt8](frame.bytes))
      if sent.count < 10_000 { sent.append(packet) }
    }
    while let event = stack.nextEvent() { events.append(event) }
    while let observation = stack.nextObservation() { observations.append(observation) }
    require(stack.memoryUsed <= budget, "the budget holds: \(stack.memoryUsed) of \(budget)")
  }

  /// Reads a packet of the host's as a strict receiver would.
  static func takeApart(_ packet: [UInt8]) -> SentPacket {
    let source: IPAddress
    let destination: IPAddress
    let kind: UInt8
    let payload: Range<Int>
    let isPiece: Bool
    if packet[0] >> 4 == 4 {
      guard let ip = try? IPv4Header.parse(packet.rawSpan) else { fatalError("sent a malformed packet") }
      (source, destination) = (.v4(ip.header.source), .v4(ip.header.destination))
      (kind, payload, isPiece) = (ip.header.protocolNumber, ip.payload, ip.header.isFragment)
    } else {
      guard let ip = try? IPv6Header.parse(packet.rawSpan) else { fatalError("sent a malformed packet") }
      (source, destination) = (.v6(ip.header.source), .v6(ip.header.destination))
      (kind, payload, isPiece) = (ip.protocolNumber, ip.payload, ip.fragment != nil)
    }
    require(payload.upperBound == packet.count, "nothing follows the packet")
    var header: TCPHeader?
    var text = 0..<0
    if !isPiece { (header, text) = check(packet, payload, kind, source, destination) }
    return SentPacket(
      bytes: packet, source: source, destination: destination, protocolNumber: kind, payload: payload,
      header: header, text: text)
  }

  private static func check(
    _ packet: [UInt8], _ payload: Range<Int>, _ kind: UInt8, _ source: IPAddress, _ destination: IPAddress
  ) -> (TCPHeader?, Range<Int>) {
    let body = packet.rawSpan.extracting(payload)
    switch kind {
    case IPProtocol.tcp:
      guard let tcp = try? TCPHeader.parse(body) else { fatalError("sent a malformed segment") }
      require(TCPHeader.hasValidChecksum(body, source: source, destination: destination), "TCP's checksum")
      require(!tcp.header.options.malformed && tcp.header.reserved == 0, "a clean header")
      require(!(tcp.header.flags.contains(.rst) && tcp.header.flags.contains(.syn)), "no SYN with RST")
      let text = payload.lowerBound + tcp.payload.lowerBound..<payload.lowerBound + tcp.payload.upperBound
      return (tcp.header, text)
    case IPProtocol.udp:
      guard let udp = try? UDPHeader.parse(body) else { fatalError("sent a malformed datagram") }
      require(udp.header.hasValidChecksum(body, source: source, destination: destination), "UDP's checksum")
    case IPProtocol.icmp:
      require((try? ICMPv4Message.parse(body)) != nil, "an ICMP message with its checksum")
    case IPProtocol.icmpv6:
      guard case .v6(let from) = source, case .v6(let to) = destination else { fatalError("mixed versions") }
      require((try? ICMPv6Message.parse(body, source: from, destination: to)) != nil, "an ICMPv6 message")
    default:
      require(false, "sent protocol \(kind)")
    }
    return (nil, 0..<0)
  }

  // MARK: Packets for it

  /// A TCP segment as an IP packet, both checksums right.
  static func packet(
    _ header: TCPHeader, rawOptions: [UInt8] = [], text: [UInt8] = [], from: IPAddress, to: IPAddress,
    trafficClass: UInt8 = 0
  ) -> [UInt8] {
    var segment = written(64) { header.write(into: &$0) }
    if !rawOptions.isEmpty {
      segment += rawOptions
      segment[12] = UInt8(segment.count / 4) << 4 | segment[12] & 15
    }
    segment += text
    let pseudo = PseudoHeader.sum(
      source: from, destination: to, protocolNumber: IPProtocol.tcp, length: segment.count)
    repairChecksum(&segment, at: 16, in: 0..<segment.count, initial: pseudo)
    return wrap(segment, IPProtocol.tcp, from: from, to: to, trafficClass: trafficClass)
  }

  /// An IP header before a payload.
  static func wrap(
    _ payload: [UInt8], _ kind: UInt8, from: IPAddress, to: IPAddress, trafficClass: UInt8 = 0
  ) -> [UInt8] {
    written(40) { out in
      switch (from, to) {
      case (.v4(let source), .v4(let destination)):
        IPv4Header(
          source: source, destination: destination, protocolNumber: kind, payloadLength: payload.count,
          trafficClass: trafficClass
        ).write(into: &out)
      case (.v6(let source), .v6(let destination)):
        IPv6Header(
          source: source, destination: destination, nextHeader: kind, payloadLength: payload.count,
          trafficClass: trafficClass
        ).write(into: &out)
      case (.v4, .v6), (.v6, .v4): fatalError("one packet, one version")
      }
    } + payload
  }

  /// An ICMP error from the peer's side that quotes a packet of the host's.
  static func icmpError(quoting packet: SentPacket, type: UInt8, code: UInt8, rest: UInt32) -> [UInt8] {
    let quote = Array(packet.bytes.prefix(packet.source.version == .v4 ? 60 : 120))
    switch (packet.destination, packet.source) {
    case (.v4, .v4):
      let message = written(8 + quote.count) {
        ICMPv4Message(type: type, code: code, rest: rest).write(into: &$0, payload: quote.rawSpan)
      }
      return wrap(message, IPProtocol.icmp, from: packet.destination, to: packet.source)
    case (.v6(let from), .v6(let to)):
      let message = written(8 + quote.count) {
        ICMPv6Message(type: type, code: code, rest: rest).write(
          into: &$0, payload: quote.rawSpan, source: from, destination: to)
      }
      return wrap(message, IPProtocol.icmpv6, from: packet.destination, to: packet.source)
    case (.v4, .v6), (.v6, .v4): fatalError("one packet, one version")
    }
  }
}
