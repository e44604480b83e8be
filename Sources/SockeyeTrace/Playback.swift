// A timeline played back: which row of the ladder shows when, how fast virtual time runs meanwhile, and the
// picture at any moment. It reads no clock: whoever shows it says how much time has passed for the
// spectator.

public import SockeyeBytes

/// An animation of a timeline: a stage with packets moving between two hosts, and the ladder growing below
/// it.
///
/// Virtual time doesn't run evenly: a packet takes about a second of the spectator's time however fast the
/// wire, and a silence of hours no longer than one of seconds.
public struct Playback: Sendable {
  /// One row's share of the spectator's time.
  private struct Step: Sendable {
    let begin: Interval
    let end: Interval
    let from: Instant
    let to: Instant
  }

  /// The smallest picture.
  public static let fewestColumns = Ladder.narrowest
  public static let fewestRows = 12

  public let ladder: Ladder
  private let stage: Stage
  private let steps: [Step]

  public init(_ timeline: Timeline, columns: Int) {
    let ladder = Ladder(timeline, columns: columns)
    self.ladder = ladder
    stage = Stage(ladder)
    var steps: [Step] = []
    var begin: Interval = .zero
    for row in 0..<ladder.rowCount {
      let span = ladder.span(ofRow: row)
      let next = row + 1 < ladder.rowCount ? ladder.span(ofRow: row + 1).start : span.end
      let end = begin + ladder.readingTime(ofRow: row)
      steps.append(Step(begin: begin, end: end, from: span.start, to: max(span.end, next)))
      begin = end
    }
    self.steps = steps
  }

  /// How long the animation takes at normal speed.
  public var duration: Interval { steps.last?.end ?? .zero }

  /// Draws the picture at a moment of the spectator's time.
  /// - Parameters:
  ///   - elapsed: the spectator's time since the beginning, at normal speed.
  ///   - rows: the height of the picture; at least `fewestRows`.
  public func draw(at elapsed: Interval, rows: Int, on canvas: inout TextCanvas) {
    let position = row(at: elapsed)
    let step = position < steps.count ? steps[position] : steps.last
    var fraction = 1.0
    var now = ladder.timeline.end
    if let step, elapsed < step.end {
      let length = Double(max((step.end - step.begin).nanoseconds, 1))
      fraction = min(max(Double((elapsed - step.begin).nanoseconds) / length, 0), 1)
      now = step.from + Interval(nanoseconds: Int64(Double((step.to - step.from).nanoseconds) * fraction))
    }
    let first = canvas.rows
    stage.draw(at: now, shownRows: position + 1, on: &canvas)
    let height = rows - (canvas.rows - first) - 1
    drawLadder(until: position, fraction: fraction, height: max(height, 1), on: &canvas)
    drawClock(now, silence: position < ladder.rowCount ? ladder.silence(ofRow: position) : nil, on: &canvas)
  }

  /// The row that is under way.
  private func row(at elapsed: Interval) -> Int {
    var low = 0
    var high = steps.count
    while low < high {
      let middle = (low + high) / 2
      if steps[middle].end <= elapsed { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The last rows that fit.
  private func drawLadder(until position: Int, fraction: Double, height: Int, on canvas: inout TextCanvas) {
    let last = min(position, ladder.rowCount - 1)
    // A row takes at least one line, so that no more rows than lines can be seen.
    var part = TextCanvas(columns: canvas.columns)
    for row in max(0, last - height + 1)..<(last + 1) {
      ladder.draw(row: row, progress: row == position ? fraction : 1, on: &part)
    }
    canvas.append(part, rows: max(0, part.rows - height)..<part.rows)
    for _ in part.rows..<max(height, part.rows) { canvas.addRow() }
  }

  private func drawClock(_ now: Instant, silence: Interval?, on canvas: inout TextCanvas) {
    let row = canvas.addRow()
    let clock = "t = " + ClockText.text(now - ladder.timeline.start)
    let end = canvas.put(clock, row: row, column: 1, style: .strong)
    let note = silence.map { "   \(ClockText.words($0)) pass in a blink" } ?? ""
    canvas.put(note, row: row, column: end, style: .timer)
    let help = "Ctrl-C ends"
    canvas.put(help, row: row, column: max(canvas.columns - help.utf8.count - 1, 0), style: .faint)
  }
}

extension Ladder {
  /// How long a spectator needs for a row.
  fileprivate func readingTime(ofRow number: Int) -> Interval {
    switch rows[number].content {
    case .arrow(let flight):
      timeline.flights[flight].fate == .lost ? .milliseconds(1_000) : .milliseconds(1_300)
    case .departure, .arrival, .copy: .milliseconds(600)
    case .remark(_, let text, _): .milliseconds(500 + 12 * DisplayWidth.of(text))
    case .narration(let text): .milliseconds(800 + 25 * DisplayWidth.of(text))
    case .change: .milliseconds(400)
    case .silence: .milliseconds(1_600)
    }
  }
}
