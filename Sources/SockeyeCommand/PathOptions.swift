// Holds the options that describe an emulated path: its rate, delay, queue and faults. Simulations and the bridge share
// them; what they are used for is not here.

import ArgumentParser
import SockeyeBytes
import SockeyeSimulator

/// What a path is like.
struct PathOptions: ParsableArguments {
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

  @Option(
    help: ArgumentHelp(
      "Loss in bursts: a good link turns bad with this share of the packets and good again with that; while bad it loses all, or a third share.",
      valueName: "share:share[:share]"), transform: Arguments.burstLoss)
  var burstLoss: BurstLoss?

  @Option(
    help: ArgumentHelp(
      "Lose the third data segment (data:3), or the third to the fifth (data:3-5); may be given several times. Kinds: \(Arguments.packetKindNames).",
      valueName: "kind:n[-m]"), transform: Arguments.scriptedLoss)
  var drop: [ScriptedLoss] = []

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
    help: ArgumentHelp(
      "Packets in which one bit changes and the checksums are repaired: it gets through.", valueName: "share"),
    transform: Arguments.probability)
  var corruptRepaired: Probability = .never

  @Option(
    help: ArgumentHelp("Packets that lose their end.", valueName: "share"), transform: Arguments.probability)
  var truncate: Probability = .never

  @Option(
    help: ArgumentHelp("Up to so much more delay a packet, in order.", valueName: "time"),
    transform: Arguments.time)
  var jitter: Interval = .zero

  @Option(
    help: ArgumentHelp(
      "How the jitter is spread: uniform, normal around its half, or pareto with a mean of its half and a long tail. (default: uniform)",
      valueName: "distribution"), transform: Arguments.distribution)
  var jitterDistribution: DelayDistribution = .uniform

  @Option(
    help: ArgumentHelp(
      "Packets larger than this vanish without a word, as where ICMP is filtered.", valueName: "bytes"),
    transform: Arguments.mtu)
  var pathMTU: Int?

  @Option(
    help: ArgumentHelp(
      "From a time on packets larger than this vanish, or all pass (none); may be given several times.",
      valueName: "bytes@time"), transform: Arguments.mtuChange)
  var pathMTUChange: [LinkChange] = []

  @Option(
    help: ArgumentHelp(
      "From a time on, for a time, nothing passes; may be given several times.", valueName: "time+time"),
    transform: Arguments.outage)
  var outage: [Outage] = []

  @Option(
    help: ArgumentHelp("The same in the direction of the data only.", valueName: "time+time"),
    transform: Arguments.outage)
  var oneWayOutage: [Outage] = []

  @Option(
    help: ArgumentHelp(
      "The link is up for a time and down for a time, over and over.", valueName: "time:time"),
    transform: Arguments.flapping)
  var flap: LinkFlapping?

  @Option(
    help: ArgumentHelp(
      "What the data's queue does before it is full: drop-tail, red, or codel, with target and interval if need be. (default: drop-tail)",
      valueName: "discipline"), transform: Arguments.discipline)
  var aqm: BulkDiscipline = .dropTail

  @Flag(
    help:
      "Mark ECN-capable packets: when half of the queue is in use, with red and codel in place of dropping them."
  )
  var ecn = false

  @Option(help: "Of all that is left to chance.")
  var seed: UInt64 = 1

  /// Makes the path of a simulation what was asked for.
  func apply(to configuration: inout BulkConfiguration) {
    configuration.bitsPerSecond = rate
    configuration.roundTrip = rtt
    configuration.queue = queue
    configuration.loss = loss
    configuration.reverseLoss = reverseLoss
    if let reorder {
      configuration.reordering = reorder.probability
      configuration.reorderingDelay = reorder.delay
    }
    configuration.duplication = duplicate
    configuration.corruption = corrupt
    configuration.jitter = jitter
    configuration.burstLoss = burstLoss
    configuration.scriptedLosses = drop
    configuration.repairedCorruption = corruptRepaired
    configuration.truncation = truncate
    configuration.jitterDistribution = jitterDistribution
    configuration.pathMTU = pathMTU
    configuration.dataChanges = Outage.changes(oneWayOutage)
    configuration.changes = (Outage.changes(outage) + pathMTUChange).sorted { $0.at < $1.at }
    configuration.flapping = flap
    configuration.discipline = aqm
    configuration.marksCongestion = ecn
    configuration.seed = seed
  }

  /// What the help of each command says about the units.
  static let units = """
    Times have a unit (us, ms, s; ms without one), rates too (kbit, mbit, gbit), sizes kB, MB, GB or KiB, MiB, GiB, \
    shares are 1% or 0.01.
    """
}
