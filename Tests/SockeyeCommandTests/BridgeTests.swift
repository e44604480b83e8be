// The arguments of `sockeye bridge`. What it does to packets is shown by `scripts/interop-tun`.

import SockeyeBytes
import SockeyeSimulator
import Testing

@testable import SockeyeCommand

@Suite struct BridgeTests {
  @Test(arguments: [
    ["a"], ["a", "a"], ["a", "b", "--loss", "2"], ["a", "an-interface-with-a-long-name"],
    ["a", "b", "--both", "--reverse-loss", "1%"], ["a", "b", "--mtu", "12"],
  ])
  func whatMakesNoSenseIsRefused(_ arguments: [String]) {
    #expect(throws: (any Error).self) { try Bridge.parse(arguments) }
  }

  @Test func faultsStrikeWhatTheFirstSends() throws {
    let bridge = try Bridge.parse([
      "a", "b", "--rtt", "41us", "--rate", "10mbit", "--queue", "7p", "--loss", "1%", "--reverse-loss", "2%",
    ])
    let (there, back) = bridge.links
    #expect(there.loss == .percent(1) && back.loss == .percent(2))
    #expect(there.bitsPerSecond == 10_000_000 && back.bitsPerSecond == 10_000_000)
    #expect(there.queueLimit == .packets(7) && back.queueLimit == .packets(7))
    #expect(there.delay + back.delay == .microseconds(41))
  }

  @Test func orWhatEitherSends() throws {
    let (there, back) = try Bridge.parse(["a", "b", "--both", "--reorder", "5%:3ms", "--ecn"]).links
    #expect(back.reordering == .percent(5) && back.reorderingDelay == .milliseconds(3))
    #expect(back == there)
  }
}
