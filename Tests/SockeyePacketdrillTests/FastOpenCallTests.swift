// Shows Fast Open through the calls of packetdrill's table: TCP_FASTOPEN and its relatives, MSG_FASTOPEN, and what TCP_INFO
// says of it.

import Glibc
import SockeyePacketdrillShims
import SockeyeTestSupport
import SockeyeWire
import Testing

@testable import SockeyePacketdrill

@Suite struct FastOpenCallTests {
  private static let fastOpen: Int32 = 23
  private static let fastOpenConnect: Int32 = 30
  private static let fastOpenKey: Int32 = 33
  private static let fastOpenNoCookie: Int32 = 34
  private static let message: Int32 = 0x2000_0000
  private static let cookie = FastOpenCookie(0x0123_4567_89ab_cdef)
  private let tcp = Int32(IPPROTO_TCP)

  private static let hosts = [(IPVersion.v4, false), (.v6, false), (.v4, true)]

  private func options(_ cookie: FastOpenCookie?, mss: UInt16 = 1460) -> TCPOptions {
    var options = TCPOptions.synchronize(mss: mss, sackPermitted: true)
    options.fastOpen = cookie
    return options
  }

  private func information(_ script: Script, _ socket: Int32) -> sockeye_tcp_info {
    var result = sockeye_tcp_info()
    #expect(script.option(socket, tcp, TCPOption.information, &result) == 0)
    return result
  }

  private func hasSentText(_ script: Script, _ socket: Int32) -> Bool {
    information(script, socket).options & 32 != 0
  }

  // MARK: Servers

  /// A listener that takes `limit` connections with text.
  private func listening(
    _ script: Script, _ limit: Int32 = 2, key: [UInt8]? = nil
  ) -> Int32 {
    let socket = script.socket()
    #expect(script.bind(socket) == 0)
    if let key { #expect(script.setBytes(socket, tcp, Self.fastOpenKey, key) == 0) }
    #expect(script.listen(socket) == 0)
    #expect(script.set(socket, tcp, Self.fastOpen, limit) == 0)
    #expect(script.number(socket, tcp, Self.fastOpen) == limit)
    return socket
  }

  /// Asks a listener for a cookie.
  private func ask(_ script: Script) throws -> FastOpenCookie {
    script.inject("S", seq: 0, options: options(.request))
    let cookie = try #require(script.expect("S.", seq: 0, ack: 1)?.header.options.fastOpen)
    script.inject("R", seq: 1)
    script.peerPort += 1
    return cookie
  }

  @Test(arguments: hosts)
  func textOfASynIsReadAtOnce(version: IPVersion, isMapped: Bool) throws {
    let script = Script("wscale=8,sysctl=off", version, isMapped: isMapped)
    let listener = listening(script)
    let cookie = try ask(script)
    script.inject("S", seq: 0, length: 100, options: options(cookie))
    script.expect("S.", seq: 0, ack: 101)
    let (socket, from) = script.accept(listener)
    #expect(from == Endpoint(address: script.peer, port: script.peerPort))
    #expect(script.receive(socket, 200) == SentText.octets(at: 0, 100))
    #expect(script.write(socket, 50) == 50)
    script.expect("P.", seq: 1, ack: 101, length: 50)
    #expect(hasSentText(script, socket) && information(script, socket).delivered == 0)
    script.inject(".", seq: 101, ack: 51)
    #expect(information(script, socket).delivered == 2)
    // Nobody may change his mind when it is too late.
    #expect(script.set(socket, tcp, Self.fastOpen, Int32(1)) == -1 && errno == EINVAL)
  }

  // The cookie is that of a Linux host with this key (see FastOpenVariantTests).
  @Test func aKeyMakesTheCookie() throws {
    let words: [UInt32] = [0x0123_4567, 0x89ab_cdef, 0x0246_8ace, 0x1357_9bdf]
    let octets = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    let script = Script()
    _ = listening(script, key: octets)
    let first = try ask(script)
    let other = Script("wscale=8,sysctl=off,fastopen_key=01234567-89abcdef-02468ace-13579bdf")
    let listener = listening(other)
    #expect(try ask(other) == first)
    #expect(other.bytes(listener, tcp, Self.fastOpenKey, room: 40) == octets)
    #expect(other.setBytes(listener, tcp, Self.fastOpenKey, [UInt8](repeating: 7, count: 16)) == 0)
    #expect(try ask(other) != first)
    #expect(other.setBytes(listener, tcp, Self.fastOpenKey, [1, 2, 3]) == -1 && errno == EINVAL)
  }

  @Test(arguments: [("fastopen=1", false), ("fastopen=2", true), ("fastopen=0", false)])
  func aListenerNeedsTheSystemsLeave(flag: String, isGiven: Bool) {
    let script = Script("wscale=8,sysctl=off,\(flag)")
    _ = listening(script)
    script.inject("S", seq: 0, options: options(.request))
    #expect((script.expect("S.", seq: 0, ack: 1)?.header.options.fastOpen != nil) == isGiven)
  }

  @Test func theSystemMayHaveAllListenersTakeText() {
    let script = Script("wscale=8,sysctl=off,fastopen=0x602")
    let socket = script.socket()
    #expect(script.bind(socket) == 0 && script.listen(socket) == 0)
    script.inject("S", seq: 0, length: 100)
    script.expect("S.", seq: 0, ack: 101)
    #expect(script.receive(script.accept(socket).0, 200)?.count == 100)
  }

  @Test func aListenerMayDoWithoutCookies() {
    let script = Script()
    let socket = listening(script)
    #expect(script.set(socket, tcp, Self.fastOpenNoCookie, Int32(1)) == 0)
    #expect(script.number(socket, tcp, Self.fastOpenNoCookie) == 1)
    script.inject("S", seq: 0, length: 100)
    script.expect("S.", seq: 0, ack: 101)
    #expect(script.set(socket, tcp, Self.fastOpenNoCookie, Int32(2)) == -1 && errno == EINVAL)
  }

  @Test func whoWasAcceptedBeforeTheHandshakeWasOverIsReset() throws {
    let script = Script()
    let listener = listening(script)
    let cookie = try ask(script)
    script.inject("S", seq: 0, length: 100, options: options(cookie))
    script.expect("S.", seq: 0, ack: 101)
    let (socket, _) = script.accept(listener)
    script.inject("R.", seq: 101, ack: 1)
    #expect(script.write(socket, 10) == -1 && errno == ECONNRESET)
    #expect(script.receive(socket, 200)?.count == 100)
  }

  // MARK: Clients

  /// A host that was given a cookie.
  private func acquainted(
    _ version: IPVersion = .v4, isMapped: Bool = false, flags: String = "", mss: UInt16 = 1000
  ) -> Script {
    let script = Script("wscale=8,sysctl=off\(flags)", version, isMapped: isMapped)
    script.peerPort = 8080
    let socket = fresh(script)
    #expect(script.send(socket, 500, flags: Self.message, to: 8080) == -1 && errno == EINPROGRESS)
    #expect(script.expect("S", seq: 0)?.header.options.fastOpen == .request)
    script.inject("S.", seq: 0, ack: 1, options: options(Self.cookie, mss: mss))
    script.expect(".", seq: 1, ack: 1)
    #expect(!hasSentText(script, socket) && information(script, socket).rate_flags >> 1 == 1)
    #expect(script.close(socket) == 0)
    script.expect("F.", seq: 1, ack: 1)
    script.inject("R", seq: 1)
    return script
  }

  private func fresh(_ script: Script) -> Int32 {
    let socket = script.socket()
    #expect(script.fcntl(socket, F_SETFL, Int(O_NONBLOCK)) == 0)
    return socket
  }

  @Test(arguments: hosts)
  func textLeavesWithTheSyn(version: IPVersion, isMapped: Bool) throws {
    let script = acquainted(version, isMapped: isMapped)
    let socket = fresh(script)
    // What does not fit the SYN is not taken.
    #expect(script.send(socket, 2000, flags: Self.message, to: 8080) == 960)
    #expect(script.expect("S", seq: 0, length: 960)?.header.options.fastOpen == Self.cookie)
    #expect(script.send(socket, 10, flags: Self.message, to: 8080) == -1 && errno == EALREADY)
    #expect(script.write(socket, 10) == -1 && errno == EAGAIN)
    #expect(script.connect(socket) == -1 && errno == EALREADY)
    #expect(script.poll(socket, POLLOUT) == 0)
    script.inject("S.", seq: 0, ack: 961, options: options(nil, mss: 1000))
    script.expect(".", seq: 961, ack: 1)
    #expect(hasSentText(script, socket) && information(script, socket).delivered == 1)
    // Once there is a connection the flag means nothing.
    #expect(script.send(socket, 100, flags: Self.message, to: 8080) == 100)
    script.expect("P.", seq: 961, ack: 1, length: 100)
  }

  @Test func whatTheServerLeavesIsSentAgain() {
    let script = acquainted()
    let socket = fresh(script)
    #expect(script.send(socket, 500, flags: Self.message, to: 8080) == 500)
    script.expect("S", seq: 0, length: 500)
    script.inject("S.", seq: 0, ack: 1, options: options(nil))
    script.expect("P.", seq: 1, ack: 1, length: 500)
    #expect(!hasSentText(script, socket) && information(script, socket).rate_flags >> 1 == 2)
    script.inject(".", seq: 1, ack: 501)
    // It is tried again next time, as Linux does.
    let next = fresh(script)
    #expect(script.send(next, 500, flags: Self.message, to: 8080) == 500)
    #expect(script.expect("S", seq: 0, length: 500)?.header.options.fastOpen == Self.cookie)
    let copy = script.expect("S", seq: 0)
    #expect(copy?.header.options.fastOpen == nil)
    script.inject("S.", seq: 0, ack: 1, options: options(nil))
    script.expect("P.", seq: 1, ack: 1, length: 500)
    #expect(information(script, next).rate_flags >> 1 == 3)
  }

  @Test func aRefusalIsToldByTheNextCall() {
    let script = acquainted()
    let socket = fresh(script)
    #expect(script.send(socket, 500, flags: Self.message, to: 8080) == 500)
    script.expect("S", seq: 0, length: 500)
    script.inject("R.", seq: 0, ack: 1)
    #expect(script.write(socket, 10) == -1 && errno == ECONNREFUSED)
  }

  @Test func aBlockingCallTakesEverythingAndWaitsForTheHandshake() {
    let script = acquainted()
    let socket = script.socket()
    let sender = CallThread { (script.send(socket, 2000, flags: Self.message, to: 8080), script.now()) }
    sender.start(untilAsleepIn: script)
    script.expect("S", seq: 0, length: 960)
    script.sleep(milliseconds: 20)
    script.inject("S.", seq: 0, ack: 961, options: options(nil, mss: 1040))
    #expect(sender.result().0 == 2000)
    script.expect("P.", seq: 961, ack: 1, length: 1040)
  }

  // MARK: TCP_FASTOPEN_CONNECT

  @Test(arguments: hosts)
  func connectMayWaitForText(version: IPVersion, isMapped: Bool) {
    let script = acquainted(version, isMapped: isMapped)
    let socket = fresh(script)
    #expect(script.set(socket, tcp, Self.fastOpenConnect, Int32(1)) == 0)
    #expect(script.connect(socket) == 0)
    #expect(script.connect(socket) == -1 && errno == EISCONN)
    #expect(script.poll(socket, POLLIN | POLLOUT) == POLLOUT)
    #expect(script.read(socket, 10) == -1 && errno == EAGAIN)
    #expect(information(script, socket).state == 2)
    #expect(script.listen(socket) == -1 && errno == EINVAL)
    #expect(script.write(socket, 500) == 500)
    #expect(script.expect("S", seq: 0, length: 500)?.header.options.fastOpen == Self.cookie)
    script.inject("S.", seq: 0, ack: 501, options: options(nil))
    script.expect(".", seq: 501, ack: 1)
    #expect(hasSentText(script, socket))
    #expect(script.set(socket, tcp, Self.fastOpenConnect, Int32(0)) == -1 && errno == EINVAL)
  }

  @Test func withoutACookieConnectAsksForOne() {
    let script = Script()
    script.peerPort = 8080
    let socket = fresh(script)
    #expect(script.set(socket, tcp, Self.fastOpenConnect, Int32(1)) == 0)
    #expect(script.connect(socket) == -1 && errno == EINPROGRESS)
    #expect(script.expect("S", seq: 0)?.header.options.fastOpen == .request)
  }

  @Test func whatWaitsForTextAndGetsNoneLeavesNothing() {
    let script = acquainted()
    let socket = fresh(script)
    #expect(script.set(socket, tcp, Self.fastOpenConnect, Int32(1)) == 0)
    #expect(script.connect(socket) == 0)
    // Nothing written is a handshake all the same.
    #expect(script.send(socket, 0, flags: 0) == -1 && errno == EINPROGRESS)
    #expect(script.expect("S", seq: 0)?.header.options.fastOpen == Self.cookie)
    let other = fresh(script)
    #expect(script.set(other, tcp, Self.fastOpenConnect, Int32(1)) == 0)
    #expect(script.connect(other) == 0 && script.close(other) == 0)
    #expect(script.expect("S", seq: 0)?.header.options.fastOpen == nil)
  }

  // MARK: What is allowed

  @Test func aClientNeedsTheSystemsLeave() {
    let script = Script("wscale=8,sysctl=off,fastopen=2")
    let socket = fresh(script)
    #expect(script.send(socket, 10, flags: Self.message, to: 8080) == -1 && errno == EOPNOTSUPP)
    #expect(script.set(socket, tcp, Self.fastOpenConnect, Int32(1)) == -1 && errno == EOPNOTSUPP)
    #expect(script.sendToNobody(socket, flags: Self.message) == -1 && errno == EOPNOTSUPP)
  }

  @Test(arguments: [true, false])
  func aClientMayDoWithoutCookies(bySystem: Bool) {
    let script = Script("wscale=8,sysctl=off\(bySystem ? ",fastopen=5" : "")")
    script.peerPort = 8080
    let socket = fresh(script)
    if !bySystem { #expect(script.set(socket, tcp, Self.fastOpenNoCookie, Int32(1)) == 0) }
    #expect(script.send(socket, 2000, flags: Self.message, to: 8080) == 1420)
    #expect(script.expect("S", seq: 0, length: 1420)?.header.options.fastOpen == nil)
  }

  @Test func aRegularConnectionHasNoneOfIt() {
    let script = acquainted()
    let socket = fresh(script)
    #expect(script.connect(socket) == -1)
    #expect(script.expect("S", seq: 0)?.header.options.fastOpen == nil)
  }

  @Test func anAttemptUnderWayCanBeGivenFewerRetries() {
    let script = acquainted()
    let socket = fresh(script)
    #expect(script.send(socket, 500, flags: Self.message, to: 8080) == 500)
    #expect(script.set(socket, tcp, TCPOption.synchronizeCount, Int32(1)) == 0)
    script.expect("S", seq: 0, length: 500)
    script.expect("S", seq: 0)
    script.sleep(milliseconds: 2100)
    #expect(script.write(socket, 10) == -1 && errno == ETIMEDOUT)
  }

  // MARK: Disconnecting

  @Test func connectingToNobodyResetsAndTheSocketServesAgain() {
    let script = Script()
    let (_, socket) = script.established()
    #expect(script.connectToNobody(socket) == 0)
    script.expect("R.", seq: 1, ack: 1)
    #expect(script.fcntl(socket, F_SETFL, Int(O_NONBLOCK)) == 0)
    script.peerPort = 8080
    #expect(script.connect(socket) == -1 && errno == EINPROGRESS)
    script.expect("S", seq: 0)
  }
}
