// Holds how the arguments of `sockeye simulate swarm` are read: seeds, shards, reductions.

import ArgumentParser
import SockeyeSimulator

/// What `--seeds` says.
struct SeedRange: Equatable {
  var first: UInt64
  /// Nil: without end.
  var last: UInt64?

  /// The `index`th seed of a share.
  func seed(_ index: UInt64, of share: SeedShare) -> UInt64? {
    let (product, overflow) = index.multipliedReportingOverflow(by: share.count)
    guard !overflow else { return nil }
    let seed = first &+ product &+ (share.index - 1)
    guard seed >= first else { return nil }
    if let last, seed > last { return nil }
    return seed
  }
}

/// What `--shard` says: each so many seeds are ours, from this one on.
struct SeedShare: Equatable {
  /// Counted from 1.
  var index: UInt64
  var count: UInt64

  static let all = SeedShare(index: 1, count: 1)

  /// One part of several of the share.
  func part(_ number: UInt64, of parts: UInt64) -> SeedShare {
    SeedShare(index: index + number * count, count: count * parts)
  }
}

extension Arguments {
  static func seeds(_ text: String) throws -> SeedRange {
    let ends = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if ends.count == 3, ends[1].isEmpty, let first = UInt64(ends[0]) {
      if ends[2].isEmpty { return SeedRange(first: first, last: nil) }
      if let last = UInt64(ends[2]), last >= first { return SeedRange(first: first, last: last) }
    }
    throw ValidationError("expected a first and a last seed, such as 1..2000, or 1.. with --minutes")
  }

  static func shard(_ text: String) throws -> SeedShare {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { UInt64($0) }
    if parts.count == 2, let index = parts[0], let count = parts[1], index >= 1, index <= count,
      count <= 1_000_000
    {
      return SeedShare(index: index, count: count)
    }
    throw ValidationError("expected which of how many, such as 3/8")
  }

  static func reductions(_ text: String) throws -> [SwarmReduction] {
    try text.split(separator: ",").map { word in
      guard let reduction = SwarmReduction(String(word)) else {
        throw ValidationError("expected what is left out, as a failure prints it, such as f2,x0,l3,b")
      }
      return reduction
    }
  }

  static func minutes(_ text: String) throws -> Int {
    if let minutes = Int(text), (1...1_000_000).contains(minutes) { return minutes }
    throw ValidationError("expected a number of minutes")
  }

  static func jobs(_ text: String) throws -> Int {
    if let jobs = Int(text), (1...256).contains(jobs) { return jobs }
    throw ValidationError("expected a number from 1 to 256")
  }
}
