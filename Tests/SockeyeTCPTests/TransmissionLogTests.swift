// What is remembered of outstanding segments, held against a list of octets that does the same the long way
// (RFC 2018 §5, RFC 8985 §5).

import SockeyeBytes
import SockeyeWire
import Testing

@testable import SockeyeTCP

@Suite struct TransmissionLogTests {
  private struct Octet: Equatable {
    var sentAt: UInt64
    var isHeld = false
    var isLost = false
    var isUntold = false
    var isCopy = false
    var isLimited = false
    /// The last one of its segment.
    var isEnd = false
  }

  /// A log and the octets that it stands for, from SND.UNA to SND.NXT.
  private struct Both: ~Copyable {
    var log = TransmissionLog()
    var octets: [Octet] = []
    /// Passes zero on the way.
    var start = SequenceNumber(UInt32.max - 500)
    var now: UInt64 = 1_000

    var time: Instant { Instant(nanoseconds: now) }

    mutating func append(_ count: Int, isLimited: Bool) {
      let begin = start + octets.count
      log.append(
        from: begin, to: begin + count, at: time, DeliverySnapshot(), isApplicationLimited: isLimited)
      octets += Array(repeating: Octet(sentAt: now, isLimited: isLimited), count: count)
      octets[octets.count - 1].isEnd = true
    }

    mutating func acknowledge(_ count: Int) {
      start = start + count
      while log.takeFirst(acknowledgedBy: start) != nil {}
      log.trim(upTo: start)
      octets.removeFirst(count)
    }

    /// The ranges of whole segments.
    var segments: [Range<Int>] {
      var found: [Range<Int>] = []
      var begin = 0
      for index in octets.indices where octets[index].isEnd {
        found.append(begin..<index + 1)
        begin = index + 1
      }
      return found
    }

    mutating func hold(_ range: Range<Int>) {
      for index in log.indices(from: start + range.lowerBound, to: start + range.upperBound)
      where !log[index].marks.contains(.sacked) {
        log.markSacked(index)
      }
      for segment in segments
      where segment.lowerBound >= range.lowerBound && segment.upperBound <= range.upperBound {
        for index in segment {
          octets[index].isHeld = true
          octets[index].isLost = false
        }
      }
    }

    mutating func lose(_ number: Int) {
      log.markLost(number)
      for index in segments[number] where !octets[index].isHeld && !octets[index].isLost {
        octets[index].isLost = true
        octets[index].isUntold = true
      }
    }

    mutating func resend(_ range: Range<Int>) {
      log.retransmitted(
        from: start + range.lowerBound, to: start + range.upperBound, at: time, DeliverySnapshot())
      log.advanceLostHint()
      if range.lowerBound > 0 { octets[range.lowerBound - 1].isEnd = true }
      octets[range.upperBound - 1].isEnd = true
      for index in range where !octets[index].isHeld {
        octets[index].sentAt = now
        octets[index].isLost = false
        octets[index].isLimited = false
        octets[index].isCopy = true
      }
    }

    mutating func forgetHeld() {
      log.forgetSacks()
      for index in octets.indices { octets[index].isHeld = false }
    }

    mutating func forgetLost() {
      log.forgetLosses()
      for index in octets.indices { octets[index].isLost = false }
    }

    /// Octets of losses that nobody was told of, as the log has them and as they are.
    mutating func tell() -> (Int, Int) {
      var index = 0
      var told = 0
      while let loss = log.takeUntoldLoss(from: &index) { told += loss.octets }
      let expected = octets.count { $0.isUntold && $0.isLost }
      for index in octets.indices { octets[index].isUntold = false }
      return (told, expected)
    }

    var expanded: [Octet] {
      var all: [Octet] = []
      for index in 0..<log.count {
        let record = log[index]
        let one = Octet(
          sentAt: record.sentNanoseconds, isHeld: record.marks.contains(.sacked),
          isLost: record.marks.contains(.lost), isUntold: record.marks.contains(.untold),
          isCopy: record.marks.contains(.retransmitted), isLimited: record.marks.contains(.applicationLimited)
        )
        all += Array(repeating: one, count: record.end - log.start(of: index))
        all[all.count - 1].isEnd = true
      }
      return all
    }

    /// What differs; nil if nothing does.
    func difference() -> String? {
      if expanded != octets { return "the segments" }
      if log.sackedOctets != octets.count(where: \.isHeld) { return "the octets held" }
      if log.lostOctets != octets.count(where: \.isLost) { return "the octets lost" }
      if log.sackedSegments != segments.count(where: { octets[$0.lowerBound].isHeld }) {
        return "the segments held"
      }
      if let violation = log.violation() { return violation.description }
      let lost = octets.firstIndex(where: \.isLost)
      if log.firstLost(limit: 1) != lost.map({ $0..<$0 + 1 }) { return "the first loss" }
      for left in stride(from: 0, to: octets.count, by: 7) {
        let right = min(left + 11, octets.count)
        let whole = segments.filter { $0.lowerBound >= left && $0.upperBound <= right }
        let expected = whole.reduce(0) { $0 + $1.count { octets[$0].isLost } }
        if log.lostOctets(from: start + left, to: start + right) != expected { return "the losses between" }
      }
      return nil
    }
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func theLogIsWhatAListOfOctetsWouldBe(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var both = Both()
    func draw(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }
    for step in 0..<2_000 {
      both.now += UInt64(draw(1..<50))
      let count = both.octets.count
      if count == 0 || count < 200 && draw(0..<3) == 0 {
        both.append(draw(1..<6), isLimited: draw(0..<4) == 0)
      } else {
        let left = draw(0..<count)
        let range = left..<draw(left + 1..<min(left + 20, count) + 1)
        switch draw(0..<12) {
        case 0...1: both.acknowledge(draw(1..<min(count, 12) + 1))
        case 2...4: both.hold(range)
        case 5...6: both.lose(draw(0..<both.log.count))
        case 7...9: both.resend(range)
        case 10 where draw(0..<5) == 0: both.forgetHeld()
        case 11 where draw(0..<5) == 0: both.forgetLost()
        default:
          let (told, expected) = both.tell()
          #expect(told == expected)
        }
      }
      if let difference = both.difference() {
        Issue.record("\(difference), after step \(step)")
        return
      }
    }
  }

  @Test func memoryIsGivenBackOnlyWhenNothingIsOutstanding() {
    var both = Both()
    for _ in 0..<100 { both.append(3, isLimited: false) }
    let taken = both.log.allocatedBytes
    both.acknowledge(299)
    both.log.releaseIfEmpty()
    #expect(both.log.allocatedBytes == taken && both.difference() == nil)
    both.acknowledge(1)
    both.log.releaseIfEmpty()
    #expect(both.log.allocatedBytes == 0)
    both.append(3, isLimited: false)
    #expect(both.difference() == nil)
  }

  /// Beyond so many segments the last stands for all that follow it, as of the time of the last.
  @Test func aFlightOfVeryManySegmentsIsStillCounted() {
    var log = TransmissionLog()
    let limit = TransmissionLog.limit
    for number in 0..<limit + 5 {
      if number == limit + 2 { log.markSacked(limit - 1) }
      if number == limit + 4 {
        log.forgetSacks()
        log.markLost(limit - 1)
      }
      log.append(
        from: SequenceNumber(0) + number * 10, to: SequenceNumber(0) + (number + 1) * 10,
        at: .zero + .milliseconds(number), DeliverySnapshot(), isApplicationLimited: false)
      if number == limit + 3 { #expect(log.sackedOctets == 50) }
    }
    #expect(log.count == limit && log[limit - 1].end == SequenceNumber(0) + (limit + 5) * 10)
    #expect(log[limit - 1].sentAt == .zero + .milliseconds(limit + 4))
    #expect(log.sackedOctets == 0 && log.lostOctets == 60)
    // Nor is one made two.
    log.retransmitted(
      from: SequenceNumber(5), to: SequenceNumber(10), at: .zero + .seconds(100), DeliverySnapshot())
    #expect(log.count == limit)
  }
}
