// Shows the bounded queue: order, bound, and removal from the middle.

import SockeyeBytes
import Testing

@Suite struct BoundedQueueTests {
  @Test func firstInFirstOutUpToTheBound() {
    var queue = BoundedQueue<Int>(limit: 3)
    #expect(queue.isEmpty)
    #expect(queue.popFirst() == nil)
    for value in 1...3 { #expect(queue.append(value) == true) }
    #expect(queue.isFull)
    #expect(queue.append(4) == false)
    #expect(queue.first == 1)
    #expect(queue.popFirst() == 1)
    #expect(queue.append(5) == true)
    #expect([queue.popFirst(), queue.popFirst(), queue.popFirst(), queue.popFirst()] == [2, 3, 5, nil])
  }

  @Test func noRoomAtAll() {
    var queue = BoundedQueue<Int>(limit: 0)
    #expect(queue.append(1) == false)
    #expect(queue.first == nil)
  }

  @Test func removalKeepsTheOrder() {
    var queue = BoundedQueue<Int>(limit: 100)
    for value in 0..<10 { queue.append(value) }
    for _ in 0..<3 { _ = queue.popFirst() }
    queue.removeAll { $0 % 2 == 0 }
    var rest: [Int] = []
    while let value = queue.popFirst() { rest.append(value) }
    #expect(rest == [3, 5, 7, 9])
    queue.append(1)
    queue.removeAll()
    #expect(queue.count == 0)
  }

  @Test func behavesLikeAnArray() {
    var generator = SeededGenerator(seed: 9)
    var queue = BoundedQueue<Int>(limit: 37)
    var model: [Int] = []
    for step in 0..<5000 {
      if Int.random(in: 0..<5, using: &generator) < 3 {
        #expect(queue.append(step) == (model.count < 37))
        if model.count < 37 { model.append(step) }
      } else {
        #expect(queue.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
      }
      #expect(queue.count == model.count)
      #expect(queue.first == model.first)
    }
  }
}
