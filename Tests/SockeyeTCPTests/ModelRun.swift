// Holds the engine against the model: one random sequence of events for both, and after each a comparison of state, numbers,
// what the user got and what was sent. How the sequences are made and shrunk is in ModelTests.swift.

import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

/// One event. Numbers are chosen when it happens, from where the model stands, so that a sequence from which events are taken
/// away still means something.
enum ModelEvent: Equatable {
  case send(Int)
  case receive(Int)
  case close
  case abort
  /// Milliseconds.
  case wait(Int)
  case segment(ModelChoice)
}

/// What of a segment an event has chosen.
struct ModelChoice: Equatable {
  enum Place: CaseIterable { case expected, edge, beginning, behind }
  enum Acknowledged: CaseIterable { case next, unacknowledged, between, beginning, future }
  var flags: TCPFlags
  var place: Place
  var offset: Int
  var acknowledged: Acknowledged
  var acknowledgmentOffset: Int
  var length: Int
  var window: Int
}

final class ModelRun {
  static let capacity = 3_000
  static let segmentSize = 1_000

  let talk: Conversation
  var model: ModelTCP
  /// The first divergence.
  var divergence: String?
  /// Where the peer's FIN stands, once one was sent: a stream has one end.
  private var peerFinish: Int?
  /// The highest number of text that the peer has sent.
  private var peerEnd = 1
  /// The user's octets as the host has been given them.
  private var given = 0
  /// Something may have timed out, or a window was closed: when text leaves is open from then on.
  private var isLate = false
  /// The host acknowledged something in this event.
  private var sawAcknowledgment = false
  private var sawSynchronize = false
  private var sawReset = false

  init(isPassive: Bool, deviation: ModelTCP.Deviation?) {
    var tcp = TCPConfiguration()
    tcp.timestamps = false
    tcp.selectiveAcknowledgments = false
    tcp.windowScaling = false
    tcp.noDelay = true
    tcp.delayedAcknowledgment = .zero
    tcp.receiveBufferCapacity = Self.capacity
    tcp.userTimeout = nil
    tcp.connectTimeout = nil
    talk = Conversation(tcp: tcp)
    model = ModelTCP(capacity: Self.capacity, deviation: deviation)
    let answer = model.open(passive: isPassive)
    if isPassive { talk.listen() } else { talk.connect() }
    compare(answer, isWait: false)
  }

  func run(_ events: [ModelEvent]) {
    for event in events where divergence == nil { step(event) }
  }

  // MARK: Events

  private func step(_ event: ModelEvent) {
    // Behind a passive connection that is over stands its listener, which is another connection's affair.
    if model.isPassive, model.state == .closed { return }
    switch event {
    case .send(let count): send(count)
    case .receive(let limit): receive(limit)
    case .close:
      guard let id = talk.connection else { return }
      let expected = model.close()
      let result = call { () throws(SocketError) in try talk.stack.finish(id, at: talk.now) }
      require(isSame(result, expected), "CLOSE: \(result), not \(expected)")
      talk.drain()
      compare(.nothing, isWait: false)
    case .abort:
      // ABORT in TIME-WAIT leaves the record to itself, as CLOSE does: the user is gone already, and the quiet time has to pass.
      guard let id = talk.connection, model.state != .closed, model.state != .timeWait else { return }
      let answer = model.abort()
      try? talk.stack.abort(id, at: talk.now)
      talk.drain()
      compare(answer, isWait: false)
    case .wait(let milliseconds):
      isLate = true
      // Longer than 2 MSL, shorter than anything else that ends a connection.
      if milliseconds > 60_000 { model.waitedLong() }
      talk.advance(.milliseconds(milliseconds))
      compare(.mayAcknowledge, isWait: true)
    case .segment(let choice): arrive(choice)
    }
  }

  private func call(_ body: () throws(SocketError) -> Void) -> ModelTCP.CallResult {
    do {
      try body()
      return .taken
    } catch {
      if case .connection(.closing) = error { return .closing }
      return .noConnection
    }
  }

  /// In TIME-WAIT the connection is over for the user: "connection closing" and "closed" are one to it.
  private func isSame(_ result: ModelTCP.CallResult, _ expected: ModelTCP.CallResult) -> Bool {
    result == expected || model.state == .timeWait && result == .noConnection && expected == .closing
  }

  private func send(_ count: Int) {
    guard let id = talk.connection else { return }
    let expected = model.send(count)
    let text = Conversation.text(at: given + 1, count)
    var taken = 0
    let result = call { () throws(SocketError) in
      taken = try text.withRawSpan { span throws(SocketError) in
        try talk.stack.write(id, span, at: talk.now)
      }
    }
    require(isSame(result, expected), "SEND: \(result), not \(expected)")
    require(taken == (expected == .taken ? count : 0), "SEND took \(taken)")
    given += taken
    talk.drain()
    compare(.nothing, isWait: false)
  }

  private func receive(_ limit: Int) {
    guard talk.connection != nil, model.state != .closed else { return }
    let expected = model.receive(limit)
    let delivered = (try? talk.readOrThrow(limit)) ?? []
    require(delivered == expected, "RECEIVE gave \(delivered.count) octets, not \(expected.count), or others")
    // Room may be told of at once or later (RFC 9293 §3.8.6.2.2).
    compare(.mayAcknowledge, isWait: false)
  }

  private func arrive(_ choice: ModelChoice) {
    let segment = make(choice)
    // A new SYN in TIME-WAIT may begin another connection (MAY-2), which is another model.
    if model.state == .timeWait, segment.flags.contains(.syn) { return }
    if segment.window == 0 { isLate = true }
    let answer = model.arrives(segment)
    talk.receive(
      Self.letters(segment.flags), seq: segment.sequence,
      ack: segment.flags.contains(.ack) ? segment.acknowledgment : nil, data: segment.text,
      win: UInt16(segment.window),
      options: segment.flags.contains(.syn) ? .synchronize(mss: UInt16(Self.segmentSize)) : nil)
    compare(answer, isWait: false)
  }

  /// The segment that an event means now.
  private func make(_ choice: ModelChoice) -> ModelSegment {
    var sequence: Int
    switch choice.place {
    case .expected: sequence = model.expected + choice.offset
    case .edge: sequence = model.edge + choice.offset
    case .beginning: sequence = choice.offset
    case .behind: sequence = model.expected + 400 + choice.offset
    }
    let acknowledgment: Int
    switch choice.acknowledged {
    case .next: acknowledgment = model.next
    case .unacknowledged: acknowledgment = model.unacknowledged
    case .between: acknowledgment = (model.unacknowledged + model.next) / 2
    case .beginning: acknowledgment = 0
    case .future: acknowledgment = model.next + 1_000
    }
    var flags = choice.flags
    var length = choice.length
    // A peer's first SYN is where its numbers begin, and brings neither text nor FIN: to keep them is a freedom.
    if flags.contains(.syn) {
      if model.state == .listen || model.state == .synSent { sequence = 0 }
      length = 0
      flags.remove(.fin)
    }
    if !flags.contains(.syn), sequence < 1 { sequence = max(sequence, 1 - length) }
    place(&flags, sequence, &length)
    return ModelSegment(
      flags: flags, sequence: sequence, acknowledgment: acknowledgment + choice.acknowledgmentOffset,
      text: Conversation.text(at: sequence, length), window: choice.window)
  }

  /// The peer's stream has one end, wherever it says FIN.
  private func place(_ flags: inout TCPFlags, _ sequence: Int, _ length: inout Int) {
    if let peerFinish {
      length = max(0, min(length, peerFinish - sequence))
      if sequence + length != peerFinish { flags.remove(.fin) }
    } else if flags.contains(.fin), !flags.contains(.rst) {
      if sequence + length >= peerEnd { peerFinish = sequence + length } else { flags.remove(.fin) }
    }
    peerEnd = max(peerEnd, sequence + length)
  }

  static func letters(_ flags: TCPFlags) -> String {
    flags.isEmpty ? "" : String(flags.description.dropFirst().dropLast())
  }

  // MARK: The comparison

  private func require(_ holds: Bool, _ message: @autoclosure () -> String) {
    if !holds, divergence == nil { divergence = message() + " (model in \(model.state.name))" }
  }

  private func compare(_ answer: ModelTCP.Answer, isWait: Bool) {
    (sawAcknowledgment, sawSynchronize, sawReset) = (false, false, false)
    if model.state.isSynchronized, talk.connection == nil, talk.state == .established { accept() }
    var pure = 0
    for sent in talk.takeSent() { look(sent, answer, isWait, &pure) }
    checkAnswer(answer, pure)
    compareState()
    checkPromptness()
  }

  private func accept() {
    guard let listener = talk.listener, ((try? talk.stack.waitingCount(of: listener)) ?? 0) > 0 else {
      return
    }
    talk.accept()
  }

  private func look(
    _ sent: SentSegment, _ answer: ModelTCP.Answer, _ isWait: Bool, _ pure: inout Int
  ) {
    let header = sent.header
    if header.flags.contains(.rst) { return lookAtReset(sent, answer) }
    if header.flags.contains(.syn) {
      talk.hostStart = header.sequence.rawValue
      sawSynchronize = true
      sawAcknowledgment = header.flags.contains(.ack)
      require(model.state == .synSent || model.state == .synReceived || model.state == .finWait1, "a SYN")
      require(header.flags.contains(.ack) == (model.state != .synSent), "the SYN's ACK bit")
      if header.flags.contains(.ack) {
        require(
          talk.acknowledgment(of: sent) == 1, "the SYN,ACK acknowledges \(talk.acknowledgment(of: sent))")
      }
      return
    }
    require(header.flags.contains(.ack), "after the handshake every segment has an ACK")
    let sequence = talk.sequence(of: sent)
    let acknowledgment = talk.acknowledgment(of: sent)
    require(acknowledgment == model.expected, "ACK \(acknowledgment), RCV.NXT is \(model.expected)")
    let edge = acknowledgment + Int(header.window)
    require(
      edge >= model.edge || model.edge == model.expected, "the window shrank to \(edge) from \(model.edge)")
    require(
      edge <= model.expected + Self.capacity - model.readable.count, "more is promised than there is room")
    model.edge = max(model.edge, edge)
    sawAcknowledgment = true
    if sent.payload.isEmpty, !header.flags.contains(.fin) {
      pure += 1
      require(
        sequence == model.next || sequence == shrunkEdge, "an ACK at \(sequence), SND.NXT is \(model.next)")
    } else {
      lookAtText(sent, sequence, isWait)
    }
  }

  /// Where an empty segment may stand when the peer has taken back room: SND.NXT lies outside the window then, and the peer
  /// would drop what stands there.
  private var shrunkEdge: Int? {
    let edge = model.unacknowledged + model.window
    return edge < model.next ? edge : nil
  }

  private func lookAtText(_ sent: SentSegment, _ sequence: Int, _ isWait: Bool) {
    let isFinish = sent.header.flags.contains(.fin)
    let textEnd = sequence + sent.payload.count
    require(sequence >= model.unacknowledged && sequence <= model.next, "text at \(sequence)")
    require(sent.payload == Conversation.text(at: sequence, sent.payload.count), "the text at \(sequence)")
    require(textEnd <= model.finishNumber, "text up to \(textEnd), written are \(model.written)")
    require(sent.payload.count <= Self.segmentSize, "a segment of \(sent.payload.count)")
    if isFinish { require(model.closeCalled && textEnd == model.finishNumber, "a FIN at \(textEnd)") }
    let end = textEnd + (isFinish ? 1 : 0)
    guard end > model.next else { return }
    require(model.state != .closed && model.state != .timeWait, "text leaves no more")
    // An octet may probe a window that is closed (RFC 9293 §3.8.6.1), when time has passed.
    let room = model.unacknowledged + model.window + (isWait ? 1 : 0)
    require(end <= max(room, model.next), "beyond the window: \(end) of \(room)")
    model.next = end
    if isFinish { model.finishLeft() }
  }

  private func lookAtReset(_ sent: SentSegment, _ answer: ModelTCP.Answer) {
    sawReset = true
    let sequence = talk.sequence(of: sent)
    switch answer {
    case .reset(let expected, let acknowledgment):
      // From CLOSED nothing is known of numbers: <SEQ=0> is the number itself.
      if let acknowledgment {
        require(sent.header.sequence.rawValue == 0, "a RST of <SEQ=0>")
        require(talk.acknowledgment(of: sent) == acknowledgment, "a RST acknowledges \(acknowledgment)")
      } else {
        // When the window has shrunk, SND.NXT lies outside it, as for an ACK.
        let isAtEdge = expected == model.next && sequence == shrunkEdge
        require(sequence == expected || isAtEdge, "a RST at \(sequence), not \(expected)")
      }
    case .mayReset(let expected):
      require(sequence == expected, "a RST at \(sequence), not \(expected)")
    case .nothing, .mayAcknowledge, .acknowledgment, .synchronize, .synchronizeOrAcknowledgment:
      require(false, "a RST")
    }
  }

  private func checkAnswer(_ answer: ModelTCP.Answer, _ pure: Int) {
    switch answer {
    case .nothing: require(pure == 0, "an ACK that nothing asked for")
    case .mayAcknowledge: break
    case .acknowledgment: require(sawAcknowledgment, "no ACK")
    case .reset: require(sawReset, "no RST")
    case .mayReset: break
    case .synchronize: require(sawSynchronize, "no SYN")
    case .synchronizeOrAcknowledgment: require(sawSynchronize || sawAcknowledgment, "neither SYN,ACK nor ACK")
    }
    require(pure <= 1 || answer == .mayAcknowledge, "\(pure) ACKs for one event")
  }

  private func compareState() {
    require(talk.state == model.state, "the engine is in \(talk.state.name)")
    guard model.state != .closed, model.state != .timeWait, let id = talk.connection,
      let status = try? talk.stack.status(of: id)
    else { return }
    require(status.outstanding == model.next - model.unacknowledged, "outstanding: \(status.outstanding)")
    let unsent = max(0, model.finishNumber - max(model.next, 1))
    require(status.unsent == unsent, "unsent: \(status.unsent), not \(unsent)")
    require(
      status.readable == model.readable.count, "readable: \(status.readable), not \(model.readable.count)")
    guard model.state.isSynchronized else { return }
    require(status.sendWindow == model.window, "SND.WND: \(status.sendWindow), not \(model.window)")
    require(
      status.receiveWindow == model.edge - model.expected,
      "RCV.WND: \(status.receiveWindow), not \(model.edge)")
  }

  /// Two segments, with a window that takes them and before anything was late, leave at once.
  private func checkPromptness() {
    guard !isLate, model.hasUnsent, model.windowTakesAll else { return }
    require(model.finishNumber - model.unacknowledged > 2 * Self.segmentSize, "what was written has not left")
  }
}
