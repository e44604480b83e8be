// Shows the Internet checksum against RFC 1071's example and against a sum word by word.

import SockeyeBytes
import SockeyeTestSupport
import Testing

/// The definition, word by word.
func plainSum(_ bytes: [UInt8]) -> UInt16 {
  var sum: UInt64 = 0
  for (index, byte) in bytes.enumerated() { sum += index % 2 == 0 ? UInt64(byte) << 8 : UInt64(byte) }
  while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
  return UInt16(sum)
}

/// Two folded sums are the same number modulo 0xFFFF.
func congruent(_ left: UInt16, _ right: UInt16) -> Bool {
  left == right || (left == 0 && right == 0xffff) || (left == 0xffff && right == 0)
}

@Suite struct InternetChecksumTests {
  @Test func theExampleOfRFC1071() {
    let bytes: [UInt8] = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]
    let sum = bytes.withRawSpan { InternetChecksum.sum($0) }
    #expect(InternetChecksum.fold(sum) == 0xddf2)
    #expect(InternetChecksum.finish(sum) == 0x220d)
  }

  @Test func everyLengthAtEveryAlignment() {
    var generator = SeededGenerator(seed: 1071)
    let bytes = (0..<400).map { _ in UInt8.random(in: 0...255, using: &generator) }
    for start in 0..<17 {
      for length in 0...320 {
        let piece = Array(bytes[start..<start + length])
        let sum = bytes.withRawSpan { InternetChecksum.sum($0.extracting(start..<start + length)) }
        #expect(InternetChecksum.fold(sum) == plainSum(piece), "start \(start), length \(length)")
      }
    }
  }

  @Test(arguments: [UInt8(0x00), 0x80, 0xff])
  func longRunsDoNotOverflow(_ byte: UInt8) {
    for length in [65_535, 131_072, 131_073, 1_000_003] {
      let bytes = [UInt8](repeating: byte, count: length)
      let sum = bytes.withRawSpan { InternetChecksum.sum($0, initial: 0xffff_ffff) }
      let expected = InternetChecksum.combine(0xffff_ffff, UInt32(plainSum(bytes)), bOffsetIsOdd: false)
      #expect(congruent(InternetChecksum.fold(sum), InternetChecksum.fold(expected)), "length \(length)")
    }
  }

  @Test func piecesCombineAtOddOffsets() {
    var generator = SeededGenerator(seed: 2)
    for _ in 0..<200 {
      let bytes = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      let cut = Int.random(in: 0...bytes.count, using: &generator)
      let front = bytes.withRawSpan { InternetChecksum.sum($0.extracting(first: cut)) }
      let back = bytes.withRawSpan { InternetChecksum.sum($0.extracting(droppingFirst: cut)) }
      let whole = InternetChecksum.combine(front, back, bOffsetIsOdd: cut % 2 == 1)
      #expect(congruent(InternetChecksum.fold(whole), plainSum(bytes)), "cut \(cut) of \(bytes)")
      if cut % 2 == 0 {
        let chained = bytes.withRawSpan {
          InternetChecksum.sum($0.extracting(droppingFirst: cut), initial: front)
        }
        #expect(congruent(InternetChecksum.fold(chained), plainSum(bytes)))
      }
    }
  }

  @Test func dataWithItsChecksumSumsToAllOnes() {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<100 {
      var bytes = (0..<40).map { _ in UInt8.random(in: 0...255, using: &generator) }
      bytes[16] = 0
      bytes[17] = 0
      let checksum = bytes.withRawSpan { InternetChecksum.finish(InternetChecksum.sum($0)) }
      bytes[16] = UInt8(checksum >> 8)
      bytes[17] = UInt8(checksum & 0xff)
      #expect(bytes.withRawSpan { InternetChecksum.finish(InternetChecksum.sum($0)) } == 0)
    }
  }
}
