// Holds the host's links and addresses, and which address is whose. Where a packet goes is RouteTable's business.

import SockeyeBytes
import SockeyeWire

/// A link the host is attached to.
struct Interface {
  let medium: InterfaceConfiguration.Medium
  let maximumTransmissionUnit: Int
}

/// One address of the host.
struct LocalAddress {
  let address: IPAddress
  let prefix: AddressPrefix
  let link: LinkID
}

/// What an address is to this host.
enum AddressKind {
  case local(LinkID)
  case broadcast
  case multicast
  case unspecified
  case foreign
}

/// The host's interfaces and their addresses.
struct InterfaceTable {
  static let interfaceLimit = 256
  static let addressLimit = 256
  /// The loopback's MTU: what a driver's frame buffer holds anyhow.
  static let loopbackMTU = 1500

  /// The interfaces by link number; the first is the loopback.
  private(set) var interfaces = [Interface(medium: .ip, maximumTransmissionUnit: loopbackMTU)]
  private(set) var addresses: [LocalAddress] = []

  init() {
    for address in [IPAddress.v4(.loopback), .v6(.loopback)] {
      addresses.append(
        LocalAddress(address: address, prefix: AddressPrefix(host: address), link: .loopback))
    }
  }

  func contains(_ link: LinkID) -> Bool { link.number < interfaces.count }

  func maximumTransmissionUnit(of link: LinkID) -> Int { interfaces[link.number].maximumTransmissionUnit }

  /// The largest of all MTUs: what a frame buffer must hold.
  private(set) var largestTransmissionUnit = loopbackMTU

  mutating func add(_ configuration: InterfaceConfiguration) throws(StackError) -> LinkID {
    guard interfaces.count < Self.interfaceLimit else {
      throw .tooMany(.interfaces, limit: Self.interfaceLimit)
    }
    let unit = configuration.maximumTransmissionUnit
    guard unit >= 68 else { throw .maximumTransmissionUnitTooSmall(unit, minimum: 68) }
    guard unit <= 65_535 else { throw .maximumTransmissionUnitTooLarge(unit, maximum: 65_535) }
    let link = LinkID(number: interfaces.count)
    interfaces.append(Interface(medium: configuration.medium, maximumTransmissionUnit: unit))
    largestTransmissionUnit = max(largestTransmissionUnit, unit)
    return link
  }

  mutating func add(_ prefix: AddressPrefix, to link: LinkID) throws(StackError) {
    guard contains(link) else { throw .noSuchLink(link) }
    guard addresses.count < Self.addressLimit else { throw .tooMany(.addresses, limit: Self.addressLimit) }
    let address = prefix.address
    if address.isMulticast || address.isUnspecified || address.isLoopback && link != .loopback {
      throw .invalidAddress(address)
    }
    switch address {
    case .v4(let address):
      if address.isLimitedBroadcast || prefix.broadcast == address { throw .invalidAddress(prefix.address) }
    case .v6:
      let unit = maximumTransmissionUnit(of: link)
      // RFC 8200 §5: a link that carries IPv6 takes 1280 octets.
      guard unit >= 1280 else { throw .maximumTransmissionUnitTooSmall(unit, minimum: 1280) }
    }
    for known in addresses where known.address == address { throw .duplicateAddress(address) }
    addresses.append(LocalAddress(address: address, prefix: prefix, link: link))
  }

  mutating func remove(_ address: IPAddress) -> LocalAddress? {
    for (position, known) in addresses.enumerated() where known.address == address && known.link != .loopback
    {
      return addresses.remove(at: position)
    }
    return nil
  }

  func owns(_ address: IPAddress) -> Bool {
    for known in addresses where known.address == address { return true }
    // RFC 1122 §3.2.1.3 (g): all of 127/8 is the host itself.
    return address.version == .v4 && address.isLoopback
  }

  func classify(_ address: IPAddress) -> AddressKind {
    for known in addresses where known.address == address { return .local(known.link) }
    if address.isMulticast { return .multicast }
    if address.isUnspecified { return .unspecified }
    if address.isLoopback { return .local(.loopback) }
    return isBroadcast(address) ? .broadcast : .foreign
  }

  /// Whether a packet to or from the address is a broadcast: to all, or to all on a link of ours.
  func isBroadcast(_ address: IPAddress) -> Bool {
    guard case .v4(let address) = address else { return false }
    if address.isLimitedBroadcast { return true }
    for known in addresses where known.prefix.broadcast == address { return true }
    return false
  }
}
