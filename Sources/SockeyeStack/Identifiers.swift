// Holds the names by which a user speaks of links, connections, listeners and datagram sockets. It does not
// hold what they stand for.

import SockeyeBytes

/// A link of the host: the place an interface is attached to.
public struct LinkID: Hashable, Sendable {
  /// The link's number: 0 is the host itself, then one more for each interface added.
  public var number: Int { Int(place) }

  private let place: UInt16

  package init(number: Int) { place = UInt16(truncatingIfNeeded: number) }

  /// The host's link to itself. It is always there, and its frames never reach the driver.
  public static var loopback: LinkID { LinkID(number: 0) }
}

/// A connection, from `connect` or `accept` on. It is never given to another one.
public struct ConnectionID: Hashable, Sendable {
  private let index: UInt32
  private let generation: UInt32

  init(_ key: ConnectionKey) {
    index = key.index
    generation = key.generation
  }

  var key: ConnectionKey { ConnectionKey(index: index, generation: generation) }

  /// A number that tells those alive at a time apart, for a log.
  public var number: Int { Int(index) }
}

/// A listener, from `listen` until it is closed.
public struct ListenerID: Hashable, Sendable {
  private let index: UInt32
  private let generation: UInt32

  init(_ key: ListenerKey) {
    index = key.index
    generation = key.generation
  }

  var key: ListenerKey { ListenerKey(index: index, generation: generation) }

  /// A number that tells those alive at a time apart, for a log.
  public var number: Int { Int(index) }
}

/// A datagram socket, from `bind` until it is closed.
public struct UDPSocketID: Hashable, Sendable {
  private let index: UInt32
  private let generation: UInt32

  init(_ key: DatagramSocketKey) {
    index = key.index
    generation = key.generation
  }

  var key: DatagramSocketKey { DatagramSocketKey(index: index, generation: generation) }

  /// A number that tells those alive at a time apart, for a log.
  public var number: Int { Int(index) }
}
