// Holds `sockeye bridge`: its arguments, its beginning and its report. The loop is BridgeLoop's.

import ArgumentParser
import SockeyeBytes
import SockeyeSimulator
import SockeyeTunnel

struct Bridge: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Join two TUN interfaces by an emulated path, in real time.",
    discussion: """
      What the kernel sends through one interface comes out of the other, late, thinned out and in whatever order \
      the path options say: a network emulator where the kernel has none. The interfaces are made when they aren't \
      there; once it says that it joins them they can be moved into network namespaces, and get their addresses. \
      It ends with Ctrl-C, or after --seconds, and prints what became of the packets.

      The faults strike what the first interface sends, or with --both what either does; the rate, the delay and the \
      queue are those of both directions. Where it may, it runs ahead of ordinary programs, so that a busy machine changes \
      the path as little as possible. \(PathOptions.units)

      Example:
        sudo sockeye bridge a b --rtt 40ms --rate 50mbit --loss 1% &
        for n in a b; do sudo ip netns add $n; sudo ip link set dev $n netns $n; done
        sudo ip -n a addr add 10.1.1.1/24 dev a; sudo ip -n a link set dev a up
        sudo ip -n b addr add 10.1.1.2/24 dev b; sudo ip -n b link set dev b up
        sudo ip netns exec a ping 10.1.1.2
      \(LinkOptions.help)

      Exit status: 0 done, 64 wrong arguments, 71 the system said no, 74 an interface is gone, 77 no permission.
      """)

  @Argument(help: ArgumentHelp("The first TUN interface.", valueName: "a"))
  var first: String

  @Argument(help: ArgumentHelp("The second TUN interface.", valueName: "b"))
  var second: String

  @OptionGroup(title: "Path options")
  var path: PathOptions

  @Flag(help: "Let the faults strike both directions.")
  var both = false

  @Option(
    help: ArgumentHelp("The largest packet. (default: 1500, or the interface's own)", valueName: "bytes"),
    transform: Arguments.mtu)
  var mtu: Int?

  @Option(
    help: ArgumentHelp("End after so much time. (default: with Ctrl-C)", valueName: "seconds"),
    transform: Arguments.seconds)
  var seconds: Interval?

  @Flag(help: "Print what became of the packets as one JSON object: times in ns.")
  var json = false

  func validate() throws {
    for name in [first, second] {
      do {
        try Tunnel.validate(name: name, mtu: mtu)
      } catch {
        throw ValidationError("\(error)")
      }
    }
    if first == second { throw ValidationError("an interface can't be joined to itself: \(first)") }
    if both, path.reverseLoss != .never {
      throw ValidationError("--both and --reverse-loss say two things about the loss of one direction")
    }
  }

  func run() throws {
    var loop = try open()
    let console = Console(.standardOutput)
    // Beside JSON, which a program reads, a person's line goes elsewhere.
    let hello = Console(json ? .standardError : .standardOutput)
    hello.print("joining \(loop.interface(.left)) and \(loop.interface(.right))")
    hello.flush()
    // A wire does not wait for a busy machine.
    CurrentProcess.wakeExactly()
    do {
      try loop.run(until: seconds.map { Instant.zero + $0 })
    } catch let error as TunnelError {
      throw Session.failure(error)
    }
    var report: [UInt8] = []
    if json { report.openJSON() }
    for side in TunnelPair.Side.allCases {
      let (link, untaken) = loop.report(from: side)
      if json {
        append(link, untaken, from: side, to: &report)
      } else {
        console.print(text(link, untaken, "\(loop.interface(side)) to \(loop.interface(side.other))"))
      }
    }
    if json {
      report.closeJSON()
      report.append(0x0A)
      try Descriptor.standardOutput.writeAll(report)
    }
    console.flush()
  }

  /// The link from the first interface to the second, and the one back.
  var links: (there: LinkConfiguration, back: LinkConfiguration) {
    var configuration = BulkConfiguration(bytes: 1)
    path.apply(to: &configuration)
    let there = configuration.dataLink
    var back = both ? there : configuration.acknowledgmentLink
    back.delay = configuration.acknowledgmentLink.delay
    return (there, back)
  }

  private func open() throws(Failure) -> BridgeLoop {
    do {
      let left = try Tunnel(name: first, mtu: mtu)
      let right = try Tunnel(name: second, mtu: mtu)
      let longest = max(left.mtu, right.mtu)
      try left.bringUp()
      try right.bringUp()
      let (there, back) = links
      return BridgeLoop(
        try TunnelPair(left, right), there: there, back: back, seed: path.seed, mtu: longest)
    } catch let error as TunnelError {
      throw Session.failure(error)
    } catch {
      throw Failure("\(error)", status: .system)
    }
  }

  private func text(_ link: LinkStatistics, _ untaken: UInt64, _ name: String) -> String {
    """
    \(name): \(QuantityText.count(link.offered)) packets, \(QuantityText.count(link.arrived)) arrived, \
    \(QuantityText.count(link.lost)) lost, \(QuantityText.count(link.queueDrops)) dropped by the full queue, \
    \(QuantityText.count(link.reordered)) overtaken, \(QuantityText.count(link.duplicated)) doubled, \
    \(QuantityText.count(link.corrupted)) changed, \(QuantityText.count(link.marked)) marked, \
    \(QuantityText.count(untaken)) not taken
    """
  }

  private func append(
    _ link: LinkStatistics, _ untaken: UInt64, from side: TunnelPair.Side, to bytes: inout [UInt8]
  ) {
    BulkText.append(side == .left ? "there" : "back", link, untaken: untaken, to: &bytes)
  }
}
