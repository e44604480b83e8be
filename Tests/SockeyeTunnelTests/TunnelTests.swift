// Shows that a TUN interface can be made, configured, used and lost. What a stack does with the packets is
// shown in TunnelDriverTests.

#if os(Linux)
  import Glibc
  import SockeyeBytes
  import SockeyeWire
  import Testing

  @testable import SockeyeTunnel

  @Suite(.needsTunnel) struct TunnelTests {
    @Test func theKernelsPacketsComeOutAndOursGoIn() throws {
      try inOwnNetworkNamespace {
        let tunnel = try Tunnel(name: "t0")
        let facts = (tunnel.interface, tunnel.mtu, tunnel.isPersistent)
        #expect(facts == ("t0", 1500, false))
        try tunnel.addHostAddress(#require(AddressPrefix(parsing: "10.9.8.1/24")))
        try tunnel.bringUp()
        let kernel = try KernelSocket(v6: false, boundTo: 4000)
        try kernel.send("hello", to: "10.9.8.2", port: 5000)
        let packet = try #require(firstPacket(of: tunnel) { $0[9] == 17 })
        #expect(packet.count == 33 && String(decoding: packet[28...], as: UTF8.self) == "hello")
        // The same packet with the ends exchanged: neither checksum changes.
        let addresses = Array(packet[16..<20] + packet[12..<16])
        let ports = Array(packet[22..<24] + packet[20..<22])
        let answer = packet[..<12] + addresses + ports + packet[24...]
        #expect(try write(Array(answer), to: tunnel) == .written)
        #expect(try kernel.receive() == "hello")
      }
    }

    @Test func ipv6WorksAtOnceWithoutDuplicateAddressDetection() throws {
      try inOwnNetworkNamespace {
        let tunnel = try Tunnel(name: "t0")
        try tunnel.addHostAddress(#require(AddressPrefix(parsing: "fd00:9::1/64")))
        try tunnel.bringUp()
        let kernel = try KernelSocket(v6: true, boundTo: 4000)
        try kernel.send("hello", to: "fd00:9::2", port: 5000)
        let packet = try #require(firstPacket(of: tunnel) { $0[0] >> 4 == 6 && $0[6] == 17 })
        #expect(String(decoding: packet[48...], as: UTF8.self) == "hello")
      }
    }

    @Test func manyPacketsAreReadAWakeUp() throws {
      try inOwnNetworkNamespace {
        let tunnel = try Tunnel(name: "t0", mtu: 1400)
        try tunnel.addHostAddress(#require(AddressPrefix(parsing: "10.9.8.1/24")))
        try tunnel.bringUp()
        #expect(try NetworkLink.mtu(of: "t0") == 1400)
        #expect(try NetworkLink.isUp("t0"))
        let kernel = try KernelSocket(v6: false, boundTo: 4000)
        for number in 0..<100 { try kernel.send("\(number)", to: "10.9.8.2", port: 5000) }
        for number in 0..<100 {
          let packet = try #require(firstPacket(of: tunnel) { $0[0] >> 4 == 4 && $0[9] == 17 })
          #expect(String(decoding: packet[28...], as: UTF8.self) == "\(number)")
        }
        #expect(firstPacket(of: tunnel) { $0[0] >> 4 == 4 } == nil)
      }
    }

    @Test func anAddressMayBeGivenTwice() throws {
      try inOwnNetworkNamespace {
        let tunnel = try Tunnel(name: "t0")
        for text in ["10.9.8.1/24", "10.9.8.1/24", "fd00:9::1/64", "fd00:9::1/64"] {
          try tunnel.addHostAddress(#require(AddressPrefix(parsing: text)))
        }
      }
    }

    @Test func aNameWithANumberToFillInGetsTheFirstFreeOne() throws {
      try inOwnNetworkNamespace {
        let first = try Tunnel()
        let second = try Tunnel()
        let names = [first.interface, second.interface]
        #expect(names == ["sockeye0", "sockeye1"])
      }
    }

    @Test func whatIsWrongIsTold() throws {
      try inOwnNetworkNamespace {
        let tunnel = try Tunnel(name: "t0")
        let name = tunnel.interface
        #expect(throws: TunnelError.busy(interface: "t0")) { _ = try Tunnel(name: name) }
        #expect(throws: TunnelError.notATunnel(interface: "lo")) { _ = try Tunnel(name: "lo") }
        #expect(throws: TunnelError.invalidMTU(67)) { _ = try Tunnel(mtu: 67) }
        for name in ["", "a b", "a/b", ".", "..", "sixteen-bytes-ab"] {
          #expect(throws: TunnelError.invalidName(name)) { _ = try Tunnel(name: name) }
        }
      }
    }

    @Test func anInterfaceThatIsDownLosesPackets() throws {
      try inOwnNetworkNamespace {
        let tunnel = try Tunnel(name: "t0")
        #expect(try write([UInt8](repeating: 0x45, count: 40), to: tunnel) == .lost)
      }
    }

    @Test func anInterfaceThatIsDeletedIsGone() throws {
      try inOwnNetworkNamespace {
        let tunnel = try Tunnel(name: "t0")
        try tunnel.bringUp()
        try deleteInterface("t0")
        let gone = TunnelError.vanished(interface: "t0")
        expect(gone) { () throws(TunnelError) in _ = try read(tunnel) }
        expect(gone) { () throws(TunnelError) in
          _ = try write([UInt8](repeating: 0x45, count: 40), to: tunnel)
        }
        expect(gone) { () throws(TunnelError) in try tunnel.bringUp() }
      }
    }

    @Test func aPersistentInterfaceIsAttachedToAndStays() throws {
      try inOwnNetworkNamespace {
        try makePersistentInterface("t0")
        do {
          let tunnel = try Tunnel(name: "t0")
          let isPersistent = tunnel.isPersistent
          #expect(isPersistent)
          try tunnel.bringUp()
        }
        #expect(NetworkLink.exists("t0"))
        do {
          let tunnel = try Tunnel(name: "t1")
          let isPersistent = tunnel.isPersistent
          #expect(!isPersistent)
        }
        #expect(!NetworkLink.exists("t1"))
      }
    }
  }

  /// Macros can't lend a value that can't be copied to their closures; a plain function can.
  private func expect(_ error: TunnelError, _ body: () throws(TunnelError) -> Void) {
    do {
      try body()
      Issue.record("nothing was thrown instead of: \(error)")
    } catch let thrown {
      #expect(thrown == error)
    }
  }

  /// Reads one packet, or nothing.
  private func read(_ tunnel: borrowing Tunnel) throws(TunnelError) -> [UInt8] {
    var packet = FrameBuffer(capacity: 2048)
    _ = try packet.fill { output throws(TunnelError) in try tunnel.read(into: &output) }
    return [UInt8](packet.bytes)
  }

  private func write(_ packet: [UInt8], to tunnel: borrowing Tunnel) throws(TunnelError) -> Tunnel.WriteResult
  {
    try tunnel.write(packet.span.bytes)
  }

  /// The next packet that the condition holds for, among those that are there: the kernel sends some of its
  /// own accord.
  private func firstPacket(of tunnel: borrowing Tunnel, where condition: ([UInt8]) -> Bool) -> [UInt8]? {
    while let packet = try? read(tunnel), !packet.isEmpty {
      if condition(packet) { return packet }
    }
    return nil
  }

  /// As `ip link del` does.
  private func deleteInterface(_ name: String) throws {
    try NetworkLink.configure(name) { index in .deleteLink(index: index) }
  }

  /// As `ip tuntap add` does.
  private func makePersistentInterface(_ name: String) throws {
    let tunnel = try Tunnel(name: name)
    let setPersistent: UInt = 0x4004_54cb  // TUNSETPERSIST
    let outcome = ioctl(tunnel.descriptor.rawValue, setPersistent, 1 as Int32)
    try #require(outcome == 0)
  }
#endif
