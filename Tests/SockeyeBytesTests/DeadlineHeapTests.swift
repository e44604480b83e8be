// Shows the heap of deadlines against a sorted model.

import SockeyeBytes
import Testing

@Suite struct DeadlineHeapTests {
  @Test func theEarliestComesFirst() {
    var heap = DeadlineHeap()
    #expect(heap.earliest == nil)
    heap.set(5, Instant(nanoseconds: 50))
    heap.set(1, Instant(nanoseconds: 10))
    heap.set(9, Instant(nanoseconds: 10))
    #expect(heap.earliest?.id == 1)
    #expect(heap.popDue(at: Instant(nanoseconds: 9)) == nil)
    #expect(heap.popDue(at: Instant(nanoseconds: 10)) == 1)
    #expect(heap.popDue(at: Instant(nanoseconds: 10)) == 9)
    #expect(heap.popDue(at: Instant(nanoseconds: 10)) == nil)
    #expect(heap.deadline(of: 5) == Instant(nanoseconds: 50))
    #expect(heap.deadline(of: 1) == nil)
    heap.remove(1)
    heap.remove(77)
    heap.remove(5)
    #expect(heap.count == 0)
  }

  @Test(arguments: 0..<4)
  func behavesLikeASortedList(_ seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    var heap = DeadlineHeap()
    var model: [UInt32: UInt64] = [:]
    for _ in 0..<6000 {
      let id = UInt32.random(in: 0..<100, using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0, 1:
        let deadline = UInt64.random(in: 0..<200, using: &generator)
        heap.set(id, Instant(nanoseconds: deadline))
        model[id] = deadline
      case 2:
        heap.remove(id)
        model[id] = nil
      default:
        let now = UInt64.random(in: 0..<200, using: &generator)
        let due = model.filter { $0.value <= now }.min { ($0.value, $0.key) < ($1.value, $1.key) }
        #expect(heap.popDue(at: Instant(nanoseconds: now)) == due?.key)
        if let due { model[due.key] = nil }
      }
      #expect(heap.count == model.count)
      #expect(heap.earliest?.deadline.nanoseconds == model.values.min())
      #expect(heap.deadline(of: id)?.nanoseconds == model[id])
    }
  }
}
