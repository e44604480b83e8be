// Holds authentication as the host does it: which peers have keys, what becomes of an arriving segment before anything
// else looks at it, and signing on the way out. The algorithms are SockeyeAuthentication's affair.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

extension Stack {
  /// Has all connections with some peers authenticated from now on, in both directions (RFC 5925). A segment of theirs
  /// that is not authentic is dropped in silence, the SYN first of all, and their SYNs are never answered with
  /// cookies. Connections that exist stay what they are.
  ///
  /// A connection that only authentic segments can end should use keep-alives (RFC 5925 §7.7): a peer that has lost its
  /// memory cannot reset it.
  ///
  /// - Parameters:
  ///   - authentication: the keys; nil: new connections with these peers are no longer authenticated.
  ///   - peers: their addresses. The longest prefix counts.
  ///   - port: that of the service, on whichever side it is; nil: all. The entry that names one counts first.
  /// - Throws: `tooMany` beyond 1024 entries.
  public mutating func setAuthentication(
    _ authentication: PeerAuthentication?, with peers: AddressPrefix, port: UInt16? = nil
  ) throws(SocketError) {
    if authenticationTable.entries.count >= Self.authenticationLimit, authentication != nil {
      throw .tooMany(.authentication, limit: Self.authenticationLimit)
    }
    authenticationTable.set(authentication, peers, port)
    if authentication != nil { authenticates = true }
  }

  private static var authenticationLimit: Int { 1024 }

  /// What authenticates a connection; nil for one whose segments are not.
  public func authenticator(of id: ConnectionID) throws(SocketError) -> SegmentAuthenticator? {
    guard connections.contains(id.key), connections[id.key].ownership.isKnown else { throw .noSuchConnection }
    return connections[id.key].authenticator
  }

  /// What is to authenticate a new connection.
  func newAuthenticator(for tuple: FourTuple) -> SegmentAuthenticator? {
    guard authenticates else { return nil }
    return authenticationTable.authentication(for: tuple)?.authenticator(for: tuple)
  }

  // MARK: Arrival

  /// RFC 5925 §7.3 (5925-5): why a segment is dropped before anything else looks at it, or nil.
  ///
  /// To be asked about segments that have an authentication option, and about all once any peer has keys. What
  /// verified a SYN that may begin a connection stays in `arriving` for it.
  mutating func authenticationRefuses(_ segment: RawSpan, _ header: TCPHeader, _ tuple: FourTuple)
    -> DropReason?
  {
    // RFC 5925 §2.2; A-25: whether or not the peer has keys.
    if header.options.hasAuthenticationFault { return .malformedAuthentication }
    arriving = nil
    guard let authenticator = authenticator(of: header, tuple) else {
      // RFC 5925 §7.3 (5925-7): no key for this peer.
      return header.options.isAuthenticated && !configuration.acceptsUnknownAuthentication
        ? .unauthentic : nil
    }
    guard header.options.isAuthenticated else { return .missingAuthentication }
    guard authenticator.isAuthentic(segment, header) else { return .unauthentic }
    return nil
  }

  private mutating func authenticator(of header: TCPHeader, _ tuple: FourTuple) -> SegmentAuthenticator? {
    switch flow(tuple) {
    case .connection(let key): return connections[key].authenticator
    case .handshake(let key): return handshakes[key].authenticator
    case .timeWait(let key):
      // A SYN may begin another connection; anything else is for the old one.
      if !header.flags.contains(.syn) || header.flags.contains(.ack) { return timeWaits[key].authenticator }
    case nil: break
    }
    arriving = newAuthenticator(for: tuple)
    return arriving
  }

  /// Whether an ICMP error is not to be heeded because nobody vouches for it: RFC 5925 §7.8 (5925-8), for IPv4 the codes 2 to 4,
  /// for IPv6 the codes 1 and 4 of Destination Unreachable. Packet Too Big of IPv6 has to prove that it was there.
  func authenticationIgnores(_ report: PathReport, _ version: IPVersion, for key: ConnectionKey) -> Bool {
    guard let authenticator = connections[key].authenticator, !authenticator.heedsErrors else { return false }
    switch connections[key].connection.state {
    case .closed, .listen, .synSent, .synReceived: return false
    case .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck, .timeWait: break
    }
    switch report {
    case .hard: return true
    case .tooBig: return version == .v4
    case .soft, .ignored: return false
    }
  }
}

// MARK: Leaving

extension Envelope {
  /// Appends the packet of a segment without payload.
  /// - Returns: the segment as it left, its authentication option included.
  func write(
    _ plan: SegmentPlan, signedBy authenticator: SegmentAuthenticator?, into frame: inout OutputRawSpan
  ) -> SegmentPlan {
    var plan = plan
    plan.options.authentication = authenticator?.option
    writeHeader(length: plan.length, into: &frame)
    let start = frame.byteCount
    plan.write(addressing, into: &frame)
    authenticator?.sign(&plan, addressing, from: start, in: &frame)
    return plan
  }
}

extension ConnectionRecord {
  /// Appends the packet of a planned segment, and its code.
  /// - Returns: the segment as it left.
  mutating func emitSigned(
    _ plan: SegmentPlan, by authenticator: SegmentAuthenticator, into frame: inout OutputRawSpan,
    at now: Instant
  ) -> SegmentPlan {
    var plan = plan
    plan.options.authentication = authenticator.option
    envelope.writeHeader(length: plan.length, isMarkable: plan.isMarkable, into: &frame)
    let start = frame.byteCount
    connection.emit(plan, addressing: envelope.addressing, into: &frame, at: now)
    authenticator.sign(&plan, envelope.addressing, from: start, in: &frame)
    return plan
  }
}

extension SegmentAuthenticator {
  /// Puts the code into a segment that was written with none, and corrects the checksum (RFC 5925 §5.1: the code is
  /// that of a checksum of zero, and the checksum that of the finished segment).
  fileprivate func sign(
    _ plan: inout SegmentPlan, _ addressing: SegmentAddressing, from start: Int, in frame: inout OutputRawSpan
  ) {
    let code = code(of: frame.bytes.extracting(start..<frame.byteCount), plan.header(addressing))
    plan.options.authentication?.code = code
    // The last 12 octets of the header, for the option is the last (RFC 5925 §7.3).
    let offset = start + plan.headerLength - 12
    let words = (UInt32(code.high >> 32), UInt32(truncatingIfNeeded: code.high), code.low)
    frame.overwriteUInt32(words.0, at: offset)
    frame.overwriteUInt32(words.1, at: offset + 4)
    frame.overwriteUInt32(words.2, at: offset + 8)
    // A link that sums up the segment has the sum of the pseudo-header alone, which stays.
    guard !addressing.checksumOffloaded else { return }
    let field = frame.bytes.uint16(at: start + TCPHeader.checksumOffset)
    let wide = UInt64(words.0) + UInt64(words.1) + UInt64(words.2) + UInt64(~field)
    let sum = UInt32(truncatingIfNeeded: (wide & 0xffff_ffff) + (wide >> 32))
    frame.overwriteUInt16(InternetChecksum.finish(sum), at: start + TCPHeader.checksumOffset)
  }
}
