// Windows wider than sixteen bits: who may say the scale and when, what is shifted and what is not, and how far a
// retransmission may reach behind an edge that was drawn back (RFC 7323 §2).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct WindowScaleTests {
  @Test(.requirement("7323-1"), arguments: [Conversation.Role.active, .passive])
  func theScaleCountsOnlyIfBothSaidIt(_ role: Conversation.Role) {
    for (ours, theirs) in [(true, UInt8?.none), (false, 7), (true, 7)] {
      var tcp = TCPConfiguration()
      tcp.windowScaling = ours
      let talk = Conversation(tcp: tcp)
      switch role {
      case .active:
        talk.connect()
        #expect((talk.expect("S", seq: 0)?.header.options.windowScale != nil) == ours)
        talk.receive("S.", seq: 0, ack: 1, options: .synchronize(windowScale: theirs))
        talk.takeSent()
      case .passive:
        talk.listen()
        talk.receive("S", seq: 0, options: .synchronize(windowScale: theirs))
        // A SYN,ACK may have it only if the SYN did.
        #expect(
          (talk.expect("S.", seq: 0, ack: 1)?.header.options.windowScale != nil) == (ours && theirs != nil))
        talk.receive(".", seq: 1, ack: 1)
        talk.accept()
      }
      talk.receive("P.", seq: 1, ack: 1, length: 100, win: 1_000)
      let isScaled = ours && theirs != nil
      #expect(talk.status?.usesWindowScaling == isScaled)
      #expect(talk.status?.sendWindow == (isScaled ? 128_000 : 1_000))
      let answer = talk.expect(".", ack: 101, within: .milliseconds(500))
      #expect(answer?.header.options.windowScale == nil)
      if !isScaled { #expect(talk.status.map { $0.receiveWindow <= 65_535 } == true) }
    }
  }

  @Test(.requirement("7323-1"))
  func onAnyOtherSegmentItMeansNothing() {
    let talk = Conversation()
    talk.establish(options: .synchronize(windowScale: 2))
    talk.receive(".", seq: 1, ack: 1, win: 1_000, options: .synchronize(windowScale: 9))
    #expect(talk.status?.sendWindow == 4_000)
    let plain = Conversation()
    plain.establish()
    plain.receive(".", seq: 1, ack: 1, win: 1_000, options: .synchronize(windowScale: 9))
    #expect(plain.status?.sendWindow == 1_000)
  }

  @Test(.requirement("7323-2"), arguments: [Conversation.Role.active, .passive])
  func theWindowOfASynIsNeverShifted(_ role: Conversation.Role) {
    let talk = Conversation()
    var ours: SentSegment?
    switch role {
    case .active:
      talk.connect()
      ours = talk.expect("S", seq: 0)
      talk.receive("S.", seq: 0, ack: 1, win: 5_000, options: .synchronize(windowScale: 10))
    case .passive:
      talk.listen()
      talk.receive("S", seq: 0, win: 5_000, options: .synchronize(windowScale: 10))
      ours = talk.expect("S.", seq: 0, ack: 1)
      // What completes the handshake is shifted again.
      talk.receive(".", seq: 1, ack: 1, win: 5)
      talk.accept()
    }
    #expect(talk.status?.sendWindow == (role == .active ? 5_000 : 5_120))
    #expect(ours?.header.window == 65_535, "the buffer holds more, and this is what the field can say")
    let shift = Int(ours?.header.options.windowScale ?? 0)
    #expect(shift > 0 && shift <= 14)
    talk.takeSent()
    talk.receive("P.", seq: 1, ack: 1, length: 1_000)
    let answer = talk.expect(".", ack: 1_001, within: .milliseconds(500))
    let window = Int(answer?.header.window ?? 0) << shift
    #expect(window == talk.status?.receiveWindow)
    #expect(window >= 60_000 && window <= 65_536 + (1 << shift))
  }

  @Test(.requirement("7323-2"), arguments: [1 << 16, 1 << 20, 6 << 20, 1 << 30])
  func theScaleCoversWhatTheBufferMayBecome(_ maximum: Int) {
    var tcp = TCPConfiguration()
    tcp.receiveBuffer = BufferBounds(initial: 1_000, maximum: maximum)
    let talk = Conversation(tcp: tcp)
    talk.connect()
    let synchronize = talk.expect("S", seq: 0)
    #expect(synchronize?.header.window == 1_000)
    let shift = Int(synchronize?.header.options.windowScale ?? 0)
    #expect(65_535 << shift >= min(maximum, 65_535 << 14) && shift <= 14)
    #expect(shift == 0 || 65_535 << (shift - 1) < maximum, "no coarser than it must be")
  }

  @Test(.requirement("7323-3"))
  func whatWasPromisedIsTakenWhateverIsPromisedLater() throws {
    let talk = Conversation()
    talk.establish(options: .synchronize(windowScale: 7))
    talk.takeSent()
    let promised = 1 + (try #require(talk.status?.receiveWindow))
    // The user wants a small buffer, and later ACKs tell of less.
    try talk.stack.setReceiveBuffer(5_000, of: talk.need(), at: talk.now)
    talk.drain()
    talk.receive(".", seq: 1, ack: 1, length: 1_000)
    talk.receive(".", seq: 1_001, ack: 1, length: 1_000)
    talk.takeSent()
    // The edge is where it was, to within a unit of the scale.
    let edge = 2_001 + (try #require(talk.status?.receiveWindow))
    #expect(edge >= promised && edge < promised + 256)
    // The last octets below the highest edge ever told, and one beyond it.
    talk.receive(".", seq: edge - 1_000, ack: 1, length: 1_000)
    #expect(talk.drops.isEmpty)
    talk.receive(".", seq: edge, ack: 1, length: 1)
    #expect(talk.drops == [.outsideWindow])
    var next = 2_001
    while next < edge - 1_000 {
      let length = min(1_000, edge - 1_000 - next)
      talk.receive(".", seq: next, ack: 1, length: length)
      next += length
    }
    #expect(talk.status?.readable == edge - 1)
  }

  @Test(.requirement("7323-4"))
  func onlyTheFirstCopyMayReachBehindAnEdgeThatWentBack() {
    let talk = Conversation()
    talk.establish(options: .synchronize(mss: 1_000))
    talk.write(3_000)
    talk.expectText(1..<3_001, each: 1_000)
    // The edge goes back from beyond 3001 to 401. Nothing new leaves.
    talk.receive(".", seq: 1, ack: 1, win: 400)
    talk.write(5_000)
    talk.expectNothing()
    // The first copy of what was inside the window may ignore that; the next ones stay below the edge.
    let first = talk.expect(".", seq: 1, within: .seconds(2))
    #expect(first.map { $0.payload.count <= 1_000 } == true)
    for _ in 0..<4 {
      let copy = talk.expect(".", seq: 1, within: .seconds(60))
      #expect(copy.map { $0.payload.count > 0 && $0.payload.count <= 400 } == true)
    }
    talk.receive(".", seq: 1, ack: 401, win: 4_000)
    #expect(talk.takeSent().allSatisfy { talk.sequence(of: $0) + $0.payload.count <= 4_401 })
  }
}
