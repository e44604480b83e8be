// The parsers of headers: what they accept lies within the bytes, and is written again as it was read.

import SockeyeBytes
import SockeyeWire

/// The first byte says whether the checksum is repaired, so that the fuzzer gets past it.
func fuzzIPv4(_ input: [UInt8]) {
  guard let first = input.first else { return }
  var packet = Array(input.dropFirst())
  if first & 1 != 0, packet.count >= 20 {
    repairChecksum(&packet, at: 10, in: 0..<min(packet.count, Int(packet[0] & 15) * 4))
  }
  if let quoted = try? IPv4Header.parseQuoted(packet.rawSpan) {
    require(quoted.payload.upperBound <= packet.count, "a quoted payload within the packet")
  }
  fuzzQuote(packet, .v4)
  guard let parsed = try? IPv4Header.parse(packet.rawSpan) else { return }
  let header = parsed.header
  require(parsed.payload.upperBound <= packet.count && parsed.payload.lowerBound >= 20, "payload in bounds")
  require(header.totalLength == parsed.payload.upperBound, "the total length is where the payload ends")
  require(header.options == 20..<parsed.payload.lowerBound, "options lie between header and payload")
  require(header.fragmentOffset % 8 == 0 && header.fragmentOffset <= 65_528, "the offset's unit")
  require(header.fragmentOffset + parsed.payload.count <= 65_515, "no piece ends beyond the largest packet")
  guard header.options.isEmpty else { return }
  let again = written(20) { header.write(into: &$0) }
  var expected = Array(packet[0..<20])
  // The reserved bit is not kept, and a sum of zero may stand as either zero of ones' complement.
  expected[6] &= 0x7f
  expected.replaceSubrange(10...11, with: again[10...11])
  require(again == expected, "written as it was read: \(expected), \(again)")
  let sum = InternetChecksum.finish(InternetChecksum.sum(again.rawSpan))
  require(sum == 0, "what is written has a right checksum")
}

func fuzzIPv6(_ packet: [UInt8]) {
  let quoted = try? IPv6Header.parseQuoted(packet.rawSpan)
  if let quoted {
    require(quoted.payload.upperBound <= packet.count, "a quoted payload within the packet")
  }
  fuzzQuote(packet, .v6)
  guard let parsed = try? IPv6Header.parse(packet.rawSpan) else { return }
  let end = 40 + parsed.header.payloadLength
  require(parsed.payload.upperBound == end && end <= packet.count, "the payload ends with the packet")
  require(parsed.payload.lowerBound >= 40 && parsed.payload.lowerBound % 8 == 0, "whole extension headers")
  require(
    parsed.protocolFieldOffset < parsed.payload.lowerBound, "the protocol's field is before the payload")
  require(packet[parsed.protocolFieldOffset] == parsed.protocolNumber, "the protocol's field says so")
  require(parsed.payload.lowerBound - 40 <= IPv6Header.maximumExtensionLength, "a bounded walk")
  // What is taken in is quoted in the same way.
  require(quoted == parsed, "a whole packet is quoted as it was read")
  if let fragment = parsed.fragment {
    require(fragment.unfragmentableLength + 8 == parsed.payload.lowerBound, "a piece ends the walk")
    require(packet[fragment.nextHeaderFieldOffset] == IPProtocol.ipv6Fragment, "the field announces a piece")
    require(fragment.offset > 0 || fragment.moreFragments, "a whole packet is no piece")
    require(!fragment.moreFragments || parsed.payload.count % 8 == 0, "the unit of pieces")
  }
  require(written(40) { parsed.header.write(into: &$0) } == Array(packet[0..<40]), "written as it was read")
}

private func fuzzQuote(_ packet: [UInt8], _ version: IPVersion) {
  guard let quote = try? QuotedPacket.parse(packet.rawSpan, version: version) else { return }
  require(quote.source.version == version && quote.destination.version == version, "one version")
  require(quote.fourTuple.local.port == quote.sourcePort, "the quoted source is this host's end")
}

func fuzzICMP(_ input: [UInt8]) {
  guard let first = input.first else { return }
  var message = Array(input.dropFirst())
  let (source, destination) = (IPv6Address(high: 1, low: 2), IPv6Address(high: 3, low: 4))
  if first & 2 == 0 {
    if first & 1 != 0 { repairChecksum(&message, at: 2, in: 0..<message.count) }
    guard let parsed = try? ICMPv4Message.parse(message.rawSpan) else { return }
    require(parsed.payload == 8..<message.count, "the payload follows eight bytes")
    let body = message.rawSpan.extracting(parsed.payload)
    let again = written(message.count) { parsed.message.write(into: &$0, payload: body) }
    require(sameButChecksum(again, message, field: 2), "written as it was read")
    require((try? ICMPv4Message.parse(again.rawSpan)) == parsed, "read as it was written")
  } else {
    let pseudo = PseudoHeader.sum(
      source: .v6(source), destination: .v6(destination), protocolNumber: IPProtocol.icmpv6,
      length: message.count)
    if first & 1 != 0 { repairChecksum(&message, at: 2, in: 0..<message.count, initial: pseudo) }
    guard let parsed = try? ICMPv6Message.parse(message.rawSpan, source: source, destination: destination)
    else { return }
    require(parsed.payload == 8..<message.count, "the payload follows eight bytes")
    let body = message.rawSpan.extracting(parsed.payload)
    let again = written(message.count) {
      parsed.message.write(into: &$0, payload: body, source: source, destination: destination)
    }
    require(sameButChecksum(again, message, field: 2), "written as it was read")
  }
}

/// Equal but for the two zeros of ones' complement.
private func sameButChecksum(_ one: [UInt8], _ other: [UInt8], field: Int) -> Bool {
  guard one.count == other.count else { return false }
  var one = one
  let (first, second) = (number(one, field), number(other, field))
  guard first == second || first % 0xffff == second % 0xffff else { return false }
  one[field] = other[field]
  one[field + 1] = other[field + 1]
  return one == other
}

func fuzzTCP(_ segment: [UInt8]) {
  guard let parsed = try? TCPHeader.parse(segment.rawSpan) else { return }
  var header = parsed.header
  require(parsed.payload.upperBound == segment.count && parsed.payload.lowerBound >= 20, "payload in bounds")
  require(parsed.payload.lowerBound == Int(segment[12] >> 4) * 4, "the data offset is where the text begins")
  require(header.headerLength <= 60, "what is read can be written")
  require(!header.summary(payloadLength: parsed.payload.count).isEmpty, "it can be printed")
  require(segment.prefix(12) == written(60) { header.write(into: &$0) }.prefix(12), "ports and numbers")
  let whole = header.segmentLength(payload: parsed.payload.count)
  require(whole >= parsed.payload.count && whole <= parsed.payload.count + 2, "SEG.LEN")
  // What stopped the reading is not written.
  header.options.malformed = false
  if header.options.hasAuthenticationFault { return }
  // Of an authentication option only the length that this stack uses is written.
  if let option = header.options.authentication, option.codeLength != 12 { return }
  var sum: UInt32 = 0
  let first = written(60) { sum = header.write(into: &$0) }
  require(first.count == header.headerLength && first.count % 4 == 0, "its length is what it says")
  require(Int(first[12] >> 4) * 4 == first.count, "the data offset is right")
  require(InternetChecksum.fold(sum) == InternetChecksum.fold(InternetChecksum.sum(first.rawSpan)), "its sum")
  guard let again = try? TCPHeader.parse(first.rawSpan) else { fatalError("what is written cannot be read") }
  require(!again.header.options.malformed, "what is written is well formed")
  if again.header.options.sackBlocks.count == header.options.sackBlocks.count {
    require(again.header == header, "read as it was written: \(header), \(again.header)")
  } else {
    require(
      header.options.maximumSegmentSize != nil || header.options.isAuthenticated
        || header.options.windowScale != nil || header.options.timestamps != nil, "only for want of room")
  }
  require(written(60) { again.header.write(into: &$0) } == first, "written the same again")
}

func fuzzUDP(_ input: [UInt8]) {
  guard let first = input.first else { return }
  var datagram = Array(input.dropFirst())
  let addresses: (IPAddress, IPAddress) =
    first & 2 == 0
    ? (.v4(IPv4Address(10, 0, 0, 1)), .v4(IPv4Address(10, 0, 0, 2)))
    : (.v6(IPv6Address(high: 1, low: 2)), .v6(IPv6Address(high: 3, low: 4)))
  if first & 1 != 0, datagram.count >= 8 {
    let length = number(datagram, 4)
    let pseudo = PseudoHeader.sum(
      source: addresses.0, destination: addresses.1, protocolNumber: IPProtocol.udp, length: length)
    repairChecksum(&datagram, at: 6, in: 0..<max(8, length), initial: pseudo)
    if number(datagram, 6) == 0 { datagram.replaceSubrange(6...7, with: [255, 255]) }
  }
  guard let parsed = try? UDPHeader.parse(datagram.rawSpan) else { return }
  let header = parsed.header
  require(parsed.payload == 8..<header.length && header.length <= datagram.count, "payload in bounds")
  let isRight = header.hasValidChecksum(datagram.rawSpan, source: addresses.0, destination: addresses.1)
  require(isRight || first & 1 == 0, "a repaired checksum is right")
  let body = datagram.rawSpan.extracting(parsed.payload)
  let again = written(header.length) {
    header.write(into: &$0, payload: body, source: addresses.0, destination: addresses.1)
  }
  let expected = Array(datagram[0..<header.length])
  require(
    again.count == expected.count && again[0..<6] == expected[0..<6] && again[8...] == expected[8...],
    "written as it was read")
  require(number(again, 6) != 0, "a checksum is never zero")
  require(
    !isRight || header.checksum == 0 || number(again, 6) == Int(header.checksum), "the one right checksum")
}
