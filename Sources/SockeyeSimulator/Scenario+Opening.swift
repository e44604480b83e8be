// Scenarios about opening a connection: the whole story, both at once, and losses in the handshake.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeWire

extension Scenario {
  func hello(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    let world = program.world
    guard let listener = world.listen(.right, port: ScenarioProgram.port) else { return program.done() }

    world.narrate("1. The handshake: each side tells its first sequence number and has it acknowledged.")
    guard let client = world.connect(.left, to: world.endpoint(.right, port: ScenarioProgram.port)) else {
      return program.done()
    }
    world.settle()
    guard let server = listener.accept() else { return program.done() }

    world.narrate("2. The talk: data is numbered, and every byte is acknowledged.")
    server.write(ScenarioProgram.greeting)
    world.run { client.isReadable }
    let greeting = client.read()
    client.write(ScenarioProgram.reply)
    world.run { server.isReadable }
    let reply = server.read()
    world.settle()

    world.narrate("3. The close: each direction ends with a FIN of its own, and each FIN is acknowledged.")
    client.finish()
    world.settle()
    server.read()
    server.finish()
    world.settle()
    client.read()

    world.narrate("4. The last ACK may be lost, so the client stays to answer another FIN.")
    world.finish()

    let timeline = program.timeline
    program.promise("the client reads the server's greeting", isText(greeting, ScenarioProgram.greeting))
    program.promise("the server reads the client's reply", isText(reply, ScenarioProgram.reply))
    program.promise(
      "the client goes through SYN-SENT, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2 and TIME-WAIT to CLOSED",
      timeline.states(of: .left) == [.synSent, .established, .finWait1, .finWait2, .timeWait, .closed])
    program.promise(
      "the server goes through LISTEN, SYN-RECEIVED, ESTABLISHED, CLOSE-WAIT and LAST-ACK to CLOSED",
      timeline.states(of: .right) == [.listen, .synReceived, .established, .closeWait, .lastAck, .closed])
    program.promise("no segment is sent twice", timeline.retransmissions(by: .left).isEmpty)
    return program.done()
  }

  func simultaneousOpen(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed, leftName: "left", rightName: "right")
    let world = program.world
    world.narrate("Nobody listens: both sides call, each from the port that the other calls.")
    world.actsBeforeSending = true
    let left = world.connect(.left, to: world.endpoint(.right, port: 3402), port: 3401)
    let right = world.connect(.right, to: world.endpoint(.left, port: 3401), port: 3402)
    world.actsBeforeSending = false
    world.settle()
    left?.write("hello from the left")
    world.settle()
    right?.read()

    let timeline = program.timeline
    for side in HostSide.allCases {
      program.promise(
        "the \(timeline.name(of: side)) goes from SYN-SENT through SYN-RECEIVED to ESTABLISHED",
        timeline.states(of: side) == [.synSent, .synReceived, .established])
    }
    program.promise(
      "it is one connection: what one writes, the other reads",
      isText(timeline.read(by: .right), "hello from the left"))
    return program.done()
  }

  func lostSynchronize(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    program.world.wire.faults.append(WireFault(.lose, .synchronize, from: .left))
    connectAndWait(program.world)
    let timeline = program.timeline
    program.promise(
      "the client sends its SYN again when the timer runs out",
      timeline.retransmissions(by: .left) == [.timeout])
    program.promise(
      "the second SYN leaves one second after the first",
      gaps(timeline.sent(by: .left, .synchronize)) == [.seconds(1)])
    promiseEstablished(&program)
    return program.done()
  }

  func lostSynchronizeAcknowledge(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    program.world.wire.faults.append(WireFault(.lose, .synchronizeAcknowledge, from: .right))
    connectAndWait(program.world)
    let timeline = program.timeline
    program.promise(
      "the client, without an answer, sends its SYN again",
      timeline.retransmissions(by: .left).contains(.timeout))
    program.promise(
      "the server sends its SYN ACK again", timeline.sent(by: .right, .synchronizeAcknowledge).count >= 2)
    promiseEstablished(&program)
    return program.done()
  }

  func lostHandshakeAcknowledgment(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    program.world.wire.faults.append(WireFault(.lose, .acknowledgment, from: .left))
    connectAndWait(program.world)
    let timeline = program.timeline
    program.promise(
      "the server, still in SYN-RECEIVED, sends its SYN ACK again",
      timeline.retransmissions(by: .right) == [.timeout])
    program.promise(
      "the client, already ESTABLISHED, acknowledges it again",
      timeline.sent(by: .left, .acknowledgment).count == 2)
    promiseEstablished(&program)
    return program.done()
  }

  /// Connects; losses are repaired within three seconds.
  private func connectAndWait(_ world: World) {
    guard let listener = world.listen(.right, port: ScenarioProgram.port) else { return }
    world.connect(.left, to: world.endpoint(.right, port: ScenarioProgram.port))
    world.run(for: .seconds(3))
    _ = listener.accept()
  }

  private func promiseEstablished(_ program: inout ScenarioProgram) {
    let timeline = program.timeline
    program.promise(
      "both sides come to ESTABLISHED",
      timeline.states(of: .left).last == .established && timeline.states(of: .right).last == .established)
  }

  /// The times between the departures of packets.
  func gaps(_ flights: [Flight]) -> [Interval] {
    var result: [Interval] = []
    for (earlier, later) in zip(flights, flights.dropFirst()) {
      result.append(later.departure - earlier.departure)
    }
    return result
  }
}
