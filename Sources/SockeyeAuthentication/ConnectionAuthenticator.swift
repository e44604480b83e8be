// Holds the authentication of one connection: which key signs, which verifies, and how far sequence numbers have gone
// (RFC 5925 §5.3, §6, §7). Keys come from KeyChain, codes from AuthenticationAlgorithm.

import SockeyeStack

/// Signs and verifies the segments of one connection with the keys of a chain.
public final class ConnectionAuthenticator: SegmentAuthenticator {
  private let tuple: FourTuple
  private let chain: KeyChain
  private var localInitial: SequenceNumber?
  private var remoteInitial: SequenceNumber?
  private var sent: SequenceExtension?
  private var received: SequenceExtension?
  /// The key that segments are sent with (current_key).
  private var current: KeyChain.Entry
  /// Traffic keys of both directions, of those master keys that were used and still are in the chain.
  private var trafficKeys: [TrafficKeys] = []
  private var message: [UInt8] = []

  private struct TrafficKeys {
    let serial: UInt64
    let send: TrafficKey
    let receive: TrafficKey
  }

  init(_ tuple: FourTuple, _ chain: KeyChain) {
    self.tuple = tuple
    self.chain = chain
    current = chain.preferred
  }

  /// The key that the connection sends with now. It follows what the peer asks for.
  public var sendingKey: MasterKey { current.key }

  public override var heedsErrors: Bool { chain.heedsErrors }

  public override func begin(at initialSequence: SequenceNumber) {
    localInitial = initialSequence
    sent = SequenceExtension(initial: initialSequence)
  }

  // MARK: Leaving

  public override var option: AuthenticationOption {
    if !chain.contains(current.serial) { current = chain.preferred }
    return AuthenticationOption(
      keyID: current.key.sendID, nextKeyID: chain.preferred.key.receiveID)
  }

  public override func code(of segment: RawSpan, _ header: TCPHeader) -> AuthenticationCode {
    guard let localInitial, let full = sent?.full(header.sequence) else { return .zero }
    let key: TrafficKey
    if header.isFirstSynchronize {
      key = current.key.trafficKey(
        tuple, sourceInitial: localInitial, destinationInitial: SequenceNumber(0))
    } else if let keys = keys(of: current) {
      key = keys.send
      sent?.advance(to: full)
    } else {
      return .zero
    }
    let upper = UInt32(truncatingIfNeeded: full >> 32)
    guard current.key.message(of: segment, tuple, extension: upper, into: &message) else { return .zero }
    return key.code(of: message)
  }

  // MARK: Arriving

  public override func isAuthentic(_ segment: RawSpan, _ header: TCPHeader) -> Bool {
    // RFC 5926 §3.2: both algorithms give 96 bits, and fewer are a forgery.
    guard let option = header.options.authentication, option.codeLength == 12,
      let entry = chain.entry(receiveID: option.keyID)
    else { return false }
    return header.isFirstSynchronize
      ? isAuthenticSynchronize(segment, header, option, entry)
      : isAuthenticLater(segment, header, option, entry)
  }

  /// RFC 5925 §5.2: a SYN is its own witness, for its key comes from its own number alone.
  private func isAuthenticSynchronize(
    _ segment: RawSpan, _ header: TCPHeader, _ option: AuthenticationOption, _ entry: KeyChain.Entry
  ) -> Bool {
    let key = entry.key.trafficKey(
      tuple.reversed, sourceInitial: header.sequence, destinationInitial: SequenceNumber(0))
    guard entry.key.message(of: segment, tuple.reversed, extension: 0, into: &message),
      key.code(of: message) == option.code
    else { return false }
    if remoteInitial == nil {
      learn(header.sequence)
      // RFC 5925 §7.4: the answer goes with the key that the peer asks for, or the one it used.
      current = chain.entry(sendID: option.nextKeyID) ?? entry
    }
    return true
  }

  private func isAuthenticLater(
    _ segment: RawSpan, _ header: TCPHeader, _ option: AuthenticationOption, _ entry: KeyChain.Entry
  ) -> Bool {
    let isAnswer = header.flags.contains(.syn)
    // The number of a SYN,ACK is believed once its code is right.
    guard let initial = remoteInitial ?? (isAnswer ? header.sequence : nil) else { return false }
    guard let keys = keys(of: entry, remoteInitial: initial) else { return false }
    let full = (received ?? SequenceExtension(initial: initial)).full(header.sequence)
    let upper = UInt32(truncatingIfNeeded: full >> 32)
    guard entry.key.message(of: segment, tuple.reversed, extension: upper, into: &message),
      keys.receive.code(of: message) == option.code
    else { return false }
    if remoteInitial == nil { learn(initial) }
    // RFC 5925 §7.5 (5925-6): what came late, or comes again, no longer says which key is wanted.
    if received?.advance(to: full) == true, option.nextKeyID != current.key.sendID,
      let wanted = chain.entry(sendID: option.nextKeyID)
    {
      current = wanted
    }
    return true
  }

  private func learn(_ initial: SequenceNumber) {
    remoteInitial = initial
    received = SequenceExtension(initial: initial)
  }

  // MARK: Keys

  /// The keys of both directions; nil while an initial sequence number is not known.
  private func keys(of entry: KeyChain.Entry) -> TrafficKeys? {
    guard let remoteInitial else { return nil }
    return keys(of: entry, remoteInitial: remoteInitial)
  }

  private func keys(of entry: KeyChain.Entry, remoteInitial remote: SequenceNumber) -> TrafficKeys? {
    if let known = trafficKeys.first(where: { $0.serial == entry.serial }) { return known }
    guard let localInitial else { return nil }
    let keys = TrafficKeys(
      serial: entry.serial,
      send: entry.key.trafficKey(tuple, sourceInitial: localInitial, destinationInitial: remote),
      receive: entry.key.trafficKey(tuple.reversed, sourceInitial: remote, destinationInitial: localInitial))
    // Before the peer's number is certain there is nothing worth keeping.
    guard remoteInitial != nil else { return keys }
    trafficKeys.removeAll { !chain.contains($0.serial) }
    trafficKeys.append(keys)
    return keys
  }
}

extension TCPHeader {
  /// A SYN without ACK, whose sender does not know the other's initial sequence number.
  fileprivate var isFirstSynchronize: Bool { flags.contains(.syn) && !flags.contains(.ack) }
}
