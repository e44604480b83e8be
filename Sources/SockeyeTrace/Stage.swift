// The upper part of the animation: both hosts with their states and timers, and the packets between them
// where they are at a moment of virtual time.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeWire

/// The picture of a moment.
struct Stage: Sendable {
  /// A timer from the moment it is armed to the moment it fires or is switched off.
  private struct TimerSpan: Sendable {
    let side: HostSide
    let tuple: FourTuple
    let timer: TimerKind
    let deadline: Instant
    let begin: Mark
    var end: Mark?
  }

  /// A place in the timeline. Many things happen at one instant, and are seen one after the other.
  private struct Mark: Sendable {
    let at: Instant
    let entry: Int

    /// Whether it is over when `now` is shown and the entries before `limit`.
    func isPast(_ now: Instant, _ limit: Int) -> Bool { at <= now && entry < limit }
  }

  private let ladder: Ladder
  private var timers: [TimerSpan] = []
  /// The line each flight moves on.
  private var lanes: [Int] = []
  /// The entry with which each flight departs.
  private var departures: [Int] = []
  private static let laneCount = 4

  init(_ ladder: Ladder) {
    self.ladder = ladder
    collectMarks()
    assignLanes()
  }

  /// Draws the stage at the canvas's end.
  /// - Parameters:
  ///   - now: virtual time.
  ///   - shownRows: how many rows of the ladder are seen: the states are theirs.
  func draw(at now: Instant, shownRows: Int, on canvas: inout TextCanvas) {
    let first = canvas.rows
    let limit = shownRows < ladder.rows.count ? ladder.rows[shownRows].entry : ladder.timeline.entries.count
    for _ in 0..<(1 + Stage.laneCount) { canvas.addRow() }
    for side in HostSide.allCases {
      drawHost(side, row: first, on: &canvas)
      put(state(of: side, shownRows: shownRows)?.name ?? "", .state, side, row: first + 1, on: &canvas)
      drawTimers(side, at: now, limit: limit, row: first + 2, on: &canvas)
    }
    drawPackets(at: now, limit: limit, row: first + 1, on: &canvas)
    let bottom = canvas.addRow()
    canvas.horizontal(0..<canvas.columns, row: bottom, style: .faint)
  }

  // MARK: Hosts

  private func drawHost(_ side: HostSide, row: Int, on canvas: inout TextCanvas) {
    let label = ladder.timeline.label(of: side)
    let geometry = ladder.geometry
    put(label.name, .strong, side, row: row, on: &canvas)
    let inner = label.address.description
    switch side {
    case .left: canvas.put(inner, row: row, column: geometry.left + 2, style: .faint)
    case .right: canvas.put(inner, row: row, column: geometry.right - 1 - inner.utf8.count, style: .faint)
    }
    for line in row...(row + Stage.laneCount) {
      canvas.connect(.vertical, row: line, column: geometry.lifeline(of: side), style: .faint)
    }
  }

  /// The timers that run, with what is left of them. One that only gives up after minutes isn't worth a
  /// look yet.
  private func drawTimers(
    _ side: HostSide, at now: Instant, limit: Int, row: Int, on canvas: inout TextCanvas
  ) {
    var line = row
    for timer in timers where timer.side == side && timer.begin.isPast(now, limit) {
      if let end = timer.end, end.isPast(now, limit) { continue }
      let rest = timer.deadline - now
      if timer.timer == .userTimeout, rest > .minutes(1) { continue }
      guard line < row + Stage.laneCount - 1 else { break }
      let time = ClockText.countdown(rest)
      let text = "◷ \(timer.timer.shortName) \(time)"
      let isWide = side == .left || ladder.geometry.hasRightTimes
      put(isWide ? text : "◷ " + time, .timer, side, row: line, on: &canvas)
      line += 1
    }
  }

  /// Text in a host's margin, next to its lifeline.
  private func put(
    _ text: String, _ style: TextStyle, _ side: HostSide, row: Int, on canvas: inout TextCanvas
  ) {
    let geometry = ladder.geometry
    switch side {
    case .left:
      let shown = DisplayWidth.prefix(of: text, columns: geometry.left - 1)
      canvas.put(shown, row: row, column: geometry.left - 1 - DisplayWidth.of(shown), style: style)
    case .right: canvas.put(text, row: row, column: geometry.right + 2, style: style)
    }
  }

  /// The state the side came to last in the rows that are seen.
  private func state(of side: HostSide, shownRows: Int) -> TCPState? {
    var index = min(shownRows, ladder.rows.count) - 1
    while index >= 0 {
      if let state = ladder.rows[index].state(of: side) { return state }
      if ladder.rows[index].forgetful == side { return nil }
      index -= 1
    }
    return nil
  }

  // MARK: Packets

  private func drawPackets(at now: Instant, limit: Int, row: Int, on canvas: inout TextCanvas) {
    let inside = ladder.geometry.inside
    for flight in ladder.timeline.flights where flight.departure <= now && now < flight.arrival {
      guard departures[flight.number] < limit else { continue }
      let travel = Double(max((flight.arrival - flight.departure).nanoseconds, 1))
      let fraction = Double((now - flight.departure).nanoseconds) / travel
      let line = row + lanes[flight.number]
      let label = ladder.labels[flight.number]
      for column in inside where column % 2 == 0 { canvas.put("·", row: line, column: column, style: .faint) }
      let isGone = flight.fate == .lost && fraction > 0.7
      let text = label.text(columns: inside.count * 2 / 3)
      let token = isGone ? "✗ lost" : flight.from == .left ? " \(text) ▶" : "◀ \(text) "
      let room = inside.count - DisplayWidth.of(token)
      let way = Int(Double(room) * (isGone ? 0.7 : fraction))
      let column = flight.from == .left ? inside.lowerBound + way : inside.lowerBound + room - way
      canvas.put(token, row: line, column: column, style: isGone ? .loss : label.style)
    }
  }

  /// Packets in flight at the same time get different lines, as far as there are enough.
  private mutating func assignLanes() {
    var free: [Instant] = Array(repeating: .zero, count: Stage.laneCount)
    for flight in ladder.timeline.flights {
      var lane = 0
      for candidate in free.indices where free[candidate] < free[lane] { lane = candidate }
      for candidate in free.indices where free[candidate] <= flight.departure {
        lane = candidate
        break
      }
      free[lane] = flight.arrival
      lanes.append(lane)
    }
  }

  // MARK: Times

  private mutating func collectMarks() {
    departures = Array(repeating: 0, count: ladder.timeline.flights.count)
    for (index, entry) in ladder.timeline.entries.enumerated() {
      let mark = Mark(at: entry.at, entry: index)
      switch entry.kind {
      case .observed(let side, let observation):
        switch observation.kind {
        case .timerArmed(let tuple, let timer, let deadline):
          end(side, tuple, timer, mark)
          timers.append(
            TimerSpan(side: side, tuple: tuple, timer: timer, deadline: deadline, begin: mark, end: nil))
        case .timerCancelled(let tuple, let timer), .timerFired(let tuple, let timer):
          end(side, tuple, timer, mark)
        case .connectionClosed(let tuple, _):
          for timer in TimerKind.allCases { end(side, tuple, timer, mark) }
        case .segmentSent, .segmentReceived, .segmentDropped, .datagramSent, .datagramReceived,
          .datagramDropped, .packetDropped, .stateChanged:
          break
        }
      case .died(let side), .restarted(let side):
        for index in timers.indices where timers[index].side == side && timers[index].end == nil {
          timers[index].end = mark
        }
      case .departed(let flight): departures[flight] = index
      case .arrived, .application, .remarked, .narrated: break
      }
    }
  }

  private mutating func end(_ side: HostSide, _ tuple: FourTuple, _ timer: TimerKind, _ mark: Mark) {
    var index = timers.count - 1
    while index >= 0 {
      let span = timers[index]
      if span.side == side, span.timer == timer, span.tuple == tuple, span.end == nil {
        timers[index].end = mark
        return
      }
      index -= 1
    }
  }
}

extension TimerKind {
  /// A name that fits beside a countdown.
  fileprivate var shortName: String {
    switch self {
    case .retransmission: "resend in"
    case .zeroWindowProbe: "probe in"
    case .keepAlive: "keep-alive"
    case .sillyWindowOverride: "send in"
    case .delayedAcknowledgment: "ACK in"
    case .userTimeout: "give up in"
    case .timeWait: "2 MSL"
    case .orphan: "orphan"
    case .tailLossProbe: "tail probe in"
    case .reordering: "lost in"
    }
  }
}
