// Every mix of flags in the states that a connection passes through, by the order of RFC 9293 §3.10.7.4: what a mix does
// is what its RST, else its SYN, else its want of an ACK, else its FIN does.

import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct SegmentArrivesFlagTests {
  /// The eight flags, in the letters of a conversation.
  static let letters: [(flag: TCPFlags, letter: String)] = [
    (.fin, "F"), (.syn, "S"), (.rst, "R"), (.psh, "P"), (.ack, "."), (.urg, "U"), (.ece, "E"), (.cwr, "W"),
  ]

  static let situations = [Situation(.synReceived, .active)] + Situation.synchronized

  @Test(.requirement("A-26"), arguments: situations)
  func everyMixDoesWhatTheFirstOfItsFlagsDoes(situation: Situation) {
    for bits in UInt8.min...UInt8.max {
      let flags = TCPFlags(rawValue: bits)
      let (talk, at) = Conversation.standing(in: situation)
      let text = Self.letters.filter { flags.contains($0.flag) }.map(\.letter).joined()
      // In SYN-RECEIVED only an ACK of our SYN counts; elsewhere one of nothing new.
      let acknowledgment = situation.state == .synReceived ? at.sendNext : at.sendUnacknowledged
      talk.receive(text, seq: at.receiveNext, ack: flags.contains(.ack) ? acknowledgment : nil)
      let answers = talk.takeSent()
      #expect(answers.allSatisfy { !$0.header.flags.contains(.rst) }, "\(text)")
      switch (flags.contains(.rst), flags.contains(.syn), flags.contains(.ack)) {
      case (true, _, _):
        #expect(answers.isEmpty, "\(text)")
        talk.expectState(situation.state == .timeWait ? .timeWait : .closed)
      case (false, true, _):
        // TIME-WAIT may end with a SYN: RFC 6191 has tests of its own.
        if situation.state == .timeWait, !flags.contains(.ack) { continue }
        #expect(answers.map(\.header.flags) == [.ack], "a challenge for \(text)")
        talk.expectState(situation.state)
      case (false, false, false):
        #expect(answers.isEmpty, "\(text)")
        talk.expectState(situation.state)
      case (false, false, true):
        talk.expectState(Self.state(after: situation.state, finish: flags.contains(.fin)))
      }
    }
  }

  /// Where an acceptable ACK leads, with or without a FIN.
  private static func state(after state: TCPState, finish: Bool) -> TCPState {
    switch (state, finish) {
    case (.synReceived, true), (.established, true): .closeWait
    case (.synReceived, false): .established
    case (.finWait1, true): .closing
    case (.finWait2, true): .timeWait
    case (_, _): state
    }
  }
}
