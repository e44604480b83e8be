// Holds the axes of plots: how far they go, their round tick values, and how these are written. All values are whole
// numbers of the smallest unit: bytes or nanoseconds.

/// One axis, from zero on.
struct PlotAxis: Equatable {
  /// What is measured.
  enum Quantity {
    case bytes, time

    /// Units from the smallest to the largest.
    fileprivate var units: [(factor: UInt64, name: String)] {
      switch self {
      case .bytes:
        [(1, "bytes"), (1000, "kB"), (1_000_000, "MB"), (1_000_000_000, "GB"), (1_000_000_000_000, "TB")]
      case .time: [(1, "ns"), (1000, "µs"), (1_000_000, "ms"), (1_000_000_000, "s")]
      }
    }
  }

  /// Where it ends: for an axis of values the first tick at or above the largest value.
  let maximum: UInt64
  /// From tick to tick: 1, 2 or 5 times a power of ten.
  let step: UInt64
  /// The unit of the labels.
  let unitName: String
  private let unit: UInt64

  /// - Parameters:
  ///   - largest: the largest value there is.
  ///   - quantity: what is measured.
  ///   - ticks: how many steps there may be at most.
  ///   - endsAtTick: whether the axis goes on to the next tick.
  init(upTo largest: UInt64, _ quantity: Quantity, ticks: Int, endsAtTick: Bool = true) {
    let largest = max(largest, 1)
    var step: UInt64 = 1
    var digits = [2, 5, 10][...]
    var power: UInt64 = 1
    while (largest - 1) / step + 1 > UInt64(ticks) {
      step = power * UInt64(digits.removeFirst())
      if digits.isEmpty {
        power *= 10
        digits = [2, 5, 10]
      }
    }
    let end = endsAtTick ? ((largest - 1) / step + 1) * step : largest
    // The largest unit in which the ticks are no long fractions.
    let limit = min(step * 5, end)
    let unit = quantity.units.last { $0.factor <= limit } ?? quantity.units[0]
    self.step = step
    maximum = end
    self.unit = unit.factor
    unitName = unit.name
  }

  /// The values with a label.
  var ticks: [UInt64] { Array(stride(from: 0, through: maximum, by: UInt64.Stride(step))) }

  /// A tick's label, without the unit.
  func label(_ tick: UInt64) -> String {
    let places = unit >= 1000 ? 3 : 0
    return QuantityText.decimal(tick, of: unit, places: places, trimmed: true)
  }

  /// Where a value lies on a line.
  /// - Parameters:
  ///   - start: where zero is, in tenths of a pixel.
  ///   - end: where the axis ends.
  func position(of value: UInt64, from start: Int, to end: Int) -> Int {
    // Axes are a few thousand tenths long, so the product fits.
    start + (end - start) * Int(min(value, maximum)) / Int(maximum)
  }
}
