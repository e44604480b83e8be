// Shows what the host says to segments that belong to nothing, and to whom it says nothing at all
// (RFC 9293 §3.5.2, §3.9.2.3, §3.10.7.1).

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct ClosedPortTests {
  @Test(.requirement("S-01", "N-7"))
  func aResetIsNeverAnswered() throws {
    let host = Host()
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:81", sequence: 100)
    host.receive(peer.stray(.rst, SequenceNumber(100)))
    host.receive(peer.stray([.rst, .ack], SequenceNumber(100), SequenceNumber(5)))
    host.expectSilence()
  }

  @Test(.requirement("S-02", "R-01"))
  func withoutAnAcknowledgmentTheResetAcknowledgesAll() throws {
    let host = Host()
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:81", sequence: 100)
    host.receive(peer.stray([.syn, .fin], SequenceNumber(100), SequenceNumber(0), Array("data".utf8)))
    let reset = try host.segment()
    #expect(reset.tcp?.flags == [.rst, .ack])
    #expect(reset.tcp?.sequence == SequenceNumber(0))
    #expect(reset.tcp?.acknowledgment == SequenceNumber(106), "SYN, four octets and FIN")
  }

  @Test(.requirement("S-03", "R-01"))
  func withAnAcknowledgmentTheResetStandsWhereItSays() throws {
    let host = Host()
    let peer = Peer("[fd00::2]:5000", "[fd00::1]:81", sequence: 100)
    host.receive(peer.stray([.ack, .psh], SequenceNumber(100), SequenceNumber(777), Array("data".utf8)))
    let reset = try host.segment()
    #expect(reset.tcp?.flags == .rst)
    #expect(reset.tcp?.sequence == SequenceNumber(777))
  }

  @Test(.requirement("X-05"))
  func dataForAConnectionThatIsGoneIsReset() throws {
    // The host has forgotten a connection that its peer still believes in.
    let host = Host()
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 100)
    host.receive(peer.stray([.ack, .psh], SequenceNumber(100), SequenceNumber(300), Array("hello?".utf8)))
    let reset = try host.segment()
    #expect(reset.tcp?.flags == .rst)
    #expect(reset.tcp?.sequence == SequenceNumber(300))
  }

  @Test(.requirement("R-04"))
  func whatIsForAnotherHostIsNotReset() throws {
    let host = Host()
    let peer = Peer("10.0.0.2:5000", "10.0.0.77:80", sequence: 100)
    host.receive(peer.segment(.syn))
    host.expectSilence()
    #expect(host.stack.statistics.ip.notForUs == 1)
  }

  @Test(.requirement("A-59"))
  func resetsAreLimitedAndKeepNothing() throws {
    let host = Host { $0.resetsPerSecond = 50 }
    let memory = host.stack.memoryUsed
    var resets = 0
    for port in 1...200 {
      let peer = Peer("10.0.0.2:5000", "10.0.0.1:\(port)", sequence: 1)
      host.receive(peer.segment(.syn))
      resets += host.sent().count
    }
    #expect(resets == 50)
    #expect(host.stack.statistics.tcp.resetsSuppressed == 150)
    #expect(host.stack.memoryUsed == memory)
    host.wait(.seconds(1))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:7", sequence: 1)
    host.receive(peer.segment(.syn))
    #expect(host.sent().count == 1, "with time the bucket fills again")
  }
}

@Suite struct MartianTests {
  static let flags: [TCPFlags] = [.syn, .ack, .rst, [.fin, .ack], []]

  @Test(
    .requirement("MUST-57", "A-15"), arguments: ["10.0.0.255", "255.255.255.255", "224.0.0.1", "0.0.0.0"],
    flags)
  func nothingSentToManyIsAnswered(destination: String, flags: TCPFlags) throws {
    let host = Host()
    _ = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "\(destination):80", sequence: 1)
    for text in ["", "text"] { host.receive(peer.segment(flags, text)) }
    host.expectSilence()
    #expect(host.events().isEmpty)
  }

  @Test(.requirement("MUST-57", "A-15"), arguments: ["ff02::1", "::", "::1"], flags)
  func nothingSentToManyIsAnsweredOverIPv6(destination: String, flags: TCPFlags) throws {
    let host = Host()
    _ = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("[fd00::2]:5000", "[\(destination)]:80", sequence: 1)
    for text in ["", "text"] { host.receive(peer.segment(flags, text)) }
    host.expectSilence()
  }

  @Test(
    .requirement("MUST-63", "A-15"),
    arguments: ["255.255.255.255", "10.0.0.255", "224.0.0.1", "0.0.0.0", "127.0.0.1", "240.0.0.1"], flags)
  func nothingFromNobodyIsAnswered(source: String, flags: TCPFlags) throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("\(source):5000", "10.0.0.1:80", sequence: 1)
    let memory = host.stack.memoryUsed
    for text in ["", "text"] { host.receive(peer.segment(flags, text)) }
    host.expectSilence()
    #expect(host.stack.memoryUsed == memory)
    #expect(try host.stack.waitingCount(of: listener) == 0)
  }

  @Test(.requirement("MUST-63", "A-15"), arguments: ["ff02::1", "::", "::1", "::ffff:10.0.0.2"], flags)
  func nothingFromNobodyIsAnsweredOverIPv6(source: String, flags: TCPFlags) throws {
    let host = Host()
    _ = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("[\(source)]:5000", "[fd00::1]:80", sequence: 1)
    for text in ["", "text"] { host.receive(peer.segment(flags, text)) }
    host.expectSilence()
  }

  @Test(.requirement("A-57"), arguments: [80, 81])
  func theHostsOwnAddressFromOutsideIsAForgery(port: Int) throws {
    let host = Host()
    _ = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.1:\(port)", "10.0.0.1:\(port)", sequence: 1)
    host.receive(peer.segment(.syn))
    host.expectSilence()
    #expect(host.stack.statistics.ip.martian == 1)
    #expect(host.stack.statistics.framesLooped == 0)
  }

  @Test func aLoopbackConnectionCannotBeReachedFromOutside() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let id = try host.connect("127.0.0.1:80", port: 5000)
    host.expectSilence()
    _ = try #require(try host.stack.accept(listener))
    let forger = Peer("127.0.0.1:80", "127.0.0.1:5000", sequence: 1)
    host.receive(forger.segment(.rst))
    host.expectSilence()
    #expect(host.stack.state(of: id) == .established)
  }
}
