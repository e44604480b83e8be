// Scenarios about data on its way: lost, late, twice, changed, and a reader that is too slow.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeWire

extension Scenario {
  func lostData(_ seed: UInt64) -> ScenarioRun {
    var client = ScenarioProgram.plain
    client.maximumSegmentSize = 536
    client.noDelay = true
    var program = ScenarioProgram(self, seed, client: client)
    let world = program.world
    let (socket, server) = program.open()

    world.narrate("First loss: segments behind the lost one arrive, and each tells the client of the gap.")
    world.wire.faults.append(WireFault(.lose, .data, from: .left))
    let message = pattern(5 * 536)
    socket.write(message)
    world.settle()
    server.read()

    world.narrate("Second loss: nothing follows the lost segment, so only the timer can tell.")
    world.wire.faults.append(WireFault(.lose, .data, from: .left))
    socket.write("the end")
    world.run(for: .seconds(3))
    server.read()

    let timeline = program.timeline
    program.promise(
      "three duplicate ACKs repair the first loss, the timer the second",
      timeline.retransmissions(by: .left) == [.fastRetransmit, .timeout])
    program.promise(
      "the server reads every byte once and in order",
      timeline.read(by: .right) == message + Array("the end".utf8))
    return program.done()
  }

  func reordered(_ seed: UInt64) -> ScenarioRun {
    var client = ScenarioProgram.plain
    client.noDelay = true
    var program = ScenarioProgram(self, seed, client: client)
    let world = program.world
    let (socket, server) = program.open()
    world.wire.faults.append(WireFault(.delay(.milliseconds(30)), .data, from: .left))
    for word in ["first ", "second ", "third"] {
      socket.write(word)
      world.run(for: .milliseconds(5))
    }
    world.settle()
    server.read()

    let timeline = program.timeline
    program.promise(
      "the second and the third segment overtake the first",
      arrivals(timeline.sent(by: .left, .data)) == [2, 0, 1])
    program.promise(
      "the server reads them in order", isText(timeline.read(by: .right), "first second third"))
    program.promise("nothing is sent twice", timeline.retransmissions(by: .left).isEmpty)
    return program.done()
  }

  func duplicated(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    let world = program.world
    let (socket, server) = program.open()
    world.wire.faults.append(WireFault(.duplicate(after: .milliseconds(10)), .data, from: .left))
    socket.write("only once, please")
    world.settle()
    server.read()

    let timeline = program.timeline
    let copies = timeline.flights.filter { flight in
      if case .copy = flight.fate { return true }
      return false
    }
    program.promise("the segment arrives twice", copies.count == 1)
    program.promise("the copy is dropped, and acknowledged again", !timeline.drops(at: .right).isEmpty)
    program.promise("the server reads it once", isText(timeline.read(by: .right), "only once, please"))
    return program.done()
  }

  func corrupted(_ seed: UInt64) -> ScenarioRun {
    var program = ScenarioProgram(self, seed)
    let world = program.world
    let (socket, server) = program.open()
    world.wire.faults.append(WireFault(.corrupt(fromEnd: 3), .data, from: .left))
    socket.write("fragile")
    world.run(for: .seconds(3))
    server.read()

    let timeline = program.timeline
    program.promise("the checksum drops the changed segment", timeline.drops(at: .right) == [.badChecksum])
    program.promise(
      "the client hears nothing and sends it again", timeline.retransmissions(by: .left) == [.timeout])
    program.promise("the server reads what was written", isText(timeline.read(by: .right), "fragile"))
    return program.done()
  }

  func zeroWindow(_ seed: UInt64) -> ScenarioRun {
    var server = ScenarioProgram.plain
    server.receiveBufferCapacity = 1_000
    var program = ScenarioProgram(self, seed, server: server)
    let world = program.world
    let (socket, reader) = program.open()
    let message = pattern(1_500)
    world.narrate("The server has room for 1000 bytes, and its application does not read them.")
    socket.write(message)
    world.run(for: .seconds(4))
    world.narrate("The application reads. The window opens, but the segment that says so gets lost.")
    world.wire.faults.append(WireFault(.lose, .acknowledgment, from: .right))
    reader.read()
    world.run(atMost: .seconds(30)) { reader.isReadable }
    world.settle()
    reader.read()
    world.settle()

    let timeline = program.timeline
    let closed = timeline.sent(by: .right).contains { flight in
      flight.segment.map { $0.header.window == 0 && $0.header.flags.contains(.ack) } ?? false
    }
    var probes = 0
    for flight in timeline.sent(by: .left) {
      if case .zeroWindowProbe = flight.purpose { probes += 1 }
    }
    program.promise("the server closes its window", closed)
    program.promise("the client probes it, less and less often", probes >= 2)
    program.promise("the window update is lost", timeline.sent(by: .right).contains { $0.fate == .lost })
    program.promise(
      "a probe finds the window open and the rest arrives", timeline.read(by: .right) == message)
    return program.done()
  }

  /// Bytes that are not text, so that drawings show their count alone.
  func pattern(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: index % 251)) }
    return bytes
  }

  /// For each packet the place in which it arrives.
  private func arrivals(_ flights: [Flight]) -> [Int] {
    flights.map { flight in
      flights.filter { $0.arrival < flight.arrival }.count
    }
  }
}
