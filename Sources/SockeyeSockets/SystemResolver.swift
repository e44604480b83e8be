// Holds the computer's own resolver, for networks whose names are those of the computer.

import SockeyeTunnel
public import SockeyeWire

/// Asks the computer (getaddrinfo): its hosts file, and its name servers over its own network, not over a Sockeye network.
public struct SystemResolver: Resolver {
  public init() {}

  public func addresses(of host: String) async throws -> [IPAddress] {
    // The call waits, so it has a thread of its own.
    try await withCheckedThrowingContinuation { continuation in
      do throws(SystemError) {
        try SystemThread.start { continuation.resume(returning: SystemNames.addresses(of: host)) }
      } catch {
        continuation.resume(throwing: NetworkError.tunnel(.system(interface: "", error)))
      }
    }
  }
}

extension Network {
  /// Opens a connection to a host that the computer's own resolver knows; see `connect(host:port:resolver:)`.
  public func connect(host: String, port: UInt16) async throws(NetworkError) -> TCPConnection {
    try await connect(host: host, port: port, resolver: SystemResolver())
  }
}
