// What a SYN brings beside itself, text and FIN, is kept and becomes part of the stream when the handshake is complete
// (RFC 9293 §3.5, §3.10.7.3); and what the handshake means for the user and the timers.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero) struct OpeningTextTests {
  /// SYN-RECEIVED after a simultaneous open in which the peer's SYN brought 100 octets.
  private func crossed(flags: String = "S") -> Conversation {
    let (talk, _) = Conversation.standing(in: Situation(.synSent))
    talk.receive(flags, seq: 0, data: Conversation.text(at: 1, 100))
    talk.expect("S.", seq: 0, ack: 1)
    talk.expectState(.synReceived)
    talk.expectNoEvents()
    return talk
  }

  private func expectReadable(_ talk: Conversation, sourceLocation: SourceLocation = #_sourceLocation) {
    talk.expectEvent("readable", sourceLocation: sourceLocation) {
      if case .readable = $0 { true } else { false }
    }
  }

  @Test(.requirement("S-13", "S-42"))
  func theUserHearsOfTheTextOnceTheHandshakeIsComplete() {
    let talk = crossed()
    talk.receive(".", seq: 101, ack: 1)
    talk.expectState(.established)
    expectReadable(talk)
    #expect(talk.read() == Conversation.text(at: 1, 100))
  }

  /// Whether the peer's SYN,ACK brings all of it again or not.
  @Test(.requirement("S-13", "S-59", "N-10"), arguments: [false, true])
  func theFinOfASynWaitsForTheEndOfTheHandshake(isRepeated: Bool) {
    let talk = crossed(flags: "SF")
    if isRepeated {
      talk.receive("SF.", seq: 0, ack: 1, data: Conversation.text(at: 1, 100))
    } else {
      talk.receive("S.", seq: 0, ack: 1)
    }
    talk.expect(".", seq: 1, ack: 102)
    talk.expectState(.closeWait)
    expectReadable(talk)
    talk.expectEvent("finished") { if case .peerFinished = $0 { true } else { false } }
    #expect(talk.read() == Conversation.text(at: 1, 100))
    talk.expectEndOfStream()
  }

  /// A FIN that stands where the SYN had text is as old as that text, and ends nothing.
  @Test(.requirement("S-13", "S-58"))
  func aFinInsideOfTheTextIsNone() {
    let talk = crossed()
    talk.receive("F.", seq: 1, ack: 1, length: 50)
    talk.expect(".", seq: 1, ack: 101)
    talk.expectState(.established)
    talk.receive("P.", seq: 101, ack: 1, length: 10)
    #expect(talk.read() == Conversation.text(at: 1, 110))
  }

  /// Our FIN left in SYN-RECEIVED; the ACK of it is the one of our SYN, too.
  @Test(.requirement("S-13", "S-48", "U-21"), arguments: ["S", "SF"])
  func textOfTheSynIsDeliveredThoughTheUserHasClosedMeanwhile(flags: String) {
    let talk = crossed(flags: flags)
    talk.finish()
    talk.expect("F.", seq: 1, ack: 1)
    talk.expectState(.finWait1)
    let end = flags == "SF" ? 102 : 101
    talk.receive(".", seq: end, ack: 2)
    talk.expect(".", seq: 2, ack: end)
    talk.expectState(flags == "SF" ? .timeWait : .finWait2)
    #expect(talk.read() == Conversation.text(at: 1, 100))
  }

  /// What the SYN,ACK of a simultaneous open brings is cut where the window ends, as all text is.
  @Test(.requirement("X-02", "S-56"), arguments: ["S.", "SF."])
  func textOfTheSynAckStaysInsideTheWindow(flags: String) {
    let (talk, _) = Conversation.standing(in: Situation(.synSent), window: 100)
    talk.receive("S", seq: 0)
    talk.expect("S.", seq: 0, ack: 1, win: 100)
    talk.receive(flags, seq: 0, ack: 1, data: Conversation.text(at: 1, 200))
    talk.expect(".", seq: 1, ack: 101, win: 0)
    talk.expectState(.established)
    #expect(talk.read() == Conversation.text(at: 1, 100))
  }

  /// A SYN may bring as much as the window holds, and a FIN behind it. There is no room left then, and none is owed.
  @Test(.requirement("N-9", "S-59"))
  func aSynMayFillTheWindowAndEndTheStream() {
    var tcp = TCPConfiguration()
    tcp.receiveBufferCapacity = 100
    let talk = Conversation(tcp: tcp)
    talk.listen()
    talk.receive("SF", seq: 0, data: Conversation.text(at: 1, 100))
    talk.expect("S.", seq: 0, ack: 1, win: 100)
    // The FIN lies beyond what was offered, and is taken all the same; nothing of the window is owed for it.
    talk.linkOpen = false
    talk.receive("F.", seq: 1, ack: 1, length: 100)
    talk.accept()
    talk.expectState(.closeWait)
    #expect(talk.status?.receiveWindow == 0)
    talk.linkOpen = true
    talk.drain()
    talk.expect(".", seq: 1, ack: 102, win: 0)
    #expect(talk.read() == Conversation.text(at: 1, 100))
    talk.expectEndOfStream()
  }

  // MARK: The user

  @Test(.requirement("S-12"))
  func theUserHearsThatItIsConnectedAndMayWrite() throws {
    let (talk, _) = Conversation.standing(in: Situation(.synSent))
    let id = try talk.need()
    talk.receive("S.", seq: 0, ack: 1)
    #expect(talk.takeEvents() == [.connected(id), .writable(id)])
  }

  @Test(.requirement("S-12", "U-10"))
  func aBufferThatWasFilledBeforeHasNoRoomYet() throws {
    var tcp = TCPConfiguration()
    tcp.sendBufferCapacity = 1_000
    let (talk, _) = Conversation.standing(in: Situation(.synSent), tcp: tcp)
    let id = try talk.need()
    #expect(talk.write(1_500) == 1_000)
    talk.receive("S.", seq: 0, ack: 1, options: .synchronize())
    talk.expect("P.", seq: 1, ack: 1, length: 1_000)
    #expect(talk.takeEvents() == [.connected(id)])
    talk.receive(".", seq: 1, ack: 1_001)
    #expect(talk.takeEvents() == [.writable(id), .drained(id)])
  }

  // MARK: The timer

  /// The copies of the SYN are its own: R1 of the text is counted from the text's first copy (RFC 9293 §3.8.3).
  @Test(.requirement("MUST-20", "MUST-22"))
  func copiesOfTheSynDoNotCountAsCopiesOfTheText() {
    let (talk, _) = Conversation.standing(in: Situation(.synSent))
    talk.expect("S", seq: 0, within: .seconds(1))
    talk.receive("S.", seq: 0, ack: 1)
    talk.expect(".", seq: 1, ack: 1)
    talk.write(100)
    talk.expect("P.", seq: 1, length: 100)
    for copy in 1...4 {
      talk.expect("P.", seq: 1, length: 100, within: .minutes(1))
      #expect(talk.takeTroubleReports() == (copy == 3 ? 1 : 0), "copy \(copy)")
    }
  }

  /// The SYN,ACK of a simultaneous open stands for the SYN that left before, whose timer runs on and whose round trip is
  /// measured (RFC 6298 §5.1).
  @Test(.requirement("6298-7", "X-02"))
  func theAnswerToACrossingSynDoesNotPutTheTimerOff() {
    for isAnswered in [false, true] {
      let (talk, _) = Conversation.standing(in: Situation(.synSent))
      talk.advance(.milliseconds(400))
      talk.receive("S", seq: 0)
      talk.expect("S.", seq: 0, ack: 1)
      if isAnswered {
        talk.advance(.milliseconds(100))
        talk.receive("S.", seq: 0, ack: 1)
        #expect(talk.status?.smoothedRoundTrip == .milliseconds(500))
      } else {
        talk.expect("S.", seq: 0, ack: 1, after: .milliseconds(600))
      }
    }
  }

  /// R2 counts from when there is something to answer. Here that is long after OPEN, for the link was busy.
  @Test(.requirement("MUST-21", "U-21"))
  func theTimeoutCountsFromTheSynThatLeaves() {
    var tcp = TCPConfiguration()
    tcp.connectTimeout = nil
    let talk = Conversation(tcp: tcp)
    talk.linkOpen = false
    talk.connect()
    talk.advance(.minutes(10))
    talk.linkOpen = true
    talk.drain()
    talk.expect("S", seq: 0)
    talk.receive("S", seq: 0)
    talk.expect("S.", seq: 0, ack: 1)
    talk.finish()
    talk.expect("F.", seq: 1, ack: 1)
    talk.advance(.seconds(299))
    talk.expectState(.finWait1)
    talk.advance(.seconds(1))
    talk.expectState(.closed)
  }
}
