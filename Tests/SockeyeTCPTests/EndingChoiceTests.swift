// Shows two habits of hosts at the end of a connection: the ACK of a FIN that waits, and a RST for a peer that says nothing
// (`TCPConfiguration.delaysFinishAcknowledgment`, `resetsSilentPeers`).

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import Testing

@Suite struct EndingChoiceTests {
  private func conversation(delays: Bool) -> Conversation {
    var tcp = TCPConfiguration()
    tcp.delaysFinishAcknowledgment = delays
    tcp.quickAcknowledgments = 4
    let talk = Conversation(tcp: tcp)
    talk.establish(options: .synchronize(mss: 1000))
    return talk
  }

  @Test(arguments: [false, true])
  func aPeerThatDoesNotAnswerKeepAliveIsResetIfItIsToBe(resets: Bool) {
    var tcp = TCPConfiguration()
    tcp.resetsSilentPeers = resets
    tcp.keepAlive = KeepAlive(idle: .seconds(10), interval: .seconds(1), probes: 2)
    let talk = Conversation(tcp: tcp)
    talk.establish()
    talk.expect(".", seq: 0, after: .seconds(10))
    talk.expect(".", seq: 0, after: .seconds(1))
    if resets { talk.expect("R.", seq: 1, ack: 1, after: .seconds(1)) } else { talk.advance(.seconds(1)) }
    talk.expectNothing()
    talk.expectClosed(.keepAliveTimedOut)
  }

  @Test(arguments: [false, true])
  func aFinishBehindTextWaitsIfItMay(delays: Bool) {
    let talk = conversation(delays: delays)
    talk.receive("P.", seq: 1, ack: 1, length: 100)
    talk.expect(".", seq: 1, ack: 101)
    talk.receive("F.", seq: 101, ack: 1)
    if delays {
      talk.expect(".", seq: 1, ack: 102, after: .milliseconds(40))
    } else {
      talk.expect(".", ack: 102)
    }
  }

  @Test func aFinishWithALittleTextWaitsAndLeavesWithOurs() {
    let talk = conversation(delays: true)
    talk.receive("FP.", seq: 1, ack: 1, length: 100)
    talk.expectNothing()
    talk.finish()
    talk.expect("F.", seq: 1, ack: 102)
  }

  @Test func aFinishThatIsAllThereEverWasDoesNotWait() {
    let talk = conversation(delays: true)
    talk.receive("F.", seq: 1, ack: 1)
    talk.expect(".", seq: 1, ack: 2)
  }

  @Test func aFinishThatAnswersOursDoesNotWait() {
    let talk = conversation(delays: true)
    talk.receive("P.", seq: 1, ack: 1, length: 100)
    talk.expect(".", seq: 1, ack: 101)
    talk.finish()
    talk.expect("F.", seq: 1, ack: 101)
    talk.receive("F.", seq: 101, ack: 2)
    talk.expect(".", seq: 2, ack: 102)
  }

  @Test func behindMoreThanAFullSegmentAFinishDoesNotWait() {
    let talk = conversation(delays: true)
    talk.receive("P.", seq: 1, ack: 1, length: 1000)
    talk.expect(".", seq: 1, ack: 1001)
    talk.receive("FP.", seq: 1001, ack: 1, length: 1000)
    talk.expect(".", seq: 1, ack: 2002)
  }
}
