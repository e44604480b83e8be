// What the parsers make of packets, as lines that scripts/dissect compares with those of another program. Holds no property:
// what is right is said by the comparison.

import SockeyeBytes
import SockeyeWire

enum Dissection {
  /// Reads packets as hexadecimal lines from the standard input, and prints a line of `name=value` items for each.
  static func run() {
    while let line = readLine() {
      let digits = Array(line.utf8)
      let packet = stride(from: 0, to: digits.count - 1, by: 2).map { index in
        UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) ?? 0
      }
      print(items(of: packet).map { "\($0.0)=\($0.1)" }.joined(separator: "\t"))
    }
  }

  typealias Items = [(String, String)]

  private static func items(of packet: [UInt8]) -> Items {
    guard let first = packet.first else { return [("ip", "truncated")] }
    switch first >> 4 {
    case 4: return ipv4(packet)
    case 6: return ipv6(packet)
    default: return [("ip", "badVersion")]
    }
  }

  /// The name of an error, without what it carries.
  private static func name(_ error: WireError) -> String {
    switch error {
    case .truncated: "truncated"
    case .badVersion: "badVersion"
    case .badHeaderLength: "badHeaderLength"
    case .badTotalLength: "badTotalLength"
    case .badChecksum: "badChecksum"
    case .badFragment: "badFragment"
    case .tooManyExtensionHeaders: "tooManyExtensionHeaders"
    case .misplacedHopByHopOptions: "misplacedHopByHopOptions"
    case .unrecognizedOption: "unrecognizedOption"
    case .unrecognizedRouting: "unrecognizedRouting"
    }
  }

  private static func ipv4(_ packet: [UInt8]) -> Items {
    let parsed: IPv4Header.Parsed
    do throws(WireError) { parsed = try IPv4Header.parse(packet.rawSpan) } catch {
      return [("ip", name(error))]
    }
    let header = parsed.header
    let items: Items = [
      ("ip", "ok"), ("ip.len", "\(header.totalLength)"), ("ip.hdr_len", "\(parsed.payload.lowerBound)"),
      ("ip.id", "\(header.identification)"), ("ip.flags.df", header.dontFragment ? "1" : "0"),
      ("ip.flags.mf", header.moreFragments ? "1" : "0"), ("ip.frag_offset", "\(header.fragmentOffset)"),
      ("ip.ttl", "\(header.timeToLive)"), ("ip.proto", "\(header.protocolNumber)"),
      ("ip.dsfield", "\(header.trafficClass)"), ("ip.src", "\(header.source)"),
      ("ip.dst", "\(header.destination)"),
    ]
    if header.isFragment { return items }
    return items
      + upper(packet, parsed.payload, header.protocolNumber, .v4(header.source), .v4(header.destination))
  }

  private static func ipv6(_ packet: [UInt8]) -> Items {
    let parsed: IPv6Header.Parsed
    do throws(WireError) { parsed = try IPv6Header.parse(packet.rawSpan) } catch {
      return [("ip", name(error))]
    }
    let header = parsed.header
    var items: Items = [
      ("ip", "ok"), ("ipv6.plen", "\(header.payloadLength)"), ("ipv6.nxt", "\(header.nextHeader)"),
      ("ipv6.hlim", "\(header.hopLimit)"), ("ipv6.tclass", "\(header.trafficClass)"),
      ("ipv6.flow", "\(header.flowLabel)"), ("ipv6.src", "\(header.source)"),
      ("ipv6.dst", "\(header.destination)"),
      ("upper", "\(parsed.protocolNumber)"),
    ]
    if let fragment = parsed.fragment {
      items += [
        ("ipv6.fraghdr.offset", "\(fragment.offset)"),
        ("ipv6.fraghdr.more", fragment.moreFragments ? "1" : "0"),
        ("ipv6.fraghdr.ident", "\(fragment.identification)"),
      ]
      return items
    }
    return items
      + upper(packet, parsed.payload, parsed.protocolNumber, .v6(header.source), .v6(header.destination))
  }

  private static func upper(
    _ packet: [UInt8], _ payload: Range<Int>, _ kind: UInt8, _ source: IPAddress, _ destination: IPAddress
  ) -> Items {
    let body = packet.rawSpan.extracting(payload)
    switch kind {
    case IPProtocol.tcp: return tcp(body, source, destination)
    case IPProtocol.udp:
      do throws(WireError) {
        let header = try UDPHeader.parse(body).header
        let isRight = header.hasValidChecksum(body, source: source, destination: destination)
        return [
          ("udp", "ok"), ("udp.srcport", "\(header.sourcePort)"),
          ("udp.dstport", "\(header.destinationPort)"),
          ("udp.length", "\(header.length)"), ("udp.checksum", isRight ? "good" : "bad"),
        ]
      } catch { return [("udp", name(error))] }
    case IPProtocol.icmp where source.version == .v4:
      do throws(WireError) {
        let message = try ICMPv4Message.parse(body).message
        return [("icmp", "ok"), ("icmp.type", "\(message.type)"), ("icmp.code", "\(message.code)")]
      } catch { return [("icmp", name(error))] }
    case IPProtocol.icmpv6:
      guard case .v6(let from) = source, case .v6(let to) = destination else { return [] }
      do throws(WireError) {
        let message = try ICMPv6Message.parse(body, source: from, destination: to).message
        return [("icmpv6", "ok"), ("icmpv6.type", "\(message.type)"), ("icmpv6.code", "\(message.code)")]
      } catch { return [("icmpv6", name(error))] }
    default: return []
    }
  }

  private static func tcp(_ body: RawSpan, _ source: IPAddress, _ destination: IPAddress) -> Items {
    let parsed: TCPHeader.Parsed
    do throws(WireError) { parsed = try TCPHeader.parse(body) } catch { return [("tcp", name(error))] }
    let header = parsed.header
    let isRight = TCPHeader.hasValidChecksum(body, source: source, destination: destination)
    var items: Items = [
      ("tcp", "ok"), ("tcp.srcport", "\(header.sourcePort)"), ("tcp.dstport", "\(header.destinationPort)"),
      ("tcp.seq_raw", "\(header.sequence.rawValue)"), ("tcp.ack_raw", "\(header.acknowledgment.rawValue)"),
      ("tcp.hdr_len", "\(parsed.payload.lowerBound)"), ("tcp.len", "\(parsed.payload.count)"),
      ("tcp.flags", "\(Int(header.reserved) << 8 | Int(header.flags.rawValue))"),
      ("tcp.window_size_value", "\(header.window)"), ("tcp.urgent_pointer", "\(header.urgentPointer)"),
      ("tcp.checksum", isRight ? "good" : "bad"), ("malformed", header.options.malformed ? "1" : "0"),
    ]
    let options = header.options
    if let size = options.maximumSegmentSize { items.append(("tcp.options.mss_val", "\(size)")) }
    if let shift = options.windowScale { items.append(("tcp.options.wscale.shift", "\(shift)")) }
    if options.sackPermitted { items.append(("tcp.options.sack_perm", "1")) }
    if let stamp = options.timestamps {
      items += [
        ("tcp.options.timestamp.tsval", "\(stamp.value)"), ("tcp.options.timestamp.tsecr", "\(stamp.echo)"),
      ]
    }
    let blocks = (0..<options.sackBlocks.count).map { options.sackBlocks[$0] }
    if !blocks.isEmpty {
      items += [
        ("tcp.options.sack_le", blocks.map { "\($0.left.rawValue)" }.joined(separator: ",")),
        ("tcp.options.sack_re", blocks.map { "\($0.right.rawValue)" }.joined(separator: ",")),
      ]
    }
    return items
  }
}
