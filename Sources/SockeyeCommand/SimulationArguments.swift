// Holds how the arguments of simulations are read: rates, times, probabilities, queues, algorithms. Each says what it
// expected when it can't read one. Which command takes which is in the commands.

import ArgumentParser
import SockeyeBytes
import SockeyeSimulator
import SockeyeTCP

/// What `--reorder` says.
struct Reordering: Equatable {
  var probability: Probability
  var delay: Interval
}

/// What `--flows` says.
struct FlowList: Equatable {
  var count: Int
  /// In turn; none: that of `--congestion`.
  var algorithms: [CongestionControlAlgorithm]
}

extension Arguments {
  /// A number with a unit, as a whole number of the smallest unit: "1.5" of 1000 is 1500. More than six decimals, a sign
  /// or an exponent is no number.
  static func scaled(_ number: Substring, by factor: UInt64) -> UInt64? {
    let parts = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = digits(parts[0]) else { return nil }
    let (product, overflow) = whole.multipliedReportingOverflow(by: factor)
    if overflow || product > 1 << 62 { return nil }
    guard parts.count == 2 else { return product }
    guard parts[1].count <= 6, factor <= 1_000_000_000_000, let decimals = digits(parts[1]) else {
      return nil
    }
    var scale: UInt64 = 1
    for _ in parts[1] { scale *= 10 }
    return product + decimals * factor / scale
  }

  private static func digits(_ text: Substring) -> UInt64? {
    text.allSatisfy { $0.isASCII && $0.isNumber } ? UInt64(text) : nil
  }

  /// Cuts a text where its unit begins, and reads both.
  private static func quantity(_ text: String, units: [String: UInt64]) -> UInt64? {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let factor = units[text.dropFirst(number.count).lowercased()] else { return nil }
    return scaled(number, by: factor)
  }

  private static let rateUnits: [String: UInt64] = [
    "bit": 1, "kbit": 1000, "mbit": 1_000_000, "gbit": 1_000_000_000, "tbit": 1_000_000_000_000, "": 1,
    "bit/s": 1, "kbit/s": 1000, "mbit/s": 1_000_000, "gbit/s": 1_000_000_000, "tbit/s": 1_000_000_000_000,
  ]

  /// Bits a second.
  static func rate(_ text: String) throws -> UInt64 {
    if let rate = quantity(text, units: rateUnits), (1000...1_000_000_000_000).contains(rate) { return rate }
    throw ValidationError("expected a rate from 1kbit to 1tbit, such as 100mbit")
  }

  private static let timeUnits: [String: UInt64] = [
    "ns": 1, "us": 1000, "µs": 1000, "ms": 1_000_000, "s": 1_000_000_000, "": 1_000_000,
  ]

  /// A time with its unit; milliseconds without one.
  static func time(_ text: String) throws -> Interval {
    if let time = quantity(text, units: timeUnits), time <= 60_000_000_000 {
      return Interval(nanoseconds: Int64(time))
    }
    throw ValidationError("expected a time of at most 60s, such as 50ms or 1.5s")
  }

  /// Propagation there and back.
  static func roundTrip(_ text: String) throws -> Interval {
    if let time = try? time(text), time >= .microseconds(1) { return time }
    throw ValidationError("expected a time from 1us to 60s, such as 100ms")
  }

  static func probability(_ text: String) throws -> Probability {
    let isPercent = text.last == "%"
    let billionths = scaled(
      isPercent ? text.dropLast() : text[...], by: isPercent ? 10_000_000 : 1_000_000_000)
    if let billionths, billionths <= 1_000_000_000 { return Probability(billionths: UInt32(billionths)) }
    throw ValidationError("expected a share from 0 to 100 percent, such as 1% or 0.01")
  }

  static func reordering(_ text: String) throws -> Reordering {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    if parts.count == 2, let share = try? probability(parts[0]), let delay = try? time(parts[1]) {
      return Reordering(probability: share, delay: delay)
    }
    throw ValidationError("expected a share and a delay, such as 5%:50ms")
  }

  static func queue(_ text: String) throws -> BottleneckQueue {
    let small = text.lowercased()
    if small.hasSuffix("bdp"), let millionths = scaled(small.dropLast(3), by: 1_000_000),
      millionths <= 1_000_000_000
    {
      return .bandwidthDelay(millionths: millionths)
    }
    if small.hasSuffix("p"), let packets = Int(small.dropLast()), (1...1_000_000).contains(packets) {
      return .limit(.packets(packets))
    }
    if let bytes = try? size(text), (1...1 << 40).contains(bytes) { return .limit(.bytes(bytes)) }
    throw ValidationError(
      "expected a queue in bandwidth-delay products, bytes or packets, such as 1bdp, 64KiB or 100p")
  }

  static func sendBuffer(_ text: String) throws -> BufferBounds {
    try buffer(text, engines: TCPConfiguration().sendBuffer)
  }

  static func receiveBuffer(_ text: String) throws -> BufferBounds {
    try buffer(text, engines: TCPConfiguration().receiveBuffer)
  }

  private static func buffer(_ text: String, engines: BufferBounds) throws -> BufferBounds {
    if text.lowercased() == "auto" { return engines }
    let sizes = text.split(separator: ":", omittingEmptySubsequences: false).map { try? size(String($0)) }
    if let first = sizes[0], let last = sizes[sizes.count - 1], sizes.count <= 2, first >= 1, last >= first,
      last <= 1 << 30
    {
      return BufferBounds(initial: first, maximum: last)
    }
    throw ValidationError(
      "expected a size up to 1GiB, two of them with a colon, or auto: 1MiB, 64KiB:6MiB, auto")
  }

  /// How much is transferred.
  static func transferSize(_ text: String) throws -> UInt64 {
    let size = try size(text)
    if (1...1 << 40).contains(size) { return UInt64(size) }
    throw ValidationError("expected a size from 1 byte to 1TiB, such as 50MB")
  }

  static func algorithm(_ text: String) throws -> CongestionControlAlgorithm {
    if let known = CongestionControlAlgorithm.allCases.first(where: { $0.name == text }) { return known }
    throw ValidationError("expected \(algorithmNames)")
  }

  /// All algorithms, for messages and help.
  static var algorithmNames: String {
    let names = CongestionControlAlgorithm.allCases.map(\.name)
    return names.count == 1 ? names[0] : names.dropLast().joined(separator: ", ") + " or \(names.last ?? "")"
  }

  static func flows(_ text: String) throws -> FlowList {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard let count = Int(parts[0]), (1...256).contains(count) else {
      throw ValidationError(
        "expected a number of flows from 1 to 256, and algorithms if need be: 2 or 2,newreno")
    }
    return FlowList(count: count, algorithms: try parts.dropFirst().map(algorithm))
  }
}
