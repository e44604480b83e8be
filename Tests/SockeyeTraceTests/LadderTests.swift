// Shows that ladders keep their lines in line at every width, and what a small one looks like.

import SockeyeBytes
import SockeyeSimulator
import SockeyeTrace
import Testing

@Suite struct LadderTests {
  private func lines(_ timeline: Timeline, columns: Int, coloured: Bool = false) -> [String] {
    var bytes: [UInt8] = []
    Ladder(timeline, columns: columns).append(to: &bytes, coloured: coloured)
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
      .dropLast().map(String.init)
  }

  /// A line as one character a column; the second column of a wide one is empty.
  private func cells(_ line: String) -> [Character?] {
    var cells: [Character?] = []
    for scalar in line.unicodeScalars {
      if DisplayWidth.of(scalar) == 0 { continue }
      cells.append(Character(scalar))
      if DisplayWidth.of(scalar) == 2 { cells.append(nil) }
    }
    return cells
  }

  @Test func aLostSynLooksLikeThis() {
    let expected = """
                            client                               server
                           10.0.0.1                             10.0.0.2
             time        state │                                    │ state               time
                               │               listens on port 3401 │ LISTEN           0.000 s
          0.000 s     SYN-SENT │ connects to 10.0.0.2:3401          │
                               ├─── SYN  seq 0, mss 1460 ───✗ lost  │
                               │          ⋮  1 s later  ⋮           │
          1.000 s              │ ◷ retransmission timer fires       │
                               ├── SYN  seq 0 · retransmission 1 ──▶│ SYN-RECEIVED     1.020 s
          1.040 s  ESTABLISHED │◀───── SYN ACK  seq 0, ack 1 ───────┤
                               ├──────────── ACK  ack 1 ───────────▶│ ESTABLISHED      1.060 s
                               │         ⋮  1.94 s later  ⋮         │
                               │         accepts the connection from│                  3.000 s
      """
    let shown = lines(Scenario.lostSynchronize.run().timeline, columns: 88)
    #expect(shown.prefix(12) == expected.split(separator: "\n").map(String.init).prefix(12))
  }

  @Test(arguments: Scenario.allCases, [64, 86, 108])
  func lifelinesAreStraight(scenario: Scenario, columns: Int) {
    let timeline = scenario.run().timeline
    let lines = lines(timeline, columns: columns)
    let rows = lines.map(cells)
    #expect(rows.allSatisfy { $0.count <= columns })
    // The lifelines stand where the last line ends them.
    let feet = rows.last.map { row in row.indices.filter { row[$0] == "╵" } } ?? []
    #expect(feet.count == 2)
    for (row, line) in zip(rows, lines).dropFirst(2).dropLast() {
      for foot in feet {
        let glyph = foot < row.count ? row[foot] : nil
        #expect(glyph == "│" || glyph == "├" || glyph == "┤", "\(line)")
      }
    }
  }

  @Test func coloursAddNothingButColours() {
    let timeline = Scenario.lostData.run().timeline
    let plain = lines(timeline, columns: 108)
    let coloured = lines(timeline, columns: 108, coloured: true)
    #expect(plain == coloured.map { $0.replacing(/\u{1B}\[[0-9;]*m/, with: "") })
    #expect(plain != coloured)
  }

  @Test(arguments: [
    (0, "0.000 s"), (59_999, "59.999 s"), (60_000, "1:00.000"), (3_599_999, "59:59.999"),
    (7_950_060, "2:12:30.060"),
  ])
  func clock(milliseconds: Int, text: String) {
    #expect(ClockText.text(.milliseconds(milliseconds)) == text)
  }

  @Test(arguments: [
    (40, "40 ms"), (59_960, "59.96 s"), (150_000, "2 min 30 s"), (7_199_960, "2 h"),
    (7_950_000, "2 h 12 min"),
  ])
  func words(milliseconds: Int, text: String) {
    #expect(ClockText.words(.milliseconds(milliseconds)) == text)
  }
}

@Suite struct PlaybackTests {
  @Test(arguments: Scenario.allCases, [(64, 12), (120, 40)])
  func everyMomentFitsTheWindow(scenario: Scenario, size: (columns: Int, rows: Int)) {
    let playback = Playback(scenario.run().timeline, columns: size.columns)
    var elapsed: Interval = .zero
    while elapsed < playback.duration + .seconds(2) {
      var canvas = TextCanvas(columns: playback.ladder.columns)
      playback.draw(at: elapsed, rows: size.rows, on: &canvas)
      #expect(canvas.rows == size.rows)
      elapsed += .milliseconds(2_930)
    }
  }

  @Test func aPacketMovesAndTimersRunDown() {
    let playback = Playback(Scenario.lostSynchronize.run().timeline, columns: 100)
    func picture(_ milliseconds: Int) -> [String] {
      var canvas = TextCanvas(columns: 100)
      playback.draw(at: .milliseconds(milliseconds), rows: 30, on: &canvas)
      return (0..<canvas.rows).map { row in
        var bytes: [UInt8] = []
        canvas.appendRow(row, coloured: false, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
      }
    }
    var places: [Int] = []
    var countdowns: Set<Substring> = []
    for moment in stride(from: 0, to: 9_000, by: 150) {
      let stage = picture(moment).prefix(6)
      for line in stage {
        if line.contains("SYN  seq 0"), let head = line.firstIndex(of: "▶") {
          places.append(line.distance(from: line.startIndex, to: head))
        }
        if let match = line.firstMatch(of: /resend in [0-9.]+ m?s/) { countdowns.insert(match.output) }
      }
    }
    #expect(Set(places).count > 5)
    #expect(countdowns.count > 5)
    #expect(picture(60_000).contains { $0.contains("ESTABLISHED") })
  }

  @Test func longSilencesPassInABlink() {
    let playback = Playback(Scenario.keepAlive.run().timeline, columns: 100)
    #expect(playback.duration < .minutes(2))
  }
}
