// Holds `sockeye simulate`, the group of simulations, and `sockeye simulate bulk`: its arguments and its run. The
// simulation is SockeyeSimulator's, what is printed is in BulkText.

import ArgumentParser
import SockeyeBytes
import SockeyeSimulator
import SockeyeTCP
import SockeyeTunnel

struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Run the stack over emulated links, in virtual time, from a seed.",
    discussion: """
      Examples:
        sockeye simulate bulk --rtt 100ms --loss 1%
        sockeye help simulate bulk
      """,
    subcommands: [SimulateBulk.self, SimulateSwarm.self])
}

struct SimulateBulk: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bulk",
    abstract: "Send data from one host to another over an emulated path, and measure it.",
    discussion: """
      Two stacks of our own, joined by a link with a rate, a delay, a queue and faults, which strike what the \
      sender sends. Time is virtual: the same arguments give the same run, bit for bit. Goodput is the content \
      that the receiver has read, divided by the time from the opening of the connections to the last byte: \
      handshake and slow start count, headers and copies don't. The second half of the bytes is measured apart. \
      A retransmission is spurious if its content reaches the receiver without it. Unless they are given, socket \
      buffers hold what path and queue hold twice, so that they are no bound. The content is checked at the receiver.

      \(PathOptions.units)

      Examples:
        sockeye simulate bulk --bytes 50MB --rtt 100ms --rate 100mbit --queue 1bdp --loss 1%
        sockeye simulate bulk --reorder 5%:50ms --json | jq .goodput
        sockeye simulate bulk --flows 2 --queue 100p
        sockeye simulate bulk --rtt 200ms --receive-buffer auto --send-buffer 64KiB:4MiB --json | jq .flows[0].sender
        sockeye simulate bulk --bytes 10MB --loss 0.1% --plot run.svg --pcap run.pcapng

      Exit status: 0 done, 3 the transfer did not end, 64 wrong arguments, 70 the content was wrong, \
      73 a file can't be made, 74 writing failed.
      """)

  @Option(
    help: ArgumentHelp("How much each flow sends. (default: 50MB)", valueName: "size"),
    transform: Arguments.transferSize)
  var bytes: UInt64 = 50_000_000

  @OptionGroup(title: "Path options")
  var path: PathOptions

  @Flag(
    inversion: .prefixedNo,
    help: "Spread segments over the round trip. Without, newreno and cubic send them in bursts, as ACKs come."
  )
  var pacing = true

  @Option(
    help: ArgumentHelp(
      "How many transfers share the link, and their algorithms in turn.", valueName: "n[,algorithm]…"),
    transform: Arguments.flows)
  var flows = FlowList(count: 1, algorithms: [])

  @Option(
    help: ArgumentHelp(
      "The congestion control: \(Arguments.algorithmNames). (default: \(TCPConfiguration().congestionControl.name))",
      valueName: "algorithm"),
    transform: Arguments.algorithm)
  var congestion: CongestionControlAlgorithm = TCPConfiguration().congestionControl

  @Option(
    help: ArgumentHelp(
      "The senders' buffers: a size, from:to, or auto, which is the engine's own choice.", valueName: "buffer"
    ),
    transform: Arguments.sendBuffer)
  var sendBuffer: BufferBounds?

  @Option(
    help: ArgumentHelp("The receivers' buffers, likewise.", valueName: "buffer"),
    transform: Arguments.receiveBuffer)
  var receiveBuffer: BufferBounds?

  @Flag(help: "Print one JSON object: times in ns, rates in bit/s, sizes in bytes.")
  var json = false

  @Option(help: ArgumentHelp("Write what the sender sends and receives as pcapng.", valueName: "file"))
  var pcap: String?

  @Option(
    help: ArgumentHelp(
      "Draw congestion window, bytes in flight, round trip and sequence over time as SVG.", valueName: "file")
  )
  var plot: String?

  /// What is to be simulated.
  var simulated: BulkConfiguration {
    var result = BulkConfiguration(bytes: bytes)
    let algorithms = flows.algorithms.isEmpty ? [congestion] : flows.algorithms
    result.flows = (0..<flows.count).map { algorithms[$0 % algorithms.count] }
    path.apply(to: &result)
    result.isPaced = pacing
    result.sendBuffer = sendBuffer
    result.receiveBuffer = receiveBuffer
    return result
  }

  func run() throws {
    let simulation = BulkSimulation(simulated, isRecording: plot != nil, isCapturing: pcap != nil)
    if let pcap {
      try capture(simulation, to: pcap)
    } else {
      while simulation.step() {}
    }
    let report = simulation.report()
    if let plot { try draw(report, simulation.flowRecordings, to: plot) }
    if json {
      try Descriptor.standardOutput.writeAll(BulkText.json(report))
    } else {
      try Descriptor.standardOutput.writeAll(BulkText.lines(report))
    }
    if let (flow, failure) = report.failure {
      throw Failure("flow \(flow + 1): \(BulkText.explanation(failure))", status: Self.status(of: failure))
    }
  }

  /// Runs the simulation and writes the capture as it grows.
  private func capture(_ simulation: BulkSimulation, to path: String) throws {
    let file = try Self.file(path, for: "--pcap")
    do throws(SystemError) {
      while simulation.step() {
        if simulation.capturedCount >= 1 << 18 { try file.descriptor.writeAll(simulation.takeCapture()) }
      }
      try file.descriptor.writeAll(simulation.takeCapture())
    } catch {
      throw Failure("--pcap \(path): \(error.reason)", status: .inputOutput)
    }
  }

  private func draw(_ report: BulkReport, _ recordings: [BulkFlowRecording], to path: String) throws {
    let file = try Self.file(path, for: "--plot")
    do throws(SystemError) {
      try file.descriptor.writeAll(BulkPlot.document(report, recordings))
    } catch {
      throw Failure("--plot \(path): \(error.reason)", status: .inputOutput)
    }
  }

  private static func file(_ path: String, for option: String) throws -> OutputFile {
    do throws(SystemError) {
      return try OutputFile(path: path)
    } catch {
      throw Failure("\(option) \(path): \(error.reason)", status: .cannotCreate)
    }
  }

  static func status(of failure: BulkFailure) -> ExitStatus {
    switch failure {
    case .closed, .outOfTime: .timedOut
    case .wrongContent, .stalled, .refused: .software
    }
  }
}
