// Shows the settings with which a connection behaves as hosts in use do where the RFCs leave a choice: ACKs without delay at
// the beginning, a cork, the RTO's granularity, no restart after a silence, no tail-loss probes, a window scale for later;
// and which segments leave when the tail is probed, when an ACK was overtaken, and when text comes that nobody will read.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct HostDefaultTests {
  private func configured(_ change: (inout TCPConfiguration) -> Void) -> TCPConfiguration {
    var configuration = TCPConfiguration()
    change(&configuration)
    return configuration
  }

  /// A round trip of 20 ms, so that the tail is not probed at once.
  private func selective(_ change: (inout TCPConfiguration) -> Void = { _ in }) -> Conversation {
    .measured(window: 65_535, roundTrip: .milliseconds(20), change)
  }

  @Test func theFirstAcknowledgmentsDoNotWait() {
    let talk = Conversation(tcp: configured { $0.quickAcknowledgments = 2 })
    talk.establish()
    for index in 0..<2 {
      talk.receive("P.", seq: 1 + 100 * index, ack: 1, length: 100)
      talk.expect(".", seq: 1, ack: 101 + 100 * index)
    }
    talk.receive("P.", seq: 201, ack: 1, length: 100)
    talk.expect(".", seq: 1, ack: 301, after: .milliseconds(40))
  }

  @Test func askingForAcknowledgmentsReleasesTheOneThatWaits() throws {
    let talk = Conversation()
    talk.establish()
    talk.receive("P.", seq: 1, ack: 1, length: 100)
    talk.expectNothing()
    try talk.stack.setQuickAcknowledgments(true, of: #require(talk.connection), at: talk.now)
    talk.drain()
    talk.expect(".", seq: 1, ack: 101)
    talk.receive("P.", seq: 101, ack: 1, length: 100)
    talk.expect(".", seq: 1, ack: 201)
    try talk.stack.setQuickAcknowledgments(false, of: #require(talk.connection), at: talk.now)
    talk.receive("P.", seq: 201, ack: 1, length: 100)
    talk.expectNothing()
  }

  @Test func aCorkHoldsBackWhatFillsNoSegment() throws {
    let talk = selective()
    let connection = try #require(talk.connection)
    try talk.stack.setCork(true, of: connection, at: talk.now)
    talk.write(1500)
    talk.expect(".", seq: 1, length: 1000)
    talk.receive(".", seq: 1, ack: 1001)
    talk.expectNothing()
    try talk.stack.setCork(false, of: connection, at: talk.now)
    talk.drain()
    talk.expect("P.", seq: 1001, length: 500)
  }

  @Test func aCorkGivesWayAfterAFifthOfASecond() throws {
    let talk = selective { $0.noDelay = true }
    try talk.stack.setCork(true, of: #require(talk.connection), at: talk.now)
    talk.write(40)
    talk.expect("P.", seq: 1, length: 40, after: .milliseconds(200))
  }

  @Test func aCorkOverTextOfBeforeTheHandshakeGivesWayToo() throws {
    let talk = Conversation()
    talk.connect()
    talk.expect("S", seq: 0)
    try talk.stack.setCork(true, of: #require(talk.connection), at: talk.now)
    talk.write(100)
    talk.receive("S.", seq: 0, ack: 1, options: .synchronize())
    talk.expect(".", seq: 1, ack: 1, length: 0)
    talk.expect("P.", seq: 1, ack: 1, length: 100, after: .milliseconds(200))
  }

  @Test func aCorkDoesNotHoldTheEndBack() throws {
    let talk = selective()
    try talk.stack.setCork(true, of: #require(talk.connection), at: talk.now)
    talk.write(40)
    talk.finish()
    talk.expect("FP.", seq: 1, length: 40)
  }

  @Test(.requirement("6298-2")) func theGranularityIsTheLeastThatVariationAdds() throws {
    let talk = Conversation(
      tcp: configured {
        $0.minimumRetransmissionTimeout = .milliseconds(200)
        $0.retransmissionGranularity = .milliseconds(200)
      })
    talk.listen()
    talk.receive("S", seq: 0)
    talk.expect("S.", seq: 0, ack: 1)
    talk.advance(.milliseconds(40))
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    talk.write(100)
    talk.expect("P.", seq: 1, length: 100)
    talk.expect("P.", seq: 1, length: 100, after: .milliseconds(240))
  }

  @Test func theWindowStaysAfterASilenceIfItIsSaidTo() throws {
    for restarts in [true, false] {
      let talk = selective { $0.restartsAfterIdle = restarts }
      talk.write(10_000)
      talk.expectText(1..<10_001, each: 1000)
      talk.advance(.milliseconds(10))
      talk.receive(".", seq: 1, ack: 10_001)
      talk.advance(.seconds(10))
      talk.write(20_000)
      let initial = 10
      #expect(restarts ? talk.takeSent().count == initial : talk.takeSent().count > initial)
    }
  }

  @Test func withoutProbesOfTheTailTheTimeoutComes() throws {
    let talk = selective { $0.tailLossProbes = false }
    talk.write(2000)
    talk.expectText(1..<2001, each: 1000)
    talk.expect(".", seq: 1, length: 1000, after: .seconds(1))
  }

  @Test func theWindowScaleMayBeMoreThanTheBufferNeeds() throws {
    let talk = Conversation(
      tcp: configured {
        $0.minimumWindowScale = 8
        $0.receiveBufferCapacity = 65_535
      })
    talk.connect()
    #expect(talk.expect("S", seq: 0)?.header.options.windowScale == 8)
  }

  @Test func settingsThatCannotWorkAreRefused() {
    for (configuration, field) in [
      (configured { $0.quickAcknowledgments = -1 }, ConfigurationError.StaticField.quickAcknowledgments),
      (configured { $0.minimumWindowScale = 15 }, .minimumWindowScale),
      (configured { $0.retransmissionGranularity = .zero }, .retransmissionGranularity),
      (configured { $0.connectTimeout = .zero }, .connectTimeout),
    ] {
      let error = #expect(throws: ConfigurationError.self) { try configuration.validate() }
      #expect(error?.field == field)
    }
  }

  @Test func aListenerIsConfiguredAnew() throws {
    let talk = Conversation()
    talk.listen()
    try talk.stack.setConfiguration(configured { $0.maximumSegmentSize = 700 }, of: #require(talk.listener))
    talk.receive("S", seq: 0)
    #expect(talk.expect("S.", seq: 0, ack: 1)?.header.options.maximumSegmentSize == 700)
    #expect(throws: SocketError.self) {
      try talk.stack.setConfiguration(configured { $0.maximumSegmentSize = 1 }, of: #require(talk.listener))
    }
  }

  @Test func theTailIsProbedWithItsLastSegmentAFinAlone() {
    let talk = selective()
    talk.write(2000)
    talk.expectText(1..<2001, each: 1000)
    talk.advance(.milliseconds(1))
    talk.finish()
    talk.expect("F.", seq: 2001)
    // RFC 8985 §7.3: the segment with the highest number.
    talk.expect("F.", seq: 2001, within: .seconds(2))
  }

  @Test func whatAnOvertakenAcknowledgmentKnowsCounts() throws {
    let talk = selective()
    talk.write(10_000)
    talk.expectText(1..<10_001, each: 1000)
    talk.advance(.milliseconds(10))
    talk.receive(".", seq: 1, ack: 2001)
    talk.acknowledge(1001, holding: 3001..<5001)
    let status = try talk.stack.status(of: #require(talk.connection))
    #expect(status.selectivelyAcknowledged == 2000)
    #expect(status.statistics.duplicatesReported == 0)
  }

  @Test(.requirement("SHLD-3")) func textThatNobodyWillReadIsAnsweredWhereThePeerIs() throws {
    let talk = selective()
    talk.write(2000)
    talk.expectText(1..<2001, each: 1000)
    talk.close()
    talk.expect("F.", seq: 2001)
    // The peer has nothing of ours yet: a RST at SND.NXT would only be challenged (RFC 5961 §3.2).
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    talk.expect("R", seq: 1)
    talk.expectNothing()
    talk.expectState(.closed)
  }
}

@Suite struct HostDefaultClosingTests {
  private func configured(_ change: (inout TCPConfiguration) -> Void) -> TCPConfiguration {
    var configuration = TCPConfiguration()
    change(&configuration)
    return configuration
  }

  @Test func theCongestionWindowDoesNotHoldAFinBack() {
    let talk = Conversation()
    talk.establish(options: .synchronize(mss: 1000))
    talk.write(10_000)
    talk.expectText(1..<10_001, each: 1000)
    talk.finish()
    talk.expect("F.", seq: 10_001)
  }

  @Test func slowStartGrowsByAllThatIsAcknowledgedIfItIsSaidTo() throws {
    for (limit, window) in [(2, 12_000), (4, 14_000), (nil, 20_000)] as [(Int?, Int)] {
      let talk = Conversation(tcp: configured { $0.slowStartLimit = limit })
      talk.establish(options: .synchronize(mss: 1000))
      talk.write(10_000)
      talk.expectText(1..<10_001, each: 1000)
      talk.receive(".", seq: 1, ack: 10_001)
      #expect(try talk.stack.status(of: #require(talk.connection)).congestionWindow == window)
    }
  }

  @Test func aWindowOfWhichHalfWasUsedDoesNotGrow() throws {
    for (count, window) in [(5, 10_000), (6, 12_000)] {
      let talk = Conversation(tcp: configured { $0.slowStartLimit = nil })
      talk.establish(options: .synchronize(mss: 1000))
      talk.write(count * 1000)
      talk.expectText(1..<(1 + count * 1000), each: 1000)
      talk.receive(".", seq: 1, ack: 2001)
      #expect(try talk.stack.status(of: #require(talk.connection)).congestionWindow == window)
    }
  }

  @Test func segmentsWithoutTimestampsAreTakenIfTheyMayBe() {
    for isRequired in [true, false] {
      let talk = Conversation(tcp: configured { $0.requiresTimestamps = isRequired })
      var options = TCPOptions.synchronize(mss: 1000)
      options.timestamps = TimestampOption(value: 7, echo: 0)
      talk.establish(options: options)
      talk.peerTimestamp = nil
      talk.receive("P.", seq: 1, ack: 1, length: 1000)
      talk.receive("P.", seq: 1001, ack: 1, length: 1000)
      if isRequired { talk.expectNothing() } else { talk.expect(".", seq: 1, ack: 2001) }
    }
  }

  @Test func aConnectionWithoutAUserWaitsAsLongAsItIsTold() throws {
    let talk = Conversation()
    talk.establish()
    try talk.stack.setOrphanTimeout(.seconds(1), of: #require(talk.connection), at: talk.now)
    talk.close()
    talk.expect("F.", seq: 1)
    talk.receive(".", seq: 1, ack: 2)
    talk.expectState(.finWait2)
    talk.advance(.milliseconds(1100))
    talk.expectState(.closed)
  }

  @Test func anAcknowledgmentWithoutTextDoesNotMakeADeferredConnection() throws {
    let talk = Conversation()
    talk.listen(tcp: configured { $0.acceptDeferral = .seconds(3) })
    talk.receive("S", seq: 0)
    talk.expect("S.", seq: 0, ack: 1)
    talk.receive(".", seq: 1, ack: 1)
    talk.advance(.seconds(2))
    talk.expectNothing()
    let listener = try #require(talk.listener)
    #expect(try talk.stack.accept(listener) == nil)
    talk.receive("P.", seq: 1, ack: 1, length: 10)
    #expect(try talk.stack.accept(listener) != nil)
  }

  @Test func aDeferredConnectionIsMadeWhenItsTimeIsOver() throws {
    let talk = Conversation()
    talk.listen(tcp: configured { $0.acceptDeferral = .seconds(3) })
    talk.receive("S", seq: 0)
    talk.expect("S.", seq: 0, ack: 1)
    talk.receive(".", seq: 1, ack: 1)
    talk.expect("S.", seq: 0, ack: 1, after: .seconds(3))
    talk.receive(".", seq: 1, ack: 1)
    #expect(try talk.stack.accept(#require(talk.listener)) != nil)
  }

  @Test func theEndOfALongWriteLeavesBehindFullSegmentsIfItMay() {
    for ignores in [false, true] {
      let talk = Conversation(tcp: configured { $0.nagleIgnoresFullSegments = ignores })
      talk.establish(options: .synchronize(mss: 1000))
      talk.write(1500)
      talk.expect(".", seq: 1, length: 1000)
      guard ignores else {
        talk.expectNothing()
        continue
      }
      talk.expect("P.", seq: 1001, length: 500)
      // Behind a small segment the next one waits.
      talk.write(100)
      talk.expectNothing()
      talk.receive(".", seq: 1, ack: 1501)
      talk.expect("P.", seq: 1501, length: 100)
    }
  }

  @Test func aClosedWindowIsProbedWithoutTextIfItIsSaidTo() {
    let talk = Conversation(tcp: configured { $0.windowProbesCarryText = false })
    talk.establish(options: .synchronize(mss: 1000))
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.write(100)
    for wait in [1, 2, 4] {
      talk.expect(".", seq: 0, length: 0, after: .seconds(wait))
      talk.receive(".", seq: 1, ack: 1, win: 0)
      talk.expectNothing()
    }
    talk.receive(".", seq: 1, ack: 1)
    talk.expect("P.", seq: 1, length: 100)
  }

  @Test(.requirement("8985-9")) func whatAcknowledgesNothingNewDoesNotPutTheProbeOff() {
    let talk = Conversation()
    var options = TCPOptions.synchronize(mss: 1000)
    options.sackPermitted = true
    talk.listen()
    talk.receive("S", seq: 0, options: options)
    talk.expect("S.", seq: 0, ack: 1)
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    talk.write(4000)
    talk.expectText(1..<4001, each: 1000)
    talk.advance(.milliseconds(100))
    talk.receive(".", seq: 1, ack: 1, win: 1000)
    talk.receive(".", seq: 1, ack: 1)
    talk.expect("P.", seq: 3001, length: 1000, after: .milliseconds(100))
  }
}
