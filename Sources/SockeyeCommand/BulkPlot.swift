// Holds the picture of a bulk transfer over time: congestion window and bytes in flight, round trip, time and sequence.
// Elements and axes are in SVGCanvas and PlotAxis, the data is BulkRecording's.

import SockeyeBytes
import SockeyeSimulator

/// An SVG of three panels over one time axis.
struct BulkPlot {
  private static let width = 1000
  private static let left = 80
  private static let right = 970
  private static let panelHeight = 220
  private static let headerHeight = 48
  /// More transfers than this are not told apart by eye; the first ones are drawn.
  private static let flowLimit = 6
  /// Points of one curve, all transfers together.
  private static let pointLimit = 3000

  private static let grid = PlotStroke(colour: "#e3e3e3", width: 8)
  private static let frame = PlotStroke(colour: "#888888", width: 10)
  private static let needed = PlotStroke(colour: "#d62728", width: 26)
  private static let spurious = PlotStroke(colour: "#8e44ad", width: 26)
  /// Colours that those who don't see red or green can tell apart (Okabe and Ito), dark enough for white ground.
  private static let palette = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9"]

  private let report: BulkReport
  private let flows: [BulkFlowRecording]
  private let time: PlotAxis
  private let titleLines: [String]
  private var canvas: SVGCanvas
  private var top = 0

  /// Draws a run.
  static func document(_ report: BulkReport, _ recordings: [BulkFlowRecording]) -> String {
    var plot = BulkPlot(report, recordings)
    plot.draw()
    return plot.canvas.document
  }

  private init(_ report: BulkReport, _ recordings: [BulkFlowRecording]) {
    self.report = report
    flows = Array(recordings.prefix(BulkPlot.flowLimit))
    let end = flows.compactMap { $0.samples.elements.last?.at.nanoseconds }.max() ?? 1
    time = PlotAxis(upTo: end, .time, ticks: 12, endsAtTick: false)
    titleLines = BulkPlot.lines(of: BulkText.title(of: report.configuration))
    let height = 54 + 17 * titleLines.count + 3 * (BulkPlot.headerHeight + BulkPlot.panelHeight + 24) + 24
    canvas = SVGCanvas(width: BulkPlot.width, height: height, title: BulkText.title(of: report.configuration))
  }

  private var isAlone: Bool { flows.count == 1 }

  private mutating func draw() {
    canvas.write("sockeye simulate bulk", at: .pixels(24, 30), size: 17, colour: "#111111", isBold: true)
    top = 50
    for line in titleLines + [summary] {
      canvas.write(line, at: .pixels(24, top), size: 12)
      top += 17
    }
    top -= 8
    drawWindows()
    drawRoundTrips()
    drawSequence()
    let bottom = top - 24 + 34
    canvas.write(
      "time since the connections were opened (\(time.unitName))",
      at: .pixels((BulkPlot.left + BulkPlot.right) / 2, bottom), anchor: .middle)
  }

  /// Cuts what is too long for the picture's width behind a comma.
  static func lines(of title: String) -> [String] {
    var lines: [String] = []
    for part in title.split(separator: ",", omittingEmptySubsequences: false) {
      if let last = lines.last, last.count + part.count < 140 {
        lines[lines.count - 1] = last + "," + part
      } else {
        if !lines.isEmpty { lines[lines.count - 1] += "," }
        lines.append(String(part.drop { $0 == " " }))
      }
    }
    return lines
  }

  private var summary: String {
    var text =
      "goodput \(QuantityText.rate(report.goodput)), \(QuantityText.percent(report.share)) of the rate; "
    text += "\(QuantityText.count(report.retransmitted)) of \(QuantityText.count(report.segments)) segments "
    text += "retransmitted, \(QuantityText.count(report.spurious)) of them spurious; "
    text += "\(report.timeouts) timeouts"
    if report.flows.count > flows.count {
      text += "; the first \(flows.count) of \(report.flows.count) flows"
    }
    return text
  }

  // MARK: Panels

  private mutating func drawWindows() {
    let samples = flows.flatMap { $0.samples.elements }
    let largest = samples.map { UInt64(max($0.congestionWindow, $0.inFlight)) }.max() ?? 1
    let axis = PlotAxis(upTo: largest, .bytes, ticks: 5)
    var legend: [(String, PlotStroke)] = []
    if isAlone {
      legend = [("congestion window", stroke(0, 18)), ("bytes in flight", stroke(1, 10))]
    }
    beginPanel(
      isAlone ? "Congestion window and bytes in flight" : "Congestion window, and bytes in flight (faint)",
      axis, legend)
    for (number, flow) in flows.enumerated() {
      let faint = isAlone ? stroke(1, 10) : stroke(number, 10, opacity: 40)
      curve(flow, faint, axis) { UInt64($0.inFlight) }
      curve(flow, stroke(number, 18), axis) { UInt64($0.congestionWindow) }
    }
    endPanel()
  }

  private mutating func drawRoundTrips() {
    let path = UInt64(report.configuration.roundTrip.nanoseconds)
    let samples = flows.flatMap { $0.samples.elements }
    let largest = samples.compactMap { $0.roundTrip.map { UInt64($0.nanoseconds) } }.max() ?? 0
    let axis = PlotAxis(upTo: max(largest, path), .time, ticks: 5)
    let base = PlotStroke(colour: "#666666", width: 10, isDashed: true)
    let legend = [("propagation alone", base)]
    beginPanel(
      "Round trip, smoothed by the sender", axis,
      isAlone ? [("smoothed round trip", stroke(0, 14))] + legend : legend)
    let y = axis.position(of: path, from: bottom, to: top * 10)
    canvas.line(
      from: PlotPoint(x: BulkPlot.left * 10, y: y), to: PlotPoint(x: BulkPlot.right * 10, y: y), base)
    for (number, flow) in flows.enumerated() {
      curve(flow, stroke(number, 14), axis) { $0.roundTrip.map { UInt64($0.nanoseconds) } }
    }
    endPanel()
  }

  private mutating func drawSequence() {
    let axis = PlotAxis(upTo: report.configuration.bytes, .bytes, ticks: 5)
    var legend = [
      ("retransmitted", BulkPlot.needed), ("retransmitted in vain (spurious)", BulkPlot.spurious),
    ]
    if isAlone { legend = [("acknowledged", stroke(0, 14)), ("sent", stroke(1, 10))] + legend }
    beginPanel(
      isAlone ? "Time and sequence" : "Time and sequence: acknowledged, and sent (faint)", axis, legend)
    for (number, flow) in flows.enumerated() {
      curve(flow, isAlone ? stroke(1, 10) : stroke(number, 10, opacity: 40), axis) { $0.sent }
      curve(flow, stroke(number, 14), axis) { $0.acknowledged }
    }
    for flow in flows {
      for isSpurious in [false, true] {
        let points = flow.retransmissions.elements.filter { $0.isSpurious == isSpurious }
          .map { point($0.at, $0.offset, axis) }
        canvas.dots(points, isSpurious ? BulkPlot.spurious : BulkPlot.needed)
      }
    }
    endPanel()
  }

  // MARK: Parts of a panel

  private var bottom: Int { (top + BulkPlot.panelHeight) * 10 }

  private func stroke(_ number: Int, _ width: Int, opacity: Int = 100) -> PlotStroke {
    PlotStroke(colour: BulkPlot.palette[number % BulkPlot.palette.count], width: width, opacity: opacity)
  }

  /// Title, legend, grid and labels; `top` is then the panel's upper edge.
  private mutating func beginPanel(_ title: String, _ axis: PlotAxis, _ legend: [(String, PlotStroke)]) {
    canvas.write(
      "\(title) (\(axis.unitName))", at: .pixels(BulkPlot.left, top + 22), size: 13, colour: "#111111",
      isBold: true)
    let names = report.flows.enumerated().prefix(flows.count).map {
      ("flow \($0 + 1), \($1.algorithm.name)", stroke($0, 18))
    }
    drawLegend((isAlone ? [] : names) + legend, y: top + 40)
    top += BulkPlot.headerHeight
    for tick in axis.ticks {
      let y = axis.position(of: tick, from: bottom, to: top * 10)
      canvas.line(
        from: PlotPoint(x: BulkPlot.left * 10, y: y), to: PlotPoint(x: BulkPlot.right * 10, y: y),
        BulkPlot.grid)
      canvas.write(
        axis.label(tick), at: PlotPoint(x: (BulkPlot.left - 8) * 10, y: y + 40), size: 11, anchor: .end)
    }
    for tick in time.ticks {
      let x = time.position(of: tick, from: BulkPlot.left * 10, to: BulkPlot.right * 10)
      canvas.line(from: PlotPoint(x: x, y: top * 10), to: PlotPoint(x: x, y: bottom), BulkPlot.grid)
      canvas.write(time.label(tick), at: PlotPoint(x: x, y: bottom + 150), size: 11, anchor: .middle)
    }
  }

  /// The frame, over the curves; `top` is then where the next panel begins.
  private mutating func endPanel() {
    let (left, right) = (BulkPlot.left * 10, BulkPlot.right * 10)
    canvas.path(
      [PlotPoint(x: left, y: top * 10), PlotPoint(x: left, y: bottom), PlotPoint(x: right, y: bottom)],
      BulkPlot.frame)
    top += BulkPlot.panelHeight + 24
  }

  private mutating func drawLegend(_ items: [(name: String, stroke: PlotStroke)], y: Int) {
    var x = BulkPlot.left
    for item in items {
      if item.stroke.width > 20 {
        canvas.dots([.pixels(x + 10, y - 4)], item.stroke)
      } else {
        canvas.line(from: .pixels(x, y - 4), to: .pixels(x + 20, y - 4), item.stroke)
      }
      canvas.write(item.name, at: .pixels(x + 26, y), size: 11)
      // Letters of this size are about six pixels wide.
      x += 26 + item.name.count * 6 + 22
    }
  }

  // MARK: Curves

  private func point(_ at: Instant, _ value: UInt64, _ axis: PlotAxis) -> PlotPoint {
    PlotPoint(
      x: time.position(of: at.nanoseconds, from: BulkPlot.left * 10, to: BulkPlot.right * 10),
      y: axis.position(of: value, from: bottom, to: top * 10))
  }

  private mutating func curve(
    _ flow: BulkFlowRecording, _ stroke: PlotStroke, _ axis: PlotAxis, _ value: (BulkSample) -> UInt64?
  ) {
    let samples = flow.samples.elements
    let step = max(1, samples.count * flows.count / BulkPlot.pointLimit)
    var points: [PlotPoint] = []
    for (number, sample) in samples.enumerated() where number % step == 0 || number == samples.count - 1 {
      if let value = value(sample) { points.append(point(sample.at, value, axis)) }
    }
    canvas.path(points, stroke)
  }
}
