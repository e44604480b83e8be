// Holds how NIO's addresses and the stack's become one another.

import NIOCore
import SockeyeBytes
import SockeyeStack
import SockeyeWire

extension SocketAddress {
  init(_ endpoint: Endpoint) {
    self.init(endpoint.address, port: endpoint.port)
  }

  init(_ address: IPAddress, port: UInt16) {
    var packed = ByteBuffer()
    switch address {
    case .v4(let address): packed.writeInteger(address.rawValue)
    case .v6(let address): packed.writeMultipleIntegers(address.high, address.low)
    }
    do {
      try self.init(packedIPAddress: packed, port: Int(port))
    } catch {
      preconditionFailure("four or sixteen octets are an address: \(error)")
    }
  }

  /// Nil for an address that is none of IP's.
  var endpoint: Endpoint? {
    guard let port, let port = UInt16(exactly: port), let address = networkAddress else { return nil }
    return Endpoint(address: address, port: port)
  }

  private var networkAddress: SockeyeWire.IPAddress? {
    switch self {
    case .v4(let address):
      return .v4(SockeyeWire.IPv4Address(rawValue: UInt32(bigEndian: address.address.sin_addr.s_addr)))
    case .v6(let address):
      var octets = ByteBuffer()
      unsafe withUnsafeBytes(of: address.address.sin6_addr) { bytes in
        _ = unsafe octets.writeBytes(bytes)
      }
      guard let (high, low) = octets.readMultipleIntegers(as: (UInt64, UInt64).self) else { return nil }
      return .v6(SockeyeWire.IPv6Address(high: high, low: low))
    case .unixDomainSocket: return nil
    }
  }

  /// What a socket that has not been bound says of itself: the unspecified address of the same version.
  var unbound: SocketAddress {
    SocketAddress(.unspecified(self.protocol == .inet6 ? .v6 : .v4), port: 0)
  }

  /// Where to listen: an unspecified address stands for all addresses of its version.
  var listenEndpoint: ListenEndpoint? {
    endpoint.map { ListenEndpoint(address: $0.address, port: $0.port) }
  }
}

extension ListenEndpoint {
  var socketAddress: SocketAddress {
    SocketAddress(address ?? .unspecified(.v4), port: port)
  }
}
