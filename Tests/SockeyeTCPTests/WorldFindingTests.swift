// What random worlds have found wrong with a connection (`sockeye simulate swarm`), each as a conversation. The seeds are those of
// the worlds as they were drawn then.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite(.pastZero) struct WorldFindingTests {
  // Seed 883: SND.UNA moved and SND.WND stayed, so that text went beyond all that the peer had ever offered.
  @Test(.requirement("SHLD-14"))
  func anAcknowledgmentOnRepeatedTextTellsTheWindow() {
    let talk = Conversation()
    talk.establish(options: .synchronize(mss: 1000), win: 1000)
    talk.write(5000)
    talk.expect(".", seq: 1, ack: 1, length: 1000)
    // Text ahead of its turn, whose numbers are higher than those of what follows.
    talk.receive(".", seq: 101, ack: 1, length: 100, win: 1000)
    talk.expect(".", seq: 1001, ack: 1, length: 0)
    // What was missing comes again, and acknowledges half of ours; the window still ends at 1001.
    talk.receive(".", seq: 1, ack: 501, length: 100, win: 500)
    talk.expect(".", seq: 1001, ack: 201, length: 0)
    talk.expectNothing()
    #expect(talk.status?.sendWindow == 500)
  }

  // Seed 36: the SYN,ACK offered the whole buffer though text of the SYN lay in it; the next segment took some of that back.
  @Test(.requirement("SHLD-14"), arguments: [600, 70_000])
  func aSynAcknowledgmentOffersWhatTheTextOfTheSynHasLeft(buffer: Int) throws {
    var tcp = TCPConfiguration()
    tcp.fastOpen = true
    tcp.windowScaling = false
    tcp.receiveBuffer = .fixed(buffer)
    let talk = Conversation(tcp: tcp)
    talk.listen(fastOpenLimit: 10)
    var options = TCPOptions.synchronize(mss: 1000)
    options.fastOpen = .request
    talk.receive("S", seq: 0, options: options)
    let given = talk.expect("S.", seq: 0, ack: 1)
    let cookie = try #require(given?.header.options.fastOpen)
    talk.use(
      nil, hostPort: talk.hostPort, peerPort: talk.peerPort + 1, hostStart: nil, peerStart: talk.peerStart)
    options.fastOpen = cookie
    talk.receive("S", seq: 0, length: 100, options: options)
    let answer = talk.expect("S.", seq: 0, ack: 101)
    let offered = Int(answer?.header.window ?? 0)
    #expect(offered == min(buffer, 65_535) - 100)
    talk.receive(".", seq: 101, ack: 1)
    talk.receive(".", seq: 101, ack: 1, length: 10)
    let next = talk.expect(".", seq: 1, ack: 111, within: .seconds(1))
    #expect(Int(next?.header.window ?? 0) + 10 >= offered)
  }

  // Seed 327958: the probe of a closed window with the last octet brought the FIN, two places beyond the window instead of one.
  @Test(.requirement("MUST-36"))
  func aProbeWithTextDoesNotBringTheFinish() {
    let talk = Conversation()
    talk.establish()
    talk.receive(".", seq: 1, ack: 1, win: 0)
    talk.write(1)
    talk.finish()
    talk.expect("P.", seq: 1, ack: 1, length: 1, after: .seconds(1))
    // With nothing but the FIN left, that is what probes.
    talk.receive(".", seq: 1, ack: 2, win: 0)
    talk.expect("F.", seq: 2, ack: 1, length: 0, within: .seconds(4))
    talk.receive(".", seq: 1, ack: 3, win: 0)
    talk.expectState(.finWait2)
  }

  // Seed 311105: a path got narrower, and what left again in smaller segments was lost, too. Each segment then waited for a
  // timeout of its own, for the first repair had not come to its end.
  @Test(.requirement("1191-1"))
  func aRepairThatIsLostIsRepairedAsFastAsTheWindowAllows() throws {
    let talk = Conversation()
    talk.establish(options: .synchronize(mss: 1460, sackPermitted: true))
    talk.write(40_000)
    let first = try #require(talk.takeSent().first)
    talk.receive(".", seq: 1, ack: 1461)
    talk.takeSent()
    talk.receive(".", seq: 1, ack: 2921)
    #expect(talk.takeSent().count > 1)
    talk.receiveError(type: 3, code: 4, rest: 1240, about: first)
    let repaired = talk.takeSent().map { talk.sequence(of: $0) + $0.payload.count }.max() ?? 0
    let outstanding = talk.status?.outstanding ?? 0
    #expect(repaired < 2921 + outstanding, "the window does not let all of it leave again")
    // All of this is lost, and a probe of its end. From the timeout on, each segment arrives, and is acknowledged 50 ms later.
    var next = 2921
    var arrived: [Range<Int>] = []
    let start = talk.now
    while next < 40_001, talk.now - start < .seconds(30) {
      talk.advance(.milliseconds(50))
      for segment in talk.takeSent() where talk.status?.statistics.retransmissionTimeouts ?? 0 > 0 {
        let from = talk.sequence(of: segment)
        arrived.append(from..<(from + segment.payload.count))
        while let more = arrived.first(where: { $0.contains(next) }) { next = more.upperBound }
        var options = TCPOptions()
        if from > next {
          options.sackBlocks.append(
            SACKBlock(left: segment.header.sequence, right: segment.header.sequence + segment.payload.count))
        }
        talk.receive(".", seq: 1, ack: next, options: options)
      }
    }
    #expect(talk.now - start < .seconds(5))
    #expect(talk.status?.statistics.retransmissionTimeouts == 1)
  }
}
