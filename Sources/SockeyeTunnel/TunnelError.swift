// Holds what can go wrong with a tunnel, each case with what a person needs to know; it does not hold how a
// case is found out (`Tunnel` and `NetworkLink` do).

public import SockeyeWire

/// A tunnel that can't be had, or that is gone.
public enum TunnelError: Error, Equatable, Sendable {
  /// This system has no tunnels that Sockeye knows: Linux has.
  case unsupportedSystem
  /// There is no `/dev/net/tun`: the kernel has no TUN driver, or the container hides it.
  case deviceMissing(SystemError)
  /// `/dev/net/tun` is there, but this user may not open it.
  case deviceForbidden(SystemError)
  /// The device may be opened, but making or changing an interface takes CAP_NET_ADMIN.
  case notPermitted(interface: String, SystemError)
  /// An interface has 1 to 15 bytes of name, without spaces, slashes or colons, and isn't "." or "..".
  case invalidName(String)
  /// Somebody else is attached to the interface.
  case busy(interface: String)
  /// There is an interface of that name, but it is no TUN interface.
  case notATunnel(interface: String)
  /// An IPv4 packet of 68 and a frame of 65535 bytes are the limits of an MTU.
  case invalidMTU(Int)
  /// The interface was deleted, or this end was detached from it.
  case vanished(interface: String)
  /// The system won't give the kernel's end this address.
  case addressRefused(interface: String, AddressPrefix, SystemError)
  /// The system's refusal of something else.
  case system(interface: String, SystemError)
}

extension TunnelError: CustomStringConvertible {
  /// One line that says what is wrong.
  public var description: String {
    switch self {
    case .unsupportedSystem:
      "tunnels need Linux"
    case .deviceMissing(let error):
      "there is no TUN device (\(error))"
    case .deviceForbidden(let error):
      "the TUN device may not be opened (\(error))"
    case .notPermitted(let interface, let error):
      "interface \(interface) may not be made or changed (\(error))"
    case .invalidName(let name):
      "'\(name)' can't name an interface: expected 1 to 15 bytes without spaces, '/' or ':'"
    case .busy(let interface):
      "interface \(interface) is in use by another program"
    case .notATunnel(let interface):
      "interface \(interface) is there, but is not a TUN interface"
    case .invalidMTU(let value):
      "an MTU of \(value) is impossible: expected 68 to 65535 bytes"
    case .vanished(let interface):
      "interface \(interface) is gone"
    case .addressRefused(let interface, let prefix, let error):
      "interface \(interface) can't have the address \(prefix.address)/\(prefix.length): \(error.reason)"
        + (prefix.address.version == .v6 && error.isPermission ? " (IPv6 is switched off)" : "")
    case .system(let interface, let error):
      "interface \(interface): \(error)"
    }
  }
}
