// Fast Open as servers behind one address, networks of one's own and programs that look before they write have it: shared
// cookies, none at all, and what a user can ask for and change (RFC 7413 §6.3.4, §7.3).

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

@Suite struct FastOpenVariantTests {
  private static let cookie = FastOpenCookie(0x1122_3344_5566_7788)
  private static let key = HashKey(0x89ab_cdef_0123_4567, 0x1357_9bdf_0246_8ace)

  private func tcp(needsCookie: Bool = true) -> TCPConfiguration {
    var tcp = TCPConfiguration()
    tcp.fastOpen = true
    tcp.fastOpenWithoutCookie = !needsCookie
    return tcp
  }

  private func options(_ cookie: FastOpenCookie?, mss: UInt16 = 1460) -> TCPOptions {
    var options = TCPOptions.synchronize(mss: mss, sackPermitted: true)
    options.fastOpen = cookie
    return options
  }

  private func nextClient(_ talk: Conversation) {
    talk.use(
      nil, hostPort: talk.hostPort, peerPort: talk.peerPort + 1, hostStart: nil, peerStart: talk.peerStart)
  }

  private func again(_ talk: Conversation) {
    talk.use(
      nil, hostPort: talk.hostPort + 1, peerPort: talk.peerPort, hostStart: nil, peerStart: talk.peerStart)
  }

  private func room(_ talk: Conversation, tcp: TCPConfiguration? = nil) throws -> Int? {
    try talk.stack.fastOpenRoom(to: talk.peerAddress, configuration: tcp, at: talk.now)
  }

  // MARK: Servers that share a key

  // As SipHash-2-4 of both addresses in the order of the wire gives them, computed with another program.
  @Test(
    .requirement("7413-3"),
    arguments: [
      ("192.0.2.7", "198.51.100.9", UInt64(0x1913_21ae_1d7f_ab2c)),
      ("2001:db8::7", "2001:db8:1::9", 0xeecd_d5c4_3812_4942),
    ])
  func sharedCookiesAreAHashOfBothAddresses(client: String, server: String, octets: UInt64) throws {
    let (client, server) = (
      try #require(IPAddress(parsing: client)), try #require(IPAddress(parsing: server))
    )
    let cookies = SharedFastOpenCookies(key: Self.key)
    let cookie = cookies.cookie(for: client, of: server)
    #expect(cookie == FastOpenCookie(octets))
    #expect(cookies.verdict(on: cookie, from: client, of: server) == .current)
    #expect(cookies.verdict(on: cookie, from: server, of: client) == .wrong)
    #expect(cookies.verdict(on: .request, from: client, of: server) == .wrong)
    let changed = SharedFastOpenCookies(key: HashKey(1, 2), previous: Self.key)
    #expect(changed.verdict(on: cookie, from: client, of: server) == .previous)
    #expect(SharedFastOpenCookies(key: HashKey(1, 2)).verdict(on: cookie, from: client, of: server) == .wrong)
  }

  @Test(.requirement("7413-3"), arguments: [IPVersion.v4, .v6])
  func anotherServersCookieIsGoodAndOneOfTheOldKeyIsReplaced(version: IPVersion) throws {
    let talk = Conversation(version, tcp: tcp())
    talk.listen(fastOpenLimit: 3)
    let listener = try #require(talk.listener)
    try talk.stack.setSharedFastOpenCookies(SharedFastOpenCookies(key: Self.key), of: listener)
    let cookies = SharedFastOpenCookies(key: Self.key)
    let cookie = cookies.cookie(for: talk.peerAddress, of: talk.hostAddress)
    talk.receive("S", seq: 0, options: options(.request))
    #expect(talk.expect("S.", seq: 0, ack: 1)?.header.options.fastOpen == cookie)
    talk.receive("R", seq: 1)
    nextClient(talk)
    talk.receive("S", seq: 0, length: 100, options: options(cookie))
    #expect(talk.expect("S.", seq: 0, ack: 101)?.header.options.fastOpen == nil)
    talk.receive(".", seq: 101, ack: 1)
    nextClient(talk)
    let next = SharedFastOpenCookies(key: HashKey(1, 2), previous: Self.key)
    try talk.stack.setSharedFastOpenCookies(next, of: listener)
    talk.receive("S", seq: 0, length: 100, options: options(cookie))
    let answer = talk.expect("S.", seq: 0, ack: 101)
    #expect(answer?.header.options.fastOpen == next.cookie(for: talk.peerAddress, of: talk.hostAddress))
    // 7413-5: a copy of it hands out nothing.
    #expect(talk.expect("S.", seq: 0, ack: 101, within: .seconds(2))?.header.options.fastOpen == nil)
  }

  @Test(.requirement("7413-3"))
  func aCookieOfTheHostsOwnIsReplacedInItsSecondHour() throws {
    let talk = Conversation(tcp: tcp())
    talk.listen(fastOpenLimit: 3)
    talk.receive("S", seq: 0, options: options(.request))
    let cookie = try #require(talk.expect("S.", seq: 0, ack: 1)?.header.options.fastOpen)
    talk.receive("R", seq: 1)
    talk.advance(.hours(1))
    nextClient(talk)
    talk.receive("S", seq: 0, length: 100, options: options(cookie))
    let renewed = try #require(talk.expect("S.", seq: 0, ack: 101)?.header.options.fastOpen)
    #expect(renewed != cookie)
    talk.receive(".", seq: 101, ack: 1)
    talk.advance(.minutes(30))
    talk.takeSent()
    nextClient(talk)
    talk.receive("S", seq: 0, length: 100, options: options(renewed))
    #expect(talk.expect("S.", seq: 0, ack: 101)?.header.options.fastOpen == nil)
  }

  // MARK: Without cookies

  @Test(.requirement("7413-4"), arguments: [IPVersion.v4, .v6])
  func whereNoCookieIsNeededTheFirstSynHasText(version: IPVersion) throws {
    let talk = Conversation(version, tcp: tcp(needsCookie: false))
    let most = version == .v4 ? 1420 : 1400
    #expect(try room(talk) == most)
    talk.connect(sending: 5000)
    let first = talk.expect("S", seq: 0, length: most)
    #expect(first?.header.options.fastOpen == nil)
    talk.receive("S.", seq: 0, ack: 1 + most, options: options(Self.cookie, mss: 1000))
    talk.expectState(.established)
    #expect(talk.status?.fastOpen == .taken)
    // A cookie that nobody asked for is not kept, and the MSS is.
    talk.abort()
    talk.takeSent()
    #expect(try room(talk) == 960)
    #expect(try room(talk, tcp: tcp()) == nil)
  }

  @Test(.requirement("7413-6"))
  func whereNoCookieIsNeededTextIsTakenFromWhoeverSendsIt() throws {
    let talk = Conversation(tcp: tcp(needsCookie: false))
    talk.listen(fastOpenLimit: 2)
    for cookie in [nil, Self.cookie] {
      talk.receive("S", seq: 0, data: Conversation.text(at: 1, 100), options: options(cookie))
      #expect(talk.expect("S.", seq: 0, ack: 101)?.header.options.fastOpen == nil)
      talk.accept()
      #expect(talk.read() == Conversation.text(at: 1, 100))
      nextClient(talk)
    }
    // The bound holds for them as well.
    talk.receive("S", seq: 0, length: 100, options: options(nil))
    talk.expect("S.", seq: 0, ack: 1)
    nextClient(talk)
    // Without text it is an ordinary handshake.
    talk.receive("S", seq: 0, options: options(nil))
    talk.expect("S.", seq: 0, ack: 1)
    #expect(talk.stack.statistics.tcp.fastOpensPassive == 2)
  }

  // MARK: Servers

  /// A listener, and a cookie that it takes.
  private func serving(limit: Int = 3, tcp: TCPConfiguration? = nil) throws -> (Conversation, FastOpenCookie)
  {
    let talk = Conversation(tcp: tcp ?? self.tcp())
    talk.listen(fastOpenLimit: limit)
    let cookies = SharedFastOpenCookies(key: Self.key)
    try talk.stack.setSharedFastOpenCookies(cookies, of: try #require(talk.listener))
    return (talk, cookies.cookie(for: talk.peerAddress, of: talk.hostAddress))
  }

  @Test(.requirement("7413-6"))
  func whoeverHasACookieMayBeAnsweredBeforeHeSaysAnything() throws {
    let (talk, cookie) = try serving()
    talk.receive("S", seq: 0, options: options(cookie))
    talk.expect("S.", seq: 0, ack: 1)
    talk.accept()
    talk.write(50)
    talk.expect("P.", seq: 1, ack: 1, length: 50)
    #expect(talk.status?.fastOpen == .notTried)
    talk.receive(".", seq: 1, ack: 51)
    talk.expectState(.established)
  }

  @Test(.requirement("7413-6"))
  func whereTextIsWaitedForACookieAloneIsNotEnough() throws {
    var tcp = tcp()
    tcp.acceptDeferral = .seconds(3)
    let (talk, cookie) = try serving(tcp: tcp)
    talk.receive("S", seq: 0, options: options(cookie))
    talk.expect("S.", seq: 0, ack: 1)
    #expect(try talk.stack.waitingCount(of: try #require(talk.listener)) == 0)
  }

  @Test(.requirement("7413-6"))
  func theWholeWindowOfTheSynIsForTheAnswer() throws {
    let (talk, cookie) = try serving()
    talk.receive("S", seq: 0, length: 10, win: 2000, options: options(cookie, mss: 1000))
    talk.expect("S.", seq: 0, ack: 11)
    talk.accept()
    talk.write(3000)
    talk.expect(".", seq: 1, ack: 11, length: 1000)
    talk.expect(".", seq: 1001, ack: 11, length: 1000)
    talk.expectNothing()
  }

  @Test(.requirement("3168-1"))
  func congestionNotificationIsAgreedOnAsInAnyHandshake() throws {
    let (talk, cookie) = try serving()
    talk.receive("SEW", seq: 0, length: 10, options: options(cookie))
    talk.expect("SE.", seq: 0, ack: 11)
    talk.accept()
    talk.receive(".", seq: 11, ack: 1)
    #expect(talk.status?.usesCongestionNotification == true)
    nextClient(talk)
    talk.receive("S", seq: 0, length: 10, options: options(cookie))
    talk.expect("S.", seq: 0, ack: 11)
  }

  @Test(.requirement("7413-6"))
  func theBoundCanBeChanged() throws {
    let (talk, cookie) = try serving(limit: 0)
    let listener = try #require(talk.listener)
    talk.receive("S", seq: 0, length: 100, options: options(cookie))
    talk.expect("S.", seq: 0, ack: 1)
    nextClient(talk)
    try talk.stack.setFastOpenLimit(1, of: listener)
    for expected in [101, 1] {
      talk.receive("S", seq: 0, length: 100, options: options(cookie))
      talk.expect("S.", seq: 0, ack: expected)
      nextClient(talk)
    }
    #expect(throws: SocketError.invalidBacklog(-1)) { try talk.stack.setFastOpenLimit(-1, of: listener) }
  }

  @Test(.requirement("SHLD-3"))
  func whoGoesWithoutReadingTheTextOfTheSynResets() throws {
    let (talk, cookie) = try serving()
    talk.receive("S", seq: 0, length: 100, options: options(cookie))
    talk.expect("S.", seq: 0, ack: 101)
    talk.accept()
    talk.close()
    talk.expect("R.", seq: 1, ack: 101)
    talk.expectNothing()
  }

  // MARK: Clients

  /// A host that has a cookie of its peer.
  private func acquainted(mss: UInt16 = 1460, tcp: TCPConfiguration? = nil) -> Conversation {
    let talk = Conversation(tcp: tcp ?? self.tcp())
    talk.connect()
    talk.expect("S", seq: 0, length: 0)
    talk.receive("S.", seq: 0, ack: 1, options: options(Self.cookie, mss: mss))
    talk.expect(".", seq: 1, ack: 1)
    #expect(talk.status?.fastOpen == .noCookie)
    talk.abort()
    talk.takeSent()
    again(talk)
    return talk
  }

  @Test(.requirement("7413-4"))
  func aUserLearnsHowMuchWouldLeaveWithTheSyn() throws {
    let stranger = Conversation(tcp: tcp())
    #expect(try room(stranger) == nil)
    let talk = acquainted(mss: 1000)
    #expect(try room(talk) == 960)
    var small = tcp()
    small.maximumSegmentSize = 500
    #expect(try room(talk, tcp: small) == 460)
    #expect(try room(talk, tcp: TCPConfiguration()) == nil)
    // No link of ours takes more than this.
    #expect(try room(acquainted(mss: 9000)) == 1420)
    #expect(throws: SocketError.self) { try talk.stack.fastOpenRoom(to: .unspecified(.v4), at: talk.now) }
  }

  // RFC 7413 §4.1.3: the MSS is remembered with the cookie, and an answer without a new cookie tells one, too.
  @Test(.requirement("7413-4"))
  func theMSSOfTheLastAnswerCounts() throws {
    let talk = acquainted(mss: 1000)
    talk.connect(sending: 10)
    talk.takeSent().first.map { talk.hostStart = $0.header.sequence.rawValue }
    talk.receive("S.", seq: 0, ack: 11, options: options(nil, mss: 1300))
    talk.expectState(.established)
    #expect(try room(talk) == 1260)
  }

  @Test(.requirement("7413-7"))
  func theStatusTellsWhatCameOfIt() {
    for (acknowledged, outcome) in [(501, FastOpenOutcome.taken), (1, .notTaken), (300, .notTaken)] {
      let talk = acquainted()
      talk.connect(sending: 500)
      talk.takeSent().first.map { talk.hostStart = $0.header.sequence.rawValue }
      talk.receive("S.", seq: 0, ack: acknowledged, options: options(nil))
      #expect(talk.status?.fastOpen == outcome)
    }
    let late = acquainted()
    late.connect(sending: 500)
    late.takeSent().first.map { late.hostStart = $0.header.sequence.rawValue }
    late.expect("S", seq: 0, length: 0, after: .seconds(1))
    late.receive("S.", seq: 0, ack: 1, options: options(nil))
    #expect(late.status?.fastOpen == .repeated)
  }

  @Test(.requirement("7413-7"))
  func aHostMayTryAgainAtOnce() throws {
    let talk = Conversation(tcp: tcp(), configure: { $0.fastOpenPause = .zero })
    talk.connect()
    talk.expect("S", seq: 0, length: 0)
    talk.expect("S", seq: 0, length: 0, after: .seconds(1))
    talk.receive("S.", seq: 0, ack: 1, options: options(nil))
    talk.abort()
    talk.takeSent()
    again(talk)
    talk.connect()
    #expect(talk.expect("S", seq: 0, length: 0)?.header.options.fastOpen == .request)
  }

  @Test(.requirement("7413-5"))
  func aSynWhoseTextIsTooMuchForThePathIsSentAgainAtOnceWithout() throws {
    let talk = acquainted()
    talk.connect(sending: 1400)
    let first = try #require(talk.takeSent().first)
    talk.hostStart = first.header.sequence.rawValue
    talk.receiveError(type: 3, code: 4, rest: 1000, about: first)
    let copy = talk.expect("S", seq: 0, length: 0)
    #expect(copy?.header.options.fastOpen == nil)
    talk.receive("S.", seq: 0, ack: 1, options: options(nil))
    #expect(talk.takeSent().first?.payload.count == 960)
  }

  @Test(.requirement("7413-7"))
  func textThatWasCutForTheSynHoldsNothingBack() {
    var tcp = tcp()
    tcp.nagleIgnoresFullSegments = true
    let talk = acquainted(tcp: tcp)
    talk.connect(sending: 1420)
    talk.takeSent().first.map { talk.hostStart = $0.header.sequence.rawValue }
    talk.receive("S.", seq: 0, ack: 1, options: options(nil))
    talk.expect("P.", seq: 1, ack: 1, length: 1420)
    talk.write(2000)
    talk.expect(".", seq: 1421, ack: 1, length: 1460)
    talk.expect("P.", seq: 2881, ack: 1, length: 540)
  }

  @Test(.requirement("MUST-23"))
  func anAttemptUnderWayCanBeGivenLessTime() throws {
    let talk = Conversation()
    talk.connect()
    talk.expect("S", seq: 0)
    let id = try #require(talk.connection)
    try talk.stack.setConnectTimeout(.seconds(4), of: id, at: talk.now)
    talk.advance(.milliseconds(3999))
    talk.expectState(.synSent)
    talk.advance(.milliseconds(1))
    talk.expectState(.closed)
    #expect(throws: SocketError.self) { try talk.stack.setConnectTimeout(.zero, of: id, at: talk.now) }
  }
}
