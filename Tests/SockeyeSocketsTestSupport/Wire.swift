// Holds two networks joined by a wire in memory, for tests.

public import SockeyeSockets
public import SockeyeStack
public import SockeyeTunnel
public import SockeyeWire
import Synchronization

/// One end of a wire in memory. What is sent into one end comes out of the other.
public final class WireEnd: PacketCarrier {
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

  public static func pair() -> (WireEnd, WireEnd) {
    let (one, oneIn) = AsyncStream<[[UInt8]]>.makeStream()
    let (two, twoIn) = AsyncStream<[[UInt8]]>.makeStream()
    return (WireEnd(inbox: one, mine: oneIn, others: twoIn), WireEnd(inbox: two, mine: twoIn, others: oneIn))
  }

  public func receivePackets() async throws -> [[UInt8]] {
    for await packets in inbox { return packets }
    return []
  }

  public func sendPackets(_ packets: [[UInt8]]) async throws { others.yield(packets) }

  /// The carrier of this end is over.
  public func cut() { mine.finish() }
}

/// A client and a server on one wire.
public struct Neighbours: Sendable {
  public let client: Network
  public let server: Network
  public let clientEnd: WireEnd
  public let serverEnd: WireEnd

  public init(client: StackConfiguration = .random(), server: StackConfiguration = .random()) throws {
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

  public func serverEndpoint(_ listener: TCPListener) -> Endpoint {
    Endpoint(address: IPAddress(parsing: "10.1.0.2")!, port: listener.endpoint.port)
  }
}
