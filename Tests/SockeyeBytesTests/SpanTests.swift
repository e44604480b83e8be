// Shows the loads from and stores into lent bytes, and the frame buffer.

import SockeyeBytes
import Testing

@Suite struct SpanTests {
  @Test func loadsAreBigEndianAtAnyOffset() {
    let bytes: [UInt8] = [0xff, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08]
    bytes.withRawSpan { span in
      #expect(span.byte(at: 0) == 0xff)
      #expect(span.uint16(at: 1) == 0x0102)
      #expect(span.uint32(at: 1) == 0x0102_0304)
      #expect(span.uint64(at: 1) == 0x0102_0304_0506_0708)
    }
  }

  @Test func storesAreBigEndianAtAnyOffset() {
    let bytes = [UInt8](capacity: 32) { out in
      out.append(0xee)
      out.appendUInt16(0x0102)
      out.appendUInt32(0x0304_0506)
      out.appendUInt64(0x0708_090a_0b0c_0d0e)
      out.appendZeros(4)
      [0xaa, 0xbb].withRawSpan { out.append(bytes: $0) }
      [].withRawSpan { out.append(bytes: $0) }
      out.overwriteUInt16(0x1112, at: 1)
      out.overwriteUInt32(0x1314_1516, at: 15)
      out.overwriteByte(0x17, at: 0)
    }
    #expect(
      bytes == [
        0x17, 0x11, 0x12, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0x13, 0x14, 0x15, 0x16, 0xaa, 0xbb,
      ])
  }

  @Test func aFrameBufferHoldsWhatTheLastFillLeft() {
    var buffer = FrameBuffer(capacity: 8)
    #expect(buffer.count == 0)
    #expect([UInt8](buffer.bytes) == [])
    let returned = buffer.fill { out in
      out.appendUInt32(1)
      return out.freeCapacity
    }
    #expect(returned == 4)
    #expect([UInt8](buffer.bytes) == [0, 0, 0, 1])
    buffer.fill { $0.append(9) }
    #expect([UInt8](buffer.bytes) == [9])
    #expect(buffer.capacity == 8)
  }

  @Test func aFillThatThrowsLeavesNothing() {
    struct Failure: Error {}
    var buffer = FrameBuffer(capacity: 8)
    #expect(throws: Failure.self) {
      try buffer.fill { out throws(Failure) in
        out.append(1)
        throw Failure()
      }
    }
    #expect(buffer.count == 0)
  }

  @Test func spansCompareByBytes() {
    let bytes: [UInt8] = [1, 2, 3]
    let same = RawSpan.withRawSpan(of: [1, 2, 3]) { other in
      bytes.withRawSpan { $0.holdsSameBytes(as: other) }
    }
    #expect(same)
    let longer = RawSpan.withRawSpan(of: [1, 2, 3, 4]) { other in
      bytes.withRawSpan { $0.holdsSameBytes(as: other) }
    }
    #expect(!longer)
    let different = RawSpan.withRawSpan(of: [1, 2, 4]) { other in
      bytes.withRawSpan { $0.holdsSameBytes(as: other) }
    }
    #expect(!different)
  }
}
