// Holds what turns measurements into printed figures: the clock, the median, the spread. It measures nothing.

import Glibc

/// Several runs of one measurement.
struct Figures {
  private(set) var values: [Double] = []

  mutating func append(_ value: Double) { values.append(value) }

  /// The middle value, or the mean of the two in the middle.
  var median: Double {
    let sorted = values.sorted()
    guard let last = sorted.last else { return .nan }
    let middle = sorted.count / 2
    if sorted.count == 1 { return last }
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// "lowest–highest".
  func spread(_ digits: Int) -> String {
    "\(fixed(values.min() ?? .nan, digits))–\(fixed(values.max() ?? .nan, digits))"
  }
}

/// Seconds of the processor that `body` takes, and what it gives.
///
/// There is one thread, so on an idle machine this is the time on the wall; on a busy one it leaves out the time
/// in which others had the processor.
func seconds<Result>(_ body: () -> Result) -> (seconds: Double, result: Result) {
  let start = processorTime()
  let result = body()
  return (processorTime() - start, result)
}

private func processorTime() -> Double {
  var time = timespec()
  // The address is valid for the call.
  unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// A number with a fixed count of decimals, thousands grouped.
func fixed(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite else { return "–" }
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let scaled = Int((abs(value) * scale).rounded())
  let whole = String(scaled / Int(scale))
  var grouped = ""
  for (index, digit) in whole.enumerated() {
    if index > 0 && (whole.count - index) % 3 == 0 { grouped += " " }
    grouped.append(digit)
  }
  let fraction = String(scaled % Int(scale))
  let tail = digits == 0 ? "" : "." + String(repeating: "0", count: digits - fraction.count) + fraction
  return (value < 0 ? "-" : "") + grouped + tail
}

func print(row name: String, _ value: String, _ note: String) {
  let padded = name + String(repeating: " ", count: max(1, 34 - name.count))
  print("\(padded)\(String(repeating: " ", count: max(0, 12 - value.count)))\(value)  \(note)")
}
