// Shows the modular arithmetic of sequence numbers, across the wrap above all.

import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct SequenceNumberTests {
  @Test func sumsAndDistancesWrap() {
    let nearEnd = SequenceNumber(.max - 9)
    #expect(nearEnd + 20 == SequenceNumber(10))
    #expect(SequenceNumber(10) - 20 == nearEnd)
    #expect(SequenceNumber(10) - nearEnd == 20)
    #expect(nearEnd - SequenceNumber(10) == -20)
    #expect(SequenceNumber(5) + -6 == SequenceNumber(.max))
    #expect(SequenceNumber(0) + 0xffff_ffff == SequenceNumber(.max))
    var moving = nearEnd
    moving += 10
    #expect(moving == SequenceNumber(0))
    moving -= 1
    #expect(moving == SequenceNumber(.max))
  }

  @Test(arguments: [UInt32(0), 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, .max])
  func orderHoldsWithinHalfTheCircle(_ start: UInt32) {
    let point = SequenceNumber(start)
    for distance in [1, 2, 1000, 0x7fff_ffff] {
      let further = point + distance
      #expect(point < further)
      #expect(point <= further)
      #expect(further > point)
      #expect(further >= point)
      #expect(!(further < point))
      #expect(point.isBefore(further))
      #expect(further.isAfter(point))
      #expect(further - point == distance)
      #expect(SequenceNumber.later(point, further) == further)
      #expect(SequenceNumber.earlier(point, further) == point)
    }
    #expect(point <= point && point >= point)
    #expect(!(point < point) && !(point > point))
  }

  @Test func theOppositePointLiesBefore() {
    // Exactly half the circle away, each point lies before the other; RFC 1982 leaves it open.
    let point = SequenceNumber(3)
    let opposite = point + 0x7fff_ffff + 1
    #expect(opposite - point == -0x8000_0000)
    #expect(opposite < point && point < opposite)
  }
}
