// Shows the host's own containers and sources of numbers, each against a model.

import SockeyeTestSupport
import Testing

@testable import SockeyeStack

@Suite struct TableTests {
  @Test func theHashIndexIsAMultimap() {
    var index = HashIndex()
    var model: [UInt64: Set<UInt32>] = [:]
    var random = SeededGenerator(seed: 11)
    for _ in 0..<4000 {
      // Few hashes, so that chains are long and entries share them.
      let hash = UInt64.random(in: 0..<200, using: &random) &* 0x1_0000_0001
      let number = UInt32.random(in: 0..<10, using: &random)
      if model[hash, default: []].contains(number) {
        index.remove(number, hash: hash)
        model[hash, default: []].remove(number)
      } else {
        index.insert(number, hash: hash)
        model[hash, default: []].insert(number)
      }
    }
    for (hash, numbers) in model {
      var found: [UInt32] = []
      var cursor = index.cursor(for: hash)
      while let number = index.next(&cursor) { found.append(number) }
      #expect(found.count == numbers.count && Set(found) == numbers)
    }
    #expect(index.count == model.values.map(\.count).reduce(0, +))
    index.remove(1, hash: 0xdead_beef)
    var nothing = HashIndex()
    nothing.remove(1, hash: 1)
    var cursor = nothing.cursor(for: 1)
    let found = nothing.next(&cursor)
    #expect(found == nil)
  }

  @Test(.requirement("A-48"))
  func chosenFourTuplesDoNotMeetInOneChain() {
    // An attacker chooses the tuples but not the key.
    let key = StackKeys(seed: 5).tables
    var buckets = [Int](repeating: 0, count: 1 << 17)
    for number in 0..<100_000 {
      let remote = Endpoint(
        address: .v4(IPv4Address(rawValue: 0x0a00_0000 + UInt32(number >> 16))),
        port: UInt16(truncatingIfNeeded: number))
      let tuple = FourTuple(local: Endpoint(address: .v4(IPv4Address(10, 0, 0, 1)), port: 80), remote: remote)
      buckets[Int(truncatingIfNeeded: tuple.hash(with: key) & 0x1_ffff)] += 1
    }
    #expect((buckets.max() ?? 0) < 10)
  }

  @Test func theIndexQueueKeepsOrderAndEachOnce() {
    var queue = IndexQueue()
    var model: [UInt32] = []
    var random = SeededGenerator(seed: 12)
    for _ in 0..<20_000 {
      let index = UInt32.random(in: 0..<40, using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0, 1:
        queue.append(index)
        if !model.contains(index) { model.append(index) }
      case 2:
        queue.remove(index)
        model.removeAll { $0 == index }
      default:
        queue.rotate()
        if let first = model.first { model = Array(model.dropFirst()) + [first] }
      }
      #expect(queue.first == model.first && queue.isEmpty == model.isEmpty)
      #expect(queue.contains(index) == model.contains(index))
    }
    while let first = queue.first {
      #expect(first == model.removeFirst())
      queue.remove(first)
    }
    #expect(model.isEmpty)
  }

  @Test func theRateLimitGivesBackWithTime() {
    var limit = RateLimit(perSecond: 10)
    var now = Instant.zero + .seconds(5)
    func taken(_ times: Int) -> Int { (0..<times).filter { _ in limit.take(at: now) }.count }
    #expect(taken(20) == 10)
    now += .milliseconds(250)
    #expect(taken(20) == 2)
    now += .hours(24)
    #expect(taken(20) == 10)
    var none = RateLimit(perSecond: 0)
    let isAllowed = none.take(at: now)
    #expect(!isAllowed)
    // Over a long time it is the rate, not more.
    var count = 0
    for _ in 0..<10_000 {
      now += .milliseconds(7)
      if limit.take(at: now) { count += 1 }
    }
    #expect(count >= 699 && count <= 711)
  }

  @Test func identificationsComeBackOnlyAfterAWholeRound() {
    var source = IdentificationSource(key: StackKeys(seed: 3).identification)
    var low: Set<UInt16> = []
    for _ in 0..<65_536 { low.insert(UInt16(truncatingIfNeeded: source.next())) }
    #expect(low.count == 65_536)
  }

  @Test func portsCoverTheWholeRange() {
    var allocator = PortAllocator(key: StackKeys(seed: 3).ports, range: 50_000...50_099)
    var starts: Set<UInt16> = []
    let remote = Endpoint(address: .v4(.loopback), port: 1)
    for _ in 0..<2000 {
      let start = allocator.draw(local: .v4(.loopback), remote: remote)
      starts.insert(allocator.port(0, from: start))
      let all = Set((0..<allocator.count).map { allocator.port($0, from: start) })
      #expect(all.count == 100 && all.min() == 50_000 && all.max() == 50_099)
    }
    #expect(starts.count == 100)
  }
}
