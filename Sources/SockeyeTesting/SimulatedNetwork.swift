// Holds a network of hosts in virtual time, for tests: its hosts, its links, and the order in which things happen. How a
// test runs in it is in SimulatedNetwork+Running; what a link does to packets is SockeyeSimulator's.

import DequeModule
package import SockeyeBytes
public import SockeyeSimulator
import SockeyeSockets
public import SockeyeStack
public import SockeyeWire

/// Hosts, links and a clock of their own, for tests of programs that use sockets: loss, reordering, partitions and slow
/// links, in milliseconds of real time, and the same every time.
///
///     let network = SimulatedNetwork(seed: 1)
///     let server = network.addHost("server")
///     let client = network.addHost("client")
///     network.link(client, server, delay: .milliseconds(80), loss: 0.02)
///     try await network.run {
///       let listener = try await server.network.listen(port: 80)
///       let connection = try await client.network.connect(to: server.endpoint(port: 80))
///       …
///     }
///
/// All hosts, and all tasks that `run` begins, live on one thread, and time passes only when none of them has anything left
/// to do. One seed gives one run, as long as the program under test takes neither time nor chance from elsewhere.
///
/// When nobody refers to the network any more, its hosts' networks are closed.
public final class SimulatedNetwork: @unchecked Sendable {
  /// What all chance comes from. A test that failed fails again with the same one.
  public let seed: UInt64
  /// The hosts, in the order in which they were added.
  public private(set) var hosts: [SimulatedHost] = []
  /// The links, in the order in which they were made.
  public private(set) var links: [SimulatedLink] = []
  /// Runs tasks on the network's thread. `run` makes it the preference of the task it begins.
  public var executor: SimulatedExecutor { taskExecutor }

  let taskExecutor: SimulatedExecutor
  let ready: ReadyWork
  private var generator: SeededGenerator

  /// - Parameter seed: of all that is left to chance.
  public init(seed: UInt64 = 1) {
    self.seed = seed
    generator = SeededGenerator(seed: seed)
    ready = ReadyWork()
    taskExecutor = SimulatedExecutor(ready)
  }

  deinit {
    for host in hosts { host.end() }
    ready.end()
  }

  /// Virtual time since the network was made.
  public var elapsed: Duration { .nanoseconds(Int64(clamping: now.nanoseconds)) }

  /// The same for the core.
  package var now: Instant { ready.now }

  func setTime(_ time: Instant) { ready.setTime(time) }

  /// Tells the time and sleeps in virtual time.
  public var clock: SimulatedClock { SimulatedClock(self) }

  // MARK: Making it

  /// Adds a host.
  /// - Parameters:
  ///   - name: what pictures call it.
  ///   - addresses: of its interface, such as "192.168.1.1/24"; nil: 10.0.0.n and fd00::n, n being the host's number from
  ///     1 on.
  ///   - configure: changes the host's settings.
  @discardableResult
  public func addHost(
    _ name: String, addresses: [AddressPrefix]? = nil,
    configure: (inout StackConfiguration) -> Void = { _ in }
  ) -> SimulatedHost {
    let number = hosts.count + 1
    precondition(number < 255 || addresses != nil, "a network gives addresses to 254 hosts")
    let defaults = ["10.0.0.\(number)/24", "fd00::\(String(number, radix: 16))/64"].compactMap {
      AddressPrefix(parsing: $0)
    }
    var configuration = StackConfiguration(keys: StackKeys(seed: generator.next()))
    configure(&configuration)
    let host = SimulatedHost(name, addresses: addresses ?? defaults, configuration, in: self)
    hosts.append(host)
    return host
  }

  /// Joins two hosts.
  /// - Parameters:
  ///   - one: an end.
  ///   - other: the other end.
  ///   - delay: from one end to the other, each way.
  ///   - loss: share of packets lost, 0 to 1, each way.
  ///   - bitsPerSecond: rate each way, IP headers counted; nil: without limit.
  ///   - configure: changes anything else, such as reordering; called for each direction.
  @discardableResult
  public func link(
    _ one: SimulatedHost, _ other: SimulatedHost, delay: Duration = .milliseconds(1), loss: Double = 0,
    bitsPerSecond: UInt64? = nil, configure: (inout LinkConfiguration) -> Void = { _ in }
  ) -> SimulatedLink {
    precondition(one !== other, "a link joins two hosts")
    var configuration = LinkConfiguration(delay: Interval(delay))
    configuration.loss = Probability(loss)
    configuration.bitsPerSecond = bitsPerSecond
    configure(&configuration)
    let link = SimulatedLink(one, other, configuration, seeds: (generator.next(), generator.next()), in: self)
    links.append(link)
    return link
  }

  // MARK: Packets

  /// Puts a packet onto the link that leads to its destination; without one it is lost.
  func send(_ packet: RawSpan, from host: SimulatedHost) {
    guard let destination = destination(of: packet) else { return }
    for link in links {
      if let direction = link.direction(from: host), link.receiver(direction).owns(destination) {
        return link.send([UInt8](packet), direction, at: now)
      }
    }
  }

  private func destination(of packet: RawSpan) -> IPAddress? {
    guard packet.byteCount > 0 else { return nil }
    switch packet.byte(at: 0) >> 4 {
    case 4: return (try? IPv4Header.parse(packet)).map { .v4($0.header.destination) }
    case 6: return (try? IPv6Header.parse(packet)).map { .v6($0.header.destination) }
    case _: return nil
    }
  }

  // MARK: The next thing

  /// When something happens by time alone.
  var nextDeadline: Instant? {
    var earliest = ready.nextSleeper
    for link in links {
      if let deadline = link.nextDeadline { earliest = min(earliest ?? deadline, deadline) }
    }
    for host in hosts {
      if let deadline = host.loop.nextDeadline { earliest = min(earliest ?? deadline, deadline) }
    }
    return earliest
  }

  /// Lets all happen that is due now: packets arrive, in the order of links; hosts whose time has come get their turn.
  func deliverWhatIsDue() {
    for link in links { link.deliver(at: now) }
    for host in hosts where host.loop.nextDeadline.map({ $0 <= now }) ?? false { ready.add(host.loop) }
    ready.wakeSleepers(at: now)
  }
}
