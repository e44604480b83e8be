// Whole transfers between two connections: every byte arrives once and in order whatever the wire does.

import SockeyeBytes
import SockeyeTestSupport
import SockeyeWire
import Testing

@testable import SockeyeTCP

@Suite struct TransferTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var faults: WireFaults
    var testDescription: String { name }
  }

  static let cases: [Case] = [
    Case(name: "clean", faults: WireFaults()),
    Case(name: "loss 2 %", faults: WireFaults(loss: 0.02)),
    Case(name: "loss 20 %", faults: WireFaults(loss: 0.2)),
    Case(name: "duplicates", faults: WireFaults(duplication: 0.3)),
    Case(name: "reordering", faults: WireFaults(reordering: 0.3)),
    Case(name: "everything", faults: WireFaults(loss: 0.05, duplication: 0.1, reordering: 0.2)),
  ]

  static func pattern(_ count: Int, _ seed: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  @Test(arguments: cases, 1...6 as ClosedRange<UInt64>)
  func bothDirections(_ test: Case, seed: UInt64) {
    var configuration = TCPConfiguration()
    configuration.userTimeout = nil
    configuration.timestamps = seed % 2 == 0
    configuration.windowScaling = seed % 3 != 0
    configuration.receiveBufferCapacity = seed % 4 == 0 ? 5_000 : 100_000
    configuration.sendBufferCapacity = 65_536
    var pair = Pair(seed: seed, configuration: configuration)
    pair.faults = test.faults
    let fromClient = Self.pattern(200_000, seed)
    let fromServer = Self.pattern(60_000, seed + 100)
    var sent = (client: 0, server: 0)
    let done = pair.run(for: .hours(2)) { pair in
      Self.feed(&pair.client, fromClient, &sent.client, at: pair.now)
      if pair.server != nil { Self.feed(&pair.server!, fromServer, &sent.server, at: pair.now) }
      pair.drain()
      let clientOver = pair.client.state == .timeWait || pair.client.state == .closed
      let serverState = pair.serverState
      let serverOver = serverState == .timeWait || (serverState == .closed && pair.server != nil)
      return clientOver && serverOver
    }
    let end = pair.summary
    #expect(done, "both ends finish; \(end)")
    #expect(pair.received.server == fromClient)
    #expect(pair.received.client == fromServer)
  }

  static func feed(_ connection: inout Connection, _ bytes: [UInt8], _ sent: inout Int, at now: Instant) {
    guard connection.state != .closed, connection.state != .timeWait else { return }
    while sent < bytes.count, connection.writableCount > 0 {
      let piece = Array(bytes[sent..<min(sent + 10_000, bytes.count)])
      let taken = piece.withRawSpan { (try? connection.write($0, at: now)) ?? 0 }
      if taken == 0 { break }
      sent += taken
    }
    if sent == bytes.count { try? connection.finish(at: now) }
  }
}
