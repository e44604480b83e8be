// Holds the few elements of SVG that plots are made of, with coordinates in tenths of a pixel, so that no number depends
// on how a machine prints fractions. What is drawn is decided by BulkPlot.

/// A place on a canvas, in tenths of a pixel from the upper left corner.
struct PlotPoint: Equatable {
  var x: Int
  var y: Int

  /// - Parameters:
  ///   - x: pixels from the left.
  ///   - y: pixels from the top.
  static func pixels(_ x: Int, _ y: Int) -> PlotPoint { PlotPoint(x: x * 10, y: y * 10) }
}

/// How a line is drawn.
struct PlotStroke: Equatable {
  var colour: String
  /// Tenths of a pixel.
  var width = 10
  var isDashed = false
  /// Percent.
  var opacity = 100
}

/// A picture that grows element by element.
struct SVGCanvas {
  enum Anchor: String {
    case start, middle, end
  }

  private(set) var text: String

  /// A canvas with a white ground.
  /// - Parameters:
  ///   - width: pixels.
  ///   - height: pixels.
  ///   - title: for those who can't see it.
  init(width: Int, height: Int, title: String) {
    text = """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" \
      viewBox="0 0 \(width) \(height)" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif">
      <title>\(Self.escaped(title))</title>
      <rect width="100%" height="100%" fill="#ffffff"/>

      """
  }

  /// The whole document.
  var document: String { text + "</svg>\n" }

  mutating func line(from start: PlotPoint, to end: PlotPoint, _ stroke: PlotStroke) {
    path([start, end], stroke)
  }

  /// A line through all points.
  mutating func path(_ points: [PlotPoint], _ stroke: PlotStroke) {
    guard let first = points.first, points.count > 1 else { return }
    var data = "M" + Self.coordinates(first)
    for (before, point) in zip(points, points.dropFirst()) where point != before {
      data += "L" + Self.coordinates(point)
    }
    text += "<path d=\"\(data)\" fill=\"none\" stroke-linejoin=\"round\"\(Self.attributes(stroke))/>\n"
  }

  /// A dot at each point, of the stroke's width.
  mutating func dots(_ points: [PlotPoint], _ stroke: PlotStroke) {
    if points.isEmpty { return }
    let data = points.map { "M" + Self.coordinates($0) + "h0" }.joined()
    text += "<path d=\"\(data)\" fill=\"none\" stroke-linecap=\"round\"\(Self.attributes(stroke))/>\n"
  }

  /// - Parameters:
  ///   - at: on the base line.
  ///   - size: pixels.
  ///   - isUpright: false turns it by a right angle, to be read from the right.
  mutating func write(
    _ words: String, at point: PlotPoint, size: Int = 12, anchor: Anchor = .start, colour: String = "#333333",
    isBold: Bool = false, isUpright: Bool = true
  ) {
    let (x, y) = (Self.tenths(point.x), Self.tenths(point.y))
    let turn = isUpright ? "" : " transform=\"rotate(-90 \(x) \(y))\""
    let weight = isBold ? " font-weight=\"bold\"" : ""
    text += "<text x=\"\(x)\" y=\"\(y)\" font-size=\"\(size)\" text-anchor=\"\(anchor.rawValue)\""
    text += " fill=\"\(colour)\"\(weight)\(turn)>\(Self.escaped(words))</text>\n"
  }

  private static func coordinates(_ point: PlotPoint) -> String { tenths(point.x) + " " + tenths(point.y) }

  private static func attributes(_ stroke: PlotStroke) -> String {
    var attributes = " stroke=\"\(stroke.colour)\" stroke-width=\"\(tenths(stroke.width))\""
    if stroke.isDashed { attributes += " stroke-dasharray=\"5 4\"" }
    if stroke.opacity < 100 { attributes += " stroke-opacity=\"\(tenths(stroke.opacity / 10))\"" }
    return attributes
  }

  /// "12.3"; "12" for 120.
  static func tenths(_ value: Int) -> String {
    let sign = value < 0 ? "-" : ""
    let (whole, rest) = value.magnitude.quotientAndRemainder(dividingBy: 10)
    return rest == 0 ? "\(sign)\(whole)" : "\(sign)\(whole).\(rest)"
  }

  private static func escaped(_ words: String) -> String {
    var result = ""
    for character in words {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case _: result.append(character)
      }
    }
    return result
  }
}
