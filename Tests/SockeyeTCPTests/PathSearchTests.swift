// The arithmetic of the search for what a path takes (RFC 4821 §7): bounds, sizes, what a probe's fate means.

import SockeyeBytes
import SockeyeTestSupport
import SockeyeWire
import Testing

@testable import SockeyeTCP

@Suite struct PathSearchTests {
  private let now = Instant.zero + .seconds(10)

  private func probe(_ search: PathSearch, passes: Bool) {
    search.left(from: SequenceNumber(1), to: SequenceNumber(1000))
    if passes {
      search.succeeded(next: SequenceNumber(5000))
      search.verified()
    } else {
      search.failed(pause: .seconds(1), at: now)
      search.probeForgotten()
    }
  }

  /// Searches a path to the end. Answers how many probes it took.
  private func run(_ search: PathSearch, path: Int) -> Int {
    var count = 0
    while let target = search.target {
      #expect(target > search.size && target <= search.limit)
      probe(search, passes: target <= path)
      count += 1
      if count > 40 { break }
    }
    return count
  }

  @Test(
    .requirement("4821-1"), arguments: [1024, 1280, 1400, 1480, 1492, 1500, 2002, 4352, 5000, 8999, 9000])
  func whatThePathTakesIsFoundWithinAFewProbes(path: Int) {
    let search = PathSearch(size: 1024, limit: 9000, base: 1024, version: .v4)
    let probes = run(search, path: path)
    #expect(search.size <= path && search.size > path - PathSearch.resolution)
    #expect(probes <= 18 && (path != 9000 || probes == 1))
    #expect(search.isOver)
  }

  @Test(.requirement("4821-1", "8201-1"))
  func theBaseIsWhatIPv6GuaranteesAndNoLess() {
    let search = PathSearch(size: 1280, limit: 1500, base: 1024, version: .v6)
    #expect(search.sizeBelow == nil)
    #expect(PathSearch(size: 1500, limit: 1500, base: 1024, version: .v6).sizeBelow == 1280)
    #expect(PathSearch(size: 1500, limit: 1500, base: 600, version: .v4).sizeBelow == 600)
  }

  @Test(.requirement("4821-3"))
  func aLostProbeLowersTheBoundToOneLessAndMakesAPause() {
    let search = PathSearch(size: 1024, limit: 1500, base: 1024, version: .v4)
    search.left(from: SequenceNumber(1), to: SequenceNumber(1461))
    search.failed(pause: .seconds(3), at: now)
    #expect(search.limit == 1499 && search.size == 1024)
    #expect(search.pauseEnd == now + .seconds(3))
    #expect(search.probe?.isLost == true)
    search.succeeded(next: SequenceNumber(9000))
    #expect(search.size == 1024, "the text was repaired, the probe did not pass")
    #expect(search.probe == nil)
    // A probe of which nothing is known is as if it had not been.
    search.left(from: SequenceNumber(2000), to: SequenceNumber(3460))
    let target = search.target
    search.inconclusive(pause: .zero, at: now)
    #expect(search.limit == 1499 && search.target == target && search.probe == nil)
  }

  @Test(.requirement("4821-4"))
  func aTimeoutRightAfterARaiseTakesItBack() {
    let search = PathSearch(size: 1024, limit: 1500, base: 1024, version: .v4)
    search.left(from: SequenceNumber(1), to: SequenceNumber(1461))
    search.succeeded(next: SequenceNumber(9000))
    #expect(search.size == 1500)
    #expect(search.fallBack(pause: .seconds(1), at: now))
    #expect(search.size == 1024 && search.limit == 1499)
    #expect(!search.fallBack(pause: .seconds(1), at: now), "once")
    // What has been looked at for a window stays.
    search.left(from: SequenceNumber(1), to: SequenceNumber(1461))
    search.succeeded(next: SequenceNumber(9000))
    let size = search.size
    search.verified()
    #expect(!search.fallBack(pause: .seconds(1), at: now) && search.size == size)
  }

  @Test(.requirement("4821-5"))
  func aBlackHoleLowersToTheBaseAndThenByHalves() {
    let search = PathSearch(size: 1500, limit: 1500, base: 1024, version: .v4)
    var sizes: [Int] = []
    while search.sizeBelow != nil {
      search.blackHoleFound(timeouts: 3)
      sizes.append(search.size)
    }
    #expect(sizes == [1024, 512, 256, 128, 68])
    #expect(search.limit == 1500, "it may have been a broken link, and more is tried later")
    #expect(search.target == 1500)
  }

  @Test(.requirement("8899-1"))
  func whatAMessageSaysBoundsTheSearchAndNeverRaises() {
    let search = PathSearch(size: 1024, limit: 9000, base: 1024, version: .v4)
    search.left(from: SequenceNumber(1), to: SequenceNumber(8000))
    search.restart(limit: 1492)
    #expect(search.size == 1024 && search.limit == 1492 && search.target == 1492 && search.probe == nil)
    search.restart(limit: 900)
    #expect(search.size == 900 && search.isOver)
  }

  @Test(.requirement("4821-4", "4821-5", "8899-1"))
  func whateverEndsAProbeLetsTheNextOneWait() {
    func underWay() -> PathSearch {
      let search = PathSearch(size: 1024, limit: 9000, base: 1024, version: .v4)
      search.left(from: SequenceNumber(1), to: SequenceNumber(8961))
      return search
    }
    var search = underWay()
    search.inconclusive(pause: .seconds(2), at: now)
    #expect(search.probe == nil && search.pauseEnd == now + .seconds(2) && search.target == 9000)
    search = underWay()
    search.succeeded(next: SequenceNumber(20_000))
    #expect(search.verification == PathSearch.Verification(previous: 1024, until: SequenceNumber(20_000)))
    search.left(from: SequenceNumber(1), to: SequenceNumber(8961))
    #expect(search.fallBack(pause: .seconds(3), at: now))
    #expect(search.probe == nil && search.pauseEnd == now + .seconds(3) && search.target == 1480)
  }

  @Test(.requirement("4821-5"))
  func aBlackHoleIsTheEndOfWhateverWasUnderWay() {
    let search = PathSearch(size: 1400, limit: 9000, base: 1024, version: .v4)
    search.left(from: SequenceNumber(1), to: SequenceNumber(8961))
    search.succeeded(next: SequenceNumber(20_000))
    search.restart(limit: 9000)
    #expect(search.verification == nil)
    let low = PathSearch(size: 1400, limit: 9000, base: 1024, version: .v4)
    low.left(from: SequenceNumber(1), to: SequenceNumber(8961))
    low.blackHoleFound(timeouts: 4)
    #expect(low.size == 1024 && low.isUnproven && low.timeoutsAtLowering == 4)
    #expect(low.probe == nil && low.verification == nil)
    // Where nothing smaller is possible, nothing changes.
    let least = PathSearch(size: 1280, limit: 1280, base: 1280, version: .v6)
    least.blackHoleFound(timeouts: 5)
    #expect(least.size == 1280 && !least.isUnproven && least.timeoutsAtLowering == 0 && least.isOver)
  }

  /// A probe that a message has proved too big is given up; one that is lost is not, for its text is being repaired.
  @Test(.requirement("8899-1"))
  func aMessageEndsWhatCannotPass() {
    for isLost in [false, true] {
      let search = PathSearch(size: 1024, limit: 9000, base: 1024, version: .v4)
      search.left(from: SequenceNumber(1), to: SequenceNumber(8961))
      if isLost { search.failed(pause: .zero, at: now) }
      search.restart(limit: 4000)
      #expect((search.probe != nil) == isLost)
      #expect(search.target == 4000, "the top is tried again")
    }
  }

  @Test(.requirement("4821-2"))
  func whatThePeerTakesBoundsTheSearchAndNeverWidensIt() {
    let search = PathSearch(size: 1024, limit: 1500, base: 1024, version: .v4)
    search.cap(1600)
    #expect(search.limit == 1500)
    search.cap(1240)
    #expect(search.limit == 1240 && search.target == 1240)
    search.cap(20)
    #expect(search.size == 68 && search.isOver)
  }

  /// RFC 4821 §7.5: what was learnt from others is old, and a connection that never searched begins to.
  @Test(.requirement("4821-6"))
  func aConnectionThatKnowsOfANarrowPathLooksForMoreInTime() {
    var configuration = TCPConfiguration()
    configuration.pathProbing = .blackHole
    var pair = Pair(seed: 1, configuration: configuration)
    let isOpen = pair.run(for: .seconds(1)) { $0.client.state == .established }
    #expect(isOpen)
    pair.client.pathMTUChanged(to: 1000, at: pair.now)
    let before = pair.client.isSearchingPathMTU
    let searches = pair.client.searchPathMTU(upTo: 1500)
    let (after, size) = (pair.client.isSearchingPathMTU, pair.client.pathMTU)
    #expect(!before && searches && after && size == 1000)
  }
}
