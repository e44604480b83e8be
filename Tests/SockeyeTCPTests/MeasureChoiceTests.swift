// Shows settings for what a connection measures: every ACK's round trip, and ssthresh by the window instead of the flight.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct MeasureChoiceTests {
  @Test(arguments: [false, true])
  func everyAcknowledgmentIsTimedIfItIsSaidTo(every: Bool) throws {
    let talk = Conversation.measured(roundTrip: .milliseconds(80)) { $0.timesEveryAcknowledgment = every }
    talk.write(3000)
    for segment in 0..<3 { talk.expect(segment == 2 ? "P." : ".", seq: 1 + 1000 * segment, length: 1000) }
    for segment in 1...3 {
      talk.advance(.milliseconds(80))
      talk.receive(".", seq: 1, ack: 1 + 1000 * segment)
    }
    // 80 ms for the handshake and the first, then 160 and 240 ms; 7/8 of what was known and 1/8 of what is new.
    let expected: Interval = every ? .microseconds(108_750) : .milliseconds(80)
    #expect(try talk.stack.status(of: #require(talk.connection)).smoothedRoundTrip == expected)
  }

  @Test func whatWasSentTwiceIsNotTimed() throws {
    let talk = Conversation.measured(roundTrip: .milliseconds(80)) { $0.timesEveryAcknowledgment = true }
    talk.write(1000)
    talk.expect("P.", seq: 1, length: 1000)
    #expect(talk.expect("P.", seq: 1, length: 1000, within: .seconds(2)) != nil)
    talk.receive(".", seq: 1, ack: 1001)
    #expect(
      try talk.stack.status(of: #require(talk.connection)).smoothedRoundTrip == .milliseconds(80))
  }

  @Test func howFarASegmentWasOvertakenIsKnown() throws {
    let talk = Conversation.measured(roundTrip: .milliseconds(80)) { _ in }
    talk.write(9000)
    let first = talk.expect(".", seq: 1, length: 1000)
    let start = try #require(first).header.sequence - 1
    for segment in 1..<9 { talk.expect(segment == 8 ? "P." : ".", seq: 1 + 1000 * segment, length: 1000) }
    func extent() throws -> Int { try talk.stack.status(of: #require(talk.connection)).reorderingExtent }
    for (left, right, known) in [(7001, 8001, 0), (3001, 4001, 4000), (4001, 5001, 4000)] {
      var options = TCPOptions()
      _ = options.sackBlocks.append(SACKBlock(left: start + left, right: start + right))
      talk.receive(".", seq: 1, ack: 1, options: options)
      #expect(try extent() == known)
    }
  }

  @Test(arguments: [(false, 2_800), (true, 7_000)])
  func thresholdIsReckonedFromTheWindowIfItIsSaidTo(fromWindow: Bool, threshold: Int) throws {
    let talk = Conversation.measured(roundTrip: .milliseconds(80)) { $0.reducesFromWindow = fromWindow }
    talk.write(4000)
    let first = talk.expect(".", seq: 1, length: 1000)
    let start = try #require(first).header.sequence - 1
    for segment in 1..<4 { talk.expect(segment == 3 ? "P." : ".", seq: 1 + 1000 * segment, length: 1000) }
    for end in [2001, 3001, 4001] {
      var options = TCPOptions()
      _ = options.sackBlocks.append(SACKBlock(left: start + 1001, right: start + end))
      talk.receive(".", seq: 1, ack: 1, options: options)
    }
    #expect(try talk.stack.status(of: #require(talk.connection)).slowStartThreshold == threshold)
  }
}
