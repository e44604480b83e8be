// Holds what all examples share: where a program's network comes from, and what it says when there can be none. It does
// not hold anything that an example is about.

public import ArgumentParser
public import SockeyeSockets
public import SockeyeStack
import SockeyeTunnel
import UnixSignals

/// The options of a program that is a host of its own, at the other end of a TUN interface.
public struct HostOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The TUN interface: made when it isn't there, attached to when it is.", valueName: "name"))
  public var tun = "sockeye%d"

  @Option(
    name: .customLong("address"),
    help: ArgumentHelp(
      "An address of this program's host, with its prefix length; may be given several times.",
      valueName: "cidr"),
    transform: HostOptions.prefix)
  public var addresses: [AddressPrefix] = []

  @Option(
    name: .customLong("host-address"),
    help: ArgumentHelp(
      "An address of this computer's end of the interface; may be given several times.", valueName: "cidr"),
    transform: HostOptions.prefix)
  public var hostAddresses: [AddressPrefix] = []

  public init() {}

  /// Opens the network for the time of a function. Ctrl-C and SIGTERM shut it down.
  /// - Parameters:
  ///   - number: which addresses to use when none were given: 1 is 10.34.1.2 for the program and 10.34.1.1 for the computer.
  ///   - body: gets the network and the program's own addresses.
  /// - Throws: `NoNetwork`, or what the function throws.
  public nonisolated(nonsending) func withNetwork(
    _ number: Int, _ body: (Network, [IPAddress]) async throws -> Void
  ) async throws {
    let areGiven = !(addresses.isEmpty && hostAddresses.isEmpty)
    let ours = areGiven ? addresses : Self.defaults(number, host: 2)
    let tunnel: Tunnel
    do throws(TunnelError) {
      tunnel = try open(areGiven ? hostAddresses : Self.defaults(number, host: 1))
    } catch {
      throw NoNetwork(reason: error)
    }
    try await Network.run(tunnel: tunnel, addresses: ours) { network in
      try await withThrowingTaskGroup { group in
        group.addTask { await Self.shutDown(network, on: [.sigint, .sigterm]) }
        try await body(network, ours.map(\.address))
        group.cancelAll()
      }
    }
  }

  /// Waits for a signal and shuts a network down: listeners close, so that loops over them end, and connections get five
  /// seconds to finish. Without that, they would just fall silent: the interface goes with the program.
  private static func shutDown(_ network: Network, on signals: [UnixSignal]) async {
    for await _ in await UnixSignalsSequence(trapping: signals) {
      say("stopping")
      return await network.shutDown()
    }
  }

  private func open(_ hostAddresses: [AddressPrefix]) throws(TunnelError) -> Tunnel {
    let tunnel = try Tunnel(name: tun)
    for address in hostAddresses { try tunnel.addHostAddress(address) }
    try tunnel.bringUp()
    return tunnel
  }

  private static func defaults(_ number: Int, host: Int) -> [AddressPrefix] {
    ["10.34.\(number).\(host)/24", "fd34:\(number)::\(host)/64"].compactMap { AddressPrefix(parsing: $0) }
  }

  private static func prefix(_ text: String) throws -> AddressPrefix {
    guard let prefix = AddressPrefix(parsing: text) else {
      throw ValidationError("'\(text)' is no address with a prefix length, such as 10.34.1.2/24")
    }
    return prefix
  }
}

/// Why there is no network, and what to do about it.
public struct NoNetwork: Error, CustomStringConvertible {
  let reason: TunnelError

  public var description: String {
    switch reason {
    case .deviceForbidden, .notPermitted:
      "\(reason). It takes root: run this with sudo, or in a network of its own with 'unshare -Urn'."
    case .deviceMissing, .unsupportedSystem, .invalidName, .busy, .notATunnel, .invalidMTU, .vanished,
      .addressRefused, .system:
      "\(reason)."
    }
  }
}
