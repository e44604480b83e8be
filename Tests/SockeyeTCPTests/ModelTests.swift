// The engine and the model of it see the same thousands of random sequences of events and must agree. A sequence that they
// disagree about is shrunk to its shortest form and printed. Deviations planted in the model show that a disagreement is seen.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct ModelTests {
  @Test(arguments: 0..<8)
  func theEngineDoesWhatTheModelDoes(_ part: Int) {
    for seed in part * 300..<(part + 1) * 300 {
      if let found = Self.divergence(seed: UInt64(seed), deviation: nil) {
        Issue.record("seed \(seed): \(found)")
        return
      }
    }
  }

  @Test(arguments: ModelTCP.Deviation.allCases)
  func aPlantedDeviationIsFound(_ deviation: ModelTCP.Deviation) throws {
    let seed = (0..<2_000).first { Self.divergence(seed: UInt64($0), deviation: deviation) != nil }
    let found = try #require(seed.map { Self.divergence(seed: UInt64($0), deviation: deviation) } ?? nil)
    #expect(found.events.count <= 8, "what is printed is short: \(found)")
    // Without the deviation the same events are agreed upon.
    #expect(Self.run(found.events, isPassive: found.isPassive, deviation: nil) == nil)
  }

  // MARK: Sequences

  struct Found: CustomStringConvertible {
    let isPassive: Bool
    let events: [ModelEvent]
    let message: String

    var description: String {
      ([message, isPassive ? "after a passive OPEN:" : "after an active OPEN:"] + events.map { "  \($0)" })
        .joined(separator: "\n")
    }
  }

  static func run(_ events: [ModelEvent], isPassive: Bool, deviation: ModelTCP.Deviation?) -> String? {
    let run = ModelRun(isPassive: isPassive, deviation: deviation)
    run.run(events)
    return run.divergence
  }

  static func divergence(seed: UInt64, deviation: ModelTCP.Deviation?) -> Found? {
    var random = SeededGenerator(seed: seed)
    let isPassive = Bool.random(using: &random)
    var events = opening(isPassive, &random)
    for _ in 0..<10 { events.append(event(&random)) }
    guard run(events, isPassive: isPassive, deviation: deviation) != nil else { return nil }
    return shrunk(events, isPassive, deviation)
  }

  /// Takes away events as long as something diverges.
  private static func shrunk(
    _ events: [ModelEvent], _ isPassive: Bool, _ deviation: ModelTCP.Deviation?
  ) -> Found? {
    var events = events
    var isShorter = true
    while isShorter {
      isShorter = false
      for index in events.indices.reversed() {
        var fewer = events
        fewer.remove(at: index)
        if run(fewer, isPassive: isPassive, deviation: deviation) != nil {
          events = fewer
          isShorter = true
        }
      }
    }
    return run(events, isPassive: isPassive, deviation: deviation).map {
      Found(isPassive: isPassive, events: events, message: $0)
    }
  }

  /// Most sequences begin with a handshake, or random segments would hardly ever get past it.
  private static func opening(_ isPassive: Bool, _ random: inout SeededGenerator) -> [ModelEvent] {
    func say(_ flags: TCPFlags, _ acknowledged: ModelChoice.Acknowledged) -> ModelEvent {
      .segment(
        ModelChoice(
          flags: flags, place: .expected, offset: 0, acknowledged: acknowledged, acknowledgmentOffset: 0,
          length: 0, window: 60_000))
    }
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return []
    case 1: return [say(.syn, .next)]
    default:
      return isPassive ? [say(.syn, .next), say(.ack, .next)] : [say([.syn, .ack], .next)]
    }
  }

  private static func event(_ random: inout SeededGenerator) -> ModelEvent {
    switch Int.random(in: 0..<20, using: &random) {
    case 0, 1: .send([1, 100, 1_000, 1_500].randomElement(using: &random)!)
    case 2, 3: .receive([1, 700, 5_000].randomElement(using: &random)!)
    case 4, 5: .close
    case 6 where Int.random(in: 0..<3, using: &random) == 0: .abort
    case 7: .wait([20, 200, 1_300, 61_000].randomElement(using: &random)!)
    default: .segment(choice(&random))
    }
  }

  private static func choice(_ random: inout SeededGenerator) -> ModelChoice {
    let flags: [TCPFlags] = [
      .ack, .ack, .ack, [.ack, .psh], [.ack, .psh], [.ack, .fin], [.ack, .fin], .rst, [.ack, .rst], .syn,
      [.syn, .ack], .fin, [],
    ]
    let isPlain = Int.random(in: 0..<3, using: &random) > 0
    return ModelChoice(
      flags: flags.randomElement(using: &random)!,
      place: isPlain ? .expected : ModelChoice.Place.allCases.randomElement(using: &random)!,
      offset: isPlain ? 0 : [-1_000, -2, -1, 0, 0, 1, 2].randomElement(using: &random)!,
      acknowledged: isPlain ? .next : ModelChoice.Acknowledged.allCases.randomElement(using: &random)!,
      acknowledgmentOffset: isPlain ? 0 : [-1, 0, 0, 0, 1].randomElement(using: &random)!,
      length: [0, 0, 0, 1, 100, 1_000].randomElement(using: &random)!,
      window: [60_000, 60_000, 60_000, 2_500, 500, 0].randomElement(using: &random)!)
  }
}
