// Holds the loop that shows a scenario move: it draws what Playback says is to be seen, waits, and listens
// for the wish to end. It does not hold the picture.

import SockeyeBytes
import SockeyeSimulator
import SockeyeTrace
import SockeyeTunnel

/// An animation on a terminal.
struct DemoAnimation: ~Copyable {
  private let run: ScenarioRun
  private let terminal: Terminal
  private let speed: Double
  private var requests: EndRequests
  private var playback: Playback
  /// The spectator's time at normal speed.
  private var elapsed: Interval = .zero
  /// What the terminal shows, line by line, so that only what changed is sent.
  private var shown: [[UInt8]] = []
  private var size: Terminal.Size
  private var frames = 0

  /// After so many pictures everything is sent again: what somebody types has spoilt the screen by then.
  private static let refresh = 50
  /// How long a picture stands.
  private static let frame: Interval = .milliseconds(40)
  /// How long the last picture stands.
  private static let rest: Interval = .milliseconds(1_200)

  init(_ run: ScenarioRun, terminal: Terminal, speed: Double) throws {
    self.run = run
    self.terminal = terminal
    self.speed = speed
    requests = try EndRequests()
    size = terminal.size ?? Terminal.Size(columns: 80, rows: 24)
    playback = Playback(run.timeline, columns: size.columns)
  }

  /// Plays to the end, and leaves the terminal as it was.
  /// - Returns: what ended it early, if something did.
  mutating func play() throws(SystemError) -> EndRequest? {
    // Another screen, so that the terminal's contents come back; no cursor.
    try Descriptor.standardOutput.writeAll("\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J")
    do {
      let request = try playFrames()
      try restore()
      return request
    } catch {
      try? restore()
      throw error
    }
  }

  private mutating func playFrames() throws(SystemError) -> EndRequest? {
    let clock = SystemClock()
    var last = clock.now()
    let end = playback.duration + DemoAnimation.scaled(DemoAnimation.rest, by: speed)
    while elapsed < end {
      let isLargeEnough = adoptSize()
      try draw(isLargeEnough ? picture() : tooSmall())
      if let request = try requests.wait(for: DemoAnimation.frame) { return request }
      let now = clock.now()
      // While nothing can be seen, nothing happens.
      if isLargeEnough { elapsed += DemoAnimation.scaled(now - last, by: speed) }
      last = now
    }
    return nil
  }

  /// Lays everything out anew when the window has changed.
  /// - Returns: whether there is room for a picture.
  private mutating func adoptSize() -> Bool {
    if let now = terminal.size, now != size {
      size = now
      playback = Playback(run.timeline, columns: size.columns)
      shown = []
    }
    return size.columns >= Playback.fewestColumns && size.rows >= Playback.fewestRows
  }

  private func picture() -> [[UInt8]] {
    var canvas = TextCanvas(columns: playback.ladder.columns)
    let title = canvas.addRow()
    let words = DemoPicture.title(of: run)
    let isCut = DisplayWidth.of(words) > canvas.columns
    let shown = isCut ? DisplayWidth.prefix(of: words, columns: canvas.columns - 1) + "…" : words
    canvas.put(shown, row: title, column: 0, style: .strong)
    canvas.addRow()
    playback.draw(at: elapsed, rows: size.rows - 2, on: &canvas)
    return (0..<min(canvas.rows, size.rows)).map { row in
      var line: [UInt8] = []
      canvas.appendRow(row, coloured: terminal.showsColours, to: &line)
      return line
    }
  }

  private func tooSmall() -> [[UInt8]] {
    let needed = "\(Playback.fewestColumns) x \(Playback.fewestRows)"
    let words = [
      "This window is too small:", "\(size.columns) x \(size.rows).", "Make it \(needed), or use --instant.",
    ]
    return words.prefix(size.rows).map { Array($0.utf8.prefix(size.columns)) }
  }

  /// Sends the lines that differ from what the terminal shows.
  private mutating func draw(_ lines: [[UInt8]]) throws(SystemError) {
    var output: [UInt8] = []
    if shown.isEmpty { output += Array("\u{1B}[2J".utf8) }
    frames += 1
    let isRefresh = frames % DemoAnimation.refresh == 0
    for (row, line) in lines.enumerated() where isRefresh || row >= shown.count || shown[row] != line {
      output += Array("\u{1B}[\(row + 1);1H".utf8) + line + Array("\u{1B}[K".utf8)
    }
    if lines.count < shown.count { output += Array("\u{1B}[\(lines.count + 1);1H\u{1B}[J".utf8) }
    shown = lines
    try Descriptor.standardOutput.writeAll(output.rawSpan)
  }

  private func restore() throws(SystemError) {
    try Descriptor.standardOutput.writeAll("\u{1B}[?25h\u{1B}[?1049l")
  }

  private static func scaled(_ interval: Interval, by factor: Double) -> Interval {
    Interval(nanoseconds: Int64(Double(interval.nanoseconds) * factor))
  }
}

/// The process ends because somebody asked it to.
struct Interruption: Error {
  let request: EndRequest

  init(_ request: EndRequest) {
    self.request = request
  }

  /// What the shell expects of a process ended by that signal.
  var status: ExitStatus {
    switch request {
    case .interrupt: .interrupted
    case .terminate, .hangUp: .terminated
    }
  }
}
