// The arguments of `sockeye relay`. What it carries is shown by `scripts/interop`.

import SockeyeTCP
import SockeyeWire
import Testing

@testable import SockeyeCommand

@Suite struct RelayTests {
  @Test(arguments: [
    ["--to", "10.0.0.1:22"], ["--listen", "80"],
    ["--listen", "80", "--local", "127.0.0.1:80", "--to", "10.0.0.1:80"],
    ["--listen", "0", "--to", "127.0.0.1:80"], ["--listen", "80", "--to", "127.0.0.1"],
    ["--listen", "80", "--to", "0.0.0.0:80"], ["--local", "224.0.0.1:22", "--to", "10.0.0.1:22"],
    ["--local", "127.0.0.1:0", "--to", "10.0.0.1:22"], ["--listen", "80", "--to", "[ff02::1]:80"],
    ["--listen", "80", "--to", "127.0.0.1:80", "--congestion", "vegas"],
  ])
  func whatMakesNoSenseIsRefused(_ arguments: [String]) {
    #expect(throws: (any Error).self) { try Relay.parse(arguments) }
  }

  @Test func eitherTheStackTakesTheConnections() throws {
    let relay = try Relay.parse(["--listen", "http", "--to", "[::1]:8080", "--congestion", "bbr"])
    #expect(relay.listen == 80 && relay.local == nil)
    #expect(relay.to == Endpoint(parsing: "[::1]:8080"))
    #expect(relay.tcp.congestionControl == .bbr)
  }

  @Test func orTheKernelDoes() throws {
    let relay = try Relay.parse(["--local", "0.0.0.0:2222", "--to", "10.34.2.1:22", "--connections", "7"])
    #expect(relay.listen == nil && relay.local == Endpoint(parsing: "0.0.0.0:2222"))
    #expect(relay.connections == 7)
  }

  @Test func smallWritesAreNotHeldBack() throws {
    // The programs at the ends know what belongs together; a relay that waits for more only adds to the delay.
    #expect(try Relay.parse(["--listen", "80", "--to", "127.0.0.1:80"]).tcp.noDelay)
  }
}
