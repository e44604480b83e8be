// Shows SYN cookies (RFC 4987 §3.6): what they carry, whom they let in and whom not.

import SockeyeStack
import SockeyeTestSupport
import Testing

/// What a client's SYN offers.
struct Offer: Sendable {
  var segmentSize: UInt16?
  var scale: UInt8?
  var permitsSACK = false
  var timestamps = true

  func options(_ clock: UInt32, echo: UInt32 = 0) -> TCPOptions {
    var options = TCPOptions()
    options.maximumSegmentSize = segmentSize
    options.windowScale = scale
    options.sackPermitted = permitsSACK
    if timestamps { options.timestamps = TimestampOption(value: clock, echo: echo) }
    return options
  }
}

@Suite struct CookieTests {
  static let offers = [
    Offer(segmentSize: 1460, scale: 7, permitsSACK: true),
    Offer(segmentSize: 1440, scale: 0, permitsSACK: true),
    Offer(segmentSize: 1220, scale: 14), Offer(segmentSize: nil, scale: nil, permitsSACK: true),
    Offer(segmentSize: 536, scale: 200, permitsSACK: true), Offer(segmentSize: 1360),
    Offer(segmentSize: 1460, scale: 7, permitsSACK: true, timestamps: false),
    Offer(segmentSize: nil, scale: 2, timestamps: false),
  ]

  @Test(.requirement("4987-3", "4987-4"), arguments: offers, ["10.0.0.2:5000", "[fd00::2]:5000"])
  func whatTheSynOfferedComesBackWithTheAcknowledgment(offer: Offer, client: String) throws {
    let host = Host { $0.synCookies = .always }
    let isV4 = client.hasPrefix("10")
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer(client, isV4 ? "10.0.0.1:80" : "[fd00::1]:80", sequence: 1000)
    host.wait(.milliseconds(12_345))
    let empty = host.stack.memoryUsed
    host.receive(peer.segment(.syn, options: offer.options(7000)))
    #expect(host.stack.memoryUsed == empty, "nothing is kept")
    let answer = try host.segment()
    let header = try #require(answer.tcp)
    #expect(header.flags == [.syn, .ack])
    #expect(header.options.timestamps?.echo == (offer.timestamps ? 7000 : nil))
    #expect((header.options.windowScale != nil) == (offer.timestamps && offer.scale != nil))
    #expect(header.options.sackPermitted == (offer.timestamps && offer.permitsSACK))
    try peer.hear(answer)
    host.wait(.milliseconds(100))
    let answered = header.options.timestamps?.value ?? 0
    var options = TCPOptions()
    if offer.timestamps { options.timestamps = TimestampOption(value: 7100, echo: answered) }
    host.receive(peer.segment(.ack, window: 500, options: options))
    host.expectSilence()
    #expect(host.events() == [.acceptable(listener)])
    let id = try #require(try host.stack.accept(listener))
    let status = try host.stack.status(of: id)
    #expect(status.state == .established)
    let assumed: UInt16 = isV4 ? 536 : 1220
    let path = 1500 - (isV4 ? 40 : 60)
    #expect(
      status.segmentSize == min(Int(offer.segmentSize ?? assumed), path) - (offer.timestamps ? 12 : 0))
    #expect(status.usesTimestamps == offer.timestamps)
    #expect(status.usesSelectiveAcknowledgments == (offer.timestamps && offer.permitsSACK))
    let shift = offer.timestamps ? min(offer.scale ?? 0, 14) : 0
    #expect(status.usesWindowScaling == (offer.timestamps && offer.scale != nil))
    #expect(status.sendWindow == 500 << Int(shift))
    // The connection's clock goes on from the answer's, and it is never behind it (RFC 7323 §5.3).
    _ = try host.write(id, "hello")
    let data = try host.segment()
    if offer.timestamps {
      let stamps = try #require(data.tcp?.options.timestamps)
      #expect(stamps.echo == 7100)
      #expect((100..<200).contains(Int(stamps.value &- answered)), "\(stamps.value) after \(answered)")
      let sample = try #require(status.smoothedRoundTrip)
      #expect(sample >= .milliseconds(100) && sample < .milliseconds(164))
    } else {
      #expect(status.smoothedRoundTrip == nil, "nobody knows when the answer left")
    }
    #expect(host.stack.statistics.tcp.cookiesSent == 1)
    #expect(host.stack.statistics.tcp.cookiesAccepted == 1)
  }

  @Test(.requirement("4987-4"), arguments: [true, false], [true, false])
  func marksAreAgreedOnWhereThereIsRoomToRememberThem(asked: Bool, timestamps: Bool) throws {
    let host = Host { $0.synCookies = .always }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1000)
    let offer = Offer(segmentSize: 1460, scale: 7, permitsSACK: true, timestamps: timestamps)
    host.receive(peer.segment(asked ? [.syn, .ece, .cwr] : .syn, options: offer.options(1)))
    let answer = try host.segment()
    #expect(answer.tcp?.flags.contains(.ece) == (asked && timestamps))
    try peer.hear(answer)
    let echo = answer.tcp?.options.timestamps?.value ?? 0
    host.receive(peer.segment(.ack, options: Offer(timestamps: timestamps).options(2, echo: echo)))
    let id = try #require(try host.stack.accept(listener))
    #expect(try host.stack.status(of: id).usesCongestionNotification == (asked && timestamps))
    #expect(try host.stack.status(of: id).usesSelectiveAcknowledgments == timestamps)
  }

  @Test(arguments: [(UInt16(0), 48), (48, 48), (300, 256), (1459, 1440), (1452, 1440), (9000, 1460)])
  func aSegmentSizeIsRoundedDown(announced: UInt16, used: Int) throws {
    let host = Host { $0.synCookies = .always }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1000)
    var options = TCPOptions()
    options.maximumSegmentSize = announced
    host.receive(peer.segment(.syn, options: options))
    try peer.hear(host.segment())
    host.receive(peer.segment(.ack))
    let id = try #require(try host.stack.accept(listener))
    #expect(try host.stack.status(of: id).segmentSize == used)
  }

  @Test func aSegmentWithTextCompletesWhereTheAcknowledgmentWasLost() throws {
    let host = Host { $0.synCookies = .always }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1000)
    host.receive(peer.segment(.syn))
    try peer.hear(host.segment())
    host.receive(peer.segment([.ack, .psh, .fin], "GET /"))
    let id = try #require(try host.stack.accept(listener))
    #expect(try host.read(id) == "GET /")
    #expect(host.stack.state(of: id) == .closeWait)
  }

  @Test(.requirement("4987-6"))
  func theFlowLabelIsThatOfAllLaterPackets() throws {
    let host = Host { $0.synCookies = .always }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("[fd00::2]:5000", "[fd00::1]:80", sequence: 1000)
    host.receive(peer.segment(.syn))
    let answer = try host.segment()
    try peer.hear(answer)
    host.receive(peer.segment(.ack))
    let id = try #require(try host.stack.accept(listener))
    _ = try host.write(id, "hello")
    let data = try host.segment()
    #expect(Array(answer.bytes[1..<4]) == Array(data.bytes[1..<4]))
    #expect(answer.bytes[2] != 0 || answer.bytes[3] != 0)
  }

  @Test(.requirement("A-31"))
  func whatWasForgedIsReset() throws {
    let host = Host { $0.synCookies = .always }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let offer = Offer(segmentSize: 1460, scale: 7, permitsSACK: true)
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1000)
    host.receive(peer.segment(.syn, options: offer.options(1)))
    let answer = try host.segment()
    try peer.hear(answer)
    let stamps = TimestampOption(value: 2, echo: try #require(answer.tcp?.options.timestamps?.value))
    func send(
      _ sequence: Int = 0, _ acknowledgment: Int = 0, client: String = "10.0.0.2:5000", echo: UInt32 = 0,
      timestamps: Bool = true
    ) {
      let forger = Peer(client, "10.0.0.1:80", sequence: 0)
      var options = TCPOptions()
      if timestamps { options.timestamps = TimestampOption(value: 2, echo: stamps.echo &+ echo) }
      host.receive(
        forger.stray(.ack, peer.sequence + sequence, peer.acknowledgment + acknowledgment, options: options))
    }
    // One further is what the client's FIN acknowledges when it has taken ours: it opens no second connection.
    for distance in [1, -1, 2, 7, 8, -8, 64, 1 << 20, -(1 << 30)] { send(0, distance) }
    send(1)
    send(-1)
    send(client: "10.0.0.2:5001")
    send(client: "10.0.0.3:5000")
    // Another window scale, SACK taken away, a timestamp of tomorrow or of yesterday, none at all.
    send(echo: 1)
    send(echo: 16)
    send(echo: 64_000)
    send(echo: UInt32(bitPattern: -640_000))
    send(timestamps: false)
    let resets = host.sent()
    #expect(resets.count == 18)
    #expect(resets.allSatisfy { $0.tcp?.flags == .rst })
    #expect(resets.first?.tcp?.sequence == peer.acknowledgment + 1, "RFC 9293 §3.10.7.2")
    #expect(host.stack.statistics.tcp.cookiesRefused == 18)
    #expect(try host.stack.accept(listener) == nil)
    send()
    #expect(try host.stack.accept(listener) != nil)
  }

  @Test(.requirement("A-31"))
  func guessesAtRandomFindNothing() throws {
    let host = Host {
      $0.synCookies = .always
      $0.resetsPerSecond = 0
    }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1000)
    host.receive(peer.segment(.syn))
    _ = host.sent()
    var flood = Flood(to: "10.0.0.1:80", flags: .ack)
    let guesses = Flood.isBrief ? 20_000 : 1_000_000
    for _ in 0..<guesses { flood.send(to: host) }
    #expect(host.stack.statistics.tcp.cookiesRefused == UInt64(guesses))
    #expect(try host.stack.waitingCount(of: listener) == 0)
  }

  /// How long a cookie is good, also over a change of keys, which comes every 2048 s.
  @Test(
    .requirement("A-31", "4987-3"),
    arguments: [
      (0, 63, true), (0, 127, true), (0, 128, false), (63, 128, false), (2000, 2060, true),
      (2047, 2049, true), (4095, 4097, true),
    ])
  func anOldCookieIsRefused(sent: Int, back: Int, good: Bool) throws {
    let host = Host { $0.synCookies = .always }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1000)
    host.wait(.seconds(sent))
    host.receive(peer.segment(.syn))
    try peer.hear(host.segment())
    host.wait(.seconds(back - sent))
    // Somebody else's SYN keeps the listener on its guard.
    host.receive(Peer("10.0.0.9:1", "10.0.0.1:80", sequence: 1).segment(.syn))
    _ = host.sent()
    host.receive(peer.segment(.ack))
    #expect(host.sent().map { $0.tcp?.flags } == (good ? [] : [.rst]))
    #expect((try host.stack.accept(listener) != nil) == good)
  }

  @Test func keysRoll() throws {
    func cookie(at seconds: Int) throws -> UInt32 {
      let host = Host { $0.synCookies = .always }
      _ = try host.stack.listen(on: ListenEndpoint(port: 80))
      host.wait(.seconds(seconds))
      host.receive(Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1000).segment(.syn))
      return try #require(try host.segment().tcp).sequence.rawValue
    }
    #expect(try cookie(at: 1) == cookie(at: 60))
    // The count takes part with 32 bits and the key of its time; no two of them agree.
    let cookies = try (0..<200).map { try cookie(at: $0 * 64) }
    #expect(Set(cookies).count == 200)
  }

  @Test(.requirement("A-31"))
  func aCookieIsTakenOnce() throws {
    let host = Host { $0.synCookies = .always }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 1000)
    host.receive(peer.segment(.syn))
    try peer.hear(host.segment())
    let acknowledgment = peer.segment(.ack)
    host.receive(acknowledgment)
    let id = try #require(try host.stack.accept(listener))
    // A copy belongs to the connection, and when that is gone, to nothing.
    host.receive(acknowledgment)
    host.expectSilence()
    try host.stack.abort(id, at: host.now)
    _ = host.sent()
    _ = host.events()
    host.receive(acknowledgment)
    #expect(try host.segment().tcp?.flags == .rst)
    #expect(try host.stack.waitingCount(of: listener) == 0)
  }

  @Test(.requirement("A-31"))
  func cookiesAreBelievedOnlyWhileSomeAreOut() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 1)
    let stranger = Peer("10.0.0.3:1", "10.0.0.1:80", sequence: 1)
    func guess() throws {
      host.receive(stranger.stray(.ack, SequenceNumber(5), SequenceNumber(77)))
      #expect(try host.segment().tcp?.flags == .rst)
    }
    try guess()
    #expect(host.stack.statistics.tcp.cookiesRefused == 0, "not even looked at")
    for port in 1...17 { host.receive(Peer("10.0.0.2:\(port)", "10.0.0.1:80", sequence: 1).segment(.syn)) }
    _ = host.sent()
    #expect(host.stack.statistics.tcp.cookiesSent == 1)
    try guess()
    #expect(host.stack.statistics.tcp.cookiesRefused == 1)
    host.wait(.seconds(129))
    try guess()
    #expect(host.stack.statistics.tcp.cookiesRefused == 1)
    _ = listener
  }

  @Test(.requirement("4987-1", "4987-5"))
  func cookiesComeWhenHandshakesAreFullAndGoWhenThereIsRoom() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 2)
    var peers: [Peer] = []
    for port in 0..<100 {
      let peer = Peer("10.0.0.2:\(1000 + port)", "10.0.0.1:80", sequence: 1)
      host.receive(peer.segment(.syn))
      try peer.hear(host.segment())
      peers.append(peer)
    }
    #expect(host.stack.statistics.tcp.cookiesSent == 100 - 32)
    #expect(host.stack.statistics.tcp.synchronizesDropped == 0)
    // All of them are served, whether there is a record of them or not.
    for peer in peers.reversed() {
      host.receive(peer.segment(.ack))
      #expect(try host.stack.accept(listener) != nil)
    }
    host.expectSilence()
    let next = Peer("10.0.0.3:1", "10.0.0.1:80", sequence: 1)
    host.receive(next.segment(.syn))
    _ = try host.segment()
    #expect(host.stack.statistics.tcp.cookiesSent == 100 - 32)
  }

  @Test(.requirement("A-43"))
  func whereNoConnectionCanWaitNoCookieIsSentAndNoneIsTaken() throws {
    let host = Host { $0.synCookies = .always }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 1)
    let early = Peer("10.0.0.2:1", "10.0.0.1:80", sequence: 1)
    host.receive(early.segment(.syn))
    try early.hear(host.segment())
    _ = try host.handshake(from: "10.0.0.2:2")
    // The one has its cookie already, the other gets none.
    let request = early.segment([.ack, .psh], "GET /")
    host.receive(request)
    host.expectSilence()
    host.receive(Peer("10.0.0.2:3", "10.0.0.1:80", sequence: 1).segment(.syn))
    host.expectSilence()
    #expect(host.stack.statistics.tcp.acceptOverflows == 1)
    #expect(host.stack.statistics.tcp.synchronizesDropped == 1)
    _ = try #require(try host.stack.accept(listener))
    host.receive(request)
    let id = try #require(try host.stack.accept(listener))
    #expect(try host.read(id) == "GET /")
  }

  @Test func aCookieOfTheFirstSynCompletesTheHandshakeOfTheSecond() throws {
    let host = Host()
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 1)
    let others = (1...16).map { Peer("10.0.0.3:\($0)", "10.0.0.1:80", sequence: 1) }
    for other in others {
      host.receive(other.segment(.syn))
      try other.hear(host.segment())
    }
    let peer = Peer("10.0.0.2:5000", "10.0.0.1:80", sequence: 100)
    let synchronize = peer.segment(.syn)
    host.receive(synchronize)
    try peer.hear(host.segment())
    // There is room again when the client's second SYN comes, while it hears the answer to the first.
    host.receive(others[0].stray(.rst, SequenceNumber(2)))
    host.receive(synchronize)
    #expect(try host.segment().tcp?.sequence != peer.acknowledgment - 1)
    host.receive(peer.segment([.ack, .psh], "hello"))
    let id = try #require(try host.stack.accept(listener))
    #expect(try host.read(id) == "hello")
    host.wait(.seconds(5))
    #expect(host.stack.state(of: id) == .established)
  }

  /// A cookie has 29 bits that tell clients apart: among many two may get the same, and each of them is let in once.
  @Test(.requirement("A-31"))
  func twoClientsMayHaveTheSameCookie() throws {
    let host = Host { $0.synCookies = .always }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let twins = ["10.0.0.2:25843", "10.0.0.2:43654"].map { Peer($0, "10.0.0.1:80", sequence: 1) }
    for twin in twins {
      host.receive(twin.segment(.syn))
      try twin.hear(host.segment())
    }
    try #require(twins[0].acknowledgment == twins[1].acknowledgment, "with the host's keys of today")
    for twin in twins {
      host.receive(twin.segment(.ack))
      host.expectSilence()
      #expect(try host.stack.accept(listener) != nil)
    }
  }

  @Test func aSynThatEndsTimeWaitGetsNoCookie() throws {
    let host = Host { $0.synCookies = .always }
    let listener = try host.stack.listen(on: ListenEndpoint(port: 80))
    let (id, peer) = try host.accepted(listener)
    try host.stack.close(id, at: host.now)
    try peer.hear(host.segment())
    host.receive(peer.segment([.ack, .fin]))
    _ = host.sent()
    let old = peer.acknowledgment
    let sent = host.stack.statistics.tcp.cookiesSent
    host.receive(peer.stray(.syn, peer.sequence + 100_000))
    let answer = try #require(try host.segment().tcp)
    #expect(answer.flags == [.syn, .ack])
    #expect(answer.sequence > old, "above every number the old connection used")
    #expect(host.stack.statistics.tcp.cookiesSent == sent)
  }

  @Test func neverMeansNever() throws {
    let host = Host { $0.synCookies = .never }
    _ = try host.stack.listen(on: ListenEndpoint(port: 80), backlog: 1)
    for port in 1...100 { host.receive(Peer("10.0.0.2:\(port)", "10.0.0.1:80", sequence: 1).segment(.syn)) }
    #expect(host.sent().count == 16)
    #expect(host.stack.statistics.tcp.cookiesSent == 0)
    #expect(host.stack.statistics.tcp.synchronizesDropped == 84)
  }
}
