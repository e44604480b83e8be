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
}
