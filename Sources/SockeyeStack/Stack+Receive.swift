// Holds what happens to an arriving frame until its protocol is known: the IP header, who it is from and for, and
// fragments. TCP goes on in Stack+Segments, UDP in Stack+Datagrams, ICMP in Stack+ICMP.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

/// What an IP header has said about a packet.
struct Arrival {
  let source: IPAddress
  let destination: IPAddress
  /// The protocol above IP.
  var protocolNumber: UInt8
  var timeToLive: UInt8
  var trafficClass: UInt8
  let link: LinkID
  /// The destination is a broadcast address.
  var isBroadcast = false
  /// The transport checksum has been verified below.
  var checksum: ReceivedChecksum
  /// The path has marked the packet (RFC 3168 §5, CE).
  var isMarked: Bool { trafficClass & 3 == 3 }
  /// Where, in the packet, the protocol is named (for ICMPv6).
  var protocolField = 0
}

/// Addresses of a packet that was found in order.
struct AdmittedPair: Equatable {
  let source: IPAddress
  let destination: IPAddress
  let link: LinkID
}

extension Stack {
  /// Takes in a frame that a link has received. No frame, whatever its bytes, is an error.
  ///
  /// - Parameters:
  ///   - frame: one IP packet; octets behind its end are ignored.
  ///   - link: where it came from; never the loopback.
  ///   - instant: when it came.
  ///   - checksum: whether the link vouches for the checksum of TCP or UDP.
  public mutating func receive(
    _ frame: RawSpan, on link: LinkID, at instant: Instant, checksum: ReceivedChecksum = .unverified
  ) {
    precondition(interfaces.contains(link) && link != .loopback, "frames come from a link of this host")
    advance(to: instant)
    statistics.framesReceived += 1
    receivePacket(frame, on: link, checksum: checksum)
  }

  mutating func receivePacket(_ packet: RawSpan, on link: LinkID, checksum: ReceivedChecksum) {
    guard packet.byteCount > 0 else { return malformed(packet, on: link) }
    switch packet.byte(at: 0) >> 4 {
    case 4: receiveIPv4(packet, on: link, checksum: checksum)
    case 6: receiveIPv6(packet, on: link, checksum: checksum)
    default: malformed(packet, on: link)
    }
  }

  private mutating func malformed(_ packet: RawSpan, on link: LinkID, _ reason: DropReason = .malformed) {
    statistics.ip.malformed += 1
    if observing { observe(.packetDropped(link, length: packet.byteCount, reason)) }
  }

  // MARK: IPv4

  private mutating func receiveIPv4(_ packet: RawSpan, on link: LinkID, checksum: ReceivedChecksum) {
    let parsed: IPv4Header.Parsed
    do throws(WireError) {
      parsed = try IPv4Header.parse(packet)
    } catch .badChecksum {
      return malformed(packet, on: link, .badChecksum)
    } catch {
      return malformed(packet, on: link)
    }
    // RFC 9293 §3.9.2 MUST-50: options are passed over, source routes among them (RFC 7126 §4 advises to).
    let header = parsed.header
    var arrival = Arrival(
      source: .v4(header.source), destination: .v4(header.destination), protocolNumber: header.protocolNumber,
      timeToLive: header.timeToLive, trafficClass: header.trafficClass, link: link, checksum: checksum)
    guard admit(&arrival, length: packet.byteCount) else { return }
    let payload = packet.extracting(parsed.payload)
    guard header.isFragment else { return deliver(arrival, payload: payload, packet: packet) }
    let key = FragmentKey(
      source: arrival.source, destination: arrival.destination,
      identification: UInt32(header.identification), protocolNumber: header.protocolNumber)
    fragmentArrived(
      Fragment(
        key: key, offset: header.fragmentOffset, more: header.moreFragments,
        protocolNumber: header.protocolNumber, timeToLive: header.timeToLive,
        trafficClass: header.trafficClass, link: link),
      payload: payload, arrival: arrival)
  }

  // MARK: IPv6

  private mutating func receiveIPv6(_ packet: RawSpan, on link: LinkID, checksum: ReceivedChecksum) {
    let parsed: IPv6Header.Parsed
    do throws(WireError) {
      parsed = try IPv6Header.parse(packet)
    } catch {
      malformed(packet, on: link)
      return reportHeaderError(error, packet: packet, on: link)
    }
    let header = parsed.header
    var arrival = Arrival(
      source: .v6(header.source), destination: .v6(header.destination), protocolNumber: parsed.protocolNumber,
      timeToLive: header.hopLimit, trafficClass: header.trafficClass, link: link, checksum: checksum,
      protocolField: parsed.protocolFieldOffset)
    guard admit(&arrival, length: packet.byteCount) else { return }
    let payload = packet.extracting(parsed.payload)
    guard let fragment = parsed.fragment else { return deliver(arrival, payload: payload, packet: packet) }
    let key = FragmentKey(
      source: arrival.source, destination: arrival.destination, identification: fragment.identification,
      protocolNumber: 0)
    fragmentArrived(
      Fragment(
        key: key, offset: fragment.offset, more: fragment.moreFragments, protocolNumber: fragment.nextHeader,
        timeToLive: header.hopLimit, trafficClass: header.trafficClass, link: link),
      payload: payload, arrival: arrival)
  }

  /// RFC 8200 §4.2 and §4.4: some headers that can't be read are worth an answer.
  private mutating func reportHeaderError(_ error: WireError, packet: RawSpan, on link: LinkID) {
    guard let header = (try? IPv6Header.parseQuoted(packet))?.header else { return }
    var arrival = Arrival(
      source: .v6(header.source), destination: .v6(header.destination), protocolNumber: header.nextHeader,
      timeToLive: header.hopLimit, trafficClass: header.trafficClass, link: link, checksum: .unverified)
    guard isInOrder(&arrival) == nil else { return }
    switch error {
    case .unrecognizedOption(let type, let pointer) where type & 0x80 != 0:
      sendParameterProblem(ICMPv6Message.unrecognizedOption, at: pointer, about: packet, arrival)
    case .unrecognizedRouting(_, let pointer):
      sendParameterProblem(ICMPv6Message.erroneousHeaderField, at: pointer, about: packet, arrival)
    case .misplacedHopByHopOptions(let pointer):
      sendParameterProblem(ICMPv6Message.unrecognizedNextHeader, at: pointer, about: packet, arrival)
    case .unrecognizedOption, .truncated, .badVersion, .badHeaderLength, .badTotalLength, .badChecksum,
      .badFragment, .tooManyExtensionHeaders:
      break
    }
  }

  // MARK: From whom, for whom

  /// Whether a packet is for this host and from somebody who can be; otherwise it is dropped in silence.
  private mutating func admit(_ arrival: inout Arrival, length: Int) -> Bool {
    let pair = AdmittedPair(source: arrival.source, destination: arrival.destination, link: arrival.link)
    if pair == lastAdmitted { return true }
    guard let reason = isInOrder(&arrival) else {
      if !arrival.isBroadcast { lastAdmitted = pair }
      return true
    }
    if reason == .notForUs { statistics.ip.notForUs += 1 } else { statistics.ip.martian += 1 }
    if observing {
      observe(
        .datagramDropped(
          DatagramRecord(
            source: arrival.source, destination: arrival.destination, protocolNumber: arrival.protocolNumber,
            content: .other, length: length), reason))
    }
    return false
  }

  /// RFC 9293 §3.9.2.3 MUST-57, MUST-63; RFC 1122 §3.2.1.3; RFC 4291 §2: why a packet's addresses are not in order,
  /// or nil.
  private func isInOrder(_ arrival: inout Arrival) -> DropReason? {
    switch interfaces.classify(arrival.destination) {
    case .local(let link):
      // A loopback address never appears outside the host.
      if link == .loopback && arrival.link != .loopback { return .invalidDestination }
    case .broadcast:
      arrival.isBroadcast = true
    case .multicast, .unspecified:
      return .invalidDestination
    case .foreign:
      if !forwards(arrival.destination, from: arrival.link) { return .notForUs }
    }
    switch interfaces.classify(arrival.source) {
    case .local:
      // The host's own address from outside is a forgery.
      return arrival.link == .loopback ? nil : .invalidSource
    case .broadcast, .multicast, .unspecified:
      return .invalidSource
    case .foreign:
      return arrival.source.isNobody ? .invalidSource : nil
    }
  }

  // MARK: Fragments

  private mutating func fragmentArrived(_ fragment: Fragment, payload: RawSpan, arrival: Arrival) {
    statistics.ip.fragmentsReceived += 1
    let outcome =
      budget.hasRoom(payload.byteCount + reassembly.allocatedBytes)
      ? reassembly.insert(fragment, payload: payload, at: now) : .dropped
    if observing { observeFragment(fragment, length: payload.byteCount, arrival, outcome) }
    switch outcome {
    case .kept: break
    case .dropped: statistics.ip.fragmentsDropped += 1
    case .complete(let number): deliverReassembled(number, arrival)
    }
  }

  private mutating func deliverReassembled(_ number: UInt32, _ last: Arrival) {
    guard let datagram = reassembly.take(number) else { return }
    statistics.ip.reassembled += 1
    var arrival = last
    arrival.protocolNumber = datagram.protocolNumber ?? last.protocolNumber
    arrival.timeToLive = datagram.timeToLive
    arrival.trafficClass = datagram.trafficClass
    arrival.checksum = .unverified
    // Stored from its beginning on, the datagram lies in one piece. It is quoted in no ICMP error.
    datagram.bytes.withReadableBytes { payload, _ in
      deliver(arrival, payload: payload, packet: RawSpan())
    }
  }

  // MARK: Protocols

  /// Hands an IP payload to its protocol.
  /// - Parameter packet: what an ICMP error would quote; empty when nothing is to be quoted.
  private mutating func deliver(_ arrival: Arrival, payload: RawSpan, packet: RawSpan) {
    switch (arrival.protocolNumber, arrival.source.version) {
    case (IPProtocol.tcp, _): receiveSegment(payload, arrival)
    case (IPProtocol.udp, _): receiveDatagram(payload, arrival, packet: packet)
    case (IPProtocol.icmp, .v4): receiveICMPv4(payload, arrival)
    case (IPProtocol.icmpv6, .v6): receiveICMPv6(payload, arrival)
    case (IPProtocol.noNextHeader, .v6): break
    case (_, _): unknownProtocol(payload, arrival, packet: packet)
    }
  }

  private mutating func unknownProtocol(_ payload: RawSpan, _ arrival: Arrival, packet: RawSpan) {
    statistics.ip.unknownProtocol += 1
    if observing { observeDatagram(arrival, .other, length: payload.byteCount, dropped: .unknownProtocol) }
    switch arrival.source {
    case .v4:
      // RFC 1122 §3.2.2.1.
      sendUnreachable(ICMPv4Message.protocolUnreachable, about: packet, arrival)
    case .v6:
      // RFC 8200 §4.
      sendParameterProblem(
        ICMPv6Message.unrecognizedNextHeader, at: arrival.protocolField, about: packet, arrival)
    }
  }
}

extension IPAddress {
  /// No host has such an address (RFC 1122 §3.2.1.3, RFC 4291 §2.5.5.2).
  var isNobody: Bool {
    switch self {
    case .v4(let address): address.isReserved
    case .v6(let address): address.ipv4Mapped != nil
    }
  }
}
