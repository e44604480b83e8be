// The vocabulary of pcapng files (draft-ietf-opsawg-pcapng): block types, option codes, link types, and the
// constants a reader and a writer share. Holds no reading or writing: see PcapngWriter.

/// Constants of the pcapng file format.
public enum Pcapng {
  /// What a block is. Every block is its type, its total length, a body padded to 32 bits, and its length
  /// again.
  public enum BlockType: UInt32, Sendable {
    case sectionHeader = 0x0A0D_0D0A
    case interfaceDescription = 1
    case simplePacket = 3
    case nameResolution = 4
    case interfaceStatistics = 5
    case enhancedPacket = 6
  }

  /// The byte-order magic of a section header, as a number in the section's own byte order.
  public static let byteOrderMagic: UInt32 = 0x1A2B_3C4D

  /// What a packet's first bytes are.
  public enum LinkType: UInt16, Sendable {
    case ethernet = 1
    /// A bare IPv4 or IPv6 header; the version nibble tells which.
    case raw = 101
  }

  /// Which way a packet went, seen from the interface: the low two bits of `epb_flags`.
  public enum Direction: UInt32, Sendable {
    case inbound = 1
    case outbound = 2
  }

  /// Option codes. Codes below 16 mean the same in each block (0 and 1 here); the rest depends on the block.
  package enum Option {
    static let end: UInt16 = 0
    static let comment: UInt16 = 1
    static let sectionApplication: UInt16 = 4
    static let interfaceName: UInt16 = 2
    static let interfaceDescription: UInt16 = 3
    static let interfaceTimeResolution: UInt16 = 9
    static let packetFlags: UInt16 = 2
  }
}
