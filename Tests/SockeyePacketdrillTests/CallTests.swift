// Shows the calls of packetdrill's table through their C pointers: opening, transfer, readiness, options and the end of a
// connection, over IPv4, IPv6 and mapped addresses.

import Glibc
import SockeyePacketdrillShims
import SockeyeTestSupport
import SockeyeWire
import Testing

@testable import SockeyePacketdrill

@Suite struct CallTests {
  private let stream = Int32(SOCK_STREAM.rawValue)
  private let tcp = Int32(IPPROTO_TCP)

  @Test func allPlacesOfTheTableAreFilled() {
    #expect(Script().filledSlots == 33)
  }

  @Test(arguments: [(IPVersion.v4, false), (.v6, false), (.v4, true)])
  func connectionsAreAcceptedAndClosed(version: IPVersion, isMapped: Bool) {
    let script = Script("wscale=8,sysctl=off", version, isMapped: isMapped)
    let (listener, connection) = script.established()
    script.inject("P.", seq: 1, ack: 1, length: 10)
    script.expect(".", seq: 1, ack: 11)
    #expect(script.receive(connection, 100) == SentText.octets(at: 1, 10))
    #expect(script.write(connection, 500) == 500)
    script.expect("P.", seq: 1, ack: 11, length: 500)
    script.inject("F.", seq: 11, ack: 501)
    script.expect(".", seq: 501, ack: 12)
    #expect(script.read(connection, 10) == 0)
    #expect(script.close(connection) == 0)
    script.expect("F.", seq: 501, ack: 12)
    script.inject(".", seq: 12, ack: 502)
    #expect(script.close(listener) == 0)
  }

  @Test(arguments: [(IPVersion.v4, false), (.v6, false), (.v4, true)])
  func connectionsAreMade(version: IPVersion, isMapped: Bool) throws {
    let script = Script("wscale=8,sysctl=off", version, isMapped: isMapped)
    let socket = script.socket()
    #expect(script.fcntl(socket, F_SETFL, Int(O_NONBLOCK)) == 0)
    #expect(script.fcntl(socket, F_GETFL) == O_RDWR | O_NONBLOCK)
    script.peerPort = 8080
    #expect(script.connect(socket) == -1 && errno == EINPROGRESS)
    let synchronize = try #require(script.expect("S", seq: 0))
    #expect(synchronize.header.options.windowScale == 8)
    #expect(script.connect(socket) == -1 && errno == EALREADY)
    #expect(script.poll(socket, POLLOUT) == 0)
    script.inject("S.", seq: 0, ack: 1)
    script.expect(".", seq: 1, ack: 1)
    #expect(script.poll(socket, POLLOUT) == POLLOUT)
    #expect(script.number(socket, SOL_SOCKET, SO_ERROR) == 0)
    // Whoever asks again is told once that it has worked.
    #expect(script.connect(socket) == 0)
    #expect(script.connect(socket) == -1 && errno == EISCONN)
    #expect(script.close(socket) == 0)
    script.expect("F.", seq: 1, ack: 1)
  }

  @Test func aRefusedConnectionSaysSoOnce() {
    let script = Script()
    let socket = script.socket()
    _ = script.fcntl(socket, F_SETFL, Int(O_NONBLOCK))
    script.peerPort = 8080
    #expect(script.connect(socket) == -1)
    script.expect("S", seq: 0)
    script.inject("R.", seq: 0, ack: 1)
    #expect(script.poll(socket, POLLOUT) & POLLERR != 0)
    #expect(script.number(socket, SOL_SOCKET, SO_ERROR) == ECONNREFUSED)
    #expect(script.number(socket, SOL_SOCKET, SO_ERROR) == 0)
  }

  @Test func aResetIsToldByTheNextCallAndOnlyOnce() {
    let script = Script()
    let (_, connection) = script.established()
    script.inject("R.", seq: 1, ack: 1)
    #expect(script.read(connection, 10) == -1 && errno == ECONNRESET)
    #expect(script.read(connection, 10) == 0)
    #expect(script.write(connection, 10) == -1 && errno == EPIPE)
  }

  @Test func readingWithFlagsLooksTakesAndSkips() {
    let script = Script()
    let (_, connection) = script.established()
    #expect(script.receive(connection, 10, flags: Int32(MSG_DONTWAIT)) == nil && errno == EAGAIN)
    script.inject("P.", seq: 1, ack: 1, length: 20)
    #expect(script.ioctl(connection, 0x541b) == 20)
    #expect(script.receive(connection, 5, flags: Int32(MSG_PEEK)) == SentText.octets(at: 1, 5))
    #expect(script.receive(connection, 5) == SentText.octets(at: 1, 5))
    #expect(
      script.receive(connection, 50, flags: Int32(MSG_WAITALL | MSG_DONTWAIT))
        == SentText.octets(at: 6, 15))
    #expect(script.ioctl(connection, 0x541b) == 0)
  }

  @Test func writingQueuesAreCounted() {
    let script = Script()
    let (_, connection) = script.established()
    #expect(script.write(connection, 20_000) == 20_000)
    for segment in 0..<10 {
      script.expect(segment % 2 == 1 ? "P." : ".", seq: 1 + segment * 536, length: 536)
    }
    #expect(script.ioctl(connection, 0x5411) == 20_000)
    #expect(script.ioctl(connection, 0x894b) == 14_640)
  }

  @Test func theUserShutsOneDirectionAtATime() {
    let script = Script()
    let (_, connection) = script.established()
    #expect(script.shutdown(connection, Int(SHUT_WR)) == 0)
    script.expect("F.", seq: 1, ack: 1)
    #expect(script.write(connection, 1) == -1 && errno == EPIPE)
    script.inject("P.", seq: 1, ack: 2, length: 7)
    script.expect(".", seq: 2, ack: 8)
    #expect(script.read(connection, 10) == 7)
    #expect(script.poll(connection, POLLIN) == 0)
    #expect(script.shutdown(connection, Int(SHUT_RD)) == 0)
    #expect(script.read(connection, 10) == 0)
    #expect(script.poll(connection, POLLIN | 0x2000) == POLLIN | POLLHUP | 0x2000)
  }

  @Test func lingeringForNoTimeIsAReset() {
    let script = Script()
    let (_, connection) = script.established()
    #expect(script.set(connection, SOL_SOCKET, SO_LINGER, linger(l_onoff: 1, l_linger: 0)) == 0)
    #expect(script.close(connection) == 0)
    script.expect("R.", seq: 1, ack: 1)
  }

  @Test func optionsAreKept() {
    let script = Script()
    let (listener, connection) = script.established()
    for (level, name, value, told) in [
      (SOL_SOCKET, SO_REUSEADDR, 1, 1), (SOL_SOCKET, SO_KEEPALIVE, 1, 1),
      (SOL_SOCKET, SO_RCVBUF, 30_000, 60_000),
      (SOL_SOCKET, SO_SNDBUF, 21_000, 42_000), (tcp, TCPOption.noDelay, 1, 1), (tcp, TCPOption.cork, 1, 1),
      (tcp, TCPOption.keepIdle, 30, 30), (tcp, TCPOption.keepInterval, 7, 7),
      (tcp, TCPOption.keepCount, 3, 3),
      (tcp, TCPOption.synchronizeCount, 2, 2), (tcp, TCPOption.linger2, 9, 9),
      (tcp, TCPOption.userTimeout, 3000, 3000),
      (tcp, TCPOption.deferAccept, 1, 1), (Int32(IPPROTO_IP), Int32(IP_TTL), 9, 9),
    ] as [(Int32, Int32, Int32, Int32)] {
      #expect(script.set(connection, level, name, value) == 0, "option \(level)/\(name)")
      #expect(script.number(connection, level, name) == told, "option \(level)/\(name)")
    }
    #expect(script.number(listener, SOL_SOCKET, SO_ACCEPTCONN) == 1)
    #expect(script.number(connection, SOL_SOCKET, SO_TYPE) == stream)
    #expect(script.set(connection, tcp, 999, Int32(1)) == -1 && errno == ENOPROTOOPT)
    #expect(script.set(connection, tcp, TCPOption.keepIdle, Int32(0)) == -1 && errno == EINVAL)
    #expect(script.set(listener, SOL_SOCKET, SO_ERROR, Int32(1)) == -1 && errno == ENOPROTOOPT)
  }

  @Test func theCongestionControlIsNamedAsOnLinux() {
    let script = Script("wscale=8,sysctl=off,congestion=newreno")
    let socket = script.socket()
    var name: (UInt64, UInt64) = (0, 0)
    #expect(script.option(socket, tcp, TCPOption.congestion, &name) == 0)
    #expect(withUnsafeBytes(of: &name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) } == "reno")
  }

  @Test func informationIsLaidOutAsOnLinux() {
    #expect(MemoryLayout<sockeye_tcp_info>.offset(of: \.snd_cwnd) == 80)
    #expect(MemoryLayout<sockeye_tcp_info>.offset(of: \.delivered) == 192)
    #expect(MemoryLayout<sockeye_tcp_info>.offset(of: \.total_rto) == 240)
    let script = Script()
    var synchronize = TCPOptions()
    synchronize.maximumSegmentSize = 1000
    synchronize.sackPermitted = true
    synchronize.windowScale = 7
    let (_, connection) = script.established(options: synchronize)
    #expect(script.write(connection, 5000) == 5000)
    for _ in 0..<5 { _ = script.next() }
    var sack = TCPOptions()
    _ = sack.sackBlocks.append(
      SACKBlock(
        left: SequenceNumber(script.hostStart &+ 1001), right: SequenceNumber(script.hostStart &+ 2001)))
    script.sleep(milliseconds: 10)
    script.inject(".", seq: 1, ack: 1, options: sack)
    var information = sockeye_tcp_info()
    #expect(script.option(connection, tcp, TCPOption.information, &information) == 0)
    #expect(information.state == 1 && information.congestion_state == 1)
    #expect(information.unacked == 5 && information.sacked == 1 && information.lost == 0)
    #expect(
      information.snd_cwnd == 10 && information.snd_ssthresh == 0x7fff_ffff && information.snd_mss == 1000)
    #expect(information.options == 6 && information.window_scales == 0x87)
    #expect(information.bytes_sent == 5000)
  }

  @Test func descriptorsThatAreNotOursAreTold() {
    let script = Script()
    #expect(script.read(9999, 10) == -1 && errno == EBADF)
    #expect(script.listen(0) == -1 && errno == ENOTSOCK)
    #expect(script.write(script.socket(), 10) == -1 && errno == EPIPE)
    #expect(script.accept(script.socket()).0 == -1 && errno == EINVAL)
  }
}

enum SentText {
  static func octets(at number: Int, _ count: Int) -> [UInt8] { Conversation.text(at: number, count) }
}
