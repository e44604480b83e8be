// A ladder diagram of a timeline at a given width: two lifelines, arrows between them, states and times
// outside. What the rows say comes from LadderBuilder; how a row is drawn is in Ladder+Drawing.

public import SockeyeBytes
import SockeyeTCP
import SockeyeWire

/// A ladder diagram: time runs downwards, each host is a line, each packet an arrow.
///
///     let ladder = Ladder(timeline, columns: 108)
///     var text: [UInt8] = []
///     ladder.append(to: &text, coloured: false)
///
/// Packets that nothing happens beside take one row. Others leave in one row and arrive in a later one, and
/// wait in a lane in the middle: packets that overtake each other, or meet, cross there.
public struct Ladder: Sendable {
  /// The narrowest and the widest ladder.
  public static let narrowest = 64
  public static let widest = 132

  /// The width in columns.
  public let columns: Int
  let timeline: Timeline
  let rows: [LadderRow]
  let labels: [LadderLabel]
  let geometry: Geometry

  /// Where things stand, in columns.
  struct Geometry: Sendable {
    /// The lifelines.
    let left: Int
    let right: Int
    /// Whether the right host has a column of times of its own; if not, its times stand at the left.
    let hasRightTimes: Bool

    static let timeWidth = 11
    static let stateWidth = 12

    init(columns: Int) {
      hasRightTimes = columns >= 86
      left = Geometry.timeWidth + 1 + Geometry.stateWidth + 1
      right = columns - 1 - (1 + Geometry.stateWidth) - (hasRightTimes ? 1 + Geometry.timeWidth : 0)
    }

    /// The columns between the lifelines.
    var inside: Range<Int> { (left + 1)..<right }
    var middle: Int { (left + right) / 2 }

    func lifeline(of side: HostSide) -> Int {
      switch side {
      case .left: left
      case .right: right
      }
    }

    /// The column of a lane.
    func column(slot: Int) -> Int {
      min(max(middle + 2 * slot, left + 6), right - 6)
    }
  }

  /// Lays a timeline out.
  /// - Parameter columns: the width wished for; kept between `narrowest` and `widest`.
  public init(_ timeline: Timeline, columns: Int) {
    self.columns = min(max(columns, Ladder.narrowest), Ladder.widest)
    self.timeline = timeline
    geometry = Geometry(columns: self.columns)
    rows = LadderBuilder(timeline).rows
    labels = Ladder.makeLabels(timeline)
  }

  /// How many rows the ladder has. A row may take several lines.
  public var rowCount: Int { rows.count }

  /// When a row begins to show and when it is complete.
  public func span(ofRow row: Int) -> (start: Instant, end: Instant) { (rows[row].start, rows[row].end) }

  /// How long nothing happens, if that is what the row shows.
  public func silence(ofRow row: Int) -> Interval? {
    if case .silence(let length) = rows[row].content { return length }
    return nil
  }

  /// Appends the finished ladder, heading included, line by line.
  public func append(to sink: inout [UInt8], coloured: Bool) {
    var canvas = TextCanvas(columns: columns)
    drawHeading(on: &canvas)
    for row in rows.indices { draw(row: row, progress: 1, on: &canvas) }
    drawEnd(on: &canvas)
    for row in 0..<canvas.rows {
      canvas.appendRow(row, coloured: coloured, to: &sink)
      sink.append(0x0A)
    }
  }

  /// Draws the hosts' names and addresses over their lifelines.
  public func drawHeading(on canvas: inout TextCanvas) {
    let names = canvas.addRow()
    let addresses = canvas.addRow()
    for side in HostSide.allCases {
      let label = timeline.label(of: side)
      center(label.name, .strong, at: geometry.lifeline(of: side), row: names, on: &canvas)
      center(label.address.description, .faint, at: geometry.lifeline(of: side), row: addresses, on: &canvas)
    }
    let top = canvas.addRow()
    canvas.put("time", row: top, column: Geometry.timeWidth - 4, style: .faint)
    canvas.put("state", row: top, column: geometry.left - 6, style: .faint)
    canvas.put("state", row: top, column: geometry.right + 2, style: .faint)
    if geometry.hasRightTimes { canvas.put("time", row: top, column: columns - 4, style: .faint) }
    drawLifelines(row: top, on: &canvas)
  }

  private func drawEnd(on canvas: inout TextCanvas) {
    let row = canvas.addRow()
    for side in HostSide.allCases {
      canvas.put("╵", row: row, column: geometry.lifeline(of: side), style: .faint)
    }
  }

  private func center(
    _ text: String, _ style: TextStyle, at column: Int, row: Int, on canvas: inout TextCanvas
  ) {
    let width = DisplayWidth.of(text)
    let start = min(max(column - width / 2, 0), columns - width)
    canvas.put(text, row: row, column: max(start, 0), style: style)
  }

  /// The labels of all flights, with sequence numbers relative to the first SYN of their connection.
  private static func makeLabels(_ timeline: Timeline) -> [LadderLabel] {
    var numbering = SequenceNumbering()
    var lastWindow: [HostSide: UInt16] = [:]
    var labels: [LadderLabel] = []
    for flight in timeline.flights {
      guard let segment = flight.segment else {
        labels.append(LadderLabel(flight, header: nil, showsWindow: false))
        continue
      }
      var header = segment.header
      if !timeline.showsAbsoluteSequenceNumbers {
        numbering.note(header, from: segment.source, to: segment.destination)
        let bases = numbering.bases(of: header, from: segment.source, to: segment.destination)
        header.sequence = SequenceNumber(header.sequence.rawValue &- bases.sequence.rawValue)
        header.acknowledgment = SequenceNumber(
          header.acknowledgment.rawValue &- bases.acknowledgment.rawValue)
      }
      let isReset = header.flags.contains(.rst)
      let isNews =
        header.flags.contains(.syn) || header.window == 0 || lastWindow[flight.from] == 0
        || flight.purpose == .windowUpdate
      labels.append(LadderLabel(flight, header: header, showsWindow: isNews && !isReset))
      // A window that never arrives is no news to anybody.
      if !isReset, flight.fate != .lost { lastWindow[flight.from] = header.window }
    }
    return labels
  }
}
