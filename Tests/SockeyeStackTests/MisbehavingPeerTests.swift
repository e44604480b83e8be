// Shows that a peer that lies about what it has received, or when, or how much it can take, gains nothing by it and
// breaks nothing (A-14, A-33 and what follows).

import SockeyeStack
import SockeyeTestSupport
import Testing

@Suite struct MisbehavingPeerTests {
  /// A client that the host sends to, and what it has heard of it.
  private final class Receiver {
    let host: Host
    let id: ConnectionID
    let peer: Peer
    let first: SequenceNumber
    private let timestamps: Bool
    private(set) var clock: UInt32 = 0
    private(set) var pieces: [UInt32: [UInt8]] = [:]
    /// Octets of text that have come, copies included.
    private(set) var heard = 0

    /// - Parameters:
    ///   - segmentSize: the client's.
    ///   - sack: whether it permits selective acknowledgments.
    init(segmentSize: UInt16 = 1000, sack: Bool = true, timestamps: Bool = false, scale: UInt8? = nil) throws
    {
      host = Host()
      self.timestamps = timestamps
      let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
      peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1)
      var options = TCPOptions()
      options.maximumSegmentSize = segmentSize
      options.sackPermitted = sack
      options.windowScale = scale
      if timestamps { options.timestamps = TimestampOption(value: 1, echo: 0) }
      host.receive(peer.segment(.syn, options: options))
      let answer = try host.segment()
      try peer.hear(answer)
      host.wait(.milliseconds(100))
      first = peer.acknowledgment
      clock = answer.tcp?.options.timestamps?.value ?? 0
      var plain = TCPOptions()
      if timestamps { plain.timestamps = TimestampOption(value: 2, echo: clock) }
      host.receive(peer.segment(.ack, options: plain))
      id = try #require(try host.stack.accept(listener))
    }

    var status: ConnectionStatus { get throws { try host.stack.status(of: id) } }

    /// Octets that are there from the beginning on, without a gap.
    var inOrder: Int {
      var count = 0
      while let piece = pieces[(first + count).rawValue], !piece.isEmpty { count += piece.count }
      return count
    }

    /// Takes in packets; answers how many had text.
    @discardableResult
    func hear(_ packets: [Packet]) -> Int {
      var count = 0
      for packet in packets where !packet.text.isEmpty {
        guard let header = packet.tcp else { continue }
        pieces[header.sequence.rawValue] = packet.text
        heard += packet.text.count
        clock = header.options.timestamps?.value ?? clock
        count += 1
      }
      return count
    }

    /// Acknowledges everything below a place in the stream, with blocks of places above it.
    func acknowledge(
      _ place: Int, holding blocks: [Range<Int>] = [], window: UInt16 = 65_535, echo: UInt32? = nil
    ) {
      var options = TCPOptions()
      for block in blocks {
        options.sackBlocks.append(SACKBlock(left: first + block.lowerBound, right: first + block.upperBound))
      }
      if timestamps { options.timestamps = TimestampOption(value: 3, echo: echo ?? clock) }
      host.receive(peer.stray(.ack, peer.sequence, first + place, window: window, options: options))
    }

    /// Hears and acknowledges honestly until all of a text has come.
    func finish(_ text: String) {
      for _ in 0..<2000 where inOrder < text.utf8.count {
        acknowledge(inOrder)
        hear(host.wait(.milliseconds(200)))
      }
      acknowledge(inOrder)
      var received: [UInt8] = []
      while let piece = pieces[(first + received.count).rawValue], !piece.isEmpty { received += piece }
      #expect(received == Array(text.utf8))
    }
  }

  private func digits(_ count: Int) -> String { (0..<count).map { String($0 % 10) }.joined() }

  @Test(.requirement("A-14"))
  func duplicatesWithoutBlocksMeanNothingWhereBlocksWerePermitted() throws {
    let receiver = try Receiver()
    let text = digits(10_000)
    _ = try receiver.host.write(receiver.id, text)
    receiver.hear(receiver.host.sent())
    let window = try receiver.status.congestionWindow
    for _ in 0..<100 { receiver.acknowledge(0) }
    #expect(receiver.hear(receiver.host.sent()) == 0, "nothing is sent again")
    #expect(try receiver.status.congestionWindow == window)
    receiver.finish(text)
  }

  @Test(.requirement("A-33", "A-34"))
  func blocksInEveryPatternOverTinySegmentsAreWithinBounds() throws {
    let receiver = try Receiver(segmentSize: 48, scale: 14)
    let text = digits(60_000)
    _ = try receiver.host.write(receiver.id, text)
    // An honest beginning, so that much is on its way at once.
    for _ in 0..<12 {
      receiver.hear(receiver.host.wait(.milliseconds(50)))
      receiver.acknowledge(receiver.inOrder)
    }
    receiver.hear(receiver.host.sent())
    let base = receiver.inOrder
    let before = receiver.host.stack.memoryUsed
    var random = SeededGenerator(seed: 11_477)
    for round in 0..<(Flood.isBrief ? 4000 : 100_000) {
      // Every other eight octets, in patterns that join and split.
      let blocks = (0..<4).map { _ in
        let left = 8 * Int.random(in: 1..<800, using: &random)
        return left..<(left + 8 * (1 + round % 5))
      }
      receiver.acknowledge(max(0, base - 20_000), holding: blocks)
      receiver.hear(receiver.host.sent())
      #expect(receiver.host.stack.state(of: receiver.id) == .established)
    }
    #expect(receiver.host.stack.memoryUsed <= before + (64 << 10))
    receiver.finish(text)
  }

  @Test(.requirement("A-49"))
  func whatWasNeverSentCannotBeAcknowledged() throws {
    let receiver = try Receiver()
    let text = digits(30_000)
    _ = try receiver.host.write(receiver.id, text)
    receiver.hear(receiver.host.sent())
    let before = try receiver.status
    for distance in [1, 1000, 1 << 30] {
      receiver.acknowledge(before.outstanding + distance)
      let answers = receiver.host.sent()
      #expect(answers.map { $0.tcp?.flags } == [.ack], "it is told where we are, and gets nothing")
      #expect(try receiver.status.congestionWindow == before.congestionWindow)
      #expect(try receiver.status.outstanding == before.outstanding)
    }
    // What was sent and has not arrived can: the window grows by no more than that.
    receiver.acknowledge(before.outstanding)
    #expect(try receiver.status.congestionWindow <= before.congestionWindow + before.outstanding)
    receiver.hear(receiver.host.wait(.seconds(1)))
    receiver.finish(text)
  }

  @Test(.requirement("A-51"))
  func duplicatesDoNotInflateTheWindowWithoutEnd() throws {
    let receiver = try Receiver(sack: false)
    let text = digits(200_000)
    _ = try receiver.host.write(receiver.id, text)
    receiver.hear(receiver.host.wait(.milliseconds(100)))
    let outstanding = try receiver.status.outstanding
    for _ in 0..<10_000 {
      receiver.acknowledge(0)
      receiver.hear(receiver.host.sent())
    }
    #expect(receiver.heard <= 3 * outstanding, "\(receiver.heard) octets for \(outstanding)")
    receiver.finish(text)
  }

  @Test(.requirement("A-52"))
  func reportsOfDuplicatesThatWereNeverSentChangeNothing() throws {
    func run(lying: Bool) throws -> (window: Int, copies: Int) {
      let receiver = try Receiver()
      let text = digits(100_000)
      _ = try receiver.host.write(receiver.id, text)
      for _ in 0..<4 {
        receiver.hear(receiver.host.wait(.milliseconds(100)))
        let place = receiver.inOrder
        receiver.acknowledge(place, holding: lying && place >= 2000 ? [(place - 1000)..<place] : [])
      }
      receiver.hear(receiver.host.wait(.milliseconds(100)))
      let window = try receiver.status.congestionWindow
      // A loss is still repaired in time: within a round trip of its being seen.
      let place = receiver.inOrder - 10_000
      receiver.acknowledge(place)
      receiver.acknowledge(place, holding: [(place + 1000)..<(place + 10_000)])
      let copies = receiver.host.wait(.milliseconds(220)).filter {
        $0.tcp?.sequence == receiver.first + place && !$0.text.isEmpty
      }
      return (window, copies.count)
    }
    let (honest, lying) = (try run(lying: false), try run(lying: true))
    #expect(lying.window <= honest.window)
    #expect(lying.copies >= 1 && honest.copies >= 1)
  }

  @Test(.requirement("A-54"))
  func aWindowThatOpensAndShutsMakesNoBurst() throws {
    let receiver = try Receiver(scale: 14)
    let text = digits(300_000)
    _ = try receiver.host.write(receiver.id, text)
    for round in 0..<200 {
      receiver.hear(receiver.host.wait(.milliseconds(20)))
      receiver.acknowledge(receiver.inOrder, window: round % 2 == 0 ? 0 : 65_535)
      let status = try receiver.status
      #expect(status.outstanding <= max(status.congestionWindow, 20_000))
    }
    // An old segment does not bring an old window back (RFC 9293 §3.10.7.4, SND.WL1 and SND.WL2).
    receiver.hear(receiver.host.wait(.milliseconds(200)))
    receiver.acknowledge(receiver.inOrder, window: 65_535)
    let window = try receiver.status.sendWindow
    receiver.acknowledge(receiver.inOrder - 1000, window: 0)
    #expect(try receiver.status.sendWindow == window)
    receiver.finish(text)
  }

  @Test(.requirement("A-55"))
  func anEchoOfATimeThatNeverWasIsNoMeasure() throws {
    let receiver = try Receiver(timestamps: true)
    let text = digits(50_000)
    _ = try receiver.host.write(receiver.id, text)
    let echoes: [UInt32] = [1, 60_000, 1 << 30, 1 << 31, UInt32(bitPattern: -1), UInt32(bitPattern: -90_000)]
    for (round, distance) in (echoes + echoes + echoes).enumerated() {
      // Some of it only after a timeout, so that echoes are what is left to measure with.
      receiver.hear(receiver.host.wait(round % 3 == 2 ? .seconds(2) : .milliseconds(100)))
      receiver.acknowledge(receiver.inOrder, echo: receiver.clock &+ distance)
      let status = try receiver.status
      #expect(status.retransmissionTimeout >= .seconds(1) && status.retransmissionTimeout <= .seconds(120))
      if let smoothed = status.smoothedRoundTrip { #expect(smoothed > .zero && smoothed < .seconds(10)) }
    }
    receiver.finish(text)
  }

  @Test(.requirement("A-56"))
  func whatThePeerHeldAndThrewAwayIsSentAgain() throws {
    let receiver = try Receiver()
    let text = digits(10_000)
    _ = try receiver.host.write(receiver.id, text)
    #expect(receiver.hear(receiver.host.sent()) == 10)
    // Everything but the first segment is held; then all of that is thrown away.
    receiver.acknowledge(0, holding: [1000..<10_000])
    receiver.host.wait(.milliseconds(200))
    var arrived = 0
    var sent: [Int: Int] = [:]
    for _ in 0..<100 where arrived < 10_000 {
      receiver.acknowledge(arrived)
      for packet in receiver.host.wait(.seconds(1)) where !packet.text.isEmpty {
        let place = (try #require(packet.tcp)).sequence - receiver.first
        sent[place, default: 0] += 1
        if place == arrived { arrived += packet.text.count }
      }
    }
    #expect(arrived == 10_000, "it was still there to be sent")
    #expect((0..<10).allSatisfy { sent[$0 * 1000, default: 0] >= 1 })
  }
}
