// Holds the dice from which random worlds are drawn. What is drawn with them is in SwarmPlan+Drawing.

import SockeyeBytes

/// Random choices, the same on every machine.
struct SwarmDraw {
  var generator: SeededGenerator

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  /// Whether something that happens in so many of a hundred cases does.
  mutating func chance(_ percent: UInt32) -> Bool { generator.next(below: 100) < percent }

  mutating func number(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(generator.next(below: UInt32(range.upperBound - range.lowerBound + 1)))
  }

  /// A number whose logarithm is even: as many small ones as large ones.
  mutating func size(_ range: ClosedRange<Int>) -> Int {
    var top = range.upperBound
    let least = max(1, range.lowerBound)
    var doublings = 0
    while top / 2 >= least {
      top /= 2
      doublings += 1
    }
    let high = min(range.upperBound, least << number(0...doublings))
    return number(max(range.lowerBound, high / 2)...max(high, range.lowerBound))
  }

  mutating func milliseconds(_ range: ClosedRange<Int>) -> Interval { .milliseconds(number(range)) }

  mutating func pick<Element>(_ choices: [Element]) -> Element { choices[number(0...(choices.count - 1))] }

  /// Up to so many thousandths, small ones as often as large ones.
  mutating func share(upTo thousandths: Int) -> Probability {
    Probability(billionths: UInt32(size(1...(thousandths * 10)) * 100_000))
  }
}
