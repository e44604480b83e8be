// Holds calls of Script that few tests make: error queues, pipes, and ICMP's messages about what the host has sent.

import Glibc
import SockeyeBytes
import SockeyeTestSupport
import SockeyeWire
import Testing

extension Script {
  struct ErrorMessage: Equatable {
    var number: Int32
    var origin: UInt8
    var code: UInt8
    var information: UInt32
    var data: UInt32
    var microseconds: Int?
  }

  /// Reads the next message of an error queue.
  func error(of socket: Int32) -> ErrorMessage? {
    var control = [UInt8](repeating: 0, count: 256)
    var message = msghdr()
    let result = control.withUnsafeMutableBytes { room in
      message.msg_control = room.baseAddress
      message.msg_controllen = room.count
      return call(
        11, (@convention(c) (Pointer, Int32, UnsafeMutablePointer<msghdr>?, Int32) -> Int).self)(
          user, socket, &message, Int32(MSG_ERRQUEUE))
    }
    guard result == 0 else { return nil }
    func word(_ place: Int) -> UInt32 {
      control[place..<(place + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
    var microseconds: Int?
    var place = 0
    // A stamp comes first: 16 octets of header and three times of 16.
    if word(8) == UInt32(SOL_SOCKET) {
      microseconds = Int(word(16)) * 1_000_000 + Int(word(24)) / 1000
      place = 64
    }
    #expect(word(place + 8) == UInt32(IPPROTO_IP) && word(place + 12) == UInt32(IP_RECVERR))
    place += 16
    return ErrorMessage(
      number: Int32(bitPattern: word(place)), origin: control[place + 4], code: control[place + 6],
      information: word(place + 8), data: word(place + 12), microseconds: microseconds)
  }

  func pipe() -> (Int32, Int32) {
    var ends: [Int32] = [0, 0]
    #expect(
      call(31, (@convention(c) (Pointer, UnsafeMutablePointer<Int32>?) -> Int32).self)(user, &ends) == 0)
    return (ends[0], ends[1])
  }

  func splice(_ source: Int32, _ destination: Int32, _ count: Int) -> Int {
    call(
      32, (@convention(c) (Pointer, Int32, Pointer, Int32, Pointer, Int, UInt32) -> Int).self)(
        user, source, nil, destination, nil, count, 0)
  }

  /// ICMP: Destination Unreachable about the segment that the host has sent from this number on (IPv4).
  func injectUnreachable(code: UInt8, seq: Int) {
    let header = TCPHeader(
      sourcePort: hostPort, destinationPort: peerPort,
      sequence: SequenceNumber(hostStart &+ UInt32(truncatingIfNeeded: seq)),
      acknowledgment: SequenceNumber(0), flags: .ack, window: 0, options: TCPOptions())
    let quoted = Conversation.packet(
      [UInt8](capacity: 20) { header.write(into: &$0) }, from: local, to: peer,
      protocolNumber: IPProtocol.tcp)
    var message: [UInt8] = [3, code, 0, 0, 0, 0, 0, 0] + quoted
    let sum = message.withRawSpan { InternetChecksum.finish(InternetChecksum.sum($0, initial: 0)) }
    message[2] = UInt8(sum >> 8)
    message[3] = UInt8(sum & 0xff)
    let packet = Conversation.packet(message, from: peer, to: local, protocolNumber: IPProtocol.icmp)
    #expect(
      call(24, (@convention(c) (Pointer, UnsafeRawPointer?, Int) -> Int32).self)(user, packet, packet.count)
        == 0)
  }
}
