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

  /// What a connection that begins goes by: the largest packet that it may send, and what is known to pass if probing has
  /// found it.
  func pathForConnection(towards address: IPAddress, over link: LinkID) -> (limit: Int, proven: Int?) {
    let unit = interfaces.maximumTransmissionUnit(of: link)
    guard let known = paths.finding(for: address, at: now) else { return (unit, nil) }
    guard known.isProbed else { return (min(unit, known.unit), nil) }
    return (known.isFinal ? min(unit, known.unit) : unit, min(unit, known.unit))
  }

  /// A connection has found out by probing what its path takes, or has come a step further (RFC 4821 §5.2).
  mutating func pathMTUFound(by key: ConnectionKey) {
    let unit = connections[key].connection.pathMTU
    let isFinal = !connections[key].connection.isSearchingPathMTU
    guard connections[key].connection.state != .closed else { return }
    if isFinal { connections[key].pathMTU = unit }
    paths.found(unit, isFinal: isFinal, for: connections[key].envelope.tuple.remote.address, at: now)
    nextPathReview = min(nextPathReview, earliestPathReview)
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
    if let finding = paths.finding(for: address, at: now) {
      // Whoever is searching knows better than what others have come to so far.
      if finding.isProbed, connections[key].connection.isSearchingPathMTU { return }
      if finding.unit < known { lowerPathMTU(of: key, to: finding.unit) }
      if finding.isProbed, finding.unit > known { raisePathMTU(of: key, to: finding.unit) }
    } else if let finding = paths.expiredFinding(for: address, at: now) {
      // RFC 1191 §6.3, RFC 8201 §5.3: the path may have changed, and only a larger packet can tell. Where one vanished
      // without a word, a probe does it (RFC 4821 §7.5).
      let unit = interfaces.maximumTransmissionUnit(of: connections[key].envelope.link)
      if finding.isProbed {
        searchPathMTU(of: key, upTo: unit)
      } else if unit > known {
        raisePathMTU(of: key, to: unit)
      }
    }
  }

  /// Takes over a smaller path MTU.
  mutating func lowerPathMTU(of key: ConnectionKey, to unit: Int) {
    statistics.tcp.pathMTUsLowered += 1
    pathMTUChanged(of: key, to: unit)
  }

  private mutating func searchPathMTU(of key: ConnectionKey, upTo unit: Int) {
    guard connections[key].connection.searchPathMTU(upTo: unit) else { return }
    statistics.tcp.pathMTUsRaised += 1
    connections[key].pathMTU = unit
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
