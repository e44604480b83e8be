// A connection without a host around it: what it answers to calls that a host of ours would not make, and what it keeps.

import SockeyeBytes
import SockeyeWire
import Testing

@testable import SockeyeTCP

@Suite struct ConnectionAloneTests {
  /// A host takes the record of TIME-WAIT out of the connection at once. One that does not is served as well.
  @Test(.requirement("S-35"))
  func aResetDoesNotEndTimeWait() throws {
    var end = End()
    _ = end.receive([.syn, .ack], seq: 0, ack: 1)
    try end.connection.finish(at: end.now)
    end.drain()
    _ = end.receive([.fin, .ack], seq: 1, ack: 2)
    #expect(end.connection.state == .timeWait)
    let outcome = end.receive(.rst, seq: 2)
    #expect(outcome.dropped == .timeWait)
    #expect(outcome.reset == nil)
    #expect(end.connection.state == .timeWait)
    let record = end.connection.takeTimeWait(at: end.now).record
    #expect(record.receiveNext == SequenceNumber(2))
    #expect(end.connection.state == .closed && end.connection.closeReason == .finished)
  }

  /// All timers but 2 MSL end with TIME-WAIT, and that one is the record's.
  @Test(.requirement("S-61")) func inTimeWaitAnOrphanIsNotGivenUp() throws {
    var end = End()
    _ = end.receive([.syn, .ack], seq: 0, ack: 1)
    end.connection.close(at: end.now)
    end.drain()
    _ = end.receive(.ack, seq: 1, ack: 2)
    #expect(end.connection.state == .finWait2)
    #expect(end.connection.armedTimers[.orphan] == end.now + .seconds(60))
    _ = end.receive([.fin, .ack], seq: 1, ack: 2)
    #expect(end.connection.state == .timeWait)
    #expect(end.connection.armedTimers == ArmedTimers())
    end.now = end.now + .minutes(2)
    let plan = end.connection.plan(at: end.now)
    #expect(plan == .idle)
  }

  /// And all end with the connection, whatever was outstanding.
  @Test(.requirement("S-34")) func aConnectionThatIsOverHasNoTimers() throws {
    var end = End()
    _ = end.receive([.syn, .ack], seq: 0, ack: 1)
    let text: [UInt8] = [1, 2, 3]
    _ = try end.connection.write(text.span.bytes, at: end.now)
    end.drain()
    #expect(end.connection.armedTimers[.retransmission] != nil)
    _ = end.receive(.rst, seq: 1)
    #expect(end.connection.state == .closed)
    #expect(end.connection.armedTimers == ArmedTimers())
  }

  @Test(.requirement("MUST-20", "MUST-23")) func thePlanSaysWhenToGiveUp() {
    var end = End()
    end.now = end.now + .minutes(3) - .nanoseconds(1)
    var plan = end.connection.plan(at: end.now)
    #expect(plan != .abandon(.timedOut))
    end.now = end.now + .nanoseconds(1)
    plan = end.connection.plan(at: end.now)
    #expect(plan == .abandon(.timedOut))
    end.connection.abandon(.timedOut)
    plan = end.connection.plan(at: end.now)
    #expect(plan == .idle)
    #expect(end.connection.closeReason == .timedOut)
  }

  @Test(.requirement("N-5")) func newsIsTakenOnce() {
    var end = End()
    _ = end.receive([.syn, .ack], seq: 0, ack: 1)
    var notices = end.connection.takeNotices()
    #expect(notices == [.connected, .writable])
    notices = end.connection.takeNotices()
    #expect(notices.isEmpty)
    var transitions = end.connection.takeTransitions()
    #expect(!transitions.isEmpty)
    transitions = end.connection.takeTransitions()
    #expect(transitions.isEmpty)
  }

  /// The first reason stands.
  @Test func whatIsOverDoesNotEndAgain() {
    var end = End()
    _ = end.receive([.rst, .ack], seq: 0, ack: 1)
    end.connection.abandon(.timedOut)
    #expect(end.connection.closeReason == .refused)
    end.connection.openingFailed(.unreachable)
    #expect(end.connection.closeReason == .refused)
  }

  /// CLOSE gives up what is unread, in the states that are over as well, in which it tells the peer nothing.
  @Test(.requirement("X-12"), arguments: [TCPState.timeWait, .closed])
  func closeGivesUpWhatIsUnread(state: TCPState) throws {
    var end = End()
    _ = end.receive([.syn, .ack], seq: 0, ack: 1)
    _ = end.receive(.ack, seq: 1, ack: 1, [1, 2, 3])
    if state == .timeWait {
      try end.connection.finish(at: end.now)
      end.drain()
      _ = end.receive([.fin, .ack], seq: 4, ack: 2)
    } else {
      _ = end.receive(.rst, seq: 4)
    }
    #expect(end.connection.state == state)
    #expect(end.connection.readableCount == 3)
    end.connection.close(at: end.now)
    #expect(end.connection.readableCount == 0)
    #expect(end.connection.bufferedBytes == 0)
    let plan = end.connection.plan(at: end.now)
    #expect(plan == .idle)
    #expect(end.connection.closeReason == (state == .timeWait ? nil : .reset))
    var frame = FrameBuffer(capacity: 3)
    var error: ConnectionError?
    frame.fill { out in
      do throws(ConnectionError) { _ = try end.connection.read(into: &out, at: end.now) } catch let refused {
        error = refused
      }
    }
    #expect(error == .readingClosed)
  }

  @Test(.requirement("U-29")) func abortDropsWhatIsQueuedBothWays() throws {
    var end = End()
    _ = end.receive([.syn, .ack], seq: 0, ack: 1)
    _ = end.receive(.ack, seq: 1, ack: 1, [1, 2, 3])
    let text: [UInt8] = [1, 2, 3]
    _ = try end.connection.write(text.span.bytes, at: end.now)
    end.drain()
    end.connection.abort(at: end.now)
    #expect(end.connection.readableCount == 0)
    #expect(end.connection.bufferedBytes == 0)
    let plan = end.connection.plan(at: end.now)
    if case .segment(let segment) = plan {
      #expect(segment.flags == [.rst, .ack] && segment.sequence == End.start + 4)
    } else {
      Issue.record("the peer is told")
    }
  }

  @Test func aTimeThatCannotBeIsRefusedAndChangesNothing() {
    var end = End()
    var refused: [ConfigurationError.StaticField] = []
    do throws(ConfigurationError) { try end.connection.setOrphanTimeout(.zero - .nanoseconds(1)) } catch {
      refused.append(error.field)
    }
    do throws(ConfigurationError) { try end.connection.setUserTimeout(.zero) } catch {
      refused.append(error.field)
    }
    do throws(ConfigurationError) { try end.connection.setConnectTimeout(.zero) } catch {
      refused.append(error.field)
    }
    do throws(ConfigurationError) { try end.connection.setKeepAlive(KeepAlive(probes: 1)) } catch {
      refused.append(error.field)
    }
    #expect(refused == [.orphanTimeout, .userTimeout, .connectTimeout, .keepAliveProbes])
    #expect(end.connection.configuration == TCPConfiguration())
  }

  /// Whether it is copied out or taken where it lies.
  @Test(.requirement("MUST-33"), arguments: [true, false])
  func readingPassesTheUrgentMark(copied: Bool) throws {
    var end = End()
    _ = end.receive([.syn, .ack], seq: 0, ack: 1)
    _ = end.receive([.ack, .urg], seq: 1, ack: 1, [1, 2, 3], up: 2)
    #expect(end.connection.urgentAhead == 2)
    if copied {
      var frame = FrameBuffer(capacity: 3)
      var count = 0
      frame.fill { count = (try? end.connection.read(into: &$0, at: end.now)) ?? 0 }
      #expect(count == 3)
    } else {
      end.connection.discard(3, at: end.now)
    }
    #expect(end.connection.urgentAhead == 0)
    #expect(end.connection.receive.urgentEnd == nil)
  }

  /// It is made of a segment that has just come.
  @Test(.requirement("MUST-26")) func thePeerOfANewConnectionWasHeardNow() {
    let opened = Instant.zero + .seconds(1)
    let header = TCPHeader(
      sourcePort: 1, destinationPort: 2, sequence: SequenceNumber(0), acknowledgment: SequenceNumber(0),
      flags: .syn, window: 60_000)
    let handshake = PassiveHandshake(
      listen: End.parameters(), header: header, payload: RawSpan(), heldLimit: 0, at: opened)
    let now = opened + .seconds(2)
    let connection = Connection(completing: handshake, at: now)
    let status = connection.transmissionStatus(at: now)
    #expect(status.lastHeardAt == now)
  }

  /// Before the peer's SYN nobody knows where its text would be stored, wherever its numbers lie.
  @Test(arguments: [0, 1, 0x7fff_ffff, 0x8000_0001, .max] as [UInt32])
  func withoutAPeerThereIsNoStorageForText(number: UInt32) {
    let end = End()
    let hasStorage = end.connection.hasStorage(forTextUpTo: SequenceNumber(number))
    #expect(!hasStorage)
  }

  /// A client's host hears once what came of it. As long as the server may still acknowledge text of the SYN, some is kept.
  @Test(.requirement("7413-7"), arguments: [1, 101])
  func whatCameOfAFastOpenIsTakenOnce(acknowledged: Int) throws {
    var configuration = TCPConfiguration()
    configuration.fastOpen = true
    var parameters = End.parameters(configuration)
    parameters.fastOpen = FastOpenAttempt(cookie: FastOpenCookie(7))
    let now = Instant.zero + .seconds(1)
    var connection = Connection(opening: parameters, at: now)
    let text = [UInt8](repeating: 7, count: 100)
    _ = try connection.write(text.span.bytes, at: now)
    var end = End(connection)
    _ = end.receive([.syn, .ack], seq: 0, ack: acknowledged)
    let result = end.connection.takeFastOpenResult()
    #expect(result?.sent == 100 && result?.accepted == acknowledged - 1)
    let again = end.connection.takeFastOpenResult()
    #expect(again == nil)
    #expect((end.connection.fastOpen == nil) == (acknowledged == 101))
  }

  /// What a listener's connection remembers of Fast Open it needs no longer than the handshake takes.
  @Test func nothingIsKeptOfAFastOpenThatIsOver() {
    var configuration = TCPConfiguration()
    configuration.fastOpen = true
    let header = TCPHeader(
      sourcePort: 1, destinationPort: 2, sequence: SequenceNumber(0), acknowledgment: SequenceNumber(0),
      flags: .syn, window: 60_000)
    let text = [UInt8](repeating: 7, count: 100)
    let now = Instant.zero + .seconds(1)
    let handshake = PassiveHandshake(
      listen: End.parameters(configuration), header: header, payload: text.span.bytes, heldLimit: 1_000,
      at: now)
    var end = End(Connection(fastOpening: handshake, at: now))
    #expect(end.connection.readableCount == 100)
    #expect(end.connection.fastOpen != nil)
    _ = end.receive(.ack, seq: 101, ack: 1)
    #expect(end.connection.state == .established)
    #expect(end.connection.fastOpen == nil)
  }
}
