// Holds an address with a port, and the pair of them that names a connection.

/// An address and a port. RFC 9293 calls it a socket.
@frozen
public struct Endpoint: Hashable, Sendable {
  public var address: IPAddress
  public var port: UInt16

  @inlinable
  public init(address: IPAddress, port: UInt16) {
    self.address = address
    self.port = port
  }

  /// Reads "10.0.0.1:80" or "[::1]:80".
  public init?(parsing text: String) {
    var scanner = TextScanner(text)
    let bracketed = scanner.take("[")
    let parsed: IPAddress? =
      if bracketed { scanner.ipv6Address().map { .v6($0) } } else { scanner.ipv4Address().map { .v4($0) } }
    guard let parsed, !bracketed || scanner.take("]"), scanner.take(":"),
      let number = scanner.number(upTo: 65535), scanner.isAtEnd
    else { return nil }
    address = parsed
    port = UInt16(truncatingIfNeeded: number)
  }

  @inlinable
  @inline(__always)
  public static func == (left: Endpoint, right: Endpoint) -> Bool {
    left.port == right.port && left.address == right.address
  }
}

extension Endpoint: CustomStringConvertible {
  public var description: String {
    switch address {
    case .v4(let address): "\(address.description):\(port)"
    case .v6(let address): "[\(address.description)]:\(port)"
    }
  }

  /// The form of tcpdump, in which the port follows a point: "10.0.0.1.80", "::1.80".
  public var dotted: String { "\(address.description).\(port)" }
}

/// The two endpoints of a connection, as seen from this host.
@frozen
public struct FourTuple: Hashable, Sendable {
  public var local: Endpoint
  public var remote: Endpoint

  @inlinable
  public init(local: Endpoint, remote: Endpoint) {
    self.local = local
    self.remote = remote
  }

  @inlinable
  @inline(__always)
  public static func == (left: FourTuple, right: FourTuple) -> Bool {
    left.remote == right.remote && left.local == right.local
  }

  /// The same connection as seen from the other host.
  @inlinable
  public var reversed: FourTuple { FourTuple(local: remote, remote: local) }

  /// The version of both addresses.
  @inlinable
  public var version: IPVersion { remote.address.version }

  /// The tuple as words for a keyed hash; distinct tuples have distinct words.
  @inlinable
  public var hashWords: (UInt64, UInt64, UInt64, UInt64, UInt64) {
    let local = FourTuple.words(local.address)
    let remote = FourTuple.words(remote.address)
    return (local.0, local.1, remote.0, remote.1, ports)
  }

  /// The keyed hash of the tuple. It takes the short way for IPv4.
  @inlinable
  public func hash(with key: HashKey) -> UInt64 {
    var hash = SipHash(key: key)
    if case .v4(let local) = local.address, case .v4(let remote) = remote.address {
      hash.absorb(UInt64(local.rawValue) << 32 | UInt64(remote.rawValue))
      return hash.finish(tail: UInt32(truncatingIfNeeded: ports))
    }
    let words = hashWords
    hash.absorb(words.0)
    hash.absorb(words.1)
    hash.absorb(words.2)
    hash.absorb(words.3)
    return hash.finish(tail: UInt32(truncatingIfNeeded: ports))
  }

  /// Both ports, and a bit for the version, so that an IPv4 address differs from its mapped form.
  @inlinable
  var ports: UInt64 {
    UInt64(version == .v4 ? 1 : 0) << 32 | UInt64(local.port) << 16 | UInt64(remote.port)
  }

  @inlinable
  static func words(_ address: IPAddress) -> (UInt64, UInt64) {
    switch address {
    case .v4(let address): (0, 0xffff_0000_0000 | UInt64(address.rawValue))
    case .v6(let address): (address.high, address.low)
    }
  }
}

extension FourTuple: CustomStringConvertible {
  public var description: String { "\(local.description) <-> \(remote.description)" }
}
