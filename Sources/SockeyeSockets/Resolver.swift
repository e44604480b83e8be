// Holds the way from a host's name to its addresses. Which of them is used is decided in Network+HostNames.

public import SockeyeWire

/// Finds addresses by name.
public protocol Resolver: Sendable {
  /// - Parameter host: a name; never an address.
  /// - Returns: its addresses, the best first; none when there is no such host.
  func addresses(of host: String) async throws -> [IPAddress]
}

/// A table of names, for tests and for hosts that have no other.
public struct HostTable: Resolver {
  public var addresses: [String: [IPAddress]]

  public init(_ addresses: [String: [IPAddress]]) {
    self.addresses = addresses
  }

  public func addresses(of host: String) async throws -> [IPAddress] { addresses[host.lowercased()] ?? [] }
}
