// Observations made by hand, for tests of printing.

import SockeyeBytes
import SockeyeTCP
import SockeyeTrace
import SockeyeWire

@testable import SockeyeStack

enum Sample {
  static let client = Endpoint(address: .v4(IPv4Address(rawValue: 0x0A00_0001)), port: 49_152)
  static let server = Endpoint(address: .v4(IPv4Address(rawValue: 0x0A00_0002)), port: 3401)
  static let tuple = FourTuple(local: client, remote: server)

  static func at(_ milliseconds: Int) -> Instant { Instant.zero + .milliseconds(milliseconds) }

  /// A segment as the client sees it.
  static func record(
    sent: Bool, _ flags: TCPFlags, _ sequence: UInt32, _ acknowledgment: UInt32 = 0, length: Int = 0,
    _ purpose: SegmentPurpose? = nil
  ) -> SegmentRecord {
    let header = TCPHeader(
      sourcePort: sent ? client.port : server.port, destinationPort: sent ? server.port : client.port,
      sequence: SequenceNumber(sequence), acknowledgment: SequenceNumber(acknowledgment), flags: flags,
      window: 65_535)
    return SegmentRecord(tuple: tuple, header: header, payloadLength: length, purpose: purpose)
  }

  /// A handshake whose SYN is sent twice, a damaged segment, data, a timer and an end.
  static let observations: [StackObservation] = [
    StackObservation(at: at(0), kind: .stateChanged(tuple, from: .closed, to: .synSent)),
    StackObservation(at: at(0), kind: .segmentSent(record(sent: true, .syn, 1000, 0, .synchronize))),
    StackObservation(at: at(0), kind: .timerArmed(tuple, .retransmission, deadline: at(1000))),
    StackObservation(at: at(1000), kind: .timerFired(tuple, .retransmission)),
    StackObservation(
      at: at(1000),
      kind: .segmentSent(
        record(
          sent: true, .syn, 1000, 0,
          .retransmission(count: 1, timeout: .seconds(1), cause: .timeout)))),
    StackObservation(at: at(1020), kind: .segmentReceived(record(sent: false, [.syn, .ack], 5000, 1001))),
    StackObservation(at: at(1020), kind: .timerCancelled(tuple, .retransmission)),
    StackObservation(
      at: at(1020), kind: .segmentSent(record(sent: true, .ack, 1001, 5001, .acknowledgment(.handshake)))),
    StackObservation(
      at: at(1030),
      kind: .segmentDropped(record(sent: false, [.psh, .ack], 5001, 1001, length: 22), .badChecksum)),
    StackObservation(
      at: at(1040), kind: .segmentReceived(record(sent: false, [.psh, .ack], 5001, 1001, length: 22))),
    StackObservation(at: at(1050), kind: .connectionClosed(tuple, .reset)),
  ]
}
