// Holds a UDP socket: where it is bound, and what it has received. Sending keeps nothing here.

import SockeyeBytes
import SockeyeWire

typealias DatagramSocketKey = Slab<DatagramSocket>.Key

/// What a UDP datagram came with.
public struct ReceivedDatagram: Sendable, Equatable {
  public let source: Endpoint
  /// Which of the host's addresses it was sent to, or a broadcast address.
  public let destination: IPAddress
  /// The port it was sent to.
  public let destinationPort: UInt16
  /// Octets of data the datagram had.
  public let length: Int
  /// The data did not fit, and its end is lost.
  public var isTruncated = false
}

/// A bound UDP socket.
struct DatagramSocket: ~Copyable {
  let endpoint: ListenEndpoint
  var timeToLive: UInt8
  /// What has arrived and was not taken yet; the data lies in `bytes`, one datagram behind the other.
  var waiting: BoundedQueue<ReceivedDatagram>
  var bytes: ByteRing
  /// Octets counted against the host's budget.
  var charged = 0

  init(endpoint: ListenEndpoint, timeToLive: UInt8, byteLimit: Int, limit: Int) {
    self.endpoint = endpoint
    self.timeToLive = timeToLive
    waiting = BoundedQueue(limit: limit)
    bytes = ByteRing(capacity: byteLimit)
  }

  static var footprint: Int { MemoryLayout<DatagramSocket>.stride + 16 }
}
