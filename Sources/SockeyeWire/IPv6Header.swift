// Holds the fixed IPv6 header: fields and writing. Reading, with the extension headers behind it, is in
// IPv6Header+Parsing; reassembly is SockeyeStack's affair.

/// An IPv6 header (RFC 8200 §3).
public struct IPv6Header: Equatable, Sendable {
  public var source: IPv6Address
  public var destination: IPv6Address
  /// `differentiatedServices << 2 | congestionNotification`.
  public var trafficClass: UInt8
  /// 20 bits.
  public var flowLabel: UInt32
  /// What follows the fixed header: an upper layer or an extension header. See `IPProtocol`.
  public var nextHeader: UInt8
  public var hopLimit: UInt8
  /// Extension headers and upper layer, in bytes.
  public var payloadLength: Int

  public init(
    source: IPv6Address, destination: IPv6Address, nextHeader: UInt8, payloadLength: Int,
    hopLimit: UInt8 = 64, trafficClass: UInt8 = 0, flowLabel: UInt32 = 0
  ) {
    self.source = source
    self.destination = destination
    self.trafficClass = trafficClass
    self.flowLabel = flowLabel
    self.nextHeader = nextHeader
    self.hopLimit = hopLimit
    self.payloadLength = payloadLength
  }

  /// The length without extension headers, in bytes.
  @inlinable
  public static var length: Int { 40 }

  /// DSCP (RFC 2474).
  @inlinable
  public var differentiatedServices: UInt8 { trafficClass >> 2 }

  /// ECN (RFC 3168): 0 not capable, 1 and 2 capable, 3 congestion experienced.
  @inlinable
  public var congestionNotification: UInt8 { trafficClass & 3 }

  /// What a fragment header says (RFC 8200 §4.5).
  public struct Fragment: Equatable, Sendable {
    /// Where the piece belongs in the fragmentable part, in bytes, a multiple of 8.
    public var offset: Int
    public var moreFragments: Bool
    public var identification: UInt32
    /// What the fragmentable part begins with.
    public var nextHeader: UInt8
    /// The length of what comes before the fragment header, with the fixed header, in bytes.
    public var unfragmentableLength: Int
    /// Where, in the packet, the next header field is that announced the fragment header: the whole packet
    /// has `nextHeader` there.
    public var nextHeaderFieldOffset: Int

    public init(
      offset: Int, moreFragments: Bool, identification: UInt32, nextHeader: UInt8,
      unfragmentableLength: Int, nextHeaderFieldOffset: Int
    ) {
      self.offset = offset
      self.moreFragments = moreFragments
      self.identification = identification
      self.nextHeader = nextHeader
      self.unfragmentableLength = unfragmentableLength
      self.nextHeaderFieldOffset = nextHeaderFieldOffset
    }
  }

  /// What a packet's headers say, and where its upper layer lies.
  public struct Parsed: Equatable, Sendable {
    public var header: IPv6Header
    /// The upper layer's protocol, behind all extension headers. For a fragment it is what the fragmentable
    /// part begins with.
    public var protocolNumber: UInt8
    /// Where, in the packet, the field with `protocolNumber` is: what an ICMPv6 parameter problem points to.
    public var protocolFieldOffset: Int
    /// The upper layer (for a fragment, the piece), in offsets from the start of the packet. Bytes behind the
    /// payload length are left out.
    public var payload: Range<Int>
    /// Nil unless the packet is a piece of a larger one. A fragment header on a whole packet (RFC 6946) is
    /// passed over.
    public var fragment: Fragment?
  }

  /// Appends the 40 bytes of the fixed header.
  /// - Precondition: `out` has room for them.
  @_lifetime(out: copy out)
  public func write(into out: inout OutputRawSpan) {
    let first = 0x6000_0000 | UInt32(trafficClass) << 20 | (flowLabel & 0xf_ffff)
    let second =
      UInt32(truncatingIfNeeded: payloadLength & 0xffff) << 16 | UInt32(nextHeader) << 8 | UInt32(hopLimit)
    out.appendUInt64(UInt64(first) << 32 | UInt64(second))
    out.appendUInt64(source.high)
    out.appendUInt64(source.low)
    out.appendUInt64(destination.high)
    out.appendUInt64(destination.low)
  }
}
