// Shows the bytes of routing-netlink messages against what `strace ip …` shows, on any system.

import Testing

@testable import SockeyeTunnel

@Suite struct NetlinkMessageTests {
  private var isLittleEndian: Bool { 1.littleEndian == 1 }

  @Test func anIPv6AddressComesWithoutDuplicateAddressDetection() {
    guard isLittleEndian else { return }
    let address: [UInt8] = [0xfd, 0] + [UInt8](repeating: 0, count: 13) + [1]
    let message = NetlinkMessage.addAddress(address, prefixLength: 64, index: 7)
    var expected: [UInt8] = [72, 0, 0, 0, 20, 0, 5, 5, 1, 0, 0, 0, 0, 0, 0, 0]
    expected += [10, 64, 2, 0, 7, 0, 0, 0]
    expected += [20, 0, 2, 0] + address + [20, 0, 1, 0] + address
    expected += [8, 0, 8, 0, 2, 0, 0, 0]
    #expect(message.bytes == expected)
  }

  @Test func bringingUpSetsWhatIsGivenAlone() {
    guard isLittleEndian else { return }
    let plain = NetlinkMessage.bringUp(index: 3, mtu: nil, queueLength: nil)
    let header: [UInt8] = [32, 0, 0, 0, 16, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    #expect(plain.bytes == header + [0, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0])
    let full = NetlinkMessage.bringUp(index: 3, mtu: 1500, queueLength: 4096)
    #expect(full.bytes.suffix(16) == [8, 0, 4, 0, 0xdc, 5, 0, 0, 8, 0, 13, 0, 0, 16, 0, 0])
  }

  @Test func theOutcomeIsTheKernelsErrorNumber() {
    guard isLittleEndian else { return }
    let header: [UInt8] = [36, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    #expect(NetlinkMessage.outcome(of: header + [0, 0, 0, 0]) == 0)
    #expect(NetlinkMessage.outcome(of: header + [0xff, 0xff, 0xff, 0xff]) == 1)
    #expect(NetlinkMessage.outcome(of: header) == nil)
    #expect(NetlinkMessage.outcome(of: header + [0, 0, 0, 0x80]) == nil)
    #expect(NetlinkMessage.outcome(of: [36, 0, 0, 0, 3, 0] + header.dropFirst(6) + [0, 0, 0, 0]) == nil)
  }
}
