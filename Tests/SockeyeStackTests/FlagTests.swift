// Shows what every mix of flags does to a closed port, to a listener and to a connection: null segments, Christmas trees
// and all between, by the order of RFC 9293 §3.10.7.

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct FlagTests {
  static let mixes = (UInt8.min...UInt8.max).map { TCPFlags(rawValue: $0) }

  @Test(.requirement("A-26", "A-59"))
  func aClosedPort() throws {
    let host = Host()
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:81", sequence: 100)
    for flags in Self.mixes {
      host.receive(peer.raw(flags.rawValue, SequenceNumber(100), SequenceNumber(777), [1, 2, 3]))
      if flags.contains(.rst) {
        host.expectSilence()
        continue
      }
      let reset = try #require(try host.segment().tcp)
      if flags.contains(.ack) {
        #expect(reset.flags == .rst && reset.sequence == SequenceNumber(777), "\(flags)")
      } else {
        let length = 3 + (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0)
        #expect(reset.flags == [.rst, .ack] && reset.sequence == SequenceNumber(0), "\(flags)")
        #expect(reset.acknowledgment == SequenceNumber(100) + length, "\(flags)")
      }
    }
    #expect(host.stack.memoryUsed == 0)
  }

  @Test(.requirement("A-26", "A-59"))
  func aListener() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let bystander = try Bystander(host, listener)
    let before = host.stack.memoryUsed
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 100)
    for flags in Self.mixes {
      host.receive(peer.raw(flags.rawValue, SequenceNumber(100), SequenceNumber(777)))
      if flags.contains(.rst) {
        host.expectSilence()
      } else if flags.contains(.ack) {
        let reset = try #require(try host.segment().tcp)
        #expect(reset.flags == .rst && reset.sequence == SequenceNumber(777), "\(flags)")
      } else if flags.contains(.syn) {
        let answer = try #require(try host.segment().tcp)
        #expect(
          answer.flags.isSuperset(of: [.syn, .ack]) && answer.acknowledgment == SequenceNumber(101),
          "\(flags)")
        host.receive(peer.raw(0x04, SequenceNumber(101)))
      } else {
        host.expectSilence()
      }
      #expect(host.stack.memoryUsed == before, "\(flags)")
    }
    #expect(try host.stack.accept(listener) == nil)
    try bystander.expectService()
  }

  @Test(.requirement("A-26"), arguments: mixes)
  func aConnection(flags: TCPFlags) throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let bystander = try Bystander(host, listener)
    let (id, peer) = try host.accepted(listener)
    host.receive(peer.raw(flags.rawValue, peer.sequence, peer.acknowledgment, urgent: 1, [UInt8(ascii: "x")]))
    let answers = host.sent()
    let readable = try? host.stack.readableCount(id)
    if flags.contains(.rst) {
      #expect(host.stack.state(of: id) == .closed && answers.isEmpty)
    } else if flags.contains(.syn) {
      #expect(answers.count == 1 && answers.first?.tcp?.flags == .ack, "a challenge")
      #expect(host.stack.state(of: id) == .established && readable == 0)
    } else if !flags.contains(.ack) {
      #expect(answers.isEmpty)
      #expect(host.stack.state(of: id) == .established && readable == 0)
    } else {
      #expect(answers.first?.tcp?.acknowledgment == peer.sequence + (flags.contains(.fin) ? 2 : 1))
      #expect(host.stack.state(of: id) == (flags.contains(.fin) ? .closeWait : .established))
      #expect(readable == 1)
    }
    try bystander.expectService()
  }

  @Test(.requirement("A-26"), arguments: mixes)
  func anAttemptToConnect(flags: TCPFlags) throws {
    let host = Host()
    let id = try host.connect("10.0.0.2:80")
    let synchronize = try host.segment()
    let peer = Peer(answering: synchronize, sequence: 9000)
    try peer.hear(synchronize)
    host.receive(peer.raw(flags.rawValue, peer.sequence, peer.acknowledgment))
    let state = host.stack.state(of: id)
    switch (flags.contains(.ack), flags.contains(.rst), flags.contains(.syn)) {
    case (true, true, _): #expect(state == .closed)
    case (true, false, true): #expect(state == (flags.contains(.fin) ? .closeWait : .established))
    case (false, false, true): #expect(state == .synReceived)
    case (true, false, false), (false, true, _), (false, false, false): #expect(state == .synSent)
    }
    #expect(host.sent().allSatisfy { $0.tcp?.flags.contains(.rst) == false })
  }
}
