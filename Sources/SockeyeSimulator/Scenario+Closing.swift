// Scenarios about closing a connection in order: one direction, fewer segments, both at once, and losses.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeWire

extension Scenario {
  func halfClose(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    let world = program.world
    let (client, server) = program.open()
    client.write("a question")
    client.finish()
    world.settle()
    server.read()
    server.read()
    world.narrate("The client's direction is closed. The server's is not: it answers as long as it likes.")
    for answer in ["one answer, ", "two answers, ", "three answers"] {
      server.write(answer)
      world.settle()
      client.read()
    }
    server.finish()
    world.settle()
    client.read()
    world.finish()

    let timeline = program.timeline
    program.promise("the server reads the question", isText(timeline.read(by: .right), "a question"))
    program.promise(
      "the client, in FIN-WAIT-2, reads everything that follows",
      isText(timeline.read(by: .left), "one answer, two answers, three answers"))
    program.promise(
      "the client passes through FIN-WAIT-2 and TIME-WAIT to CLOSED",
      timeline.states(of: .left) == [.synSent, .established, .finWait1, .finWait2, .timeWait, .closed])
    program.promise("the server ends in CLOSED", timeline.states(of: .right).last == .closed)
    return program.done()
  }

  func threeSegmentClose(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    let world = program.world
    let (client, server) = program.open()
    world.narrate("The server closes in the moment it learns of the client's FIN.")
    // The FIN's acknowledgment waits for the application, and leaves with the server's own FIN.
    world.actsBeforeSending = true
    client.finish()
    world.run { server.isPeerFinished }
    server.finish()
    world.actsBeforeSending = false
    world.finish()

    let timeline = program.timeline
    let closing = timeline.flights.drop { !PacketKind.finish.matches($0.segment) }
    program.promise("three segments close the connection", closing.count == 3)
    program.promise(
      "one segment brings the client from FIN-WAIT-1 through FIN-WAIT-2 to TIME-WAIT",
      timeline.states(of: .left) == [.synSent, .established, .finWait1, .finWait2, .timeWait, .closed]
        && timeline.stateTimes(of: .left).suffix(3).first == timeline.stateTimes(of: .left).suffix(2).first)
    program.promise(
      "the server goes through CLOSE-WAIT and LAST-ACK to CLOSED",
      timeline.states(of: .right).suffix(3) == [.closeWait, .lastAck, .closed])
    return program.done()
  }

  func simultaneousClose(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    let world = program.world
    let (client, server) = program.open()
    world.narrate("Both sides hang up before either hears that the other does.")
    client.finish()
    server.finish()
    world.finish()

    let timeline = program.timeline
    for side in HostSide.allCases {
      program.promise(
        "the \(timeline.name(of: side)) goes through FIN-WAIT-1, CLOSING and TIME-WAIT to CLOSED",
        timeline.states(of: side).suffix(4) == [.finWait1, .closing, .timeWait, .closed])
    }
    return program.done()
  }

  func lostFinish(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    let world = program.world
    let (client, server) = program.open()
    world.wire.faults.append(WireFault(.lose, .finish, from: .left))
    client.finish()
    world.run(atMost: .seconds(5)) { server.isPeerFinished }
    server.finish()
    world.finish()

    let timeline = program.timeline
    program.promise(
      "the client sends its FIN again when the timer runs out",
      timeline.retransmissions(by: .left) == [.timeout])
    program.promise(
      "both sides end in CLOSED",
      timeline.states(of: .left).last == .closed && timeline.states(of: .right).last == .closed)
    return program.done()
  }

  func lostFinalAcknowledgment(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    let world = program.world
    let (client, server) = program.open()
    client.finish()
    world.run { server.isPeerFinished }
    world.settle()
    world.wire.faults.append(WireFault(.lose, .acknowledgment, from: .left))
    server.finish()
    world.finish()

    let timeline = program.timeline
    let final = timeline.sent(by: .left, .acknowledgment).suffix(2)
    let restart: Interval = .seconds(60)
    program.promise(
      "the server, in LAST-ACK, sends its FIN again", timeline.retransmissions(by: .right) == [.timeout])
    program.promise(
      "TIME-WAIT answers it, and the server is CLOSED", timeline.states(of: .right).last == .closed)
    program.promise(
      "TIME-WAIT starts over: it ends 60 s after the second ACK, not after the first",
      final.count == 2 && timeline.states(of: .left).last == .closed
        && final.last.map { timeline.end - $0.departure } == restart)
    return program.done()
  }
}
