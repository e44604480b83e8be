// Writes packets as pcapng blocks: one section, one interface, one vantage point a file. It appends to the
// caller's bytes and does no I/O; whoever holds the file decides when to write.

import SockeyeBytes

/// A pcapng file with one interface, nanosecond times, and a comment and direction on each packet.
///
/// ```swift
/// let writer = PcapngWriter(interfaceName: "client")
/// var file: [UInt8] = []
/// writer.appendHeader(to: &file)
/// writer.appendPacket(frame, at: now, direction: .outbound, comment: "retransmission 2, RTO 2 s", to: &file)
/// ```
///
/// One file is one vantage point: what one host sent and received, at the times it did. Merging two hosts'
/// views into a file would show each packet twice, and every analyser would call the second a
/// retransmission.
public struct PcapngWriter: Sendable {
  /// The epoch of virtual time: 1 September 1981, the month RFC 793 came out, in seconds since 1970. A
  /// fixed epoch makes the file of a simulated run the same bytes every time.
  public static let virtualEpochSeconds: UInt64 = 368_150_400

  /// The interface's name, shown by analysers.
  public let interfaceName: String
  /// What the packets begin with.
  public let linkType: Pcapng.LinkType
  /// The most bytes of a packet the file holds; longer ones are cut. 0 sets no limit.
  public let snapLength: UInt32
  /// Nanoseconds from 1970 to `Instant.zero`.
  public let epochNanoseconds: UInt64

  /// - Parameters:
  ///   - interfaceName: shown by analysers, such as "client" or "tun0".
  ///   - linkType: what the packets begin with.
  ///   - snapLength: the most bytes of a packet the file holds; 0 sets no limit.
  ///   - epochNanoseconds: nanoseconds from 1970 to `Instant.zero`; by default virtual time's fixed epoch.
  public init(
    interfaceName: String, linkType: Pcapng.LinkType = .raw, snapLength: UInt32 = 262_144,
    epochNanoseconds: UInt64 = PcapngWriter.virtualEpochSeconds * 1_000_000_000
  ) {
    self.interfaceName = interfaceName
    self.linkType = linkType
    self.snapLength = snapLength
    self.epochNanoseconds = epochNanoseconds
  }

  /// Appends the section header and the interface description: what a file starts with.
  public func appendHeader(to file: inout [UInt8]) {
    let section = file.openBlock(.sectionHeader)
    file.append(little: Pcapng.byteOrderMagic)
    file.append(little: UInt16(1))
    file.append(little: UInt16(0))
    file.append(little: UInt64.max)  // section length: not given
    file.appendOption(Pcapng.Option.sectionApplication, Array("Sockeye".utf8))
    file.append(little: UInt32(Pcapng.Option.end))
    file.closeBlock(section)

    let interface = file.openBlock(.interfaceDescription)
    file.append(little: linkType.rawValue)
    file.append(little: UInt16(0))
    file.append(little: snapLength)
    file.appendOption(Pcapng.Option.interfaceName, Array(interfaceName.utf8))
    file.appendOption(Pcapng.Option.interfaceTimeResolution, [9])  // 10^-9 s
    file.append(little: UInt32(Pcapng.Option.end))
    file.closeBlock(interface)
  }

  /// Appends one packet.
  /// - Parameters:
  ///   - packet: the packet as it went over the link.
  ///   - at: when it left or arrived.
  ///   - direction: which way, seen from the interface.
  ///   - comment: what it is, for the person who reads the file; empty for none.
  public func appendPacket(
    _ packet: [UInt8], at: Instant, direction: Pcapng.Direction, comment: String, to file: inout [UInt8]
  ) {
    let limit = snapLength == 0 ? packet.count : min(packet.count, Int(clamping: snapLength))
    let time = epochNanoseconds &+ at.nanoseconds
    let block = file.openBlock(.enhancedPacket)
    file.append(little: UInt32(0))  // the interface's number in this section
    file.append(little: UInt32(truncatingIfNeeded: time >> 32))
    file.append(little: UInt32(truncatingIfNeeded: time))
    file.append(little: UInt32(clamping: limit))
    file.append(little: UInt32(clamping: packet.count))
    file.append(contentsOf: packet[..<limit])
    file.pad()
    if !comment.isEmpty {
      file.appendOption(Pcapng.Option.comment, Array(comment.utf8))
    }
    file.append(little: Pcapng.Option.packetFlags)
    file.append(little: UInt16(4))
    file.append(little: direction.rawValue)
    file.append(little: UInt32(Pcapng.Option.end))
    file.closeBlock(block)
  }
}

extension Array where Element == UInt8 {
  fileprivate mutating func append<Number: FixedWidthInteger>(little value: Number) {
    var rest = value
    for _ in 0..<(Number.bitWidth / 8) {
      append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  /// Zeros up to a multiple of four bytes. Blocks start at a multiple of four of the file, and so do their
  /// fields; the caller's bytes may start anywhere in it, as long as what was written before came from
  /// here.
  fileprivate mutating func pad() {
    while count % 4 != 0 { append(0) }
  }

  /// Writes a block's type and a place for its length; answers where the block starts.
  fileprivate mutating func openBlock(_ type: Pcapng.BlockType) -> Int {
    let start = count
    append(little: type.rawValue)
    append(little: UInt32(0))
    return start
  }

  /// Fills in the block's length, in front and behind.
  fileprivate mutating func closeBlock(_ start: Int) {
    let length = UInt32(clamping: count - start + 4)
    append(little: length)
    for index in 0..<4 {
      self[start + 4 + index] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(index)))
    }
  }

  /// An option: code, length without padding, value, padding. A value longer than a length field can say is
  /// cut.
  fileprivate mutating func appendOption(_ code: UInt16, _ value: [UInt8]) {
    var end = Swift.min(value.count, Int(UInt16.max) & ~3)
    while end < value.count, end > 0, value[end] & 0xC0 == 0x80 { end -= 1 }  // not inside a UTF-8 character
    append(little: code)
    append(little: UInt16(truncatingIfNeeded: end))
    append(contentsOf: value[..<end])
    pad()
  }
}
