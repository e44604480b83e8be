// Shows addresses, prefixes and endpoints: text to value, value to text, and their kinds.

import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct AddressTests {
  @Test(arguments: ["0.0.0.0", "10.0.0.1", "255.255.255.255", "192.168.254.9"])
  func ipv4TextComesBack(_ text: String) {
    #expect(IPv4Address(parsing: text)?.description == text)
    #expect(IPAddress(parsing: text)?.description == text)
  }

  @Test(arguments: [
    "", ".", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.", ".1.2.3", "01.2.3.4", "1.2.3.04", "1.2.3.-4",
    "1.2.3.4 ", " 1.2.3.4", "1..2.3", "a.b.c.d", "1.2.3.99999999999999999999", "０.0.0.0", "1.2.3.4/8",
  ])
  func notAnIPv4Address(_ text: String) {
    #expect(IPv4Address(parsing: text) == nil)
    #expect(IPAddress(parsing: text) == nil)
  }

  /// RFC 4291 §2.2 forms, and RFC 5952's one form of each.
  @Test(arguments: [
    ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("0:0:0:0:0:0:0:1", "::1"),
    ("2001:DB8::8:800:200C:417A", "2001:db8::8:800:200c:417a"),
    ("2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"),
    ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
    ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("fe80::1", "fe80::1"), ("ff02::1", "ff02::1"),
    ("::ffff:192.0.2.128", "::ffff:192.0.2.128"), ("::FFFF:c000:280", "::ffff:192.0.2.128"),
    ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
    ("1::1.2.3.4", "1::102:304"), ("1:0:0:4::8", "1:0:0:4::8"), ("0:0:3::", "0:0:3::"),
    ("1:2:0:0:0:0:0:0", "1:2::"), ("0:0:0:0:0:0:0:0", "::"), ("::ffff:0:0", "::ffff:0.0.0.0"),
  ])
  func ipv6TextIsReadAndPrintedInOneForm(_ text: String, _ canonical: String) throws {
    let address = try #require(IPv6Address(parsing: text))
    #expect(address.description == canonical)
    #expect(IPv6Address(parsing: canonical) == address)
    #expect(IPAddress(parsing: text) == .v6(address))
  }

  @Test(arguments: [
    "", ":", ":::", "1", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::",
    "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::", "::1.2.3", "::1.2.3.4.5",
    "::1.2.3.4:5", "fe80::1%eth0", "[::1]", "::1/64", "1:2:3:4:5:6:7:", "::1:", "1::2:", " ::1",
    "::256.1.1.1",
    "1:2:3:4::5:6:7:8",
  ])
  func notAnIPv6Address(_ text: String) {
    #expect(IPv6Address(parsing: text) == nil)
    #expect(IPAddress(parsing: text) == nil)
  }

  @Test func everyIPv6AddressComesBackFromItsText() {
    var generator = SeededGenerator(seed: 5952)
    for _ in 0..<3000 {
      // Mostly zero groups, so that runs of all shapes appear.
      var address = IPv6Address.unspecified
      for index in 0..<8 where UInt8.random(in: 0..<5, using: &generator) < 2 {
        let group = UInt64(UInt16.random(in: 0...(.max), using: &generator) >> UInt16(index))
        if index < 4 { address.high |= group << UInt64(16 * index) }
        if index >= 4 { address.low |= group << UInt64(16 * (index - 4)) }
      }
      #expect(IPv6Address(parsing: address.description) == address, "\(address.description)")
    }
  }

  @Test func noTextTraps() {
    var generator = SeededGenerator(seed: 4291)
    let letters = Array("0123456789abcdefF:::...//[]% g\u{e9}")
    for _ in 0..<20_000 {
      var text = ""
      for _ in 0..<Int.random(in: 0...45, using: &generator) {
        text.append(letters[Int.random(in: 0..<letters.count, using: &generator)])
      }
      if let address = IPAddress(parsing: text) {
        #expect(IPAddress(parsing: address.description) == address)
      }
      if let prefix = AddressPrefix(parsing: text) {
        #expect(AddressPrefix(parsing: prefix.description) == prefix)
      }
      if let endpoint = Endpoint(parsing: text) {
        #expect(Endpoint(parsing: endpoint.description) == endpoint)
      }
    }
    #expect(IPAddress(parsing: String(repeating: "0", count: 100_000)) == nil)
  }

  @Test func kindsOfIPv4Addresses() {
    #expect(IPv4Address(127, 1, 2, 3).isLoopback)
    #expect(IPv4Address(224, 0, 0, 1).isMulticast && IPv4Address(239, 255, 255, 255).isMulticast)
    #expect(!IPv4Address(240, 0, 0, 1).isMulticast && IPv4Address(240, 0, 0, 1).isReserved)
    #expect(IPv4Address.limitedBroadcast.isLimitedBroadcast && IPv4Address.limitedBroadcast.isReserved)
    #expect(IPv4Address.unspecified.isUnspecified && IPv4Address(0, 1, 2, 3).isReserved)
    #expect(IPv4Address(169, 254, 7, 8).isLinkLocal)
    #expect(!IPv4Address(10, 0, 0, 1).isReserved)
    #expect(IPv4Address.loopback.description == "127.0.0.1")
  }

  @Test func kindsOfIPv6Addresses() throws {
    #expect(IPv6Address.loopback.isLoopback && IPv6Address.unspecified.isUnspecified)
    #expect(IPv6Address.allNodes.description == "ff02::1")
    #expect(try #require(IPv6Address(parsing: "ff05::2")).isMulticast)
    #expect(try #require(IPv6Address(parsing: "febf::2")).isLinkLocal)
    #expect(!(try #require(IPv6Address(parsing: "fec0::2")).isLinkLocal))
    let address = try #require(IPv6Address(parsing: "2001:db8::1:800:200e:8c6c"))
    #expect(address.solicitedNode.description == "ff02::1:ff0e:8c6c")
    #expect(address.ipv4Mapped == nil)
    #expect(IPv6Address(mapping: IPv4Address(1, 2, 3, 4)).ipv4Mapped == IPv4Address(1, 2, 3, 4))
    #expect(IPv6Address(mapping: IPv4Address(1, 2, 3, 4)).description == "::ffff:1.2.3.4")
  }
}

@Suite struct PrefixTests {
  func contains(_ prefix: String, _ address: String) throws -> Bool {
    try #require(AddressPrefix(parsing: prefix)).contains(#require(IPAddress(parsing: address)))
  }

  @Test func aPrefixContainsWhatBeginsWithIt() throws {
    #expect(try contains("10.0.0.1/24", "10.0.0.255"))
    #expect(try !contains("10.0.0.1/24", "10.0.1.0"))
    #expect(try contains("0.0.0.0/0", "255.1.2.3"))
    #expect(try contains("10.0.0.1/32", "10.0.0.1"))
    #expect(try !contains("10.0.0.1/32", "10.0.0.2"))
    #expect(try contains("fe80::1/64", "fe80::ffff:ffff:ffff:ffff"))
    #expect(try !contains("fe80::1/64", "fe80:0:0:1::"))
    #expect(try contains("2001:db8::/33", "2001:db8:7fff::"))
    #expect(try !contains("2001:db8::/33", "2001:db8:8000::"))
    #expect(try contains("::/0", "1::") && contains("::1/128", "::1") && !contains("::1/128", "::"))
    #expect(try contains("::1/127", "::") && !contains("::1/127", "::2") && contains("::/65", "::7fff:0:0:0"))
    #expect(try !contains("0.0.0.0/0", "::") && !contains("::/0", "0.0.0.0"))
  }

  @Test func networksAndBroadcasts() throws {
    let prefix = try #require(AddressPrefix(parsing: "10.1.2.3/20"))
    #expect(prefix.network.description == "10.1.0.0")
    #expect(prefix.broadcast?.description == "10.1.15.255")
    #expect(prefix.description == "10.1.2.3/20")
    #expect(AddressPrefix(parsing: "10.1.2.3/31")?.broadcast == nil)
    #expect(AddressPrefix(parsing: "10.1.2.3/30")?.broadcast?.description == "10.1.2.3")
    #expect(AddressPrefix(parsing: "10.1.2.3/0")?.broadcast == .limitedBroadcast)
    #expect(AddressPrefix(parsing: "2001:db8::5/48")?.network.description == "2001:db8::")
    #expect(AddressPrefix(parsing: "2001:db8::5/48")?.broadcast == nil)
    #expect(AddressPrefix(host: .v6(.loopback)).description == "::1/128")
    #expect(AddressPrefix(address: .v4(.loopback), length: 33) == nil)
    #expect(AddressPrefix(address: .v4(.loopback), length: -1) == nil)
  }

  @Test(arguments: [
    "10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "::1/129", "/24", "10.0.0.1/024", "::1/ 1", "::1/1x",
  ])
  func notAPrefix(_ text: String) {
    #expect(AddressPrefix(parsing: text) == nil)
  }
}

@Suite struct EndpointTests {
  @Test(arguments: ["10.0.0.1:80", "[::1]:65535", "[2001:db8::1]:0", "0.0.0.0:1"])
  func endpointsComeBackFromTheirText(_ text: String) {
    #expect(Endpoint(parsing: text)?.description == text)
  }

  @Test(arguments: [
    "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "::1:80", "[::1]", "[::1:80", "[10.0.0.1]:80", ":80",
  ])
  func notAnEndpoint(_ text: String) {
    #expect(Endpoint(parsing: text) == nil)
  }

  @Test func fourTuplesHashByAllTheirParts() {
    let key = HashKey(3, 4)
    func endpoint(_ last: UInt8, _ port: UInt16) -> Endpoint {
      Endpoint(address: .v4(IPv4Address(10, 0, 0, last)), port: port)
    }
    let tuple = FourTuple(local: endpoint(1, 80), remote: endpoint(2, 1000))
    let mapped = FourTuple(
      local: Endpoint(address: .v6(IPv6Address(mapping: IPv4Address(10, 0, 0, 1))), port: 80),
      remote: Endpoint(address: .v6(IPv6Address(mapping: IPv4Address(10, 0, 0, 2))), port: 1000))
    let others = [
      FourTuple(local: endpoint(3, 80), remote: endpoint(2, 1000)),
      FourTuple(local: endpoint(1, 81), remote: endpoint(2, 1000)),
      FourTuple(local: endpoint(1, 80), remote: endpoint(3, 1000)),
      FourTuple(local: endpoint(1, 80), remote: endpoint(2, 1001)), tuple.reversed, mapped,
    ]
    #expect(tuple.hash(with: key) == tuple.hash(with: key))
    #expect(tuple.hash(with: key) != tuple.hash(with: HashKey(4, 3)))
    for other in others {
      #expect(other != tuple)
      #expect(other.hash(with: key) != tuple.hash(with: key))
      #expect(other.hashWords != tuple.hashWords)
    }
    #expect(tuple.reversed.reversed == tuple)
    #expect(tuple.description == "10.0.0.1:80 <-> 10.0.0.2:1000")
    #expect(mapped.version == .v6)
    #expect(endpoint(1, 80).dotted == "10.0.0.1.80")
  }
}
