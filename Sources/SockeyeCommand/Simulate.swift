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
    subcommands: [SimulateBulk.self])
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

      Times have a unit (us, ms, s; ms without one), rates too (kbit, mbit, gbit), sizes kB, MB, GB or KiB, MiB, \
      GiB, shares are 1% or 0.01.

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

  @Option(
    help: ArgumentHelp("Propagation there and back. (default: 100ms)", valueName: "time"),
    transform: Arguments.roundTrip)
  var rtt: Interval = .milliseconds(100)

  @Option(
    help: ArgumentHelp(
      "Of the link in each direction, IP headers counted. (default: 100mbit)", valueName: "rate"),
    transform: Arguments.rate)
  var rate: UInt64 = 100_000_000

  @Option(
    help: ArgumentHelp(
      "What may wait for the link: times rate × rtt (1bdp, at least a packet), a size, or packets (100p). (default: 1bdp)",
      valueName: "queue"), transform: Arguments.queue)
  var queue: BottleneckQueue = .bandwidthDelay(millionths: 1_000_000)

  @Option(help: ArgumentHelp("Packets of data lost.", valueName: "share"), transform: Arguments.probability)
  var loss: Probability = .never

  @Option(help: ArgumentHelp("Acknowledgments lost.", valueName: "share"), transform: Arguments.probability)
  var reverseLoss: Probability = .never

  @Option(
    help: ArgumentHelp("Packets that are overtaken, and by how much they are late.", valueName: "share:time"),
    transform: Arguments.reordering)
  var reorder: Reordering?

  @Option(
    help: ArgumentHelp("Packets that arrive twice.", valueName: "share"), transform: Arguments.probability)
  var duplicate: Probability = .never

  @Option(
    help: ArgumentHelp("Packets in which one bit changes.", valueName: "share"),
    transform: Arguments.probability)
  var corrupt: Probability = .never

  @Option(
    help: ArgumentHelp("Up to so much more delay a packet, in order.", valueName: "time"),
    transform: Arguments.time)
  var jitter: Interval = .zero

  @Option(
    help: ArgumentHelp(
      "Packets larger than this vanish without a word, as where ICMP is filtered.", valueName: "bytes"),
    transform: Arguments.mtu)
  var pathMTU: Int?

  @Flag(help: "Mark ECN-capable packets when half of the queue is in use.")
  var ecn = false

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

  @Option(help: "Of all that is left to chance.")
  var seed: UInt64 = 1

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
    result.bitsPerSecond = rate
    result.roundTrip = rtt
    result.queue = queue
    result.loss = loss
    result.reverseLoss = reverseLoss
    if let reorder {
      result.reordering = reorder.probability
      result.reorderingDelay = reorder.delay
    }
    result.duplication = duplicate
    result.corruption = corrupt
    result.jitter = jitter
    result.pathMTU = pathMTU
    result.marksCongestion = ecn
    result.isPaced = pacing
    result.sendBuffer = sendBuffer
    result.receiveBuffer = receiveBuffer
    result.seed = seed
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
