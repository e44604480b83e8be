// Shows the slab: keys, places, limits, and that each element is destroyed exactly once.

import SockeyeBytes
import Testing

@Suite struct SlabTests {
  /// Counts the living elements.
  final class Census {
    var living = 0
  }

  struct Element: ~Copyable {
    var value: Int
    let census: Census

    init(_ value: Int, _ census: Census) {
      self.value = value
      self.census = census
      census.living += 1
    }

    deinit { census.living -= 1 }
  }

  func insert(_ value: Int, _ census: Census, into slab: inout Slab<Element>) throws -> Slab<Element>.Key {
    let key = slab.insert(Element(value, census))
    return try #require(key)
  }

  @Test func aKeyNamesItsElementUntilItIsRemoved() throws {
    let census = Census()
    var slab = Slab<Element>(limit: 10)
    let first = try insert(1, census, into: &slab)
    let second = try insert(2, census, into: &slab)
    slab[first].value += 10
    #expect(slab[first].value == 11)
    #expect(slab[second].value == 2)
    let removed = slab.remove(first)
    #expect(removed.value == 11)
    #expect(slab.contains(first) == false)
    let third = try insert(3, census, into: &slab)
    #expect(third.index == first.index)
    #expect(third != first)
    #expect(slab.contains(first) == false)
    #expect(slab[third].value == 3)
    #expect(slab.key(at: third.index) == third)
    #expect(slab.key(at: 9) == nil)
    #expect(slab.key(at: 4_000_000_000) == nil)
    #expect(slab.contains(Slab<Element>.Key(index: 4_000_000_000, generation: 1)) == false)
    #expect(slab.contains(Slab<Element>.Key(index: 5, generation: 0)) == false)
  }

  @Test func theLimitHolds() throws {
    let census = Census()
    for limit in [0, 1, 3, 64, 65, 200] {
      var slab = Slab<Element>(limit: limit)
      for value in 0..<limit { _ = try insert(value, census, into: &slab) }
      let refused = slab.insert(Element(-1, census))
      #expect(refused == nil)
      #expect(slab.count == limit)
      #expect(census.living == limit)
    }
    #expect(census.living == 0)
  }

  @Test func growthMovesNothing() throws {
    let census = Census()
    var slab = Slab<Element>(limit: 100_000)
    var keys: [Slab<Element>.Key] = []
    for value in 0..<5000 { keys.append(try insert(value, census, into: &slab)) }
    for (value, key) in keys.enumerated() { #expect(slab[key].value == value) }
    var walked: [UInt32] = []
    slab.forEachKey { walked.append($0.index) }
    #expect(walked == (0..<5000).map { UInt32($0) })
    // The walk allows removal on the way.
    var next: UInt32 = 0
    var removed = 0
    while let key = slab.firstKey(from: next) {
      if slab[key].value % 2 == 0 { removed += slab.remove(key).value % 2 == 0 ? 1 : 0 }
      next = key.index + 1
    }
    #expect(removed == 2500)
    #expect(slab.count == 2500)
    #expect(census.living == 2500)
  }

  @Test(arguments: 0..<4)
  func behavesLikeADictionary(_ seed: Int) {
    let census = Census()
    var generator = SeededGenerator(seed: UInt64(seed))
    var slab = Slab<Element>(limit: 150)
    var model: [Slab<Element>.Key: Int] = [:]
    var dead: [Slab<Element>.Key] = []
    for step in 0..<3000 {
      if Bool.random(using: &generator), let key = slab.insert(Element(step, census)) {
        #expect(model[key] == nil)
        model[key] = step
      } else if let (key, value) = model.min(by: { $0.value < $1.value }) {
        let removed = slab.remove(key)
        #expect(removed.value == value)
        _ = consume removed
        model[key] = nil
        dead.append(key)
      }
      #expect(slab.count == model.count)
      #expect(census.living == model.count)
    }
    for (key, value) in model { #expect(slab[key].value == value) }
    for key in dead { #expect(slab.contains(key) == false) }
  }
}
