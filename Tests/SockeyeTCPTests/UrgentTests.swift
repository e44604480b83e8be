// The urgent mechanism (RFC 9293 §3.8.5), for those who still need it.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct UrgentTests {
  private func established(_ wraps: Bool = false) -> Conversation {
    let talk = wraps ? Conversation.starting(hostAt: .max - 1, peerAt: .max - 1) : Conversation()
    talk.establish()
    talk.takeEvents()
    return talk
  }

  @Test(.requirement("MUST-30", "MUST-62", "6093-1", "6093-3"), arguments: [false, true])
  func thePointerNamesTheOctetAfterTheUrgentOnes(_ wraps: Bool) throws {
    let talk = established(wraps)
    let id = try talk.need()
    talk.receive("PU.", seq: 1, ack: 1, length: 5, up: 3)
    talk.expectEvent("urgent") { $0 == .urgent(id) }
    #expect(talk.status?.urgentAhead == 3)
    #expect(talk.read(3) == Conversation.text(at: 1, 3))
    #expect(talk.status?.urgentAhead == 0)
    #expect(talk.read() == Conversation.text(at: 4, 2))
    talk.expect(".", seq: 1, ack: 6, within: .milliseconds(500))
    talk.write(3, urgent: true)
    talk.expect("PU.", seq: 1, ack: 6, length: 3, up: 3)
  }

  @Test(.requirement("MUST-30", "MUST-62"))
  func whatIsWrittenAfterwardsIsNotUrgent() {
    let talk = established()
    talk.write(10)
    talk.expect("P.", seq: 1, length: 10, up: 0)
    talk.write(5, urgent: true)
    talk.write(5)
    // The first five of ten.
    talk.receive(".", seq: 1, ack: 11)
    talk.expect("PU.", seq: 11, length: 10, up: 5)
    talk.receive(".", seq: 1, ack: 21)
    talk.write(5)
    talk.expect("P.", seq: 21, length: 5, up: 0)
  }

  /// A copy is as urgent as the segment was, and each segment of a long urgent text says how far it goes.
  @Test(.requirement("MUST-30", "MUST-62"))
  func everySegmentBelowTheMarkSaysSo() {
    let talk = established()
    talk.write(4000, urgent: true)
    talk.expect("U.", seq: 1, length: 1460, up: 4000)
    talk.expect("U.", seq: 1461, length: 1460, up: 2540)
    talk.receive(".", seq: 1, ack: 2921)
    talk.expect("PU.", seq: 2921, length: 1080, up: 1080)
    talk.expect("PU.", seq: 2921, length: 1080, up: 1080, after: .seconds(1))
  }

  @Test(.requirement("MUST-30", "MUST-62"))
  func anAcknowledgmentAloneSaysSoToo() {
    let talk = established()
    talk.write(4000, urgent: true)
    talk.expect("U.", seq: 1, length: 1460, up: 4000)
    talk.expect("U.", seq: 1461, length: 1460, up: 2540)
    talk.receive("P.", seq: 1, ack: 1, length: 5)
    talk.expect("U.", seq: 2921, ack: 6, length: 0, up: 1080, within: .milliseconds(500))
  }

  @Test(.requirement("MUST-31", "6093-1", "6093-2"))
  func urgentTextMayBeOfAnyLength() {
    let talk = established()
    talk.receive("U.", seq: 1, ack: 1, length: 1000, up: 65_535)
    #expect(talk.status?.urgentAhead == 65_535)
    let buffered = talk.status?.readable
    #expect(buffered == 1000)
    // The mark moves ahead with each segment, past 200,000 octets, and the user reads behind it.
    var sequence = 1001
    var read = 0
    while sequence < 150_001 {
      talk.receive("U.", seq: sequence, ack: 1, length: 1000, up: 65_535)
      sequence += 1000
      read += talk.read().count
      #expect(talk.status?.urgentAhead == 64_535)
    }
    while sequence < 214_001 {
      talk.receive(".", seq: sequence, ack: 1, length: 1000)
      sequence += 1000
      read += talk.read().count
      #expect(talk.status?.urgentAhead == 149_001 + 65_535 - 1 - read)
    }
    talk.receive(".", seq: sequence, ack: 1, length: 1000)
    #expect(talk.read(534).count == 534)
    #expect(talk.status?.urgentAhead == 1)
    #expect(talk.read(1).count == 1)
    #expect(talk.status?.urgentAhead == 0)
    #expect(talk.status?.readable == 465)
  }

  /// A middlebox clears the bit and the pointer: the text is the same, in line, and nothing waits for the mark.
  @Test(.requirement("6093-1", "6093-2"))
  func textArrivesWholeWhereTheMarkIsTakenAway() {
    let talk = established()
    talk.receive("PU.", seq: 1, ack: 1, length: 5, up: 3)
    talk.receive("P.", seq: 6, ack: 1, length: 5)
    #expect(talk.read() == Conversation.text(at: 1, 10), "urgent octets stay where they were written")
    #expect(talk.status?.urgentAhead == 0)
    talk.write(3, urgent: true)
    talk.receive(".", seq: 11, ack: 4)
    #expect(talk.status?.outstanding == 0)
  }

  @Test(.requirement("MUST-31"))
  func aLongUrgentWriteIsToldAsFarAsTheFieldGoes() {
    let talk = Conversation()
    talk.establish(options: .synchronize(mss: 1000, windowScale: 4))
    talk.takeSent()
    talk.write(200_000, urgent: true)
    var acknowledged = 1
    while acknowledged < 200_001 {
      let sent = talk.takeSent()
      for segment in sent {
        let sequence = talk.sequence(of: segment)
        #expect(segment.header.flags.contains(.urg))
        #expect(Int(segment.header.urgentPointer) == min(200_001 - sequence, 65_535))
        acknowledged = sequence + segment.payload.count
        talk.receive(".", seq: 1, ack: acknowledged)
      }
      guard !sent.isEmpty else {
        Issue.record("it stopped at \(acknowledged)")
        return
      }
    }
  }

  @Test(.requirement("MUST-32"), arguments: [false, true])
  func theUserIsToldWhenTheMarkComesOrMoves(_ wraps: Bool) throws {
    let talk = established(wraps)
    let id = try talk.need()
    func urgentEvents() -> Int { talk.takeEvents().count { $0 == .urgent(id) } }
    talk.receive("U.", seq: 1, ack: 1, length: 2, up: 10)
    #expect(urgentEvents() == 1)
    // The same octet, seen from two octets on.
    talk.receive("U.", seq: 3, ack: 1, length: 2, up: 8)
    #expect(urgentEvents() == 0)
    // An earlier one.
    talk.receive("U.", seq: 5, ack: 1, length: 2, up: 3)
    #expect(urgentEvents() == 0)
    // One octet further. There need be no text with it.
    talk.receive("U.", seq: 7, ack: 1, up: 5)
    #expect(urgentEvents() == 1)
    // What was read is past; a copy of the first segment tells nothing new.
    talk.receive(".", seq: 7, ack: 1, length: 10)
    #expect(talk.read().count == 16)
    talk.receive("U.", seq: 1, ack: 1, length: 2, up: 10)
    #expect(urgentEvents() == 0)
    talk.receive("U.", seq: 17, ack: 1, length: 2, up: 2)
    #expect(urgentEvents() == 1)
  }

  /// The mark may come after its text; as long as that is unread there is something to hurry to.
  @Test(.requirement("MUST-32", "MUST-33"))
  func textThatIsHereMayBecomeUrgent() throws {
    let talk = established()
    let id = try talk.need()
    talk.receive(".", seq: 1, ack: 1, length: 10)
    talk.takeEvents()
    talk.receive("U.", seq: 11, ack: 1, up: 0)
    #expect(talk.takeEvents() == [.urgent(id)])
    #expect(talk.status?.urgentAhead == 10)
    talk.read()
    talk.receive("U.", seq: 11, ack: 1, up: 0)
    #expect(talk.takeEvents() == [])
    #expect(talk.status?.urgentAhead == 0)
  }

  @Test(.requirement("MUST-33"), arguments: [false, true])
  func theUserCanLearnHowMuchIsLeft(_ wraps: Bool) {
    let talk = established(wraps)
    #expect(talk.status?.urgentAhead == 0)
    talk.receive("PU.", seq: 1, ack: 1, length: 20, up: 10)
    #expect(talk.status?.urgentAhead == 10)
    talk.read(4)
    #expect(talk.status?.urgentAhead == 6)
    talk.read(6)
    #expect(talk.status?.urgentAhead == 0)
    talk.read(10)
    #expect(talk.status?.urgentAhead == 0)
  }
}
