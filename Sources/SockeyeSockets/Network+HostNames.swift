// Holds connecting by name, to whichever of a host's addresses answers first (RFC 8305, "happy eyeballs"). Finding the
// addresses is a Resolver's affair.

public import SockeyeTCP
package import SockeyeWire

extension Network {
  /// How long an address has for its answer before the next one is tried too (RFC 8305 §5).
  public static var connectionAttemptDelay: Duration { .milliseconds(250) }

  /// Opens a connection to a host by name or address.
  ///
  /// The host's addresses are tried in turn, IPv6 and IPv4 alternating (RFC 8305 §4), each begun 250 ms after the one before or
  /// as soon as that one has failed (§5); the first connection that comes about is kept, the others are reset.
  /// - Parameters:
  ///   - host: a name that `resolver` knows, or an address.
  ///   - port: of the service.
  ///   - resolver: finds the addresses of a name.
  ///   - configuration: how the connection behaves; nil: as the host's configuration says.
  ///   - clock: measures the time between attempts.
  /// - Throws: `.unknownHost`; why the last address failed; `.cancelled`.
  public func connect<C: Clock<Duration>>(
    host: String, port: UInt16, resolver: some Resolver, configuration: TCPConfiguration? = nil, clock: C
  ) async throws(NetworkError) -> TCPConnection {
    let addresses: [IPAddress]
    if let address = IPAddress(parsing: host) {
      addresses = [address]
    } else {
      addresses = ((try? await resolver.addresses(of: host)) ?? []).interleaved
    }
    if addresses.isEmpty { throw .unknownHost(host) }
    let race = ConnectionRace(self, addresses.map { Endpoint(address: $0, port: port) }, configuration)
    return try await race.run(clock)
  }

  /// The same with the computer's own clock.
  public func connect(
    host: String, port: UInt16, resolver: some Resolver, configuration: TCPConfiguration? = nil
  ) async throws(NetworkError) -> TCPConnection {
    try await connect(
      host: host, port: port, resolver: resolver, configuration: configuration, clock: ContinuousClock())
  }
}

extension [IPAddress] {
  /// Families take turns, beginning with that of the first address (RFC 8305 §4).
  package var interleaved: [IPAddress] {
    guard let first else { return [] }
    let preferred = filter { $0.version == first.version }
    let others = filter { $0.version != first.version }
    var result: [IPAddress] = []
    for index in 0..<Swift.max(preferred.count, others.count) {
      if index < preferred.count { result.append(preferred[index]) }
      if index < others.count { result.append(others[index]) }
    }
    return result
  }
}

/// Attempts to connect to the same host, of which one wins.
private struct ConnectionRace: Sendable {
  private enum Outcome: Sendable {
    case connected(TCPConnection)
    case failed(NetworkError)
    /// It is time for the next attempt, unless one has failed meanwhile.
    case due(attempt: Int)
  }

  private let network: Network
  private let peers: [Endpoint]
  private let configuration: TCPConfiguration?

  init(_ network: Network, _ peers: [Endpoint], _ configuration: TCPConfiguration?) {
    self.network = network
    self.peers = peers
    self.configuration = configuration
  }

  func run<C: Clock<Duration>>(_ clock: C) async throws(NetworkError) -> TCPConnection {
    let result: Result<TCPConnection, NetworkError> = await withTaskGroup(of: Outcome.self) { group in
      var begun = 0
      var running = 0
      var last = NetworkError.cancelled()
      func begin() {
        let peer = peers[begun]
        begun += 1
        running += 1
        group.addTask { [network, configuration] in
          do throws(NetworkError) {
            return .connected(try await network.connect(to: peer, configuration: configuration))
          } catch {
            return .failed(error)
          }
        }
        if begun < peers.count {
          let attempt = begun
          group.addTask {
            try? await clock.sleep(for: Network.connectionAttemptDelay)
            return .due(attempt: attempt)
          }
        }
      }
      begin()
      var winner: TCPConnection?
      while let outcome = await group.next() {
        switch outcome {
        case .connected(let connection):
          running -= 1
          // Two may have come about before the others were told to give up.
          if winner == nil { winner = connection } else { await connection.abort() }
          group.cancelAll()
        case .failed(let error):
          running -= 1
          if winner == nil, error != .cancelled() || last == .cancelled() { last = error }
          if winner == nil, begun < peers.count, !Task.isCancelled { begin() }
          if winner == nil, running == 0 { group.cancelAll() }
        case .due(let attempt):
          if winner == nil, attempt == begun, begun < peers.count, !Task.isCancelled { begin() }
        }
      }
      if Task.isCancelled, let winner {
        await winner.abort()
        return .failure(.cancelled())
      }
      return winner.map { .success($0) } ?? .failure(last)
    }
    return try result.get()
  }
}
