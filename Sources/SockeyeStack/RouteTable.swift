// Holds where packets go: routes, the longest prefix first, and the choice of a source address. It does not hold
// which addresses are the host's own.

import SockeyeWire

/// A way to the addresses of a prefix.
public struct Route: Sendable, Equatable {
  public let prefix: AddressPrefix
  /// The router on the link; nil when the prefix can be reached on the link itself.
  public let gateway: IPAddress?
  public let link: LinkID
}

struct RouteTable {
  static let limit = 1024

  /// Longest prefix first; among equals the oldest first.
  private(set) var routes: [Route] = []

  mutating func add(_ route: Route) throws(StackError) {
    guard routes.count < Self.limit else { throw .tooMany(.routes, limit: Self.limit) }
    var position = routes.count
    while position > 0 && routes[position - 1].prefix.length < route.prefix.length { position -= 1 }
    routes.insert(route, at: position)
  }

  mutating func remove(_ prefix: AddressPrefix, on link: LinkID) -> Bool {
    for (position, route) in routes.enumerated() where route.prefix == prefix && route.link == link {
      routes.remove(at: position)
      return true
    }
    return false
  }

  func route(to address: IPAddress) -> Route? {
    for route in routes where route.prefix.contains(address) { return route }
    return nil
  }
}

extension InterfaceTable {
  /// The address that packets to a destination come from (RFC 9293 §3.9.1.1 MUST-44; RFC 6724 §5 in short).
  ///
  /// An address whose prefix holds the next hop is best, then one of the route's link, then any; for IPv6
  /// link-local addresses are left to link-local destinations.
  func source(towards remote: IPAddress, by route: Route) -> IPAddress? {
    let nextHop = route.gateway ?? remote
    var best: IPAddress?
    var bestRank = -1
    for candidate in addresses where candidate.address.version == remote.version {
      if (candidate.link == .loopback) != (route.link == .loopback) { continue }
      var rank = candidate.link == route.link ? 2 : 0
      if candidate.prefix.contains(nextHop) { rank += 1 }
      if candidate.address.isLinkLocal == remote.isLinkLocal { rank += 4 }
      if rank > bestRank {
        best = candidate.address
        bestRank = rank
      }
    }
    return best
  }
}
