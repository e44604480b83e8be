// Sentences of the script language that are made of its words: a segment at an exact time, a run of text, an error that
// a router reports. The words themselves are in Conversation.swift.

public import SockeyeBytes
import SockeyeWire
public import Testing

extension Conversation {
  /// The next segment leaves when exactly this much time has passed, and nothing leaves before it.
  @discardableResult
  public func expect(
    _ flags: String, seq: Int? = nil, ack: Int? = nil, length: Int? = nil, win: UInt16? = nil,
    up: UInt16? = nil, after interval: Interval, sourceLocation: SourceLocation = #_sourceLocation
  ) -> SentSegment? {
    expectNothing(sourceLocation: sourceLocation)
    let due = now + interval
    let segment = expect(
      flags, seq: seq, ack: ack, length: length, win: win, up: up, within: interval,
      sourceLocation: sourceLocation)
    if let segment, segment.at != due {
      Issue.record(
        "sent \((due - segment.at).nanoseconds) ns before its time", sourceLocation: sourceLocation)
    }
    return segment
  }

  /// The next segments carry the text from one number to another, in order, in full segments but for the last.
  ///
  /// - Parameters:
  ///   - range: of the text's numbers.
  ///   - size: octets of a full segment.
  ///   - pushed: whether the last one has PSH, as when nothing more is queued.
  public func expectText(
    _ range: Range<Int>, each size: Int, pushed: Bool = true, ack: Int? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var sequence = range.lowerBound
    while sequence < range.upperBound {
      let length = min(size, range.upperBound - sequence)
      let isLast = sequence + length == range.upperBound
      guard
        expect(
          isLast && pushed ? "P." : ".", seq: sequence, ack: ack, length: length,
          sourceLocation: sourceLocation)
          != nil
      else { return }
      sequence += length
    }
  }

  /// An ICMP error about a segment that the host sent: from a router, or from the peer if there's none to blame.
  ///
  /// - Parameters:
  ///   - type: of ICMP or ICMPv6, as the conversation's version has it.
  ///   - rest: the header's second word: an MTU, a pointer.
  ///   - segment: the one that is quoted; its IP header and as much as ICMP must quote.
  public func receiveError(type: UInt8, code: UInt8, rest: UInt32 = 0, about segment: SentSegment) {
    let quote = Array(segment.packet.prefix(hostAddress.version == .v4 ? 28 : 48))
    let message: [UInt8]
    let protocolNumber: UInt8
    switch (peerAddress, hostAddress) {
    case (.v6(let source), .v6(let destination)):
      protocolNumber = IPProtocol.icmpv6
      message = Self.bytes(capacity: 200) { out in
        quote.withRawSpan {
          ICMPv6Message(type: type, code: code, rest: rest)
            .write(into: &out, payload: $0, source: source, destination: destination)
        }
      }
    case (.v4, _), (_, .v4):
      protocolNumber = IPProtocol.icmp
      message = Self.bytes(capacity: 200) { out in
        quote.withRawSpan {
          ICMPv4Message(type: type, code: code, rest: rest).write(into: &out, payload: $0)
        }
      }
    }
    receivePacket(
      Self.packet(message, from: peerAddress, to: hostAddress, protocolNumber: protocolNumber))
  }
}
