// Explicit congestion notification (RFC 3168): how it is agreed on, which packets may be marked, and what a mark does.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct CongestionNotificationTests {
  private func configuration(_ setting: ExplicitCongestionNotification) -> TCPConfiguration {
    var tcp = TCPConfiguration()
    tcp.explicitCongestionNotification = setting
    tcp.congestionControl = .newReno
    return tcp
  }

  /// A peer asked for marks, and ten segments of 1000 octets are on their way.
  private func marked(_ version: IPVersion = .v4, written: Int = 30_000, sack: Bool = true) -> Conversation {
    let talk = Conversation(version, tcp: configuration(.accepted))
    talk.listen()
    talk.receive("SEW", seq: 0, options: .synchronize(mss: 1000, windowScale: 6, sackPermitted: sack))
    talk.expect("S.E", seq: 0, ack: 1)
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    talk.takeSent()
    talk.write(written)
    return talk
  }

  // MARK: Agreement

  @Test(.requirement("SHLD-8", "3168-1"), arguments: [IPVersion.v4, .v6])
  func aPeerThatAsksIsAnswered(_ version: IPVersion) {
    let talk = marked(version)
    #expect(talk.status?.usesCongestionNotification == true)
    #expect(talk.takeSent().allSatisfy { $0.mark == 2 })
  }

  @Test(.requirement("3168-1", "3168-2"))
  func aPeerThatDoesNotAskIsNotMarked() {
    for flags in ["S", "SE", "SW"] {
      let talk = Conversation(tcp: configuration(.requested))
      talk.listen()
      talk.receive(flags, seq: 0)
      talk.expect("S.", seq: 0, ack: 1)
      talk.receive(".", seq: 1, ack: 1)
      talk.accept()
      talk.write(100)
      #expect(talk.takeSent().allSatisfy { $0.mark == 0 })
      #expect(talk.status?.usesCongestionNotification == false)
    }
  }

  /// A SYN with AE, CWR and ECE asks for accurate feedback (RFC 9768 §3.1.1), which an answer with ECE alone turns into the
  /// classic one.
  @Test(.requirement("3168-1"), arguments: [IPVersion.v4, .v6])
  func aPeerThatAsksForAccurateFeedbackGetsTheClassicOne(_ version: IPVersion) {
    let talk = Conversation(version, tcp: configuration(.accepted))
    talk.listen()
    talk.receive(
      "SEW", seq: 0, options: .synchronize(mss: 1000, windowScale: 6, sackPermitted: true), reserved: 1)
    talk.expect("S.E", seq: 0, ack: 1)
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    #expect(talk.status?.usesCongestionNotification == true)
    talk.peerMark = 3
    talk.receive(".", seq: 1, ack: 1, length: 1000)
    talk.receive(".", seq: 1001, ack: 1, length: 1000)
    talk.expect(".E", ack: 2001)
  }

  @Test(.requirement("3168-1"))
  func switchedOffItIsNotAnswered() {
    let talk = Conversation(tcp: configuration(.off))
    talk.listen()
    talk.receive("SEW", seq: 0)
    talk.expect("S.", seq: 0, ack: 1)
  }

  @Test(.requirement("3168-1", "3168-2", "3168-3"))
  func ourSynchronizeAsksAndTheAnswerDecides() {
    for (answer, agreed) in [("S.E", true), ("S.", false), ("S.EW", false)] {
      let talk = Conversation(tcp: configuration(.requested))
      talk.connect()
      let first = talk.expect("SEW", seq: 0)
      #expect(first?.mark == 0)
      talk.receive(answer, seq: 0, ack: 1)
      #expect(talk.expect(".", seq: 1, ack: 1)?.mark == 0)
      talk.write(100)
      #expect(talk.expect("P.", seq: 1)?.mark == (agreed ? 2 : 0))
      #expect(talk.status?.usesCongestionNotification == agreed)
    }
  }

  @Test(.requirement("3168-7", "3168-2"))
  func aSynchronizeThatIsSentAgainDoesNotAsk() {
    let talk = Conversation(tcp: configuration(.requested))
    talk.connect()
    talk.expect("SEW", seq: 0)
    talk.expect("S", seq: 0, after: .seconds(1))
    // The answer to the first: something on the way may still take offence.
    talk.receive("S.E", seq: 0, ack: 1)
    talk.expect(".", seq: 1, ack: 1)
    #expect(talk.status?.usesCongestionNotification == false)
  }

  // MARK: Marks that come

  @Test(.requirement("3168-4", "SHLD-8"))
  func aMarkIsEchoedUntilThePeerSaysThatItSendsLess() {
    let talk = marked(written: 0)
    talk.peerMark = 2
    talk.receive(".", seq: 1, ack: 1, length: 1000)
    talk.receive(".", seq: 1001, ack: 1, length: 1000)
    talk.expect(".", ack: 2001)
    talk.peerMark = 3
    talk.receive(".", seq: 2001, ack: 1, length: 1000)
    talk.peerMark = 2
    talk.receive(".", seq: 3001, ack: 1, length: 1000)
    talk.expect(".E", ack: 4001)
    talk.receive(".", seq: 4001, ack: 1, length: 1000)
    talk.receive(".", seq: 5001, ack: 1, length: 1000)
    talk.expect(".E", ack: 6001)
    talk.write(10)
    talk.expect("P.E", ack: 6001)
    talk.receive("W.", seq: 6001, ack: 11, length: 1000)
    talk.receive(".", seq: 7001, ack: 11, length: 1000)
    talk.expect(".", ack: 8001)
    // A mark on the segment with CWR begins anew.
    talk.peerMark = 3
    talk.receive("W.", seq: 8001, ack: 11, length: 1000)
    talk.receive(".", seq: 9001, ack: 11, length: 1000)
    talk.expect(".E", ack: 10_001)
    #expect(talk.status?.statistics.marksReceived == 3)
  }

  @Test(.requirement("3168-4"))
  func aMarkOutsideTheWindowIsIgnored() {
    let talk = marked(written: 0)
    talk.receive(".", seq: 1, ack: 1, length: 100)
    talk.expect(".", ack: 101, within: .seconds(1))
    talk.peerMark = 3
    talk.receive(".", seq: 1, ack: 1, length: 100)
    talk.expect(".", ack: 101)
    #expect(talk.status?.statistics.marksReceived == 0)
  }

  @Test(.requirement("3168-8"))
  func afterTheEndNothingOfItIsLeft() {
    let talk = marked(written: 0)
    talk.finish()
    talk.expect("F.", seq: 1)
    talk.peerMark = 3
    talk.receive("F.", seq: 1, ack: 2)
    talk.expect(".", ack: 2)
    talk.expectState(.timeWait)
    // TIME-WAIT answers, and echoes no mark.
    talk.receive("F.", seq: 1, ack: 2)
    #expect(talk.expect(".", ack: 2)?.mark == 0)
  }

  // MARK: Echoes that come

  @Test(.requirement("3168-5"))
  func anEchoHalvesTheWindowOnceARoundTrip() {
    let talk = marked()
    #expect(talk.takeSent().count == 10)
    talk.advance(.milliseconds(100))
    talk.receive(".E", seq: 1, ack: 2001)
    #expect(talk.status?.congestionWindow == 5000)
    talk.receive(".E", seq: 1, ack: 4001)
    #expect(talk.status?.congestionWindow == 5000)
    talk.expectNothing()
    talk.receive(".E", seq: 1, ack: 6001)
    // The first new segment says that the window has shrunk, and only that one.
    talk.expect("W.", seq: 10_001)
    talk.receive(".", seq: 1, ack: 8001)
    #expect(talk.takeSent().allSatisfy { !$0.header.flags.contains(.cwr) && $0.mark == 2 })
    #expect(talk.status?.statistics.marksEchoed == 1)
    #expect(talk.status?.statistics.segmentsRetransmitted == 0)
  }

  @Test(.requirement("3168-5", "3168-3"))
  func aLossIsToldWithTheNextNewSegmentAndCopiesAreNeverMarkable() {
    let talk = marked()
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 1001..<7001)
    let sent = talk.takeSent()
    #expect(talk.sequence(of: sent[0]) == 1)
    #expect(sent[0].mark == 0 && !sent[0].header.flags.contains(.cwr))
    talk.receive(".", seq: 1, ack: 10_001)
    let new = (sent.dropFirst() + talk.takeSent()).filter { talk.sequence(of: $0) > 10_000 }
    #expect(new.first?.header.flags.contains(.cwr) == true)
    #expect(new.dropFirst().allSatisfy { !$0.header.flags.contains(.cwr) })
  }

  @Test(.requirement("3168-3"))
  func acknowledgmentsAndProbesAreNotMarkable() {
    let talk = marked(written: 0)
    talk.receive(".", seq: 1, ack: 1, length: 100)
    #expect(talk.expect(".", ack: 101, within: .seconds(1))?.mark == 0)
    talk.receive(".", seq: 101, ack: 1, win: 0)
    talk.write(100)
    let probe = talk.expect(".", seq: 1, length: 1, within: .seconds(2))
    #expect(probe?.mark == 0)
  }

  /// A peer, or somebody on the path, that never stops to tell of marks.
  @Test(.requirement("A-53", "3168-5", "3168-6"))
  func marksWithoutEndAreOneReductionARoundTripAndThenTheTimersPace() {
    let talk = marked(written: 60_000)
    var next = 10_001
    talk.takeSent()
    var windows: [Int] = []
    while (talk.status?.congestionWindow ?? 0) > 1000, windows.count < 10 {
      talk.advance(.milliseconds(100))
      let first = talk.status.map { 1 + Int($0.statistics.bytesAcknowledged) } ?? 1
      for end in stride(from: first + 1000, through: next, by: 1000) {
        talk.receive(".E", seq: 1, ack: end)
        for segment in talk.takeSent() { next = max(next, talk.sequence(of: segment) + 1000) }
      }
      windows.append(talk.status?.congestionWindow ?? 0)
    }
    #expect(windows == [5000, 2500, 1000])
    #expect(talk.status?.statistics.segmentsRetransmitted == 0)
    // One segment, its ACK, and an RTO until the next.
    talk.advance(.milliseconds(100))
    talk.receive(".E", seq: 1, ack: next)
    let timeout = talk.status?.retransmissionTimeout ?? .zero
    for _ in 0..<3 {
      talk.expectNothing(for: timeout - .milliseconds(1))
      #expect(talk.expect("W.", seq: next, length: 1000, after: .milliseconds(1)) != nil)
      next += 1000
      talk.advance(.milliseconds(100))
      talk.receive(".E", seq: 1, ack: next)
    }
    #expect(talk.status?.congestionWindow == 1000)
    // Without marks the window grows again, at once.
    talk.advance(timeout)
    talk.takeSent()
    next += 1000
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: next)
    talk.expect(".", seq: next, length: 1000)
  }

  /// What held text back for marks ends with them: a window leaves in one go again.
  @Test(.requirement("A-53", "3168-6"))
  func afterTheMarksTextIsNotSpreadOut() {
    let talk = marked(written: 90_000)
    func end(_ sent: [SentSegment]) -> Int? { sent.last.map { talk.sequence(of: $0) + 1000 } }
    var next = end(talk.takeSent()) ?? 1
    while (talk.status?.congestionWindow ?? 0) > 1000 {
      talk.advance(.milliseconds(100))
      talk.receive(".E", seq: 1, ack: next)
      next = end(talk.takeSent()) ?? next
    }
    talk.advance(.milliseconds(100))
    talk.receive(".E", seq: 1, ack: next)
    talk.advance(.seconds(2))
    next = end(talk.takeSent()) ?? next
    var count = 0
    for _ in 0..<8 {
      talk.advance(.milliseconds(100))
      talk.receive(".", seq: 1, ack: next)
      let sent = talk.takeSent()
      count = sent.count
      next = end(sent) ?? next
    }
    #expect(count >= 5 && count == (talk.status?.congestionWindow ?? 0) / 1000)
  }

  /// RFC 3168 §6.1.2: whoever hides marks does not hide losses.
  @Test(.requirement("A-53"))
  func aLossCountsThoughThePeerNeverTellsOfMarks() {
    let talk = marked()
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.acknowledge(1, holding: 1001..<7001)
    #expect(talk.status?.slowStartThreshold == 5000)
  }

  @Test(.requirement("3168-1", "3168-4"))
  func aMarkWithoutAgreementIsNotEchoed() {
    let talk = Conversation(tcp: configuration(.accepted))
    talk.establish(options: .synchronize(mss: 1000, windowScale: 6))
    talk.takeSent()
    talk.peerMark = 3
    talk.receive(".", seq: 1, ack: 1, length: 1000)
    talk.receive(".", seq: 1001, ack: 1, length: 1000)
    talk.expect(".", ack: 2001)
    #expect(talk.status?.statistics.marksReceived == 0)
  }

  /// The ACK that ends a recovery may tell of a mark on what left after it began.
  @Test(.requirement("3168-5"), arguments: [true, false])
  func aMarkOnWhatLeftInRecoveryCounts(sack: Bool) {
    let talk = marked(written: 60_000, sack: sack)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    for number in 2...10 {
      talk.receive(
        ".", seq: 1, ack: 1, options: sack ? talk.holding([1001..<number * 1000 + 1]) : TCPOptions())
    }
    let last = talk.takeSent().map { talk.sequence(of: $0) }.max() ?? 0
    #expect(last > 10_000)
    talk.advance(.milliseconds(100))
    talk.receive(".E", seq: 1, ack: last + 1000)
    #expect(talk.status?.recoveryPhase == .open)
    #expect(talk.status?.statistics.marksEchoed == 1)
    #expect((talk.status?.slowStartThreshold ?? .max) < 5000)
  }

  @Test func anEchoWithoutAgreementMeansNothing() {
    let talk = Conversation(tcp: configuration(.accepted))
    talk.establish(options: .synchronize(mss: 1000, windowScale: 6))
    talk.takeSent()
    talk.write(30_000)
    talk.takeSent()
    talk.receive(".E", seq: 1, ack: 2001)
    #expect((talk.status?.congestionWindow ?? 0) > 10_000)
  }

  /// Whatever made the window shrink: after a timeout the next new text tells of it. The copy does not.
  @Test(.requirement("SHLD-8", "3168-5"))
  func aTimeoutIsToldOfAsWell() {
    let talk = marked(written: 100)
    talk.advance(.milliseconds(1500))
    let sent = talk.takeSent()
    #expect(talk.status?.statistics.retransmissionTimeouts == 1)
    #expect(sent.allSatisfy { talk.sequence(of: $0) == 1 && !$0.header.flags.contains(.cwr) })
    talk.receive(".", seq: 1, ack: 101)
    talk.write(50)
    talk.expect("PW.", seq: 101, length: 50)
    talk.receive(".", seq: 1, ack: 151)
    talk.write(50)
    talk.expect("P.", seq: 151, length: 50)
  }
}
