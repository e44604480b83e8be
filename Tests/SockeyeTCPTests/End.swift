// One end of a connection without a host around it, for tests of what a host of ours never asks for. Conversations are
// held in SockeyeTestSupport's script language.

import SockeyeBytes
import SockeyeWire

@testable import SockeyeTCP

/// One end, to which a script brings segments and from which it takes plans.
struct End: ~Copyable {
  var connection: Connection
  var now = Instant.zero + .seconds(1)

  static let start = SequenceNumber(5_000)

  static func parameters(_ configuration: TCPConfiguration = TCPConfiguration()) -> OpenParameters {
    OpenParameters(
      configuration: configuration, version: .v4, initialSequence: start, timestampOffset: 0, pathMTU: 1500,
      receiveMTU: 1500)
  }

  /// An active open, whose SYN has left.
  init(_ configuration: TCPConfiguration = TCPConfiguration()) {
    connection = Connection(opening: Self.parameters(configuration), at: now)
    drain()
  }

  init(_ connection: consuming Connection) {
    self.connection = connection
    drain()
  }

  /// Numbers are counted from the SYNs, as in a conversation.
  mutating func receive(
    _ flags: TCPFlags, seq: UInt32, ack: Int? = nil, _ text: [UInt8] = [], up: UInt16 = 0,
    options: TCPOptions = TCPOptions()
  ) -> ArrivalOutcome {
    let header = TCPHeader(
      sourcePort: 1, destinationPort: 2, sequence: SequenceNumber(seq),
      acknowledgment: ack.map { Self.start + $0 } ?? SequenceNumber(0), flags: flags, window: 60_000,
      urgentPointer: up,
      options: options)
    let outcome = connection.segmentArrived(header, payload: text.span.bytes, at: now)
    drain()
    return outcome
  }

  mutating func drain() {
    connection.advance(to: now)
    while case .segment(let plan) = connection.plan(at: now) {
      var frame = FrameBuffer(capacity: 2_000)
      frame.fill {
        connection.emit(
          plan, addressing: SegmentAddressing(sourcePort: 2, destinationPort: 1, pseudoHeaderSum: 0),
          into: &$0, at: now)
      }
    }
  }
}
