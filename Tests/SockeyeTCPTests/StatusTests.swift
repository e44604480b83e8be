// What STATUS tells: how a connection stands, what keeps it from sending and for how long, and which ACKs count as
// duplicates (RFC 9293 §3.9.1.4, RFC 5681 §2).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct StatusTests {
  /// Found by fuzzing: after the end, SND.NXT is where it was and the buffer is empty.
  @Test(arguments: [true, false])
  func anEndedConnectionHoldsNothing(sack: Bool) {
    let talk = Conversation.measured(sack: sack)
    talk.write(5_000)
    talk.receive("R.", seq: 1, ack: 1)
    talk.expectState(.closed)
    #expect(talk.status?.outstanding == 0 && talk.status?.unsent == 0 && talk.status?.inFlight == 0)
  }

  /// The ACK that ends LAST-ACK may be that of text, too.
  @Test(.requirement("S-52"), arguments: [true, false])
  func textThatIsAcknowledgedTogetherWithTheLastFinCounts(sack: Bool) {
    let talk = Conversation.measured(sack: sack)
    talk.receive("F.", seq: 1, ack: 1)
    talk.write(1_500)
    talk.finish()
    talk.takeSent()
    talk.receive(".", seq: 2, ack: 1_001)
    talk.expectState(.lastAck)
    #expect(talk.status?.statistics.bytesAcknowledged == 1_000)
    talk.receive(".", seq: 2, ack: 1_502)
    talk.expectState(.closed)
    #expect(talk.status?.statistics.bytesAcknowledged == 1_500)
  }

  // MARK: What keeps it from sending

  /// Text that waits for a handshake is not held back by what is told of here.
  @Test func beforeThereIsAConnectionNothingIsUnderWay() {
    let talk = Conversation()
    talk.connect()
    talk.write(1_000)
    talk.advance(.seconds(10))
    #expect(talk.status?.sendingLimit == .idle)
    #expect(talk.status?.sendingTimes.busy == .zero)
  }

  @Test func whileAllIsSentTheApplicationLimits() throws {
    let talk = Conversation.measured()
    #expect(talk.status?.sendingLimit == .idle)
    talk.write(5_000)
    #expect(talk.status?.sendingLimit == .application)
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 5_001)
    talk.advance(.seconds(5))
    talk.write(1_000)
    talk.advance(.milliseconds(7))
    // The time in between, with nothing under way, does not count; the present does.
    let times = try #require(talk.status?.sendingTimes)
    #expect(times.application == .milliseconds(107))
    #expect(times.busy == .milliseconds(107))
  }

  @Test func theCongestionWindowLimits() throws {
    let talk = Conversation.measured()
    talk.write(15_000)
    #expect(talk.takeSent().count == 10)
    #expect(talk.status?.sendingLimit == .congestionWindow)
    talk.advance(.milliseconds(60))
    talk.receive(".", seq: 1, ack: 5_001)
    #expect(talk.status?.sendingLimit == .application, "what was left has gone")
    talk.advance(.milliseconds(40))
    talk.receive(".", seq: 1, ack: 15_001)
    let times = try #require(talk.status?.sendingTimes)
    #expect(times.congestionWindow == .milliseconds(60) && times.application == .milliseconds(40))
    #expect(times.busy == .milliseconds(100))
  }

  @Test func thePeersWindowLimits() throws {
    let talk = Conversation.measured(window: 5_000)
    talk.write(8_000)
    #expect(talk.takeSent().count == 5)
    #expect(talk.status?.sendingLimit == .peerWindow)
    talk.advance(.milliseconds(100))
    // It closes; what probes it is no progress.
    talk.receive(".", seq: 1, ack: 5_001, win: 0)
    talk.advance(.seconds(3))
    #expect(talk.takeSent().count >= 1)
    #expect(talk.status?.sendingLimit == .peerWindow)
    let times = try #require(talk.status?.sendingTimes)
    #expect(times.peerWindow == .milliseconds(3_100) && times.busy == .milliseconds(3_100))
    talk.receive(".", seq: 1, ack: 5_001, win: 5_000)
    #expect(talk.status?.sendingLimit == .application)
  }

  @Test func theSendBufferLimits() throws {
    let talk = Conversation.measured { $0.sendBufferCapacity = 3_000 }
    #expect(talk.write(5_000) == 3_000)
    #expect(talk.status?.sendingLimit == .sendBuffer)
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 3_001)
    talk.write(2_000)
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 5_001)
    let times = try #require(talk.status?.sendingTimes)
    #expect(times.sendBuffer == .milliseconds(100) && times.application == .milliseconds(100))
  }

  @Test func thePaceLimits() throws {
    let talk = Conversation.measured { $0.pacing = true }
    talk.write(8_000)
    let first = talk.takeSent().count
    #expect(first < 8)
    #expect(talk.status?.sendingLimit == .pacing)
    #expect(talk.status?.pacingRate.map { $0 > 100_000 } == true)
    talk.advance(.milliseconds(100))
    #expect(talk.takeSent().count == 8 - first)
    // Each segment takes 5 ms at twice the rate of a window a round trip.
    let times = try #require(talk.status?.sendingTimes)
    #expect(times.pacing >= .milliseconds(25) && times.pacing <= .milliseconds(40))
    #expect(times.busy == .milliseconds(100))
  }

  @Test func naglesRuleIsTheApplicationsLimit() {
    let talk = Conversation.measured()
    talk.write(10)
    talk.write(10)
    #expect(talk.status?.unsent == 10)
    #expect(talk.status?.sendingLimit == .application)
  }

  @Test func repairsWaitForTheCongestionWindow() throws {
    let talk = Conversation.measured(sack: true)
    talk.write(10_000)
    talk.takeSent()
    // Nothing comes back for a second; then the timer has sent the first again, and the others wait.
    talk.advance(.milliseconds(1_500))
    let status = try #require(talk.status)
    #expect(status.recoveryPhase == .loss && status.backOffs == 1)
    #expect(status.sendingLimit == .congestionWindow)
    #expect(status.lost == 9_000 && status.lostSoFar >= 9_000)
    #expect(status.inFlight == 1_000 && status.outstanding == 10_000)
  }

  // MARK: The rest

  @Test func aConnectionTellsHowItStands() throws {
    var tcp = TCPConfiguration()
    tcp.congestionControl = .newReno
    let talk = Conversation(tcp: tcp)
    talk.establish(options: .synchronize(mss: 1_212, windowScale: 3, sackPermitted: true, timestamp: 5))
    talk.write(4_800)
    talk.receive("P.", seq: 1, ack: 1, length: 700)
    let status = try #require(talk.status)
    #expect(status.congestionControl == .newReno && status.recoveryPhase == .open)
    #expect(status.segmentSize == 1_200 && status.announcedSegmentSize == 1_460)
    #expect(status.receivedSegmentSize == 700 && status.pathMTU == 1_500)
    #expect(status.sendWindowShift == 3 && status.receiveWindowShift > 0)
    #expect(status.usesTimestamps && status.usesSelectiveAcknowledgments && status.usesWindowScaling)
    #expect(status.outstanding == 4_800 && status.inFlight == 4_800 && status.readable == 700)
    #expect(status.pacingRate == nil && status.deliveryRate == nil)
    #expect(status.statistics.bytesSent == 4_800 && status.statistics.bytesReceived == 700)
  }

  @Test func whatThePeerHoldsAndWhatIsLostIsTold() throws {
    let talk = Conversation.measured()
    talk.write(8_000)
    talk.takeSent()
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1, options: talk.holding([2_001..<6_001]))
    let status = try #require(talk.status)
    #expect(status.recoveryPhase == .recovery)
    #expect(status.selectivelyAcknowledged == 4_000)
    #expect(status.lostSoFar == 2_000)
    #expect(status.deliveryRate.map { $0 > 0 } == true)
  }

  @Test func aCopyThatThePeerHadAlreadyIsCountedAsNeedless() throws {
    let talk = Conversation.measured()
    talk.write(5_000)
    talk.takeSent()
    // The ACKs are late: the last segment leaves again as a probe, and both copies arrive.
    talk.advance(.milliseconds(300))
    #expect(talk.takeSent().count == 1)
    talk.receive(".", seq: 1, ack: 5_001)
    talk.receive(".", seq: 1, ack: 5_001, options: talk.holding([4_001..<5_001]))
    let counters = try #require(talk.status?.statistics)
    #expect(counters.segmentsRetransmitted == 1)
    #expect(counters.needlessRetransmissions == 1 && counters.duplicatesReported == 1)
    // What was sent once and doubled by the network is no needless copy of ours.
    talk.write(1_000)
    talk.receive(".", seq: 1, ack: 6_001, options: talk.holding([5_001..<6_001]))
    #expect(talk.status?.statistics.needlessRetransmissions == 1)
    #expect(talk.status?.statistics.duplicatesReported == 2)
  }

  // MARK: Duplicate ACKs

  @Test(.requirement("5681-7"), arguments: [false, true])
  func onlyWhatTellsNothingNewIsADuplicate(_ sackPermitted: Bool) throws {
    let talk = Conversation.measured(sack: sackPermitted)
    func count() -> UInt64 { talk.status?.statistics.duplicateAcknowledgments ?? 0 }
    // Nothing is outstanding.
    talk.receive(".", seq: 1, ack: 1)
    #expect(count() == 0)
    talk.write(5_000)
    // It has text.
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    #expect(count() == 0)
    // It tells of another window.
    talk.receive(".", seq: 11, ack: 1, win: 50_000)
    #expect(count() == 0)
    // It acknowledges something.
    talk.receive(".", seq: 11, ack: 1_001, win: 50_000)
    #expect(count() == 0)
    // Below what is acknowledged already.
    talk.receive(".", seq: 11, ack: 1, win: 50_000)
    #expect(count() == 0)
    talk.receive(".", seq: 11, ack: 1_001, win: 50_000)
    #expect(count() == 1)
    talk.receive(".", seq: 11, ack: 1_001, win: 50_000)
    #expect(count() == 2)
    // It has a FIN.
    talk.receive("F.", seq: 11, ack: 1_001, win: 50_000)
    #expect(count() == 2)
  }

  @Test(.requirement("5681-7"))
  func newSackInformationMakesADuplicateWhateverTheWindow() throws {
    let talk = Conversation.measured()
    talk.write(5_000)
    talk.receive(".", seq: 1, ack: 1, win: 50_000, options: talk.holding([3_001..<4_001]))
    #expect(talk.status?.statistics.duplicateAcknowledgments == 1)
    talk.receive(".", seq: 1, ack: 1, win: 40_000, options: talk.holding([3_001..<4_001]))
    #expect(talk.status?.statistics.duplicateAcknowledgments == 1, "old information and another window")
    talk.receive(".", seq: 1, ack: 1, win: 40_000, options: talk.holding([3_001..<4_001]))
    #expect(talk.status?.statistics.duplicateAcknowledgments == 2)
  }

  // MARK: Rates and timers

  @Test(arguments: [(0, 0), (-1, 0), (1_000_000, 1_000_000_000), (2_000_000_000, 500_000)] as [(Int64, Int)])
  func aRateNeedsAnInterval(nanoseconds: Int64, rate: Int) {
    let sample = DeliveryRateSample(
      delivered: 1_000_000, interval: Interval(nanoseconds: nanoseconds), isApplicationLimited: false,
      priorDelivered: 0, flightWhenSent: 0, lost: 0)
    #expect(sample.bytesPerSecond == rate)
  }

  @Test func anEndedConnectionRepairsNothing() throws {
    let talk = Conversation.measured()
    talk.write(8_000)
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1, options: talk.holding([2_001..<6_001]))
    let id = try #require(talk.connection)
    #expect(try talk.stack.transmissionStatus(of: id).phase == .recovery)
    talk.receive("R.", seq: 1, ack: 1)
    let status = try talk.stack.transmissionStatus(of: id)
    #expect(status.phase == .open && status.outstandingSegments == 0)
    #expect(talk.status?.recoveryPhase == .open)
  }

  /// Of ten segments the peer holds six behind a gap of four; the link has no time for the copies yet.
  @Test func segmentsAreCountedByWhatIsKnownOfThem() throws {
    let talk = Conversation.measured()
    let id = try talk.need()
    talk.write(10_000)
    #expect(talk.takeSent().count == 10)
    talk.advance(.milliseconds(100))
    talk.linkOpen = false
    talk.receive(".", seq: 1, ack: 1, options: talk.holding([4_001..<10_001]))
    var status = try talk.stack.transmissionStatus(of: id)
    #expect(status.outstandingSegments == 10 && status.heldSegments == 6)
    #expect(status.lostSegments == 4 && status.repeatedSegments == 0)
    talk.linkOpen = true
    talk.drain()
    let copies = talk.takeSent().count
    #expect(copies > 0)
    status = try talk.stack.transmissionStatus(of: id)
    #expect(status.lostSegments == 4 - copies && status.repeatedSegments == copies)
  }

  /// A copy is text that leaves, too.
  @Test(.requirement("5681-10"))
  func whenTextLastLeftIsTold() throws {
    let talk = Conversation.measured()
    let id = try talk.need()
    #expect(try talk.stack.transmissionStatus(of: id).lastSentAt == nil)
    talk.write(100)
    #expect(try talk.stack.transmissionStatus(of: id).lastSentAt == talk.now)
    talk.expect("P.", seq: 1, length: 100)
    talk.expect("P.", seq: 1, length: 100, within: .seconds(2))
    #expect(try talk.stack.transmissionStatus(of: id).lastSentAt == talk.now)
  }
}
