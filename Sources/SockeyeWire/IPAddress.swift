// Holds an address of either IP version, and prefixes of addresses.

/// An IP address of either version.
@frozen
public enum IPAddress: Hashable, Sendable {
  case v4(IPv4Address)
  case v6(IPv6Address)

  /// Reads either version's text form.
  public init?(parsing text: String) {
    var scanner = TextScanner(text)
    guard let address = scanner.ipAddress(), scanner.isAtEnd else { return nil }
    self = address
  }

  @inlinable
  public static func == (left: IPAddress, right: IPAddress) -> Bool {
    switch (left, right) {
    case (.v4(let left), .v4(let right)): left == right
    case (.v6(let left), .v6(let right)): left == right
    case (.v4, .v6), (.v6, .v4): false
    }
  }

  @inlinable
  public var version: IPVersion {
    switch self {
    case .v4: .v4
    case .v6: .v6
    }
  }

  @inlinable
  public var isUnspecified: Bool {
    switch self {
    case .v4(let address): address.isUnspecified
    case .v6(let address): address.isUnspecified
    }
  }

  @inlinable
  public var isLoopback: Bool {
    switch self {
    case .v4(let address): address.isLoopback
    case .v6(let address): address.isLoopback
    }
  }

  @inlinable
  public var isMulticast: Bool {
    switch self {
    case .v4(let address): address.isMulticast
    case .v6(let address): address.isMulticast
    }
  }

  /// The limited broadcast address; a subnet's own is known to its prefix alone.
  @inlinable
  public var isLimitedBroadcast: Bool {
    switch self {
    case .v4(let address): address.isLimitedBroadcast
    case .v6: false
    }
  }

  @inlinable
  public var isLinkLocal: Bool {
    switch self {
    case .v4(let address): address.isLinkLocal
    case .v6(let address): address.isLinkLocal
    }
  }

  /// The unspecified address of a version.
  @inlinable
  public static func unspecified(_ version: IPVersion) -> IPAddress {
    switch version {
    case .v4: .v4(.unspecified)
    case .v6: .v6(.unspecified)
    }
  }
}

extension IPAddress: CustomStringConvertible {
  public var description: String {
    switch self {
    case .v4(let address): address.description
    case .v6(let address): address.description
    }
  }
}
