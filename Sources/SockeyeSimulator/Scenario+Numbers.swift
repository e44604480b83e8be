// Scenarios about numbers: sequence numbers that are old or pass zero, and the size of segments.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeWire

extension Scenario {
  func oldDuplicateSynchronize(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    let world = program.world
    world.timeline.showsAbsoluteSequenceNumbers = true
    guard let listener = world.listen(.right, port: ScenarioProgram.port) else { return program.done() }
    callAndGiveUp(world)
    world.narrate("Later it calls again, with a new sequence number. The old SYN is still on its way.")
    // The new SYN is slow, too: the old one and everything it causes come first.
    world.wire.faults.append(WireFault(.delay(.milliseconds(80)), .synchronize, from: .left))
    let client = world.connect(.left, to: world.endpoint(.right, port: ScenarioProgram.port), port: 49_200)
    world.run(for: .seconds(3))
    let server = listener.accept()
    client?.write("this is the connection I wanted")
    world.settle()
    server?.read()

    let timeline = program.timeline
    program.promise(
      "the server believes the old SYN, but only as far as SYN-RECEIVED",
      timeline.states(of: .right).prefix(2) == [.listen, .synReceived])
    program.promise(
      "the client refuses the answer with RST, and the server goes back to LISTEN",
      timeline.sent(by: .left, .reset).count == 1 && timeline.states(of: .right).count > 3)
    program.promise(
      "the new SYN connects", client?.state == .established && server?.state == .established)
    program.promise(
      "the server's application hears of one connection only", listener.accept() == nil)
    return program.done()
  }

  /// The client calls, its SYN gets stuck in the network for three seconds, and it gives up.
  func callAndGiveUp(_ world: World) {
    world.wire.faults.append(WireFault(.delay(.milliseconds(2_990)), .synchronize, from: .left))
    let client = world.connect(.left, to: world.endpoint(.right, port: ScenarioProgram.port), port: 49_200)
    world.run(for: .milliseconds(500))
    client?.abort()
    world.run(for: .milliseconds(2_490))
  }

  func wrap(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed, start: startBeforeZero(seed))
    let world = program.world
    world.timeline.showsAbsoluteSequenceNumbers = true
    world.narrate("Sequence numbers have 32 bits: after 4294967295 comes 0.")
    guard let listener = world.listen(.right, port: ScenarioProgram.port),
      let client = world.connect(.left, to: world.endpoint(.right, port: ScenarioProgram.port), port: 49_200)
    else { return program.done() }
    world.settle()
    let server = listener.accept()
    client.write("this message begins before zero ")
    world.settle()
    server?.read()
    client.write("and ends behind it")
    world.settle()
    server?.read()

    let timeline = program.timeline
    let data = timeline.sent(by: .left, .data).compactMap { $0.segment }
    program.promise(
      "a segment begins before zero and ends behind it",
      data.first.map { segment in
        segment.header.sequence.rawValue > .max - 32
          && (segment.header.sequence + segment.payload.count).rawValue < 32
      } ?? false)
    program.promise(
      "the server reads everything in order",
      isText(timeline.read(by: .right), "this message begins before zero and ends behind it"))
    program.promise("nothing is sent twice", timeline.retransmissions(by: .left).isEmpty)
    return program.done()
  }

  /// When the clock behind initial sequence numbers (RFC 9293 §3.4.1: one more every 4 µs) gives the client
  /// one that is just below zero. Asked of the real engine: a world that is thrown away calls at time zero.
  private func startBeforeZero(_ seed: UInt64) -> Instant {
    let trial = ScenarioProgram(self, seed).world
    trial.connect(.left, to: trial.endpoint(.right, port: ScenarioProgram.port), port: 49_200)
    let first = trial.timeline.flights.first?.segment?.header.sequence.rawValue ?? 0
    let wanted: UInt32 = 0 &- 16
    return Instant(nanoseconds: UInt64(wanted &- first) * 4_000)
  }

  func maximumSegmentSize(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    let world = program.world
    var small = ScenarioProgram.plain
    small.maximumSegmentSize = 536
    let message = pattern(1_460)
    var counts: [Int] = []
    for (port, configuration) in [(UInt16(3401), ScenarioProgram.plain), (UInt16(3402), small)] {
      guard let listener = world.listen(.right, port: port, configuration: configuration),
        let client = world.connect(.left, to: world.endpoint(.right, port: port))
      else { return program.done() }
      world.settle()
      let server = listener.accept()
      let before = world.timeline.sent(by: .left, .data).count
      client.write(message)
      world.settle()
      server?.read()
      counts.append(world.timeline.sent(by: .left, .data).count - before)
      client.abort()
      world.settle()
    }

    let timeline = program.timeline
    let announced = timeline.sent(by: .right, .synchronizeAcknowledge).map {
      $0.segment?.header.options.maximumSegmentSize
    }
    program.promise("the server announces 1460 once and 536 once", announced == [1460, 536])
    program.promise("1460 bytes leave as one segment, then as three", counts == [1, 3])
    program.promise("the server reads all of them both times", timeline.read(by: .right) == message + message)
    return program.done()
  }
}
