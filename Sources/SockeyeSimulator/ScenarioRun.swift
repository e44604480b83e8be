// What a scenario leaves behind: the recording, and for each thing it promised whether it came true.

public import SockeyeTrace

/// One promise of a scenario, checked against what the engine did.
public struct Outcome: Sendable, Equatable {
  public let promise: String
  public let isKept: Bool
}

/// A finished scenario.
public struct ScenarioRun: Sendable {
  public let scenario: Scenario
  public let timeline: Timeline
  public let outcomes: [Outcome]

  /// Whether everything came out as promised.
  public var isAsPromised: Bool {
    for outcome in outcomes where !outcome.isKept { return false }
    return true
  }
}
