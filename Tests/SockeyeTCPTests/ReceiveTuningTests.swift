// How large a receive buffer becomes by what its user takes in a round trip, and how a connection's two buffers and its
// window follow.

import SockeyeBytes
import SockeyeStack
import SockeyeTestSupport
import SockeyeWire
import Testing

@testable import SockeyeTCP

@Suite struct ReceiveTuningTests {
  /// A user who takes so many octets in each round trip of 100 ms, with 1000-octet segments.
  private struct Reader {
    var tuning: ReceiveTuning
    var capacity = 64_000
    var read = SequenceNumber(UInt32.max - 10_000)
    var clock: UInt32 = .max - 150
    let withTimestamps: Bool

    init(withTimestamps: Bool = true, maximum: Int = 4_000_000) {
      self.withTimestamps = withTimestamps
      tuning = ReceiveTuning(maximum: maximum, expected: 10_000, next: read)
    }

    /// In ten pieces, each of which comes as an answer to what was acknowledged a round trip before.
    mutating func roundTrip(_ octets: Int) {
      for _ in 0..<10 {
        clock = clock &+ 10
        read = read + octets / 10
        let moment = ReceiveMoment(
          read: read, next: read, clock: clock, echo: withTimestamps ? clock &- 100 : nil, roundTrip: 90,
          capacity: capacity, segment: 1_000)
        if let larger = tuning.userRead(moment) { capacity = larger }
      }
    }
  }

  @Test func itStaysAheadOfSlowStart() {
    var reader = Reader()
    var octets = 10_000
    while octets < 1_000_000 {
      reader.roundTrip(octets)
      octets *= 2
      // What comes next, and what the sender may have on its way by then.
      #expect(reader.capacity >= octets)
    }
    reader.roundTrip(octets)
    #expect(reader.capacity >= 2 * octets)
  }

  @Test func aSteadyPaceNeedsTwoRoundTripsWorthAndNoMore() {
    var reader = Reader()
    for _ in 0..<50 { reader.roundTrip(100_000) }
    // Slow start might have gone on from there.
    #expect(reader.capacity >= 200_000 && reader.capacity <= 800_000)
    let settled = reader.capacity
    for _ in 0..<50 { reader.roundTrip(100_000) }
    #expect(reader.capacity == settled)
  }

  @Test func aSlowReaderGetsNoMore() {
    var reader = Reader()
    for _ in 0..<100 { reader.roundTrip(9_000) }
    #expect(reader.capacity == 64_000)
  }

  @Test func theMaximumIsKept() {
    var reader = Reader(maximum: 300_000)
    for _ in 0..<10 { reader.roundTrip(1_000_000) }
    #expect(reader.capacity == 300_000)
  }

  @Test func afterWantOfMemoryItGrowsAgain() {
    var reader = Reader()
    for _ in 0..<10 { reader.roundTrip(500_000) }
    reader.capacity = 4_096
    reader.roundTrip(4_000)
    #expect(reader.capacity == 4_096, "a tenth of what was taken before")
    reader.tuning.forget()
    for _ in 0..<3 { reader.roundTrip(4_000) }
    #expect(reader.capacity >= 8_000)
  }

  @Test func withoutTimestampsTheTimeOfAWindowIsTheRoundTrip() {
    var reader = Reader(withTimestamps: false)
    // The window is what limits: one each round trip.
    for _ in 0..<4 { reader.roundTrip(reader.capacity) }
    #expect(reader.capacity > 500_000)
    let grown = reader.capacity
    for _ in 0..<10 { reader.roundTrip(60_000) }
    #expect(reader.capacity == grown)
  }

  // MARK: On a connection

  /// What the peer may send is what was told last; it sends all of it each round trip, and the user reads it.
  private func rounds(_ count: Int, _ options: TCPOptions, _ talk: Conversation) -> [Int] {
    var edges: [Int] = []
    var next = 1
    talk.listen()
    talk.receive("S", seq: 0, win: 65_535, options: options)
    let answer = talk.expect("S.", seq: 0, ack: 1)
    let shift = Int(answer?.header.options.windowScale ?? 0)
    var edge = 1 + Int(answer?.header.window ?? 0)
    var stamp = options.timestamps
    var echo = answer?.header.options.timestamps?.value ?? 0
    func arrives(_ flags: String, _ length: Int) {
      var all = TCPOptions()
      if let time = stamp {
        stamp = TimestampOption(value: time.value &+ 1, echo: echo)
        all.timestamps = stamp
      }
      talk.receive(flags, seq: next, ack: 1, length: length, options: all)
    }
    arrives(".", 0)
    talk.accept()
    for _ in 0..<count {
      talk.advance(.milliseconds(100))
      // The peer answers to what it heard a round trip ago, and no two windows of it are told apart.
      for segment in talk.takeSent() {
        let told = talk.acknowledgment(of: segment) + Int(segment.header.window) << shift
        #expect(told + (1 << shift) > edge, "the right edge went back")
        edge = max(edge, told)
        echo = segment.header.options.timestamps?.value ?? 0
      }
      let end = edge
      while next < end {
        let length = min(1_400, end - next)
        arrives(".", length)
        next += length
        if next % 7 == 0 { talk.advance(.milliseconds(1)) }
        talk.read()
      }
      edges.append(end)
    }
    return edges
  }

  @Test(
    .requirement("A-47"),
    arguments: [TCPOptions.synchronize(windowScale: 7), .synchronize(windowScale: 7, timestamp: 1)])
  func theWindowGrowsToTheMaximumAndNoFurther(_ options: TCPOptions) throws {
    var tcp = TCPConfiguration()
    tcp.receiveBuffer = BufferBounds(initial: 20_000, maximum: 500_000)
    let talk = Conversation(tcp: tcp)
    let edges = rounds(14, options, talk)
    let flights = zip(edges, edges.dropFirst()).map { $1 - $0 }
    #expect(edges[0] == 20_001)
    #expect(flights.allSatisfy { $0 <= 500_128 }, "\(flights)")
    #expect(flights.max().map { $0 > 450_000 } == true, "\(flights)")
    #expect(talk.status?.receiveBuffer == 500_000)
    #expect(talk.status?.receiveWindowShift == 3)
  }

  @Test func aFixedBufferDoesNotGrow() {
    var tcp = TCPConfiguration()
    tcp.receiveBufferCapacity = 20_000
    let talk = Conversation(tcp: tcp)
    _ = rounds(10, .synchronize(windowScale: 7, timestamp: 1), talk)
    #expect(talk.status?.receiveBuffer == 20_000)
  }

  @Test func withoutScalingTheFieldIsTheMaximum() {
    let talk = Conversation()
    _ = rounds(10, .synchronize(timestamp: 1), talk)
    #expect(talk.status?.receiveBuffer == 65_535)
  }

  @Test(.requirement("SHLD-14"))
  func aCallFixesTheReceiveBufferAndTheWindowClosesFirst() throws {
    let talk = Conversation()
    talk.establish(options: .synchronize(windowScale: 7))
    talk.takeSent()
    let id = try talk.need()
    let promised = try #require(talk.status?.receiveWindow)
    try talk.stack.setReceiveBuffer(10_000, of: id, at: talk.now)
    talk.drain()
    talk.takeSent()
    var next = 1
    while next < 60_001 {
      talk.receive(".", seq: next, ack: 1, length: 1_000)
      next += 1_000
    }
    // All that was promised is taken; none of it is drawn back.
    #expect(talk.status?.readable == 60_000 && promised >= 60_000)
    #expect(talk.status.map { $0.receiveWindow <= promised - 60_000 + 128 } == true)
    #expect(talk.read().count == 60_000)
    talk.advance(.seconds(1))
    #expect(talk.status.map { $0.receiveWindow <= 10_128 && $0.receiveBuffer == 10_000 } == true)
    #expect(throws: SocketError.self) { try talk.stack.setReceiveBuffer(0, of: id, at: talk.now) }
  }

  // MARK: The send buffer

  /// The next segment that leaves tells of the new size, whether or not something was received or read meanwhile.
  @Test func aBufferThatIsSetIsToldWithTheNextSegment() throws {
    let (talk, _) = Conversation.standing(in: Situation(.established), window: 10_000)
    talk.write(10)
    talk.expect("P.", seq: 1, ack: 1, length: 10, win: 10_000)
    talk.receive(".", seq: 1, ack: 11)
    try talk.stack.setReceiveBuffer(20_000, of: talk.need(), at: talk.now)
    talk.write(10)
    talk.expect("P.", seq: 11, ack: 1, length: 10, win: 20_000)
    // What was promised stays (RFC 9293 §3.8.6 SHLD-14).
    talk.receive(".", seq: 1, ack: 21)
    try talk.stack.setReceiveBuffer(5_000, of: talk.need(), at: talk.now)
    talk.write(10)
    talk.expect("P.", seq: 21, ack: 1, length: 10, win: 20_000)
  }

  @Test func theSendBufferFollowsTheCongestionWindow() throws {
    var tcp = TCPConfiguration()
    tcp.sendBuffer = BufferBounds(initial: 20_000, maximum: 100_000)
    let talk = Conversation(tcp: tcp)
    talk.establish(options: .synchronize(mss: 1_000, windowScale: 7))
    talk.takeSent()
    let id = try talk.need()
    // Twice the first window of ten segments, and what the call says is what it takes.
    #expect(try talk.stack.writableCount(id) == 20_000)
    #expect(talk.write(50_000) == 20_000)
    for _ in 0..<6 {
      talk.advance(.milliseconds(100))
      for segment in talk.takeSent() {
        talk.receive(".", seq: 1, ack: talk.sequence(of: segment) + segment.payload.count)
      }
      let room = try talk.stack.writableCount(id)
      #expect(talk.write(200_000) == room)
      let status = try #require(talk.status)
      #expect(status.sendBuffer <= 100_000)
      // A fifth less is not worth a copy of all of it.
      #expect(status.sendBuffer >= min(100_000, 2 * status.congestionWindow * 4 / 5))
    }
    #expect(talk.status?.sendBuffer == 100_000)
    try talk.stack.setSendBuffer(30_000, of: id, at: talk.now)
    #expect(talk.write(1_000) == 0, "what was written stays")
  }

  /// A writer that waits is told as soon as the wider window makes room: here four of ten segments are acknowledged, the
  /// window has grown by as many, and the buffer is to hold twice the window.
  @Test func theRoomOfABufferThatGrowsIsToldAtOnce() throws {
    var tcp = TCPConfiguration()
    tcp.sendBuffer = BufferBounds(initial: 20_000, maximum: 100_000)
    let talk = Conversation(tcp: tcp)
    talk.establish(options: .synchronize(mss: 1_000, windowScale: 7))
    #expect(talk.write(50_000) == 20_000)
    talk.takeEvents()
    talk.receive(".", seq: 1, ack: 2_001)
    #expect(talk.takeEvents().isEmpty, "a tenth of the buffer is not worth a call")
    talk.receive(".", seq: 1, ack: 4_001)
    talk.expectEvent("writable") { if case .writable = $0 { true } else { false } }
    #expect(talk.status?.sendBuffer == 28_000)
    #expect(talk.write(50_000) == 12_000)
  }

  @Test func aWriterWithAFixedBufferIsToldOfRoomAsBefore() {
    var tcp = TCPConfiguration()
    tcp.sendBufferCapacity = 3_000
    let talk = Conversation(tcp: tcp)
    talk.establish(options: .synchronize(mss: 1_000, windowScale: 7))
    #expect(talk.write(9_000) == 3_000)
    talk.receive(".", seq: 1, ack: 3_001)
    talk.expectEvent("writable") { if case .writable = $0 { true } else { false } }
    #expect(talk.write(9_000) == 3_000)
  }

  @Test func roomThatALargerSendBufferMakesIsToldOnce() throws {
    var tcp = TCPConfiguration()
    tcp.sendBufferCapacity = 10_000
    let talk = Conversation(tcp: tcp)
    talk.establish()
    let id = try talk.need()
    #expect(try talk.writeOrThrow(20_000) == 10_000)
    talk.takeEvents()
    try talk.stack.setSendBuffer(30_000, of: id, at: talk.now)
    talk.drain()
    #expect(talk.takeEvents().contains(.writable(id)))
    talk.receive(".", seq: 1, ack: 1461)
    #expect(!talk.takeEvents().contains(.writable(id)))
  }

  /// Without timestamps, a round trip is as long as a whole window takes to come, however small the parts are in which
  /// it is read.
  @Test func whatIsReadInPartsIsMeasuredByTheWindow() {
    var tuning = ReceiveTuning(maximum: 1 << 20, expected: 10_000, next: SequenceNumber(0))
    var grown: [Int] = []
    for step in 0...10 {
      let position = SequenceNumber(0) + step * 5_000
      let moment = ReceiveMoment(
        read: position, next: position, clock: UInt32(1_000 + 10 * step), echo: nil, roundTrip: 1,
        capacity: 50_000, segment: 1_000)
      if let octets = tuning.userRead(moment) { grown.append(octets) }
    }
    #expect(grown.count == 1 && grown.allSatisfy { $0 > 100_000 })
  }
}
