// Shows the byte ring against a model: plain arrays.

import SockeyeBytes
import Testing

@Suite struct ByteRingTests {
  /// The bytes a reader would get, without taking them.
  func contents(_ ring: borrowing ByteRing) -> [UInt8] {
    ring.withReadableBytes { front, back in [UInt8](front) + [UInt8](back) }
  }

  func pattern(_ count: Int, from start: Int = 0) -> [UInt8] {
    (start..<start + count).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 / 256) }
  }

  @Test func storageIsAllocatedOnFirstStoreAndGivenBack() {
    var ring = ByteRing(capacity: 100_000)
    #expect(ring.allocatedBytes == 0)
    #expect(ring.free == 100_000)
    pattern(10).withRawSpan { #expect(ring.append($0) == 10) }
    #expect(ring.allocatedBytes == 1024)
    ring.releaseIfEmpty()
    #expect(ring.allocatedBytes == 1024)
    ring.discard(10)
    ring.releaseIfEmpty()
    #expect(ring.allocatedBytes == 0)
    pattern(3000).withRawSpan { #expect(ring.append($0) == 3000) }
    #expect(ring.allocatedBytes == 4096)
    #expect(contents(ring) == pattern(3000))
  }

  @Test func appendTakesWhatFitsAndStorageNeverExceedsTheCapacity() {
    var ring = ByteRing(capacity: 1500)
    pattern(1000).withRawSpan { #expect(ring.append($0) == 1000) }
    pattern(1000, from: 1000).withRawSpan { #expect(ring.append($0) == 500) }
    pattern(1).withRawSpan { #expect(ring.append($0) == 0) }
    #expect(ring.allocatedBytes == 1500)
    #expect(ring.free == 0)
    #expect(contents(ring) == pattern(1500))
  }

  @Test func nothingIsAllocatedInSteadyState() {
    var ring = ByteRing(capacity: 1 << 20)
    pattern(5000).withRawSpan { #expect(ring.append($0) == 5000) }
    let allocated = ring.allocatedBytes
    var out = FrameBuffer(capacity: 1460)
    for _ in 0..<1000 {
      pattern(1460).withRawSpan { #expect(ring.append($0) == 1460) }
      out.fill { #expect(ring.read(into: &$0) == 1460) }
    }
    #expect(ring.allocatedBytes == allocated)
    #expect(ring.count == 5000)
  }

  @Test func whatHoldsLittleGivesMostOfItsStorageBack() {
    var ring = ByteRing(capacity: 1 << 20)
    pattern(300_000).withRawSpan { #expect(ring.append($0) == 300_000) }
    let full = ring.allocatedBytes
    ring.discard(160_000)
    ring.trim()
    #expect(ring.allocatedBytes == full, "more than a quarter is in use")
    ring.discard(130_000)
    // Some of what is held wraps around the end, and some lies out of order.
    pattern(400_000, from: 300_000).withRawSpan { #expect(ring.append($0) == 400_000) }
    ring.discard(395_000)
    pattern(500, from: 710_000).withRawSpan { ring.store($0, at: 25_000) }
    ring.trim()
    #expect(ring.allocatedBytes >= 25_500 && ring.allocatedBytes <= 51_000)
    #expect(contents(ring) == pattern(15_000, from: 685_000))
    pattern(10_000, from: 700_000).withRawSpan { ring.store($0, at: 15_000) }
    ring.commit(10_500)
    #expect(contents(ring) == pattern(25_500, from: 685_000))
    ring.discard(25_500)
    ring.trim()
    #expect(ring.allocatedBytes == 0)
  }

  @Test func growthMovesEachByteAFewTimesOnAverage() {
    // A ring that is never emptied and whose capacity grows by a quarter at a time, as a tuned buffer's does.
    var ring = ByteRing(capacity: 1_000)
    var moved = 0
    var stored = 0
    while ring.capacity < 4 << 20 {
      ring.setCapacity(ring.capacity + ring.capacity / 4)
      while ring.free > 0 {
        let before = (ring.allocatedBytes, ring.extent)
        pattern(min(ring.free, 1_460)).withRawSpan { stored += ring.append($0) }
        if ring.allocatedBytes != before.0 { moved += before.1 }
      }
    }
    #expect(moved < 5 * stored, "\(moved) bytes moved for \(stored) stored")
  }

  @Test func outOfOrderBytesBecomeReadableWhenCommitted() {
    var ring = ByteRing(capacity: 64)
    let bytes = pattern(64)
    bytes.withRawSpan { span in
      #expect(ring.append(span.extracting(0..<10)) == 10)
      ring.store(span.extracting(30..<40), at: 30)
      #expect(ring.extent == 40)
      #expect(ring.count == 10)
      ring.discard(5)
      #expect(ring.extent == 35)
      ring.store(span.extracting(10..<30), at: 5)
      ring.commit(30)
    }
    #expect(ring.count == 35)
    #expect(contents(ring) == Array(bytes[5..<40]))
  }

  @Test func theCapacityIsNeverSetBelowWhatIsHeld() {
    var ring = ByteRing(capacity: 100)
    pattern(10).withRawSpan { ring.store($0, at: 50) }
    ring.setCapacity(20)
    #expect(ring.capacity == 60)
    ring.forgetStored()
    ring.setCapacity(20)
    #expect(ring.capacity == 20)
    ring.setCapacity(5000)
    pattern(5000).withRawSpan { #expect(ring.append($0) == 5000) }
    #expect(contents(ring) == pattern(5000))
  }

  @Test func anEmptyRingOfNoCapacityIsHarmless() {
    var ring = ByteRing(capacity: 0)
    pattern(1).withRawSpan { #expect(ring.append($0) == 0) }
    let read = [UInt8](capacity: 4) { #expect(ring.read(into: &$0) == 0) }
    #expect(read.isEmpty)
    #expect(contents(ring) == [])
    var buffer = FrameBuffer(capacity: 0)
    #expect(buffer.fill { ring.copyAndSum(from: 0, count: 0, into: &$0) } == 0)
  }

  @Test func copyAndSumAgreesWithCopyAndSumApart() {
    var generator = SeededGenerator(seed: 5)
    var ring = ByteRing(capacity: 1024)
    let bytes = pattern(1024)
    for round in 0..<1024 {
      // Move the head by one each round, so that the pieces meet at every offset.
      bytes.withRawSpan { _ = ring.append($0) }
      let offset = Int.random(in: 0...1000, using: &generator)
      let length = Int.random(in: 0...(1024 - offset), using: &generator)
      let copied = [UInt8](capacity: 1024) { ring.copy(from: offset, count: length, into: &$0) }
      var sum: UInt32 = 0
      let summed = [UInt8](capacity: 1024) { sum = ring.copyAndSum(from: offset, count: length, into: &$0) }
      #expect(copied == summed)
      #expect(congruent(InternetChecksum.fold(sum), plainSum(copied)), "round \(round)")
      ring.discard(1024)
      bytes.withRawSpan { _ = ring.append($0.extracting(first: round % 1024)) }
      pattern(1).withRawSpan { _ = ring.append($0) }
      ring.discard(round % 1024)
      ring.discard(ring.count - 1)
    }
  }

  @Test func whatIsSummedOnItsWayInIsReadableOnceCommitted() {
    var generator = SeededGenerator(seed: 6)
    var ring = ByteRing(capacity: 1024)
    let bytes = pattern(1024)
    for round in 0..<2000 {
      let length = Int.random(in: 0...ring.free, using: &generator)
      let before = contents(ring)
      let piece = Array(bytes[0..<length])
      var sum = piece.withRawSpan { ring.storeAndSum($0) }
      #expect(congruent(InternetChecksum.fold(sum), plainSum(piece)), "round \(round)")
      #expect(contents(ring) == before, "it is not readable yet")
      ring.forgetStored()
      sum = piece.withRawSpan { ring.storeAndSum($0) }
      ring.commit(length)
      #expect(contents(ring) == before + piece)
      ring.discard(Int.random(in: 0...ring.count, using: &generator))
    }
  }

  /// The model: what is readable, and what lies behind it, with holes.
  struct Model {
    var readable: [UInt8] = []
    var stored: [Int: UInt8] = [:]
    var capacity: Int

    /// How many stored bytes follow the readable ones without a hole.
    var committable: Int {
      var count = 0
      while stored[readable.count + count] != nil { count += 1 }
      return count
    }

    mutating func drop(_ count: Int) {
      readable.removeFirst(count)
      stored = Dictionary(uniqueKeysWithValues: stored.map { ($0.key - count, $0.value) })
    }
  }

  @Test(arguments: 0..<8)
  func behavesLikeItsModel(_ seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    var model = Model(capacity: [1, 40, 1023, 1024, 1025, 3000, 5000, 9000][seed])
    var ring = ByteRing(capacity: model.capacity)
    for _ in 0..<1500 {
      let bytes = (0..<Int.random(in: 0...(model.capacity / 2 + 2), using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      switch Int.random(in: 0..<6, using: &generator) {
      case 0:
        let taken = min(bytes.count, model.capacity - model.readable.count)
        for index in 0..<taken { model.stored[model.readable.count + index] = nil }
        model.readable += bytes.prefix(taken)
        bytes.withRawSpan { #expect(ring.append($0) == taken) }
      case 1:
        let offset = Int.random(in: model.readable.count...model.capacity, using: &generator)
        let fitting = Array(bytes.prefix(model.capacity - offset))
        for (index, byte) in fitting.enumerated() { model.stored[offset + index] = byte }
        fitting.withRawSpan { ring.store($0, at: offset) }
      case 2:
        let count = model.committable
        while let byte = model.stored.removeValue(forKey: model.readable.count) {
          model.readable.append(byte)
        }
        ring.commit(count)
      case 3:
        let count = Int.random(in: 0...model.readable.count, using: &generator)
        model.drop(count)
        ring.discard(count)
      case 4:
        let room = Int.random(in: 0...(model.capacity), using: &generator)
        let expected = Array(model.readable.prefix(room))
        let read = [UInt8](capacity: room) { _ = ring.read(into: &$0) }
        #expect(read == expected)
        model.drop(expected.count)
      default:
        ring.releaseIfEmpty()
      }
      #expect(ring.count == model.readable.count)
      #expect(ring.allocatedBytes <= model.capacity)
      #expect(contents(ring) == model.readable)
    }
  }
}
