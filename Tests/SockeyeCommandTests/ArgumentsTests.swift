// Shows how arguments are read, and that what can't be read says what was expected. What the commands do with
// them is shown by `scripts/interop-tun`.

import ArgumentParser
import SockeyeBytes
import SockeyeWire
import Testing

@testable import SockeyeCommand

@Suite struct ArgumentsTests {
  @Test(arguments: [
    ("0", 0), ("4096", 4096), ("1KB", 1000), ("1kb", 1000), ("64KiB", 65536), ("100MB", 100_000_000),
    ("1G", 1_000_000_000), ("2Gi", 2 << 30), ("3b", 3), ("1024TiB", 1 << 50),
  ])
  func sizes(text: String, bytes: Int) throws {
    #expect(try Arguments.size(text) == bytes)
  }

  @Test(arguments: [
    "", "MB", "-1", "1.5MB", "1XB", "1 MB", "٣", "1025TiB", "99999999999999999999", "99999999999GB",
  ])
  func impossibleSizes(text: String) {
    expectValidationError { try Arguments.size(text) }
  }

  @Test(arguments: ["1.5": 1_500_000, "0.001": 1000, "60": 60_000_000, "0.2": 200_000])
  func times(text: String, microseconds: Int) throws {
    #expect(try Arguments.seconds(text) == .microseconds(microseconds))
  }

  @Test(arguments: ["", "0", "-1", "nan", "inf", "1e9", "1s"])
  func impossibleTimes(text: String) {
    expectValidationError { try Arguments.seconds(text) }
  }

  @Test func portsAndServices() throws {
    #expect(try Arguments.port("65535") == 65535)
    #expect(try Arguments.service("http") == 80)
    #expect(try Arguments.service("8080") == 8080)
    for text in ["0", "65536", "-1", "http", "", "1.0"] { expectValidationError { try Arguments.port(text) } }
    // TFTP is there, but not over TCP.
    for text in ["0", "70000", "tftp", "nothing"] { expectValidationError { try Arguments.service(text) } }
  }

  @Test(arguments: [
    "", "localhost", "10.0.0", "10.0.0.256", "0.0.0.0", "224.0.0.1", "::", "ff02::1", "1.2.3.4/8",
  ])
  func impossibleHosts(text: String) {
    expectValidationError { try Arguments.host(text) }
  }

  @Test(arguments: ["10.0.0.1", "10.0.0.1/33", "fd00::1/129", "10.0.0.1/", "0.0.0.0/0", "ff02::1/64", "x/24"])
  func impossiblePrefixes(text: String) {
    expectValidationError { try Arguments.prefix(text) }
  }

  @Test func theOtherEndIsTheFirstOfTheNetwork() throws {
    let defaults = try LinkAddresses(ours: [], host: [], network: 1)
    #expect(defaults.ours == prefixes("10.34.1.2/24", "fd34:1::2/64"))
    #expect(defaults.host == prefixes("10.34.1.1/24", "fd34:1::1/64"))
    let given = try LinkAddresses(ours: prefixes("192.168.7.1/30", "fd00::77/126"), host: [], network: 1)
    #expect(given.host == prefixes("192.168.7.2/30", "fd00::75/126"))
    let host = try LinkAddresses(ours: [], host: prefixes("10.1.2.3/16"), network: 1)
    #expect(host.ours == prefixes("10.1.0.1/16"))
  }

  @Test func bothEndsMustBeKnownAndDiffer() {
    expectValidationError { try LinkAddresses(ours: prefixes("10.0.0.1/32"), host: [], network: 1) }
    expectValidationError { try LinkAddresses(ours: [], host: prefixes("fd00::1/128"), network: 1) }
    let same = prefixes("10.0.0.1/24")
    expectValidationError { try LinkAddresses(ours: same, host: same, network: 1) }
  }

  @Test func wholeCommandLinesAreCheckedBeforeAnythingIsDone() {
    let wrong = [
      ["serve", "--bytes", "5"], ["serve", "--mode", "x"], ["serve", "--tun", "a/b"],
      ["serve", "--mtu", "67"], ["serve", "--statistics", "xml"],
      ["serve", "--mtu", "576", "--address", "fd00::2/64"], ["serve", "--backlog", "0"], ["connect"],
      ["connect", "10.0.0.1"], ["connect", "127.0.0.1", "80"], ["ping"],
      ["ping", "10.0.0.1", "--count", "0"],
      ["ping", "10.0.0.1", "--size", "65508"], ["ports", "65536"], ["ports", "nothing-like-it"],
    ]
    for arguments in wrong {
      #expect(throws: (any Error).self, "\(arguments)") { _ = try Sockeye.parseAsRoot(arguments) }
    }
  }

  private func prefixes(_ texts: String...) -> [AddressPrefix] {
    texts.compactMap { AddressPrefix(parsing: $0) }
  }

  private func expectValidationError<Value>(_ body: () throws -> Value) {
    #expect(throws: ValidationError.self) { _ = try body() }
  }
}
