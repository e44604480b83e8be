// Holds the options that all commands with a tunnel share; it does not hold what is done with them (`Session`).

import ArgumentParser
import SockeyeTunnel
import SockeyeWire

/// Which tunnel, with which addresses, and what to show of what passes through it.
struct LinkOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The TUN interface: made when it isn't there, attached to when it is.", valueName: "name"))
  var tun = "sockeye%d"

  @Option(
    name: .customLong("address"),
    help: ArgumentHelp(
      "An address of the stack, with its prefix length; may be given several times.", valueName: "cidr"),
    transform: Arguments.prefix)
  var addresses: [AddressPrefix] = []

  @Option(
    name: .customLong("host-address"),
    help: ArgumentHelp(
      "An address of this computer's end; may be given several times. Unless given, the first of the same network.",
      valueName: "cidr"),
    transform: Arguments.prefix)
  var hostAddresses: [AddressPrefix] = []

  @Option(
    help: ArgumentHelp("The largest packet. (default: 1500, or the interface's own)", valueName: "bytes"),
    transform: Arguments.mtu)
  var mtu: Int?

  @Flag(help: "Print each change of a connection's state.")
  var states = false

  @Flag(help: "Print each packet, as tcpdump does.")
  var trace = false

  @Option(
    help: ArgumentHelp(
      "Write each packet to a pcapng file, for Wireshark, tshark or tcpdump.", valueName: "file"))
  var pcap: String?

  func validate() throws {
    do {
      try Tunnel.validate(name: tun, mtu: mtu)
    } catch {
      throw ValidationError("\(error)")
    }
    if let mtu, mtu < 1280 {
      let six = (addresses + hostAddresses).first { $0.address.version == .v6 }
      if let six {
        throw ValidationError("an MTU of \(mtu) is too small for \(six.address): IPv6 expected 1280 or more")
      }
    }
    _ = try linkAddresses(network: 1)
  }

  /// The addresses of both ends.
  /// - Parameter network: which of the default networks to use when none was given.
  func linkAddresses(network: Int) throws -> LinkAddresses {
    var addresses = try LinkAddresses(ours: addresses, host: hostAddresses, network: network)
    if let mtu, mtu < 1280 {
      addresses.removeAll(.v6)
    }
    return addresses
  }

  /// What the help of each command says about the tunnel.
  static let help = """
    It takes the right to make a TUN interface: run it as root, or in a network of its own with \
    'unshare -Urn' (where /dev/net/tun may be opened by all).
    """
}
