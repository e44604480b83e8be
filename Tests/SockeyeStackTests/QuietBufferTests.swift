// Shows that buffers are kept while a connection is busy and given back once it is quiet.

import SockeyeBytes
import SockeyeStack
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct QuietBufferTests {
  @Test func theBuffersOfAQuietConnectionAreGivenBack() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    let idle = host.stack.memoryUsed

    host.receive(peer.segment([.ack, .psh], "hello"))
    try peer.hear(host.segment())
    #expect(try host.read(id) == "hello")
    #expect(host.stack.memoryUsed > idle, "emptied, but more may come at once")

    host.wait(.seconds(3))
    #expect(host.stack.memoryUsed == idle)
    #expect(host.stack.nextDeadline == nil, "nothing is left to look at")
  }

  @Test func aBusyConnectionKeepsThem() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    let idle = host.stack.memoryUsed
    for _ in 0..<10 {
      host.receive(peer.segment([.ack, .psh], "hello"))
      try peer.hear(host.segment())
      #expect(try host.read(id) == "hello")
      host.wait(.milliseconds(900))
      #expect(host.stack.memoryUsed > idle)
    }
  }

  // Text is summed while it is copied, so that a wrong checksum shows when the buffer has grown for it.
  @Test func whatADamagedSegmentTookIsCountedAndGivenBack() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    let idle = host.stack.memoryUsed
    var damaged = peer.segment([.ack, .psh], String(repeating: "x", count: 1000))
    damaged[damaged.count - 1] ^= 1
    host.receive(damaged)
    host.expectSilence()
    #expect(host.stack.violation() == nil)
    #expect(try host.stack.readableCount(id) == 0)
    host.wait(.seconds(3))
    #expect(host.stack.memoryUsed == idle)
  }

  @Test func unreadDataStays() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    host.receive(peer.segment([.ack, .psh], "hello"))
    try peer.hear(host.segment())
    host.wait(.seconds(60))
    #expect(try host.read(id) == "hello")
  }

  /// What is remembered of each segment that was outstanding, too.
  @Test func whatASenderRememberedIsGivenBack() {
    let talk = Conversation()
    talk.establish(options: .synchronize(mss: 1000, sackPermitted: true))
    let idle = talk.stack.memoryUsed
    talk.write(10_000)
    talk.receive(".", seq: 1, ack: 10_001)
    talk.advance(.seconds(3))
    #expect(talk.status?.outstanding == 0)
    #expect(talk.stack.memoryUsed == idle)
  }

  @Test func whoeverStopsReadingGivesTheReceiveBufferBack() {
    let talk = Conversation()
    talk.establish()
    let idle = talk.stack.memoryUsed
    talk.receive("P.", seq: 1, ack: 1, length: 1000)
    #expect(talk.read().count == 1000)
    #expect(talk.stack.memoryUsed > idle)
    talk.close()
    talk.expectState(.finWait1)
    #expect(talk.stack.memoryUsed == idle)
  }

  @Test func whoeverReadsAllUpToTheEndGivesTheReceiveBufferBack() {
    let talk = Conversation()
    talk.establish()
    let idle = talk.stack.memoryUsed
    talk.receive("FP.", seq: 1, ack: 1, length: 1000)
    #expect(talk.stack.memoryUsed > idle)
    #expect(talk.read().count == 1000)
    #expect(talk.stack.memoryUsed == idle)
  }

  /// A peer that tells of no segments has none remembered for it.
  @Test func withoutSelectiveAcknowledgmentsNothingIsRemembered() {
    for (sack, isMore) in [(false, false), (true, true)] {
      let talk = Conversation()
      talk.establish(options: .synchronize(mss: 1000, sackPermitted: sack))
      talk.write(5_000)
      let written = talk.stack.memoryUsed
      talk.expect(".", seq: 1, length: 1000)
      talk.advance(.seconds(1))
      let bare = Conversation()
      bare.establish(options: .synchronize(mss: 1000))
      bare.linkOpen = false
      bare.write(5_000)
      #expect((written > bare.stack.memoryUsed) == isMore)
      #expect((talk.stack.memoryUsed > bare.stack.memoryUsed) == isMore)
    }
  }
}
