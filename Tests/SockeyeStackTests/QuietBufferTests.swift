// Shows that buffers are kept while a connection is busy and given back once it is quiet.

import SockeyeStack
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
}
