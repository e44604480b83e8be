// Holds the layout of the routing-netlink messages that configure an interface (rtnetlink(7)), and of the
// answer to them; it sends nothing, so it is the same on every system.

/// A request to the kernel's routing socket, in the byte order of the machine.
struct NetlinkMessage: Equatable {
  private(set) var bytes: [UInt8]

  /// `nlmsghdr` comes first: length, type, flags, sequence number, port.
  private static let headerLength = 16

  private enum Kind: UInt16 {
    case newLink = 16  // RTM_NEWLINK
    case deleteLink = 17  // RTM_DELLINK
    case newAddress = 20  // RTM_NEWADDR
  }

  private enum Flags {
    static let request: UInt16 = 0x1
    static let acknowledge: UInt16 = 0x4
    static let replace: UInt16 = 0x100
    static let create: UInt16 = 0x400
  }

  private enum Attribute {
    static let linkMTU: UInt16 = 4  // IFLA_MTU
    static let linkQueueLength: UInt16 = 13  // IFLA_TXQLEN
    static let address: UInt16 = 1  // IFA_ADDRESS
    static let localAddress: UInt16 = 2  // IFA_LOCAL
    static let addressFlags: UInt16 = 8  // IFA_FLAGS
  }

  /// AF_INET and AF_INET6 of Linux, whatever the system that compiles this.
  private enum Family {
    static let v4: UInt8 = 2
    static let v6: UInt8 = 10
  }

  /// A request to bring an interface up.
  /// - Parameters:
  ///   - index: the interface's number.
  ///   - mtu: its largest packet in bytes; nil leaves it.
  ///   - queueLength: how many packets wait for us before the kernel drops some; nil leaves it.
  static func bringUp(index: UInt32, mtu: Int?, queueLength: Int?) -> NetlinkMessage {
    let up: UInt32 = 0x1  // IFF_UP
    var message = NetlinkMessage(.newLink, flags: 0)
    message.append(UInt8(0))  // family: any
    message.append(UInt8(0))
    message.append(UInt16(0))  // device type: as it is
    message.append(index)
    message.append(up)
    message.append(up)  // which flags to change
    if let mtu { message.append(Attribute.linkMTU, number: UInt32(mtu)) }
    if let queueLength { message.append(Attribute.linkQueueLength, number: UInt32(queueLength)) }
    message.finish()
    return message
  }

  /// A request to delete an interface.
  /// - Parameter index: the interface's number.
  static func deleteLink(index: UInt32) -> NetlinkMessage {
    var message = NetlinkMessage(.deleteLink, flags: 0)
    message.append(UInt32(0))  // family and type: any
    message.append(index)
    message.append(UInt32(0))
    message.append(UInt32(0))  // flags: no change
    message.finish()
    return message
  }

  /// A request to give an interface an address. One that it has is kept.
  /// - Parameters:
  ///   - address: 4 or 16 bytes in network order.
  ///   - prefixLength: how many bits its neighbours share.
  ///   - index: the interface's number.
  static func addAddress(_ address: [UInt8], prefixLength: Int, index: UInt32) -> NetlinkMessage {
    // Nobody on this link answers duplicate address detection (RFC 4862 section 5.4), and until it is over
    // an IPv6 address can't be used: IFA_F_NODAD makes it usable at once.
    let noDuplicateDetection: UInt8 = address.count == 4 ? 0 : 0x2
    var message = NetlinkMessage(.newAddress, flags: Flags.create | Flags.replace)
    message.append(address.count == 4 ? Family.v4 : Family.v6)
    message.append(UInt8(prefixLength))
    message.append(noDuplicateDetection)
    message.append(UInt8(0))  // scope: everywhere
    message.append(index)
    message.append(Attribute.localAddress, bytes: address)
    message.append(Attribute.address, bytes: address)
    message.append(Attribute.addressFlags, number: UInt32(noDuplicateDetection))
    message.finish()
    return message
  }

  /// What the kernel answered to a request.
  /// - Parameter reply: the bytes read.
  /// - Returns: 0 when it was done, an `errno` value when it was not, nil when this is no answer.
  static func outcome(of reply: [UInt8]) -> Int32? {
    let errorKind: UInt16 = 2  // NLMSG_ERROR, with code 0 an acknowledgment
    guard reply.count >= headerLength + 4, load(reply, at: 4, UInt16.self) == errorKind else { return nil }
    let code = Int32(bitPattern: load(reply, at: headerLength, UInt32.self))
    return code == .min ? nil : -code
  }

  private init(_ kind: Kind, flags: UInt16) {
    bytes = []
    append(UInt32(0))  // length: `finish` knows
    append(kind.rawValue)
    append(Flags.request | Flags.acknowledge | flags)
    append(UInt32(1))  // sequence number
    append(UInt32(0))  // port: the kernel
  }

  private mutating func append(_ attribute: UInt16, number: UInt32) {
    append(UInt16(8))
    append(attribute)
    append(number)
  }

  private mutating func append(_ attribute: UInt16, bytes value: [UInt8]) {
    precondition(value.count % 4 == 0, "attributes that need no padding are all there are here")
    append(UInt16(4 + value.count))
    append(attribute)
    bytes += value
  }

  private mutating func append<Number: FixedWidthInteger>(_ number: Number) {
    let width = Number.bitWidth / 8
    for place in 0..<width {
      let shift = Number(1).littleEndian == 1 ? place * 8 : (width - 1 - place) * 8
      bytes.append(UInt8(truncatingIfNeeded: number >> shift))
    }
  }

  private mutating func finish() {
    var length = NetlinkMessage(bytes: [])
    length.append(UInt32(bytes.count))
    bytes.replaceSubrange(0..<4, with: length.bytes)
  }

  private init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  private static func load<Number: FixedWidthInteger>(_ bytes: [UInt8], at offset: Int, _: Number.Type)
    -> Number
  {
    let width = Number.bitWidth / 8
    var number: Number = 0
    for place in 0..<width {
      let shift = Number(1).littleEndian == 1 ? place * 8 : (width - 1 - place) * 8
      number |= Number(bytes[offset + place]) << shift
    }
    return number
  }
}
