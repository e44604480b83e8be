// Shows the user's calls in each state: SEND, RECEIVE, CLOSE, ABORT, STATUS (RFC 9293 §3.10.2 to §3.10.6).

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct CallTests {
  @Test(.requirement("U-08", "U-13", "U-18", "U-26", "U-31"))
  func withoutAConnectionEachCallSaysSo() throws {
    let host = Host()
    let id = try host.connect("10.0.0.2:80")
    _ = host.sent()
    try host.stack.abort(id, at: host.now)
    #expect(host.events() == [.closed(id, .aborted)])
    #expect(throws: SocketError.noSuchConnection) { try host.write(id, "x") }
    #expect(throws: SocketError.noSuchConnection) { try host.read(id) }
    #expect(throws: SocketError.noSuchConnection) { try host.stack.finish(id, at: host.now) }
    #expect(throws: SocketError.noSuchConnection) { try host.stack.close(id, at: host.now) }
    #expect(throws: SocketError.noSuchConnection) { try host.stack.abort(id, at: host.now) }
    #expect(throws: SocketError.noSuchConnection) { try host.stack.status(of: id) }
    #expect(host.stack.state(of: id) == .closed)
  }

  @Test(.requirement("U-10", "U-14"))
  func whatIsWrittenBeforeTheHandshakeEndsIsSentAfterIt() throws {
    let host = Host()
    let id = try host.connect("10.0.0.2:80")
    #expect(try host.write(id, "early") == 5)
    #expect(try host.read(id) == "")
    let synchronize = try host.segment()
    #expect(synchronize.text.isEmpty)
    let peer = Peer(answering: synchronize, sequence: 1)
    try peer.hear(synchronize)
    host.receive(peer.segment([.syn, .ack]))
    #expect(Array(host.sent().map(\.text).joined()) == Array("early".utf8))
  }

  @Test(.requirement("U-11", "U-15"))
  func anEstablishedConnectionCarriesBothWays() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    #expect(try host.write(id, "question") == 8)
    let data = try host.segment()
    #expect(data.text == Array("question".utf8))
    try peer.hear(data)
    host.receive(peer.segment([.ack, .psh], "answer"))
    _ = host.sent()
    #expect(host.events().contains(.readable(id)))
    #expect(try host.read(id) == "answer")
    var more = FrameBuffer(capacity: 10)
    #expect(try more.fill { try host.stack.read(id, into: &$0, at: host.now) } == .wouldBlock)
  }

  @Test(.requirement("U-12", "U-16", "U-22", "U-23", "U-25"))
  func afterCloseNothingIsSentAndReadingGoesOn() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    try host.stack.finish(id, at: host.now)
    #expect(host.stack.state(of: id) == .finWait1)
    let finish = try host.segment()
    #expect(finish.tcp?.flags.contains(.fin) == true)
    try peer.hear(finish)
    #expect(throws: SocketError.connection(.closing)) { try host.write(id, "x") }
    #expect(throws: SocketError.connection(.closing)) { try host.stack.finish(id, at: host.now) }
    host.receive(peer.segment(.ack))
    #expect(host.stack.state(of: id) == .finWait2)
    host.receive(peer.segment([.ack, .psh], "the rest"))
    host.receive(peer.segment([.ack, .fin]))
    _ = host.sent()
    #expect(host.stack.state(of: id) == .timeWait)
    #expect(try host.read(id) == "the rest", "what was accepted remains readable")
    var more = FrameBuffer(capacity: 10)
    #expect(try more.fill { try host.stack.read(id, into: &$0, at: host.now) } == .endOfStream)
  }

  @Test(.requirement("U-24", "S-52"))
  func thePassiveCloserGoesThroughLastAck() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    host.receive(peer.segment([.ack, .fin]))
    _ = host.sent()
    #expect(host.stack.state(of: id) == .closeWait)
    #expect(host.events().contains(.peerFinished(id)))
    #expect(try host.write(id, "last words") == 10)
    try host.stack.finish(id, at: host.now)
    for packet in host.sent() { try peer.hear(packet) }
    #expect(host.stack.state(of: id) == .lastAck)
    host.receive(peer.segment(.ack))
    #expect(host.stack.state(of: id) == .closed)
    #expect(host.events().contains(.closed(id, .finished)))
    // Nobody keeps the port.
    host.receive(peer.segment(.ack))
    #expect(try host.segment().tcp?.flags == .rst)
  }

  @Test(.requirement("U-20", "U-28"))
  func closingBeforeAnybodyAnswersIsSilent() throws {
    let host = Host()
    let closed = try host.connect("10.0.0.2:80")
    let aborted = try host.connect("10.0.0.2:80")
    _ = host.sent()
    try host.stack.close(closed, at: host.now)
    try host.stack.abort(aborted, at: host.now)
    host.expectSilence()
    #expect(Set(host.events().map(\.reason)) == [.finished, .aborted])
    #expect(host.wait(.minutes(5)).isEmpty)
  }

  @Test(.requirement("U-29", "MUST-12"))
  func abortResetsAnEstablishedConnection() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    try host.stack.abort(id, at: host.now)
    let reset = try host.segment()
    #expect(reset.tcp?.flags.contains(.rst) == true)
    #expect(reset.tcp?.sequence == peer.acknowledgment)
    #expect(host.events() == [.closed(id, .aborted)])
    #expect(host.stack.state(of: id) == .closed)
  }

  @Test(.requirement("U-30"))
  func abortInTimeWaitSendsNothing() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    try host.stack.finish(id, at: host.now)
    try peer.hear(host.segment())
    host.receive(peer.segment([.ack, .fin]))
    _ = host.sent()
    try host.stack.abort(id, at: host.now)
    host.expectSilence()
  }

  @Test(.requirement("MUST-12"))
  func theEndOfAStreamAndAResetAreToldApart() throws {
    let host = Host()
    let (finished, first) = try host.connected()
    let (reset, second) = try host.connected()
    host.receive(first.segment([.ack, .fin]))
    host.receive(second.segment([.rst, .ack]))
    _ = host.sent()
    var buffer = FrameBuffer(capacity: 10)
    #expect(try buffer.fill { try host.stack.read(finished, into: &$0, at: host.now) } == .endOfStream)
    #expect(throws: SocketError.connection(.closed(.reset))) { try host.read(reset) }
    #expect(host.events().contains(.closed(reset, .reset)))
  }

  @Test(.requirement("SHLD-3", "MAY-1", "X-12"))
  func closingWithUnreadDataResets() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    host.receive(peer.segment([.ack, .psh], "nobody reads this"))
    _ = host.sent()
    try host.stack.close(id, at: host.now)
    #expect(try host.segment().tcp?.flags.contains(.rst) == true)
    let (other, talker) = try host.connected()
    try host.stack.close(other, at: host.now)
    try talker.hear(host.segment())
    host.receive(talker.segment([.ack, .psh], "nor this"))
    #expect(host.sent().contains { $0.tcp?.flags.contains(.rst) == true })
  }

  @Test(.requirement("U-32"))
  func statusTellsHowAConnectionStands() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    _ = try host.write(id, "12345")
    _ = host.sent()
    host.receive(peer.segment([.ack, .psh], "abc"))
    let status = try host.stack.status(of: id)
    #expect(status.state == .established)
    #expect(status.outstanding == 5)
    #expect(status.readable == 3)
    #expect(status.sendWindow == 65_535)
    #expect(try host.stack.readableCount(id) == 3)
    #expect(try host.stack.writableCount(id) > 0)
  }

  @Test func theOnlyEventAfterCloseIsTheEnd() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    try host.stack.close(id, at: host.now)
    try peer.hear(host.segment())
    host.receive(peer.segment([.ack, .fin]))
    _ = host.sent()
    #expect(host.events() == [.closed(id, .finished)])
    #expect(throws: SocketError.noSuchConnection) { try host.stack.status(of: id) }
  }

  @Test func readingInPlaceTakesWhatIsDiscarded() throws {
    let host = Host()
    let (id, peer) = try host.connected()
    host.receive(peer.segment([.ack, .psh], "abcdef"))
    let first = try host.stack.withReadableBytes(id) { front, _ in Array(front.extracting(first: 3)) }
    #expect(first == Array("abc".utf8))
    try host.stack.discard(3, of: id, at: host.now)
    #expect(try host.read(id) == "def")
  }
}

extension SocketEvent {
  /// Of the end of a connection.
  var reason: CloseReason? {
    if case .closed(_, let reason) = self { return reason }
    return nil
  }
}
