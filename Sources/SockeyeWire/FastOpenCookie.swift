// Holds the value of the Fast Open option, kind 34: a request or a cookie, and how it is read, written and printed (RFC 7413
// §4.1.1). How cookies are made and what they are good for is SockeyeTCP's and SockeyeStack's affair.

/// A Fast Open cookie of 4 to 16 octets, an even number of them; or none, which asks for one.
public struct FastOpenCookie: Hashable, Sendable {
  /// The octets in the order of the wire, from the top; those not in use are zero.
  public let high: UInt64
  public let low: UInt64
  /// Octets.
  public let length: Int

  /// Asks for a cookie.
  public static var request: FastOpenCookie { FastOpenCookie(high: 0, low: 0, length: 0) }

  private init(high: UInt64, low: UInt64, length: Int) {
    self.high = high
    self.low = low
    self.length = length
  }

  /// A cookie of eight octets.
  public init(_ octets: UInt64) {
    self.init(high: octets, low: 0, length: 8)
  }

  public var isRequest: Bool { length == 0 }

  /// Whether an option's value may be so long (RFC 7413 §4.1.1).
  static func isLegal(length: Int) -> Bool { length == 0 || (length >= 4 && length <= 16 && length % 2 == 0) }

  /// Reads an option's value.
  /// - Returns: nil for a length that no cookie has.
  init?(_ bytes: RawSpan, at offset: Int, length: Int) {
    guard FastOpenCookie.isLegal(length: length) else { return nil }
    var words: (UInt64, UInt64) = (0, 0)
    for index in 0..<length {
      let octet = UInt64(bytes.byte(at: offset &+ index))
      let shift = UInt64(56 - 8 * (index & 7))
      if index < 8 { words.0 |= octet << shift } else { words.1 |= octet << shift }
    }
    self.init(high: words.0, low: words.1, length: length)
  }

  /// How it lies in the place of SACK blocks, which no SYN has.
  init(lanes: SIMD4<UInt32>, length: UInt32) {
    self.init(
      high: UInt64(lanes[0]) << 32 | UInt64(lanes[1]), low: UInt64(lanes[2]) << 32 | UInt64(lanes[3]),
      length: Int(length))
  }

  var lanes: SIMD4<UInt32> {
    SIMD4(
      UInt32(truncatingIfNeeded: high >> 32), UInt32(truncatingIfNeeded: high),
      UInt32(truncatingIfNeeded: low >> 32), UInt32(truncatingIfNeeded: low))
  }

  /// An octet, counted from the first.
  func octet(_ index: Int) -> UInt8 {
    let word = index < 8 ? high : low
    return UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * (index & 7)))
  }

  /// Octets of the option with the NOPs behind it, a multiple of four.
  var encodedLength: Int { (2 + length + 3) & ~3 }

  /// Appends the option.
  /// - Returns: the sum of the 32-bit words written, not folded.
  @_lifetime(out: copy out)
  func write(into out: inout OutputRawSpan) -> UInt64 {
    var sum: UInt64 = 0
    var word = UInt32(OptionKind.fastOpen) << 8 | UInt32(truncatingIfNeeded: length + 2)
    for index in 2..<encodedLength {
      let octet = index - 2 < length ? self.octet(index - 2) : OptionKind.noOperation
      word = word << 8 | UInt32(octet)
      if index & 3 == 3 {
        out.appendUInt32(word)
        sum = sum &+ UInt64(word)
        word = 0
      }
    }
    return sum
  }

  /// As tcpdump prints it: "tfo cookiereq", "tfo cookie 0123456789abcdef"; with the NOPs behind it.
  var summary: String {
    var text = isRequest ? "tfo cookiereq" : "tfo cookie "
    for index in 0..<length {
      let octet = octet(index)
      if octet < 16 { text += "0" }
      text += String(octet, radix: 16)
    }
    for _ in (2 + length)..<encodedLength { text += ",nop" }
    return text
  }
}

extension TCPOptions {
  /// Kind 34 (RFC 7413 §4.1.1), as received. It has its place where SACK blocks have theirs, for only a SYN carries it, and
  /// no SYN carries blocks: to set it takes the blocks away.
  public var fastOpen: FastOpenCookie? {
    get {
      has(Self.hasFastOpen) ? FastOpenCookie(lanes: sackBlocks.lefts, length: sackBlocks.rights[0]) : nil
    }
    set {
      if newValue == nil, !has(Self.hasFastOpen) { return }
      mark(Self.hasFastOpen, newValue != nil)
      sackBlocks = SACKBlocks()
      guard let newValue else { return }
      sackBlocks.lefts = newValue.lanes
      sackBlocks.rights[0] = UInt32(truncatingIfNeeded: newValue.length)
    }
  }
}
