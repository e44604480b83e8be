// Holds ICMP for both versions: echo, the errors that arrive, and the errors this host sends (RFC 792, RFC 4443,
// RFC 1122 §3.2.2). What an error means stands in PathReport.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

extension Stack {
  // MARK: Arrival

  mutating func receiveICMPv4(_ bytes: RawSpan, _ arrival: Arrival) {
    guard let parsed = try? ICMPv4Message.parse(bytes) else { return unreadable(bytes, arrival) }
    let message = parsed.message
    let payload = bytes.extracting(parsed.payload)
    received(type: message.type, code: message.code, length: bytes.byteCount, arrival)
    // RFC 1122 §3.2.2.6 lets a host ignore what comes by broadcast, and amplifiers are made of it.
    guard !arrival.isBroadcast else { return }
    switch message.type {
    case ICMPv4Message.echoRequest:
      answerEcho(
        type: ICMPv4Message.echoReply, identifier: message.identifier, sequence: message.sequence, payload,
        arrival)
    case ICMPv4Message.echoReply:
      echoAnswered(
        identifier: message.identifier, sequence: message.sequence, length: payload.byteCount, arrival)
    default:
      // RFC 1122 §3.2.2: unknown types are silently discarded.
      if message.isError { errorArrived(PathReport(message), quote: payload, arrival) }
    }
  }

  mutating func receiveICMPv6(_ bytes: RawSpan, _ arrival: Arrival) {
    guard case .v6(let source) = arrival.source, case .v6(let destination) = arrival.destination,
      let parsed = try? ICMPv6Message.parse(bytes, source: source, destination: destination)
    else { return unreadable(bytes, arrival) }
    let message = parsed.message
    let payload = bytes.extracting(parsed.payload)
    received(type: message.type, code: message.code, length: bytes.byteCount, arrival)
    switch message.type {
    case ICMPv6Message.echoRequest:
      answerEcho(
        type: ICMPv6Message.echoReply, identifier: message.identifier, sequence: message.sequence, payload,
        arrival)
    case ICMPv6Message.echoReply:
      echoAnswered(
        identifier: message.identifier, sequence: message.sequence, length: payload.byteCount, arrival)
    default:
      if message.isError { errorArrived(PathReport(message), quote: payload, arrival) }
    }
  }

  private mutating func unreadable(_ bytes: RawSpan, _ arrival: Arrival) {
    statistics.icmp.malformed += 1
    if observing { observeDatagram(arrival, .other, length: bytes.byteCount, dropped: .malformed) }
  }

  private mutating func received(type: UInt8, code: UInt8, length: Int, _ arrival: Arrival) {
    statistics.icmp.messagesReceived += 1
    if observing { observeDatagram(arrival, .icmp(type: type, code: code), length: length) }
  }

  // MARK: Echo

  private mutating func answerEcho(
    type: UInt8, identifier: UInt16, sequence: UInt16, _ payload: RawSpan, _ arrival: Arrival
  ) {
    // What is taken for others is TCP, UDP and errors about them; only they could say whether they are there.
    guard configuration.answersEcho,
      forwarding == nil || arrival.isBroadcast || interfaces.owns(arrival.destination)
    else { return }
    guard echoLimit.take(at: now) else {
      statistics.icmp.suppressed += 1
      return
    }
    // RFC 1122 §3.2.2.6: the same data, from the address that was asked.
    let rest = UInt32(identifier) << 16 | UInt32(sequence)
    if sendICMP(
      type: type, code: 0, rest: rest, payload, from: arrival.destination, to: arrival.source,
      timeToLive: configuration.timeToLive)
    {
      statistics.icmp.echoRequestsAnswered += 1
    }
  }

  private mutating func echoAnswered(identifier: UInt16, sequence: UInt16, length: Int, _ arrival: Arrival) {
    otherNews.append(
      .echoReply(
        EchoReply(
          source: arrival.source, identifier: identifier, sequence: sequence, payloadLength: length,
          timeToLive: arrival.timeToLive)))
  }

  /// Sends an echo request ("ping"). `SocketEvent.echoReply` or `.echoError` may follow; how long to wait for one is
  /// up to the caller.
  ///
  /// - Parameter timeToLive: hops the request may take; nil: the host's default.
  /// - Throws: why there is no way there; `datagramTooLong`; `queueFull`, which passes.
  public mutating func sendEcho(
    to remote: IPAddress, from address: IPAddress? = nil, identifier: UInt16, sequence: UInt16,
    payload: RawSpan, timeToLive: UInt8? = nil, at instant: Instant
  ) throws(SocketError) {
    advance(to: instant)
    let (_, source) = try path(to: remote, from: address)
    let limit = 65_535 - remote.version.headerLength - OutgoingDatagram.firstLength
    guard payload.byteCount <= limit else {
      throw .datagramTooLong(length: payload.byteCount, limit: limit)
    }
    let type = remote.version == .v4 ? ICMPv4Message.echoRequest : ICMPv6Message.echoRequest
    guard
      sendICMP(
        type: type, code: 0, rest: UInt32(identifier) << 16 | UInt32(sequence), payload, from: source,
        to: remote, timeToLive: timeToLive ?? configuration.timeToLive)
    else { throw .queueFull }
  }

  /// - Returns: false when there was no way there or no room to keep it.
  private mutating func sendICMP(
    type: UInt8, code: UInt8, rest: UInt32, _ payload: RawSpan, from source: IPAddress, to remote: IPAddress,
    timeToLive: UInt8
  ) -> Bool {
    guard let link = link(towards: remote) else {
      statistics.ip.noRoute += 1
      return false
    }
    let number = remote.version == .v4 ? IPProtocol.icmp : IPProtocol.icmpv6
    let length = payload.byteCount + OutgoingDatagram.firstLength
    // RFC 4443 §2.3: version 6 sums up a pseudo-header, version 4 does not.
    let pseudo: UInt32 =
      remote.version == .v4
      ? 0 : PseudoHeader.sum(source: source, destination: remote, protocolNumber: number, length: length)
    let first = OutgoingDatagram.icmp(
      type: type, code: code, rest: rest, payload: payload, pseudoHeader: pseudo)
    let header = PacketHeader(
      source: source, destination: remote, protocolNumber: number, timeToLive: timeToLive, trafficClass: 0)
    guard queue(header, first: first, payload: payload, on: link) else { return false }
    statistics.icmp.messagesSent += 1
    return true
  }

  // MARK: Errors that arrive

  /// RFC 9293 §3.9.2.2 MUST-54: an error concerns the one connection, socket or request that it quotes.
  private mutating func errorArrived(_ report: PathReport, quote: RawSpan, _ arrival: Arrival) {
    if case .ignored = report { return }
    guard let quoted = try? QuotedPacket.parse(quote, version: arrival.source.version),
      interfaces.owns(quoted.source) || forwarding != nil
    else {
      statistics.icmp.errorsIgnored += 1
      return
    }
    let isAccepted: Bool =
      switch quoted.protocolNumber {
      case IPProtocol.tcp: errorForConnection(report, quoted)
      case IPProtocol.udp: errorForDatagram(report, quoted)
      case IPProtocol.icmp, IPProtocol.icmpv6: errorForEcho(report, quoted, reporter: arrival.source)
      default: false
      }
    if isAccepted { statistics.icmp.errorsAccepted += 1 } else { statistics.icmp.errorsIgnored += 1 }
  }

  private mutating func errorForConnection(_ report: PathReport, _ quoted: QuotedPacket) -> Bool {
    // RFC 5927 §4: whoever cannot see the connection cannot name a sequence number in flight. A handshake of a
    // listener tells nobody of errors, and TIME-WAIT sends nothing to be quoted but ACKs.
    guard case .connection(let key) = flow(quoted.fourTuple),
      connections[key].connection.isInFlight(quoted.sequence)
    else { return false }
    if authenticationIgnores(report, quoted.source.version, for: key) { return false }
    prepare(key)
    switch report {
    case .ignored:
      return false
    case .tooBig(let unit):
      guard let unit = plausible(unit, for: quoted, of: key) else { return false }
      pathMTULearnt(unit, by: key)
    case .soft(let error):
      connections[key].softError = error
      connections[key].connection.softErrorArrived()
    case .hard(let error):
      // SHLD-26 while a connection is being opened; later it is a soft error (RFC 5461 §4.1, RFC 5927 §5.2).
      connections[key].softError = error
      connections[key].connection.openingFailed(.unreachable)
    }
    settle(key)
    return true
  }

  /// The path MTU to believe in: only ever a smaller one, smaller than what was too big, and none that no path has
  /// (RFC 1191 §3, RFC 8201 §4, RFC 5927 §7).
  private func plausible(_ reported: Int, for quoted: QuotedPacket, of key: ConnectionKey) -> Int? {
    let unit = reported == 0 ? PathReport.plateau(below: quoted.totalLength) : reported
    let floor = quoted.source.version == .v4 ? configuration.minimumPathMTU : 1280
    guard unit >= floor, unit < quoted.totalLength, unit < connections[key].pathMTU else { return nil }
    return unit
  }

  private mutating func errorForDatagram(_ report: PathReport, _ quoted: QuotedPacket) -> Bool {
    let tuple = quoted.fourTuple
    guard let error = report.error, let key = datagramSocket(at: tuple.local) else { return false }
    otherNews.append(.datagramError(UDPSocketID(key), error, destination: tuple.remote))
    return true
  }

  private mutating func errorForEcho(
    _ report: PathReport, _ quoted: QuotedPacket, reporter: IPAddress
  ) -> Bool {
    let request =
      quoted.source.version == .v4 ? ICMPv4Message.echoRequest : ICMPv6Message.echoRequest
    guard let error = report.error, UInt8(truncatingIfNeeded: quoted.firstBytes >> 56) == request else {
      return false
    }
    otherNews.append(
      .echoError(
        EchoFailure(
          destination: quoted.destination,
          identifier: UInt16(truncatingIfNeeded: quoted.firstBytes >> 16),
          sequence: UInt16(truncatingIfNeeded: quoted.firstBytes), error: error, reporter: reporter)))
    return true
  }

  // MARK: Errors this host sends

  /// Destination Unreachable about a packet that arrived.
  mutating func sendUnreachable(_ code: UInt8, about packet: RawSpan, _ arrival: Arrival) {
    let type =
      arrival.source.version == .v4
      ? ICMPv4Message.destinationUnreachable : ICMPv6Message.destinationUnreachable
    sendError(type: type, code: code, rest: 0, about: packet, arrival)
  }

  /// Port unreachable about a datagram of which nothing is left but its addresses and data.
  mutating func sendUnreachable(datagram: ReceivedDatagram, beginning payload: RawSpan, _ arrival: Arrival) {
    let code =
      arrival.source.version == .v4 ? ICMPv4Message.portUnreachable : ICMPv6Message.portUnreachable
    // The IP header and the first eight octets are what the sender needs to know its socket by (RFC 792, RFC 4443 §2.4).
    let header = PacketHeader(
      source: arrival.source, destination: arrival.destination, protocolNumber: IPProtocol.udp,
      timeToLive: arrival.timeToLive, trafficClass: 0)
    let packet = header.quotation(
      of: OutgoingDatagram.udp(
        from: datagram.source.port, to: datagram.destinationPort, payload: payload, pseudoHeader: 0),
      length: datagram.length + OutgoingDatagram.firstLength)
    packet.withRawSpan { sendUnreachable(code, about: $0, arrival) }
  }

  /// ICMPv6 Parameter Problem about a packet that arrived.
  mutating func sendParameterProblem(
    _ code: UInt8, at pointer: Int, about packet: RawSpan, _ arrival: Arrival
  ) {
    sendError(
      type: ICMPv6Message.parameterProblem, code: code, rest: UInt32(truncatingIfNeeded: pointer),
      about: packet, arrival)
  }

  /// RFC 1122 §3.2.2 and RFC 4443 §2.4 (e): never about a broadcast, about a fragment but the first, or about an ICMP
  /// error; never to somebody who is nobody, which `admit` has seen to; and only so many a second.
  private mutating func sendError(
    type: UInt8, code: UInt8, rest: UInt32, about packet: RawSpan, _ arrival: Arrival
  ) {
    guard packet.byteCount > 0, !arrival.isBroadcast else { return }
    let isICMP = arrival.protocolNumber == IPProtocol.icmp || arrival.protocolNumber == IPProtocol.icmpv6
    guard !isICMP else { return }
    guard errorLimit.take(at: now) else {
      statistics.icmp.suppressed += 1
      return
    }
    // RFC 1812 §4.3.2.3: as much of the packet as fits in 576 octets; RFC 4443 §2.4 (c): in 1280.
    let whole = arrival.source.version == .v4 ? 576 : 1280
    let room = whole - arrival.source.version.headerLength - OutgoingDatagram.firstLength
    let quote = packet.extracting(first: min(packet.byteCount, room))
    _ = sendICMP(
      type: type, code: code, rest: rest, quote, from: arrival.destination, to: arrival.source,
      timeToLive: configuration.timeToLive)
  }
}
