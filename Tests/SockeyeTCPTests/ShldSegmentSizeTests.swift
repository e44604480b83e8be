// What a SYN says: the MSS (RFC 9293 §3.7.1, §3.7.3) and the initial sequence number (§3.4.1, RFC 6528).

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct ShldSegmentSizeTests {
  /// The first segment that the host sends: its SYN, or its SYN,ACK.
  private func synchronize(_ role: Conversation.Role, _ version: IPVersion, mtu: Int) -> TCPHeader? {
    let talk = Conversation(version, mtu: mtu)
    switch role {
    case .active:
      talk.connect()
      return talk.expect("S", seq: 0)?.header
    case .passive:
      talk.listen()
      talk.receive("S", seq: 0)
      return talk.expect("S.", seq: 0, ack: 1)?.header
    }
  }

  @Test(.requirement("SHLD-5"), arguments: [Conversation.Role.active, .passive])
  func everySynSaysTheSegmentSize(_ role: Conversation.Role) {
    #expect(synchronize(role, .v4, mtu: 1_500)?.options.maximumSegmentSize == 1_460)
    #expect(synchronize(role, .v6, mtu: 1_500)?.options.maximumSegmentSize == 1_440)
  }

  @Test(.requirement("SHLD-5"))
  func copiesOfTheSynSayItToo() {
    let talk = Conversation()
    talk.connect()
    talk.expect("S", seq: 0)
    let copy = talk.expect("S", seq: 0, within: .seconds(1))
    #expect(copy?.header.options.maximumSegmentSize == 1_460)
  }

  /// A link has one MTU, which its driver gives; on a link where it varies that is the smallest.
  @Test(.requirement("SHLD-6"), arguments: [Conversation.Role.active, .passive])
  func theSegmentSizeFollowsTheLink(_ role: Conversation.Role) {
    #expect(synchronize(role, .v4, mtu: 1_400)?.options.maximumSegmentSize == 1_360)
    #expect(synchronize(role, .v6, mtu: 1_400)?.options.maximumSegmentSize == 1_340)
    #expect(synchronize(role, .v4, mtu: 9_000)?.options.maximumSegmentSize == 8_960)
  }

  /// Where the MSS is the one assumed anyhow, the option may be left out.
  @Test(.requirement("MAY-3"), arguments: [Conversation.Role.active, .passive])
  func theDefaultSizeMayBeSaidOrNot(_ role: Conversation.Role) {
    let short = synchronize(role, .v4, mtu: 576)?.options.maximumSegmentSize
    #expect(short == nil || short == 536)
    let minimal = synchronize(role, .v6, mtu: 1_280)?.options.maximumSegmentSize
    #expect(minimal == nil || minimal == 1_220)
  }

  @Test(.requirement("SHLD-1"))
  func theInitialNumberIsAClockPlusAKeyedFunctionOfBothEnds() throws {
    let tuple = FourTuple(
      local: try #require(Endpoint(parsing: "10.0.0.1:80")),
      remote: try #require(Endpoint(parsing: "10.0.0.2:40000")))
    /// The ISN less the clock of four microseconds.
    func offset(_ tuple: FourTuple, key: UInt64 = 1, microseconds: Int = 0) -> UInt32 {
      let generator = InitialSequenceGenerator(key: HashKey(key, 2), offsetKey: HashKey(3, 4))
      let number = generator.initialSequence(for: tuple, at: .zero + .microseconds(microseconds))
      return number.rawValue &- UInt32(truncatingIfNeeded: microseconds / 4)
    }
    let own = offset(tuple)
    for time in [4, 400, 1_000_000, 86_400_000_000, 40_000_000_000] {
      #expect(offset(tuple, microseconds: time) == own)
    }
    var others = [tuple, tuple, tuple, tuple]
    others[0].local.address = try #require(IPAddress(parsing: "10.0.0.3"))
    others[1].local.port = 81
    others[2].remote.address = try #require(IPAddress(parsing: "10.0.0.3"))
    others[3].remote.port = 40_001
    for other in others { #expect(offset(other) != own) }
    #expect(offset(tuple, key: 2) != own)
  }

  @Test(.requirement("SHLD-1"))
  func theHostUsesIt() {
    func start(_ seconds: Int, seed: UInt64 = 1, port: UInt16 = 40_000) -> UInt32? {
      let talk = Conversation(startTime: .seconds(seconds), seed: seed)
      talk.peerPort = port
      talk.connect()
      return talk.takeSent().first?.header.sequence.rawValue
    }
    guard let first = start(1_000) else {
      Issue.record("no SYN")
      return
    }
    #expect(start(1_001) == first &+ 250_000)
    #expect(start(1_000, seed: 2) != first)
    #expect(start(1_000, port: 40_001) != first)
  }
}
