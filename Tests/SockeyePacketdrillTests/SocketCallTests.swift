// Shows what Linux's sockets do at edges: urgent data, errors that ICMP tells, error queues, files that are sent, and the end
// of a connection that nobody has asked about.

import Glibc
import SockeyeBytes
import SockeyePacketdrillShims
import SockeyeTestSupport
import SockeyeWire
import Testing

@testable import SockeyePacketdrill

@Suite struct SocketCallTests {
  private func connecting(_ script: Script) -> Int32 {
    let socket = script.socket()
    _ = script.fcntl(socket, F_SETFL, Int(O_NONBLOCK))
    script.peerPort = 8080
    #expect(script.connect(socket) == -1 && errno == EINPROGRESS)
    script.expect("S", seq: 0)
    return socket
  }

  // MARK: Ends and errors

  @Test func whoShutsAConnectionDownWithoutHavingAskedForItFinishesIt() {
    let script = Script()
    let socket = connecting(script)
    script.inject("S.", seq: 0, ack: 1)
    script.expect(".", seq: 1, ack: 1)
    #expect(script.shutdown(socket, Int(SHUT_WR)) == 0)
    script.expect("F.", seq: 1, ack: 1)
  }

  @Test(arguments: [(0, ENETUNREACH), (1, EHOSTUNREACH), (2, ENOPROTOOPT), (3, ECONNREFUSED)])
  func whatICMPTellsOfAnAttemptEndsIt(code: Int, number: Int32) {
    let script = Script()
    let socket = connecting(script)
    script.injectUnreachable(code: UInt8(code), seq: 0)
    #expect(script.poll(socket, POLLOUT) & POLLERR != 0)
    #expect(script.number(socket, SOL_SOCKET, SO_ERROR) == number)
  }

  @Test func whatICMPTellsOfAConnectionIsToldAtOnceOnlyToWhoHasAsked() {
    let script = Script()
    let (_, connection) = script.established()
    #expect(script.write(connection, 100) == 100)
    script.expect("P.", seq: 1, length: 100)
    script.injectUnreachable(code: 1, seq: 1)
    #expect(script.number(connection, SOL_SOCKET, SO_ERROR) == 0)
    #expect(script.set(connection, Int32(IPPROTO_IP), Int32(IP_RECVERR), Int32(1)) == 0)
    script.injectUnreachable(code: 1, seq: 1)
    #expect(script.number(connection, SOL_SOCKET, SO_ERROR) == EHOSTUNREACH)
  }

  @Test func withTheRFCsDefaultsAnAttemptOutlivesASoftError() {
    let script = Script("wscale=8,sysctl=off,defaults=rfc")
    let socket = connecting(script)
    script.injectUnreachable(code: 1, seq: 0)
    #expect(script.number(socket, SOL_SOCKET, SO_ERROR) == 0)
    script.expect("S", seq: 0)
  }

  @Test func anAttemptThatFailedIsToldAndTheNextBeginsAnew() {
    let script = Script()
    let socket = connecting(script)
    script.inject("R.", seq: 0, ack: 1)
    #expect(script.connect(socket) == -1 && errno == ECONNREFUSED)
    #expect(script.connect(socket) == -1 && errno == EINPROGRESS)
    script.expect("S", seq: 0)
    script.inject("S.", seq: 0, ack: 1)
    script.expect(".", seq: 1, ack: 1)
    #expect(script.connect(socket) == 0)
  }

  @Test(arguments: [(false, EPIPE), (true, ECONNRESET)])
  func aResetAfterThePeersFinish(isShut: Bool, number: Int32) {
    let script = Script()
    let (_, connection) = script.established()
    script.inject("F.", seq: 1, ack: 1)
    script.expect(".", seq: 1, ack: 2)
    if isShut {
      #expect(script.shutdown(connection, Int(SHUT_WR)) == 0)
      script.expect("F.", seq: 1, ack: 2)
    }
    script.inject("R.", seq: 2, ack: 1)
    #expect(script.number(connection, SOL_SOCKET, SO_ERROR) == number)
  }

  @Test func theWindowIsHalfOfTheBufferThatIsTold() {
    let script = Script()
    let listener = script.socket()
    #expect(script.set(listener, SOL_SOCKET, SO_RCVBUF, Int32(10_000)) == 0)
    #expect(script.number(listener, SOL_SOCKET, SO_RCVBUF) == 20_000)
    #expect(script.bind(listener) == 0 && script.listen(listener) == 0)
    script.inject("S", seq: 0)
    #expect(script.expect("S.", seq: 0, ack: 1)?.header.window == 10_000)
  }

  @Test func unknownOptionsAreRefused() {
    let script = Script()
    let socket = script.socket()
    var value: Int32 = 0
    #expect(script.option(socket, SOL_SOCKET, 999, &value) == -1 && errno == ENOPROTOOPT)
    #expect(script.number(socket, SOL_SOCKET, SO_SNDLOWAT) == 1)
    #expect(script.set(socket, SOL_SOCKET, SO_ZEROCOPY, Int32(2)) == -1 && errno == EINVAL)
    #expect(script.set(socket, SOL_SOCKET, SO_TIMESTAMPING, Int32(1 << 30)) == -1 && errno == EINVAL)
    // Keys count octets of a connection.
    #expect(script.set(socket, SOL_SOCKET, SO_TIMESTAMPING, Int32(0x80)) == -1 && errno == EINVAL)
    #expect(LinuxDefaults.deferral(ofSeconds: 5) == 7)
    #expect(LinuxDefaults.deferral(ofSeconds: 0) == 0)
  }

  // MARK: Urgent data

  private func urgent(_ script: Script, inline: Bool = false) -> Int32 {
    let (_, connection) = script.established()
    #expect(script.set(connection, SOL_SOCKET, SO_OOBINLINE, Int32(inline ? 1 : 0)) == 0)
    script.inject("PU.", seq: 1, ack: 1, length: 5, urgent: 5)
    script.expect(".", seq: 1, ack: 6)
    return connection
  }

  @Test func theUrgentOctetIsBesideTheStream() {
    let script = Script()
    let connection = urgent(script)
    #expect(script.poll(connection, POLLIN | POLLPRI) == POLLIN | POLLPRI)
    #expect(script.ioctl(connection, 0x541b) == 4)
    #expect(script.read(connection, 100) == 4)
    #expect(script.ioctl(connection, 0x8905) == 1)
    #expect(script.poll(connection, POLLIN | POLLPRI) == POLLPRI)
    #expect(script.receive(connection, 10, flags: Int32(MSG_OOB | MSG_PEEK)) == SentText.octets(at: 5, 1))
    #expect(script.receive(connection, 10, flags: Int32(MSG_OOB)) == SentText.octets(at: 5, 1))
    #expect(script.receive(connection, 10, flags: Int32(MSG_OOB)) == nil && errno == EINVAL)
    script.inject("P.", seq: 6, ack: 1, length: 3)
    script.expect(".", seq: 1, ack: 9)
    #expect(script.receive(connection, 10, flags: Int32(MSG_PEEK)) == SentText.octets(at: 6, 3))
    #expect(script.receive(connection, 10) == SentText.octets(at: 6, 3))
    #expect(script.ioctl(connection, 0x8905) == 0)
  }

  @Test func theUrgentOctetIsInTheStreamIfItIsAskedFor() {
    let script = Script()
    let connection = urgent(script, inline: true)
    #expect(script.receive(connection, 10, flags: Int32(MSG_OOB)) == nil && errno == EINVAL)
    #expect(script.read(connection, 100) == 4)
    #expect(script.poll(connection, POLLIN) == POLLIN)
    #expect(script.receive(connection, 10) == SentText.octets(at: 5, 1))
  }

  @Test func nothingIsSplicedPastTheUrgentOctet() {
    let script = Script()
    let connection = urgent(script)
    let pipe = script.pipe()
    #expect(script.splice(connection, pipe.1, 4) == 4)
    #expect(script.splice(connection, pipe.1, 1) == 0)
    _ = script.close(pipe.0)
    _ = script.close(pipe.1)
  }

  // MARK: Files and error queues

  @Test func aFileIsSent() throws {
    let script = Script()
    let (_, connection) = script.established()
    let file = try #require(tmpfile())
    defer { fclose(file) }
    fputs("hello", file)
    fflush(file)
    var offset: Int64 = 1
    #expect(sendFileEntry(script.user, connection, fileno(file), &offset, 100) == 4)
    #expect(offset == 5)
    script.expect("P.", seq: 1, length: 4)
  }

  @Test func textWrittenWithoutACopyIsDoneWithWhenItIsAcknowledged() {
    let script = Script()
    let (_, connection) = script.established()
    let withoutCopy: Int32 = 0x400_0000
    #expect(script.set(connection, Int32(IPPROTO_TCP), TCPOption.noDelay, Int32(1)) == 0)
    // Not before the socket was told so.
    #expect(script.send(connection, 100, flags: withoutCopy) == 100)
    #expect(script.set(connection, SOL_SOCKET, SO_ZEROCOPY, Int32(1)) == 0)
    for _ in 0..<2 { #expect(script.send(connection, 100, flags: withoutCopy) == 100) }
    #expect(script.error(of: connection) == nil && errno == EAGAIN)
    script.inject(".", seq: 1, ack: 201)
    #expect(script.poll(connection, POLLIN) & POLLERR != 0)
    script.inject(".", seq: 1, ack: 301)
    // Both in one message: SO_EE_ORIGIN_ZEROCOPY, copied after all.
    #expect(
      script.error(of: connection)
        == .init(number: 0, origin: 5, code: 1, information: 0, data: 1, microseconds: nil))
    #expect(script.error(of: connection) == nil)
    #expect(script.poll(connection, POLLIN) == 0)
  }

  @Test func textIsStampedWhenItLeavesAndWhenItIsAcknowledged() {
    let script = Script()
    let (_, connection) = script.established()
    let all: Int32 = 1 << 1 | 1 << 4 | 1 << 7 | 1 << 8 | 1 << 9
    #expect(script.set(connection, SOL_SOCKET, SO_TIMESTAMPING, all) == 0)
    #expect(script.number(connection, SOL_SOCKET, SO_TIMESTAMPING) == all)
    #expect(script.write(connection, 100) == 100)
    let left = script.next()?.at ?? 0
    script.sleep(milliseconds: 10)
    script.inject(".", seq: 1, ack: 101)
    for (what, time) in [(1, left), (0, left), (2, left + 10_000)] as [(UInt32, Int)] {
      let message = script.error(of: connection)
      #expect(message?.number == ENOMSG && message?.origin == 4)
      #expect(message?.information == what && message?.data == 99)
      #expect(((message?.microseconds ?? 0) - time).magnitude < 100)
    }
    #expect(script.error(of: connection) == nil)
  }
}
