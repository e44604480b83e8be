// Shows the arithmetic and the printing of instants and intervals.

import SockeyeBytes
import Testing

@Suite struct TimeTests {
  @Test func instantsSaturateAtBothEnds() {
    #expect(Instant.zero - .seconds(1) == .zero)
    #expect(Instant.distantFuture + .seconds(1) == .distantFuture)
    #expect(Instant(nanoseconds: 5) + .nanoseconds(-3) == Instant(nanoseconds: 2))
    #expect(Instant(nanoseconds: 5) - .nanoseconds(-3) == Instant(nanoseconds: 8))
    #expect(Instant.zero - Interval(nanoseconds: .min) == Instant(nanoseconds: UInt64(Int64.max)))
    #expect(Instant.zero + Interval(nanoseconds: .min) == .zero)
  }

  @Test func differencesOfInstantsAreSigned() {
    let early = Instant(nanoseconds: 10)
    let late = Instant(nanoseconds: 25)
    #expect(late - early == .nanoseconds(15))
    #expect(early - late == .nanoseconds(-15))
    #expect(Instant.distantFuture - .zero == Interval(nanoseconds: .max))
    #expect(Instant.zero - .distantFuture == Interval(nanoseconds: -.max))
  }

  @Test func intervalsSaturate() {
    let largest = Interval(nanoseconds: .max)
    let least = Interval(nanoseconds: .min)
    #expect(largest + .nanoseconds(1) == largest)
    #expect(least - .nanoseconds(1) == least)
    #expect(-least == largest)
    #expect(largest * 2 == largest)
    #expect(largest * -2 == -largest)
    #expect(Interval(nanoseconds: 1 << 31) * (1 << 31) == Interval(nanoseconds: 1 << 62))
    #expect(Interval(nanoseconds: 1 << 32) * (1 << 31) == largest)
    #expect(
      Interval(nanoseconds: -3) * 5 == .nanoseconds(-15) && Interval(nanoseconds: -3) * -5 == .nanoseconds(15)
    )
    #expect(largest * 0 == Interval.zero && Interval.zero * .max == Interval.zero)
    #expect(largest * 1 == largest && -largest * 1 == -largest)
    #expect(least / -1 == largest)
    #expect(Interval.hours(.max) == largest)
    #expect(Interval.hours(-.max) == -largest)
    #expect(Interval.seconds(3) / 2 == .milliseconds(1500))
    #expect(Interval.minutes(2) == .seconds(120))
  }

  @Test(arguments: [
    (Interval.zero, "0 s"), (.nanoseconds(7), "7 ns"), (.nanoseconds(1500), "1.5 µs"),
    (.microseconds(250), "250 µs"), (.milliseconds(40), "40 ms"), (.microseconds(1020), "1.02 ms"),
    (.seconds(1), "1 s"), (.milliseconds(1500), "1.5 s"), (.seconds(-2), "-2 s"), (.hours(2), "7200 s"),
    (.nanoseconds(1_999_999_999), "1.999 s"),
  ])
  func intervalsPrintInTheirLargestUnit(_ interval: Interval, _ text: String) {
    #expect(interval.description == text)
  }
}
