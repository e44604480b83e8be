// Holds what stands around a segment: who it is from and to, and the header of its packet. There is one place
// where a packet's header is written, and it is here.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

/// The header of a packet about to be sent.
struct PacketHeader {
  var source: IPAddress
  var destination: IPAddress
  var protocolNumber: UInt8
  var timeToLive: UInt8
  /// DSCP and ECN.
  var trafficClass: UInt8
  /// IPv6 only (RFC 6437); IPv4 has none.
  var flowLabel: UInt32 = 0
  /// IPv4 only: what reassembly tells datagrams apart by. RFC 6864 §4.1: anything for one that is never cut.
  var identification: UInt16 = 0
  var dontFragment = true
  var moreFragments = false
  /// IPv4 only, octets.
  var fragmentOffset = 0

  /// Octets of the header.
  var length: Int { destination.version.headerLength }

  /// The header and the eight octets behind it, as an ICMP error quotes them.
  /// - Parameter length: octets behind the header in all.
  func quotation(of first: UInt64, length: Int) -> [UInt8] {
    var buffer = FrameBuffer(capacity: self.length + 8)
    buffer.fill { frame in
      write(payloadLength: length, into: &frame)
      frame.appendUInt64(first)
    }
    return [UInt8](buffer.bytes)
  }

  /// Appends the header of a packet with `payloadLength` octets behind it.
  ///
  /// A link with a header of its own (`InterfaceConfiguration.Medium`) gets that one written here, first.
  @inline(__always)
  func write(payloadLength: Int, into frame: inout OutputRawSpan) {
    switch (source, destination) {
    case (.v4(let source), .v4(let destination)):
      IPv4Header(
        source: source, destination: destination, protocolNumber: protocolNumber,
        payloadLength: payloadLength, identification: identification, dontFragment: dontFragment,
        moreFragments: moreFragments, fragmentOffset: fragmentOffset, timeToLive: timeToLive,
        trafficClass: trafficClass
      ).write(into: &frame)
    case (.v6(let source), .v6(let destination)):
      IPv6Header(
        source: source, destination: destination, nextHeader: protocolNumber, payloadLength: payloadLength,
        hopLimit: timeToLive, trafficClass: trafficClass, flowLabel: flowLabel
      ).write(into: &frame)
    case (.v4, .v6), (.v6, .v4):
      preconditionFailure("both ends of a packet are of one version")
    }
  }
}

/// What goes around all segments of one connection.
struct Envelope {
  let tuple: FourTuple
  /// Of the pseudo-header without the length (RFC 9293 §3.1).
  let pseudoHeaderSum: UInt32
  let flowLabel: UInt32
  var link: LinkID
  var timeToLive: UInt8
  var trafficClass: UInt8

  init(tuple: FourTuple, link: LinkID, timeToLive: UInt8, trafficClass: UInt8, flowKey: HashKey) {
    self.tuple = tuple
    self.link = link
    self.timeToLive = timeToLive
    self.trafficClass = trafficClass
    pseudoHeaderSum = PseudoHeader.sum(
      source: tuple.local.address, destination: tuple.remote.address, protocolNumber: IPProtocol.tcp,
      length: 0)
    flowLabel =
      tuple.version == .v4 ? 0 : UInt32(truncatingIfNeeded: tuple.hash(with: flowKey)) & 0xf_ffff
  }

  var addressing: SegmentAddressing {
    SegmentAddressing(
      sourcePort: tuple.local.port, destinationPort: tuple.remote.port, pseudoHeaderSum: pseudoHeaderSum)
  }

  /// Appends the header of the packet around a segment of `length` octets.
  ///
  /// TCP never sends what may be cut on the way (RFC 1191 §3, A-12): DF is set and the identification is zero.
  ///
  /// - Parameter isMarkable: ECT(0): the packet may be marked instead of dropped (RFC 3168 §5).
  func writeHeader(length: Int, isMarkable: Bool = false, into frame: inout OutputRawSpan) {
    PacketHeader(
      source: tuple.local.address, destination: tuple.remote.address, protocolNumber: IPProtocol.tcp,
      timeToLive: timeToLive, trafficClass: isMarkable ? trafficClass | 2 : trafficClass, flowLabel: flowLabel
    ).write(payloadLength: length, into: &frame)
  }
}
