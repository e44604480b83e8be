// Holds two networks joined by a wire in memory, for tests.

import SockeyeSockets
import SockeyeStack
import SockeyeWire
import Synchronization

/// One end of a wire in memory. What is sent into one end comes out of the other.
final class WireEnd: PacketCarrier {
  private let inbox: AsyncStream<[[UInt8]]>
  private let mine: AsyncStream<[[UInt8]]>.Continuation
  private let others: AsyncStream<[[UInt8]]>.Continuation

  private init(
    inbox: AsyncStream<[[UInt8]]>, mine: AsyncStream<[[UInt8]]>.Continuation,
    others: AsyncStream<[[UInt8]]>.Continuation
  ) {
    self.inbox = inbox
    self.mine = mine
    self.others = others
  }

  static func pair() -> (WireEnd, WireEnd) {
    let (one, oneIn) = AsyncStream<[[UInt8]]>.makeStream()
    let (two, twoIn) = AsyncStream<[[UInt8]]>.makeStream()
    return (WireEnd(inbox: one, mine: oneIn, others: twoIn), WireEnd(inbox: two, mine: twoIn, others: oneIn))
  }

  func receivePackets() async throws -> [[UInt8]] {
    for await packets in inbox { return packets }
    return []
  }

  func sendPackets(_ packets: [[UInt8]]) async throws { others.yield(packets) }

  /// The carrier of this end is over.
  func cut() { mine.finish() }
}

/// A client and a server on one wire.
struct Neighbours {
  let client: Network
  let server: Network
  let clientEnd: WireEnd
  let serverEnd: WireEnd

  init(client: StackConfiguration = .random(), server: StackConfiguration = .random()) throws {
    (clientEnd, serverEnd) = WireEnd.pair()
    self.client = try Network(
      carrier: clientEnd,
      addresses: [AddressPrefix(parsing: "10.1.0.1/24")!, AddressPrefix(parsing: "fd00::1/64")!],
      configuration: client)
    self.server = try Network(
      carrier: serverEnd,
      addresses: [AddressPrefix(parsing: "10.1.0.2/24")!, AddressPrefix(parsing: "fd00::2/64")!],
      configuration: server)
  }

  func serverEndpoint(_ listener: TCPListener) -> Endpoint {
    Endpoint(address: IPAddress(parsing: "10.1.0.2")!, port: listener.endpoint.port)
  }
}
