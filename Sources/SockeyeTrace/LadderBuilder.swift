// Turns a timeline into the rows of a ladder: which packets fit into one row, which cross others, where
// time stands still, which timers matter. Knows nothing of widths and signs: see Ladder.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP

/// Reads a timeline once, from front to back.
struct LadderBuilder {
  private let timeline: Timeline
  private(set) var rows: [LadderRow] = []
  /// The entry being read.
  private var entry = 0
  /// Where in the entries each flight arrives; nil for what never does.
  private var arrivals: [Int?]
  /// Lanes taken, by flights from the left and from the right.
  private var lanes: [LadderRow.Lane] = []

  /// How far beyond the middle the first lane is.
  private static let firstSlot = 2
  /// Silences longer than this get a row of their own.
  private static let silence: Interval = .milliseconds(700)

  init(_ timeline: Timeline) {
    self.timeline = timeline
    arrivals = Array(repeating: nil, count: timeline.flights.count)
    for (index, entry) in timeline.entries.enumerated() {
      if case .arrived(let flight) = entry.kind { arrivals[flight] = index }
    }
    for index in timeline.entries.indices {
      entry = index
      read(timeline.entries[index])
    }
  }

  private mutating func read(_ entry: TimelineEntry) {
    switch entry.kind {
    case .observed(let side, let observation): observe(observation, side, at: entry.at)
    case .departed(let flight): depart(flight)
    case .arrived(let flight): arrive(flight, at: entry.at)
    case .application(let side, let act): remark(side, act.text, .application, at: entry.at)
    case .died(let side):
      remark(side, "the host loses power", .loss, at: entry.at)
      rows[rows.count - 1].forgetful = side
    case .restarted(let side):
      remark(side, "the host starts again, remembering nothing", .loss, at: entry.at)
    case .remarked(let side, let text): remark(side, text, .application, at: entry.at)
    case .narrated(let text): add(.narration(text), at: entry.at)
    }
  }

  // MARK: Packets

  private mutating func depart(_ number: Int) {
    let flight = timeline.flights[number]
    if case .copy = flight.fate { return }
    if flight.fate == .lost || isAlone(number) {
      add(.arrow(flight: number), at: flight.departure)
      rows[rows.count - 1].set(time: flight.departure, of: flight.from)
      if flight.fate != .lost {
        rows[rows.count - 1].end = flight.arrival
        rows[rows.count - 1].set(time: flight.arrival, of: flight.from.other)
      }
      return
    }
    let slot = freeSlot(for: flight.from)
    add(.departure(flight: number, slot: slot), at: flight.departure)
    rows[rows.count - 1].set(time: flight.departure, of: flight.from)
    lanes.append(LadderRow.Lane(flight: number, slot: slot))
  }

  private mutating func arrive(_ number: Int, at: Instant) {
    let flight = timeline.flights[number]
    if let position = lanes.firstIndex(where: { $0.flight == number }) {
      let slot = lanes.remove(at: position).slot
      add(.arrival(flight: number, slot: slot), at: at)
      rows[rows.count - 1].set(time: at, of: flight.from.other)
    } else if case .copy = flight.fate {
      add(.copy(flight: number), at: at)
      rows[rows.count - 1].set(time: at, of: flight.from.other)
    }
    if let verdict = flight.verdict {
      remark(flight.from.other, "✗ dropped: " + verdict.explanation, .loss, at: at)
    }
  }

  /// Whether nothing that needs a row of its own happens between a departure and its arrival.
  private func isAlone(_ number: Int) -> Bool {
    guard lanes.isEmpty, let arrival = arrivals[number] else { return false }
    let sender = timeline.flights[number].from
    for index in (entry + 1)..<arrival {
      switch timeline.entries[index].kind {
      case .departed(let other):
        if case .copy = timeline.flights[other].fate { continue }
        return false
      case .observed(let side, let observation):
        if needsRow(observation, side == sender) { return false }
      case .arrived, .application, .died, .restarted, .remarked, .narrated: return false
      }
    }
    return true
  }

  private func needsRow(_ observation: StackObservation, _ isSender: Bool) -> Bool {
    switch observation.kind {
    case .stateChanged: !isSender
    case .timerFired(_, let timer): LadderBuilder.shows(timer)
    case .timerArmed(_, let timer, _): timer == .timeWait
    case .segmentSent, .segmentReceived, .segmentDropped, .datagramSent, .datagramReceived, .datagramDropped,
      .packetDropped, .timerCancelled, .connectionClosed:
      false
    }
  }

  /// A lane for a packet from `side`. Behind the lanes of earlier packets of the same direction, nearer to
  /// the sender: packets that keep their order never cross on the drawing. On the sender's side of the
  /// lanes of the other direction: those cross only where packets meet. A first packet alone goes beyond
  /// the middle, for its label's sake.
  private func freeSlot(for side: HostSide) -> Int {
    // Seen from the sender, so that one rule does for both directions.
    let sign = side == .left ? 1 : -1
    var slot = LadderBuilder.firstSlot
    for lane in lanes { slot = min(slot, lane.slot * sign - 1) }
    return slot * sign
  }

  // MARK: Hosts

  private mutating func observe(_ observation: StackObservation, _ side: HostSide, at: Instant) {
    switch observation.kind {
    case .stateChanged(_, _, let state): change(side, to: state, at: at)
    case .timerFired(_, let timer):
      if LadderBuilder.shows(timer) { remark(side, "◷ \(timer.name) timer fires", .timer, at: at) }
    case .timerArmed(_, let timer, let deadline):
      if timer == .timeWait {
        remark(side, "◷ waits 2 × MSL = \((deadline - at).description)", .timer, at: at)
      }
    case .segmentSent, .segmentReceived, .segmentDropped, .datagramSent, .datagramReceived, .datagramDropped,
      .packetDropped, .timerCancelled, .connectionClosed:
      break
    }
  }

  /// Timers whose firing is worth a row; the others show in what they make the host send.
  private static func shows(_ timer: TimerKind) -> Bool {
    switch timer {
    case .retransmission, .zeroWindowProbe, .keepAlive, .userTimeout, .timeWait, .orphan, .tailLossProbe,
      .reordering:
      true
    case .delayedAcknowledgment, .sillyWindowOverride: false
    }
  }

  /// Notes a new state in the row that led to it, if there is room, or in one of its own.
  private mutating func change(_ side: HostSide, to state: TCPState, at: Instant) {
    if let last = rows.last, last.time(of: side) == at, last.state(of: side) == nil {
      rows[rows.count - 1].set(state: state, of: side)
      return
    }
    add(.change, at: at)
    rows[rows.count - 1].set(time: at, of: side)
    rows[rows.count - 1].set(state: state, of: side)
  }

  private mutating func remark(_ side: HostSide, _ text: String, _ style: TextStyle, at: Instant) {
    add(.remark(side, text, style), at: at)
    rows[rows.count - 1].set(time: at, of: side)
  }

  private mutating func add(_ content: LadderRow.Content, at: Instant) {
    let previous = rows.last?.end ?? timeline.start
    if at - previous > LadderBuilder.silence {
      var row = LadderRow(content: .silence(at - previous), entry: entry, start: previous, end: at)
      row.lanes = lanes
      rows.append(row)
    }
    var row = LadderRow(content: content, entry: entry, start: at, end: at)
    row.lanes = lanes
    rows.append(row)
  }
}

extension ApplicationAct {
  /// The act as a sentence whose subject is the host.
  package var text: String {
    switch self {
    case .listen(let port): "listens on port \(port)"
    case .connect(let endpoint): "connects to \(endpoint.description)"
    case .accept(let endpoint): "accepts the connection from \(endpoint.description)"
    case .write(let bytes): "writes " + PayloadText.describe(bytes)
    case .read(let bytes): "reads " + PayloadText.describe(bytes)
    case .endOfStream: "reads the end of the stream"
    case .finish: "closes its direction: no more to send"
    case .close: "closes the connection"
    case .abort: "aborts the connection"
    case .closed(let reason): "learns: " + reason.explanation
    case .failed(let error): "is refused: " + error.explanation
    }
  }
}
