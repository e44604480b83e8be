// Holds a link of a simulated network: two emulated directions, what can be done to them while a test runs, and what passed.

import SockeyeBytes
public import SockeyeSimulator
import SockeyeTrace
import SockeyeWire

/// A link between two hosts. It may be changed at any time, by the test or by what runs in it.
public final class SimulatedLink: @unchecked Sendable {
  /// Which way packets go.
  public enum Direction: Int, Sendable, CaseIterable {
    /// From the first host to the second, as `link` named them.
    case forth
    case back
  }

  public let one: SimulatedHost
  public let other: SimulatedHost
  private var emulators: [LinkEmulator]
  private var packets: [[Int: Passage]] = [[:], [:]]
  private var tickets = 0
  private let record = LinkRecord()
  /// Pictures and changes may be asked for when the network is gone.
  private weak let world: SimulatedNetwork?
  private let seed: UInt64

  /// A packet on its way.
  private struct Passage {
    let packet: [UInt8]
    /// Its place in the record.
    let number: Int
    var arrivals: Int
  }

  init(
    _ one: SimulatedHost, _ other: SimulatedHost, _ configuration: LinkConfiguration, seeds: (UInt64, UInt64),
    in world: SimulatedNetwork
  ) {
    self.one = one
    self.other = other
    self.world = world
    seed = world.seed
    emulators = [LinkEmulator(configuration, seed: seeds.0), LinkEmulator(configuration, seed: seeds.1)]
  }

  // MARK: Changes

  /// Changes what the link is like from now on, in one direction or both.
  public func configure(_ direction: Direction? = nil, _ change: (inout LinkConfiguration) -> Void) {
    guard let now = world?.now else { return }
    for direction in directions(direction) {
      var configuration = emulators[direction.rawValue].configuration
      change(&configuration)
      emulators[direction.rawValue].reconfigure(configuration, at: now)
    }
  }

  /// Sets the share of packets that get lost, 0 to 1.
  public func setLoss(_ loss: Double, _ direction: Direction? = nil) {
    configure(direction) { $0.loss = Probability(loss) }
  }

  /// Lets nothing through any more, in one direction or both; what is on its way arrives.
  public func cut(_ direction: Direction? = nil) {
    for direction in directions(direction) { emulators[direction.rawValue].isDown = true }
  }

  /// Lets packets through again.
  public func mend(_ direction: Direction? = nil) {
    for direction in directions(direction) { emulators[direction.rawValue].isDown = false }
  }

  /// What the link has done to packets.
  public func statistics(_ direction: Direction) -> LinkStatistics {
    emulators[direction.rawValue].statistics
  }

  private func directions(_ direction: Direction?) -> [Direction] {
    direction.map { [$0] } ?? Direction.allCases
  }

  // MARK: Packets

  func direction(from host: SimulatedHost) -> Direction? {
    host === one ? .forth : host === other ? .back : nil
  }

  func receiver(_ direction: Direction) -> SimulatedHost { direction == .forth ? other : one }

  func send(_ packet: [UInt8], _ direction: Direction, at now: Instant) {
    tickets += 1
    let index = direction.rawValue
    let traits = unsafe emulators[index].traits(of: packet.span.bytes)
    let verdict = emulators[index].offer(tickets, length: packet.count, traits: traits, at: now)
    let number = record.departed(packet, direction, at: now)
    switch verdict {
    case .dropped: break
    case .taken(let arrivals, _):
      packets[index][tickets] = Passage(packet: packet, number: number, arrivals: arrivals)
    case .queued: packets[index][tickets] = Passage(packet: packet, number: number, arrivals: 1)
    }
  }

  var nextDeadline: Instant? {
    let (forth, back) = (emulators[0].nextDeadline, emulators[1].nextDeadline)
    guard let forth, let back else { return forth ?? back }
    return min(forth, back)
  }

  func deliver(at now: Instant) {
    for direction in Direction.allCases {
      let index = direction.rawValue
      while let arrival = emulators[index].nextArrival(at: now) {
        guard var passage = packets[index][arrival.ticket] else { continue }
        var packet = passage.packet
        LinkMark.apply(arrival, to: &packet)
        record.arrived(passage.number, isIntact: arrival.isIntact, at: now)
        passage.arrivals -= 1
        packets[index][arrival.ticket] = arrival.hasCopyBehind || passage.arrivals > 0 ? passage : nil
        receiver(direction).receive(packet)
      }
      while let drop = emulators[index].nextDrop() { packets[index][drop.ticket] = nil }
    }
  }

  // MARK: Evidence

  /// All packets of the link as a pcapng file, seen from the first host. At most the last 100,000 are kept.
  public func capture() -> [UInt8] { record.capture(name: one.name) }

  /// The last segments as a picture in text: who sent what when, what got lost, what it was for.
  /// - Parameters:
  ///   - most: how many segments at most.
  ///   - columns: how wide.
  public func ladder(last most: Int = 60, columns: Int = 110) -> String {
    let timeline = record.timeline(
      last: most, title: "seed \(seed)",
      left: Timeline.HostLabel(name: one.name, address: one.addresses[0]),
      right: Timeline.HostLabel(name: other.name, address: other.addresses[0]))
    var text: [UInt8] = []
    Ladder(timeline, columns: columns).append(to: &text, coloured: false)
    return String(decoding: text, as: UTF8.self)
  }
}

extension Probability {
  /// - Parameter share: 0 to 1.
  init(_ share: Double) {
    precondition((0...1).contains(share), "a share is 0 to 1")
    self.init(billionths: UInt32((share * 1_000_000_000).rounded()))
  }
}
