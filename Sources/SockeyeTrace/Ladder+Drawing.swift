// How one row of a ladder is drawn: lifelines, arrows whole or half, lanes, remarks wrapped to the room
// there is.

import SockeyeBytes
import SockeyeTCP

extension Ladder {
  /// Draws a row at the canvas's end; it may take several lines there.
  /// - Parameters:
  ///   - row: which row of the ladder.
  ///   - progress: how far a packet in it has come, from 0 to 1.
  public func draw(row number: Int, progress: Double, on canvas: inout TextCanvas) {
    let row = rows[number]
    let line = canvas.addRow()
    drawLifelines(row: line, on: &canvas)
    drawLanes(row, line: line, on: &canvas)
    switch row.content {
    case .arrow(let flight): drawArrow(flight, line: line, progress: progress, on: &canvas)
    case .departure(let flight, let slot): drawDeparture(flight, slot: slot, line: line, on: &canvas)
    case .arrival(let flight, let slot): drawArrival(flight, slot: slot, line: line, on: &canvas)
    case .copy(let flight): drawCopy(flight, line: line, on: &canvas)
    case .remark(let side, let text, let style):
      drawRemark(row, side, text, style, line: line, on: &canvas)
    case .change: break
    case .narration(let text): drawNarration(row, text, line: line, on: &canvas)
    case .silence(let length):
      drawCentered("⋮  " + ClockText.words(length) + " later  ⋮", .faint, line: line, on: &canvas)
    }
    drawMargins(number, line: line, isArrived: progress >= 1, on: &canvas)
  }

  func drawLifelines(row: Int, on canvas: inout TextCanvas) {
    for side in HostSide.allCases {
      canvas.connect(.vertical, row: row, column: geometry.lifeline(of: side), style: .faint)
    }
  }

  /// States and times beside the lifelines. What arrives shows once it has arrived.
  private func drawMargins(_ number: Int, line: Int, isArrived: Bool, on canvas: inout TextCanvas) {
    let row = rows[number]
    for side in HostSide.allCases {
      guard let time = row.time(of: side), isArrived || time == row.start else { continue }
      if !repeatsTime(number, side, time) { drawTime(time, side, line: line, on: &canvas) }
      guard let state = row.state(of: side) else { continue }
      switch side {
      case .left:
        canvas.put(state.name, row: line, column: geometry.left - 1 - state.name.utf8.count, style: .state)
      case .right:
        canvas.put(state.name, row: line, column: geometry.right + 2, style: .state)
      }
    }
  }

  /// Whether the row before gave this side the same time already.
  private func repeatsTime(_ number: Int, _ side: HostSide, _ time: Instant) -> Bool {
    var index = number - 1
    while index >= 0 {
      if let earlier = rows[index].time(of: side) { return earlier == time }
      index -= 1
    }
    return false
  }

  private func drawTime(_ time: Instant, _ side: HostSide, line: Int, on canvas: inout TextCanvas) {
    let text = ClockText.text(time - timeline.start)
    let isLeft = side == .left || !geometry.hasRightTimes
    let end = isLeft ? Geometry.timeWidth : columns
    canvas.put(text, row: line, column: end - text.utf8.count, style: .faint)
  }

  private func drawLanes(_ row: LadderRow, line: Int, on canvas: inout TextCanvas) {
    for lane in row.lanes {
      let column = geometry.column(slot: lane.slot)
      canvas.connect(.vertical, row: line, column: column, style: labels[lane.flight].style)
    }
  }

  // MARK: Arrows

  private func drawArrow(_ number: Int, line: Int, progress: Double, on canvas: inout TextCanvas) {
    let flight = timeline.flights[number]
    let style = labels[number].style
    let inside = geometry.inside
    // A lost packet gets most of the way, as far as its label allows, and leaves room to say so.
    let lossWidth = 7
    let isLost = flight.fate == .lost
    let reach = isLost ? inside.count - lossWidth : inside.count
    let path =
      flight.from == .left
      ? inside.lowerBound..<(inside.lowerBound + reach) : (inside.upperBound - reach)..<inside.upperBound
    canvas.horizontal(path, row: line, style: style)
    let text = labels[number].text(columns: path.count - 6)
    let start = path.lowerBound + (path.count - DisplayWidth.of(text) - 2) / 2
    canvas.put(" " + text + " ", row: line, column: start, style: style)

    let travelled = progress >= 1 ? path.count : Int(Double(path.count) * progress)
    if travelled < path.count {
      let ahead =
        flight.from == .left
        ? (path.lowerBound + travelled)..<path.upperBound : path.lowerBound..<(path.upperBound - travelled)
      canvas.erase(ahead, row: line)
    }
    guard travelled > 0 else { return }
    let head = flight.from == .left ? path.lowerBound + travelled - 1 : path.upperBound - travelled
    drawHead(flight, column: head, line: line, isEnd: travelled == path.count, style: style, on: &canvas)
    joinLifeline(flight.from, line: line, style: style, on: &canvas)
    if isLost, travelled == path.count {
      switch flight.from {
      case .left: canvas.put(" lost", row: line, column: head + 1, style: .loss)
      case .right: canvas.put("lost ", row: line, column: head - 5, style: .loss)
      }
    }
  }

  private func drawHead(
    _ flight: Flight, column: Int, line: Int, isEnd: Bool, style: TextStyle, on canvas: inout TextCanvas
  ) {
    if isEnd, flight.fate == .lost || flight.verdict != nil {
      canvas.put("✗", row: line, column: column, style: .loss)
    } else {
      canvas.put(flight.from == .left ? "▶" : "◀", row: line, column: column, style: style)
    }
  }

  private func joinLifeline(_ side: HostSide, line: Int, style: TextStyle, on canvas: inout TextCanvas) {
    canvas.connect(
      side == .left ? .right : .left, row: line, column: geometry.lifeline(of: side), style: .faint)
  }

  /// The first half of a packet that meets others: from its sender to its lane, where it turns down.
  private func drawDeparture(_ number: Int, slot: Int, line: Int, on canvas: inout TextCanvas) {
    let flight = timeline.flights[number]
    let style = labels[number].style
    let turn = geometry.column(slot: slot)
    let text: String
    switch flight.from {
    case .left:
      canvas.horizontal((geometry.left + 1)..<turn, row: line, style: style)
      canvas.connect([.left, .down], row: line, column: turn, style: style)
      text = labels[number].text(columns: turn - geometry.left - 6)
      canvas.put(" " + text + " ", row: line, column: geometry.left + 3, style: style)
    case .right:
      canvas.horizontal((turn + 1)..<geometry.right, row: line, style: style)
      canvas.connect([.right, .down], row: line, column: turn, style: style)
      text = labels[number].text(columns: geometry.right - turn - 6)
      canvas.put(
        " " + text + " ", row: line, column: geometry.right - 4 - DisplayWidth.of(text), style: style)
    }
    joinLifeline(flight.from, line: line, style: style, on: &canvas)
  }

  /// The second half: out of its lane to the receiver.
  private func drawArrival(_ number: Int, slot: Int, line: Int, on canvas: inout TextCanvas) {
    let flight = timeline.flights[number]
    let style = labels[number].style
    let turn = geometry.column(slot: slot)
    switch flight.from {
    case .left:
      canvas.connect([.up, .right], row: line, column: turn, style: style)
      canvas.horizontal((turn + 1)..<(geometry.right - 1), row: line, style: style)
      let text = " " + labels[number].text(columns: geometry.right - turn - 8, quotesPayload: false) + " "
      canvas.put(text, row: line, column: geometry.right - 3 - DisplayWidth.of(text), style: style)
      drawHead(flight, column: geometry.right - 1, line: line, isEnd: true, style: style, on: &canvas)
    case .right:
      canvas.connect([.up, .left], row: line, column: turn, style: style)
      canvas.horizontal((geometry.left + 2)..<turn, row: line, style: style)
      let text = " " + labels[number].text(columns: turn - geometry.left - 8, quotesPayload: false) + " "
      canvas.put(text, row: line, column: geometry.left + 4, style: style)
      drawHead(flight, column: geometry.left + 1, line: line, isEnd: true, style: style, on: &canvas)
    }
  }

  /// A copy comes out of the middle: no host has sent it.
  private func drawCopy(_ number: Int, line: Int, on canvas: inout TextCanvas) {
    let flight = timeline.flights[number]
    let style = labels[number].style
    let inside = geometry.inside
    let path =
      flight.from == .left
      ? (inside.lowerBound + inside.count / 6)..<inside.upperBound
      : inside.lowerBound..<(inside.upperBound - inside.count / 6)
    for column in path { canvas.put("╌", row: line, column: column, style: style) }
    let text = labels[number].text(columns: path.count - 8)
    let start = path.lowerBound + (path.count - DisplayWidth.of(text) - 2) / 2
    canvas.put(" " + text + " ", row: line, column: start, style: style)
    let head = flight.from == .left ? path.upperBound - 1 : path.lowerBound
    drawHead(flight, column: head, line: line, isEnd: true, style: style, on: &canvas)
  }

  // MARK: Words

  /// What a host does, beside its lifeline, on as many lines as it needs.
  private func drawRemark(
    _ row: LadderRow, _ side: HostSide, _ text: String, _ style: TextStyle, line: Int,
    on canvas: inout TextCanvas
  ) {
    let room = row.lanes.isEmpty ? geometry.inside.count - 2 : innermostRoom(row, side)
    for (index, piece) in TextWrapping.wrap(text, columns: max(room, 12)).enumerated() {
      let target = index == 0 ? line : addContinuation(row, on: &canvas)
      switch side {
      case .left: canvas.put(piece, row: target, column: geometry.left + 2, style: style)
      case .right:
        canvas.put(piece, row: target, column: geometry.right - 1 - DisplayWidth.of(piece), style: style)
      }
    }
  }

  /// The columns between a lifeline and the nearest lane.
  private func innermostRoom(_ row: LadderRow, _ side: HostSide) -> Int {
    var room = geometry.inside.count
    for lane in row.lanes {
      let column = geometry.column(slot: lane.slot)
      room = min(room, abs(column - geometry.lifeline(of: side)))
    }
    return room - 4
  }

  private func drawNarration(_ row: LadderRow, _ text: String, line: Int, on canvas: inout TextCanvas) {
    for (index, piece) in TextWrapping.wrap(text, columns: geometry.inside.count - 4).enumerated() {
      let target = index == 0 ? line : addContinuation(row, on: &canvas)
      drawCentered(piece, .narration, line: target, on: &canvas)
    }
  }

  private func addContinuation(_ row: LadderRow, on canvas: inout TextCanvas) -> Int {
    let line = canvas.addRow()
    drawLifelines(row: line, on: &canvas)
    drawLanes(row, line: line, on: &canvas)
    return line
  }

  private func drawCentered(_ text: String, _ style: TextStyle, line: Int, on canvas: inout TextCanvas) {
    let start = geometry.left + (geometry.right - geometry.left - DisplayWidth.of(text) + 1) / 2
    canvas.put(text, row: line, column: max(start, geometry.left + 1), style: style, end: geometry.right)
  }
}
