// Holds who goes by what was learnt of paths: connections as they begin, and those to the same destination when it
// changes (RFC 1191 §6, RFC 8201 §5). The table itself is PathTable.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

extension Stack {
  /// How far apart two reviews of all connections are, so that messages cannot make work of them.
  private static var pathReviewInterval: Interval { .seconds(1) }

  /// Octets of the largest packet that is sent to an address now: the MTU of the link, or less if the path was found to
  /// take less; nil when there is no way there.
  public func pathMTU(to remote: IPAddress) -> Int? {
    link(towards: remote).map { pathMTU(towards: remote, over: $0) }
  }

  /// Octets of the largest packet that is sent to an address.
  func pathMTU(towards address: IPAddress, over link: LinkID) -> Int {
    let unit = interfaces.maximumTransmissionUnit(of: link)
    return min(unit, paths.unit(for: address, at: now) ?? unit)
  }

  /// A connection has learnt that its path takes no more than `unit` octets: so does that of all others to the same
  /// address (RFC 1191 §6.2).
  mutating func pathMTULearnt(_ unit: Int, by key: ConnectionKey) {
    paths.learn(unit, for: connections[key].envelope.tuple.remote.address, at: now)
    lowerPathMTU(of: key, to: unit)
    nextPathReview = earliestPathReview
    if nextPathReview <= now { reviewPaths() }
  }

  /// Tells all connections what has changed for them.
  mutating func reviewPaths() {
    earliestPathReview = now + Self.pathReviewInterval
    var next: UInt32 = 0
    while let key = connections.firstKey(from: next) {
      next = key.index + 1
      reviewPath(of: key)
    }
    paths.forgetExpired(at: now)
    nextPathReview = paths.nextExpiry.map { max($0, earliestPathReview) } ?? .distantFuture
  }

  private mutating func reviewPath(of key: ConnectionKey) {
    let address = connections[key].envelope.tuple.remote.address
    let known = connections[key].pathMTU
    if let unit = paths.unit(for: address, at: now) {
      if unit < known { lowerPathMTU(of: key, to: unit) }
    } else if paths.isExpired(address, at: now) {
      // RFC 1191 §6.3, RFC 8201 §5.3: the path may have changed, and only a larger packet can tell.
      let unit = interfaces.maximumTransmissionUnit(of: connections[key].envelope.link)
      if unit > known { raisePathMTU(of: key, to: unit) }
    }
  }

  /// Takes over a smaller path MTU.
  mutating func lowerPathMTU(of key: ConnectionKey, to unit: Int) {
    statistics.tcp.pathMTUsLowered += 1
    pathMTUChanged(of: key, to: unit)
  }

  private mutating func raisePathMTU(of key: ConnectionKey, to unit: Int) {
    statistics.tcp.pathMTUsRaised += 1
    pathMTUChanged(of: key, to: unit)
  }

  private mutating func pathMTUChanged(of key: ConnectionKey, to unit: Int) {
    connections[key].pathMTU = unit
    connections[key].connection.pathMTUChanged(to: unit, at: now)
    readyConnections.append(key.index)
  }
}
