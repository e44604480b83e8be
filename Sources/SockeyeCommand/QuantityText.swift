// Holds how quantities are printed for people: sizes, rates, shares and times with their units, in whole-number
// arithmetic.

import SockeyeBytes

enum QuantityText {
  private static let prefixes: [(factor: UInt64, name: String)] = [
    (1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1000, "k"),
  ]

  /// "1.25 MB", "812 bytes".
  static func size(_ bytes: UInt64) -> String {
    if bytes < 1000 { return "\(bytes) bytes" }
    return prefixed(bytes) + "B"
  }

  /// "94.1 Mbit/s".
  static func rate(_ bitsPerSecond: UInt64) -> String { prefixed(bitsPerSecond) + "bit/s" }

  /// Three digits and the unit's prefix, with a space before it: "94.1 M".
  private static func prefixed(_ value: UInt64) -> String {
    guard let unit = prefixes.first(where: { value >= $0.factor }) else { return "\(value) " }
    return threeDigits(value, of: unit.factor) + " " + unit.name
  }

  /// `value / unit` with three digits, without zeros behind the last other one.
  private static func threeDigits(_ value: UInt64, of unit: UInt64) -> String {
    let places = value >= 100 * unit ? 0 : value >= 10 * unit ? 1 : 2
    return decimal(value, of: unit, places: places, trimmed: true)
  }

  /// `value / unit` with a number of decimals, the last one rounded.
  static func decimal(_ value: UInt64, of unit: UInt64, places: Int, trimmed: Bool = false) -> String {
    var scale: UInt64 = 1
    for _ in 0..<places { scale *= 10 }
    // Units are powers of ten no smaller than the scale, or the scale is a multiple of them.
    let step = max(1, unit / scale)
    let rounded = (value + step / 2) / step * (unit < scale ? scale / unit : 1)
    var text = "\(rounded / scale)"
    if places == 0 { return text }
    let fraction = "\(rounded % scale)"
    text += "." + String(repeating: "0", count: places - fraction.count) + fraction
    if trimmed {
      while text.last == "0" { text.removeLast() }
      if text.last == "." { text.removeLast() }
    }
    return text
  }

  /// A share in millionths as percent: "94.1 %", "0.02 %".
  static func percent(_ millionths: UInt64) -> String {
    decimal(millionths, of: 10_000, places: millionths >= 100_000 ? 1 : 2, trimmed: true) + " %"
  }

  /// A length of time with three digits: "40 ms", "3.58 s".
  static func time(_ time: Interval) -> String {
    let value = UInt64(max(0, time.nanoseconds))
    let units: [(UInt64, String)] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1000, "µs")]
    guard let unit = units.first(where: { value >= $0.0 }) else { return value == 0 ? "0 ms" : "\(value) ns" }
    return threeDigits(value, of: unit.0) + " " + unit.1
  }

  /// Thousands apart: "34,990".
  static func count(_ value: UInt64) -> String {
    var text = ""
    for (index, digit) in "\(value)".reversed().enumerated() {
      if index > 0, index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }
}
