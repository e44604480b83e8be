// Random segments, of all flag mixes, around the edges of the windows, into a connection in each state: nothing traps,
// nothing is answered without end, and every change of state is one of RFC 9293's. What a segment must do is shown by
// the scripts.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct RandomSegmentTests {
  /// RFC 9293 §3.3.2, figure 5, and its notes; what any state may do besides is to end (ABORT, RST, R2).
  static let diagram: [(TCPState, [TCPState])] = [
    (.closed, [.listen, .synSent]),
    (.listen, [.synReceived]),
    (.synSent, [.synReceived, .established]),
    // To FIN-WAIT-1 by CLOSE; to LISTEN by a RST (note 1).
    (.synReceived, [.established, .finWait1, .listen]),
    (.established, [.finWait1, .closeWait]),
    // To TIME-WAIT at once with a FIN that acknowledges ours (note 3).
    (.finWait1, [.finWait2, .closing, .timeWait]),
    (.finWait2, [.timeWait]),
    (.closeWait, [.lastAck]),
    (.closing, [.timeWait]),
    (.lastAck, []),
    (.timeWait, []),
  ]

  static func isInDiagram(_ from: TCPState, _ to: TCPState) -> Bool {
    to == .closed || diagram.contains { $0.0 == from && $0.1.contains(to) }
  }

  @Test(.requirement("N-7"), arguments: Situation.all)
  func anySegmentInAnyState(situation: Situation) {
    var random = SeededGenerator(seed: UInt64(situation.state.rawValue) + 100)
    for round in 0..<150 {
      var storm = Storm(situation, seed: UInt64(round), withOptions: round % 2 == 0)
      for _ in 0..<16 { storm.step(&random) }
    }
  }
}

/// A connection, and what comes down on it.
private struct Storm {
  let talk: Conversation
  let numbers: Numbers
  /// Octets that the user has read.
  var read = 0
  /// Observations that have been looked at.
  var seen = 0

  init(_ situation: Situation, seed: UInt64, withOptions: Bool) {
    let options: TCPOptions =
      withOptions ? .synchronize(windowScale: 2, sackPermitted: true, timestamp: 5_000) : .synchronize()
    (talk, numbers) = Conversation.standing(
      in: situation, window: seed % 3 == 0 ? 1 : 10_000, options: options)
    talk.takeSent()
  }

  mutating func step(_ random: inout SeededGenerator) {
    switch Int.random(in: 0..<12, using: &random) {
    case 0: talk.advance(.milliseconds(Int.random(in: 1...3_000, using: &random)))
    case 1: act(&random)
    default: segment(&random)
    }
    check()
  }

  /// The user does something, whatever comes of it.
  private mutating func act(_ random: inout SeededGenerator) {
    if talk.connection == nil, talk.listener != nil, talk.state == .established { talk.accept() }
    guard let id = talk.connection else { return }
    switch Int.random(in: 0..<4, using: &random) {
    case 0, 1:
      guard let bytes = try? talk.readOrThrow(12_000) else { return }
      #expect(bytes == Conversation.text(at: read + 1, bytes.count), "what is read is what was sent")
      read += bytes.count
    case 2:
      if (try? talk.stack.writableCount(id)) ?? 0 > 0 {
        talk.write(Int.random(in: 1...3_000, using: &random))
      }
    default:
      try? talk.stack.finish(id, at: talk.now)
      talk.drain()
    }
  }

  private mutating func segment(_ random: inout SeededGenerator) {
    let edges = [0, numbers.receiveNext, numbers.receiveNext + read, numbers.receiveEdge]
    let acknowledgments = [0, numbers.sendUnacknowledged, numbers.sendNext, 1 << 31]
    var sequence = edges.randomElement(using: &random)! + Int.random(in: -3...3, using: &random)
    let acknowledgment =
      acknowledgments.randomElement(using: &random)! + Int.random(in: -2...2, using: &random)
    let length = [0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 100, 536, 11_000].randomElement(using: &random)!
    var flags = TCPFlags(rawValue: UInt8.random(in: .min ... .max, using: &random))
    // Mixes that the first check drops are the most; an ACK goes further, and without a SYN further still.
    if Bool.random(using: &random) { flags.insert(.ack) }
    if Bool.random(using: &random) { flags.subtract([.syn, .rst]) }
    if flags.contains(.syn), [.listen, .synSent, .timeWait].contains(talk.state) {
      // Where this SYN stands the stream begins, and `check` must know where that is.
      sequence = 0
    }
    let header = TCPHeader(
      sourcePort: talk.peerPort, destinationPort: talk.hostPort,
      sequence: SequenceNumber(talk.peerStart &+ UInt32(truncatingIfNeeded: sequence)),
      acknowledgment: SequenceNumber((talk.hostStart ?? 0) &+ UInt32(truncatingIfNeeded: acknowledgment)),
      flags: flags, window: [0, 1, 1_000, 65_535].randomElement(using: &random)!,
      urgentPointer: [0, 1, 5, 65_535].randomElement(using: &random)!)
    var bytes = Conversation.bytes(capacity: 64) { header.write(into: &$0) }
    let options = options(&random)
    bytes[12] = UInt8((20 + options.count) / 4) << 4
    let text = Conversation.text(at: sequence + (flags.contains(.syn) ? 1 : 0), length)
    talk.receiveSegment(bytes + options + text)
    if flags.contains(.rst) {
      for sent in talk.pending where sent.header.flags.contains(.rst) {
        Issue.record("a RST was answered with \(talk.describe(sent))")
      }
    }
  }

  /// Nothing, a timestamp that is right, or any octets.
  private func options(_ random: inout SeededGenerator) -> [UInt8] {
    switch Int.random(in: 0..<3, using: &random) {
    case 0: return []
    case 1:
      guard let stamp = talk.peerTimestamp else { return [] }
      return [1, 1, 8, 10]
        + [stamp.value, stamp.echo].flatMap { word in
          [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> $0) }
        }
    default:
      return (0..<Int.random(in: 0...10, using: &random) * 4).map { _ in
        Bool.random(using: &random)
          ? UInt8.random(in: 0...12, using: &random) : UInt8.random(in: .min ... .max, using: &random)
      }
    }
  }

  private mutating func check() {
    for segment in talk.takeSent() where !segment.payload.isEmpty {
      let at = talk.sequence(of: segment)
      #expect(segment.payload == Conversation.text(at: at, segment.payload.count), "the text at \(at)")
    }
    for observation in talk.observations[seen...] {
      if case .stateChanged(_, let from, let to) = observation.kind,
        !RandomSegmentTests.isInDiagram(from, to)
      {
        Issue.record("\(from.name) to \(to.name) is no transition of the diagram")
      }
    }
    seen = talk.observations.count
    #expect(talk.stack.memoryUsed < 100_000, "no more is kept than two buffers hold")
    talk.takeEvents()
    talk.takeOtherPackets()
  }
}
