// Holds tests of what connections and networks leave behind in memory when they end in every way: nothing, as the
// allocator counts it. Each counts in a process of its own, for other tests allocate meanwhile. What the stack's own
// tables say is in CrowdTests.

import SockeyeSockets
import SockeyeSocketsTestSupport
import SockeyeStack
import SockeyeTCP
import SockeyeTunnel
import SockeyeWire
import Testing

@Suite("what the allocator counts", .enabled(if: Allocator.octetsInUse != nil))
struct AllocatorTests {
  @Test("a storm of cancellations leaves no memory in use")
  func cancellations() async {
    await #expect(processExitsWith: .success) {
      let storm = try await Storm()
      await Allocator.expectNothingLeft(byEachOf: storm.size) { round in
        // Some rounds end before anything has come about, others when much is under way.
        await storm.blow(cancelledAt: round % 11 * 5) { connection, _ in
          try? await connection.write([UInt8](repeating: Storm.Order.echo, count: 10_000))
          while let chunk = try? await connection.read(), !chunk.isEmpty {}
        }
      }
      await storm.end()
    }
  }

  @Test("connections that either end aborts leave no memory in use")
  func aborts() async {
    await #expect(processExitsWith: .success) {
      let storm = try await Storm()
      await Allocator.expectNothingLeft(byEachOf: storm.size) { _ in
        await storm.blow { connection, number in
          let isOurs = number % 2 == 0
          let text = [UInt8](repeating: isOurs ? Storm.Order.echo : Storm.Order.abort, count: 10_000)
          async let writing: Void? = try? connection.write(text)
          // Of some nothing has arrived yet, and of others much is under way in both directions.
          if isOurs, number % 4 == 0 { _ = try? await connection.read() }
          if isOurs { await connection.abort() }
          while let chunk = try? await connection.read(), !chunk.isEmpty {}
          await writing
        }
      }
      await storm.end()
    }
  }

  @Test("networks that are opened, used and ended leave no memory and no descriptors")
  func networks() async {
    await #expect(processExitsWith: .success) {
      let descriptor = try lowestFreeDescriptor()
      // Two networks, a listener, a forwarder, a flow, a socket and two ends of a connection each time.
      try await Allocator.expectNothingLeft(byEachOf: 8 * Farewell.allCases.count) { _ in
        for farewell in Farewell.allCases {
          let areGone = try await liveAndGo(farewell)
          #expect(areGone, "a network goes on, \(farewell)")
        }
      }
      // The runtime opens and closes a few of its own; networks that kept theirs would have hundreds open.
      for _ in 0..<5000 where try lowestFreeDescriptor() > descriptor + 10 {
        try await Task.sleep(for: .milliseconds(1))
      }
      let free = try lowestFreeDescriptor()
      #expect(free <= descriptor + 10, "descriptors up to \(free) are open")
    }
  }
}

/// The number of the next descriptor that the system gives: the smallest that nobody has.
private func lowestFreeDescriptor() throws -> Int32 { try WakeUp().descriptor.rawValue }
