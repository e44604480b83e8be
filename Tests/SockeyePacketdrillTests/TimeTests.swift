// Shows how time passes in a session: virtual time only when it is moved, timers on the way, and calls that sleep on a
// thread of their own while the script goes on.

import Glibc
import SockeyeTestSupport
import Testing

@testable import SockeyePacketdrill

@Suite struct TimeTests {
  @Test func virtualTimeMovesByQuestionsAndSleepOnly() {
    let script = Script()
    let start = script.now()
    #expect(script.now() - start == 1)
    script.sleep(milliseconds: 1000)
    #expect(script.now() - start == 1_000_002)
  }

  @Test func waitingForAPacketMovesTimeToIt() throws {
    let script = Script()
    let (_, connection) = script.established()
    #expect(script.write(connection, 100) == 100)
    let first = try #require(script.expect("P.", seq: 1, length: 100))
    // The round trip and 200 ms, as Linux has it.
    let second = try #require(script.expect("P.", seq: 1, length: 100))
    let third = try #require(script.expect("P.", seq: 1, length: 100))
    #expect((205_000...215_000).contains(second.at - first.at))
    #expect((415_000...425_000).contains(third.at - second.at))
  }

  @Test func withNothingToComeThereIsNoPacket() {
    #expect(Script().next() == nil)
  }

  @Test func aBlockedReadWakesWhenTextArrives() {
    let script = Script()
    let (_, connection) = script.established()
    let reader = CallThread {
      let count = script.read(connection, 100)
      return (count, script.now())
    }
    reader.start(untilAsleepIn: script)
    script.sleep(milliseconds: 100)
    let before = script.now()
    script.inject("P.", seq: 1, ack: 1, length: 30)
    // The time stands still until the reader has asked for it.
    script.sleep(milliseconds: 500)
    let (count, asked) = reader.result()
    #expect(count == 30)
    #expect((0...10).contains(asked - before))
  }

  @Test func aBlockedWriteGoesOnAsThePeerAcknowledges() {
    let script = Script()
    let (_, connection) = script.established()
    #expect(script.set(connection, SOL_SOCKET, SO_SNDBUF, Int32(4_000)) == 0)
    let writer = CallThread {
      let count = script.write(connection, 37_520)
      return (count, script.now())
    }
    writer.start(untilAsleepIn: script)
    // What left of the first buffer made room in it for as much again.
    #expect(script.ioctl(connection, 0x5411) == 21_440)
    for end in [5_360, 16_080, 21_440] { script.inject(".", seq: 1, ack: 1 + end) }
    script.sleep(milliseconds: 1)
    let (count, _) = writer.result()
    #expect(count == 37_520)
  }

  @Test func aPollThatWaitsEndsWithItsTime() {
    let script = Script()
    let (_, connection) = script.established()
    let start = script.now()
    #expect(script.poll(connection, POLLIN, milliseconds: 250) == 0)
    #expect((250_000...250_010).contains(script.now() - start))
  }

  @Test func realTimeIsTheSystems() {
    let script = Script("time=real,wscale=8,sysctl=off")
    let (_, connection) = script.established()
    let start = script.now()
    #expect(script.write(connection, 100) == 100)
    script.expect("P.", seq: 1, length: 100)
    script.sleep(milliseconds: 5)
    #expect(script.now() - start >= 5_000)
  }
}

/// A second thread, for a call that sleeps.
final class CallThread: @unchecked Sendable {
  private let body: () -> (Int, Int)
  private var answer = (0, 0)
  private var handle = pthread_t()

  init(_ body: @escaping () -> (Int, Int)) { self.body = body }

  /// Starts the thread and waits until its call sleeps.
  func start(untilAsleepIn script: Script) {
    let pointer = Unmanaged.passRetained(self).toOpaque()
    pthread_create(
      &handle, nil,
      { argument in
        let thread = Unmanaged<CallThread>.fromOpaque(argument!).takeRetainedValue()
        thread.answer = thread.body()
        return nil
      }, pointer)
    let session = Unmanaged<Session>.fromOpaque(script.user!).takeUnretainedValue()
    while session.monitor.locked({ session.blocked.isEmpty }) { sched_yield() }
  }

  func result() -> (Int, Int) {
    pthread_join(handle, nil)
    return answer
  }
}
