// Brings a conversation into each of the eleven states by the shortest script, and tells where the numbers of both
// sides stand there. The words of the script language are in Conversation.swift.

public import SockeyeTCP
public import SockeyeWire
public import Testing

/// A state of the host's connection, and which side opened it.
public struct Situation: Sendable, Equatable, CustomTestStringConvertible {
  public let state: TCPState
  public let role: Conversation.Role

  public init(_ state: TCPState, _ role: Conversation.Role = .passive) {
    self.state = state
    self.role = role
  }

  public var testDescription: String {
    state == .synReceived ? "\(state.name), \(role) open" : state.name
  }

  /// SYN-RECEIVED, by either way into it.
  public static let handshakes = [Situation(.synReceived, .passive), Situation(.synReceived, .active)]
  /// ESTABLISHED to TIME-WAIT.
  public static let synchronized = TCPState.allCases.filter(\.isSynchronized).map { Situation($0) }
  /// All to which RFC 9293 §3.10.7.4 applies.
  public static let later = handshakes + synchronized
  /// All eleven.
  public static let all = [Situation(.closed), Situation(.listen), Situation(.synSent, .active)] + later

  /// Those whose state is one of these.
  public static func of(_ states: TCPState...) -> [Situation] { all.filter { states.contains($0.state) } }
}

/// Where a connection's numbers stand, counted from each side's SYN.
public struct Numbers: Sendable, Equatable {
  /// RCV.NXT: what the host expects of the peer.
  public var receiveNext = 1
  /// One past the last number that the host takes: RCV.NXT + RCV.WND.
  public var receiveEdge = 10_001
  /// SND.UNA.
  public var sendUnacknowledged = 1
  /// SND.NXT.
  public var sendNext = 1
}

extension Conversation {
  /// A conversation whose connection is in a state, with nothing said that is still to be looked at.
  ///
  /// - Parameters:
  ///   - window: what the host offers, octets; without the window scale option.
  ///   - options: of the peer's SYN.
  public static func standing(
    in situation: Situation, window: Int = 10_000, options: TCPOptions = .synchronize(),
    tcp: TCPConfiguration = TCPConfiguration(), sourceLocation: SourceLocation = #_sourceLocation
  ) -> (Conversation, Numbers) {
    var tcp = tcp
    tcp.receiveBufferCapacity = window
    let talk = Conversation(tcp: tcp)
    var numbers = talk.enter(situation, options: options, sourceLocation: sourceLocation)
    numbers.receiveEdge = 1 + window
    return (talk, numbers)
  }

  /// Goes from CLOSED to a state.
  @discardableResult
  public func enter(
    _ situation: Situation, options: TCPOptions = .synchronize(),
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> Numbers {
    var numbers = Numbers()
    switch situation.state {
    case .closed:
      break
    case .listen:
      listen(sourceLocation: sourceLocation)
    case .synSent:
      connect(sourceLocation: sourceLocation)
      expect("S", seq: 0, sourceLocation: sourceLocation)
      numbers.sendUnacknowledged = 0
    case .synReceived:
      if situation.role == .passive {
        listen(sourceLocation: sourceLocation)
      } else {
        connect(sourceLocation: sourceLocation)
        expect("S", seq: 0, sourceLocation: sourceLocation)
      }
      receive("S", seq: 0, options: options)
      let answer = expect("S.", seq: 0, ack: 1, sourceLocation: sourceLocation)
      if let stamp = options.timestamps, let echo = answer?.header.options.timestamps?.value {
        peerTimestamp = TimestampOption(value: stamp.value, echo: echo)
      }
      numbers.sendUnacknowledged = 0
    case .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck, .timeWait:
      establish(situation.role, options: options, sourceLocation: sourceLocation)
      close(into: situation.state, &numbers, sourceLocation)
    }
    expectNothing(sourceLocation: sourceLocation)
    expectState(situation.state, sourceLocation: sourceLocation)
    takeEvents()
    return numbers
  }

  /// From ESTABLISHED to a later state.
  private func close(
    into state: TCPState, _ numbers: inout Numbers, _ sourceLocation: SourceLocation
  ) {
    switch state {
    case .closed, .listen, .synSent, .synReceived, .established:
      return
    case .finWait1, .finWait2, .closing, .timeWait:
      finish(sourceLocation: sourceLocation)
      expect("F.", seq: 1, ack: 1, sourceLocation: sourceLocation)
      numbers.sendNext = 2
      if state == .finWait2 || state == .timeWait {
        receive(".", seq: 1, ack: 2)
        numbers.sendUnacknowledged = 2
      }
      guard state == .closing || state == .timeWait else { return }
      receive("F.", seq: 1, ack: numbers.sendUnacknowledged)
      expect(".", seq: 2, ack: 2, sourceLocation: sourceLocation)
      numbers.receiveNext = 2
    case .closeWait, .lastAck:
      receive("F.", seq: 1, ack: 1)
      expect(".", seq: 1, ack: 2, sourceLocation: sourceLocation)
      numbers.receiveNext = 2
      guard state == .lastAck else { return }
      finish(sourceLocation: sourceLocation)
      expect("F.", seq: 1, ack: 2, sourceLocation: sourceLocation)
      numbers.sendNext = 2
    }
  }

  /// The empty ACK that answers what cannot be accepted, and nothing else: `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`.
  public func expectAcknowledgment(
    _ numbers: Numbers, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    expect(
      ".", seq: numbers.sendNext, ack: numbers.receiveNext, length: 0, sourceLocation: sourceLocation)
    expectNothing(sourceLocation: sourceLocation)
  }

  /// Nothing is sent, not even after the time for which an ACK may be delayed by default, and no timer of a segment
  /// in flight ends meanwhile.
  public func expectSilence(sourceLocation: SourceLocation = #_sourceLocation) {
    expectNothing(for: .milliseconds(100), sourceLocation: sourceLocation)
  }

  /// The user has been told that the connection is over, and why.
  public func expectClosed(_ reason: CloseReason, sourceLocation: SourceLocation = #_sourceLocation) {
    expectEvent("closed, \(reason)", sourceLocation: sourceLocation) { event in
      if case .closed(_, reason) = event { true } else { false }
    }
    expectState(.closed, sourceLocation: sourceLocation)
  }

  /// The user has been told nothing.
  public func expectNoEvents(sourceLocation: SourceLocation = #_sourceLocation) {
    for event in takeEvents() { Issue.record("the user was told \(event)", sourceLocation: sourceLocation) }
  }
}
