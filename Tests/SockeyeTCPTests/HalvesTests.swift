// The two directions of a connection by themselves, where a script would have to send more octets than a test should to show
// the same.

import SockeyeBytes
import SockeyeWire
import Testing

@testable import SockeyeTCP

@Suite struct HalvesTests {
  private static let start = SequenceNumber(1_000)

  private func receiving(capacity: Int = 10_000, maximum: Int = 10_000, shift: UInt8 = 0) -> ReceiveHalf {
    ReceiveHalf(
      initial: Self.start, capacity: capacity, maximum: maximum, windowShift: shift, advertised: capacity,
      segmentSize: 1_000)
  }

  /// Numbers come round again after 4 GiB, so that a mark that has been passed would be ahead once more after two of them.
  @Test(.requirement("MUST-33")) func anUrgentMarkThatWasReadIsForgotten() {
    var half = receiving()
    let isNews = half.urgentArrived(end: Self.start + 6)
    #expect(isNews)
    let text: [UInt8] = [1, 2, 3, 4, 5]
    let placement = half.place(text.span.bytes, at: Self.start + 1)
    #expect(placement == .inOrder)
    half.buffer.discard(4)
    half.forgetPassedUrgent()
    var mark = half.urgentEnd
    #expect(mark == Self.start + 6, "one octet is urgent still")
    half.buffer.discard(1)
    half.forgetPassedUrgent()
    mark = half.urgentEnd
    #expect(mark == nil)
  }

  @Test(.requirement("MUST-30")) func anUrgentMarkThatWasAcknowledgedIsForgotten() {
    var half = SendHalf(initial: Self.start, capacity: 100)
    half.sent(upTo: Self.start + 1, finish: false)
    _ = half.acknowledge(Self.start + 1)
    let text: [UInt8] = [1, 2, 3, 4, 5]
    let taken = half.buffer.append(text.span.bytes)
    #expect(taken == 5)
    half.markUrgent()
    half.sent(upTo: Self.start + 6, finish: false)
    _ = half.acknowledge(Self.start + 5)
    var mark = half.urgentEnd
    #expect(mark == Self.start + 6)
    _ = half.acknowledge(Self.start + 6)
    mark = half.urgentEnd
    #expect(mark == nil)
  }

  /// RFC 7323 §2.2: without the peer's option the window field is not scaled, and a buffer beyond it would be of no use.
  @Test(.requirement("7323-1")) func withoutScalingTheBufferGrowsNoFurtherThanTheFieldCanTell() {
    var half = receiving(capacity: 60_000, maximum: 1 << 20, shift: 5)
    half.stopScaling()
    let bound = half.tuning.maximum
    #expect(bound == 65_535)
    half.resize(to: 1 << 20)
    let capacity = half.capacity
    #expect(capacity == 65_535)
  }
}
