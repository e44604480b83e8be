// Holds the TCP authentication option as a value, and where it lies in a segment. Keys, and what its MAC covers, are
// SockeyeAuthentication's affair.

import SockeyeBytes

/// A message authentication code of 96 bits, which is what both algorithms of RFC 5926 give.
public struct AuthenticationCode: Sendable {
  public var high: UInt64
  public var low: UInt32

  public init(high: UInt64, low: UInt32) {
    self.high = high
    self.low = low
  }

  public static var zero: AuthenticationCode { AuthenticationCode(high: 0, low: 0) }
}

extension AuthenticationCode: Equatable {
  /// Takes the same time wherever the codes differ, so that it tells a forger nothing.
  public static func == (left: AuthenticationCode, right: AuthenticationCode) -> Bool {
    (left.high ^ right.high) | UInt64(left.low ^ right.low) == 0
  }
}

/// The authentication option, kind 29 (RFC 5925 §2.2).
public struct AuthenticationOption: Equatable, Sendable {
  /// KeyID: by which of the receiver's keys the code can be verified.
  public var keyID: UInt8
  /// RNextKeyID: the key that the sender would like to receive.
  public var nextKeyID: UInt8
  /// The first 96 bits of the MAC; zero behind a shorter one.
  public var code: AuthenticationCode
  /// Octets of the MAC as received, 0 to 36; those sent have 12.
  public var codeLength: Int

  public init(keyID: UInt8, nextKeyID: UInt8, code: AuthenticationCode = .zero, codeLength: Int = 12) {
    self.keyID = keyID
    self.nextKeyID = nextKeyID
    self.code = code
    self.codeLength = codeLength
  }

  /// Octets of the option as it is sent: kind, length, both key IDs and 12 octets of MAC.
  public static var length: Int { 16 }

  /// The octets of a segment that its authentication option takes up; nil when it has none, or what is there cannot
  /// be read.
  /// - Precondition: the segment's header has been parsed.
  public static func range(in segment: RawSpan) -> Range<Int>? {
    let end = Int(segment.byte(at: 12) >> 4) &* 4
    var offset = TCPHeader.minimumLength
    while offset &+ 1 < end {
      switch segment.byte(at: offset) {
      case OptionKind.end: return nil
      case OptionKind.noOperation: offset &+= 1
      case let kind:
        let length = Int(segment.byte(at: offset &+ 1))
        guard length >= 2, length <= end &- offset else { return nil }
        if kind == OptionKind.authentication { return offset..<offset &+ length }
        offset &+= length
      }
    }
    return nil
  }
}

// The option lies in the lanes of the third and fourth block of a selective acknowledgment: beside it there is room
// for two blocks at most, and a header should not become longer for what few segments have.
extension TCPOptions {
  /// Kind 29 (RFC 5925 §2.2), the last option of a header that is written. To be set when the SACK blocks are.
  public var authentication: AuthenticationOption? {
    get {
      guard isAuthenticated, !hasAuthenticationFault else { return nil }
      let (first, high, middle, low) = sackBlocks.spareLanes
      return AuthenticationOption(
        keyID: UInt8(truncatingIfNeeded: first >> 24), nextKeyID: UInt8(truncatingIfNeeded: first >> 16),
        code: AuthenticationCode(high: UInt64(high) << 32 | UInt64(middle), low: low),
        codeLength: Int(first & 0xff))
    }
    set {
      mark(Self.hasAuthentication, newValue != nil)
      guard let newValue else {
        sackBlocks.spareLanes = (0, 0, 0, 0)
        return
      }
      let identifiers = UInt32(newValue.keyID) << 24 | UInt32(newValue.nextKeyID) << 16
      sackBlocks.spareLanes = (
        identifiers | UInt32(truncatingIfNeeded: newValue.codeLength & 0xff),
        UInt32(truncatingIfNeeded: newValue.code.high >> 32),
        UInt32(truncatingIfNeeded: newValue.code.high), newValue.code.low
      )
    }
  }

  /// Whether there is an authentication option, in order or not.
  @inlinable
  @inline(__always)
  public var isAuthenticated: Bool { has(Self.hasAuthentication) }

  private static var faultMark: UInt32 { 0x100 }

  /// Whether what there is of authentication options cannot be valid: one shorter than 4 octets or longer than the
  /// header, two, or one beside an MD5 signature (RFC 5925 §2.2, RFC 2385). Such a segment is to be dropped.
  public var hasAuthenticationFault: Bool {
    isAuthenticated && sackBlocks.spareLanes.0 & Self.faultMark != 0
  }

  /// Remembers that there was one, and that nothing in it counts.
  mutating func markAuthenticationFault() {
    mark(Self.hasAuthentication, true)
    sackBlocks.spareLanes = (Self.faultMark, 0, 0, 0)
  }

  /// Takes over an option's content, whose bounds the caller has checked.
  /// - Parameter length: octets behind kind and length.
  mutating func takeAuthentication(_ bytes: RawSpan, at offset: Int, length: Int) {
    // It lies where Fast Open would, which has no room beside it.
    fastOpen = nil
    guard length >= 2, !isAuthenticated else { return markAuthenticationFault() }
    var code: (UInt32, UInt32, UInt32) = (0, 0, 0)
    if length >= 14 {
      code = (
        bytes.uint32(at: offset &+ 2), bytes.uint32(at: offset &+ 6), bytes.uint32(at: offset &+ 10)
      )
    }
    authentication = AuthenticationOption(
      keyID: bytes.byte(at: offset), nextKeyID: bytes.byte(at: offset &+ 1),
      code: AuthenticationCode(high: UInt64(code.0) << 32 | UInt64(code.1), low: code.2),
      codeLength: length &- 2)
  }
}
