// Which way packets go in a world of any number of hosts: by the fewest hops, over routers only. What routers do with packets is
// in NetworkRouter.

import SockeyeBytes
import SockeyeWire

extension NetworkWorld {
  /// Gives each node the way to each link's network.
  func updateRoutes() {
    for node in nodes {
      let ways = ways(from: node.number)
      var hostRoutes: [(prefix: AddressPrefix, gateway: IPAddress?, port: Int)] = []
      var routerRoutes: [(prefix: AddressPrefix, port: Int)] = []
      for link in links {
        guard let way = ways[link.number] else { continue }
        for version in [IPVersion.v4, .v6] {
          guard let prefix = NetworkWorld.prefix(ofLink: link.number, .forward, version),
            let network = AddressPrefix(address: prefix.network, length: prefix.length)
          else { continue }
          routerRoutes.append((network, way))
          // A host has the routes to its own links from its addresses.
          let port = node.ports[way]
          if port.link != link.number {
            let gateway = NetworkWorld.prefix(ofLink: port.link, port.outbound.other, version)?.address
            hostRoutes.append((network, gateway, way))
          }
        }
      }
      switch node {
      case .host(let host): host.setRoutes(hostRoutes)
      case .router(let router): router.setRoutes(routerRoutes)
      }
    }
  }

  /// For each link that can be reached from a node, by which of the node's ports.
  private func ways(from start: Int) -> [Int?] {
    var ways = [Int?](repeating: nil, count: links.count)
    var reached = [Bool](repeating: false, count: nodes.count)
    reached[start] = true
    /// Nodes to look from, and by which port of the first they were reached.
    var queue: [(node: Int, port: Int?)] = [(start, nil)]
    var next = 0
    while next < queue.count {
      let (number, first) = queue[next]
      next += 1
      if number != start, case .host = nodes[number] { continue }
      for (index, port) in nodes[number].ports.enumerated() {
        let way = first ?? index
        if ways[port.link] == nil { ways[port.link] = way }
        let neighbour = links[port.link].receiver(port.outbound).number
        if !reached[neighbour] {
          reached[neighbour] = true
          queue.append((neighbour, way))
        }
      }
    }
    return ways
  }
}
