// Shows how much text is taken from a program as Linux takes it, where its buffers end, and when a socket is writable.

import Testing

@testable import SockeyePacketdrill

@Suite struct SendMemoryTests {
  private func memory(
    limit: Int = 50_000, unsentLimit: Int? = nil, queued: Int = 0, unsent: Int = 0, sendable: Int = 10_000
  ) -> SendMemory {
    SendMemory(
      limit: limit, unsentLimit: unsentLimit, queued: queued, unsent: unsent, sendable: sendable,
      segmentSize: 1000, piece: SendMemory.piece(segmentSize: 1000, largestWindow: 32_896), sincePush: 0,
      pushLimit: 16_448)
  }

  @Test func aBufferHoldsNoMoreThanHalfOfTheWidestWindow() {
    #expect(SendMemory.piece(segmentSize: 1000, largestWindow: 32_896) == 16_000)
    #expect(SendMemory.piece(segmentSize: 988, largestWindow: 2000) == 988)
    #expect(SendMemory.piece(segmentSize: 536, largestWindow: 500) == 536)
    #expect(SendMemory.piece(segmentSize: 1000, largestWindow: 1 << 20) == 65_000)
  }

  @Test func theLastBufferIsFilledWhateverTheLimit() {
    #expect(memory().taken(of: 59_000).octets == 58_000)
    #expect(memory().taken(of: 3_000).octets == 3_000)
    #expect(memory(queued: 60_000, unsent: 48_000).taken(of: 1).octets == 0)
    // There is room left in a buffer that was begun.
    #expect(memory(queued: 60_000, unsent: 47_000, sendable: 0).taken(of: 5_000).octets == 1_000)
  }

  @Test func noBufferIsBegunWhileTooMuchWaits() {
    #expect(memory(unsentLimit: 4_000).taken(of: 59_000).octets == 26_000)
    #expect(memory(unsentLimit: 32_000).taken(of: 59_000).octets == 42_000)
  }

  @Test func fullBuffersArePushedNowAndThenAndWhatACallEndsWithIs() {
    let ends = memory(limit: 1 << 20, sendable: 0).taken(of: 50_000).ends
    #expect(ends.map(\.place) == [16_000, 32_000, 48_000, 50_000])
    #expect(ends.map(\.isPushed) == [false, true, false, true])
  }

  @Test func aSocketIsWritableWhenAThirdIsFree() {
    #expect(memory(queued: 30_000).isWritable)
    #expect(!memory(queued: 33_000).isWritable)
    #expect(memory(unsentLimit: 4_000, unsent: 1_999).isWritable)
    #expect(!memory(unsentLimit: 4_000, unsent: 2_000).isWritable)
  }

  @Test func theMemoryGrowsWithTheWindow() {
    #expect(SendMemory.grown(segments: 36, segmentSize: 1000, isFull: false) == 72 * 2304)
    #expect(SendMemory.grown(segments: 20, segmentSize: 1000, isFull: true) == 40 * 1280)
    #expect(SendMemory.grown(segments: 2, segmentSize: 1000, isFull: true) == 20 * 1280)
  }

  @Test func endsAreFoundWhereTheyLie() {
    var marks = PushMarks()
    marks.wrote(1000, Portion(octets: 1000, ends: [.init(place: 400, isPushed: false)]))
    marks.wrote(1000, Portion(octets: 1000, ends: [.init(place: 1000, isPushed: true)]))
    #expect(marks.end(at: 400) == false)
    #expect(marks.end(at: 2000) == true)
    #expect(marks.end(at: 1000) == nil)
    #expect(marks.last == 2000)
  }
}
