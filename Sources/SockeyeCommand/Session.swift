// Holds a command's tunnel and stack from their making to their end, with errors as a person should read them.
// It does not hold what a command does with its connections.

import ArgumentParser
import SockeyeBytes
import SockeyeStack
import SockeyeTrace
import SockeyeTunnel
import SockeyeWire

/// A stack on a tunnel, with its output.
struct Session: ~Copyable {
  var driver: TunnelDriver
  let console: Console
  let watcher: Watcher
  /// Both ends' addresses, as far as the system took them.
  let addresses: LinkAddresses

  /// - Parameters:
  ///   - options: which tunnel, and what to show.
  ///   - network: which of the default networks to use when no address was given.
  ///   - console: where the command's own lines, and those of `--states` and `--trace`, go.
  /// - Throws: `Failure` with what to do about it.
  init(_ options: LinkOptions, network: Int, console: Console) throws {
    let watcher = try Watcher(options, console: console)
    var addresses = try options.linkAddresses(network: network)
    var driver = try Self.open(options, &addresses)
    watcher.begin(interface: driver.interface, clock: driver.clock)
    driver.observer = watcher
    driver.stack.observing = watcher.wantsObservations
    self.driver = driver
    self.watcher = watcher
    self.addresses = addresses
    self.console = console
  }

  /// Makes the tunnel and the stack on it.
  /// - Parameter addresses: what is wanted; afterwards, what the system took.
  private static func open(
    _ options: LinkOptions, _ addresses: inout LinkAddresses
  ) throws(Failure) -> TunnelDriver {
    do {
      let tunnel = try Tunnel(name: options.tun, mtu: options.mtu)
      let areDefaults = options.addresses.isEmpty && options.hostAddresses.isEmpty
      try configure(tunnel, &addresses, skippingRefused: areDefaults)
      var driver = try TunnelDriver(tunnel: tunnel, addresses: addresses.ours)
      try driver.watchEndRequests()
      return driver
    } catch let error as TunnelError {
      throw failure(error)
    } catch let error as StackError {
      throw Failure("the stack can't have these addresses: \(error)", status: .usage)
    } catch {
      throw Failure("\(error)", status: .system)
    }
  }

  /// Waits for the next thing to do, and for trouble with the output.
  /// - Throws: `Failure`.
  mutating func next(until limit: Instant? = nil) throws(Failure) -> TunnelOccurrence {
    let occurrence: TunnelOccurrence
    do {
      occurrence = try driver.next(until: limit)
    } catch {
      watcher.flush()
      throw Self.failure(error)
    }
    if let failure = watcher.failure { throw failure }
    return occurrence
  }

  // MARK: Statistics

  /// Prints how a connection stands, if it is to be printed.
  func printStatus(of id: ConnectionID, _ form: StatisticsForm?) {
    guard let form, let status = try? driver.stack.status(of: id),
      let ends = try? driver.stack.endpoints(of: id)
    else { return }
    let now = driver.stack.now
    console.append { bytes in
      switch form {
      case .text: StatisticsText.append(status, ends, to: &bytes)
      case .json: TraceJSON.append(status, ends, nanoseconds: now.nanoseconds, host: "", to: &bytes)
      }
    }
  }

  /// Prints the stack's counters, if they are to be printed.
  func printStatistics(_ form: StatisticsForm?) {
    guard let form else { return }
    let (counters, occupancy) = (driver.stack.statistics, driver.stack.occupancy)
    let now = driver.stack.now
    console.append { bytes in
      switch form {
      case .text: StatisticsText.append(counters, occupancy, to: &bytes)
      case .json: TraceJSON.append(counters, occupancy, nanoseconds: now.nanoseconds, host: "", to: &bytes)
      }
    }
  }

  /// Sends and prints what is left.
  mutating func finish() throws(Failure) {
    do {
      try driver.drainFrames()
    } catch {
      throw Self.failure(error)
    }
    watcher.flush()
    if let failure = watcher.failure { throw failure }
  }

  /// Gives the kernel's end its addresses and brings the interface up.
  private static func configure(
    _ tunnel: borrowing Tunnel, _ addresses: inout LinkAddresses, skippingRefused: Bool
  ) throws(TunnelError) {
    for address in addresses.host {
      do {
        try tunnel.addHostAddress(address)
      } catch {
        // Where IPv6 is switched off, IPv4 alone does, unless somebody asked for more.
        if !skippingRefused || address.address.version == .v4 { throw error }
        addresses.removeAll(.v6)
      }
    }
    try tunnel.bringUp()
  }

  /// What a person can do about an error, in one line or two.
  static func failure(_ error: TunnelError) -> Failure {
    switch error {
    case .deviceMissing(let cause):
      Failure(
        "there is no TUN device: /dev/net/tun: \(cause.reason)",
        "as root, load it (modprobe tun), then run sockeye as root or under 'unshare -Urn'",
        status: .noPermission)
    case .deviceForbidden(let cause):
      Failure(
        "you may not open /dev/net/tun: \(cause.reason)",
        "run sockeye as root; or open the device to all (chmod 666 /dev/net/tun) and run it under 'unshare -Urn'",
        status: .noPermission)
    case .notPermitted(let interface, let cause):
      Failure(
        "you may not make or change the interface \(interface): \(cause.reason)",
        "run sockeye as root, or in a network of its own: unshare -Urn sockeye …",
        status: .noPermission)
    case .unsupportedSystem, .busy, .notATunnel:
      Failure("\(error)", status: .system)
    case .invalidName, .invalidMTU:
      Failure("\(error)", status: .usage)
    case .vanished:
      Failure("\(error): deleted, or taken away; stopping", status: .inputOutput)
    case .addressRefused, .system:
      Failure("\(error)", status: .system)
    }
  }
}
