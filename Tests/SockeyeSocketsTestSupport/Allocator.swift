// Holds counting by the allocator: whether what was done over and over has left memory behind. It does not hold what was
// done.

import SockeyeTestSupportShims
import Testing

/// The process's allocator.
public enum Allocator {
  /// Octets given out and not given back; nil where the allocator does not tell.
  public static var octetsInUse: Int? {
    let octets = sockeye_allocated()
    return octets == 0 ? nil : Int(octets)
  }

  /// Does something over and over, and expects that memory in use does not grow with it.
  ///
  /// To be called where nothing else goes on: in a process of its own.
  ///
  /// Tables grow with the most that was ever in them, by doubling, and what runtimes keep for a thread comes and goes with
  /// it; what is lost adds up for ever. So the least that was in use in ten rounds is compared with that of the ten before,
  /// until it has not grown three times in a row: 16 octets for each thing that was there are less than the smallest block
  /// of an allocator. What still grows after three hundred rounds is lost.
  /// - Parameters:
  ///   - count: how many things, all of them gone at its end, are in a round.
  ///   - round: is given its number, from 0.
  public static func expectNothingLeft(
    byEachOf count: Int, sourceLocation: SourceLocation = #_sourceLocation,
    _ round: (Int) async throws -> Void
  ) async rethrows {
    var least: [Int] = []
    var calm = 0
    while calm < 3 {
      if least.count == 30 {
        Issue.record("in use after each ten rounds of \(count): \(least)", sourceLocation: sourceLocation)
        return
      }
      var inUse = Int.max
      for number in 0..<10 {
        try await round(least.count * 10 + number)
        inUse = min(inUse, octetsInUse ?? .max)
      }
      if let before = least.last { calm = inUse - before < 16 * 10 * count ? calm + 1 : 0 }
      least.append(inUse)
    }
  }
}
