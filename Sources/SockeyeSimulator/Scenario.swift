// The scenarios there are: names, what each is about, what it promises. The programs behind them are in the
// files named Scenario+….

/// A short program on two real hosts that shows one thing TCP does.
///
///     let run = Scenario.lostSynchronize.run(seed: 1)
///     for outcome in run.outcomes { assert(outcome.isKept) }
public enum Scenario: UInt8, CaseIterable, Sendable {
  case hello, halfClose, threeSegmentClose, simultaneousOpen, simultaneousClose
  case lostSynchronize, lostSynchronizeAcknowledge, lostHandshakeAcknowledgment
  case lostData, lostFinish, lostFinalAcknowledgment
  case reordered, duplicated, corrupted, zeroWindow
  case refused, reset, halfOpen, keepAlive
  case oldDuplicateSynchronize, wrap, maximumSegmentSize, twoWayHandshake

  /// The name users type.
  public var name: String {
    switch self {
    case .hello: "hello"
    case .halfClose: "half-close"
    case .threeSegmentClose: "three-segment-close"
    case .simultaneousOpen: "simultaneous-open"
    case .simultaneousClose: "simultaneous-close"
    case .lostSynchronize: "lost-syn"
    case .lostSynchronizeAcknowledge: "lost-syn-ack"
    case .lostHandshakeAcknowledgment: "lost-handshake-ack"
    case .lostData: "lost-data"
    case .lostFinish: "lost-fin"
    case .lostFinalAcknowledgment: "lost-final-ack"
    case .reordered: "reordered"
    case .duplicated: "duplicated"
    case .corrupted: "corrupted"
    case .zeroWindow: "zero-window"
    case .refused: "refused"
    case .reset: "reset"
    case .halfOpen: "half-open"
    case .keepAlive: "keep-alive"
    case .oldDuplicateSynchronize: "old-duplicate-syn"
    case .wrap: "wrap"
    case .maximumSegmentSize: "mss"
    case .twoWayHandshake: "two-way-handshake"
    }
  }

  /// One line: what happens, and how it ends.
  public var summary: String {
    switch self {
    case .hello: "a connection's whole life: handshake, greetings, four-way close, TIME-WAIT"
    case .halfClose: "the client has no more to say but goes on listening: data flows on one way"
    case .threeSegmentClose: "the server closes at once, and its ACK and FIN share a segment"
    case .simultaneousOpen: "both call at the same moment and get one connection, not two"
    case .simultaneousClose: "both hang up at the same moment; both go through CLOSING to TIME-WAIT"
    case .lostSynchronize: "the first SYN gets lost; the client sends it again after 1 s and connects"
    case .lostSynchronizeAcknowledge: "the answer to the SYN gets lost; it is sent again and they connect"
    case .lostHandshakeAcknowledgment:
      "the handshake's last ACK gets lost; the server asks again, and they connect"
    case .lostData: "one loss is repaired by three duplicate ACKs, one by the timer; nothing is missing"
    case .lostFinish: "a FIN gets lost; it is sent again and both sides close"
    case .lostFinalAcknowledgment:
      "the last ACK gets lost: the FIN comes again, TIME-WAIT answers and starts over"
    case .reordered: "a segment is overtaken by two others; the application reads them in order"
    case .duplicated: "the network delivers a segment twice; the application reads it once"
    case .corrupted: "a byte changes on the way; the checksum drops the segment and it is sent again"
    case .zeroWindow: "the reader sleeps, the window closes, its update gets lost; a probe finds it open"
    case .refused: "nobody listens on the port: RST, and the client is told that it was refused"
    case .reset: "the server aborts: RST, and the client is told that it was reset"
    case .halfOpen: "the server's host restarts and has forgotten; RST tells the client"
    case .keepAlive: "the server's host dies; after 2 h of silence and 10 probes the client gives up"
    case .oldDuplicateSynchronize:
      "a SYN of long ago arrives; the handshake sees through it, the new one connects"
    case .wrap: "sequence numbers pass zero in the middle of a message; nobody notices"
    case .maximumSegmentSize: "1460 bytes fit one segment, but take three when the server announces 536"
    case .twoWayHandshake: "a server that skips the third segment opens a connection that nobody wants"
    }
  }

  /// The scenario of a name; nil when there is none.
  public init?(name: String) {
    for scenario in Scenario.allCases where scenario.name.utf8.elementsEqual(name.utf8) {
      self = scenario
      return
    }
    return nil
  }

  /// Runs the scenario's program.
  /// - Parameter seed: of the hosts' keys: sequence numbers and ports depend on it, the outcome doesn't.
  public func run(seed: UInt64 = 1) -> ScenarioRun {
    switch self {
    case .hello: hello(seed)
    case .halfClose: halfClose(seed)
    case .threeSegmentClose: threeSegmentClose(seed)
    case .simultaneousOpen: simultaneousOpen(seed)
    case .simultaneousClose: simultaneousClose(seed)
    case .lostSynchronize: lostSynchronize(seed)
    case .lostSynchronizeAcknowledge: lostSynchronizeAcknowledge(seed)
    case .lostHandshakeAcknowledgment: lostHandshakeAcknowledgment(seed)
    case .lostData: lostData(seed)
    case .lostFinish: lostFinish(seed)
    case .lostFinalAcknowledgment: lostFinalAcknowledgment(seed)
    case .reordered: reordered(seed)
    case .duplicated: duplicated(seed)
    case .corrupted: corrupted(seed)
    case .zeroWindow: zeroWindow(seed)
    case .refused: refused(seed)
    case .reset: reset(seed)
    case .halfOpen: halfOpen(seed)
    case .keepAlive: keepAlive(seed)
    case .oldDuplicateSynchronize: oldDuplicateSynchronize(seed)
    case .wrap: wrap(seed)
    case .maximumSegmentSize: maximumSegmentSize(seed)
    case .twoWayHandshake: twoWayHandshake(seed)
    }
  }
}
