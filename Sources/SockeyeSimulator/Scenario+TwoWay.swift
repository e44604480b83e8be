// The scenario that leaves the handshake's third segment out. The server is made by hand: no correct stack
// would do it.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeWire

extension Scenario {
  func twoWayHandshake(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed, rightName: "two-way server")
    let world = program.world
    let server = world.takeOver(.right)
    server.remark("listens on port 3401, and opens on SYN")
    callAndGiveUp(world)
    world.narrate("The client has long given up. Its SYN arrives all the same.")
    let first = world.run(atMost: .seconds(5)) { !server.received.isEmpty }
    if first, let segment = server.received.first {
      answerTwoWay(server, to: segment.header)
    }
    world.settle()
    world.narrate(
      "With a third segment to wait for, nothing would have been open yet: see old-duplicate-syn.")

    let timeline = program.timeline
    program.promise(
      "the client has no connection: it gave up before",
      timeline.states(of: .left) == [.synSent, .closed])
    program.promise(
      "the server has opened one all the same, and sends data to nobody",
      timeline.sent(by: .right, .data).count == 1)
    program.promise(
      "the client answers each segment with RST", timeline.sent(by: .left, .reset).count == 2)
    program.promise(
      "a server that waits for the third segment never opens it", threeWayServerStaysClosed(seed))
    return program.done()
  }

  /// Answers a SYN as a server without a third segment would: open at once.
  private func answerTwoWay(_ server: HandmadePeer, to synchronize: TCPHeader) {
    let initial = SequenceNumber(5_000)
    var header = TCPHeader(
      sourcePort: synchronize.destinationPort, destinationPort: synchronize.sourcePort, sequence: initial,
      acknowledgment: synchronize.sequence + 1, flags: [.syn, .ack], window: 65_535)
    server.send(header)
    server.remark("considers the connection open, and greets")
    header.sequence = initial + 1
    header.flags = [.psh, .ack]
    server.send(header, payload: Array(ScenarioProgram.greeting.utf8))
  }

  /// The same late SYN against our own server: no connection ever waits to be accepted.
  private func threeWayServerStaysClosed(_ seed: UInt64) -> Bool {
    let world = ScenarioProgram(self, seed).world
    guard let listener = world.listen(.right, port: ScenarioProgram.port) else { return false }
    callAndGiveUp(world)
    world.run(for: .seconds(5))
    return world.timeline.states(of: .right).contains(.synReceived)
      && !world.timeline.states(of: .right).contains(.established) && listener.accept() == nil
  }
}
