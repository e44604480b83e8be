// Holds the finished picture of a scenario: title, ladder, and what came true. It does not hold the
// animation.

import SockeyeSimulator
import SockeyeTrace

enum DemoPicture {
  /// The width where nobody knows one.
  static let pipeColumns = 108

  /// The whole picture as text.
  static func finished(_ run: ScenarioRun, columns: Int, coloured: Bool) -> [UInt8] {
    var text: [UInt8] = []
    text.append(title(of: run), .strong, coloured)
    text.append(contentsOf: Array("\n\n".utf8))
    Ladder(run.timeline, columns: columns).append(to: &text, coloured: coloured)
    text.append(contentsOf: Array("\n".utf8))
    for line in legend(of: run.timeline) {
      text.append(line, .faint, coloured)
      text.append(contentsOf: Array("\n".utf8))
    }
    text.append(contentsOf: Array("\nOutcome:\n".utf8))
    for outcome in run.outcomes {
      text.append(outcome.isKept ? "  ✓ " : "  ✗ ", outcome.isKept ? .success : .loss, coloured)
      text.append(contentsOf: Array((outcome.promise + "\n").utf8))
    }
    return text
  }

  /// What the words on the arrows mean.
  private static func legend(of timeline: Timeline) -> [String] {
    let origin = timeline.showsAbsoluteSequenceNumbers ? "" : ", counted from its sender's first"
    return [
      "SYN opens, FIN closes, RST breaks off, ACK acknowledges, PSH: hand it to the application now.",
      "seq: number of the first byte\(origin); ack: the next byte expected; len: bytes of data;",
      "win: how many more there is room for; mss: the most in one segment. SYN and FIN count as one byte each.",
    ]
  }

  static func title(of run: ScenarioRun) -> String {
    run.scenario.name + ": " + run.scenario.summary
  }
}

extension [UInt8] {
  /// Appends text in a style's colours.
  fileprivate mutating func append(_ text: String, _ style: TextStyle, _ coloured: Bool) {
    if coloured { append(style: style) }
    append(text: text)
    if coloured { append(style: .plain) }
  }
}
