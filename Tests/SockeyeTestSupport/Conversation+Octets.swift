// What the script language does with octets: taking packets apart, looking at segments as a strict receiver would, flags by
// their letters, options of a peer's segments.

import SockeyeBytes
import SockeyeTCP
public import SockeyeWire
import Testing

extension Conversation {
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
  static func checkStrictly(_ segment: [UInt8], from source: IPAddress, to destination: IPAddress) {
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
