// Holds the keys shared with a peer or a group of peers, which may change while connections live (RFC 5925 §3.3). What
// a connection does with them is ConnectionAuthenticator's affair.

import SockeyeStack

/// The master keys for a peer, or for all peers of a prefix: one at least, each with key IDs of its own.
///
///     let chain = KeyChain(MasterKey(secret: secret, identifier: 1))
///     try stack.setAuthentication(chain, with: AddressPrefix(host: peer), port: 179)
///
/// To roll over to another key without losing a segment, add it on both sides, then prefer it on both, then remove the
/// old one once `ConnectionAuthenticator.sendingKey` of neither side names it.
///
/// It belongs to the thread that owns the stack.
public final class KeyChain: PeerAuthentication {
  struct Entry {
    let key: MasterKey
    /// Tells a key from another that has its numbers later.
    let serial: UInt64
  }

  private(set) var entries: [Entry]
  private var nextSerial: UInt64 = 1
  private var preferredSerial: UInt64 = 0

  /// Whether ICMP's hard errors, and IPv4's reports of packets too big, are heeded in synchronized states
  /// (RFC 5925 §7.8: not by default).
  public var heedsErrors = false

  public init(_ key: MasterKey) { entries = [Entry(key: key, serial: 0)] }

  public override func authenticator(for tuple: FourTuple) -> SegmentAuthenticator {
    ConnectionAuthenticator(tuple, self)
  }

  public var keys: [MasterKey] { entries.map(\.key) }

  /// The key that connections begin with, and that peers are asked to send with (RNextKeyID).
  public var preferredKey: MasterKey { preferred.key }

  /// Adds a key, for connections that exist as well.
  /// - Throws: `KeyError.identifierInUse`; a key is never changed in place (RFC 5925 §3.1).
  public func add(_ key: MasterKey) throws(KeyError) {
    for known in keys where known.sendID == key.sendID || known.receiveID == key.receiveID {
      throw .identifierInUse(sendID: known.sendID, receiveID: known.receiveID)
    }
    entries.append(Entry(key: key, serial: nextSerial))
    nextSerial += 1
  }

  /// Asks peers to send with another key from now on; each side does once it has it and hears that the other wants it.
  /// - Throws: `KeyError.noSuchKey`.
  public func prefer(receiveID: UInt8) throws(KeyError) {
    guard let entry = entry(receiveID: receiveID) else { throw .noSuchKey(receiveID: receiveID) }
    preferredSerial = entry.serial
  }

  /// Takes a key away. Connections that send with it go on with the preferred one.
  /// - Throws: `KeyError.noSuchKey`, or `.lastKey`: take the peer out of the host's table instead.
  public func remove(receiveID: UInt8) throws(KeyError) {
    guard let index = entries.firstIndex(where: { $0.key.receiveID == receiveID }) else {
      throw .noSuchKey(receiveID: receiveID)
    }
    guard entries.count > 1 else { throw .lastKey }
    entries.remove(at: index)
    if !contains(preferredSerial) { preferredSerial = entries[0].serial }
  }

  // MARK: For connections

  var preferred: Entry { entries.first { $0.serial == preferredSerial } ?? entries[0] }

  func entry(receiveID: UInt8) -> Entry? { entries.first { $0.key.receiveID == receiveID } }

  func entry(sendID: UInt8) -> Entry? { entries.first { $0.key.sendID == sendID } }

  func contains(_ serial: UInt64) -> Bool { entries.contains { $0.serial == serial } }
}

/// A change of keys that can't be, and why.
public enum KeyError: Error, Sendable, Equatable {
  /// Another key has one of the key IDs.
  case identifierInUse(sendID: UInt8, receiveID: UInt8)
  case noSuchKey(receiveID: UInt8)
  /// A chain without keys would authenticate nothing.
  case lastKey
}
