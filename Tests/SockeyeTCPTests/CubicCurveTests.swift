// The cubic curve in whole numbers against the formula in floating point (RFC 9438 §4.2).

import SockeyeBytes
import Testing

@testable import SockeyeTCP

@Suite struct CubicCurveTests {
  /// W_cubic(t) as the RFC writes it: windows in octets, the rest in segments and seconds.
  private func formula(from start: Int, maximum: Int, segment: Int, at seconds: Double) -> Double {
    let top = Double(max(start, maximum)) / Double(segment)
    let rise = root((top - Double(start) / Double(segment)) / 0.4)
    let distance = seconds - rise
    return (0.4 * distance * distance * distance + top) * Double(segment)
  }

  /// A cube root by Newton's method.
  private func root(_ value: Double) -> Double {
    if value <= 0 { return 0 }
    var guess = max(value, 1)
    for _ in 0..<200 { guess -= (guess - value / (guess * guess)) / 3 }
    return guess
  }

  @Test(
    .requirement("9438-1"),
    arguments: [
      (70_000, 100_000, 1_000), (102_200, 146_000, 1_460), (1_000_000, 10_000_000, 1_460),
      (700, 1_000, 48), (200_000_000, 1_000_000_000, 1_460), (1_000_000, 2_000_000, 65_495),
      (50_000, 20_000, 1_000), (1, 1 << 30, 1),
    ])
  func followsTheFormula(_ start: Int, _ maximum: Int, _ segment: Int) {
    let curve = CubicCurve(from: start, maximum: maximum, segment: segment)
    let limit = Double(CongestionWindow.limit)
    for tenths in 0...600 {
      let exact = formula(from: start, maximum: maximum, segment: segment, at: Double(tenths) / 10)
      let expected = min(max(exact, 0), limit)
      let window = Double(curve.window(at: .milliseconds(tenths * 100)))
      let distance = abs(expected - Double(max(start, maximum)))
      #expect(
        abs(window - expected) <= 1 + distance / 2_000 + Double(segment) / 100,
        "after \(tenths) tenths: \(window), exactly \(expected)")
    }
  }

  @Test(.requirement("9438-1"))
  func beginsWhereTheWindowIsAndReachesThePlateauAfterK() {
    // 30 segments below it: K is the cube root of 75 s³, 4.217 s.
    let curve = CubicCurve(from: 70_000, maximum: 100_000, segment: 1_000)
    #expect(abs(curve.window(at: .zero) - 70_000) <= 10)
    #expect(curve.timeToPlateau >= .milliseconds(4_216) && curve.timeToPlateau <= .milliseconds(4_218))
    #expect(curve.window(at: curve.timeToPlateau) == 100_000)
    // As steep behind the plateau as before it.
    #expect(abs(curve.window(at: curve.timeToPlateau * 2) - 130_000) <= 10)
  }

  @Test func neverFallsAndNeverLeavesTheRange() {
    for segment in [1, 48, 536, 1_460, 65_495] {
      let curve = CubicCurve(from: 2 * segment, maximum: 1 << 30, segment: segment)
      var last = 0
      for second in [0, 1, 10, 100, 1_000, 1_700, 1_800, 10_000, 1_000_000, Int(Int32.max)] {
        let window = curve.window(at: .seconds(second))
        #expect(window >= last && window <= CongestionWindow.limit)
        last = window
      }
      #expect(last == CongestionWindow.limit)
    }
  }

  @Test func cubeRootsAreExact() {
    for root in [0, 1, 2, 3, 7, 100, 1_290, 1_625, 2_000_000, 2_642_244] as [UInt64] {
      let cube = root * root * root
      #expect(CubicCurve.cubeRoot(cube) == root)
      #expect(CubicCurve.cubeRoot(cube + 1) == max(root, 1))
      if cube > 0 { #expect(CubicCurve.cubeRoot(cube - 1) == root - 1) }
    }
    #expect(CubicCurve.cubeRoot(.max) == 2_642_245)
  }
}
