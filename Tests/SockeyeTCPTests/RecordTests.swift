// Shows text that shares no segment with what is written behind it (`Stack.endRecord`), however it leaves.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct RecordTests {
  private func endRecord(_ talk: Conversation) throws {
    try talk.stack.endRecord(of: #require(talk.connection))
  }

  @Test(arguments: [true, false])
  func whatWaitsBehindARecordLeavesInSegmentsOfItsOwn(selective: Bool) throws {
    let talk = Conversation.measured(sack: selective, roundTrip: .milliseconds(20))
    talk.write(10_400)
    try endRecord(talk)
    talk.write(300)
    try endRecord(talk)
    talk.write(1500)
    for segment in 0..<10 { talk.expect(".", seq: 1 + 1000 * segment, length: 1000) }
    talk.receive(".", seq: 1, ack: 10_001)
    // Neither Nagle's rule nor the silly-window rule holds back what can get no longer.
    talk.expect("P.", seq: 10_001, length: 400)
    talk.expect("P.", seq: 10_401, length: 300)
    talk.expect(".", seq: 10_701, length: 1000)
  }

  @Test(arguments: [true, false])
  func aRecordKeepsItsEndWhenItLeavesAgain(selective: Bool) throws {
    let talk = Conversation.measured(sack: selective, roundTrip: .milliseconds(20))
    for _ in 0..<3 {
      talk.write(200)
      try endRecord(talk)
    }
    talk.expect("P.", seq: 1, length: 200)
    talk.expect("P.", seq: 201, length: 200)
    // The last one waits, for it may be the end of something longer (RFC 9293 §3.7.4).
    talk.expectNothing()
    for _ in 0..<3 { #expect(talk.expect("P.", length: 200, within: .seconds(9)) != nil) }
  }

  @Test func whatIsAcknowledgedIsForgotten() throws {
    let talk = Conversation.measured(roundTrip: .milliseconds(20))
    talk.write(200)
    try endRecord(talk)
    talk.expect("P.", seq: 1, length: 200)
    talk.receive(".", seq: 1, ack: 201)
    talk.write(800)
    talk.expect("P.", seq: 201, length: 800)
    // An empty end changes nothing.
    talk.receive(".", seq: 1, ack: 1001)
    try endRecord(talk)
    talk.write(1000)
    talk.expect("P.", seq: 1001, length: 1000)
  }
}
