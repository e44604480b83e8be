// Initial sequence numbers (RFC 9293 §3.4.1, RFC 6528): a clock, and what nobody outside can know.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct InitialSequenceTests {
  private func generator(_ key: UInt64) -> InitialSequenceGenerator {
    InitialSequenceGenerator(key: HashKey(key, 1), offsetKey: HashKey(key, 2))
  }

  private func tuple(
    local: String = "10.0.0.1:80", remote: String = "10.0.0.2:40000"
  ) -> FourTuple {
    FourTuple(local: Endpoint(parsing: local)!, remote: Endpoint(parsing: remote)!)
  }

  /// The number that a host which has been up for so long begins a connection with.
  private func start(_ role: Conversation.Role, _ version: IPVersion, at time: Interval) -> UInt32 {
    let talk = Conversation(version, startTime: time)
    switch role {
    case .active: talk.connect()
    case .passive:
      talk.listen()
      talk.receive("S", seq: 0)
    }
    return talk.takeSent()[0].header.sequence.rawValue
  }

  @Test(.requirement("MUST-8"), arguments: [Conversation.Role.active, .passive], [IPVersion.v4, .v6])
  func theClockTicksEveryFourMicroseconds(_ role: Conversation.Role, _ version: IPVersion) {
    let first = start(role, version, at: .seconds(1000))
    #expect(start(role, version, at: .seconds(1001)) &- first == 250_000)
    #expect(start(role, version, at: .seconds(1000) + .microseconds(3)) == first)
    #expect(start(role, version, at: .seconds(1000) + .microseconds(4)) &- first == 1)
    // Once round in 2^32 × 4 µs, 4 h 46 min.
    #expect(start(role, version, at: .seconds(1000) + .microseconds(4) * (1 << 32)) == first)
  }

  @Test(.requirement("MUST-9"))
  func everyPartOfTheConnectionAndTheKeyCount() {
    let generator = generator(7)
    let number = generator.initialSequence(for: tuple(), at: .zero)
    #expect(generator.initialSequence(for: tuple(), at: .zero) == number)
    #expect(generator.initialSequence(for: tuple(local: "10.0.0.3:80"), at: .zero) != number)
    #expect(generator.initialSequence(for: tuple(local: "10.0.0.1:81"), at: .zero) != number)
    #expect(generator.initialSequence(for: tuple(remote: "10.0.0.4:40000"), at: .zero) != number)
    #expect(generator.initialSequence(for: tuple(remote: "10.0.0.2:40001"), at: .zero) != number)
    #expect(self.generator(8).initialSequence(for: tuple(), at: .zero) != number)
  }

  /// Whoever knows the numbers of his own connections learns nothing of his neighbour's: over ten thousand ports the
  /// distance from one to the next takes no value twice as often as chance has it, and each bit changes half the time.
  @Test(.requirement("MUST-9"))
  func neighboursTellNothing() {
    for key in [UInt64(1), 2, 3] {
      let generator = generator(key)
      let other = self.generator(key &+ 100)
      var distances: [UInt32: Int] = [:]
      var changes = [Int](repeating: 0, count: 32)
      var keptByOtherKey = 0
      var previous = generator.initialSequence(for: tuple(remote: "10.0.0.2:9999"), at: .zero).rawValue
      for port in 10_000..<20_000 {
        let tuple = tuple(remote: "10.0.0.2:\(port)")
        let number = generator.initialSequence(for: tuple, at: .zero).rawValue
        distances[number &- previous, default: 0] += 1
        for bit in 0..<32 where (number ^ previous) >> UInt32(bit) & 1 == 1 { changes[bit] += 1 }
        if other.initialSequence(for: tuple, at: .zero).rawValue == number { keptByOtherKey += 1 }
        previous = number
      }
      // Of 10,000 draws out of 2^32, a pair or two may be equal; three of a kind may not.
      #expect((distances.values.max() ?? 0) <= 2)
      #expect(distances.count >= 9_998)
      // Half of 10,000, give or take five standard deviations of 50.
      #expect(changes.allSatisfy { (4_750...5_250).contains($0) })
      #expect(keptByOtherKey <= 1)
    }
  }
}
