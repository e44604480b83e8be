// Holds a link of a world of any number of hosts: what it joins and its two directions. What becomes of packets is decided by
// LinkEmulator; who puts them there is NetworkWorld.

import SockeyeBytes
public import SockeyeWire

/// A direction of a link.
public enum LinkDirection: UInt8, Sendable, CaseIterable {
  /// From the node named first when the link was made.
  case forward
  case backward

  public var other: LinkDirection {
    switch self {
    case .forward: .backward
    case .backward: .forward
    }
  }
}

/// A host or a router.
public enum NetworkNode {
  case host(NetworkHost)
  case router(NetworkRouter)

  /// The node's number: in the order in which they came into the world, hosts and routers together.
  public var number: Int {
    switch self {
    case .host(let host): host.number
    case .router(let router): router.number
    }
  }

  public var name: String {
    switch self {
    case .host(let host): host.name
    case .router(let router): router.name
    }
  }

  var ports: [NetworkPort] {
    switch self {
    case .host(let host): host.ports
    case .router(let router): router.ports
    }
  }
}

/// What a link can be joined to.
public protocol NetworkAttachable {
  var node: NetworkNode { get }
}

/// A node's end of a link.
public struct NetworkPort: Sendable {
  /// The link's number.
  public let link: Int
  /// The direction in which what the node sends travels.
  public let outbound: LinkDirection
  /// The node's addresses on the link, one of each IP version.
  public let addresses: [AddressPrefix]

  /// The node's address of a version.
  public func address(_ version: IPVersion) -> IPAddress? {
    for prefix in addresses where prefix.address.version == version { return prefix.address }
    return nil
  }
}

/// A link between two nodes, with a delay, a rate, a queue and faults of its own in each direction.
///
/// All of it may change while packets are on the way: `NetworkWorld.configure`, `setDown`, `setMaximumPacket`.
public final class NetworkLink {
  /// The link's number in its world.
  public let number: Int
  /// The ends: forward is from the first to the second.
  public let first: NetworkNode
  public let second: NetworkNode
  /// Octets of the largest packet that routers put onto the link; they tell senders of larger ones (RFC 1191, RFC 8201).
  /// Hosts at its ends know what it was when they were joined. May change at any time.
  public var maximumTransmissionUnit: Int
  var forward: LinkEmulator
  var backward: LinkEmulator

  init(
    number: Int, first: NetworkNode, second: NetworkNode, maximumTransmissionUnit: Int,
    forward: LinkEmulator, backward: LinkEmulator
  ) {
    self.number = number
    self.first = first
    self.second = second
    self.maximumTransmissionUnit = maximumTransmissionUnit
    self.forward = forward
    self.backward = backward
  }

  /// The node that a direction begins at.
  public func sender(_ direction: LinkDirection) -> NetworkNode {
    switch direction {
    case .forward: first
    case .backward: second
    }
  }

  /// The node that a direction ends at.
  public func receiver(_ direction: LinkDirection) -> NetworkNode { sender(direction.other) }

  /// What a direction has done so far.
  public func statistics(_ direction: LinkDirection) -> LinkStatistics {
    switch direction {
    case .forward: forward.statistics
    case .backward: backward.statistics
    }
  }

  /// What a direction is now.
  public func configuration(_ direction: LinkDirection) -> LinkConfiguration {
    switch direction {
    case .forward: forward.configuration
    case .backward: backward.configuration
    }
  }

  func withEmulator<Result>(_ direction: LinkDirection, _ body: (inout LinkEmulator) -> Result) -> Result {
    switch direction {
    case .forward: body(&forward)
    case .backward: body(&backward)
    }
  }
}
