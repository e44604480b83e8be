// Shows the reading and writing of TCP options, the wrong ones above all.

import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct TCPOptionsTests {
  func parse(_ bytes: [UInt8]) -> TCPOptions {
    bytes.withRawSpan { TCPOptions.parse($0, in: 0..<$0.byteCount) }
  }

  func bytes(_ options: TCPOptions) -> [UInt8] {
    [UInt8](capacity: 64) { options.write(into: &$0) }
  }

  func blocks(_ edges: [(UInt32, UInt32)]) -> SACKBlocks {
    var blocks = SACKBlocks()
    for (left, right) in edges {
      blocks.append(SACKBlock(left: SequenceNumber(left), right: SequenceNumber(right)))
    }
    return blocks
  }

  @Test(.requirement("MUST-4"))
  func endNoOperationAndMaximumSegmentSizeAreKnown() {
    let options = parse([1, 1, 2, 4, 0x03, 0xe8, 0, 0])
    #expect(options.maximumSegmentSize == 1000)
    #expect(!options.malformed)
    // What follows the end doesn't count, not even as malformed.
    #expect(parse([0, 2, 4, 3, 4, 8, 0, 0]) == TCPOptions())
  }

  @Test(.requirement("MUST-64"))
  func optionsMayBeginAtAnyByte() {
    for padding in 0...17 {
      var header = [UInt8](repeating: 1, count: padding)
      header += [2, 4, 5, 0xb4, 3, 3, 7, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 4, 2]
      let options = parse(header)
      #expect(options.maximumSegmentSize == 1460)
      #expect(options.windowScale == 7)
      #expect(options.timestamps == TimestampOption(value: 1, echo: 2))
      #expect(options.sackPermitted)
      #expect(!options.malformed)
    }
  }

  @Test(.requirement("MUST-6"), arguments: [UInt8(6), 7, 9, 19, 28, 30, 34, 69, 200, 253, 254, 255])
  func unknownOptionsAreSkippedByTheirLength(_ kind: UInt8) {
    for length in 2...20 {
      // A value that would be read as options, if it were not skipped.
      let unknown = [kind, UInt8(length)] + [UInt8](repeating: 3, count: length - 2)
      let options = parse(unknown + [2, 4, 3, 0x84])
      #expect(options.maximumSegmentSize == 900)
      #expect(options.windowScale == nil)
      #expect(!options.malformed)
    }
  }

  @Test(.requirement("MUST-68"))
  func everyOtherKindHasALengthByte() {
    for kind in UInt8(2)...255 {
      #expect(parse([kind]).malformed, "kind \(kind) at the last byte")
      #expect(parse([1, 1, 1, kind]).malformed)
      #expect(!parse([kind, 2]).malformed)
    }
  }

  @Test(.requirement("MUST-7"))
  func anIllegalLengthStopsTheReadingAndKeepsWhatCameBefore() {
    for kind in UInt8(2)...255 {
      for length in [UInt8(0), 1, 7, 40, 255] {
        let options = parse([2, 4, 3, 0x84, kind, length, 3, 3, 7, 0])
        #expect(options.malformed, "kind \(kind), length \(length)")
        #expect(options.maximumSegmentSize == 900)
        #expect(options.windowScale == nil)
      }
    }
  }

  @Test func knownKindsOfAWrongLengthAreSkipped() {
    for (kind, right) in [(2, 4), (3, 3), (4, 2), (8, 10)] {
      for length in 2...12 where length != right {
        let wrong = [UInt8(kind), UInt8(length)] + [UInt8](repeating: 9, count: length - 2)
        var expected = TCPOptions()
        #expect(parse(wrong) == expected, "kind \(kind), length \(length)")
        expected.windowScale = 5
        // What follows is read, even the same kind in its right form.
        #expect(parse(wrong + [3, 3, 5]) == expected)
      }
    }
    for length in [2, 3, 9, 11, 17, 25] {
      let wrong = [5, UInt8(length)] + [UInt8](repeating: 9, count: length - 2)
      #expect(parse(wrong) == TCPOptions())
    }
  }

  @Test func theFirstOfTwoCounts() {
    #expect(parse([2, 4, 0, 1, 2, 4, 0, 2]).maximumSegmentSize == 1)
    #expect(parse([3, 3, 1, 3, 3, 2]).windowScale == 1)
    let stamps: [UInt8] = [8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 8, 10, 0, 0, 0, 3, 0, 0, 0, 4]
    #expect(parse(stamps).timestamps == TimestampOption(value: 1, echo: 2))
    let sacks: [UInt8] = [5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 5, 10, 0, 0, 0, 3, 0, 0, 0, 4]
    #expect(parse(sacks).sackBlocks == blocks([(1, 2)]))
    #expect(parse([1, 1] + stamps).timestamps == TimestampOption(value: 1, echo: 2))
  }

  @Test func everyFormWithTimestampsIsReadAlike() {
    let stamp: [UInt8] = [8, 10, 0, 0, 0, 1, 0xff, 0, 0, 2]
    let expected = TimestampOption(value: 1, echo: 0xff00_0002)
    for form in [stamp, [1, 1] + stamp, stamp + [1, 1], [1] + stamp + [0], [1, 1] + stamp + [0, 0, 0, 0]] {
      var options = TCPOptions()
      options.timestamps = expected
      #expect(parse(form) == options)
    }
    let both = parse([1, 1] + stamp + [1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4])
    #expect(both.timestamps == expected)
    #expect(both.sackBlocks == blocks([(1, 2), (3, 4)]))
  }

  @Test func aSynchronizeSegmentsOptionsAreInTheOrderOfLinux() {
    var options = TCPOptions()
    options.maximumSegmentSize = 1460
    options.sackPermitted = true
    options.timestamps = TimestampOption(value: 0x0102_0304, echo: 0)
    options.windowScale = 7
    #expect(
      bytes(options) == [2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7])
    options.timestamps = nil
    #expect(bytes(options) == [2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7])
    options.sackPermitted = false
    #expect(bytes(options) == [2, 4, 5, 0xb4, 1, 3, 3, 7])
  }

  @Test func otherSegmentsOptionsArePaddedInFront() {
    var options = TCPOptions()
    options.timestamps = TimestampOption(value: 1, echo: 2)
    #expect(bytes(options) == [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2])
    options.sackBlocks = blocks([(3, 4)])
    #expect(bytes(options).suffix(12) == [1, 1, 5, 10, 0, 0, 0, 3, 0, 0, 0, 4])
    options.timestamps = nil
    #expect(options.encodedLength == 12)
  }

  /// All 2 × 2 × 2 × 2 × 5 sets of options: lengths agree, fit, and what is written is read.
  @Test func everySetOfOptionsFitsAndComesBack() {
    for set in 0..<16 {
      for count in 0...4 {
        var options = TCPOptions()
        if set & 1 != 0 { options.maximumSegmentSize = 536 }
        if set & 2 != 0 { options.windowScale = 14 }
        if set & 4 != 0 { options.sackPermitted = true }
        if set & 8 != 0 { options.timestamps = TimestampOption(value: .max, echo: 7) }
        let edges = (0..<UInt32(count)).map { left in (left, left + 50) }
        options.sackBlocks = blocks(edges)
        let written = bytes(options)
        #expect(written.count == options.encodedLength)
        #expect(written.count <= 40 && written.count % 4 == 0)
        var expected = options
        let room = (40 - written.count(without: options)) / 8
        expected.sackBlocks = blocks(Array(edges.prefix(max(0, room))))
        #expect(parse(written) == expected)
      }
    }
  }

  @Test func blocksBeyondFourAreRefused() {
    var four = blocks([(1, 2), (3, 4), (5, 6), (7, 8)])
    #expect(four.append(SACKBlock(left: SequenceNumber(9), right: SequenceNumber(10))) == false)
    #expect(four.count == 4)
    #expect(four != blocks([(1, 2), (3, 4), (5, 6)]))
    #expect(four[3].right == SequenceNumber(8))
    #expect(blocks([]).isEmpty)
  }

  /// Every kind with every length, in every slot of a full option field (attack ).
  @Test func noKindLengthAndPlaceTraps() {
    for kind in UInt8(0)...255 {
      for length in [UInt8(0), 1, 2, 3, 4, 10, 18, 34, 39, 40, 41, 255] {
        for place in stride(from: 0, to: 40, by: 3) {
          var header = [UInt8](repeating: 1, count: 40)
          header[place] = kind
          if place + 1 < 40 { header[place + 1] = length }
          let options = parse(header)
          // Behind a NOP the length is read as a kind: it is enough that it is survived.
          if kind == 1 { continue }
          let illegal = kind > 1 && (length < 2 || place + Int(length) > 40)
          #expect(options.malformed == illegal, "kind \(kind), length \(length), place \(place)")
        }
      }
    }
  }
}

extension [UInt8] {
  /// The length of all options but the SACK blocks themselves, with the four bytes in front of those.
  fileprivate func count(without options: TCPOptions) -> Int {
    var bare = options
    bare.sackBlocks = SACKBlocks()
    return bare.encodedLength + 4
  }
}
