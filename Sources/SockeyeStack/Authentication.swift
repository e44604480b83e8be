// Holds what stands between a host and those who authenticate its segments (RFC 5925): the keys of a peer, what
// signs and verifies for one connection, and the table of which peers have keys. The host carries them and computes
// nothing; SockeyeAuthentication has the algorithms.

import SockeyeTCP
import SockeyeWire

/// What a host and a peer have agreed on, outside of TCP, to know each other's segments by. The class itself knows no
/// key, and takes no segment; `KeyChain` of SockeyeAuthentication is the one to use.
///
/// It belongs to the thread that owns the stack.
open class PeerAuthentication {
  public init() {}

  /// What signs and verifies for one connection, or for the one that a SYN asks for.
  open func authenticator(for tuple: FourTuple) -> SegmentAuthenticator { SegmentAuthenticator() }
}

/// Signs and verifies the segments of one connection (RFC 5925 §7). A host asks it about each arriving segment before
/// anything else sees it, and has it sign each segment that leaves, from its connection, its handshake or its
/// TIME-WAIT record.
open class SegmentAuthenticator {
  public init() {}

  /// Told once, before anything is signed: the host's initial sequence number.
  open func begin(at initialSequence: SequenceNumber) {}

  /// Whether a segment is the peer's, and has not been changed.
  /// - Parameters:
  ///   - segment: all of it, from its header on, its checksum found right.
  ///   - header: the same, read.
  open func isAuthentic(_ segment: RawSpan, _ header: TCPHeader) -> Bool { false }

  /// The option of the next segment, its code still zero.
  open var option: AuthenticationOption { AuthenticationOption(keyID: 0, nextKeyID: 0) }

  /// The code of a segment that is complete but for it; its checksum does not count.
  open func code(of segment: RawSpan, _ header: TCPHeader) -> AuthenticationCode { .zero }

  /// Whether ICMP's hard errors, and IPv4's reports of packets too big, are heeded while the connection stands.
  /// RFC 5925 §7.8: not by default, for they are not authentic.
  open var heedsErrors: Bool { false }
}

/// Peers whose segments are authenticated.
struct AuthenticationTable {
  struct Entry {
    let peers: AddressPrefix
    let port: UInt16?
    let authentication: PeerAuthentication
  }

  private(set) var entries: [Entry] = []

  mutating func set(_ authentication: PeerAuthentication?, _ peers: AddressPrefix, _ port: UInt16?) {
    entries.removeAll {
      $0.peers.network == peers.network && $0.peers.length == peers.length && $0.port == port
    }
    guard let authentication else { return }
    entries.append(Entry(peers: peers, port: port, authentication: authentication))
  }

  /// The entry of the longest prefix that fits; of two with the same prefix, the one that names the port.
  func authentication(for tuple: FourTuple) -> PeerAuthentication? {
    var best: Entry?
    for entry in entries where entry.peers.contains(tuple.remote.address) {
      if let port = entry.port, port != tuple.local.port, port != tuple.remote.port { continue }
      if let known = best, known.rank >= entry.rank { continue }
      best = entry
    }
    return best?.authentication
  }
}

extension AuthenticationTable.Entry {
  fileprivate var rank: Int { peers.length * 2 + (port == nil ? 0 : 1) }
}
