// A model of TCP, written from the prose of RFC 9293 §3.10 for clarity and not for speed: what a connection holds, the
// user's calls, and what time does. SEGMENT ARRIVES is in ModelTCP+Arrival. Holds no options, no congestion control and no
// timers: when something leaves is the engine's freedom, whether it may or must leave is decided here. Numbers count from
// each side's SYN, whose number is 0, and never wrap.

import SockeyeTCP

/// One connection of the model.
struct ModelTCP {
  /// What the host has to send at once because of an event; text and FIN go by themselves.
  enum Answer: Equatable {
    /// An empty ACK is neither needed nor allowed.
    case nothing
    case mayAcknowledge
    case acknowledgment
    /// <SEQ=sequence>, and the ACK field if there is one, <CTL=RST>.
    case reset(sequence: Int, acknowledgment: Int?)
    case mayReset(sequence: Int)
    /// The SYN, or SYN,ACK.
    case synchronize
    /// A SYN,ACK again or an ACK: both tell a peer that repeats its SYN what it must know.
    case synchronizeOrAcknowledgment
  }

  /// A rule that the model breaks on purpose, so that it can be seen that the comparison finds it.
  enum Deviation: CaseIterable {
    case resetAnywhereInWindow, synchronizeResets, outOfOrderIsSilent, finishTakesNoNumber, oldWindowCounts
    case acknowledgmentOfFutureCounts, timeWaitIsSkipped, closeForgetsText
  }

  var deviation: Deviation?
  var state = TCPState.closed
  var isPassive = false

  // The sending direction (RFC 9293 §3.3.1). The user's octets stand at 1...written, the FIN behind them.
  /// SND.UNA, SND.NXT, SND.WND, SND.WL1 and SND.WL2.
  var unacknowledged = 0
  var next = 0
  var window = 0
  var windowSequence = 0
  var windowAcknowledgment = 0
  /// MAX.SND.WND (RFC 5961 §5.2).
  var maximumWindow = 0
  var written = 0
  var closeCalled = false
  var finishSent = false

  // The receiving direction.
  /// RCV.NXT, and RCV.NXT + RCV.WND as the peer has been told.
  var expected = 0
  var edge = 0
  var readable: [UInt8] = []
  let capacity: Int
  /// Text out of order, octet by octet, and where the peer's FIN stands if it has come.
  var held: [Int: UInt8] = [:]
  var heldFinish: Int?

  init(capacity: Int, deviation: Deviation?) {
    self.capacity = capacity
    self.deviation = deviation
  }

  var finishNumber: Int { written + 1 }

  var finishIsAcknowledged: Bool { finishSent && unacknowledged > finishNumber }

  // MARK: The user's calls (RFC 9293 §3.10.1 to §3.10.6)

  /// OPEN.
  mutating func open(passive: Bool) -> Answer {
    isPassive = passive
    edge = 1 + capacity
    if passive {
      state = .listen
      return .nothing
    }
    state = .synSent
    next = 1
    return .synchronize
  }

  enum CallResult: Equatable { case taken, closing, noConnection }

  /// SEND: queued before ESTABLISHED, "connection closing" after CLOSE.
  mutating func send(_ count: Int) -> CallResult {
    switch state {
    case .closed, .listen: return .noConnection
    case .synSent, .synReceived, .established, .closeWait:
      if closeCalled { return .closing }
      written += count
      return .taken
    case .finWait1, .finWait2, .closing, .lastAck, .timeWait: return .closing
    }
  }

  /// RECEIVE. Answers what is delivered.
  mutating func receive(_ limit: Int) -> [UInt8] {
    let delivered = Array(readable.prefix(limit))
    readable.removeFirst(delivered.count)
    return delivered
  }

  /// CLOSE.
  mutating func close() -> CallResult {
    switch state {
    case .closed, .listen: return .noConnection
    case .synSent: state = .closed
    case .synReceived:
      if closeCalled { return .closing }
      closeCalled = true
      // "If no SENDs have been issued ... send FIN and enter FIN-WAIT-1, otherwise queue."
      if written == 0 { state = .finWait1 }
    case .established:
      closeCalled = true
      if deviation == .closeForgetsText { written = max(0, next - 1) }
      // "In any case, enter FIN-WAIT-1 state."
      state = .finWait1
    case .closeWait:
      if closeCalled { return .closing }
      // LAST-ACK when the FIN leaves, after all preceding SENDs; see `finishLeft`.
      closeCalled = true
    case .finWait1, .finWait2, .closing, .lastAck, .timeWait: return .closing
    }
    return .taken
  }

  /// ABORT.
  mutating func abort() -> Answer {
    defer { state = .closed }
    switch state {
    case .closed, .listen, .synSent, .timeWait: return .nothing
    case .synReceived, .established, .finWait1, .finWait2, .closeWait:
      return .reset(sequence: next, acknowledgment: nil)
    case .closing, .lastAck:
      // "Respond to the user with ok": no RST is asked for; one is no harm while the peer lacks text.
      return .mayReset(sequence: next)
    }
  }

  // MARK: What left, and time

  /// The FIN has left.
  mutating func finishLeft() {
    finishSent = true
    next = finishNumber + (deviation == .finishTakesNoNumber ? 0 : 1)
    if state == .closeWait { state = .lastAck }
  }

  /// 2 MSL and more have passed (RFC 9293 §3.10.8).
  mutating func waitedLong() {
    if state == .timeWait { state = .closed }
  }

  /// Whether all that was written, and the FIN, fit in what the peer allows.
  var windowTakesAll: Bool { unacknowledged + window >= finishNumber + (closeCalled ? 1 : 0) }

  /// Whether text or FIN waits to leave for the first time.
  var hasUnsent: Bool {
    switch state {
    case .established, .finWait1, .closeWait, .closing, .lastAck:
      next < finishNumber || closeCalled && !finishSent
    case .closed, .listen, .synSent, .synReceived, .finWait2, .timeWait: false
    }
  }
}
