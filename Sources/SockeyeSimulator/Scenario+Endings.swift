// Scenarios in which a connection does not come about, or ends otherwise than in order.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeWire

extension Scenario {
  func refused(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    let world = program.world
    let socket = world.connect(.left, to: world.endpoint(.right, port: ScenarioProgram.port))
    world.settle()
    socket?.learn()

    let timeline = program.timeline
    program.promise(
      "the server's host answers the SYN with RST", timeline.sent(by: .right, .reset).count == 1)
    program.promise("the client is told that it was refused", socket?.closeReason == .refused)
    program.promise("the client is CLOSED", timeline.states(of: .left) == [.synSent, .closed])
    return program.done()
  }

  func reset(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    let world = program.world
    let (client, server) = program.open()
    client.write("are you still there?")
    world.settle()
    server.abort()
    world.settle()
    client.learn()

    let timeline = program.timeline
    program.promise("the server sends RST, and no FIN", timeline.sent(by: .right, .reset).count == 1)
    program.promise("the client is told that it was reset", client.closeReason == .reset)
    program.promise(
      "both sides are CLOSED at once, without TIME-WAIT",
      timeline.states(of: .left).last == .closed && timeline.states(of: .right).last == .closed
        && !timeline.states.contains(.timeWait))
    return program.done()
  }

  func halfOpen(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    let world = program.world
    let (client, _) = program.open()
    world.kill(.right)
    world.run(for: .seconds(10))
    world.restart(.right)
    world.narrate("The client has noticed nothing. For it, the connection is still there.")
    client.write("hello?")
    world.settle()
    client.learn()

    let timeline = program.timeline
    program.promise(
      "the server's host knows no such connection and answers RST",
      timeline.sent(by: .right, .reset).count == 1 && timeline.drops(at: .right).last == .noConnection)
    program.promise("the client is told that it was reset", client.closeReason == .reset)
    program.promise("the client is CLOSED", timeline.states(of: .left).last == .closed)
    return program.done()
  }

  func keepAlive(_ seed: UInt64) -> ScenarioRun {
    var client = ScenarioProgram.plain
    client.keepAlive = KeepAlive()
    var program = ScenarioProgram(self, seed, client: client)
    let world = program.world
    let (socket, server) = program.open()
    server.write("good night")
    world.settle()
    socket.read()
    world.settle()
    world.kill(.right)
    let silent = world.timeline.sent(by: .right).last?.arrival ?? .zero
    world.narrate(
      "No FIN, no RST: nobody is left to send them. Only asking tells a dead host from a silent one.")
    world.finish()
    socket.learn()

    let timeline = program.timeline
    var probes: [Flight] = []
    for flight in timeline.sent(by: .left) {
      if case .keepAlive = flight.purpose { probes.append(flight) }
    }
    program.promise("the client sends ten probes", probes.count == 10)
    program.promise(
      "the first after two hours of silence", probes.first.map { $0.departure - silent == .hours(2) } ?? false
    )
    program.promise("the others 75 s apart", gaps(probes).allSatisfy { $0 == .seconds(75) })
    program.promise("then it gives the connection up", socket.closeReason == .keepAliveTimedOut)
    return program.done()
  }
}
