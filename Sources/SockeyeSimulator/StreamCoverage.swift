// Holds which parts of a stream have reached their end, by what an all-knowing observer of the wire sees. How a receiver
// keeps its own pieces is SockeyeTCP's affair.

/// A set of octets of a stream, kept as disjoint ascending ranges that don't touch.
struct StreamCoverage: Sendable, Equatable {
  private(set) var ranges: [Range<UInt64>] = []

  /// Where the first range that ends behind `offset` stands.
  private func position(endingAfter offset: UInt64) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound > offset { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// Whether every octet of a range that isn't empty is in the set.
  func contains(_ range: Range<UInt64>) -> Bool {
    let index = position(endingAfter: range.lowerBound)
    return index < ranges.count && ranges[index].lowerBound <= range.lowerBound
      && range.upperBound <= ranges[index].upperBound
  }

  /// Adds a range.
  /// - Returns: how many of its octets were not in the set.
  @discardableResult
  mutating func insert(_ range: Range<UInt64>) -> UInt64 {
    if range.isEmpty { return 0 }
    // One that ends where the new one begins is joined, too.
    let first = range.lowerBound == 0 ? 0 : position(endingAfter: range.lowerBound - 1)
    var last = first
    var joined = range
    var already: UInt64 = 0
    while last < ranges.count, ranges[last].lowerBound <= range.upperBound {
      let old = ranges[last]
      already += min(old.upperBound, range.upperBound) - max(old.lowerBound, range.lowerBound)
      joined =
        min(joined.lowerBound, old.lowerBound)..<max(joined.upperBound, old.upperBound)
      last += 1
    }
    if last == first + 1 {
      ranges[first] = joined
    } else {
      ranges.replaceSubrange(first..<last, with: CollectionOfOne(joined))
    }
    return range.upperBound - range.lowerBound - already
  }

  /// Takes a range out.
  mutating func remove(_ range: Range<UInt64>) {
    let first = position(endingAfter: range.lowerBound)
    var last = first
    var rest: [Range<UInt64>] = []
    while last < ranges.count, ranges[last].lowerBound < range.upperBound {
      let old = ranges[last]
      if old.lowerBound < range.lowerBound { rest.append(old.lowerBound..<range.lowerBound) }
      if range.upperBound < old.upperBound { rest.append(range.upperBound..<old.upperBound) }
      last += 1
    }
    ranges.replaceSubrange(first..<last, with: rest)
  }
}
